//! Log files on disk: which are read, how much of them, in which order.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use super::*;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn found(time: &str, product: &str) -> String {
    format!(
        "{time} sv01 kernel: usb 1-2: New USB device found, idVendor=0781, idProduct={product}, bcdDevice= 1.00\n"
    )
}

struct Logs {
    folder: tempfile::TempDir,
}

impl Logs {
    fn new() -> Self {
        let logs = Logs { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(logs.folder.path().join("var/log")).unwrap();
        logs
    }

    /// A file, last written on that day of November.
    fn write(&self, name: &str, day: u64, bytes: impl AsRef<[u8]>) {
        let path = self.folder.path().join("var/log").join(name);
        fs::write(&path, bytes).unwrap();
        let begin = u64::try_from("2026-11-01T00:00:00Z".parse::<Timestamp>().unwrap().as_second()).unwrap();
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(begin + day * 86_400);
        File::options().write(true).open(path).unwrap().set_modified(written).unwrap();
    }

    fn products(&self) -> Vec<String> {
        let records = read(&Root::at(self.folder.path()).unwrap(), now());
        assert_eq!(records.problems, Vec::<String>::new());
        records.connections.into_iter().filter_map(|it| it.product_id).collect()
    }
}

#[test]
fn rotated_files_are_read_in_the_order_in_which_they_were_written() {
    let logs = Logs::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(found("2026-11-05T00:00:00Z", "0001").as_bytes()).unwrap();
    logs.write("messages-20261106.gz", 6, packed.finish().unwrap());
    logs.write("messages-20261113", 12, found("2026-11-12T00:00:00Z", "0002"));
    logs.write("messages", 21, found("2026-11-21T00:00:00Z", "0003"));
    // Another log, an older one, and one whose file is younger than what it says.
    logs.write("messages.old.xz", 12, "?");
    logs.write("syslog", 21, found("2026-11-20T00:00:00Z", "0004"));
    logs.write("messages.1", 11, found("2026-09-01T00:00:00Z", "0005"));
    assert_eq!(logs.products(), ["0001", "0002", "0003"]);
}

#[test]
fn the_middle_of_a_line_that_is_too_long_is_no_line() {
    let logs = Logs::new();
    let padding = usize::try_from(LINE_BYTES_MAX).unwrap();
    let head = "2026-11-21T00:00:00Z sv01 tanaka: ";
    let forged =
        format!("{head}{}{}", "x".repeat(padding - head.len()), found("2026-11-21T00:00:00Z", "6666"));
    logs.write("kern.log", 21, format!("{forged}{}", found("2026-11-21T00:00:00Z", "0001")));
    assert_eq!(logs.products(), ["0001"]);
}

/// `fixtures/journal/make` says what is in it; its time begins here.
const JOURNAL_BEGINS: &str = "2025-10-09T08:53:20Z";

fn with_journal(logs: &Logs) {
    let machine = "0123456789abcdef0123456789abcdef";
    let folder = logs.folder.path().join("var/log/journal").join(machine);
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir(logs.folder.path().join("etc")).unwrap();
    fs::write(logs.folder.path().join("etc/machine-id"), format!("{machine}\n")).unwrap();
    let packed = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/journal/usb.journal.gz");
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(packed).unwrap()).read_to_end(&mut bytes).unwrap();
    fs::write(folder.join("system.journal"), bytes).unwrap();
}

/// Seconds after the journal's beginning: serial number, coming, going.
fn told(logs: &Logs) -> Vec<(String, i64, Option<i64>)> {
    let begin: Timestamp = JOURNAL_BEGINS.parse().unwrap();
    let records = read(&Root::at(logs.folder.path()).unwrap(), begin + SignedDuration::from_hours(1));
    assert_eq!(records.problems, Vec::<String>::new());
    let seconds = |at: Timestamp| at.duration_since(begin).as_secs();
    let told = |it: Connection| (it.serial.unwrap_or_default(), seconds(it.from), it.until.map(seconds));
    records.connections.into_iter().map(told).collect()
}

#[test]
fn the_journal_tells_who_came_and_when_by_the_kernels_own_clock() {
    let logs = Logs::new();
    with_journal(&logs);
    let expected = [
        // journald took its coming in at 20 s; the kernel had said it at 2 s.
        ("AT-BOOT".to_owned(), 2, Some(600)),
        // The machine started again with it.
        ("STAYED-IN".to_owned(), 700, Some(700)),
        ("LATER".to_owned(), 2000, Some(2120)),
    ];
    assert_eq!(told(&logs), expected);
}

#[test]
fn files_tell_what_came_before_the_journal_and_nothing_twice() {
    let logs = Logs::new();
    with_journal(&logs);
    let line = |time: &str, text: &str| format!("{time} sv01 kernel: {text}\n");
    let stick = |time: &str, serial: &str| {
        line(time, "usb 1-1: new high-speed USB device number 2 using xhci_hcd")
            + &line(time, "usb 1-1: New USB device found, idVendor=0781, idProduct=5581, bcdDevice= 1.00")
            + &line(time, &format!("usb 1-1: SerialNumber: {serial}"))
            + &line(time, "usb 1-1: USB disconnect, device number 2")
    };
    let kept = stick("2025-10-09T08:00:00Z", "BEFORE") + &stick("2025-10-09T09:26:40Z", "LATER");
    logs.write("kern.log", 1, kept);
    let told = told(&logs);
    let serials: Vec<&str> = told.iter().map(|(serial, ..)| serial.as_str()).collect();
    assert_eq!(serials, ["BEFORE", "AT-BOOT", "STAYED-IN", "LATER"]);
}

#[test]
fn records_are_read_again_after_their_time_or_when_the_clock_was_turned_back() {
    let logs = Logs::new();
    let root = Root::at(logs.folder.path()).unwrap();
    let remembered = Remembered::default();
    let count = |now: Timestamp, product: &str| {
        logs.write("kern.log", 21, found("2026-11-21T00:00:00Z", product));
        remembered.records(&root, now).connections[0].product_id.clone().unwrap()
    };
    assert_eq!(count(now(), "0001"), "0001");
    assert_eq!(count(now() + SignedDuration::from_mins(59), "0002"), "0001");
    assert_eq!(count(now() + SignedDuration::from_mins(61), "0003"), "0003");
    assert_eq!(count(now() + SignedDuration::from_mins(5), "0004"), "0004");
}

#[test]
fn one_connection_in_two_records_is_told_once() {
    let mut log = KernelLog::default();
    let second = now().checked_sub(SignedDuration::from_secs(4)).unwrap();
    for at in [second, now()] {
        log.take(at, "usb 1-2: new high-speed USB device number 5 using xhci_hcd");
        log.take(at, "usb 1-2: New USB device found, idVendor=0781, idProduct=5581, bcdDevice= 1.00");
        log.take(at, "usb-storage 1-2:1.0: USB Mass Storage device detected");
    }
    let connections = log.finish();
    assert_eq!(
        (connections.len(), Remembered::default().media(&connections, &Snapshot::default()).len()),
        (2, 1)
    );
}
