//! Hives of real Windows 10: the sticks and drives that they remember. Reads `../shared/data/registry`; serial numbers and
//! containers are those that python-registry read from the same hives.

use std::collections::BTreeSet;

use daicho_agent::platform::at_root;
use daicho_proto::facts::{Look, Medium, MediumKind, MediumSeen};
use daicho_tests::published;
use serde_json::Value;

/// What the hive remembers, and what the other reader saw in it.
fn media(name: &str) -> Option<(Vec<Medium>, Value)> {
    let data = published::folder()?;
    let disk = published::disk(&data, &[("SYSTEM", name)]);
    let look = at_root(disk.path()).expect("a disk of Windows").media();
    let Look::Seen { value, .. } = look else { panic!("not seen: {look:?}") };
    Some((value, published::golden(&data, name)))
}

/// The sticks of `USBSTOR` and the devices of the USB bus with a driver for storage, by their serial numbers.
fn serials_of(golden: &Value) -> BTreeSet<String> {
    let rows = |name: &str| golden[name].as_array().cloned().unwrap_or_default();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let sticks = rows("USBSTOR").into_iter().map(|row| text(&row, "serial").replace("&0", ""));
    let drives = rows("USB").into_iter().filter(|row| text(row, "Service").eq_ignore_ascii_case("UASPStor"));
    sticks.chain(drives.map(|row| text(&row, "instance").replace("MSFT30", ""))).collect()
}

fn check(name: &str, count: usize) {
    let Some((media, golden)) = media(name) else { return };
    let seen: BTreeSet<String> = media.iter().filter_map(|medium| medium.serial.clone()).collect();
    assert_eq!(seen, serials_of(&golden), "{name}");
    assert_eq!(media.len(), count, "{media:?}");
    assert!(media.iter().all(|it| it.kind == MediumKind::Storage && it.seen == MediumSeen::Record));
}

#[test]
fn sticks_and_uasp_drives_of_windows_10_are_those_that_another_reader_sees() {
    check("regipy-SYSTEM_WIN_10_1709", 3);
    check("regipy-SYSTEM_B", 2);
    check("regipy-SYSTEM_2", 0);
}

#[test]
fn a_stick_has_its_numbers_letter_label_and_times() {
    let Some((media, _)) = media("regipy-SYSTEM_B") else { return };
    let serial = Some("AA010603160707470215".to_owned());
    let stick = media.iter().find(|medium| medium.serial == serial).expect("the stick");
    assert_eq!(stick.subject(), "0781:5580:AA010603160707470215");
    assert_eq!(stick.manufacturer.as_deref(), Some("SanDisk"));
    assert_eq!(
        (stick.label.as_deref(), stick.mounts.as_slice()),
        (Some("CloudLog"), ["D:".to_owned()].as_slice())
    );
    let told = |at: Option<jiff::Timestamp>| at.expect("a time").to_string();
    assert_eq!(told(stick.first_seen), "2018-03-27T09:22:21.7692926Z");
    assert_eq!(told(stick.connected_at), "2018-03-27T21:45:44.5585512Z");
}
