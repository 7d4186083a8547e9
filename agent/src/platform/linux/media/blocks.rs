//! Disks, their partitions and what lies on them, as `/sys/class/block` and udev tell. No disk is opened.

use std::collections::BTreeSet;
use std::io;

use daicho_proto::facts::{Medium, MediumKind, MediumSeen};
use jiff::Timestamp;

use super::super::root::Root;
use super::mounts::{self, Mount};
use super::sysfs::{attribute, device_path};
use super::writes::Counter;
use super::{Connected, Slot, udev};

/// SCSI's type of a CD, DVD or BD drive (SPC, peripheral device type).
const OPTICAL: &str = "5";

/// Sectors that the kernel's driver says of a drive it knows nothing of (drivers/scsi/sr.c).
const UNKNOWN_DISC_SECTORS: u64 = 0x1f_ffff;

/// A device mapper may lie on another; deeper stacks are not built on sticks.
const HOLDERS_DEPTH_MAX: usize = 8;

/// One block device.
#[derive(Clone, Debug)]
pub(super) struct Block {
    name: String,
    /// Below /sys.
    path: String,
    /// `MAJOR:MINOR`.
    number: String,
    sectors: u64,
    is_partition: bool,
    pub(super) is_optical: bool,
    /// Of a drive whose medium changes, the count of its changes.
    sequence: Option<String>,
    /// Devices that lie on it: an opened encryption, a volume.
    holders: Vec<String>,
    /// The name below /dev/mapper.
    mapped_as: Option<String>,
    /// Of a loop device: the file that it shows as a disk.
    backing_file: Option<String>,
}

impl Block {
    /// What tells this disc or card from the next one in the same drive; `None`: there is none.
    pub(super) fn filling(&self) -> Option<String> {
        let blank = self.sectors == 0 || self.is_optical && self.sectors == UNKNOWN_DISC_SECTORS;
        (!blank).then(|| format!("{}/{}", self.name, self.sequence.as_deref().unwrap_or_default()))
    }
}

/// All block devices, and all mounts.
pub(super) struct Blocks {
    all: Vec<Block>,
    mounts: Vec<Mount>,
}

impl Blocks {
    pub(super) fn read(root: &Root) -> io::Result<Self> {
        let names = absent_is_empty(root.list("/sys/class/block"))?;
        let mounts = absent_is_empty(root.read_text("/proc/self/mountinfo"))?;
        let all = names.iter().filter_map(|name| read_block(root, name)).collect();
        Ok(Blocks { all, mounts: mounts::parse(&mounts) })
    }

    /// Whole disks below a device.
    pub(super) fn below(&self, device: &str) -> Vec<&Block> {
        let below =
            |block: &&Block| block.path.strip_prefix(device).is_some_and(|rest| rest.starts_with('/'));
        self.all.iter().filter(below).filter(|block| !block.is_partition).collect()
    }

    /// The disk that is this device.
    pub(super) fn at(&self, device: &str) -> Vec<&Block> {
        self.all.iter().filter(|block| block.path == device && !block.is_partition).collect()
    }

    /// Whole disks that hang on no USB bus, and are no disk that software makes up. One of a USB device that just came or
    /// goes is that device's, also where the device was not seen.
    pub(super) fn on_no_usb(&self) -> Vec<&Block> {
        let real = self.all.iter().filter(|block| !block.is_partition);
        let real = real.filter(|block| !block.path.starts_with("/devices/virtual/"));
        real.filter(|block| !block.path.split('/').any(is_usb_bus)).collect()
    }

    /// The disks, their partitions, and what lies on those.
    fn with_parts<'a>(&'a self, disks: &[&'a Block]) -> Vec<&'a Block> {
        let mut parts: Vec<&Block> = Vec::new();
        for disk in disks {
            let inside = format!("{}/", disk.path);
            parts.push(disk);
            parts.extend(self.all.iter().filter(|block| block.path.starts_with(&inside)));
        }
        let mut at = 0;
        for _ in 0..HOLDERS_DEPTH_MAX {
            let until = parts.len();
            for index in at..until {
                for holder in &parts[index].holders {
                    let holder = self.all.iter().find(|block| block.name == *holder);
                    parts.extend(holder.filter(|holder| parts.iter().all(|part| part.name != holder.name)));
                }
            }
            at = until;
        }
        parts
    }

    /// Where anything of these disks is mounted, also a file of theirs that is mounted as a disk. Only mounts that this
    /// process sees: what another mount namespace (a container) mounts for itself alone is not told.
    pub(super) fn mounts(&self, disks: &[&Block]) -> Vec<String> {
        let mut points = self.points_of(&self.with_parts(disks));
        // A machine that runs from the stick has all its loop devices there: that tells nothing of use.
        let inside = |file: &str| {
            let below =
                |point: &String| file.strip_prefix(point.as_str()).is_some_and(|rest| rest.starts_with('/'));
            points.iter().any(below)
        };
        let shows_a_file = |block: &&Block| block.backing_file.as_deref().is_some_and(inside);
        let loops: Vec<&Block> = self.all.iter().filter(shows_a_file).collect();
        if !loops.is_empty() {
            let more = self.points_of(&self.with_parts(&loops));
            points.extend(more);
        }
        points.into_iter().collect()
    }

    fn points_of(&self, parts: &[&Block]) -> BTreeSet<String> {
        let of_part = |mount: &&Mount| {
            parts.iter().any(|part| {
                let mapped = part.mapped_as.as_ref().map(|name| format!("/dev/mapper/{name}"));
                mount.device == part.number
                    || mount.source.strip_prefix("/dev/") == Some(&part.name)
                    || mapped.is_some_and(|mapped| mapped == mount.source)
            })
        };
        self.mounts.iter().filter(of_part).map(|mount| mount.point.clone()).collect()
    }

    /// UUID and label of the first filesystem; of an encryption that nobody opened, its own.
    pub(super) fn filesystem(&self, root: &Root, disks: &[&Block]) -> (Option<String>, Option<String>) {
        let mut packed = (None, None);
        for part in self.with_parts(disks) {
            let record = udev_record(root, &part.number);
            let uuid = record.filesystem_uuid.or_else(|| linked(root, "by-uuid", &part.name));
            let label = record.label.or_else(|| linked(root, "by-label", &part.name));
            // A disc may have a label and no UUID.
            if uuid.is_none() && label.is_none() {
                continue;
            }
            if record.is_filesystem {
                return (uuid, label);
            }
            if packed == (None, None) {
                packed = (uuid, label);
            }
        }
        packed
    }

    /// What was written to the filesystem that names the medium. Not of one that lies on a mapped device: that one counts
    /// since it was opened, and not since the medium was plugged in.
    pub(super) fn counter(&self, root: &Root, disks: &[&Block]) -> Option<Counter> {
        let parts = self.with_parts(disks);
        let named = parts.iter().find(|part| udev_record(root, &part.number).is_filesystem)?;
        if named.mapped_as.is_some() || named.name.starts_with("dm-") {
            return None;
        }
        let lifetime = attribute(root, &format!("/sys/fs/ext4/{}", named.name), "lifetime_write_kbytes");
        let statistics = attribute(root, &format!("/sys{}", named.path), "stat")?;
        Counter::parse(&named.name, lifetime.as_deref(), &statistics)
    }

    /// A medium that hangs on no USB bus: an SD card in a built-in reader, a disc in a built-in drive, a disk behind a
    /// Thunderbolt port. `None`: a disk of the machine itself, or a drive with nothing in it.
    pub(super) fn medium_of_its_own(&self, root: &Root, disk: &Block) -> Option<Connected> {
        let folder = format!("/sys{}", disk.path);
        let device = format!("{folder}/device");
        let mounts = self.mounts(&[disk]);
        let kind = if disk.is_optical {
            let has_disc = udev_record(root, &disk.number).has_disc || !mounts.is_empty();
            (has_disc || disk.filling().is_some()).then_some(MediumKind::Optical)?
        } else if disk.name.starts_with("mmcblk") {
            // MMC is soldered in; its boot parts are disks too, and have no such type.
            (attribute(root, &device, "type").as_deref() == Some("SD")).then_some(MediumKind::Storage)?
        } else {
            let changes = attribute(root, &folder, "removable").as_deref() == Some("1");
            // A floppy drive cannot say whether a disk is in it.
            let is_floppy = disk.name.starts_with("fd") && mounts.is_empty();
            let inside = disk.filling().is_some() && changes && !is_floppy;
            (inside || is_behind_a_port(root, &disk.path)).then_some(MediumKind::Storage)?
        };
        let (filesystem_uuid, label) = self.filesystem(root, &[disk]);
        let born = root.metadata(&format!("/dev/{}", disk.name)).ok().and_then(|node| node.created().ok());
        // The node of a drive is older than the disc or card in it.
        let changes = disk.is_optical || attribute(root, &folder, "removable").as_deref() == Some("1");
        let first_seen = born.filter(|_| !changes).and_then(|born| Timestamp::try_from(born).ok());
        let filling = disk.filling();
        let medium = Medium {
            serial: attribute(root, &device, "serial"),
            manufacturer: attribute(root, &device, "vendor").filter(|vendor| !vendor.starts_with("0x")),
            product: attribute(root, &device, "model").or_else(|| attribute(root, &device, "name")),
            kind,
            filesystem_uuid,
            label,
            mounts,
            seen: MediumSeen::Present,
            first_seen,
            ..Medium::default()
        };
        let key = format!("{}#{}", disk.path, filling.as_deref().unwrap_or_default());
        Some(Connected {
            key,
            path: disk.path.clone(),
            is_fixed: false,
            slot: filling.map_or(Slot::Unknown, |filling| Slot::Filled(BTreeSet::from([filling]))),
            medium,
        })
    }
}

fn read_block(root: &Root, name: &str) -> Option<Block> {
    let path = device_path(root, &format!("/sys/class/block/{name}"))?;
    let folder = format!("/sys{path}");
    let scsi_type = attribute(root, &folder, "device/type");
    Some(Block {
        number: attribute(root, &folder, "dev")?,
        sectors: attribute(root, &folder, "size").and_then(|size| size.parse().ok()).unwrap_or(0),
        is_partition: root.exists(&format!("{folder}/partition")),
        is_optical: scsi_type.as_deref() == Some(OPTICAL) || name.starts_with("sr"),
        sequence: attribute(root, &folder, "diskseq"),
        holders: root.list(&format!("{folder}/holders")).unwrap_or_default(),
        mapped_as: attribute(root, &folder, "dm/name"),
        backing_file: attribute(root, &folder, "loop/backing_file"),
        name: name.to_owned(),
        path,
    })
}

fn udev_record(root: &Root, number: &str) -> udev::Record {
    let text = root.read_text(&format!("/run/udev/data/b{number}"));
    text.map(|text| udev::parse(&text)).unwrap_or_default()
}

/// The name of the link in `/dev/disk/KIND` that leads to a device: for machines where udev keeps no records.
fn linked(root: &Root, kind: &str, name: &str) -> Option<String> {
    let folder = format!("/dev/disk/{kind}");
    let links = root.list(&folder).ok()?;
    let leads = |link: &&String| {
        let target = root.read_link(&format!("{folder}/{link}")).unwrap_or_default();
        target.rsplit('/').next() == Some(name)
    };
    links.iter().find(leads).map(|link| udev::unescaped(link))
}

/// The folder of a bus below its controller: `usb1`.
fn is_usb_bus(folder: &str) -> bool {
    folder.strip_prefix("usb").is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Whether a port that people reach leads to this disk: PCI devices above it say so (`removable`, Linux 5.14).
fn is_behind_a_port(root: &Root, path: &str) -> bool {
    let parents = path.match_indices('/').map(|(at, _)| &path[..at]).filter(|parent| parent.contains("/pci"));
    let mut removable = parents.map(|parent| attribute(root, &format!("/sys{parent}"), "removable"));
    removable.any(|removable| removable.as_deref() == Some("removable"))
}

fn absent_is_empty<T: Default>(read: io::Result<T>) -> io::Result<T> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        other => other,
    }
}
