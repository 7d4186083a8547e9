//! Journals that systemd-journal-remote 252 wrote (`fixtures/journal/make`), and damaged ones.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

fn fixture(name: &str) -> Vec<u8> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journal").join(format!("{name}.journal.gz"));
    let packed = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    bytes
}

const MACHINE: &str = "0123456789abcdef0123456789abcdef";

/// A machine with these files in its journal.
fn machine(files: &[(&str, &[u8])]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("var/log/journal").join(MACHINE);
    fs::create_dir_all(&journal).unwrap();
    fs::create_dir(folder.path().join("etc")).unwrap();
    fs::write(folder.path().join("etc/machine-id"), format!("{MACHINE}\n")).unwrap();
    for (name, bytes) in files {
        fs::write(journal.join(name), bytes).unwrap();
    }
    (folder, journal)
}

const FIELDS: &[&str] = &["MESSAGE", "_COMM", "_UID", "N"];

fn question<'a>(any_of: &'a [&'a str]) -> Question<'a> {
    Question { any_of, fields: FIELDS, since: Timestamp::UNIX_EPOCH, entries_max: 100_000 }
}

fn asked(folder: &TempDir, question: &Question<'_>) -> Journal {
    ask(&Root::at(folder.path()).unwrap(), question)
}

/// The fixture's entry `n` was written at this time; see `fixtures/journal/make`.
fn at(n: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + 60 * n).unwrap()
}

const KINDS: [&str; 3] = ["keyed-compact-zstd", "keyed-regular-zstd", "jenkins-regular-zstd"];

#[test]
fn every_kind_of_file_gives_the_same_entries() {
    for kind in KINDS {
        let (folder, _) = machine(&[("system.journal", &fixture(kind))]);
        let all = asked(&folder, &question(&[]));
        assert_eq!(all.problems, [""; 0], "{kind}");
        let numbers: Vec<&str> = all.entries.iter().map(|entry| entry.field("N").unwrap()).collect();
        let wanted: Vec<String> = (0..300).map(|n| n.to_string()).collect();
        assert_eq!(numbers, wanted, "{kind}");
        assert_eq!(all.complete_since, Some(at(0)), "{kind}");
        assert!(all.entries.iter().zip(0..).all(|(entry, n)| entry.at == at(n)), "{kind}");
        assert_eq!(all.entries[0].boot, 0x1111_2222_3333_4444_5555_6666_7777_8888);
        let long = all.entries[200].field("MESSAGE").unwrap();
        assert_eq!(long, "a long line that is packed ".repeat(100), "{kind}");
        let matching = asked(&folder, &question(&["_COMM=sshd", "_COMM=login", "_COMM=nobody"]));
        let numbers: Vec<i64> =
            matching.entries.iter().map(|entry| entry.field("N").unwrap().parse().unwrap()).collect();
        let wanted: Vec<i64> = (0..300).filter(|n| n % 7 == 0 || n % 10 == 3).collect();
        assert_eq!(numbers, wanted, "{kind}");
    }
}

#[test]
fn limits_leave_out_the_oldest_and_say_so() {
    let (folder, _) = machine(&[("system.journal", &fixture(KINDS[0]))]);
    let few = asked(&folder, &Question { entries_max: 10, ..question(&["_COMM=sshd"]) });
    assert_eq!(few.entries.len(), 10);
    assert_eq!(few.entries[9].at, at(294));
    assert_eq!(few.complete_since, Some(few.entries[0].at));
    let late = asked(&folder, &Question { since: at(290), ..question(&[]) });
    assert_eq!(late.entries.len(), 10);
    assert_eq!(late.complete_since, Some(at(290)));
}

#[test]
fn only_the_machines_own_system_journals_count() {
    let bytes = fixture(KINDS[0]);
    let (folder, journal) = machine(&[("user-1000.journal", &bytes), ("notes.txt", b"x")]);
    let other = journal.parent().unwrap().join("fedcba9876543210fedcba9876543210");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("system.journal"), &bytes).unwrap();
    let remote = journal.parent().unwrap().join("remote");
    fs::create_dir(&remote).unwrap();
    fs::write(remote.join("system.journal"), &bytes).unwrap();
    let none = asked(&folder, &question(&[]));
    assert!(none.entries.is_empty() && none.problems.is_empty() && none.complete_since.is_none());
    fs::write(folder.path().join("etc/machine-id"), "uninitialized\n").unwrap();
    let unsure = asked(&folder, &question(&[]));
    assert!(unsure.entries.is_empty() && unsure.problems.len() == 1, "{:?}", unsure.problems);
}

#[test]
fn a_torn_file_after_a_crash_is_no_problem_and_not_complete() {
    let bytes = fixture(KINDS[1]);
    // What lies behind the last object is still empty.
    let used = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    let torn = &bytes[..used * 2 / 3];
    let (folder, journal) = machine(&[("system@0001-0002.journal~", torn)]);
    let crashed = asked(&folder, &question(&[]));
    assert_eq!(crashed.problems, [""; 0]);
    assert_eq!(crashed.complete_since, None);
    fs::rename(journal.join("system@0001-0002.journal~"), journal.join("system.journal")).unwrap();
    let broken = asked(&folder, &question(&[]));
    assert_eq!(broken.problems.len(), 1, "{:?}", broken.problems);
    assert_eq!(broken.complete_since, None);
}

#[test]
fn a_machine_without_a_journal_has_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    let none = asked(&folder, &question(&[]));
    assert!(none.problems.is_empty() && none.entries.is_empty() && none.complete_since.is_none());
}

#[test]
fn no_bytes_make_the_reader_panic_or_turn_in_circles() {
    let mut chance = fastrand::Rng::with_seed(15);
    for kind in KINDS {
        let whole = fixture(kind);
        // Objects lie close together at the beginning; what follows is mostly still empty.
        let used = whole.iter().rposition(|&byte| byte != 0).unwrap();
        for _ in 0..15 {
            let mut bytes = whole.clone();
            for _ in 0..chance.usize(1..40) {
                let place = chance.usize(..used);
                bytes[place] = if chance.bool() { chance.u8(..) } else { 0 };
            }
            fuzz(&bytes);
            fuzz(&bytes[..chance.usize(..used)]);
        }
    }
}

/// One journal file, as a fuzzer feeds it.
fn fuzz(bytes: &[u8]) {
    let allowance = Cell::new(READ_BYTES_MAX);
    for any_of in [&[][..], &["_COMM=sshd", "_TRANSPORT=kernel"]] {
        if let Ok(file) = JournalFile::open(bytes, &allowance) {
            let _ = one_file(file, &question(any_of), 10_000, true, &mut |_| {});
        }
    }
}
