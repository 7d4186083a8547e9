//! Agent and collector are killed at random moments while medium events flow: nothing acknowledged is lost, nothing counts twice.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use daicho_tests::drill::{self, Count};
use daicho_tests::machine::Machine;
use daicho_tests::programs::{PATIENCE, Running, command, expect, run, until_within};
use daicho_tests::site::Site;

/// Kills of each program, unless DAICHO_KILLS says how many; and events for each of them, up to as many as one machine
/// may tell of strange media without being all that the collector thinks of.
const KILLS_EACH: usize = 50;
const EVENTS_A_KILL: usize = 40;
const EVENTS_MAX: usize = 3_000;

/// The longest time between two kills; the agent takes one event each `EVENT_EVERY_MS`.
const LIFE_MS_MAX: u64 = 250;
const EVENT_EVERY_MS: &str = "5";

#[test]
fn kills_lose_nothing_that_was_acknowledged_and_count_nothing_twice() {
    let seed = std::env::var("DAICHO_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_122);
    let kills = std::env::var("DAICHO_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS_EACH);
    let events_in_all = (kills * EVENTS_A_KILL).min(EVENTS_MAX);
    println!("seed {seed} (DAICHO_SEED), {kills} kills of each (DAICHO_KILLS)");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut site = Site::start("");
    let machine = Machine::prepare(&site.folder("machine"), "sv-01");
    let agent_folder = site.folder("agent");
    expect(&site.enrol(&agent_folder, &site.token()), 0);
    let events = site.folder("drill").join("media.jsonl");
    fs::write(&events, "").expect("a temporary folder can be written");

    let started = Instant::now();
    let mut agent = start_agent(&agent_folder, machine.root(), &events);
    let rounds = kills * 2;
    for round in 0..rounds {
        drill::append(&events, round * events_in_all / rounds..(round + 1) * events_in_all / rounds);
        std::thread::park_timeout(Duration::from_millis(chance.u64(0..LIFE_MS_MAX)));
        if round % 2 == 0 {
            agent.kill();
            agent = start_agent(&agent_folder, machine.root(), &events);
        } else {
            site.kill_collector();
            site.start_collector();
        }
    }
    // A last life, so that the lines appended since the last start are read too.
    agent.kill();
    agent = start_agent(&agent_folder, machine.root(), &events);
    // Where it was killed all the time it has most of them still before it.
    agent.wait_for_line_within(PATIENCE * 10, "Drill finished.");
    let data = agent_folder.to_str().expect("a temporary path is text");
    until_within(PATIENCE * 5, "the agent to have nothing left to send", || {
        let status = run("daicho-agent", &["status", "--format", "json", "--data", data]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).ok()?;
        let waiting = &status["waiting"];
        (waiting["events"] == 0 && status["last_contact"].is_string()).then_some(())
    });
    assert_eq!(agent.stop(), Some(0));
    site.stop_collector();

    let count = drill::count(&site.data().join("store"), events_in_all);
    println!(
        "kill -9: agent {kills}, collector {kills}; of {events_in_all} events {count:?}; {} s",
        started.elapsed().as_secs(),
    );
    assert_eq!(count, Count { stored: events_in_all, lost: 0, twice: 0 }, "seed {seed}");
}

fn start_agent(data: &Path, root: &Path, events: &Path) -> Running {
    let mut run = command("daicho-agent");
    run.arg("run").arg("--data").arg(data).arg("--root").arg(root);
    run.arg("--replay-media").arg(events).args(["--replay-interval-ms", EVENT_EVERY_MS]);
    Running::start(run)
}
