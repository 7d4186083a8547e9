//! What is plugged in, as the kernel's tree of devices (`/sys`) shows it. Reads attributes only: no device is opened.

use std::collections::BTreeSet;
use std::io::{self, Read as _};

use daicho_proto::facts::{Medium, MediumKind, MediumSeen};
use jiff::Timestamp;

use super::super::root::Root;
use super::blocks::{Block, Blocks};
use super::kind::{self, Disk, Interface, Traits};
use super::{Connected, Slot, Snapshot, UsbDevice, udev};

/// A device's descriptors are a few hundred bytes; the kernel allows 64 KiB a configuration.
const DESCRIPTORS_BYTES_MAX: u64 = 64 * 1024;

const USB: &str = "/sys/bus/usb/devices";

/// Everything that is plugged in now. `boot_time` dates what udev recorded.
pub(super) fn snapshot(root: &Root, boot_time: Option<Timestamp>) -> io::Result<Snapshot> {
    let names = match root.list(USB) {
        Ok(names) => names,
        // A machine, or a virtual one, without USB.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let blocks = Blocks::read(root)?;
    let mut snapshot = Snapshot::default();
    for name in names.iter().filter(|name| !name.contains(':') && !name.starts_with("usb")) {
        let interfaces = names
            .iter()
            .filter(|other| other.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(':')));
        let interfaces: Vec<&str> = interfaces.map(String::as_str).collect();
        let Some(path) = device_path(root, &format!("{USB}/{name}")) else {
            continue;
        };
        let Some((device, connected)) = read_usb(root, path, &interfaces, &blocks, boot_time) else {
            continue;
        };
        snapshot.usb.push(device);
        snapshot.connected.extend(connected);
    }
    let others = blocks.on_no_usb().into_iter();
    let others: Vec<Connected> = others.filter_map(|disk| blocks.medium_of_its_own(root, disk)).collect();
    snapshot.connected.extend(others);
    for connected in &snapshot.connected {
        let below = blocks.below(&connected.path);
        let disks = if below.is_empty() { blocks.at(&connected.path) } else { below };
        if let Some(counter) = blocks.counter(root, &disks) {
            snapshot.counters.insert(connected.key.clone(), counter);
        }
    }
    snapshot.doubt_shared_serials();
    Ok(snapshot)
}

/// One USB device, and what is connected with it if it carries files. `None`: it left while we looked, and what was read
/// of it may be the half.
fn read_usb(
    root: &Root,
    path: String,
    interfaces: &[&str],
    blocks: &Blocks,
    boot_time: Option<Timestamp>,
) -> Option<(UsbDevice, Option<Connected>)> {
    let folder = format!("/sys{path}");
    let four_digits = |name| attribute(root, &folder, name).map(|id| id.to_lowercase());
    let record = attribute(root, &folder, "dev")
        .and_then(|dev| root.read_text(&format!("/run/udev/data/c{dev}")).ok());
    let record = record.map(|text| udev::parse(&text)).unwrap_or_default();
    let disks = blocks.below(&path);
    let traits = Traits {
        device_class: hexadecimal(attribute(root, &folder, "bDeviceClass")),
        interfaces: read_interfaces(root, &folder, interfaces),
        disks: disks.iter().map(|disk| Disk { is_optical: disk.is_optical }).collect(),
        known_player: record.is_player,
    };
    let vendor_id = four_digits("idVendor");
    // The firmware says that it is built in: a notebook's modem is a part of it. Storage counts wherever it sits.
    let is_fixed = attribute(root, &folder, "removable").as_deref() == Some("fixed");
    let is_told = vendor_id.is_some();
    let counts = |kind: &MediumKind| {
        is_told && (!is_fixed || matches!(kind, MediumKind::Storage | MediumKind::Optical))
    };
    let device = UsbDevice {
        name: path.rsplit('/').next().unwrap_or_default().to_owned(),
        number: attribute(root, &folder, "devnum").and_then(|number| number.parse().ok()),
        vendor_id,
        product_id: four_digits("idProduct"),
        kind: kind::kind_of(&traits).filter(counts),
        path,
    };
    // A reader that is built in was there since the machine started: that dates no card.
    let began = || first_seen(root, &folder, record.initialized_us, boot_time);
    let first_seen = if is_fixed { None } else { began() };
    let connected = device.kind.map(|kind| {
        let medium = Medium { kind, first_seen, ..describe(root, &device, &disks, blocks) };
        let number = device.number.map(|number| number.to_string()).unwrap_or_default();
        let key = format!("{}#{number}", device.path);
        Connected { key, path: device.path.clone(), is_fixed, slot: slot_of(&disks), medium }
    });
    // The kernel takes the interfaces and the descriptors away first, then this attribute, then the strings
    // (drivers/usb/core/sysfs.c): what is read before it was seen again is whole.
    let is_whole = !traits.interfaces.is_empty() || root.exists(&format!("{folder}/descriptors"));
    let is_here = device.vendor_id.is_some() && four_digits("idVendor") == device.vendor_id;
    (is_whole && is_here && device.product_id.is_some()).then_some((device, connected))
}

fn slot_of(disks: &[&Block]) -> Slot {
    let fillings: BTreeSet<String> = disks.iter().filter_map(|disk| disk.filling()).collect();
    match (fillings.is_empty(), disks.is_empty()) {
        (false, _) => Slot::Filled(fillings),
        (true, true) => Slot::Unknown,
        (true, false) => Slot::Empty,
    }
}

/// What it says of itself, and what lies on its disks.
fn describe(root: &Root, device: &UsbDevice, disks: &[&Block], blocks: &Blocks) -> Medium {
    let folder = format!("/sys{}", device.path);
    let (filesystem_uuid, label) = blocks.filesystem(root, disks);
    Medium {
        vendor_id: device.vendor_id.clone(),
        product_id: device.product_id.clone(),
        serial: attribute(root, &folder, "serial"),
        manufacturer: attribute(root, &folder, "manufacturer"),
        product: attribute(root, &folder, "product"),
        filesystem_uuid,
        label,
        mounts: blocks.mounts(disks),
        seen: MediumSeen::Present,
        release: attribute(root, &folder, "bcdDevice").map(|release| release.to_lowercase()),
        ..Medium::default()
    }
}

/// The interfaces as the kernel set them up, with the endpoints of the device's descriptors; of a device that is not set
/// up (blocked by a policy) the descriptors alone.
fn read_interfaces(root: &Root, folder: &str, names: &[&str]) -> Vec<Interface> {
    let configuration = attribute(root, folder, "bConfigurationValue").and_then(|value| value.parse().ok());
    let mut bytes = Vec::new();
    if let Ok(file) = root.open(&format!("{folder}/descriptors")) {
        // What was read before an error still tells; without any the interfaces' own folders do.
        let _ = file.take(DESCRIPTORS_BYTES_MAX).read_to_end(&mut bytes);
    }
    let described = kind::parse_descriptors(&bytes, configuration.unwrap_or(0));
    let set_up = names.iter().filter_map(|name| {
        let folder = format!("{folder}/{name}");
        let class = attribute(root, &folder, "bInterfaceClass")?;
        let number = hexadecimal(attribute(root, &folder, "bInterfaceNumber"));
        let networks = root.list(&format!("{folder}/net")).unwrap_or_default();
        let like_ptp =
            described.iter().any(|interface| interface.number == number && interface.transfers_like_ptp);
        Some(Interface {
            number,
            class: (
                hexadecimal(Some(class)),
                hexadecimal(attribute(root, &folder, "bInterfaceSubClass")),
                hexadecimal(attribute(root, &folder, "bInterfaceProtocol")),
            ),
            name: attribute(root, &folder, "interface"),
            has_driver: root.read_link(&format!("{folder}/driver")).is_ok(),
            has_network: !networks.is_empty(),
            transfers_like_ptp: like_ptp,
        })
    });
    let set_up: Vec<Interface> = set_up.collect();
    if set_up.is_empty() { described } else { set_up }
}

/// When this connection began: when the kernel made the device's node, which no later look can move. Where the system
/// keeps no times of birth, udev's stamp, unless the machine slept meanwhile and its clocks went apart.
fn first_seen(
    root: &Root,
    folder: &str,
    initialized_us: Option<i64>,
    boot_time: Option<Timestamp>,
) -> Option<Timestamp> {
    let number = |name| attribute(root, folder, name).and_then(|text| text.parse::<u32>().ok());
    let node = number("busnum").zip(number("devnum"));
    let node = node.map(|(bus, device)| format!("/dev/bus/usb/{bus:03}/{device:03}"));
    let born = node.and_then(|node| root.metadata(&node).ok()?.created().ok());
    if let Some(born) = born.and_then(|born| Timestamp::try_from(born).ok()) {
        return Some(born);
    }
    let slept = root.read_text("/sys/power/suspend_stats/success").is_ok_and(|count| count.trim() != "0");
    let since_boot = jiff::SignedDuration::from_micros(initialized_us.filter(|_| !slept)?);
    boot_time?.checked_add(since_boot).ok()
}

/// Where a device lies below /sys, out of a link of `/sys/bus` or `/sys/class`.
pub(super) fn device_path(root: &Root, link: &str) -> Option<String> {
    let target = root.read_link(link).ok()?;
    let at = target.find("/devices/")?;
    let upwards = &target[..at];
    let only_up = upwards.split('/').all(|part| part == "..");
    (only_up && !target[at..].contains("/../")).then(|| target[at..].to_owned())
}

/// An attribute's text, blanks around it removed; `None` if it is empty or not there.
pub(super) fn attribute(root: &Root, folder: &str, name: &str) -> Option<String> {
    let text = root.read_text(&format!("{folder}/{name}")).ok()?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

fn hexadecimal(text: Option<String>) -> u8 {
    text.and_then(|text| u8::from_str_radix(&text, 16).ok()).unwrap_or_default()
}
