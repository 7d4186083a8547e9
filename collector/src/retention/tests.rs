//! What goes, what stays, and that the log still holds.

use std::sync::atomic::{AtomicI64, Ordering};

use daicho_proto::facts::{Fact, Gap, GapCause};
use daicho_proto::observation::{Observation, ObservationId};
use daicho_proto::wire;
use daicho_rules::violation::{Step, StepKind, Violation};

use super::*;
use crate::chronicle::verifying;
use crate::clock::Clock;
use crate::shelves::{Cursor, DeviceVerdicts, EndpointRow};
use crate::store::memory::MemoryStore;

const DAY: i64 = 86_400;
const BEGIN: i64 = 1_795_000_000;
const ENDPOINT: &str = "00000000-0000-4000-8000-000000000001";

#[derive(Debug)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::Relaxed))
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn collector() -> (Arc<Collector>, Arc<SetClock>) {
    let clock = Arc::new(SetClock(AtomicI64::new(BEGIN)));
    let store = Arc::new(MemoryStore::default());
    (Arc::new(Collector::open(store, Arc::clone(&clock) as _).unwrap()), clock)
}

/// An endpoint with one event a day from the begin on, of two incarnations; the newer one has so many.
fn events_of(collector: &Collector, days: i64) {
    let id: EndpointId = ENDPOINT.parse().unwrap();
    let mut batch = Batch::default();
    batch.put_endpoint(&EndpointRow::joined(id, "pc", at(BEGIN)));
    for day in 0..days {
        let now = at(BEGIN + day * DAY);
        let gap = Gap {
            lost: 1,
            reason: String::new(),
            since: now,
            until: now,
            cause: GapCause::NewerAgent,
            at_least: false,
        };
        let sequence = 1 + day.unsigned_abs();
        let wire: wire::Observation = Observation { sequence, observed_at: now, fact: Fact::Gap(gap) }.into();
        let id = ObservationId { endpoint: id, incarnation: 1, sequence };
        batch.put_log(id, now, &wire.to_bytes());
    }
    let cursor = Cursor { incarnation: 2, durable_to: 5, former: vec![1], ..Cursor::default() };
    batch.put_json(&format!("cursor/{id}"), &cursor);
    collector.shelves.commit(batch).unwrap();
}

fn kept(collector: &Collector) -> usize {
    collector.shelves.log(ENDPOINT.parse().unwrap(), None, usize::MAX).unwrap().len()
}

/// A violation of the device `PC-1` that was opened on one day and, maybe, resolved on another.
fn violation(collector: &Collector, subject: &str, opened: i64, resolved: Option<i64>) -> String {
    let key = daicho_rules::violation::key("08.long_unused", "PC-1", subject);
    let json = serde_json::json!({
        "key": key, "rule": "08.long_unused", "article": 8, "device": "PC-1", "subject": subject, "severity": "low",
        "state": "open", "summary": {"ja": "x", "en": "x"}, "remedy": {"ja": "x", "en": "x"}, "evidence": [],
        "first_seen": at(opened), "last_seen": at(opened), "kind": "standing",
    });
    let mut violation: Violation = serde_json::from_value(json).unwrap();
    let steps =
        [(StepKind::Opened, Some(opened), State::Open), (StepKind::Resolved, resolved, State::Resolved)];
    let mut batch = Batch::default();
    let mut chronicle = Chronicle::open(&collector.shelves).unwrap();
    for (number, (what, when, state)) in steps.into_iter().enumerate() {
        let Some(when) = when else { continue };
        (violation.state, violation.last_seen) = (state, at(when));
        let entry = What::ViolationStep { step: what, reason: None, violation: Box::new(violation.clone()) };
        chronicle.append(&mut batch, at(when), "daicho", entry);
        let (summary, evidence) = (violation.summary.clone(), violation.evidence.clone());
        let step = Step { at: at(when), what, by: "daicho".to_owned(), reason: None, summary, evidence };
        batch.put_step(&key, number, &step);
    }
    batch.put_violation(&violation);
    collector.shelves.commit(batch).unwrap();
    key
}

#[tokio::test]
async fn events_go_when_they_are_old_and_stay_where_something_open_may_rest_on_them() {
    let (collector, clock) = collector();
    events_of(&collector, 1_000);
    let config = Config { events_days: 100, ..Config::default() };
    clock.0.store(BEGIN + 1_000 * DAY, Ordering::Relaxed);
    violation(&collector, "sato", BEGIN + 500 * DAY, None);
    let verdicts = DeviceVerdicts {
        device: "PC-1".to_owned(),
        group: None,
        endpoints: vec![ENDPOINT.parse().unwrap()],
        judged_at: at(BEGIN),
        rules: Vec::new(),
    };
    let mut batch = Batch::default();
    batch.put_verdicts(&verdicts);
    collector.shelves.commit(batch).unwrap();
    // Those of the day before it was first seen stay, too.
    assert_eq!((pass(&collector, config).await.unwrap().events, kept(&collector)), (499, 501));
    let mut batch = Batch::default();
    batch.remove_violation(&daicho_rules::violation::key("08.long_unused", "PC-1", "sato"), 1);
    collector.shelves.commit(batch).unwrap();
    assert_eq!((pass(&collector, config).await.unwrap().events, kept(&collector)), (401, 100));
    assert_eq!(pass(&collector, config).await.unwrap(), Gone::default());
    let config = Config { events_days: 0, ..config };
    clock.0.store(BEGIN + 9_000 * DAY, Ordering::Relaxed);
    assert_eq!(pass(&collector, config).await.unwrap().events, 0, "0 keeps for ever");
}

#[tokio::test]
async fn what_an_agent_may_send_again_stays_however_old_it_is() {
    let (collector, clock) = collector();
    events_of(&collector, 300);
    let mut batch = Batch::default();
    let cursor = Cursor { incarnation: 1, durable_to: 300, ..Cursor::default() };
    batch.put_json(&format!("cursor/{ENDPOINT}"), &cursor);
    collector.shelves.commit(batch).unwrap();
    clock.0.store(BEGIN + 3_000 * DAY, Ordering::Relaxed);
    let config = Config { events_days: 100, ..Config::default() };
    assert_eq!((pass(&collector, config).await.unwrap().events, kept(&collector)), (0, 300));
}

#[tokio::test]
async fn a_violation_goes_long_after_it_was_resolved_and_the_log_says_so_and_holds() {
    let (collector, clock) = collector();
    let open = violation(&collector, "open", BEGIN, None);
    let late = violation(&collector, "late", BEGIN, Some(BEGIN + 950 * DAY));
    let early = violation(&collector, "early", BEGIN, Some(BEGIN + 10 * DAY));
    clock.0.store(BEGIN + 1_000 * DAY, Ordering::Relaxed);
    let config = Config { violations_days: 900, ..Config::default() };
    assert_eq!(pass(&collector, config).await.unwrap().violations, 1);
    let shelves = &collector.shelves;
    let mut left: Vec<String> = shelves.violations().unwrap().into_iter().map(|one| one.key).collect();
    left.sort();
    let mut expected = vec![late, open];
    expected.sort();
    assert_eq!(left, expected);
    assert!(shelves.history_lines(&early).unwrap().is_empty());
    let said = shelves.chronicle_after(0, usize::MAX).unwrap().pop().unwrap().what;
    assert_eq!(said, What::Forgotten { violations: vec![early] });
    let proof = verifying::of_store(shelves, &[]).unwrap().unwrap();
    assert!(proof.is_sound(), "{:?}", proof.breaks);
}
