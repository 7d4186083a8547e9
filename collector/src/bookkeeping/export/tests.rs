//! What is exported comes back the same, and no spreadsheet obeys it.

use daicho_rules::ledger::{
    AccountKind, ApprovedAccount, ApprovedMedium, Device, DeviceKind, Scope, SettingRow,
};
use jiff::civil::date;

use super::super::difference::differences;
use super::super::tests::{file, known};
use super::super::{Mapping, example, read_files};
use super::*;

fn style(language: Language) -> Style<'static> {
    Style { language, version: Some(7), settings: &[] }
}

/// A ledger with everything that a file could spoil.
fn hostile() -> Ledger {
    let device = |id: &str, note: &str| Device {
        device_id: id.to_owned(),
        kind: DeviceKind::Server,
        note: Some(note.to_owned()),
        serial_number: Some("0012345678901234567890".to_owned()),
        extra: vec![
            ("契約".to_owned(), "=HYPERLINK(\"http://x\")".to_owned()),
            ("契約".to_owned(), "'-1".to_owned()),
            ("階".to_owned(), "２".to_owned()),
        ],
        ..Device::default()
    };
    let notes = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "|calc",
        "'=quoted",
        "''=twice",
        "'plain",
        "＝1",
        "a\"b,c\r\nd",
        "1-2",
    ];
    let devices: Vec<Device> =
        (1_u32..).zip(notes).map(|(number, note)| device(&format!("{number:03}"), note)).collect();
    let account = ApprovedAccount {
        device: Scope::Group("=cmd".to_owned()),
        account: "@root*".to_owned(),
        kind: AccountKind::Builtin,
        privileged: Some(false),
        expires_on: Some(date(2026, 3, 31)),
        ..ApprovedAccount::default()
    };
    let medium = ApprovedMedium {
        media_id: "-7".to_owned(),
        vendor_id: Some("0781".to_owned()),
        serial: Some("00E5".to_owned()),
        approved_until: Some(date(2026, 3, 31)),
        scan_required: Some(true),
        ..ApprovedMedium::default()
    };
    let mut ledger = Ledger { devices, accounts: vec![account], media: vec![medium], ..Ledger::default() };
    ledger.devices[0].group = Some("=cmd".to_owned());
    ledger.settings.push(SettingRow {
        key: "08.unused_days_max".to_owned(),
        value: 60,
        ..SettingRow::default()
    });
    ledger
}

#[test]
fn what_is_exported_comes_back_the_same() {
    let (hostile, example) = (hostile(), example::ledger().unwrap());
    for language in [Language::Japanese, Language::English] {
        let known = super::super::sheets::Known::of_the_house();
        for ledger in [&hostile, &example] {
            let book = file("ledger.xlsx", xlsx(ledger, style(language), Some(&["readme"])).unwrap());
            for files in [csv(ledger, style(language)), vec![book]] {
                let reading = read_files(&files, &Mapping::new(), &known);
                assert!(reading.faults.0.is_empty(), "{}", reading.faults);
                assert_eq!(differences(ledger, &reading.ledger), [], "in {language:?}");
                assert_eq!(reading.based_on, Some(7), "an export knows its version");
                assert!(reading.missing.is_empty() && reading.unread.is_empty());
            }
        }
    }
}

#[test]
fn no_cell_of_an_export_is_a_formula() {
    for file in csv(&hostile(), style(Language::English)) {
        let text = String::from_utf8(file.bytes).unwrap();
        assert!(text.starts_with('\u{feff}'), "{} has no byte order mark", file.name);
        let cells = text.trim_start_matches('\u{feff}').split([',', '\n']);
        for cell in cells.map(|cell| cell.trim_start_matches('"')) {
            assert!(!cell.starts_with(['=', '+', '-', '@', '|', '＝', '\t']), "{}: {cell}", file.name);
        }
    }
}

#[test]
fn a_template_reads_as_an_empty_ledger_with_every_default() {
    let known = known();
    for language in [Language::Japanese, Language::English] {
        let book = file("t.xlsx", super::super::template::workbook(&known, language).unwrap());
        let mut folder = super::super::template::files(&known, language);
        folder.retain(|file| file.name.ends_with(".csv"));
        for files in [folder, vec![book]] {
            let reading = read_files(&files, &Mapping::new(), &known);
            assert!(reading.faults.0.is_empty(), "{}", reading.faults);
            assert!(reading.missing.is_empty() && reading.unread.is_empty());
            assert!(reading.ledger.devices.is_empty());
            assert_eq!(
                (reading.ledger.settings[0].key.as_str(), reading.ledger.settings[0].value),
                ("08.unused_days_max", 90)
            );
        }
    }
}

#[test]
fn a_character_that_cp932_lacks_is_named_by_cell_and_never_replaced() {
    let device = |id: &str, users: &str| Device {
        device_id: id.to_owned(),
        users: Some(users.to_owned()),
        ..Device::default()
    };
    let style = style(Language::Japanese);
    let held = Ledger { devices: vec![device("SV-01", "髙﨑①㈱ソ表")], ..Ledger::default() };
    let files = cp932(&held, style).unwrap();
    let devices = files.iter().find(|file| file.name == "devices.csv").unwrap();
    assert!(!devices.bytes.starts_with(b"\xef\xbb\xbf"));
    let reading = read_files(&files, &Mapping::new(), &known());
    assert!(reading.faults.0.is_empty(), "{}", reading.faults);
    assert_eq!(
        (reading.ledger.devices[0].users.as_deref(), reading.based_on),
        (Some("髙﨑①㈱ソ表"), Some(7))
    );

    let lacking = Ledger {
        devices: vec![device("SV-01", "田中"), device("SV-02", "𠮷野€ 𠮷")],
        ..Ledger::default()
    };
    let lost = cp932(&lacking, style).unwrap_err();
    let [Unwritable { file, row, column, characters }] = lost.as_slice() else { panic!("{lost:?}") };
    assert_eq!(
        (file.as_str(), *row, column.as_str(), characters.as_str()),
        ("devices.csv", 3, "利用者", "𠮷€")
    );
}
