//! What is said of media, on trees of devices that the tests write themselves.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use daicho_proto::facts::{MediumKind, MediumSeen, SerialDoubt};
use tempfile::TempDir;

use super::*;

mod following;

/// A machine's tree of devices.
struct Tree {
    folder: TempDir,
}

const PORT: &str = "/devices/pci0000:00/0000:00:14.0/usb1/1-2";

impl Tree {
    fn new() -> Self {
        let tree = Tree { folder: tempfile::tempdir().unwrap() };
        for folder in ["/sys/bus/usb/devices", "/sys/class/block", "/run/udev/data", "/proc/self"] {
            fs::create_dir_all(tree.at(folder)).unwrap();
        }
        tree.mounted(&[]);
        tree
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn device(&self, path: &str, attributes: &[(&str, &str)]) {
        let name = path.rsplit('/').next().unwrap();
        for (attribute, value) in attributes {
            self.write(&format!("/sys{path}/{attribute}"), format!("{value}\n"));
        }
        let link = self.at(&format!("/sys/bus/usb/devices/{name}"));
        let _ = fs::remove_file(&link);
        symlink(format!("../../../..{path}").replacen("../", "", 1), link).unwrap();
    }

    /// A stick as it stands when its interface is announced: no disk yet.
    fn stick(&self, number: &str) {
        let attributes = [
            ("idVendor", "0781"),
            ("idProduct", "5581"),
            ("serial", " 4C530001 "),
            ("manufacturer", "SanDisk"),
            ("product", "Ultra"),
            ("bDeviceClass", "00"),
            ("devnum", number),
            ("removable", "removable"),
        ];
        self.device(PORT, &attributes);
        self.interface(PORT, "08", "06", "50");
    }

    fn interface(&self, device: &str, class: &str, subclass: &str, protocol: &str) {
        let name = device.rsplit('/').next().unwrap();
        let attributes = [
            ("bInterfaceNumber", "00"),
            ("bInterfaceClass", class),
            ("bInterfaceSubClass", subclass),
            ("bInterfaceProtocol", protocol),
        ];
        self.device(&format!("{device}/{name}:1.0"), &attributes);
    }

    fn block(&self, path: &str, attributes: &[(&str, &str)]) {
        for (attribute, value) in attributes {
            self.write(&format!("/sys{path}/{attribute}"), format!("{value}\n"));
        }
        let link = self.at(&format!("/sys/class/block/{}", path.rsplit('/').next().unwrap()));
        let _ = fs::remove_file(&link);
        symlink(format!("../..{path}"), link).unwrap();
    }

    /// The stick's disk and its partition.
    fn disk(&self, sectors: &str) -> String {
        let disk = format!("{PORT}/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sdb");
        self.block(&disk, &[("dev", "8:16"), ("size", sectors), ("removable", "1"), ("device/type", "0")]);
        self.block(&format!("{disk}/sdb1"), &[("dev", "8:17"), ("size", sectors), ("partition", "1")]);
        disk
    }

    fn mounted(&self, mounts: &[(&str, &str, &str)]) {
        let line = |(number, point, source): &(&str, &str, &str)| {
            format!("50 1 {number} / {point} rw shared:9 - vfat {source} rw\n")
        };
        self.write("/proc/self/mountinfo", mounts.iter().map(line).collect::<String>());
    }

    fn unplug(&self, path: &str) {
        let name = path.rsplit('/').next().unwrap();
        fs::remove_dir_all(self.at(&format!("/sys{path}"))).unwrap();
        fs::remove_file(self.at(&format!("/sys/bus/usb/devices/{name}"))).unwrap();
        fs::remove_file(self.at(&format!("/sys/bus/usb/devices/{name}:1.0"))).unwrap();
        for block in ["sdb", "sdb1"] {
            let _ = fs::remove_file(self.at(&format!("/sys/class/block/{block}")));
        }
    }

    fn root(&self) -> Root {
        Root::at(self.folder.path()).unwrap()
    }

    fn media(&self) -> Vec<Medium> {
        let look = look(&self.root(), now(), &Mutex::default(), &Remembered::default());
        assert!(look.is_complete(), "{look:?}");
        look.value().unwrap().clone()
    }

    fn snapshot(&self) -> Snapshot {
        sysfs::snapshot(&self.root(), None).unwrap()
    }

    /// What had been written to the stick before it came, and what is on it now, as a running machine tells at a first
    /// look.
    fn written(&self) -> (Option<u64>, Option<u64>) {
        let mut snapshot = self.snapshot();
        writes::Writes::default().see(&mut snapshot, now());
        let medium = &snapshot.connected[0].medium;
        (medium.written_kib, medium.settled_kib)
    }
}

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

const STICK: &str = "0781:5581:4C530001";

#[test]
fn a_stick_is_seen_with_its_names_its_filesystem_and_its_mounts() {
    let tree = Tree::new();
    tree.stick("7");
    tree.disk("60125184");
    tree.write(
        "/run/udev/data/b8:17",
        "E:ID_FS_UUID=1A2B-3C4D\nE:ID_FS_LABEL_ENC=BACKUP\\x201\nE:ID_FS_USAGE=filesystem\n",
    );
    tree.mounted(&[("8:17", "/media/tanaka/BACKUP\\0401", "/dev/sdb1"), ("8:1", "/", "/dev/sda1")]);
    let media = tree.media();
    assert_eq!(media.len(), 1);
    let stick = &media[0];
    assert_eq!(stick.subject(), STICK);
    assert_eq!((stick.manufacturer.as_deref(), stick.product.as_deref()), (Some("SanDisk"), Some("Ultra")));
    assert_eq!(stick.kind, MediumKind::Storage);
    assert_eq!(
        (stick.filesystem_uuid.as_deref(), stick.label.as_deref()),
        (Some("1A2B-3C4D"), Some("BACKUP 1"))
    );
    assert_eq!(stick.mounts, ["/media/tanaka/BACKUP 1"]);
}

#[test]
fn what_lies_in_an_encrypted_partition_belongs_to_the_stick() {
    let tree = Tree::new();
    tree.stick("7");
    let disk = tree.disk("60125184");
    tree.write(&format!("/sys{disk}/sdb1/holders/dm-0"), "");
    tree.block("/devices/virtual/block/dm-0", &[("dev", "254:0"), ("size", "1"), ("dm/name", "luks-1")]);
    tree.write("/run/udev/data/b8:17", "E:ID_FS_UUID=outer\nE:ID_FS_USAGE=crypto\n");
    tree.write("/run/udev/data/b254:0", "E:ID_FS_UUID=inner\nE:ID_FS_USAGE=filesystem\n");
    tree.mounted(&[("0:45", "/mnt", "/dev/mapper/luks-1")]);
    let media = tree.media();
    assert_eq!(
        (media[0].filesystem_uuid.as_deref(), &media[0].mounts[..]),
        (Some("inner"), &["/mnt".to_owned()][..])
    );
    assert_eq!(media.len(), 1);
}

#[test]
fn volumes_whole_disks_and_files_on_a_stick_are_mounts_of_it() {
    let tree = Tree::new();
    tree.stick("7");
    let disk = tree.disk("60125184");
    // A mirror over the whole disk, and a volume on it.
    tree.write(&format!("/sys{disk}/holders/md0"), "");
    tree.block("/devices/virtual/block/md0", &[("dev", "9:0"), ("size", "1")]);
    tree.write("/sys/devices/virtual/block/md0/holders/dm-1", "");
    tree.block("/devices/virtual/block/dm-1", &[("dev", "254:1"), ("size", "1"), ("dm/name", "vg-data")]);
    let file = [("dev", "7:0"), ("size", "9"), ("loop/backing_file", "/media/tanaka/A B/disc.iso")];
    tree.block("/devices/virtual/block/loop0", &file);
    let other = [("dev", "7:1"), ("size", "9"), ("loop/backing_file", "/media/tanaka/A Bx/disc.iso")];
    tree.block("/devices/virtual/block/loop1", &other);
    tree.mounted(&[
        ("8:16", "/media/tanaka/A\\040B", "/dev/sdb"),
        ("8:16", "/srv/share", "/dev/sdb"),
        ("9:0", "/mirror", "/dev/md0"),
        ("0:50", "/volume", "/dev/mapper/vg-data"),
        ("7:0", "/iso", "/dev/loop0"),
        ("7:1", "/other", "/dev/loop1"),
        ("0:40", "/net", "systemd-1"),
    ]);
    let media = tree.media();
    assert_eq!(media.len(), 1);
    assert_eq!(media[0].mounts, ["/iso", "/media/tanaka/A B", "/mirror", "/srv/share", "/volume"]);
}

#[test]
fn a_stick_that_came_and_went_while_nobody_looked_is_in_the_records() {
    let tree = Tree::new();
    tree.stick("7");
    tree.device(
        "/devices/pci0000:00/0000:00:14.0/usb1/1-5",
        &[("idVendor", "04f2"), ("idProduct", "b604"), ("bDeviceClass", "ef"), ("devnum", "3")],
    );
    tree.interface("/devices/pci0000:00/0000:00:14.0/usb1/1-5", "0e", "01", "00");
    let found = |port: &str, number: u32, ids: (&str, &str), serial: &str| {
        let (vendor, product) = ids;
        format!(
            "2026-11-22T10:00:00Z sv01 kernel: [ 5000.000000] usb {port}: new high-speed USB device number {number} using xhci_hcd\n\
             2026-11-22T10:00:00Z sv01 kernel: [ 5000.100000] usb {port}: New USB device found, idVendor={vendor}, idProduct={product}, bcdDevice= 1.00\n\
             2026-11-22T10:00:00Z sv01 kernel: [ 5000.100000] usb {port}: New USB device strings: Mfr=1, Product=2, SerialNumber=3\n\
             2026-11-22T10:00:00Z sv01 kernel: [ 5000.100000] usb {port}: SerialNumber: {serial}\n"
        )
    };
    let gone = |port: &str, number: u32| {
        format!(
            "2026-11-22T11:00:00Z sv01 kernel: [ 8600.000000] usb {port}: USB disconnect, device number {number}\n"
        )
    };
    let disk = "2026-11-22T10:00:01Z sv01 kernel: [ 5001.000000] usb-storage 1-3:1.0: USB Mass Storage device detected\n";
    // The stick that is in, one that went, a camera like the one that is there, and something that nothing is said of.
    let log = [
        found("1-2", 7, ("0781", "5581"), "4C530001"),
        found("1-3", 8, ("0951", "1666"), "K1"),
        disk.to_owned(),
        gone("1-3", 8),
        found("1-6", 9, ("04f2", "b604"), "C"),
        gone("1-6", 9),
        found("1-7", 10, ("04e8", "6860"), "R58M"),
        gone("1-7", 10),
        "2026-11-22T11:00:00Z sv01 tanaka: usb 1-9: New USB device found, idVendor=1111, idProduct=2222\n"
            .to_owned(),
    ];
    tree.write("/var/log/messages", "2026-11-22T10:00:00Z sv01 kernel: [ 1.000000] x\n");
    tree.write("/var/log/kern.log", log.concat());
    let media = tree.media();
    let said: Vec<_> = media.iter().map(|medium| (medium.subject(), medium.seen, medium.kind)).collect();
    let expected = [
        (STICK.to_owned(), MediumSeen::Present, MediumKind::Storage),
        ("0951:1666:K1".to_owned(), MediumSeen::Record, MediumKind::Storage),
        ("04e8:6860:R58M".to_owned(), MediumSeen::Record, MediumKind::Other),
    ];
    assert_eq!(said, expected);
    let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let record = &media[1];
    assert_eq!(
        (record.first_seen, record.connected_at, record.last_seen),
        (time("2026-11-22T10:00:00Z"), time("2026-11-22T10:00:00Z"), time("2026-11-22T11:00:00Z"))
    );
}

#[test]
fn what_was_seen_while_it_was_in_is_known_in_the_records_afterwards() {
    let tree = Tree::new();
    let remembered = Remembered::default();
    let reader = "/devices/pci0000:00/0000:00:14.0/usb1/1-5";
    tree.device(
        reader,
        &[("idVendor", "08e6"), ("idProduct", "3437"), ("bDeviceClass", "00"), ("devnum", "3")],
    );
    tree.interface(reader, "0b", "00", "00");
    remembered.learn(&tree.snapshot());
    tree.unplug(reader);
    let line = |text: &str| format!("2026-11-22T10:00:00Z sv01 kernel: usb 1-5: {text}\n");
    let connection = |product: &str| {
        line("new full-speed USB device number 3 using xhci_hcd")
            + &line(&format!("New USB device found, idVendor=08e6, idProduct={product}, bcdDevice= 1.00"))
            + &line("USB disconnect, device number 3")
    };
    tree.write("/var/log/kern.log", connection("3437") + &connection("9999"));
    let look = look(&tree.root(), now(), &Mutex::default(), &remembered);
    let subjects: Vec<String> = look.value().unwrap().iter().map(Medium::subject).collect();
    assert_eq!(
        subjects,
        ["08e6:9999:-"],
        "a card terminal was seen to be none; of the other nothing is known"
    );
}

#[test]
fn a_disks_image_tells_its_records_and_that_it_cannot_tell_what_is_in() {
    let tree = Tree::new();
    fs::remove_dir_all(tree.at("/sys")).unwrap();
    tree.write(
        "/var/log/messages",
        "2026-11-22T10:00:00Z sv01 kernel: usb 1-2: New USB device found, idVendor=0781, idProduct=5581, bcdDevice= 1.00\n",
    );
    match look(&tree.root(), now(), &Mutex::default(), &Remembered::default()) {
        Look::Seen { value, problems } => {
            assert_eq!((value.len(), value[0].subject().as_str()), (1, "0781:5581:-"));
            assert_eq!(problems.len(), 1);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_that_cannot_be_read_is_told() {
    let tree = Tree::new();
    tree.write("/var/log/kern.log.1.gz", "no gzip");
    match look(&tree.root(), now(), &Mutex::default(), &Remembered::default()) {
        Look::Seen { value, problems } => {
            assert_eq!(value, []);
            assert!(problems[0].contains("/var/log/kern.log.1.gz"), "{problems:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_udev_the_links_of_dev_tell_the_filesystem() {
    let tree = Tree::new();
    tree.stick("7");
    tree.disk("60125184");
    fs::create_dir_all(tree.at("/dev/disk/by-uuid")).unwrap();
    symlink("../../sdb1", tree.at("/dev/disk/by-uuid/1A2B-3C4D")).unwrap();
    assert_eq!(tree.media()[0].filesystem_uuid.as_deref(), Some("1A2B-3C4D"));
}

#[test]
fn a_filesystem_with_a_label_and_no_uuid_keeps_its_label() {
    let tree = Tree::new();
    tree.stick("7");
    tree.disk("60125184");
    tree.write("/run/udev/data/b8:16", "E:ID_FS_LABEL=DISC\nE:ID_FS_USAGE=filesystem\n");
    let media = tree.media();
    assert_eq!((media[0].filesystem_uuid.as_deref(), media[0].label.as_deref()), (None, Some("DISC")));
}

#[test]
fn a_stick_that_leaves_while_we_look_is_no_stick_without_a_serial_number() {
    let tree = Tree::new();
    tree.stick("7");
    tree.disk("60125184");
    assert_eq!(tree.media().len(), 1);
    // The kernel's order: the interface, then the device's attributes one by one, then its strings and itself.
    fs::remove_dir_all(tree.at(&format!("/sys{PORT}/1-2:1.0"))).unwrap();
    assert_eq!(tree.media(), []);
    tree.interface(PORT, "08", "06", "50");
    tree.disk("60125184");
    for attribute in ["idProduct", "idVendor", "serial"] {
        fs::remove_file(tree.at(&format!("/sys{PORT}/{attribute}"))).unwrap();
        assert_eq!(tree.media(), [], "{attribute} is gone");
    }
    tree.unplug(PORT);
    tree.disk("60125184");
    assert_eq!(tree.media(), [], "its disk alone is left");
}

#[test]
fn cards_and_discs_count_when_they_are_in_and_the_machines_own_disks_never() {
    let tree = Tree::new();
    tree.block("/devices/pci0000:00/ata1/block/sda", &[("dev", "8:0"), ("size", "9"), ("removable", "0")]);
    tree.block(
        "/devices/pci0000:00/ata2/block/sr0",
        &[("dev", "11:0"), ("size", "2097151"), ("removable", "1"), ("device/type", "5")],
    );
    tree.block(
        "/devices/platform/mmc_host/mmc0/mmc0:0001/block/mmcblk0",
        &[("dev", "179:0"), ("size", "9"), ("device/type", "MMC")],
    );
    tree.block("/devices/platform/floppy.0/block/fd0", &[("dev", "2:0"), ("size", "8"), ("removable", "1")]);
    tree.block("/devices/virtual/block/loop0", &[("dev", "7:0"), ("size", "9"), ("removable", "1")]);
    assert_eq!(tree.media(), []);
    tree.write("/run/udev/data/b11:0", "E:ID_CDROM_MEDIA=1\nE:ID_FS_LABEL=IMAGES\nE:ID_FS_UUID=2026\n");
    let card = "/devices/platform/mmc_host/mmc1/mmc1:aaaa/block/mmcblk1";
    tree.block(
        card,
        &[
            ("dev", "179:8"),
            ("size", "9"),
            ("device/type", "SD"),
            ("device/serial", "0x1234"),
            ("device/name", "SC32G"),
        ],
    );
    tree.write("/sys/devices/pci0000:00/0000:3c:00.0/removable", "removable\n");
    tree.block(
        "/devices/pci0000:00/0000:3c:00.0/nvme/nvme1/nvme1n1",
        &[("dev", "259:1"), ("size", "9"), ("device/model", "T7")],
    );
    let mut kinds: Vec<_> =
        tree.media().into_iter().map(|medium| (medium.kind, medium.product, medium.vendor_id)).collect();
    kinds.sort_by_key(|(kind, product, _)| (kind.name(), product.clone()));
    let named = |name: &str| Some(name.to_owned());
    let expected = [
        (MediumKind::Optical, None, None),
        (MediumKind::Storage, named("SC32G"), None),
        (MediumKind::Storage, named("T7"), None),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn two_with_one_serial_number_are_told_to_be_indistinguishable() {
    let tree = Tree::new();
    tree.stick("7");
    assert!(tree.media()[0].is_distinguishable());
    let other = PORT.replace("1-2", "1-3");
    tree.device(
        &other,
        &[("idVendor", "0781"), ("idProduct", "5581"), ("serial", "4C530001"), ("devnum", "9")],
    );
    tree.interface(&other, "08", "06", "50");
    let media = tree.media();
    assert_eq!(media.len(), 2);
    assert!(media.iter().all(|medium| medium.serial_doubt == Some(SerialDoubt::Shared)));
    tree.write(&format!("/sys{other}/serial"), "4C530002\n");
    assert!(tree.media().iter().all(Medium::is_distinguishable));
}

#[test]
fn a_root_without_a_tree_of_devices_cannot_tell() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        look(&Root::at(folder.path()).unwrap(), now(), &Mutex::default(), &Remembered::default()),
        Look::Unsupported
    );
}

#[test]
fn this_machine_can_be_looked_at() {
    assert!(Path::new("/sys").exists());
    assert!(!matches!(
        look(&Root::here(), now(), &Mutex::default(), &Remembered::default()),
        Look::Unsupported
    ));
}

#[test]
fn a_stick_with_ext4_tells_what_had_been_written_to_it_before_it_was_plugged_in() {
    let tree = Tree::new();
    tree.stick("7");
    let disk = tree.disk("60125184");
    tree.write("/run/udev/data/b8:17", "E:ID_FS_UUID=u-1\nE:ID_FS_USAGE=filesystem\n");
    tree.write(&format!("/sys{disk}/sdb1/stat"), "  9 0 72 1 5 0 80 2 0 3 4\n");
    assert_eq!(tree.written(), (None, None), "nobody counts what is not mounted");
    tree.mounted(&[("8:17", "/mnt", "/dev/sdb1")]);
    assert_eq!(tree.written(), (None, None), "FAT counts nothing");
    tree.write("/sys/fs/ext4/sdb1/lifetime_write_kbytes", "1040\n");
    assert_eq!(tree.written(), (Some(1000), None));
    tree.write("/sys/fs/ext4/sdb1/lifetime_write_kbytes", "many\n");
    assert_eq!(tree.written(), (None, None));
}
