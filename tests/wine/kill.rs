//! Agent and collector are killed while events flow: nothing acknowledged is lost, nothing counts twice. On Windows a
//! file that another holds open cannot be replaced, and a lock goes with its holder: the spool has to live with both.

use std::fs;
use std::time::{Duration, Instant};

use daicho_tests::drill::{self, Count};
use daicho_tests::programs::{Running, until_within};
use daicho_tests::wine::{PATIENCE, Wine};

use crate::hospital::{Hospital, assert_calm};

/// Events in all, and kills of each program.
const EVENTS: usize = 400;
const KILLS_EACH: usize = 10;

/// The longest time between two kills; the agent takes one event each `EVENT_EVERY_MS`.
const LIFE_MS_MAX: u64 = 1_500;
const EVENT_EVERY_MS: &str = "10";

#[test]
fn kills_lose_nothing_that_was_acknowledged_and_count_nothing_twice() {
    let seed = std::env::var("DAICHO_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_122);
    println!("seed {seed} (DAICHO_SEED)");
    let mut chance = fastrand::Rng::with_seed(seed);
    let Some(mut hospital) = Hospital::open() else { return };
    hospital.enrol();
    let events = hospital.site.folder("drill").join("media.jsonl");
    fs::write(&events, "").expect("a temporary folder can be written");

    let started = Instant::now();
    let start = |hospital: &Hospital| {
        let mut run = hospital.work();
        run.args(["--replay-media", &Wine::name(&events), "--replay-interval-ms", EVENT_EVERY_MS]);
        Running::start(run)
    };
    let mut agent = start(&hospital);
    let rounds = KILLS_EACH * 2;
    for round in 0..rounds {
        drill::append(&events, round * EVENTS / rounds..(round + 1) * EVENTS / rounds);
        std::thread::park_timeout(Duration::from_millis(chance.u64(0..LIFE_MS_MAX)));
        if round % 2 == 0 {
            agent.kill();
            assert_calm(agent.log());
            agent = start(&hospital);
        } else {
            hospital.site.kill_collector();
            hospital.site.start_collector();
        }
    }
    // A last life, so that the lines appended since the last start are read too.
    agent.kill();
    agent = start(&hospital);
    agent.wait_for_line("Drill finished.");
    until_within(PATIENCE, "the agent to have nothing left to send", || {
        let status = hospital.status()?;
        (status["waiting"]["events"] == 0 && status["last_contact"].is_string()).then_some(())
    });
    assert_calm(agent.log());
    agent.kill();
    hospital.site.stop_collector();

    let count = drill::count(&hospital.site.data().join("store"), EVENTS);
    println!(
        "killed under Wine: agent {KILLS_EACH}, collector {KILLS_EACH}; of {EVENTS} events {count:?}; {} s",
        started.elapsed().as_secs(),
    );
    assert_eq!(count, Count { stored: EVENTS, lost: 0, twice: 0 }, "seed {seed}");
}
