//! A database that SQLite wrote, with a log that holds one package more and one less. Real databases of others run in
//! tests/conformance/rpm.rs.

use std::path::Path;

use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/rpm");

fn lay(with_log: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rpm = folder.path().join("var/lib/rpm");
    std::fs::create_dir_all(&rpm).unwrap();
    let copy = |name: &str| std::fs::copy(Path::new(FIXTURES).join(name), rpm.join(name)).unwrap();
    copy("rpmdb.sqlite");
    if with_log {
        copy("rpmdb.sqlite-wal");
    }
    folder
}

#[test]
fn the_log_counts_as_much_as_the_database() {
    let folder = lay(true);
    let outcome = packages(&Root::at(folder.path()).unwrap()).unwrap();
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    let names: Vec<_> = outcome.packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names.len(), 40);
    assert!(!names.contains(&"lib00") && names.contains(&"lib39") && names.contains(&"openssl-libs"));
    let openssl = outcome.packages.iter().find(|package| package.name == "openssl-libs").unwrap();
    assert_eq!(openssl.version, "1:3.0.7-27.el9");
    assert_eq!(openssl.source_name.as_deref(), Some("openssl"));
    assert_eq!(openssl.source_version, None);

    let folder = lay(false);
    let outcome = packages(&Root::at(folder.path()).unwrap()).unwrap();
    assert!(outcome.packages.iter().any(|package| package.name == "lib00"));
    assert!(!outcome.packages.iter().any(|package| package.name == "openssl-libs"));
}

#[test]
fn a_key_is_no_package() {
    let folder = lay(false);
    let outcome = packages(&Root::at(folder.path()).unwrap()).unwrap();
    assert!(!outcome.packages.iter().any(|package| package.name == "gpg-pubkey"));
}

#[test]
fn a_damaged_database_never_panics() {
    let folder = lay(true);
    let rpm = folder.path().join("var/lib/rpm");
    let root = Root::at(folder.path()).unwrap();
    let whole = std::fs::read(rpm.join("rpmdb.sqlite")).unwrap();
    let mut chance = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..chance.usize(1..40) {
            let at = if chance.bool() { chance.usize(..200) } else { chance.usize(..bytes.len()) };
            bytes[at] = chance.u8(..);
        }
        bytes.truncate(chance.usize(bytes.len() / 2..=bytes.len()));
        std::fs::write(rpm.join("rpmdb.sqlite"), &bytes).unwrap();
        assert!(packages(&root).is_some());
    }
}

#[test]
fn random_bytes_are_no_header() {
    let mut chance = fastrand::Rng::with_seed(8);
    for _ in 0..5_000 {
        let mut bytes = vec![0, 0, 0, chance.u8(..6), 0, 0, 0, chance.u8(..)];
        bytes.extend((0..chance.usize(..300)).map(|_| chance.u8(..)));
        for entry in (8..bytes.len().saturating_sub(16)).step_by(16) {
            let tag = [1000_u32, 1001, 1003, 1044][chance.usize(..4)];
            bytes[entry..entry + 4].copy_from_slice(&tag.to_be_bytes());
        }
        let _ = Header::parse(&bytes);
    }
}

#[test]
fn a_source_file_name_has_name_and_version() {
    assert_eq!(source_of("util-linux-2.32.1-42.el8_8.src.rpm"), Some(("util-linux", "2.32.1-42.el8_8")));
    assert_eq!(source_of("odd.src.rpm"), None);
    assert_eq!(source_of("(none)"), None);
}

#[test]
fn files_outside_of_the_system_are_kept() {
    let mut store = b"x\x001\x001\x00a\x00b\x00/usr/bin/\x00/opt/v/\x00".to_vec();
    let numbers = store.len();
    store.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    let entries = [
        (1000, 6, 0, 1),
        (1001, 6, 2, 1),
        (1002, 6, 4, 1),
        (1116, 4, numbers, 2),
        (1117, 8, 6, 2),
        (1118, 8, 10, 2),
    ];
    let mut blob = vec![0, 0, 0, 6, 0, 0, 0, u8::try_from(store.len()).unwrap()];
    for (tag, kind, offset, count) in entries {
        for number in [tag, kind, offset, count] {
            blob.extend(u32::try_from(number).unwrap().to_be_bytes());
        }
    }
    blob.extend(store);
    assert_eq!(Header::parse(&blob).unwrap().outside, ["/opt/v/b"]);
}
