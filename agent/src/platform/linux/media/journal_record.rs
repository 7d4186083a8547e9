//! The kernel's messages as systemd's journal keeps them. Only what the kernel itself said counts: fields that begin with
//! `_` are journald's own, and no program can write them (systemd.journal-fields(7)).

use jiff::{SignedDuration, Timestamp};

use super::super::journal::{self, Entry, Question};
use super::super::root::Root;
use super::kernel_log::KernelLog;

/// What the messages about USB devices belong to: the devices and their drivers, their disks' hosts, keyboards. journald
/// notes it of every message that the kernel ties to a device.
const SUBSYSTEMS: &[&str] = &["_KERNEL_SUBSYSTEM=usb", "_KERNEL_SUBSYSTEM=scsi", "_KERNEL_SUBSYSTEM=hid"];

const FIELDS: &[&str] = &["MESSAGE", "_TRANSPORT", "_SOURCE_MONOTONIC_TIMESTAMP"];

/// A device leaves some ten messages: a month of sixty connections a day.
const ENTRIES_MAX: usize = 20_000;

/// journald takes in late what the kernel said before it ran. For as long the kernel's clock is the better one; later the
/// machine may have slept, and that clock with it.
const EARLY: SignedDuration = SignedDuration::from_mins(5);

/// The boot that lasts, and when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Boot {
    pub(super) id: u128,
    pub(super) at: Timestamp,
}

/// What the journal told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// From then on nothing that the kernel said is missing.
    pub(super) complete_since: Option<Timestamp>,
    pub(super) problems: Vec<String>,
}

/// Reads the journal into `log`.
pub(super) fn read(root: &Root, since: Timestamp, boot: Option<Boot>, log: &mut KernelLog) -> Told {
    let question = Question { any_of: SUBSYSTEMS, fields: FIELDS, since, entries_max: ENTRIES_MAX };
    let journal = journal::ask(root, &question);
    replay(&journal.entries, boot, log);
    Told { complete_since: journal.complete_since, problems: journal.problems }
}

/// Each boot's entries, oldest first.
fn replay(entries: &[Entry], boot: Option<Boot>, log: &mut KernelLog) {
    let by_kernel = |entry: &&Entry| entry.field("_TRANSPORT") == Some("kernel");
    let entries: Vec<&Entry> = entries.iter().filter(by_kernel).collect();
    for of_boot in entries.chunk_by(|a, b| a.boot == b.boot) {
        log.restart();
        let known = boot.filter(|boot| of_boot[0].boot == boot.id).map(|boot| boot.at);
        // Of another boot: the entry that was taken in least late says when it began.
        let begins = of_boot.iter().filter_map(|entry| entry.at.checked_sub(early(entry)?).ok());
        let began = known.or_else(|| begins.min());
        for entry in of_boot {
            let at = began.and_then(|began| began.checked_add(early(entry)?).ok()).unwrap_or(entry.at);
            log.take(at, entry.field("MESSAGE").unwrap_or_default());
        }
    }
}

/// The kernel's clock at an entry of a boot's first minutes.
fn early(entry: &Entry) -> Option<SignedDuration> {
    let microseconds = entry.field("_SOURCE_MONOTONIC_TIMESTAMP")?.parse().ok()?;
    Some(SignedDuration::from_micros(microseconds)).filter(|uptime| !uptime.is_negative() && *uptime < EARLY)
}
