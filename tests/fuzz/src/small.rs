//! Small files of a machine: an input's first byte says which of them it is, the rest is what the file holds. Each is
//! read line by line or by a library; together they are worth a fuzzer's time.

use std::fs;
use std::path::Path;

use daicho_agent::platform::Platform as _;
use daicho_agent::platform::linux::Linux;
use jiff::Timestamp;

use crate::central::{input, now};
use crate::targets::Beside::{self, File, Folder, Link};

/// A file, and the look that reads it.
type Small = (&'static str, fn(&Linux));

/// A new one is added at the end: the kept inputs name them by number.
const FILES: &[Small] = &[
    ("/home/tanaka/.ssh/authorized_keys", accounts),
    ("/etc/ssh/sshd_config", accounts),
    ("/etc/group", accounts),
    ("/etc/gshadow", accounts),
    ("/etc/nsswitch.conf", host),
    ("/etc/login.defs", accounts),
    ("/etc/pam.d/sshd", accounts),
    ("/etc/polkit-1/rules.d/50.rules", accounts),
    ("/etc/userdb/suzuki.user", accounts),
    ("/etc/hostname", host),
    ("/sys/class/net/eth0/address", host),
    ("/sys/class/dmi/id/product_serial", host),
    ("/snap/x/current/meta/snap.yaml", software),
    ("/usr/local/lib/node_modules/x/package.json", software),
    ("/usr/local/lib/python3.11/dist-packages/x-1.dist-info/METADATA", software),
    ("/var/lib/dpkg/info/x.list", software),
    ("/etc/apk/world", packages),
    ("/etc/dnf/plugins/versionlock.list", packages),
    ("/etc/dnf/versionlock.toml", packages),
    ("/etc/zypp/locks", packages),
    ("/etc/dnf/modules.d/x.module", updates),
    ("/home/tanaka/.config/systemd/user/x.service", services),
    ("/etc/clamav/freshclam.conf", antivirus),
    ("/etc/localtime", media),
    ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/serial", media),
    ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/product", media),
    ("/proc/5/stat", running),
    ("/proc/5/cgroup", running),
    ("/proc/8/cmdline", running),
    ("/proc/net/tcp", running),
    ("/proc/net/udp6", running),
    ("/var/lib/docker/containers/0123456789abcdef/config.v2.json", running),
    ("/var/lib/containers/storage/overlay-containers/containers.json", running),
    ("/proc/7/stat", restart),
    ("/proc/7/maps", restart),
    ("/proc/7/cmdline", restart),
    ("/proc/version", restart),
    ("/run/reboot-required.pkgs", restart),
    ("/var/log/dpkg.log", restart),
    ("/var/lib/dpkg/info/liba.list", restart),
];

/// A machine on which each of them is looked at.
pub(crate) const BESIDE: &[(&str, Beside)] = &[
    ("/etc/passwd", File(b"root:x:0:0::/root:/bin/sh\ntanaka:x:1000:1000:Tanaka:/home/tanaka:/bin/bash\n")),
    ("/etc/shadow", File(b"root:*:20000::::::\ntanaka:!:20000:0:99999:7::21000:\n")),
    ("/etc/os-release", File(b"ID=rhel\nVERSION_ID=9\n")),
    ("/var/log", Folder),
    ("/usr/local/bin/x", File(b"")),
    ("/opt/x/x", File(b"")),
    ("/var/lib/snapd/snaps/x_1.snap", File(b"")),
    ("/usr/local/lib/python3.11/dist-packages/x-1.dist-info/RECORD", File(b"../../../bin/x,,\n")),
    ("/var/lib/dpkg/status", File(b"Package: x\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n")),
    ("/lib/apk/db/installed", File(b"P:musl\nV:1.2.5-r0\nA:x86_64\n\n")),
    ("/var/lib/rpm/rpmdb.sqlite", File(include_bytes!("../../../agent/fixtures/rpm/rpmdb.sqlite"))),
    ("/etc/yum.repos.d/base.repo", File(b"[base]\nname=x\n")),
    ("/sys/class/net/eth0/device", Folder),
    ("/sys/bus/usb/devices/1-2", Link("../../../devices/pci0000:00/0000:00:14.0/usb1/1-2")),
    ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/idVendor", File(b"0781\n")),
    ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/idProduct", File(b"5581\n")),
    ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/bDeviceClass", File(b"00\n")),
    (
        "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/descriptors",
        File(b"\x12\x01\x00\x02\x00\x00\x00\x40\x81\x07\x81\x55\x00\x01\x01\x02\x03\x01\x09\x02\x17\x00\x01\x01\x00\x80\x32\x09\x04\x00\x00\x02\x08\x06\x50\x00"),
    ),
    ("/etc/clamav/clamd.conf", File(b"LogFile /var/log/clamav/clamav.log\nLogTime true\nLogClean true\n")),
    ("/var/log/clamav/clamav.log", File(b"Sun Nov 22 09:00:00 2026 -> /media/x/a.txt: OK\n")),
    ("/proc/uptime", File(b"100000.00 1.00\n")),
    ("/proc/5/stat", File(b"5 (x) S 1 5 5 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 500 1 1\n")),
    ("/proc/5/cgroup", File(b"0::/system.slice/docker-0123456789abcdef0123456789abcdef.scope\n")),
    ("/proc/5/cmdline", File(b"/usr/bin/x\0-d\0")),
    ("/proc/5/fd/3", Link("socket:[1234]")),
    ("/proc/6/stat", File(b"6 (y) S 1 6 6 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 500 1 1\n")),
    ("/proc/6/cgroup", File(b"0::/machine.slice/libpod-0123456789abcdef0123456789abcdef.scope\n")),
    ("/proc/7/stat", File(b"7 (z) S 1 7 7 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 500 1 1\n")),
    ("/proc/7/cgroup", File(b"0::/system.slice/z.service\n")),
    ("/proc/8/stat", File(b"8 (python3) S 1 8 8 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 500 1 1\n")),
    ("/proc/8/cgroup", File(b"0::/\n")),
    ("/usr/lib/liba.so.1", File(b"")),
    ("/var/log/dpkg.log", File(b"2026-11-22 20:00:00 install liba:amd64 <none> 1.0-1\n")),
    (
        "/var/cache/dnf/base-0123456789abcdef/repodata/repomd.xml",
        File(b"<repomd><data type=\"primary\"><location href=\"repodata/primary.xml\"/><timestamp>1700000000</timestamp></data><data type=\"modules\"><location href=\"repodata/modules.yaml\"/></data></repomd>"),
    ),
    (
        "/var/cache/dnf/base-0123456789abcdef/repodata/modules.yaml",
        File(b"---\ndocument: modulemd\ndata:\n  name: nodejs\n  stream: \"18\"\n  artifacts:\n    rpms:\n    - openssl-libs-1:3.0.9-1.el9.x86_64\n...\n"),
    ),
    (
        "/var/cache/dnf/base-0123456789abcdef/repodata/primary.xml",
        File(b"<package type=\"rpm\"><name>openssl-libs</name><arch>x86_64</arch><version epoch=\"1\" ver=\"3.0.9\" rel=\"1.el9\"/></package>"),
    ),
    ("/boot/vmlinuz-6.1.0-9-amd64", File(b"")),
    ("/run/reboot-required", File(b"")),
];

/// Lays the file that the input names, has it read, and puts back what lay there.
pub(crate) fn look(machine: &Linux, root: &Path) {
    let bytes = input(root);
    let Some((first, content)) = bytes.split_first() else { return };
    let (path, read) = FILES[usize::from(*first) % FILES.len()];
    let place = root.join(path.trim_start_matches('/'));
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent).expect("its folder can be made");
    }
    fs::write(&place, content).expect("the file can be written");
    read(machine);
    match BESIDE.iter().find(|(beside, _)| *beside == path) {
        Some((_, File(before))) => fs::write(&place, before).expect("the file can be put back"),
        _ => fs::remove_file(&place).expect("the file can be taken away"),
    }
}

fn accounts(machine: &Linux) {
    machine.accounts();
}

fn host(machine: &Linux) {
    machine.host();
}

fn software(machine: &Linux) {
    machine.software();
}

fn packages(machine: &Linux) {
    machine.packages();
}

fn updates(machine: &Linux) {
    machine.updates();
}

fn services(machine: &Linux) {
    machine.services();
}

fn antivirus(machine: &Linux) {
    machine.antivirus();
}

fn media(machine: &Linux) {
    machine.media();
    machine.scans("/media/x/", now());
}

fn running(machine: &Linux) {
    machine.running();
}

/// A machine that started long ago: all that lies on it came since.
fn restart(machine: &Linux) {
    machine.restart_reasons("6.1.0-9-amd64", Timestamp::UNIX_EPOCH);
}
