//! Media out of a registry that is written as text, with a machine that answers what a test says.

use std::cell::RefCell;
use std::io;

use daicho_proto::facts::{MediumKind, SerialDoubt};

use super::plugged::{Disk, Filling, Volume};
use super::*;
use crate::platform::windows::registry::text::TextRegistry;

mod following;

const REGISTRY: &str = include_str!("../../../../fixtures/windows/media.reg");

const STICK: &str = "USB\\VID_0781&PID_5581\\4C530001120523107384";

const STICKS_DISK: &str = "USBSTOR\\Disk&Ven_SanDisk&Prod_Ultra_USB_3.0&Rev_1.00\\4C530001120523107384&0";

const DRIVE: &str = "SCSI\\CdRom&Ven_PLDS&Prod_DVD-ROM_DU-8D5LH\\4&241bacd1&0&010000";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-03-17T00:00:00Z")
}

/// A count of 100 nanoseconds since 1601, as the registry's text has it.
fn bytes_of(text: &str) -> String {
    let count = u64::try_from(at(text).as_nanosecond() / 100 + 116_444_736_000_000_000).unwrap();
    count.to_le_bytes().map(|byte| format!("{byte:02x}")).join(",")
}

/// The times that Windows 8 and later write beside a device.
fn times(instance: &str, times: &[(&str, &str)]) -> String {
    let key = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Enum";
    let group = format!("{key}\\{instance}\\Properties\\{{83da6326-97a6-4088-9453-a1923f573b29}}");
    let lines =
        times.iter().map(|(number, at)| format!("[{group}\\{number}]\n@=hex(ffff0010):{}\n", bytes_of(at)));
    lines.collect()
}

fn used_in_march() -> String {
    let march = [
        ("0065", "2026-02-01T00:00:00Z"),
        ("0066", "2026-03-10T05:00:00Z"),
        ("0067", "2026-03-10T05:30:00Z"),
    ];
    times(STICK, &march)
}

fn machine(more: &str) -> Machine {
    let nowhere = std::path::Path::new("/nowhere/at/all");
    let registry = Box::new(TextRegistry::parse(&format!("{REGISTRY}\n{more}")));
    Machine { registry, disk: crate::platform::windows::disk::Disk::at(nowhere), live: false }
}

/// A running machine that answers what it is told to.
#[derive(Default)]
struct Answers {
    present: RefCell<Vec<String>>,
    plugged: Plugged,
    dates: Dates,
    is_dumb: bool,
}

impl Running for Answers {
    fn is_present(&self, instance: &str) -> io::Result<bool> {
        if self.is_dumb {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "no such function"));
        }
        Ok(self.present.borrow().iter().any(|own| own.eq_ignore_ascii_case(instance)))
    }

    fn dates(&self, _: &str) -> Dates {
        self.dates
    }

    fn plugged(&self, may_ask: &dyn Fn(&str) -> bool) -> io::Result<Plugged> {
        if self.is_dumb {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "no such function"));
        }
        let unasked = |disk: &Disk| if may_ask(&disk.instance) { disk.filling } else { Filling::Unasked };
        let disks = self.plugged.disks.iter().map(|disk| Disk { filling: unasked(disk), ..disk.clone() });
        Ok(Plugged { disks: disks.collect(), volumes: self.plugged.volumes.clone() })
    }
}

fn with_stick() -> Answers {
    Answers {
        present: RefCell::new(vec![STICK.to_lowercase()]),
        plugged: Plugged {
            disks: vec![Disk {
                instance: STICKS_DISK.to_uppercase(),
                number: Some((7, 1)),
                filling: Filling::Empty,
            }],
            volumes: vec![
                Volume { mounts: vec!["C:".to_owned()], number: Some((7, 0)) },
                Volume { mounts: vec!["F:".to_owned()], number: Some((7, 1)) },
            ],
        },
        ..Answers::default()
    }
}

fn media(machine: &Machine, running: Option<&dyn Running>) -> (Vec<Medium>, Vec<String>) {
    match look_with(machine, running, now()) {
        Look::Seen { value, problems } => (value, problems),
        other => panic!("{other:?}"),
    }
}

fn find<'a>(media: &'a [Medium], vendor: &str) -> &'a Medium {
    media.iter().find(|medium| medium.vendor_id.as_deref() == Some(vendor)).unwrap()
}

#[test]
fn a_record_tells_who_it_was_and_when() {
    let (media, problems) = media(&machine(&used_in_march()), None);
    assert_eq!(problems, Vec::<String>::new());
    let stick = find(&media, "0781");
    let expected = Medium {
        vendor_id: Some("0781".to_owned()),
        product_id: Some("5581".to_owned()),
        serial: Some("4C530001120523107384".to_owned()),
        manufacturer: Some("SanDisk".to_owned()),
        product: Some("Ultra USB 3.0".to_owned()),
        kind: MediumKind::Storage,
        label: Some("外科".to_owned()),
        mounts: vec!["E:".to_owned()],
        seen: MediumSeen::Record,
        first_seen: Some(at("2026-02-01T00:00:00Z")),
        last_seen: Some(at("2026-03-10T05:30:00Z")),
        connected_at: Some(at("2026-03-10T05:00:00Z")),
        release: Some("0100".to_owned()),
        ..Medium::default()
    };
    assert_eq!(*stick, expected);
}

#[test]
fn what_a_thing_is_comes_from_its_classes_and_what_carries_no_files_is_not_told() {
    let (media, _) = media(&machine(""), None);
    let kinds = |medium: &Medium| (medium.subject(), medium.kind);
    let mut told: Vec<_> = media.iter().map(kinds).collect();
    told.sort_by_key(|(subject, _)| subject.clone());
    let expected = [
        ("0781:5581:4C530001120523107384", MediumKind::Storage),
        ("0b95:1790:00000000000123", MediumKind::Network),
        ("1234:0001:-", MediumKind::Storage),
        ("13fd:0840:KZ1D9R", MediumKind::Optical),
        ("152d:0567:160087320341700000F9", MediumKind::Storage),
        ("18d1:4ee2:9A241FFAZ001XK", MediumKind::Phone),
    ];
    assert_eq!(told, expected.map(|(subject, kind)| (subject.to_owned(), kind)));
    assert_eq!(find(&media, "152d").product.as_deref(), Some("Silicon-Power"));
    assert_eq!(find(&media, "1234").manufacturer.as_deref(), Some("Generic"));
    let adapter = "ASIX AX88179 USB 3.0 to Gigabit Ethernet Adapter";
    assert_eq!(find(&media, "0b95").product.as_deref(), Some(adapter));
}

#[test]
fn a_disk_whose_usb_device_was_cleaned_away_is_still_a_record() {
    let lone = "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Enum\\USBSTOR\\Disk&Ven_HP&Prod_v100w&Rev_1024\\\
                AA951D0000007252&0]\n\"Service\"=\"disk\"\n";
    let (media, _) = media(&machine(lone), None);
    let stick = media.iter().find(|medium| medium.manufacturer.as_deref() == Some("HP")).unwrap();
    assert_eq!((stick.serial.as_deref(), stick.kind), (Some("AA951D0000007252"), MediumKind::Storage));
    assert_eq!(stick.vendor_id, None);
}

#[test]
fn first_use_and_installation_of_its_drivers_are_one() {
    for (installed, arrived) in
        [("2026-03-10T05:00:07Z", "2026-03-10T05:00:00Z"), ("2026-03-10T05:00:00Z", "2026-03-10T05:00:07Z")]
    {
        let (media, _) = media(&machine(&times(STICK, &[("0065", installed), ("0066", arrived)])), None);
        let stick = find(&media, "0781");
        assert_eq!((stick.first_seen, stick.connected_at), (Some(at(arrived)), Some(at(arrived))));
    }
}

#[test]
fn windows_7_keeps_its_times_one_key_deeper() {
    let group = format!("HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Enum\\{STICK}\\Properties");
    let key = format!("[{group}\\{{83da6326-97a6-4088-9453-a1923f573b29}}\\00000065\\00000000]");
    let data = bytes_of("2011-04-01T04:52:40Z");
    let (media, _) = media(&machine(&format!("{key}\n\"Data\"=hex(3):{data}\n")), None);
    assert_eq!(find(&media, "0781").first_seen, Some(at("2011-04-01T04:52:40Z")));
}

#[test]
fn what_is_there_now_is_present_with_its_letter_and_no_record() {
    let (media, problems) = media(&machine(&used_in_march()), Some(&with_stick()));
    assert_eq!(problems, Vec::<String>::new());
    let sticks: Vec<_> = media.iter().filter(|medium| medium.vendor_id.as_deref() == Some("0781")).collect();
    let [stick] = sticks.as_slice() else { panic!("{sticks:?}") };
    assert_eq!((stick.seen, stick.mounts.as_slice()), (MediumSeen::Present, ["F:".to_owned()].as_slice()));
    assert_eq!(stick.first_seen, Some(at("2026-03-10T05:00:00Z")));
    assert_eq!(stick.last_seen, Some(now()));
    assert_eq!(stick.label.as_deref(), Some("外科"));
}

#[test]
fn a_running_machine_tells_records_of_a_month_and_a_disk_tells_all() {
    let old = times(STICK, &[("0065", "2020-01-01T00:00:00Z"), ("0066", "2026-01-10T05:00:00Z")]);
    let is_told = |media: Vec<Medium>| media.iter().any(|medium| medium.vendor_id.as_deref() == Some("0781"));
    assert!(is_told(media(&machine(&old), None).0));
    assert!(!is_told(media(&machine(&old), Some(&Answers::default())).0));
    let again = times(STICK, &[("0065", "2020-01-01T00:00:00Z"), ("0066", "2026-03-10T05:00:00Z")]);
    let (media, _) = media(&machine(&again), Some(&Answers::default()));
    assert_eq!(find(&media, "0781").first_seen, None);
    assert_eq!(find(&media, "0781").connected_at, Some(at("2026-03-10T05:00:00Z")));
}

#[test]
fn a_machine_that_cannot_say_what_is_plugged_in_says_so() {
    let dumb = Answers { is_dumb: true, ..Answers::default() };
    let (media, problems) = media(&machine(&used_in_march()), Some(&dumb));
    assert_eq!(find(&media, "0781").seen, MediumSeen::Record);
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn a_disc_in_the_machines_own_drive_is_a_medium_and_an_empty_drive_is_none() {
    let drive = |filling| Answers {
        plugged: Plugged {
            disks: vec![Disk { instance: DRIVE.to_uppercase(), number: Some((2, 0)), filling }],
            volumes: vec![Volume { mounts: vec!["D:".to_owned()], number: Some((2, 0)) }],
        },
        ..Answers::default()
    };
    let discs = |answers: Answers| {
        let (media, _) = media(&machine(""), Some(&answers));
        media
            .into_iter()
            .filter(|medium| medium.product.as_deref() == Some("DVD-ROM DU-8D5LH"))
            .collect::<Vec<_>>()
    };
    assert_eq!(discs(drive(Filling::Empty)), []);
    assert_eq!(discs(drive(Filling::Unasked)), []);
    let [disc] = discs(drive(Filling::Filled(3))).try_into().unwrap();
    assert_eq!((disc.kind, disc.mounts.as_slice()), (MediumKind::Optical, ["D:".to_owned()].as_slice()));
}

#[test]
fn two_that_are_in_at_once_with_one_serial_number_are_doubted() {
    let twin = "USB\\VID_0781&PID_5581\\4c530001120523107384";
    let other = REGISTRY.replace("PID_5581\\4C530001120523107384", "PID_5581\\4C530001120523107384 ");
    let mut machine = machine("");
    machine.registry = Box::new(TextRegistry::parse(&format!("{REGISTRY}\n{other}")));
    let answers = with_stick();
    answers.present.borrow_mut().push(format!("{twin} "));
    let (media, _) = media(&machine, Some(&answers));
    let sticks: Vec<_> = media.iter().filter(|medium| medium.vendor_id.as_deref() == Some("0781")).collect();
    assert_eq!(sticks.len(), 2);
    assert!(sticks.iter().all(|stick| stick.serial_doubt == Some(SerialDoubt::Shared)));
}

#[test]
fn without_a_tree_of_devices_nothing_is_satisfied() {
    let mut machine = machine("");
    machine.registry =
        Box::new(TextRegistry::parse("[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services]"));
    let look = look_with(&machine, None, now());
    assert!(matches!(look, Look::Unreadable { .. }), "{look:?}");
}
