//! Uses that one look at a machine cannot show: of several connections, and of a stick that was pulled.

use daicho_proto::facts::{Medium, MediumScan};

use super::*;
use crate::ledger::Ledger;
use crate::record::EndpointRecord;
use crate::rule::Verdict;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_764_000_000 + 60 * minute).unwrap()
}

fn used(since: i64, state: ScanState, observed: i64, ended: bool) -> UseScan {
    let scan = MediumScan {
        state,
        since: Some(at(since)),
        at: (state == ScanState::At).then(|| at(since + 1)),
        ..MediumScan::default()
    };
    UseScan { since: at(since), scan, observed_at: at(observed), ended }
}

fn assessed(connections: &[i64], scans: Vec<UseScan>) -> Assessment {
    let medium = Medium { serial: Some("AA01".to_owned()), kind: MediumKind::Storage, ..Medium::default() };
    let connections: Vec<Timestamp> = connections.iter().map(|minute| at(*minute)).collect();
    let first = connections[0];
    let sighting = Sighting {
        writes: Vec::new(),
        medium,
        first_at: first,
        attached_at: first,
        last_at: first,
        present: true,
        found_afterwards: false,
        uses: connections.len() as u64,
        connections,
        recorded: Vec::new(),
        scans,
        observation: None,
        wrong_clock: None,
    };
    let record = EndpointRecord { sightings: vec![sighting], ..EndpointRecord::default() };
    let ledger = Ledger::default();
    assess(&Evidence {
        record: Some(&record),
        device: None,
        ledger: &ledger,
        now: at(1_000),
        surroundings: crate::linking::Surroundings::ALONE,
    })
}

#[test]
fn a_stick_that_was_pulled_with_no_scan_is_a_breach_at_once() {
    let pulled = assessed(&[0], vec![used(1, ScanState::None, 2, true)]);
    assert_eq!(pulled.findings[0].occurred_at, Some(at(1)));
    let still_in = assessed(&[0], vec![used(1, ScanState::None, 2, false)]);
    assert_eq!((still_in.findings.len(), still_in.cleared.len()), (0, 0));
}

#[test]
fn a_scan_at_the_next_use_does_not_make_the_first_one_right() {
    let first = used(1, ScanState::None, 2, true);
    let both = assessed(&[0, 100], vec![first, used(101, ScanState::At, 120, false)]);
    assert_eq!(both.findings[0].occurred_at, Some(at(1)));
    assert!(both.cleared.is_empty());
}

#[test]
fn a_connection_of_which_no_record_speaks_is_unknown() {
    let silent = assessed(&[0, 100], vec![used(1, ScanState::At, 20, true)]);
    assert!(silent.findings.is_empty() && silent.cleared.is_empty());
    assert_eq!(silent.verdict(), Verdict::Undetermined);
    let told = assessed(&[0], vec![used(1, ScanState::At, 20, true)]);
    assert_eq!(told.cleared.len(), 1);
}
