//! Medium events of an exercise: written for `--replay-media`, and counted in the collector's log afterwards.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;

use daicho_collector::shelves::Shelves;
use daicho_collector::store::{StoreConfig, open};
use daicho_proto::facts::{Fact, Medium, MediumAction, MediumEvent, MediumKind};

/// Appends events with these numbers to the exercise's file.
pub fn append(drill: &Path, numbers: Range<usize>) {
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

/// What became of the events of an exercise.
#[derive(Debug, PartialEq, Eq)]
pub struct Count {
    /// How many different ones the collector's log holds.
    pub stored: usize,
    /// How many it does not hold.
    pub lost: usize,
    /// How many it holds more than once.
    pub twice: usize,
}

/// Counts in the store of a collector that has stopped.
pub fn count(store: &Path, events: usize) -> Count {
    let stored = stored_serials(store);
    let lost = (0..events).filter(|number| !stored.contains_key(&serial(*number))).count();
    Count { stored: stored.len(), lost, twice: stored.values().filter(|count| **count > 1).count() }
}

fn serial(number: usize) -> String {
    format!("DRILL{number:05}")
}

/// How often the log holds each drilled serial.
fn stored_serials(path: &Path) -> BTreeMap<String, usize> {
    let store = open(&StoreConfig::Folder { path: path.to_owned() }).expect("the collector has stopped");
    let shelves = Shelves::new(store);
    let mut counts = BTreeMap::new();
    for endpoint in shelves.endpoints().expect("the store reads") {
        for entry in shelves.log(endpoint.id, None, usize::MAX).expect("the store reads") {
            if let Fact::MediumEvent(event) = entry.observation.fact
                && let Some(serial) = event.medium.serial.filter(|serial| serial.starts_with("DRILL"))
            {
                *counts.entry(serial).or_default() += 1;
            }
        }
    }
    counts
}
