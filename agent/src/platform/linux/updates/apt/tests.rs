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
        machine.list(&format!("{MAIN}_InRelease"), &release("Debian", "stable", ""));
        machine.list(
            &format!("{MAIN}_main_binary-amd64_Packages"),
            &stanza("openssl", "3.0.11-1~deb12u2", "amd64"),
        );
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
}

#[test]
fn backports_are_no_candidate_unless_installed_from_there() {
    let machine = Machine::new();
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
    assert!(machine.look().problems()[0].contains("security archive"));

    let machine = Machine::new();
    machine.list("deb.example_x_Packages.xz", "");
    assert!(!machine.look().is_complete());
}

#[test]
fn packed_lists_are_read() {
    use std::io::Write as _;
    let machine = Machine::new();
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
