//! What the ledger says, what the file says, what is seen.

use daicho_proto::document::Document;
use daicho_rules::record::EndpointRecord;

use super::*;
use crate::bookkeeping::sheets::Known;
use crate::bookkeeping::tests::file;
use crate::bookkeeping::{Mapping, read_files};

const DEVICES: &str =
    "device_id,hostname,serial_number,location,group\nSV-01,sv-01,AB12,2F,server\nPC-01,pc-01,,1F,ward\n";

fn ledger(sheets: &[(&str, &str)]) -> Arc<Ledger> {
    let files: Vec<_> = sheets.iter().map(|(name, text)| file(&format!("{name}.csv"), text)).collect();
    let reading = read_files(&files, &Mapping::new(), &Known::of_the_house());
    assert!(reading.faults.0.is_empty(), "{}", reading.faults);
    Arc::new(reading.ledger)
}

fn record(hostname: &str, serial: &str, accounts: &[&str], problems: &str) -> EndpointRecord {
    let accounts: Vec<serde_json::Value> = accounts
        .iter()
        .map(|name| serde_json::json!({"name": name, "id": "1001", "enabled": true, "interactive": true, "privileged": false}))
        .collect();
    let document: Document = serde_json::from_value(serde_json::json!({
        "schema": "daicho.observation/1",
        "observed_at": "2026-05-16T00:00:00Z",
        "host": {"hostname": hostname, "serial_number": serial, "os_id": "debian"},
        "accounts": accounts,
        "problems": serde_json::from_str::<serde_json::Value>(problems).unwrap(),
    }))
    .unwrap();
    let mut record = EndpointRecord::default();
    record.take_document(document);
    record
}

fn compare(
    ledger: Arc<Ledger>,
    file: Arc<Ledger>,
    machines: &[(Option<&str>, &str, EndpointRecord)],
) -> (Vec<Difference>, Measured) {
    let mut comparison = Comparison::new(ledger, file, "2026-05-16T01:00:00Z".parse().unwrap());
    for (device, name, record) in machines {
        comparison.look(&Machine { device: *device, name, endpoint: "e-1", record });
    }
    comparison.finish()
}

fn find<'a>(all: &'a [Difference], key: &str, field: Option<&str>) -> &'a Difference {
    let found = all.iter().find(|one| one.key == key && one.field.as_deref() == field);
    found.unwrap_or_else(|| panic!("{key} {field:?} is not among {all:#?}"))
}

#[test]
fn a_field_is_told_with_what_all_three_say() {
    let ours = ledger(&[("devices", DEVICES)]);
    let theirs = ledger(&[("devices", &DEVICES.replace("AB12,2F", "AB13,3F"))]);
    let (all, measured) =
        compare(ours, theirs, &[(Some("SV-01"), "SV-01", record("sv-01", "AB13", &[], "[]"))]);
    assert_eq!(all.len(), 2, "{all:#?}");
    let serial = find(&all, "SV-01", Some("serial_number"));
    assert_eq!((serial.ledger.as_deref(), serial.file.as_deref()), (Some("AB12"), Some("AB13")));
    let Seen::Seen { value, endpoint, at } = &serial.machine else { panic!("{serial:?}") };
    assert_eq!(
        (value.as_str(), endpoint.as_str(), at.to_string().as_str()),
        ("AB13", "e-1", "2026-05-16T00:00:00Z")
    );
    assert_eq!(serial.only, [Party::Ledger], "file and machine agree");
    let location = find(&all, "SV-01", Some("location"));
    assert_eq!((&location.machine, &location.only[..]), (&Seen::NotAsked, &[Party::Ledger, Party::File][..]));
    assert_eq!((measured.endpoints, measured.devices, measured.unmeasured), (1, 2, vec!["PC-01".to_owned()]));
}

#[test]
fn a_machine_that_says_something_else_is_a_difference_although_ledger_and_file_agree() {
    let ours = ledger(&[("devices", DEVICES)]);
    let machine = record("sv-01", "ZZ99", &["keiri"], "[]");
    let (all, _) = compare(Arc::clone(&ours), Arc::clone(&ours), &[(Some("SV-01"), "SV-01", machine)]);
    assert_eq!(find(&all, "SV-01", Some("serial_number")).only, [Party::Machine]);
    let account = find(&all, "SV-01 / keiri", None);
    assert_eq!((&account.ledger, &account.file, &account.only[..]), (&None, &None, &[Party::Machine][..]));
    assert_eq!(account.device.as_deref(), Some("SV-01"));
    let (none, _) = compare(Arc::clone(&ours), ours, &[]);
    assert_eq!(none, [], "what nobody measured differs from nothing");
}

#[test]
fn what_is_not_measured_is_not_none() {
    let accounts = "device,account\nSV-01,tanaka\nSV-01,gone\ngroup:ward,ward\n";
    let ours = ledger(&[("devices", DEVICES), ("accounts", accounts)]);
    let theirs = ledger(&[("devices", DEVICES), ("accounts", &accounts.replace("SV-01,tanaka\n", ""))]);
    let seen = |problems: &str| {
        let machine = record("sv-01", "AB12", &["tanaka"], problems);
        compare(Arc::clone(&ours), Arc::clone(&theirs), &[(Some("SV-01"), "SV-01", machine)]).0
    };
    let all = seen("[]");
    assert_eq!(all.len(), 2, "nobody looked at the ward: {all:#?}");
    let tanaka = find(&all, "SV-01 / tanaka", None);
    assert!(
        tanaka.file.is_none() && matches!(&tanaka.machine, Seen::Seen { value, .. } if value == "tanaka")
    );
    let gone = find(&all, "SV-01 / gone", None);
    assert_eq!(
        (&gone.machine, gone.ledger.is_some(), gone.file.is_some()),
        (&Seen::None { measured: 1, at: "2026-05-16T00:00:00Z".parse().unwrap() }, true, true)
    );
    // Where not every source of accounts was read, nobody is known to be gone.
    let all = seen(r#"[{"fact": "accounts", "message": "sssd did not answer"}]"#);
    assert_eq!(all.len(), 1, "{all:#?}");
    let (unseen, _) = compare(Arc::clone(&ours), Arc::clone(&theirs), &[]);
    assert_eq!(find(&unseen, "SV-01 / tanaka", None).machine, Seen::NotMeasured { measured: 0, of: 1 });
}

#[test]
fn what_differs_by_writing_alone_stands_apart() {
    let ours = ledger(&[("devices", DEVICES)]);
    let theirs =
        ledger(&[("devices", &DEVICES.replace("SV-01,sv-01,AB12,2F", "ＳＶ－０１,SV-01,AB12,２Ｆ"))]);
    let (all, _) =
        compare(ours, theirs, &[(Some("SV-01"), "SV-01", record("sv-01.hosp.local", "AB12", &[], "[]"))]);
    let fields: Vec<_> = all.iter().map(|one| (one.field.as_deref(), one.written_differently)).collect();
    assert_eq!(fields, [(Some("device_id"), true), (Some("hostname"), true), (Some("location"), true)]);
}

#[test]
fn a_machine_that_neither_lists_and_a_row_of_the_file_alone_are_told() {
    let ours = ledger(&[("devices", DEVICES)]);
    let theirs = ledger(&[("devices", &format!("{DEVICES}PC-09,pc-09,,3F,ward\n"))]);
    let machines = [
        (None, "stray", record("stray", "QQ77", &[], "[]")),
        (None, "pc-09", record("pc-09", "", &[], "[]")),
    ];
    let (all, _) = compare(ours, theirs, &machines);
    assert_eq!(find(&all, "stray", None).only, [Party::Machine]);
    let new = find(&all, "PC-09", None);
    assert!(new.ledger.is_none() && matches!(new.machine, Seen::Seen { .. }), "{new:?}");
    assert_eq!(all.len(), 2, "{all:#?}");
}

#[test]
fn a_row_with_a_pattern_covers_what_is_seen_and_is_never_gone() {
    let accounts = "device,account\n*,nurse*\nSV-01,adm*\n";
    let ours = ledger(&[("devices", DEVICES), ("accounts", accounts)]);
    let machine = record("sv-01", "AB12", &["nurse1"], "[]");
    let (all, _) = compare(Arc::clone(&ours), ours, &[(Some("SV-01"), "SV-01", machine)]);
    assert_eq!(all, []);
}

#[test]
fn a_medium_is_found_by_its_numbers_however_they_are_written() {
    let media = "media_id,vendor_id,product_id,serial,approved_by\nM-01,0x0781,5581,aa01,岡田\n";
    let ours = ledger(&[("devices", DEVICES)]);
    let theirs = ledger(&[("devices", DEVICES), ("media", media)]);
    let mut document: serde_json::Value = serde_json::json!({
        "schema": "daicho.observation/1", "observed_at": "2026-05-16T00:00:00Z",
        "host": {"hostname": "sv-01", "serial_number": "AB12"},
    });
    let stick = |serial: &str| {
        serde_json::json!({"vendor_id": "0781", "product_id": "5581", "serial": serial, "kind": "storage",
            "seen": "present", "first_seen": "2026-05-15T00:00:00Z", "last_seen": "2026-05-16T00:00:00Z"})
    };
    document["media"] = serde_json::json!([stick("AA01"), stick("BB02")]);
    let mut record = EndpointRecord::default();
    record.take_document(serde_json::from_value(document).unwrap());
    let (all, _) = compare(ours, theirs, &[(Some("SV-01"), "SV-01", record)]);
    let known = find(&all, "M-01", None);
    assert!(matches!(&known.machine, Seen::Seen { value, .. } if value == "0781:5581:AA01"), "{known:?}");
    assert_eq!(find(&all, "0781:5581:BB02", None).only, [Party::Machine]);
}
