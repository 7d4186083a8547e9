//! Media of a Linux machine: `read` touches the machine, `parse` is pure. Nothing here opens a device.

use std::sync::{Mutex, PoisonError};

use daicho_proto::facts::{Look, Medium, MediumEvent};
use jiff::Timestamp;
use sysinfo::System;

use super::antivirus::scan_log;
use super::root::Root;
use crate::platform::media::{Connected, Slot, Snapshot, UsbDevice, kind, tracker};

mod blocks;
mod follower;
mod glimpses;
mod journal_record;
mod kernel_log;
mod log_lines;
mod mounts;
mod records;
mod sysfs;
mod udev;
mod uevent;
mod uses;
mod writes;

#[cfg(test)]
mod tests;

pub(super) use records::Remembered;
pub(super) use uses::Uses;

/// What lies on a disk is known a moment after the disk is: udev reads it, and its records tell that it has. The
/// kernel's uevent is earlier, and no uevent of its own follows. The links tell where udev keeps no records; a service
/// with devices of its own (`PrivateDevices=`) does not see them.
pub(super) const WATCHED: &[&str] = &["/dev/disk/by-label", "/dev/disk/by-uuid", "/run/udev/data"];

/// Looks at what is plugged in, and at what the records remember. A root without a tree of devices (a disk's image) has
/// the records only.
pub(super) fn look(
    root: &Root,
    now: Timestamp,
    uses: &Mutex<Uses>,
    remembered: &Remembered,
) -> Look<Vec<Medium>> {
    let records = remembered.records(root, now);
    let mut problems = records.problems.clone();
    if !root.exists("/sys/bus") && !root.exists("/sys/class") {
        if !root.is_live() && !records.are_kept && problems.is_empty() {
            return Look::Unsupported;
        }
        problems.push(if root.is_live() {
            "/sys is not mounted, so what is plugged in cannot be seen".to_owned()
        } else {
            "these files have no /sys, so what is plugged in cannot be told".to_owned()
        });
        if !records.are_kept {
            return Look::Unreadable { problems };
        }
        return Look::Seen { value: remembered.media(&records.connections, &Snapshot::default()), problems };
    }
    let boot_time = if root.is_live() { boot_time() } else { None };
    match sysfs::snapshot(root, boot_time) {
        Ok(mut snapshot) => {
            if root.is_live() {
                tell_scans(root, now, uses, &mut snapshot);
            }
            remembered.learn(&snapshot);
            let recorded = remembered.media(&records.connections, &snapshot);
            // An empty reader that is built in is no medium.
            let media = snapshot
                .connected
                .into_iter()
                // A reader whose card was taken out was told as left: the inventory must not tell otherwise. One that
                // is built in is a part of the machine until a card is in it.
                .filter(|it| {
                    if it.is_fixed { matches!(it.slot, Slot::Filled(_)) } else { it.slot != Slot::Empty }
                });
            let media = media.map(|it| Medium { last_seen: Some(now), ..it.medium });
            Look::Seen { value: media.chain(recorded).collect(), problems }
        }
        Err(error) => {
            problems.push(format!("the devices of /sys could not be read: {error}"));
            Look::Unreadable { problems }
        }
    }
}

/// Follows what comes and goes on this machine. Below another root nothing does.
pub(super) fn follow(
    root: &Root,
    uses: &Mutex<Uses>,
    remembered: &Remembered,
    tell: &mut dyn FnMut(Timestamp, MediumEvent) -> bool,
) -> std::io::Result<()> {
    if root.is_live() { follower::follow(root, uses, remembered, tell) } else { Ok(()) }
}

/// Writes beside each medium what the antivirus records say of its use, and what was written to it.
fn tell_scans(root: &Root, now: Timestamp, uses: &Mutex<Uses>, snapshot: &mut Snapshot) {
    let record = |since: Timestamp, is_ours: &dyn Fn(&str) -> bool| scan_log::read(root, since, is_ours);
    let mut uses = uses.lock().unwrap_or_else(PoisonError::into_inner);
    uses.writes.see(snapshot, now);
    for connected in &mut snapshot.connected {
        connected.medium.scan = uses.scan(&connected.key, now, &record);
    }
}

fn boot_time() -> Option<Timestamp> {
    let seconds = i64::try_from(System::boot_time()).ok()?;
    Timestamp::from_second(seconds).ok()
}
