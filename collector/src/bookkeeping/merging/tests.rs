//! What two people changed in one version, put together or told.

use daicho_rules::ledger::{ApprovedMedium, Device, Staff};

use super::*;

fn device(id: &str, location: &str, note: &str) -> Device {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Device { device_id: id.to_owned(), location: text(location), note: text(note), ..Device::default() }
}

fn ledger(devices: Vec<Device>) -> Ledger {
    Ledger { devices, ..Ledger::default() }
}

/// A file with every column.
fn whole() -> Told {
    let fields = SHEETS.iter().map(|plan| {
        (plan.name.to_owned(), plan.columns.iter().map(|column| column.field.to_owned()).collect())
    });
    Told { fields: fields.collect(), missing: BTreeSet::new() }
}

fn merged(base: Vec<Device>, theirs: Vec<Device>, mine: Vec<Device>, settled: &Settled) -> Merged {
    merge(&ledger(base), &ledger(theirs), &ledger(mine), &whole(), settled)
}

fn names(merged: &Merged) -> Vec<&str> {
    merged.conflicts.iter().map(|conflict| conflict.name.as_str()).collect()
}

#[test]
fn different_fields_of_one_row_and_rows_of_both_come_together() {
    let base = vec![device("SV-01", "2F", "古い"), device("PC-01", "1F", ""), device("PC-02", "1F", "")];
    let theirs = vec![device("SV-01", "3F", "古い"), device("PC-02", "1F", ""), device("PC-03", "4F", "")];
    let mine = vec![device("PC-09", "9F", ""), device("SV-01", "2F", "新しい"), device("PC-01", "1F", "")];
    let merged = merged(base, theirs, mine, &Settled::default());
    assert_eq!(names(&merged), [""; 0]);
    // PC-01 was removed by them, PC-02 by me; each side added one.
    let expected = [device("PC-09", "9F", ""), device("SV-01", "3F", "新しい"), device("PC-03", "4F", "")];
    assert_eq!(merged.ledger.devices, expected);
}

#[test]
fn a_field_that_both_changed_is_told_and_settled_either_way() {
    let base = || vec![device("SV-01", "2F", "")];
    let (theirs, mine) = (|| vec![device("SV-01", "3F", "彼")], || vec![device("SV-01", "4F", "")]);
    let told = merged(base(), theirs(), mine(), &Settled::default());
    assert_eq!(names(&told), ["SV-01.location"]);
    let Conflict { base: was, theirs: now, mine: new, .. } = &told.conflicts[0];
    assert_eq!((was.as_str(), now.as_str(), new.as_str()), ("2F", "3F", "4F"));
    // The name may be written as people write it.
    let settled = Settled { mine: vec!["ｓｖ－０１.location".to_owned()], ..Settled::default() };
    let taken = merged(base(), theirs(), mine(), &settled);
    assert_eq!((names(&taken).len(), taken.ledger.devices), (0, vec![device("SV-01", "4F", "彼")]));
    let settled = Settled { theirs: vec!["SV-01.location".to_owned()], ..Settled::default() };
    let taken = merged(base(), theirs(), mine(), &settled);
    assert_eq!((names(&taken).len(), taken.ledger.devices), (0, theirs()));
    let both = Settled { mine: vec!["SV-01.location".to_owned()], theirs: vec!["SV-01.location".to_owned()] };
    let neither = merged(base(), theirs(), mine(), &both);
    assert_eq!((names(&neither), neither.unknown.len()), (vec!["SV-01.location"], 1));
    let other = Settled { mine: vec!["SV-01.note".to_owned()], ..Settled::default() };
    assert_eq!(merged(base(), theirs(), mine(), &other).unknown, ["sv-01.note"]);
}

#[test]
fn a_row_that_one_removed_and_the_other_changed_is_told() {
    let (base, changed) = (|| vec![device("SV-01", "2F", "")], || vec![device("SV-01", "3F", "")]);
    for (theirs, mine) in [(Vec::new(), changed()), (changed(), Vec::new())] {
        let told = merged(base(), theirs, mine, &Settled::default());
        assert_eq!(names(&told), ["SV-01.*"]);
        assert!(told.conflicts[0].theirs.contains("3F") ^ told.conflicts[0].mine.contains("3F"));
    }
    let settled = Settled { mine: vec!["SV-01.*".to_owned()], ..Settled::default() };
    assert_eq!(merged(base(), changed(), Vec::new(), &settled).ledger.devices, []);
}

#[test]
fn writing_alone_is_no_conflict_and_a_row_that_both_added_alike_is_one_row() {
    let base = || vec![device("SV-01", "２Ｆ", "")];
    let same =
        merged(base(), vec![device("SV-01", "2F", "")], vec![device("SV-01", "3F", "")], &Settled::default());
    assert_eq!((names(&same).len(), same.ledger.devices), (0, vec![device("SV-01", "3F", "")]));
    let added = merged(
        Vec::new(),
        vec![device("SV-02", "ｻｰﾊﾞ室", "")],
        vec![device("ＳＶ－０２", "サーバ室", "注")],
        &Settled::default(),
    );
    assert_eq!((names(&added).len(), added.ledger.devices.len()), (0, 1));
    assert_eq!(added.ledger.devices[0].note.as_deref(), Some("注"));
}

#[test]
fn what_the_file_has_no_sheet_or_column_for_was_removed_by_nobody() {
    let staff = vec![Staff { staff_id: "0012".to_owned(), ..Staff::default() }];
    let mut row = device("SV-01", "2F", "");
    row.vendor = Some("保守社".to_owned());
    row.extra = vec![("リース".to_owned(), "R8.3".to_owned())];
    let base = Ledger { devices: vec![row.clone()], staff: staff.clone(), ..Ledger::default() };
    let mine = ledger(vec![device("SV-01", "3F", "")]);
    let mut told = Told { missing: BTreeSet::from(["staff"]), ..Told::default() };
    let fields = ["device_id", "location"].map(str::to_owned);
    told.fields.insert("devices".to_owned(), BTreeSet::from(fields));
    let merged = merge(&base, &base, &mine, &told, &Settled::default());
    row.location = Some("3F".to_owned());
    assert_eq!((merged.ledger.devices, merged.ledger.staff), (vec![row], staff));
}

#[test]
fn the_hospitals_own_columns_are_merged_too_and_one_key_in_two_sheets_stays_apart() {
    let row = |lease: &str, own: &str| {
        let mut row = device("M-01", "2F", "");
        row.extra = vec![("リース".to_owned(), lease.to_owned()), ("点検".to_owned(), own.to_owned())];
        row
    };
    let merged = merged(vec![row("a", "x")], vec![row("b", "x")], vec![row("a", "y")], &Settled::default());
    assert_eq!(merged.ledger.devices, [row("b", "y")]);

    let sides = ["1", "2", "3"].map(|serial| {
        let mut device = device("M-01", "", "");
        device.serial_number = Some(serial.to_owned());
        device.extra = vec![("serial".to_owned(), serial.to_owned())];
        let medium = ApprovedMedium {
            media_id: "M-01".to_owned(),
            serial: Some(serial.to_owned()),
            ..ApprovedMedium::default()
        };
        Ledger { devices: vec![device], media: vec![medium], ..Ledger::default() }
    });
    let told = merge(&sides[0], &sides[1], &sides[2], &whole(), &Settled::default());
    assert_eq!(names(&told), ["M-01.serial_number", "M-01.serial", "media:M-01.serial"]);
}
