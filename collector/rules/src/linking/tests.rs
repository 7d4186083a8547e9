//! Linking: what people typed meets what machines say.

use super::*;

fn row(id: &str, change: impl FnOnce(&mut Device)) -> Device {
    let mut device = Device { device_id: id.to_owned(), ..Device::default() };
    change(&mut device);
    device
}

fn host(serial: &str, uuid: &str, mac: &str, hostname: &str) -> Host {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Host {
        serial_number: some(serial),
        hardware_uuid: some(uuid),
        mac_addresses: some(mac).into_iter().collect(),
        hostname: some(hostname),
        ..Host::default()
    }
}

#[track_caller]
fn check(devices: Vec<Device>, host: &Host, expected: &str) {
    let ledger = Ledger { devices, ..Ledger::default() };
    let told = match link(&ledger, host) {
        Link::Listed { device, by } => format!("{} by {by}", device.device_id),
        Link::Ambiguous(rows) => {
            let ids: Vec<&str> = rows.iter().map(|row| row.device_id.as_str()).collect();
            format!("ambiguous {}", ids.join(" "))
        }
        Link::Unlisted => "unlisted".to_owned(),
    };
    assert_eq!(told, expected);
}

#[test]
fn the_serial_wins_over_every_other_sign() {
    let devices = vec![
        row("A", |d| d.hostname = Some("sv01".to_owned())),
        row("B", |d| d.serial_number = Some("ＪＰ１２３Ａ".to_owned())),
    ];
    check(devices, &host("jp123a", "", "", "SV01"), "B by serial_number");
}

#[test]
fn a_junk_serial_names_nobody() {
    let devices = vec![row("A", |d| {
        d.serial_number = Some("To be filled by O.E.M.".to_owned());
        d.hostname = Some("SV01".to_owned());
    })];
    check(devices.clone(), &host("To Be Filled By O.E.M.", "", "", "pc99"), "unlisted");
    check(devices.clone(), &host("Default string", "", "", "sv01"), "A by hostname");
    check(devices, &host("0000000000", "", "", "sv01"), "A by hostname");
}

#[test]
fn a_uuid_fits_in_both_byte_orders_and_a_vendors_own_uuid_fits_nobody() {
    let devices =
        vec![row("A", |d| d.hardware_uuid = Some("{4C4C4544-0042-3510-8052-B4C04F4A3232}".to_owned()))];
    check(devices.clone(), &host("", "4c4c4544-0042-3510-8052-b4c04f4a3232", "", ""), "A by hardware_uuid");
    check(devices, &host("", "44454c4c-4200-1035-8052-b4c04f4a3232", "", ""), "A by hardware_uuid");
    let devices =
        vec![row("A", |d| d.hardware_uuid = Some("03000200-0400-0500-0006-000700080009".to_owned()))];
    check(devices, &host("", "03000200-0400-0500-0006-000700080009", "", "x"), "unlisted");
}

#[test]
fn any_of_the_ledgers_addresses_fits_however_it_is_separated() {
    let devices = vec![row("A", |d| d.mac_address = Some("00-1A-2B-3C-4D-5E、001A.2B3C.4D5F".to_owned()))];
    check(devices.clone(), &host("", "", "00:1a:2b:3c:4d:5f", ""), "A by mac_address");
    check(devices, &host("", "", "00:1a:2b:3c:4d:60", ""), "unlisted");
}

#[test]
fn a_hostname_fits_without_its_domain_and_as_windows_cuts_it() {
    let devices = vec![row("A", |d| d.hostname = Some("RADIOLOGY-READING-01".to_owned()))];
    check(devices.clone(), &host("", "", "", "radiology-readi"), "A by hostname");
    check(devices, &host("", "", "", "radiology-reading-01.hospital.local"), "A by hostname");
}

#[test]
fn a_hostname_does_not_outvote_a_serial_that_differs() {
    let devices = vec![row("A", |d| {
        d.serial_number = Some("OLD001".to_owned());
        d.hostname = Some("pc01".to_owned());
    })];
    check(devices.clone(), &host("NEW002", "", "", "pc01"), "unlisted");
    let ledger = Ledger { devices, ..Ledger::default() };
    let linker = Linker::new(&ledger);
    let misses = linker.near_misses(&host("NEW002", "", "", "pc01"));
    assert_eq!(misses.len(), 1);
    assert_eq!((misses[0].fits, misses[0].differs), ("hostname", "serial_number"));
}

#[test]
fn two_rows_that_fit_are_never_guessed() {
    let twins = |hostname: &str| {
        ["A", "B"].map(|id| {
            row(id, |d| {
                d.serial_number = Some("LOT7X".to_owned());
                d.hostname = Some(format!("{hostname}{id}"));
            })
        })
    };
    check(twins("pc").to_vec(), &host("LOT7X", "", "", "other"), "ambiguous A B");
    check(twins("pc").to_vec(), &host("LOT7X", "", "", "pcB"), "B by serial_number");
}

#[test]
fn a_scrapped_row_fits_only_when_nothing_else_does() {
    let old = row("OLD", |d| {
        d.hostname = Some("pc01".to_owned());
        d.status = DeviceStatus::Retired;
    });
    let new = row("NEW", |d| d.hostname = Some("pc01".to_owned()));
    check(vec![old.clone(), new], &host("", "", "", "pc01"), "NEW by hostname");
    check(vec![old], &host("", "", "", "pc01"), "OLD by hostname");
}
