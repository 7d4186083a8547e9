//! What is plugged in, and what comes and goes: told alike on every system that can look.

use std::collections::{BTreeMap, BTreeSet};

use daicho_proto::facts::{Medium, MediumKind, SerialDoubt};

pub(in crate::platform) mod kind;
pub(in crate::platform) mod tracker;

/// One thing that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::platform) struct Connected {
    /// Names this connection: where it hangs, and what tells this time from the time before.
    pub(in crate::platform) key: String,
    /// Where it hangs: below /sys, or the instance in Windows' tree of devices.
    pub(in crate::platform) path: String,
    /// Built in, says the firmware.
    pub(in crate::platform) is_fixed: bool,
    pub(in crate::platform) slot: Slot,
    pub(in crate::platform) medium: Medium,
}

/// What lies in a drive or reader. A stick is a drive with one card that never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::platform) enum Slot {
    /// No disk of it is known, or not yet.
    Unknown,
    /// Its disks are there and hold nothing.
    Empty,
    /// These cards or discs: a reader may have several slots.
    Filled(BTreeSet<String>),
}

/// All that is plugged in at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::platform) struct Snapshot {
    pub(in crate::platform) connected: Vec<Connected>,
    /// Every USB device, also those that are no media.
    pub(in crate::platform) usb: Vec<UsbDevice>,
    /// What was written to the filesystems of media, by the connection's key, where the system counts it.
    pub(in crate::platform) counters: BTreeMap<String, Counter>,
}

/// What was written to one filesystem, in KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::platform) struct Counter {
    /// The partition's name.
    pub(in crate::platform) name: String,
    /// In its life, as the filesystem counts while it is mounted.
    pub(in crate::platform) lifetime_kib: Option<u64>,
    /// To this partition since it was plugged in.
    pub(in crate::platform) here_kib: u64,
    /// Something is being written or read at this moment.
    pub(in crate::platform) busy: bool,
}

/// A USB device of whatever kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::platform) struct UsbDevice {
    /// Where it hangs.
    pub(in crate::platform) path: String,
    /// Bus and ports: `1-2.4`; empty where the system has no such name.
    pub(in crate::platform) name: String,
    /// The number that the kernel gave it this time.
    pub(in crate::platform) number: Option<u32>,
    pub(in crate::platform) vendor_id: Option<String>,
    pub(in crate::platform) product_id: Option<String>,
    /// `None`: no medium.
    pub(in crate::platform) kind: Option<MediumKind>,
}

impl Snapshot {
    /// Two that are plugged in at once with the same vendor, product and serial number: neither is known by it.
    pub(in crate::platform) fn doubt_shared_serials(&mut self) {
        let name = |it: &Connected| {
            let medium = &it.medium;
            medium.serial.clone().map(|serial| (medium.vendor_id.clone(), medium.product_id.clone(), serial))
        };
        let mut counts = BTreeMap::new();
        for it in &self.connected {
            *counts.entry(name(it)).or_insert(0) += 1;
        }
        for it in &mut self.connected {
            if name(it).is_some_and(|name| counts.get(&Some(name)).is_some_and(|count| *count > 1)) {
                it.medium.serial_doubt = Some(SerialDoubt::Shared);
            }
        }
    }
}
