//! The disk that every machine begins with: made once for each recipe, kept below the target folder, never changed.
//!
//! `DAICHO_MACHINES` names another folder, where several checkouts share one. The Debian mirror is this host's own.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};

use crate::daemons::find;

mod mirror;

const SUITE: &str = "bookworm";

/// What is installed beside Debian's required packages.
const PACKAGES: &[&str] = &[
    "adduser",
    "cron",
    "cryptsetup-bin",
    "dbus",
    "dosfstools",
    "e2fsprogs",
    "init",
    "initramfs-tools",
    "iproute2",
    "kmod",
    "libpam-systemd",
    "linux-image-amd64",
    "login",
    "openssh-server",
    "passwd",
    "procps",
    "sudo",
    "systemd",
    "systemd-sysv",
    "udev",
];

/// Files and their modes. A small initial file system boots several seconds sooner; the address is the one that qemu's
/// own network gives out, and without a gateway nothing beyond this host is reached.
const FILES: &[(&str, u32, &str)] = &[
    ("etc/initramfs-tools/conf.d/machine", 0o644, "MODULES=list\nCOMPRESS=gzip\n"),
    (
        "etc/initramfs-tools/hooks/machine",
        0o755,
        "#!/bin/sh\n[ \"$1\" = prereqs ] && exit 0\n. /usr/share/initramfs-tools/hook-functions\n\
         manual_add_modules virtio_pci virtio_blk ext4\n",
    ),
    ("etc/hostname", 0o644, "machine1\n"),
    ("etc/hosts", 0o644, "127.0.0.1 localhost\n127.0.1.1 machine1\n"),
    ("etc/fstab", 0o644, "/dev/vda / ext4 errors=remount-ro 0 1\n"),
    (
        "etc/systemd/network/lan.network",
        0o644,
        "[Match]\nName=eth0\n[Network]\nAddress=10.0.2.15/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n",
    ),
    ("etc/ssh/sshd_config.d/machine.conf", 0o644, "UseDNS no\nMaxSessions 100\nMaxStartups 100\n"),
];

/// What is done in it last.
const FINISH: &str = "set -e
systemctl enable systemd-networkd.service
apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/bootstrap.log
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id
";

/// Room for what is installed and for what a test adds. Unused blocks take none on the host.
const IMAGE_SIZE: &str = "2G";

/// A prepared disk with its kernel.
pub(super) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// The disk for this recipe; makes it if it is not there. `None`: this host cannot.
    pub(super) fn prepared() -> Option<Self> {
        let shelf = shelf();
        let disk = Disk { folder: shelf.join(format!("{SUITE}-{}", &recipe()[..12])) };
        fs::create_dir_all(&shelf).expect("the target folder can be written");
        let lock = File::create(shelf.join("lock")).expect("the target folder can be written");
        lock.lock().expect("a lock that is given back when its holder ends");
        if !disk.image().exists() {
            disk.make()?;
        }
        Some(disk)
    }

    pub(super) fn image(&self) -> PathBuf {
        self.folder.join("disk")
    }

    pub(super) fn kernel(&self) -> PathBuf {
        self.folder.join("kernel")
    }

    pub(super) fn initrd(&self) -> PathBuf {
        self.folder.join("initrd")
    }

    fn make(&self) -> Option<()> {
        find("debootstrap", "debootstrap")?;
        find("mke2fs", "e2fsprogs")?;
        let mirror = mirror::found().expect("this host's apt names a mirror in /etc/apt/sources.list(.d)");
        let making = self.folder.with_extension("making");
        // What is left of a making that was broken off.
        let _ = fs::remove_dir_all(&making);
        let root = making.join("root");
        fs::create_dir_all(&root).expect("the target folder can be written");
        println!("making the machine's disk in {}", self.folder.display());
        let mut first = Command::new("debootstrap");
        first.args(["--foreign", "--variant=minbase", "--components=main"]);
        first.arg(format!("--include={}", PACKAGES.join(","))).arg(SUITE).arg(&root).arg(&mirror);
        run(&mut first, &making);
        for (path, mode, text) in FILES {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("below the root")).expect("written");
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).expect("our own file");
        }
        run(Command::new("chroot").arg(&root).args(["/debootstrap/debootstrap", "--second-stage"]), &making);
        run(Command::new("chroot").arg(&root).args(["/bin/sh", "-c", FINISH]), &making);
        copy_boot(&root, "vmlinuz", &making.join("kernel"));
        copy_boot(&root, "initrd.img", &making.join("initrd"));
        let mut image = Command::new("mke2fs");
        image.args(["-q", "-t", "ext4", "-L", "root", "-d"]).arg(&root);
        image.arg(making.join("disk")).arg(IMAGE_SIZE);
        run(&mut image, &making);
        fs::remove_dir_all(&root).expect("our own folder");
        fs::rename(&making, &self.folder).expect("the same file system");
        Some(())
    }
}

fn copy_boot(root: &Path, name: &str, to: &Path) {
    let link = fs::read_link(root.join(name)).expect("the kernel's package links it");
    fs::copy(root.join(link), to).expect("the kernel's package has it");
}

fn run(command: &mut Command, folder: &Path) {
    let log = folder.join("log");
    let output = File::options().create(true).append(true).open(&log).expect("written");
    let errors = output.try_clone().expect("the same file");
    command.env_remove("TMPDIR").env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C.UTF-8");
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let status = command.stdin(Stdio::null()).stdout(output).stderr(errors).status();
    let status = status.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    if !status.success() {
        let said = fs::read_to_string(&log).unwrap_or_default();
        let end: Vec<&str> = said.lines().rev().take(30).collect();
        let end = end.into_iter().rev().collect::<Vec<_>>().join("\n");
        panic!("{command:?} ends with {status}:\n{end}");
    }
}

fn shelf() -> PathBuf {
    if let Some(folder) = std::env::var_os("DAICHO_MACHINES") {
        return PathBuf::from(folder);
    }
    let test = std::env::current_exe().expect("the test's own path");
    test.ancestors().nth(3).expect("target/PROFILE/deps").join("machines")
}

/// Everything that decides what lies on the disk, in one number.
fn recipe() -> String {
    let mut text = format!("{SUITE}\n{PACKAGES:?}\n{FINISH}\n{IMAGE_SIZE}\n");
    for file in FILES {
        let _ = writeln!(text, "{file:?}");
    }
    HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref())
}
