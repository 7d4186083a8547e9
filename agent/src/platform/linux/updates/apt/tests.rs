//! Small machines with small archives.

use daicho_proto::facts::Look;

use super::super::look as updates;
use super::*;

const STATUS: &str = "\
Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21.22

Package: openssl
Status: install ok installed
Architecture: amd64
Version: 3.0.11-1~deb12u2

Package: nginx
Status: hold ok installed
Architecture: amd64
Version: 1.22.1-9

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2024a-0+deb12u1
";

const SOURCES: &str = "\
deb cdrom:[Debian GNU/Linux 12]/ bookworm main
deb http://deb.example/debian bookworm main
deb http://deb.example/debian-security bookworm-security main
";

/// What the main archive offers: all that is installed.
const MAIN_LIST: &str = "\
Package: dpkg
Architecture: amd64
Version: 1.21.22

Package: openssl
Architecture: amd64
Version: 3.0.11-1~deb12u2

Package: nginx
Architecture: amd64
Version: 1.22.1-9

Package: tzdata
Architecture: all
Version: 2024a-0+deb12u1
";

const MAIN: &str = "deb.example_debian_dists_bookworm";
const SECURITY: &str = "deb.example_debian-security_dists_bookworm-security";
const BACKPORTS: &str = "deb.example_debian_dists_bookworm-backports";

fn release(label: &str, suite: &str, more: &str) -> String {
    format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nLabel: {label}\nSuite: {suite}\n\
         Version: 12\nCodename: {suite}\nDate: Sat, 21 Nov 2026 00:53:02 UTC\n{more}SHA256:\n 00 0 Label: x\n"
    )
}

fn stanza(name: &str, version: &str, architecture: &str) -> String {
    format!(
        "Package: {name}\nArchitecture: {architecture}\nVersion: {version}\nDescription: x\n Version: 9\n\n"
    )
}

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Machine(tempfile::tempdir().unwrap());
        machine.write("var/lib/dpkg/status", STATUS);
        machine.write("etc/apt/sources.list", SOURCES);
        machine.list(&format!("{MAIN}_InRelease"), &release("Debian", "stable", ""));
        machine.list(&format!("{MAIN}_main_binary-amd64_Packages"), MAIN_LIST);
        machine.list(&format!("{SECURITY}_InRelease"), &release("Debian-Security", "stable-security", ""));
        machine.list(&format!("{SECURITY}_main_binary-amd64_Packages"), &stanza("other", "1", "amd64"));
        machine
    }

    fn list(&self, name: &str, text: &str) {
        self.write(&format!("var/lib/apt/lists/{name}"), text);
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Configures one more suite of the main archive.
    fn configure(&self, suite: &str) {
        let more = format!("{SOURCES}deb http://deb.example/debian {suite} main\n");
        self.write("etc/apt/sources.list", &more);
    }

    fn look(&self) -> Look<daicho_proto::facts::Updates> {
        updates(&Root::at(self.0.path()).unwrap())
    }

    /// `name available security origin`, one a line.
    fn pending(&self) -> String {
        let seen = self.look();
        assert!(seen.is_complete(), "{:?}", seen.problems());
        let lines = seen.value().unwrap().pending.iter().map(|update| {
            let available = update.available_version.as_deref().unwrap();
            let origin = update.origin.as_deref().unwrap_or("-");
            format!("{} {available} {:?} {origin}", update.name, update.security)
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn nothing_waits_on_an_up_to_date_machine() {
    let machine = Machine::new();
    assert_eq!(machine.pending(), "");
    let as_of = machine.look().value().unwrap().as_of.unwrap();
    assert_eq!(as_of.to_string(), "2026-11-21T00:53:02Z");
}

#[test]
fn a_security_update_is_told_apart() {
    let machine = Machine::new();
    machine.list(
        &format!("{SECURITY}_main_binary-amd64_Packages"),
        &stanza("openssl", "3.0.11-1~deb12u10", "amd64"),
    );
    machine.list(&format!("{MAIN}_main_binary-amd64_Packages"), &stanza("tzdata", "2024b-0+deb12u1", "all"));
    let expected = "openssl 3.0.11-1~deb12u10 Some(true) Debian-Security:12/stable-security\n\
                    tzdata 2024b-0+deb12u1 Some(false) Debian:12/stable";
    assert_eq!(machine.pending(), expected);
}

#[test]
fn a_later_version_carries_the_security_update_within() {
    let machine = Machine::new();
    machine.list(
        &format!("{SECURITY}_main_binary-amd64_Packages"),
        &stanza("openssl", "3.0.11-1~deb12u3", "amd64"),
    );
    machine
        .list(&format!("{MAIN}_main_binary-amd64_Packages"), &stanza("openssl", "3.0.11-1~deb12u4", "amd64"));
    assert_eq!(machine.pending(), "openssl 3.0.11-1~deb12u4 Some(true) Debian:12/stable");
}

#[test]
fn a_held_package_waits_none_the_less() {
    let machine = Machine::new();
    machine.list(&format!("{MAIN}_main_binary-amd64_Packages"), &stanza("nginx", "1.22.1-10", "amd64"));
    assert_eq!(machine.pending(), "nginx 1.22.1-10 Some(false) Debian:12/stable");
    assert!(machine.look().value().unwrap().pending[0].held);
}

#[test]
fn backports_are_no_candidate_unless_installed_from_there() {
    let machine = Machine::new();
    machine.configure("bookworm-backports");
    let without_nginx = MAIN_LIST.replace("Package: nginx", "Package: other");
    machine.list(&format!("{MAIN}_main_binary-amd64_Packages"), &without_nginx);
    let more = "NotAutomatic: yes\nButAutomaticUpgrades: yes\n";
    machine.list(&format!("{BACKPORTS}_InRelease"), &release("Debian Backports", "stable-backports", more));
    machine.list(
        &format!("{BACKPORTS}_main_binary-amd64_Packages"),
        &(stanza("openssl", "3.5-1~bpo12+1", "amd64") + &stanza("nginx", "1.26-1~bpo12+1", "amd64")),
    );
    // openssl is the main archive's (500 against 100); nginx is in no other archive (100 against 100).
    assert_eq!(machine.pending(), "nginx 1.26-1~bpo12+1 Some(false) Debian Backports:12/stable-backports");
}

#[test]
fn another_architecture_is_another_package() {
    let machine = Machine::new();
    machine.list(&format!("{MAIN}_main_binary-i386_Packages"), &stanza("openssl", "9", "i386"));
    assert_eq!(machine.pending(), "");
}

#[test]
fn a_pin_keeps_an_update_away_but_no_security_update() {
    let machine = Machine::new();
    machine.write(
        "etc/apt/preferences.d/keep",
        "Package: openssl nginx\nPin: release o=Debian\nPin-Priority: -1\n",
    );
    machine.list(&format!("{MAIN}_main_binary-amd64_Packages"), &stanza("nginx", "1.23", "amd64"));
    machine.list(&format!("{SECURITY}_main_binary-amd64_Packages"), &stanza("openssl", "3.0.12-1", "amd64"));
    assert_eq!(machine.pending(), "openssl 3.0.12-1 Some(true) Debian-Security:12/stable-security");
    assert!(machine.look().value().unwrap().pending[0].held);
}

#[test]
fn a_package_that_no_list_offers_is_told() {
    let machine = Machine::new();
    assert!(machine.look().value().unwrap().unlisted.is_empty());
    machine.list(&format!("{MAIN}_main_binary-amd64_Packages"), &MAIN_LIST.replace("1.22.1-9", "1.18.0-6"));
    let seen = machine.look();
    let unlisted: Vec<&str> =
        seen.value().unwrap().unlisted.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(unlisted, ["nginx"]);
}

#[test]
fn a_missing_source_is_one_thing_to_mend() {
    let machine = Machine::new();
    let own = |number: u32| {
        format!("\nPackage: own{number}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n")
    };
    machine.write("var/lib/dpkg/status", &(STATUS.to_owned() + &(0..300).map(own).collect::<String>()));
    let seen = machine.look();
    assert_eq!(seen.value().unwrap().unlisted.len(), 200);
    assert!(seen.problems()[0].starts_with("300 installed packages"), "{:?}", seen.problems());
}

#[test]
fn a_source_that_is_gone_offers_nothing() {
    let machine = Machine::new();
    machine.list("gone.example_dists_x_main_binary-amd64_Packages", &stanza("nginx", "9", "amd64"));
    assert_eq!(machine.pending(), "");
}

#[test]
fn an_update_in_phases_says_how_far_it_is() {
    let machine = Machine::new();
    let phased = MAIN_LIST.replace("Version: 1.22.1-9", "Version: 1.22.1-10\nPhased-Update-Percentage: 20");
    machine.list(&format!("{MAIN}_main_binary-amd64_Packages"), &phased);
    assert_eq!(machine.look().value().unwrap().pending[0].phased_percent, Some(20));
}

#[test]
fn both_architectures_of_a_package_may_wait() {
    let machine = Machine::new();
    let i386 =
        "Package: openssl\nStatus: install ok installed\nArchitecture: i386\nVersion: 3.0.11-1~deb12u2\n";
    machine.write("var/lib/dpkg/status", &format!("{STATUS}\n{i386}"));
    machine.list(&format!("{SECURITY}_main_binary-i386_Packages"), &stanza("openssl", "3.0.12-1", "i386"));
    machine.list(&format!("{SECURITY}_main_binary-amd64_Packages"), &stanza("openssl", "3.0.12-1", "amd64"));
    let seen = machine.look();
    let architectures: Vec<_> =
        seen.value().unwrap().pending.iter().map(|update| update.architecture.as_deref().unwrap()).collect();
    assert_eq!(architectures, ["amd64", "i386"]);
}

#[test]
fn a_pin_that_is_not_understood_is_told() {
    let machine = Machine::new();
    machine.write("etc/apt/preferences.d/odd.pref", "Package: /^lib/\nPin: release a=x\nPin-Priority: 900\n");
    assert!(!machine.look().is_complete());
}

#[test]
fn lists_that_are_missing_are_no_compliance() {
    let machine = Machine(tempfile::tempdir().unwrap());
    machine.write("var/lib/dpkg/status", STATUS);
    assert!(
        matches!(machine.look(), Look::Unreadable { problems } if problems[0].contains("apt-get update"))
    );

    let machine = Machine::new();
    for name in ["InRelease", "main_binary-amd64_Packages"] {
        std::fs::remove_file(machine.0.path().join(format!("var/lib/apt/lists/{SECURITY}_{name}"))).unwrap();
    }
    let problems = machine.look().problems().to_vec();
    assert!(problems.iter().any(|problem| problem.contains("security archive")), "{problems:?}");
    assert!(problems[0].contains("deb.example/debian-security bookworm-security"), "{problems:?}");

    let machine = Machine::new();
    machine.configure("x");
    assert!(!machine.look().is_complete());
    machine.list("deb.example_debian_dists_x_main_binary-amd64_Packages.bz2", "");
    assert!(machine.look().problems()[0].contains("bzip2"));

    let machine = Machine::new();
    machine.write("etc/apt/sources.list", "");
    assert!(machine.look().problems()[0].contains("no source"));

    let machine = Machine::new();
    let undated = release("Debian-Security", "stable-security", "").replace("Date:", "Datum:");
    machine.list(&format!("{SECURITY}_InRelease"), &undated);
    assert!(machine.look().problems()[0].contains("date"));
}

/// An update of openssl as xz packs it.
const LIST_IN_XZ: &[u8] = &[
    0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x16,
    0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0xe0, 0x01, 0x15, 0x00, 0x7a, 0x5d, 0x00, 0x28, 0x18, 0x48,
    0x66, 0xdb, 0xda, 0x30, 0x85, 0xfe, 0x16, 0xeb, 0xe1, 0x2e, 0x25, 0x75, 0x4b, 0xde, 0x51, 0x80, 0x40,
    0x0d, 0xe3, 0x17, 0xce, 0x96, 0xce, 0xdb, 0xff, 0xe4, 0x2c, 0xa4, 0xd3, 0x8d, 0xdf, 0x62, 0x32, 0x27,
    0x2b, 0x0e, 0x69, 0x93, 0x8b, 0x0f, 0xfe, 0xe1, 0xa5, 0x77, 0xd5, 0x55, 0x30, 0x2a, 0x58, 0x1b, 0x08,
    0x7d, 0xa8, 0x5b, 0x4d, 0xe3, 0x4b, 0xdd, 0xd0, 0x04, 0x5c, 0x99, 0x9a, 0x7c, 0x94, 0x28, 0xf6, 0xd5,
    0xc7, 0x9f, 0x48, 0x6f, 0x1f, 0x7f, 0x14, 0x37, 0xb6, 0x5d, 0xb7, 0x1d, 0xe7, 0x99, 0xbc, 0xcf, 0xba,
    0x0d, 0x7e, 0x67, 0x9e, 0x1b, 0xbb, 0xec, 0x1d, 0x79, 0x95, 0xb8, 0xce, 0x38, 0x51, 0xf4, 0xb9, 0x66,
    0xf1, 0xb4, 0xc8, 0xaf, 0x4c, 0x85, 0x84, 0xbb, 0x11, 0xa1, 0x76, 0x5f, 0x1a, 0x3d, 0x1a, 0xcd, 0x00,
    0x00, 0x00, 0x00, 0x0f, 0x3f, 0x3a, 0x61, 0x7c, 0x1f, 0x3f, 0xa5, 0x00, 0x01, 0x96, 0x01, 0x96, 0x02,
    0x00, 0x00, 0x25, 0x62, 0xa5, 0xae, 0xb1, 0xc4, 0x67, 0xfb, 0x02, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59,
    0x5a,
];

#[test]
fn packed_lists_are_read() {
    use std::io::Write as _;
    let machine = Machine::new();
    machine.configure("bookworm-updates");
    let text = stanza("openssl", "9", "amd64");
    let path = machine
        .0
        .path()
        .join("var/lib/apt/lists")
        .join(format!("{MAIN}-updates_main_binary-amd64_Packages.gz"));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    std::fs::write(&path, packed.finish().unwrap()).unwrap();
    assert!(machine.pending().starts_with("openssl 9"));
    std::fs::remove_file(&path).unwrap();
    let mut packed = lz4_flex::frame::FrameEncoder::new(Vec::new());
    packed.write_all(text.as_bytes()).unwrap();
    std::fs::write(path.with_extension("lz4"), packed.finish().unwrap()).unwrap();
    assert!(machine.pending().starts_with("openssl 9"));
    std::fs::remove_file(path.with_extension("lz4")).unwrap();
    std::fs::write(path.with_extension("xz"), LIST_IN_XZ).unwrap();
    assert!(machine.pending().starts_with("openssl 9"));
    std::fs::write(path.with_extension("lz4"), b"\x04\x22\x4d\x18nonsense").unwrap();
    assert!(!machine.look().is_complete());
}

#[test]
fn random_lists_never_panic() {
    let mut chance = fastrand::Rng::with_seed(11);
    let words = [
        "Package: openssl",
        "Version: 9",
        "Version:",
        "Architecture: amd64",
        "",
        "Date: x",
        "Pin: release",
        "Pin: a b",
        "*",
        ":",
    ];
    for _ in 0..200 {
        let machine = Machine::new();
        let mut text = || -> String {
            (0..chance.usize(..30)).flat_map(|_| [words[chance.usize(..words.len())], "\n"]).collect()
        };
        machine.list(&format!("{MAIN}_main_binary-amd64_Packages"), &text());
        machine.list(&format!("{MAIN}_InRelease"), &text());
        machine.write("etc/apt/preferences", &text());
        let _ = machine.look();
    }
}
