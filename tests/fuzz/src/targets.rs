//! `TARGETS`: which file is hostile, what lies beside it, and who reads it. The agent is entered where everybody enters
//! it, so that what comes behind a parser is tried with it.

use std::path::Path;

use daicho_agent::platform::Platform;
use daicho_agent::platform::linux::Linux;
use daicho_agent::platform::windows::registry::{Hive, of_disk};
use jiff::Timestamp;

/// One file of an endpoint that the fuzzer writes.
pub struct Target {
    /// The name of its corpus and its findings.
    pub name: &'static str,
    /// Where the file lies on the machine.
    pub path: &'static str,
    /// What else is on that machine.
    pub beside: &'static [(&'static str, Beside)],
    /// What reads it.
    pub look: fn(&Linux, &Path),
}

/// What lies beside a fuzzed file.
pub enum Beside {
    /// A file with this content.
    File(&'static [u8]),
    /// A symbolic link that leads here.
    Link(&'static str),
    /// An empty folder.
    Folder,
}

use Beside::{File, Folder, Link};

use crate::central::{self, INPUT};
use crate::{judged, kept, small};

/// All of them: the files that anybody but the administrator can shape come first.
pub const TARGETS: &[Target] = &[
    Target { name: "wtmp", path: "/var/log/wtmp", beside: PEOPLE, look: accounts },
    Target { name: "lastlog", path: "/var/log/lastlog", beside: PEOPLE, look: accounts },
    Target { name: "lastlog2", path: "/var/lib/lastlog/lastlog2.db", beside: PEOPLE, look: accounts },
    Target { name: "wtmpdb", path: "/var/lib/wtmpdb/wtmp.db", beside: PEOPLE, look: accounts },
    Target { name: "journal", path: JOURNAL, beside: STICK_AND_PEOPLE, look: accounts_and_media },
    Target { name: "kernel_log", path: "/var/log/kern.log", beside: STICK, look: media },
    Target { name: "sudoers", path: "/etc/sudoers", beside: PEOPLE, look: accounts },
    Target { name: "passwd", path: "/etc/passwd", beside: PEOPLE, look: accounts },
    Target { name: "shadow", path: "/etc/shadow", beside: PEOPLE, look: accounts },
    Target { name: "udev", path: "/run/udev/data/b8:17", beside: STICK, look: media },
    Target { name: "usb_descriptors", path: DESCRIPTORS, beside: STICK, look: media },
    Target { name: "mountinfo", path: "/proc/self/mountinfo", beside: STICK, look: media },
    Target { name: "dpkg_status", path: "/var/lib/dpkg/status", beside: &[], look: packages },
    Target { name: "rpm_sqlite", path: "/var/lib/rpm/rpmdb.sqlite", beside: &[], look: packages },
    Target { name: "rpm_sqlite_log", path: "/var/lib/rpm/rpmdb.sqlite-wal", beside: RPM, look: packages },
    Target { name: "rpm_ndb", path: "/var/lib/rpm/Packages.db", beside: &[], look: packages },
    Target { name: "rpm_berkeley", path: "/var/lib/rpm/Packages", beside: &[], look: packages },
    Target { name: "apk_installed", path: "/lib/apk/db/installed", beside: &[], look: packages },
    Target { name: "apt_list", path: APT_LIST, beside: APT, look: updates },
    Target { name: "packed_gzip", path: APT_GZIP, beside: APT, look: updates },
    Target { name: "packed_xz", path: APT_XZ, beside: APT, look: updates },
    Target { name: "packed_zstd", path: APT_ZSTD, beside: APT, look: updates },
    Target { name: "packed_lz4", path: APT_LZ4, beside: APT, look: updates },
    Target { name: "apt_release", path: APT_RELEASE, beside: APT, look: updates },
    Target { name: "apt_preferences", path: "/etc/apt/preferences", beside: APT, look: updates },
    Target {
        name: "dnf_repomd",
        path: "/var/cache/dnf/base-0123456789abcdef/repodata/repomd.xml",
        beside: DNF,
        look: updates,
    },
    Target {
        name: "dnf_primary",
        path: "/var/cache/dnf/base-0123456789abcdef/repodata/primary.xml",
        beside: DNF,
        look: updates,
    },
    Target {
        name: "dnf_updateinfo",
        path: "/var/cache/dnf/base-0123456789abcdef/repodata/updateinfo.xml",
        beside: DNF,
        look: updates,
    },
    Target {
        name: "dnf_modules",
        path: "/var/cache/dnf/base-0123456789abcdef/repodata/modules.yaml",
        beside: DNF,
        look: updates,
    },
    Target { name: "dnf_repositories", path: "/etc/yum.repos.d/base.repo", beside: DNF, look: updates },
    Target { name: "apt_sources", path: "/etc/apt/sources.list.d/x.sources", beside: APT, look: updates },
    Target { name: "apk_index", path: "/srv/apk/x86_64/APKINDEX.tar.gz", beside: APK, look: updates },
    Target { name: "unit_file", path: "/etc/systemd/system/x.service", beside: UNITS, look: services },
    Target { name: "inetd", path: "/etc/inetd.conf", beside: UNITS, look: services },
    Target { name: "xinetd", path: "/etc/xinetd.d/x", beside: UNITS, look: services },
    Target { name: "crontab", path: "/etc/crontab", beside: UNITS, look: services },
    Target { name: "init_script", path: "/etc/init.d/x", beside: &[], look: services },
    Target { name: "inittab", path: "/etc/inittab", beside: &[], look: services },
    Target {
        name: "autostart",
        path: "/root/.config/autostart/x.desktop",
        beside: ROOT_ALONE,
        look: services,
    },
    Target { name: "pip_record", path: PIP_RECORD, beside: ROOT_ALONE, look: software },
    Target { name: "flatpak_deploy", path: FLATPAK_DEPLOY, beside: FLATPAK, look: software },
    Target { name: "os_release", path: "/etc/os-release", beside: &[], look: host },
    Target { name: "clamav_patterns", path: "/var/lib/clamav/daily.cvd", beside: &[], look: antivirus },
    Target { name: "hive", path: HIVE, beside: &[], look: hive },
    Target { name: "hive_log", path: "Windows/System32/config/SYSTEM.LOG1", beside: UNFINISHED, look: hive },
    Target { name: "scan_log", path: "/var/log/clamav/clamav.log", beside: STICK, look: scans },
    Target {
        name: "elf",
        path: PROGRAM,
        beside: &[],
        look: |machine, _| drop(machine.libraries_of(PROGRAM)),
    },
    Target { name: "small_files", path: INPUT, beside: small::BESIDE, look: small::look },
    Target { name: "doas", path: "/etc/doas.conf", beside: PEOPLE, look: accounts },
    Target { name: "ledger_workbook", path: INPUT, beside: &[], look: |_, root| central::workbook(root) },
    Target {
        name: "ledger_old_workbook",
        path: INPUT,
        beside: &[],
        look: |_, root| central::old_workbook(root),
    },
    Target {
        name: "ledger_open_document",
        path: INPUT,
        beside: &[],
        look: |_, root| central::open_document(root),
    },
    Target { name: "ledger_csv", path: INPUT, beside: &[], look: |_, root| central::csv(root) },
    Target {
        name: "ledger_csv_of_media",
        path: INPUT,
        beside: &[],
        look: |_, root| central::csv_of_media(root),
    },
    Target { name: "ledger_sheet", path: INPUT, beside: &[], look: |_, root| central::sheet(root) },
    Target {
        name: "ledger_strings",
        path: INPUT,
        beside: &[],
        look: |_, root| central::shared_strings(root),
    },
    Target { name: "ledger_styles", path: INPUT, beside: &[], look: |_, root| central::styles(root) },
    Target { name: "ledger_sheets", path: INPUT, beside: &[], look: |_, root| central::workbook_part(root) },
    Target { name: "ledger_properties", path: INPUT, beside: &[], look: |_, root| central::properties(root) },
    Target { name: "ledger_write_back", path: INPUT, beside: &[], look: |_, root| central::write_back(root) },
    Target { name: "ledger_staff", path: INPUT, beside: &[], look: |_, root| central::staff(root) },
    Target { name: "ledger_mapping", path: INPUT, beside: &[], look: |_, root| central::mapping(root) },
    Target { name: "report_judged", path: INPUT, beside: &[], look: |_, root| judged::report(root) },
    Target { name: "report", path: INPUT, beside: &[], look: |_, root| central::report(root) },
    Target { name: "enrolment", path: INPUT, beside: &[], look: |_, root| central::enrolment(root) },
    Target { name: "certificate", path: INPUT, beside: &[], look: |_, root| central::certificate(root) },
    Target { name: "document", path: INPUT, beside: &[], look: |_, root| central::document(root) },
    Target { name: "exported_log", path: INPUT, beside: &[], look: |_, root| central::log(root) },
    Target { name: "backup", path: INPUT, beside: &[], look: |_, root| central::backed_up(root) },
    Target { name: "spool", path: INPUT, beside: &[], look: |_, root| kept::anything(root) },
    Target { name: "spool_spoiled", path: INPUT, beside: &[], look: |_, root| kept::spoiled(root) },
    Target { name: "spool_records", path: INPUT, beside: &[], look: |_, root| kept::records(root) },
    Target {
        name: "collector_config",
        path: INPUT,
        beside: &[],
        look: |_, root| central::collector_config(root),
    },
    Target { name: "agent_config", path: INPUT, beside: &[], look: |_, root| central::agent_config(root) },
    Target {
        name: "templates",
        path: "/templates/test.ja.txt",
        beside: &[],
        look: |_, root| central::templates(root),
    },
    Target { name: "holidays", path: INPUT, beside: &[], look: |_, root| central::holidays(root) },
    Target { name: "versions", path: INPUT, beside: &[], look: |_, root| central::versions(root) },
    Target { name: "words", path: INPUT, beside: &[], look: |_, root| central::words(root) },
];

const PROGRAM: &str = "/usr/sbin/x";
const HIVE: &str = "Windows/System32/config/SYSTEM";
const PIP_RECORD: &str = "/usr/local/lib/python3.11/dist-packages/x-1.dist-info/RECORD";
const FLATPAK_DEPLOY: &str = "/var/lib/flatpak/app/org.x.X/current/active/deploy";
const JOURNAL: &str = "/var/log/journal/0123456789abcdef0123456789abcdef/system.journal";
const DESCRIPTORS: &str = "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/descriptors";
const APT_LIST: &str = "/var/lib/apt/lists/mirror_debian_dists_bookworm_main_binary-amd64_Packages";
const APT_GZIP: &str = "/var/lib/apt/lists/mirror_debian_dists_bookworm_contrib_binary-amd64_Packages.gz";
const APT_XZ: &str = "/var/lib/apt/lists/mirror_debian_dists_bookworm_contrib_binary-amd64_Packages.xz";
const APT_ZSTD: &str = "/var/lib/apt/lists/mirror_debian_dists_bookworm_contrib_binary-amd64_Packages.zst";
const APT_LZ4: &str = "/var/lib/apt/lists/mirror_debian_dists_bookworm_contrib_binary-amd64_Packages.lz4";
const APT_RELEASE: &str = "/var/lib/apt/lists/mirror_debian_dists_bookworm_InRelease";

/// A machine with a few accounts, whose PAM writes lastlog.
const PEOPLE: &[(&str, Beside)] = &[
    ("/etc/passwd", File(b"root:x:0:0::/root:/bin/sh\ntanaka:x:1000:1000:Tanaka:/home/tanaka:/bin/bash\nsato:x:1001:27::/home/sato:/bin/sh\n")),
    ("/etc/shadow", File(b"root:*:20000::::::\ntanaka:!:20000:0:99999:7::21000:\nsato:$y$j9T$x$y:20000:0:90:7:30::\n")),
    ("/etc/group", File(b"root:x:0:\nsudo:x:27:tanaka\nwheel:x:10:\nusers:x:1000:\n")),
    ("/etc/pam.d/login", File(b"session optional pam_lastlog.so\n")),
    ("/etc/machine-id", File(b"0123456789abcdef0123456789abcdef\n")),
    ("/var/log", Folder),
];

/// A machine with one stick, whose partition is mounted.
const STICK: &[(&str, Beside)] = &[
    ("/sys/bus/usb/devices/1-2", Link("../../../devices/pci0000:00/0000:00:14.0/usb1/1-2")),
    ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/idVendor", File(b"0781\n")),
    ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/idProduct", File(b"5581\n")),
    ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/bDeviceClass", File(b"00\n")),
    ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/bConfigurationValue", File(b"1\n")),
    ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/devnum", File(b"3\n")),
    (
        "/sys/class/block/sdb",
        Link("../../devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sdb"),
    ),
    (
        "/sys/class/block/sdb1",
        Link(
            "../../devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sdb/sdb1",
        ),
    ),
    (
        "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sdb/dev",
        File(b"8:16\n"),
    ),
    (
        "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sdb/size",
        File(b"2048\n"),
    ),
    (
        "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sdb/sdb1/dev",
        File(b"8:17\n"),
    ),
    (
        "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sdb/sdb1/size",
        File(b"2048\n"),
    ),
    (
        "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sdb/sdb1/partition",
        File(b"1\n"),
    ),
    ("/etc/clamav/clamd.conf", File(b"LogFile /var/log/clamav/clamav.log\nLogTime true\nLogClean true\n")),
    ("/proc/self/mountinfo", File(b"36 35 8:17 / /media/x rw,noatime shared:1 - vfat /dev/sdb1 rw\n")),
];

/// For the journal, which tells of logins and of media.
const STICK_AND_PEOPLE: &[(&str, Beside)] = &[
    ("/sys/bus/usb/devices", Folder),
    ("/etc/passwd", File(b"root:x:0:0::/root:/bin/sh\ntanaka:x:1000:1000:Tanaka:/home/tanaka:/bin/bash\n")),
    ("/etc/shadow", File(b"root:*:20000::::::\ntanaka:!:20000:0:99999:7::21000:\n")),
    ("/etc/group", File(b"root:x:0:\nsudo:x:27:tanaka\n")),
    ("/etc/machine-id", File(b"0123456789abcdef0123456789abcdef\n")),
];

/// A database that SQLite wrote, without its log.
const RPM: &[(&str, Beside)] =
    &[("/var/lib/rpm/rpmdb.sqlite", File(include_bytes!("../../../agent/fixtures/rpm/rpmdb.sqlite")))];

/// A Debian machine with one package, and lists that offer it.
const APT: &[(&str, Beside)] = &[
    ("/var/lib/dpkg/status", File(b"Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0.11-1\n\nPackage: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.21.22\n")),
    (APT_LIST, File(b"Package: openssl\nArchitecture: amd64\nVersion: 3.0.17-1\n\n")),
    (APT_RELEASE, File(b"Origin: Debian\nLabel: Debian\nSuite: stable\nCodename: bookworm\nDate: Sat, 06 Sep 2025 10:00:00 UTC\n")),
    ("/etc/apt/sources.list", File(b"deb http://mirror/debian bookworm main contrib\n")),
    ("/etc/os-release", File(b"ID=debian\nVERSION_ID=12\nVERSION_CODENAME=bookworm\n")),
];

/// A machine of the RHEL family with one repository, whose lists are not packed.
const DNF: &[(&str, Beside)] = &[
    ("/var/lib/rpm/rpmdb.sqlite", File(include_bytes!("../../../agent/fixtures/rpm/rpmdb.sqlite"))),
    ("/etc/yum.repos.d/base.repo", File(b"[base]\nname=x\n")),
    ("/var/cache/dnf/base-0123456789abcdef/repodata/repomd.xml", File(b"<repomd><data type=\"primary\"><location href=\"repodata/primary.xml\"/><timestamp>1700000000</timestamp></data><data type=\"updateinfo\"><location href=\"repodata/updateinfo.xml\"/></data><data type=\"modules\"><location href=\"repodata/modules.yaml\"/></data></repomd>")),
    ("/var/cache/dnf/base-0123456789abcdef/repodata/modules.yaml", File(b"")),
    ("/var/cache/dnf/base-0123456789abcdef/repodata/primary.xml", File(b"<package type=\"rpm\"><name>openssl-libs</name><arch>x86_64</arch><version epoch=\"1\" ver=\"3.0.9\" rel=\"1.el9\"/></package>")),
    ("/var/cache/dnf/base-0123456789abcdef/repodata/updateinfo.xml", File(b"")),
];

/// An Alpine machine with a repository in a folder of its own.
const APK: &[(&str, Beside)] = &[
    ("/lib/apk/db/installed", File(b"P:musl\nV:1.2.5-r0\nA:x86_64\n\n")),
    ("/etc/apk/repositories", File(b"/srv/apk\n")),
];

/// A machine with systemd whose unit is enabled and has a socket.
const UNITS: &[(&str, Beside)] = &[
    ("/usr/lib/systemd/systemd", File(b"")),
    (
        "/etc/systemd/system/x.socket",
        File(b"[Socket]\nListenStream=22\n[Install]\nWantedBy=sockets.target\n"),
    ),
    ("/etc/systemd/system/x.service", File(b"[Service]\nExecStart=/usr/bin/x\n")),
    ("/etc/systemd/system/multi-user.target.wants/x.service", Link("/etc/systemd/system/x.service")),
    ("/etc/systemd/system/x.timer", File(b"[Timer]\nOnCalendar=daily\n")),
];

const ROOT_ALONE: &[(&str, Beside)] = &[("/etc/passwd", File(b"root:x:0:0::/root:/bin/sh\n"))];

/// A hive whose last writing was not finished.
const UNFINISHED: &[(&str, Beside)] =
    &[(HIVE, File(include_bytes!("../../../agent/fixtures/windows/hives/unfinished/SYSTEM")))];

const FLATPAK: &[(&str, Beside)] =
    &[("/usr", Folder), ("/var/lib/flatpak/app/org.x.X/current/active/metadata", File(b"[Application]\n"))];

fn accounts(machine: &Linux, _: &Path) {
    machine.accounts();
}

fn media(machine: &Linux, _: &Path) {
    machine.media();
}

fn scans(machine: &Linux, _: &Path) {
    // The day of the seeds.
    machine.scans("/media/x/", Timestamp::from_second(1_795_300_000).unwrap_or(Timestamp::UNIX_EPOCH));
}

fn accounts_and_media(machine: &Linux, _: &Path) {
    machine.accounts();
    machine.media();
}

fn packages(machine: &Linux, _: &Path) {
    machine.packages();
}

fn updates(machine: &Linux, _: &Path) {
    machine.updates();
}

fn software(machine: &Linux, _: &Path) {
    machine.software();
}

fn services(machine: &Linux, _: &Path) {
    machine.services();
}

fn host(machine: &Linux, _: &Path) {
    machine.host();
}

fn antivirus(machine: &Linux, _: &Path) {
    machine.antivirus();
}

/// Every key and value, as many and as deep as the rooms of Windows go.
fn hive(_: &Linux, folder: &Path) {
    const KEYS_MAX: usize = 2000;
    const LEVELS_MAX: usize = 20;
    let Ok(registry) = of_disk(folder) else { return };
    let mut paths = vec!["CurrentControlSet".to_owned(), String::new()];
    let mut keys = 0;
    while let Some(path) = paths.pop().filter(|_| keys < KEYS_MAX) {
        keys += 1;
        let _ = (registry.values(&Hive::System, &path), registry.written_at(&Hive::System, &path));
        let names = registry.keys(&Hive::System, &path).ok().flatten().unwrap_or_default();
        if path.matches('\\').count() < LEVELS_MAX {
            let below = |name: String| if path.is_empty() { name } else { format!("{path}\\{name}") };
            paths.extend(names.into_iter().take(KEYS_MAX).map(below));
        }
    }
    let _ = (registry.users(), registry.found());
}
