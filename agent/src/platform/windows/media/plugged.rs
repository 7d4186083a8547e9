//! What is plugged in now, joined to what the registry knows of it. Pure: the running Windows was asked elsewhere.

use std::collections::BTreeSet;
use std::io;

use daicho_proto::facts::{Medium, MediumKind};
use jiff::Timestamp;

use super::dates::Dates;
use super::devices::{self, Device};
use super::identity::{self, folded};
use super::nodes::{Node, Nodes};
use crate::platform::media::{Connected, Slot, Snapshot, UsbDevice};

/// What only the running machine answers.
pub(crate) trait Running {
    /// Whether the device of this instance is there now.
    fn is_present(&self, instance: &str) -> io::Result<bool>;

    /// When it came and went, as Windows tells without the registry.
    fn dates(&self, instance: &str) -> Dates;

    /// The disks and volumes that are there; `may_ask` says of which drives it may be asked whether they hold anything.
    fn plugged(&self, may_ask: &dyn Fn(&str) -> bool) -> io::Result<Plugged>;
}

/// The instance whose interface a link names.
#[cfg(windows)]
pub(crate) fn instance_of(link: &str) -> Option<String> {
    identity::instance_of_link(link)
}

/// The disks and volumes that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plugged {
    pub(crate) disks: Vec<Disk>,
    pub(crate) volumes: Vec<Volume>,
}

/// One disk or drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    /// Its instance in the tree of devices.
    pub(crate) instance: String,
    /// Type and number, as volumes name it; `None`: it did not say.
    pub(crate) number: Option<(u32, u32)>,
    pub(crate) filling: Filling,
}

/// What lies in a drive.
#[cfg_attr(not(any(windows, test)), expect(dead_code, reason = "only a running Windows can be asked"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filling {
    /// It was not asked.
    Unasked,
    Empty,
    /// A disc or card, the how-many-th.
    Filled(u32),
}

/// One volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Volume {
    /// Where it is mounted: `E:`, a folder.
    pub(crate) mounts: Vec<String>,
    /// The disk it lies on.
    pub(crate) number: Option<(u32, u32)>,
}

impl Plugged {
    fn disks_of<'a>(&'a self, nodes: &'a [&Node]) -> impl Iterator<Item = &'a Disk> {
        let is_one = |disk: &&Disk| nodes.iter().any(|node| folded(&node.id()) == folded(&disk.instance));
        self.disks.iter().filter(is_one)
    }

    fn mounts(&self, nodes: &[&Node]) -> Vec<String> {
        let numbers: BTreeSet<(u32, u32)> = self.disks_of(nodes).filter_map(|disk| disk.number).collect();
        let own = self.volumes.iter().filter(|volume| volume.number.is_some_and(|it| numbers.contains(&it)));
        let mounts: BTreeSet<String> = own.flat_map(|volume| volume.mounts.iter().cloned()).collect();
        mounts.into_iter().collect()
    }

    fn slot(&self, nodes: &[&Node]) -> Slot {
        let mut slot = Slot::Unknown;
        for disk in self.disks_of(nodes) {
            match (disk.filling, &mut slot) {
                (Filling::Filled(count), Slot::Filled(cards)) => {
                    cards.insert(format!("{}/{count}", disk.instance));
                }
                (Filling::Filled(count), slot) => {
                    *slot = Slot::Filled(BTreeSet::from([format!("{}/{count}", disk.instance)]));
                }
                (Filling::Empty, slot @ Slot::Unknown) => *slot = Slot::Empty,
                _ => {}
            }
        }
        slot
    }
}

/// Those of them that are media: an empty reader or drive that is built in is none.
pub(super) fn media(snapshot: Snapshot) -> impl Iterator<Item = Medium> {
    let counted = snapshot.connected.into_iter();
    counted.filter(|it| !it.is_fixed || matches!(it.slot, Slot::Filled(_))).map(|it| it.medium)
}

/// One device that is there.
pub(super) fn connected(device: &Device<'_>, dates: Dates, medium: Medium, plugged: &Plugged) -> Connected {
    let id = device.node.id();
    let began: Option<Timestamp> = dates.arrived.filter(|_| !device.node.is_fixed);
    let mounts = plugged.mounts(&device.disks);
    Connected {
        // The time is no part of the name: Windows may write it down after it told of the device.
        key: folded(&id),
        path: folded(&id),
        is_fixed: device.node.is_fixed,
        slot: plugged.slot(&device.disks),
        medium: Medium { mounts, first_seen: began, ..medium },
    }
}

/// The same, as the list of all devices has it.
pub(super) fn usb_device(device: &Device<'_>) -> UsbDevice {
    let numbers = identity::numbers(&device.node.device);
    UsbDevice {
        path: folded(&device.node.id()),
        name: String::new(),
        number: None,
        vendor_id: numbers.as_ref().map(|(vendor, _)| vendor.clone()),
        product_id: numbers.map(|(_, product)| product),
        kind: Some(device.kind),
    }
}

/// Drives for discs that are a part of the machine.
pub(super) fn own_drives(nodes: &Nodes, plugged: &Plugged) -> Vec<Connected> {
    let drive = |node: &Node| {
        let own = [node];
        let is_there = plugged.disks_of(&own).next().is_some();
        let names = identity::disk_names(&node.device);
        is_there.then(|| Connected {
            key: folded(&node.id()),
            path: folded(&node.id()),
            is_fixed: true,
            slot: plugged.slot(&own),
            medium: Medium {
                manufacturer: names.vendor,
                product: names.product,
                kind: MediumKind::Optical,
                mounts: plugged.mounts(&own),
                ..Medium::default()
            },
        })
    };
    devices::own_drives(nodes)
        .filter(|node| node.is_fixed || node.container.is_none())
        .filter_map(drive)
        .collect()
}
