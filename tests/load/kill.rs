//! Agent and collector are killed at random moments while medium events flow: nothing acknowledged is lost, nothing counts twice.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use daicho_collector::shelves::Shelves;
use daicho_collector::store::{StoreConfig, open};
use daicho_proto::facts::{Fact, Medium, MediumAction, MediumEvent, MediumKind};
use daicho_tests::machine::Machine;
use daicho_tests::programs::{Running, command, expect, run, until};
use daicho_tests::site::Site;

/// Events in all, and kills of each program.
const EVENTS: usize = 2_000;
const KILLS_EACH: usize = 50;

/// The longest time between two kills; the agent takes one event each `EVENT_EVERY_MS`.
const LIFE_MS_MAX: u64 = 250;
const EVENT_EVERY_MS: &str = "5";

#[test]
fn kills_lose_nothing_that_was_acknowledged_and_count_nothing_twice() {
    let seed = std::env::var("DAICHO_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_122);
    println!("seed {seed} (DAICHO_SEED)");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut site = Site::start("");
    let machine = Machine::prepare(&site.folder("machine"), "sv-01");
    let agent_folder = site.folder("agent");
    expect(&site.enrol(&agent_folder, &site.token()), 0);
    let drill = site.folder("drill").join("media.jsonl");
    fs::write(&drill, "").expect("a temporary folder can be written");

    let started = Instant::now();
    let mut agent = start_agent(&agent_folder, machine.root(), &drill);
    let rounds = KILLS_EACH * 2;
    for round in 0..rounds {
        append_events(&drill, round * EVENTS / rounds..(round + 1) * EVENTS / rounds);
        std::thread::park_timeout(Duration::from_millis(chance.u64(0..LIFE_MS_MAX)));
        if round % 2 == 0 {
            agent.kill();
            agent = start_agent(&agent_folder, machine.root(), &drill);
        } else {
            site.kill_collector();
            site.start_collector();
        }
    }
    // A last life, so that the lines appended since the last start are read too.
    agent.kill();
    agent = start_agent(&agent_folder, machine.root(), &drill);
    agent.wait_for_line("Drill finished.");
    let data = agent_folder.to_str().expect("a temporary path is text");
    until("the agent to have nothing left to send", || {
        let status = run("daicho-agent", &["status", "--format", "json", "--data", data]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).ok()?;
        let waiting = &status["waiting"];
        (waiting["events"] == 0 && status["last_contact"].is_string()).then_some(())
    });
    assert_eq!(agent.stop(), Some(0));
    site.stop_collector();

    let stored = stored_serials(&site.data().join("store"));
    let lost = (0..EVENTS).filter(|number| !stored.contains_key(&serial(*number))).count();
    let twice = stored.values().filter(|count| **count > 1).count();
    println!(
        "kill -9: agent {KILLS_EACH}, collector {KILLS_EACH}; events {EVENTS}, stored {}, lost {lost}, counted twice \
         {twice}; {} s",
        stored.len(),
        started.elapsed().as_secs(),
    );
    assert_eq!((stored.len(), lost, twice), (EVENTS, 0, 0), "seed {seed}");
}

fn start_agent(data: &Path, root: &Path, drill: &Path) -> Running {
    let mut run = command("daicho-agent");
    run.arg("run").arg("--data").arg(data).arg("--root").arg(root);
    run.arg("--replay-media").arg(drill).args(["--replay-interval-ms", EVENT_EVERY_MS]);
    Running::start(run)
}

fn append_events(drill: &Path, numbers: std::ops::Range<usize>) {
    let mut lines = String::new();
    for number in numbers {
        let medium = Medium {
            vendor_id: Some("0781".to_owned()),
            product_id: Some("5581".to_owned()),
            serial: Some(serial(number)),
            kind: MediumKind::Storage,
            ..Medium::default()
        };
        let event = MediumEvent { action: MediumAction::Arrived, medium };
        lines.push_str(&serde_json::to_string(&event).expect("our own type"));
        lines.push('\n');
    }
    let mut file = OpenOptions::new().append(true).open(drill).expect("it was made");
    file.write_all(lines.as_bytes()).expect("a temporary folder can be written");
}

fn serial(number: usize) -> String {
    format!("DRILL{number:05}")
}

/// How often the log holds each drilled serial.
fn stored_serials(path: &Path) -> BTreeMap<String, usize> {
    let store = open(&StoreConfig::Sled { path: path.to_owned() }).expect("the collector has stopped");
    let shelves = Shelves::new(store);
    let mut counts = BTreeMap::new();
    for endpoint in shelves.endpoints().expect("the store reads") {
        for entry in shelves.log(endpoint.id, None, usize::MAX).expect("the store reads") {
            if let Fact::MediumEvent(event) = entry.observation.fact
                && let Some(serial) = event.medium.serial
            {
                *counts.entry(serial).or_default() += 1;
            }
        }
    }
    counts
}
