//! Folding: inventories replace, media add up, and what one look cannot date keeps its first day.

use super::*;
use daicho_proto::facts::{MediumEvent, ScanState};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn stick(first_seen: Option<&str>) -> Medium {
    Medium {
        vendor_id: Some("0781".to_owned()),
        product_id: Some("5581".to_owned()),
        serial: Some("AA01".to_owned()),
        first_seen: first_seen.map(at),
        ..Medium::default()
    }
}

fn inventory(record: &mut EndpointRecord, media: Vec<Medium>, observed_at: &str) {
    record.take(Fact::Media(Look::complete(media)), at(observed_at), None, None);
}

fn event(record: &mut EndpointRecord, action: MediumAction, medium: Medium, observed_at: &str) {
    record.take(Fact::MediumEvent(MediumEvent { action, medium }), at(observed_at), None, None);
}

#[test]
fn one_connection_that_is_told_three_times_is_one_use() {
    let mut record = EndpointRecord::default();
    event(&mut record, MediumAction::Arrived, stick(None), "2026-11-22T00:00:00.2Z");
    event(&mut record, MediumAction::Mounted, stick(None), "2026-11-22T00:00:02Z");
    inventory(&mut record, vec![stick(Some("2026-11-22T00:00:01Z"))], "2026-11-22T06:00:00Z");
    assert_eq!(record.sightings.len(), 1);
    assert_eq!((record.sightings[0].uses, record.sightings[0].present), (1, true));
}

#[test]
fn a_stick_that_goes_and_comes_again_at_once_is_used_twice() {
    let mut record = EndpointRecord::default();
    event(&mut record, MediumAction::Arrived, stick(None), "2026-11-22T00:00:00Z");
    event(&mut record, MediumAction::Arrived, stick(None), "2026-11-22T00:00:01Z");
    assert_eq!(record.sightings[0].uses, 1, "told twice, with no going between");
    event(&mut record, MediumAction::Left, stick(None), "2026-11-22T00:00:02Z");
    event(&mut record, MediumAction::Arrived, stick(None), "2026-11-22T00:00:03Z");
    assert_eq!(record.sightings[0].uses, 2);
    assert_eq!(record.sightings[0].attached_at, at("2026-11-22T00:00:03Z"));
}

#[test]
fn what_the_records_say_of_each_use_stays_beside_what_they_say_of_the_next() {
    let mut record = EndpointRecord::default();
    let scanned = |since: &str, state: ScanState| {
        let scan = MediumScan { state, since: Some(at(since)), ..MediumScan::default() };
        Medium { scan: Some(scan), ..stick(None) }
    };
    let first = "2026-11-22T00:00:01Z";
    event(&mut record, MediumAction::Arrived, stick(None), "2026-11-22T00:00:00Z");
    event(&mut record, MediumAction::Mounted, scanned(first, ScanState::None), first);
    event(&mut record, MediumAction::Left, scanned(first, ScanState::None), "2026-11-22T00:05:00Z");
    let second = "2026-11-22T01:00:01Z";
    event(&mut record, MediumAction::Arrived, stick(None), "2026-11-22T01:00:00Z");
    event(&mut record, MediumAction::Mounted, scanned(second, ScanState::None), second);
    inventory(&mut record, vec![scanned(second, ScanState::At)], "2026-11-22T01:05:00Z");
    // One that comes late does not undo what is known since.
    event(&mut record, MediumAction::Mounted, scanned(second, ScanState::None), second);
    let told: Vec<(ScanState, bool)> =
        record.sightings[0].scans.iter().map(|it| (it.scan.state, it.ended)).collect();
    assert_eq!(told, [(ScanState::None, true), (ScanState::At, false)]);
}

#[test]
fn a_stick_that_stays_in_is_one_use_look_after_look() {
    let mut record = EndpointRecord::default();
    for hour in 0..5 {
        inventory(&mut record, vec![stick(None)], &format!("2026-11-22T0{hour}:00:00Z"));
    }
    assert_eq!(record.sightings[0].uses, 1);
    inventory(&mut record, vec![], "2026-11-22T06:00:00Z");
    assert!(!record.sightings[0].present);
    inventory(&mut record, vec![stick(None)], "2026-11-22T07:00:00Z");
    assert_eq!(record.sightings[0].uses, 2);
}

#[test]
fn each_connection_is_kept_however_many_are_folded_at_once() {
    let mut record = EndpointRecord::default();
    for day in 1..=3 {
        event(&mut record, MediumAction::Arrived, stick(None), &format!("2026-11-0{day}T00:00:00Z"));
        event(&mut record, MediumAction::Left, stick(None), &format!("2026-11-0{day}T01:00:00Z"));
    }
    let sighting = &record.sightings[0];
    assert_eq!((sighting.uses, sighting.connections.len(), sighting.present), (3, 3, false));
    assert_eq!(
        (sighting.first_at, sighting.attached_at),
        (at("2026-11-01T00:00:00Z"), at("2026-11-03T00:00:00Z"))
    );
}

#[test]
fn connections_have_a_limit_and_what_was_forgotten_is_no_new_use() {
    let mut record = EndpointRecord::default();
    let day =
        |number: usize| at("2026-01-01T00:00:00Z") + jiff::SignedDuration::from_hours(24 * number as i64);
    for number in 0..CONNECTIONS_MAX + 10 {
        let fact = Fact::MediumEvent(MediumEvent { action: MediumAction::Arrived, medium: stick(None) });
        record.take(fact, day(number), None, None);
    }
    let uses = record.sightings[0].uses;
    assert_eq!(
        (record.sightings[0].connections.len(), uses),
        (CONNECTIONS_MAX, (CONNECTIONS_MAX + 10) as u64)
    );
    let old = Medium { seen: MediumSeen::Record, last_seen: Some(day(0)), ..stick(None) };
    record.take(Fact::Media(Look::complete(vec![old])), day(100), None, None);
    assert_eq!(record.sightings[0].uses, uses);
    assert_eq!(record.sightings[0].first_at, day(0));
}

#[test]
fn what_the_records_tell_again_of_a_connection_that_was_seen_live_is_no_new_use() {
    let mut record = EndpointRecord::default();
    let live = || Medium { kind: MediumKind::Storage, ..stick(Some("2026-11-22T00:00:01Z")) };
    event(&mut record, MediumAction::Arrived, live(), "2026-11-22T00:00:01.2Z");
    event(&mut record, MediumAction::Left, live(), "2026-11-22T01:00:00Z");
    let recorded = |from: &str, until: &str| Medium {
        seen: MediumSeen::Record,
        kind: MediumKind::Other,
        first_seen: Some(at(from)),
        connected_at: Some(at(from)),
        last_seen: Some(at(until)),
        ..stick(None)
    };
    inventory(
        &mut record,
        vec![recorded("2026-11-22T00:00:00Z", "2026-11-22T01:00:00Z")],
        "2026-11-22T06:00:00Z",
    );
    assert_eq!((record.sightings.len(), record.sightings[0].uses), (1, 1));
    assert_eq!(
        record.sightings[0].medium.kind,
        MediumKind::Storage,
        "the record does not tell, and it was seen"
    );
    inventory(
        &mut record,
        vec![recorded("2026-11-21T00:00:00Z", "2026-11-21T01:00:00Z")],
        "2026-11-22T07:00:00Z",
    );
    let sighting = &record.sightings[0];
    assert_eq!((sighting.uses, sighting.found_afterwards), (2, false), "the newest use was seen live");
    assert_eq!(sighting.recorded, [at("2026-11-21T00:00:00Z")]);
    assert!(sighting.is_from_records(at("2026-11-21T00:00:00Z")));
    assert!(!sighting.is_from_records(at("2026-11-22T00:00:01Z")));
}

#[test]
fn two_sticks_with_no_serial_are_two_where_their_filesystems_differ() {
    let mut record = EndpointRecord::default();
    let nameless = |uuid: &str| Medium {
        serial: Some("000000000000".to_owned()),
        filesystem_uuid: Some(uuid.to_owned()),
        ..stick(Some("2026-11-22T00:00:00Z"))
    };
    inventory(&mut record, vec![nameless("1111-AAAA"), nameless("2222-BBBB")], "2026-11-22T00:00:01Z");
    assert_eq!(record.sightings.len(), 2);
}

#[test]
fn a_serial_number_that_two_had_names_none_of_them_again() {
    let mut record = EndpointRecord::default();
    let twin = |uuid: &str, serial_doubt| Medium {
        filesystem_uuid: Some(uuid.to_owned()),
        serial_doubt,
        ..stick(Some("2026-11-22T00:00:00Z"))
    };
    let shared = Some(SerialDoubt::Shared);
    inventory(&mut record, vec![twin("1111", shared), twin("2222", shared)], "2026-11-22T00:00:01Z");
    inventory(&mut record, vec![twin("1111", None), twin("3333", None)], "2026-11-23T00:00:00Z");
    assert_eq!(record.sightings.len(), 3);
    assert!(record.sightings.iter().all(|sighting| sighting.medium.serial_doubt == shared));
}

#[test]
fn a_drive_that_turns_out_to_be_optical_is_no_second_one() {
    let mut record = EndpointRecord::default();
    let drive = |kind| Medium { kind, serial: None, ..stick(Some("2026-11-22T00:00:00Z")) };
    event(&mut record, MediumAction::Arrived, drive(MediumKind::Storage), "2026-11-22T00:00:00Z");
    inventory(&mut record, vec![drive(MediumKind::Optical)], "2026-11-22T00:00:03Z");
    assert_eq!((record.sightings.len(), record.sightings[0].medium.kind), (1, MediumKind::Optical));
}

#[test]
fn a_newer_offer_does_not_start_the_grace_again_and_an_installed_update_ends_it() {
    let mut record = EndpointRecord::default();
    let mut see = |installed: &str, available: &str, observed_at: &str, complete: bool| {
        let update = Update {
            manager: "dpkg".to_owned(),
            name: "openssl".to_owned(),
            installed_version: Some(installed.to_owned()),
            available_version: Some(available.to_owned()),
            security: Some(true),
            origin: None,
            ..Update::default()
        };
        let pending = if available.is_empty() { vec![] } else { vec![update] };
        let problems = if complete { vec![] } else { vec!["one list is cut off".to_owned()] };
        let look = Look::Seen { value: Updates { pending, ..Updates::default() }, problems };
        record.take(Fact::Updates(look), at(observed_at), None, None);
        record.since.security_updates.values().copied().collect::<Vec<_>>()
    };
    let first = at("2026-10-01T00:00:00Z");
    assert_eq!(see("1", "2", "2026-10-01T00:00:00Z", true), [first]);
    assert_eq!(see("1", "3", "2026-10-09T00:00:00Z", true), [first]);
    assert_eq!(see("1", "", "2026-10-10T00:00:00Z", false), [first], "an incomplete look forgets nothing");
    assert_eq!(see("2", "3", "2026-10-11T00:00:00Z", true), [at("2026-10-11T00:00:00Z")]);
    assert!(see("3", "", "2026-10-12T00:00:00Z", true).is_empty());
}
