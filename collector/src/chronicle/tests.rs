//! The log over a store in memory.

use std::sync::Arc;

use daicho_rules::ledger::{Device, Ledger};

use super::refusals::Attempt;
use super::*;
use crate::Collector;
use crate::bookkeeping::importing::{self, Entry as Brought};
use crate::clock::SystemClock;
use crate::shelves::{LedgerVersion, OperatorRow};
use crate::store::memory::MemoryStore;

fn collector() -> Arc<Collector> {
    let store = Arc::new(MemoryStore::default());
    Arc::new(Collector::open(store, Arc::new(SystemClock)).unwrap())
}

fn entries(collector: &Collector) -> Vec<Entry> {
    collector.shelves.chronicle_after(0, usize::MAX).unwrap()
}

async fn import(collector: &Collector, devices: usize) -> LedgerVersion {
    let device = |number: usize| Device { device_id: format!("PC-{number}"), ..Device::default() };
    let ledger = Ledger { devices: (0..devices).map(device).collect(), ..Ledger::default() };
    let brought = Brought { operator: "suzuki".to_owned(), ..Brought::default() };
    importing::adopt(collector, ledger, brought).await.unwrap().0
}

#[tokio::test]
async fn each_line_names_the_sha_256_of_the_line_before() {
    let collector = collector();
    for devices in 1..4 {
        import(&collector, devices).await;
    }
    let lines = collector.shelves.chronicle_lines(0, usize::MAX).unwrap();
    assert_eq!(lines.len(), 4);
    let mut previous = "0".repeat(64);
    for (number, line) in &lines {
        let value: serde_json::Value = serde_json::from_slice(line).unwrap();
        assert_eq!(value["previous"], previous.as_str(), "entry {number}");
        assert_eq!(value["number"], *number);
        previous = Digest::of(line).to_string();
        assert_eq!(Entry::parse(line).unwrap().line(), *line, "the same entry is the same line");
    }
    let head = collector.shelves.chronicle_head().unwrap();
    assert_eq!((head.number, head.hash.to_string()), (4, previous.clone()));
    assert_eq!(head.anchor(), format!("4:{}", &previous[..12]));
}

#[tokio::test]
async fn what_waits_is_taken_into_the_chain_once() {
    let collector = collector();
    let now = collector.clock.now();
    let mut batch = Batch::default();
    for name in ["one", "two"] {
        batch.put_waiting(now, name, What::OperatorRevoked { name: name.to_owned(), reason: String::new() });
    }
    collector.shelves.commit(batch).unwrap();
    for _ in 0..2 {
        waiting::take(&collector, true).await.unwrap();
    }
    let by: Vec<String> = entries(&collector).into_iter().map(|entry| entry.by).collect();
    assert_eq!(by, ["daicho", "one", "two"]);
    assert_eq!(collector.shelves.chronicle_waiting().unwrap(), []);
}

#[tokio::test]
async fn ten_thousand_refused_attempts_make_few_entries_and_none_is_uncounted() {
    let collector = collector();
    for attempt in 0..10_000_u32 {
        collector.gate.refusals.add(Attempt {
            who: None,
            method: "Query/Close".to_owned(),
            needed: Vec::new(),
            address: Some(format!("192.0.2.{}", attempt % 200)),
        });
    }
    assert!(waiting::take(&collector, true).await.unwrap());
    let refused: Vec<u64> = entries(&collector)
        .into_iter()
        .filter_map(|entry| if let What::Refused { times, .. } = entry.what { Some(times) } else { None })
        .collect();
    assert_eq!((refused.len(), refused.iter().sum::<u64>()), (21, 10_000), "{refused:?}");
}

#[tokio::test]
async fn a_store_of_before_the_log_begins_with_what_stood_in_it() {
    let collector = collector();
    let version = import(&collector, 1).await;
    let store = Arc::clone(collector.shelves.store());
    let now = collector.clock.now();
    let mut batch = Batch::default();
    batch.put_operator(&OperatorRow {
        name: "suzuki".to_owned(),
        certificates: vec!["01".to_owned()],
        not_after: now,
        newest_root: None,
        revoked_at: None,
        roles: crate::identity::roles::of_one_person(),
        section: None,
    });
    for (key, _) in store.scan(b"chronicle/", None, usize::MAX).unwrap() {
        batch.remove(key);
    }
    store.commit(batch).unwrap();
    for (format, because) in [("1", Because::OlderStore), ("2", Because::LogLost)] {
        let mut batch = Batch::default();
        batch.put("meta/format", format);
        for (key, _) in store.scan(b"chronicle/", None, usize::MAX).unwrap() {
            batch.remove(key);
        }
        store.commit(batch).unwrap();
        let collector = Collector::open(Arc::clone(&store), Arc::new(SystemClock)).unwrap();
        let kinds: Vec<What> = entries(&collector).into_iter().map(|entry| entry.what).collect();
        assert!(matches!(&kinds[0], What::Begun { because: told, .. } if *told == because), "{kinds:?}");
        assert!(matches!(&kinds[1], What::LedgerVersion { version: told, .. } if *told == version));
        assert!(matches!(&kinds[2], What::OperatorCertificate { name, .. } if name == "suzuki"));
        assert_eq!(kinds.len(), 3, "{kinds:?}");
        let form = crate::store::FORMAT.to_string();
        assert_eq!(store.get(b"meta/format").unwrap().as_deref(), Some(form.as_bytes()));
    }
}

#[tokio::test]
async fn a_key_that_is_no_number_is_told_and_ends_every_walk() {
    let collector = collector();
    import(&collector, 1).await;
    let mut batch = Batch::default();
    batch.put("chronicle/entry/zzz", "{}");
    collector.shelves.commit(batch).unwrap();
    let verdict = verifying::of_store(&collector.shelves, &[]).unwrap().unwrap();
    assert!(!verdict.is_sound());
    assert!(Standing::at(&collector.shelves, Timestamp::MAX).is_err(), "what cannot be read is no standing");
}
