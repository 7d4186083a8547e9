//! What is told of media that come and go, on the same trees of devices.

use daicho_proto::facts::MediumAction;

use super::super::tracker::Tracker;
use super::super::uevent::Uevent;
use super::*;

fn uevent(action: &str, path: &str, values: &[&str]) -> Uevent {
    let mut message = format!("{action}@{path}\0ACTION={action}\0DEVPATH={path}\0").into_bytes();
    for value in values {
        message.extend(value.as_bytes());
        message.push(0);
    }
    Uevent::parse(&message).unwrap()
}

fn device_event(action: &str) -> Uevent {
    uevent(action, PORT, &["SUBSYSTEM=usb", "DEVTYPE=usb_device", "PRODUCT=781/5581/100", "TYPE=0/0/0"])
}

fn interface_event(action: &str) -> Uevent {
    let values = ["SUBSYSTEM=usb", "DEVTYPE=usb_interface", "PRODUCT=781/5581/100", "INTERFACE=8/6/80"];
    uevent(action, &format!("{PORT}/1-2:1.0"), &values)
}

fn told(events: &[MediumEvent]) -> Vec<(MediumAction, String)> {
    events.iter().map(|event| (event.action, event.medium.subject())).collect()
}

#[test]
fn a_stick_arrives_once_is_mounted_and_leaves_with_its_name() {
    let tree = Tree::new();
    let mut tracker = Tracker::starting_with(tree.snapshot());
    tree.stick("7");
    let mut events = tracker.uevent(&device_event("add"));
    events.extend(tracker.uevent(&interface_event("add")));
    events.extend(tracker.media_now(tree.snapshot()));
    assert_eq!(told(&events), [(MediumAction::Arrived, STICK.to_owned())]);
    for event in [
        interface_event("bind"),
        device_event("bind"),
        device_event("change"),
        device_event("add"),
        interface_event("add"),
    ] {
        assert_eq!(tracker.uevent(&event), []);
        assert_eq!(tracker.media_now(tree.snapshot()), [], "{event:?}");
    }
    tree.disk("60125184");
    assert_eq!(tracker.media_now(tree.snapshot()), [], "its disk is no new medium");
    tree.mounted(&[("8:17", "/mnt", "/dev/sdb1")]);
    let events = tracker.media_now(tree.snapshot());
    assert_eq!(told(&events), [(MediumAction::Mounted, STICK.to_owned())]);
    assert_eq!(events[0].medium.mounts, ["/mnt"]);
    tree.mounted(&[]);
    assert_eq!(told(&tracker.media_now(tree.snapshot())), [(MediumAction::Unmounted, STICK.to_owned())]);
    tree.unplug(PORT);
    assert_eq!(tracker.uevent(&interface_event("remove")), []);
    assert_eq!(told(&tracker.uevent(&device_event("remove"))), [(MediumAction::Left, STICK.to_owned())]);
    assert_eq!(tracker.media_now(tree.snapshot()), []);
    assert!(!tracker.is_watching());
}

#[test]
fn a_look_alone_makes_good_what_the_socket_lost() {
    let tree = Tree::new();
    let mut tracker = Tracker::starting_with(tree.snapshot());
    tree.stick("7");
    assert_eq!(told(&tracker.media_now(tree.snapshot())), [(MediumAction::Arrived, STICK.to_owned())]);
    // Pulled and plugged again while nobody listened: the kernel counts on.
    tree.stick("8");
    let events = tracker.media_now(tree.snapshot());
    assert_eq!(
        told(&events),
        [(MediumAction::Left, STICK.to_owned()), (MediumAction::Arrived, STICK.to_owned())]
    );
    tree.unplug(PORT);
    assert_eq!(told(&tracker.media_now(tree.snapshot())), [(MediumAction::Left, STICK.to_owned())]);
}

#[test]
fn a_stick_that_is_pulled_before_anybody_looked_is_told_all_the_same() {
    let tree = Tree::new();
    let mut tracker = Tracker::starting_with(tree.snapshot());
    tracker.uevent(&device_event("add"));
    tracker.uevent(&interface_event("add"));
    let events = tracker.uevent(&device_event("remove"));
    let subject = "0781:5581:-".to_owned();
    assert_eq!(told(&events), [(MediumAction::Arrived, subject.clone()), (MediumAction::Left, subject)]);
    assert_eq!(tracker.media_now(tree.snapshot()), []);
}

#[test]
fn a_keyboard_is_no_medium_coming_or_going() {
    let tree = Tree::new();
    let mut tracker = Tracker::starting_with(tree.snapshot());
    tree.device(
        PORT,
        &[("idVendor", "05f3"), ("idProduct", "0007"), ("bDeviceClass", "00"), ("devnum", "3")],
    );
    tree.interface(PORT, "03", "01", "01");
    let values = ["SUBSYSTEM=usb", "DEVTYPE=usb_interface", "PRODUCT=5f3/7/320", "INTERFACE=3/1/1"];
    let mut events = tracker.uevent(&uevent("add", &format!("{PORT}/1-2:1.0"), &values));
    events.extend(tracker.media_now(tree.snapshot()));
    tree.unplug(PORT);
    events.extend(tracker.uevent(&device_event("remove")));
    events.extend(tracker.media_now(tree.snapshot()));
    assert_eq!(events, []);
    assert_eq!(tree.media(), []);
}

#[test]
fn what_was_there_before_does_not_arrive() {
    let tree = Tree::new();
    tree.stick("7");
    let mut tracker = Tracker::starting_with(tree.snapshot());
    assert_eq!(tracker.media_now(tree.snapshot()), []);
    tree.unplug(PORT);
    assert_eq!(told(&tracker.uevent(&device_event("remove"))), [(MediumAction::Left, STICK.to_owned())]);
}

#[test]
fn a_built_in_reader_is_no_medium_until_a_card_is_in_it() {
    let tree = Tree::new();
    tree.stick("7");
    tree.write(&format!("/sys{PORT}/removable"), "fixed\n");
    tree.disk("0");
    let mut tracker = Tracker::starting_with(Snapshot::default());
    assert_eq!(tracker.media_now(tree.snapshot()), []);
    assert_eq!(tree.media(), []);
    tree.disk("60125184");
    assert_eq!(told(&tracker.media_now(tree.snapshot())), [(MediumAction::Arrived, STICK.to_owned())]);
    assert_eq!(tree.media().len(), 1);
    tree.disk("0");
    assert_eq!(told(&tracker.media_now(tree.snapshot())), [(MediumAction::Left, STICK.to_owned())]);
    tree.unplug(PORT);
    assert_eq!(tracker.media_now(tree.snapshot()), []);
}

#[test]
fn a_device_that_becomes_another_one_leaves_and_arrives() {
    let tree = Tree::new();
    tree.stick("7");
    let mut tracker = Tracker::starting_with(tree.snapshot());
    tree.write(&format!("/sys{PORT}/serial"), "FFEE\n");
    let events = tracker.media_now(tree.snapshot());
    let other = "0781:5581:FFEE".to_owned();
    assert_eq!(
        told(&events),
        [(MediumAction::Left, STICK.to_owned()), (MediumAction::Arrived, other.clone())]
    );
    tree.interface(PORT, "06", "01", "01");
    let events = tracker.media_now(tree.snapshot());
    assert_eq!(told(&events), [(MediumAction::Left, other.clone()), (MediumAction::Arrived, other)]);
    assert_eq!(events[1].medium.kind, MediumKind::Phone);
    assert_eq!(tracker.media_now(tree.snapshot()), []);
}

#[test]
fn behind_a_hub_that_enumerates_again_each_stick_leaves_and_arrives_once() {
    let tree = Tree::new();
    let stick = |port: &str, serial: &str, number: &str| {
        let path = format!("{PORT}/{port}");
        let attributes =
            [("idVendor", "0781"), ("idProduct", "5581"), ("serial", serial), ("devnum", number)];
        tree.device(&path, &attributes);
        tree.interface(&path, "08", "06", "50");
    };
    tree.device(
        PORT,
        &[("idVendor", "05e3"), ("idProduct", "0610"), ("bDeviceClass", "09"), ("devnum", "4")],
    );
    stick("1-2.1", "A", "5");
    stick("1-2.2", "B", "6");
    let mut tracker = Tracker::starting_with(tree.snapshot());
    // A reset keeps the numbers (a machine that slept and woke), and is nothing.
    assert_eq!(tracker.media_now(tree.snapshot()), []);
    tree.device(PORT, &[("devnum", "7")]);
    stick("1-2.1", "A", "8");
    stick("1-2.2", "B", "9");
    let (a, b) = ("0781:5581:A".to_owned(), "0781:5581:B".to_owned());
    let expected = [
        (MediumAction::Left, a.clone()),
        (MediumAction::Left, b.clone()),
        (MediumAction::Arrived, a),
        (MediumAction::Arrived, b),
    ];
    assert_eq!(told(&tracker.media_now(tree.snapshot())), expected);
    assert_eq!(tracker.media_now(tree.snapshot()), []);
}

#[test]
fn a_drive_that_turns_out_to_be_optical_arrived_already() {
    let tree = Tree::new();
    tree.stick("7");
    let mut tracker = Tracker::starting_with(tree.snapshot());
    let drive = format!("{PORT}/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sr1");
    tree.block(&drive, &[("dev", "11:1"), ("size", "2097151"), ("removable", "1"), ("device/type", "5")]);
    assert_eq!(tracker.media_now(tree.snapshot()), []);
    assert_eq!(tree.snapshot().connected[0].medium.kind, MediumKind::Optical);
}

#[test]
fn a_reader_whose_card_came_out_is_told_as_left_and_not_as_present() {
    let tree = Tree::new();
    tree.stick("7");
    let slot = format!("{PORT}/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sdb");
    let card = |size| {
        tree.block(&slot, &[("dev", "8:16"), ("size", size), ("removable", "1"), ("device/type", "0")]);
    };
    card("16384");
    let mut tracker = Tracker::starting_with(tree.snapshot());
    assert_eq!(tree.media().len(), 1);
    card("0");
    let left = tracker.media_now(tree.snapshot());
    assert_eq!(left.iter().map(|event| event.action).collect::<Vec<_>>(), [MediumAction::Left]);
    assert_eq!(tree.media(), []);
}

#[test]
fn each_card_of_a_reader_with_several_slots_arrives() {
    let tree = Tree::new();
    tree.stick("7");
    let slot = |lun: &str, sectors: &str| {
        let disk = format!("{PORT}/1-2:1.0/host6/target6:0:0/6:0:0:{lun}/block/sd{lun}");
        tree.block(
            &disk,
            &[("dev", &format!("8:{lun}")), ("size", sectors), ("removable", "1"), ("device/type", "0")],
        );
    };
    slot("0", "0");
    slot("1", "0");
    let mut tracker = Tracker::starting_with(tree.snapshot());
    let mut actions = |tree: &Tree| {
        let events = tracker.media_now(tree.snapshot());
        events.into_iter().map(|event| event.action).collect::<Vec<_>>()
    };
    slot("0", "100");
    assert_eq!(actions(&tree), [MediumAction::Arrived]);
    slot("1", "200");
    assert_eq!(actions(&tree), [MediumAction::Left, MediumAction::Arrived]);
    slot("0", "0");
    assert_eq!(actions(&tree), [], "the other card is still in");
    slot("1", "0");
    assert_eq!(actions(&tree), [MediumAction::Left]);
}

#[test]
fn only_what_can_change_media_asks_for_a_look() {
    assert!(device_event("add").matters());
    assert!(!uevent("add", "/devices/virtual/net/veth0", &["SUBSYSTEM=net"]).matters());
    assert!(!uevent("change", "/devices/system/cpu/cpu0", &["SUBSYSTEM=cpu"]).matters());
    assert_eq!(Uevent::parse(b"libudev\0\xfe\xed\xca\xfe"), None);
    assert_eq!(Uevent::parse(b""), None);
}

#[test]
fn no_bytes_make_a_parser_panic() {
    let mut chance = fastrand::Rng::with_seed(10);
    let seeds: [&[u8]; 3] = [
        b"add@/devices/usb1/1-2/1-2:1.0\0SUBSYSTEM=usb\0DEVTYPE=usb_interface\0PRODUCT=781/5581/100\0INTERFACE=8/6/80\0",
        b"36 35 8:17 / /media/a\\040b rw shared:1 - vfat /dev/sdb1 rw\n",
        b"I:12\nE:ID_FS_LABEL_ENC=\\x20\\xe5\nE:ID_FS_UUID=1\n",
    ];
    for _ in 0..5_000 {
        let mut bytes = seeds[chance.usize(..seeds.len())].to_vec();
        for _ in 0..chance.usize(1..6) {
            let at = chance.usize(..bytes.len());
            bytes[at] = chance.u8(..);
        }
        let text = String::from_utf8_lossy(&bytes);
        mounts::parse(&text);
        udev::parse(&text);
        if let Some(event) = Uevent::parse(&bytes) {
            Tracker::default().uevent(&event);
        }
    }
}
