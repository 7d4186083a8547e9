//! Which of the nodes belong to one thing that a person would plug in, and what it is. Pure.

use std::collections::BTreeSet;

use daicho_proto::facts::{Medium, MediumKind};

use super::identity::{self, folded};
use super::nodes::{Node, Nodes};
use super::volumes::Remembered;
use crate::platform::windows::registry::Registry;

/// One thing: a stick, a phone, a drive.
pub(super) struct Device<'a> {
    /// The node that stands for it: of the USB bus, else its disk.
    pub(super) node: &'a Node,
    pub(super) disks: Vec<&'a Node>,
    portable: Vec<&'a Node>,
    pub(super) kind: MediumKind,
}

/// All that carry files in or out, and that can be pulled: the machine's own disks are none.
pub(super) fn devices(nodes: &Nodes) -> Vec<Device<'_>> {
    let mut claimed = BTreeSet::new();
    let mut devices = Vec::new();
    for node in nodes.of("USB").filter(|node| !node.is_function()) {
        let functions: Vec<&Node> = nodes.of("USB").filter(|other| is_function_of(other, node)).collect();
        let disks: Vec<&Node> =
            nodes.all.iter().filter(|other| is_disk_of(other, node, &functions)).collect();
        claimed.extend(disks.iter().map(|disk| disk.id()));
        // What is built in and no storage is a part of the machine: a notebook's camera or modem.
        let counts =
            |kind: &MediumKind| !node.is_fixed || matches!(kind, MediumKind::Storage | MediumKind::Optical);
        if let Some(kind) = identity::kind_of(node, &functions, &disks).filter(counts) {
            let portable = portable(nodes, node);
            devices.push(Device { node, disks, portable, kind });
        }
    }
    // A disk whose USB device is not in the tree any more, as cleaning programs leave it.
    for disk in nodes.of("USBSTOR").filter(|disk| !claimed.contains(&disk.id())) {
        let kind = if identity::is_optical(&disk.device) { MediumKind::Optical } else { MediumKind::Storage };
        devices.push(Device { node: disk, disks: vec![disk], portable: portable(nodes, disk), kind });
    }
    // A card in a reader on its own bus; memory that is soldered in says another class.
    for card in nodes.of("SD").filter(|card| says(card, "SD\\CLASS_STORAGE")) {
        let kind = MediumKind::Storage;
        devices.push(Device { node: card, disks: vec![card], portable: portable(nodes, card), kind });
    }
    devices
}

/// Whether the firmware built it in: a USB drive for discs of the machine itself, or one on another bus.
pub(super) fn own_drives(nodes: &Nodes) -> impl Iterator<Item = &Node> {
    let drives = nodes.all.iter().filter(|node| matches!(node.enumerator, "SCSI" | "IDE"));
    drives.filter(|node| identity::is_optical(&node.device) && !is_made_up(node))
}

/// A disc's image that Windows shows as a drive.
fn is_made_up(node: &Node) -> bool {
    let names = identity::disk_names(&node.device);
    names.vendor.as_deref().is_some_and(|vendor| vendor.eq_ignore_ascii_case("Msft"))
}

fn says(node: &Node, id: &str) -> bool {
    node.compatible_ids.iter().chain(&node.hardware_ids).any(|own| own.eq_ignore_ascii_case(id))
}

fn same_container(a: &Node, b: &Node) -> bool {
    a.container.is_some() && a.container == b.container
}

/// `7&2bca401f&0&0001` begins with the prefix that the whole device names.
fn is_function_of(other: &Node, device: &Node) -> bool {
    let same_model = identity::numbers(&other.device) == identity::numbers(&device.device);
    other.is_function() && same_model && (is_prefixed(other, device) || same_container(other, device))
}

fn is_prefixed(other: &Node, device: &Node) -> bool {
    let rest = device
        .prefix
        .as_ref()
        .and_then(|prefix| folded(&other.instance).strip_prefix(&folded(prefix)).map(str::to_owned));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('&'))
}

/// A disk of `USBSTOR` carries its device's instance name or prefix; one that speaks UASP lies below `SCSI` and shares
/// the container alone.
fn is_disk_of(disk: &Node, device: &Node, functions: &[&Node]) -> bool {
    let whole = |node: &Node| {
        let named = disk.instance.rsplit_once('&').map_or(disk.instance.as_str(), |(name, _)| name);
        folded(named) == folded(&node.instance) || is_prefixed(disk, node)
    };
    let is_drive = !matches!(identity::disk_names(&disk.device).kind.as_str(), "Enclosure" | "Other");
    match disk.enumerator {
        "USBSTOR" => {
            let by_name = || std::iter::once(device).chain(functions.iter().copied()).any(whole);
            // Another device with the same serial number has another container.
            if disk.container.is_some() && device.container.is_some() {
                same_container(disk, device)
            } else {
                by_name()
            }
        }
        "SCSI" => is_drive && same_container(disk, device),
        _ => false,
    }
}

fn portable<'a>(nodes: &'a Nodes, device: &Node) -> Vec<&'a Node> {
    let buses = nodes.all.iter().filter(|node| matches!(node.enumerator, "SWD" | "WpdBusEnumRoot"));
    buses.filter(|node| same_container(node, device)).collect()
}

impl Device<'_> {
    /// What is known of it, whether it is there or not.
    pub(super) fn medium(&self, registry: &dyn Registry, remembered: &Remembered) -> Medium {
        let numbers = identity::numbers(&self.node.device);
        let is_usb = self.node.enumerator == "USB";
        let names = self.disks.first().map(|disk| identity::disk_names(&disk.device)).unwrap_or_default();
        let serial = match self.node.enumerator {
            "USB" => identity::serial(&self.node.instance),
            "USBSTOR" => identity::disk_serial(&self.node.instance),
            _ => None,
        };
        let reported = super::dates::reported_name(registry, self.node).filter(|_| is_usb);
        let named = || {
            let of_node = [&self.node.friendly_name, &self.node.description].into_iter().flatten().cloned();
            of_node.chain(self.disks.iter().filter_map(|disk| disk.friendly_name.clone())).next()
        };
        Medium {
            vendor_id: numbers.as_ref().map(|(vendor, _)| vendor.clone()),
            product_id: numbers.map(|(_, product)| product),
            serial,
            manufacturer: names.vendor.or_else(|| self.node.manufacturer.clone()),
            product: reported.or(names.product).or_else(named),
            kind: self.kind,
            filesystem_uuid: remembered.filesystem_uuid(&self.disks),
            label: remembered.label(&self.disks, &self.portable),
            mounts: remembered.letters(&self.disks),
            release: identity::release(&self.node.hardware_ids),
            ..Medium::default()
        }
    }
}
