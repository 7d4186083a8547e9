//! Messages as kernels 4.18 to 6.12 write them, with names and numbers of our own.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

/// One message a second.
fn read(messages: &[&str]) -> Vec<Connection> {
    let mut log = KernelLog::default();
    for (second, message) in messages.iter().enumerate() {
        log.take(at(second as i64), message);
    }
    log.finish()
}

fn said(connection: &Connection) -> (String, String, Option<MediumKind>) {
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let numbers = format!(
        "{}:{}:{}",
        word(&connection.vendor_id),
        word(&connection.product_id),
        word(&connection.serial)
    );
    (connection.port.clone(), numbers, connection.kind())
}

fn comes(port: &str, numbers: (&str, &str), serial: &str) -> Vec<String> {
    let (vendor, product) = numbers;
    let index = if serial.is_empty() { 0 } else { 3 };
    let mut messages = vec![
        format!("usb {port}: new high-speed USB device number 5 using xhci_hcd"),
        format!("usb {port}: New USB device found, idVendor={vendor}, idProduct={product}, bcdDevice= 1.00"),
        format!("usb {port}: New USB device strings: Mfr=1, Product=2, SerialNumber={index}"),
        format!("usb {port}: Product: Ultra"),
        format!("usb {port}: Manufacturer: SanDisk"),
    ];
    if !serial.is_empty() {
        messages.push(format!("usb {port}: SerialNumber: {serial}"));
    }
    messages
}

fn after(mut messages: Vec<String>, more: &[&str]) -> Vec<Connection> {
    messages.extend(more.iter().map(|message| (*message).to_owned()));
    read(&messages.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_stick_that_came_and_went_is_told_with_its_names_and_times() {
    let connections = after(
        comes("1-2", ("0781", "5581"), "4C530001"),
        &[
            "usb-storage 1-2:1.0: USB Mass Storage device detected",
            "scsi host6: usb-storage 1-2:1.0",
            "scsi 6:0:0:0: Direct-Access     SanDisk  Ultra            1.00 PQ: 0 ANSI: 6",
            "sd 6:0:0:0: [sdb] Attached SCSI removable disk",
            "usb 1-2: reset high-speed USB device number 5 using xhci_hcd",
            "usb 1-2: USB disconnect, device number 5",
        ],
    );
    assert_eq!(connections.len(), 1);
    let stick = &connections[0];
    assert_eq!(said(stick), ("1-2".into(), "0781:5581:4C530001".into(), Some(MediumKind::Storage)));
    assert_eq!((stick.manufacturer.as_deref(), stick.product.as_deref()), (Some("SanDisk"), Some("Ultra")));
    assert_eq!((stick.release.as_deref(), stick.number, stick.has_serial), (Some("0100"), Some(5), true));
    assert_eq!((stick.from, stick.until), (at(0), Some(at(11))));
}

#[test]
fn drivers_tell_what_a_device_was() {
    let check = |more: &[&str], kind: Option<MediumKind>| {
        let connections = after(comes("3-1.4", ("1234", "00ab"), "S1"), more);
        match (connections.as_slice(), kind) {
            ([], None) => {}
            ([one], kind) if one.kind() == kind && kind.is_some() => {}
            other => panic!("{more:?}: {other:?}"),
        }
    };
    check(&[], Some(MediumKind::Other));
    check(&["scsi host2: uas"], Some(MediumKind::Storage));
    check(
        &["scsi host2: uas", "scsi 2:0:0:0: Direct-Access     Samsung  PSSD T7          0    PQ: 0 ANSI: 6"],
        Some(MediumKind::Storage),
    );
    check(
        &[
            "scsi host2: usb-storage 3-1.4:1.0",
            "scsi 2:0:0:0: CD-ROM            HL-DT-ST DVDRAM   NB00 PQ: 0 ANSI: 0",
        ],
        Some(MediumKind::Optical),
    );
    check(&["ums-realtek 3-1.4:1.0: USB Mass Storage device detected"], Some(MediumKind::Storage));
    check(
        &[
            "cdc_ether 3-1.4:1.0 usb0: register 'cdc_ether' at usb-0000:00:14.0-1.4, CDC Ethernet Device, 02:00:00:00:00:01",
        ],
        Some(MediumKind::Network),
    );
    check(&["r8152 3-1.4:1.0 eth0: v1.12.13"], Some(MediumKind::Network));
    check(
        &["rndis_host 3-1.4:1.0 usb0: register 'rndis_host' at usb-0000:00:14.0-1.4"],
        Some(MediumKind::Network),
    );
    check(
        &[
            "input: SIGMACHIP Keyboard as /devices/pci0000:00/0000:00:14.0/usb3/3-1/3-1.4/3-1.4:1.0/0003:1234:00AB.0001/input/input5",
        ],
        None,
    );
    check(
        &[
            "hid-generic 0003:1234:00AB.0002: hiddev96,hidraw0: USB HID v1.10 Device [UPS] on usb-0000:00:14.0-1.4/input0",
        ],
        None,
    );
    check(&["hub 3-1.4:1.0: USB hub found"], None);
    check(&["usb 3-1.4: Found UVC 1.00 device Camera (1234:00ab)"], None);
    check(&["usb 3-1.4: FTDI USB Serial Device converter now attached to ttyUSB0"], None);
    // Another device's driver says nothing of this one.
    check(&["hub 3-1:1.0: USB hub found", "scsi 2:0:0:0: CD-ROM HL-DT-ST"], Some(MediumKind::Other));
    // A keyboard that is a disk too is a disk, whatever it calls itself.
    check(
        &[
            "input: x as /devices/usb3/3-1.4/3-1.4:1.0/input/input5 as /devices/usb3/3-1.4/3-1.4:1.0/input/input6",
            "usb-storage 3-1.4:1.1: USB Mass Storage device detected",
        ],
        Some(MediumKind::Storage),
    );
}

#[test]
fn of_two_devices_at_once_uas_names_neither() {
    let mut messages = comes("1-1", ("1111", "2222"), "");
    messages.truncate(3);
    messages.extend(comes("1-2", ("1111", "2222"), ""));
    let connections = after(messages, &["scsi host2: uas"]);
    assert_eq!(connections.len(), 2);
    assert!(connections.iter().all(|connection| connection.kind() == Some(MediumKind::Other)));
}

#[test]
fn a_restart_ends_what_was_in_and_a_device_that_stays_is_open() {
    let mut messages = comes("1-1", ("0781", "5581"), "");
    messages.push("Linux version 6.1.0-30-amd64 (a@b)".to_owned());
    messages.extend(comes("1-1", ("0781", "5581"), ""));
    let connections = after(messages, &[]);
    let times: Vec<_> = connections.iter().map(|it| (it.from, it.until)).collect();
    assert_eq!(times, [(at(0), Some(at(4))), (at(6), None)]);
    assert!(connections.iter().all(|it| it.serial.is_none() && !it.has_serial));
}

#[test]
fn a_hole_in_the_record_makes_two_connections_of_two_devices() {
    let found = |serial: &'static str| {
        let mut messages = comes("1-1", ("0781", "5581"), serial);
        messages.remove(0);
        messages
    };
    let mut messages = found("A");
    messages.extend(found("B"));
    let connections = after(messages, &[]);
    let serials: Vec<_> = connections.iter().map(|it| (it.serial.clone(), it.until.is_some())).collect();
    assert_eq!(serials, [(Some("A".to_owned()), true), (Some("B".to_owned()), false)]);
}

#[test]
fn root_hubs_and_words_of_others_are_no_devices() {
    let connections = read(&[
        "usb usb1: New USB device found, idVendor=1d6b, idProduct=0002, bcdDevice= 6.01",
        "usb usb1: Product: xHCI Host Controller",
        "usbcore: registered new interface driver uas",
        "usb 1-2: New USB device found, idVendor=zz, idProduct=5581",
        "usb 1-x: New USB device found, idVendor=0781, idProduct=5581",
        "",
        ": ",
        "usb",
    ]);
    assert_eq!(connections, []);
}

#[test]
fn a_flood_of_connections_keeps_the_newest() {
    let mut log = KernelLog::default();
    for second in 0..3 * CONNECTIONS_MAX as i64 {
        log.take(at(second), "usb 1-2: new full-speed USB device number 9 using xhci_hcd");
        log.take(at(second), "usb 1-2: New USB device found, idVendor=0781, idProduct=5581, bcdDevice= 1.00");
    }
    let connections = log.finish();
    assert_eq!(connections.len(), CONNECTIONS_MAX);
    assert_eq!(connections.last().unwrap().from, at(3 * CONNECTIONS_MAX as i64 - 1));
}

#[test]
fn no_message_makes_the_reader_panic() {
    let mut chance = fastrand::Rng::with_seed(12);
    let mut seeds = comes("1-2", ("0781", "5581"), "外科");
    seeds.extend(
        [
            "scsi host2: uas",
            "scsi 2:0:0:0: CD-ROM X",
            "usb-storage 1-2:1.0: x",
            "hid 0003:1234:00AB.0002: x",
            "input: x as /devices/1-2:1.0/",
        ]
        .map(str::to_owned),
    );
    for _ in 0..500 {
        let mut log = KernelLog::default();
        for _ in 0..20 {
            let mut bytes = seeds[chance.usize(..seeds.len())].clone().into_bytes();
            let place = chance.usize(..bytes.len());
            bytes[place] = chance.u8(..);
            bytes.truncate(chance.usize(..=bytes.len()));
            log.take(at(chance.i64(0..100)), &String::from_utf8_lossy(&bytes));
        }
        log.finish();
    }
}
