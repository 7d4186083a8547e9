//! Old stores, copies that broke off, files under churn, bytes that were spoiled.

use std::io::Read as _;
use std::sync::Arc;

use super::*;
use crate::chronicle::verifying;
use crate::shelves::Shelves;
use crate::store::{Entry, StoreConfig};

/// A store as a program of form 2 left it: two devices of a ledger, two violations, a log of seven entries.
fn of_form_2(path: &Path) {
    let mut database = Vec::new();
    let packed = include_bytes!("../../../fixtures/store_form_2/db.gz");
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut database).unwrap();
    fs::create_dir_all(path.join("blobs")).unwrap();
    fs::write(path.join("db"), database).unwrap();
    fs::write(path.join("conf"), include_bytes!("../../../fixtures/store_form_2/conf")).unwrap();
    let snapshot = include_bytes!("../../../fixtures/store_form_2/snap.000000000000ED67");
    fs::write(path.join("snap.000000000000ED67"), snapshot).unwrap();
}

fn all(store: &dyn Store) -> Vec<Entry> {
    let changing = [FORMAT_KEY, BEFORE_LOG_KEY, "meta/commits", COPIED_KEY];
    let entries = store.scan(b"", None, usize::MAX).unwrap().into_iter();
    entries.filter(|(key, _)| !changing.iter().any(|name| name.as_bytes() == key)).collect()
}

/// What cannot be packed.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut chance = fastrand::Rng::with_seed(seed);
    (0..bytes).map(|_| chance.u8(..)).collect()
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

#[test]
fn a_store_of_the_form_before_is_taken_over_and_its_log_still_holds() {
    let folder = tempfile::tempdir().unwrap();
    of_form_2(folder.path());
    let before = all(&FormerStore::open(folder.path()).unwrap());
    assert!(before.len() > 20, "{} entries", before.len());
    let store = crate::store::open(&StoreConfig::Folder { path: folder.path().to_owned() }).unwrap();
    assert!(all(store.as_ref()) == before);
    let shelves = Shelves::new(Arc::clone(&store));
    let proof = verifying::of_store(&shelves, &[]).unwrap().unwrap();
    assert!(proof.is_sound() && proof.entries == 7, "{proof:?}");
    assert_eq!(
        (shelves.violations().unwrap().len(), proof.head.unwrap().anchor().as_str()),
        (2, "7:aeec0e8d940f")
    );
    drop((shelves, store));
    assert_eq!(names(folder.path()), ["store.redb"]);
    assert!(all(open_to_look(folder.path()).unwrap().as_ref()) == before);
}

#[test]
fn a_taking_over_that_was_broken_off_anywhere_goes_on_and_no_older_program_writes_meanwhile() {
    for copied in [0, 1, 7, 20, usize::MAX] {
        let folder = tempfile::tempdir().unwrap();
        of_form_2(folder.path());
        let old = FormerStore::open(folder.path()).unwrap();
        let before = all(&old);
        // What `take_over` had done when the power went.
        let mut mark = Batch::default();
        mark.put(FORMAT_KEY, FORMAT.to_string());
        old.commit(mark).unwrap();
        let target = EmbeddedStore::open(&moving(folder.path())).unwrap();
        let target = Checked::over(target, &folder.path().join("moving.commits")).unwrap();
        let mut batch = Batch::default();
        for (key, value) in old.scan(b"", None, usize::MAX).unwrap().into_iter().take(copied) {
            batch.put(COPIED_KEY, key.clone());
            batch.put(key, value);
        }
        target.commit(batch).unwrap();
        assert_eq!(crate::store::form_of(&old).unwrap(), Some(Ok(3)), "a program of form 2 refuses it");
        drop((old, target));
        let store = open(folder.path()).unwrap();
        assert!(all(&store) == before, "{copied} were copied");
        drop(store);
        assert_eq!(names(folder.path()), ["store.redb"]);
    }
}

#[test]
fn a_store_of_before_the_log_is_taken_over_and_its_log_begins_as_that_of_an_older_store() {
    let folder = tempfile::tempdir().unwrap();
    of_form_2(folder.path());
    let old = FormerStore::open(folder.path()).unwrap();
    let mut batch = Batch::default();
    for (key, _) in old.scan(b"chronicle/", None, usize::MAX).unwrap() {
        batch.remove(key);
    }
    batch.put(FORMAT_KEY, "1");
    old.commit(batch).unwrap();
    drop(old);
    let store = open(folder.path()).unwrap();
    assert!(crate::store::format_before_log(&store).unwrap());
    let shelves = Shelves::new(Arc::new(store));
    crate::chronicle::begin(&shelves, jiff::Timestamp::from_second(1_800_000_000).unwrap()).unwrap();
    let proof = verifying::of_store(&shelves, &[]).unwrap().unwrap();
    assert!(proof.is_sound(), "{proof:?}");
    assert!(!crate::store::format_before_log(shelves.store().as_ref()).unwrap());
}

#[test]
fn the_power_may_go_while_the_first_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    for half in [&b""[..], b"redb", &[0; 4_096]] {
        fs::write(moving(folder.path()), half).unwrap();
        drop(open(folder.path()).unwrap());
        assert_eq!(names(folder.path()), ["store.redb"]);
        fs::remove_file(whole(folder.path())).unwrap();
    }
}

#[test]
fn a_file_in_which_everything_is_written_anew_all_the_time_stays_as_large_as_what_it_holds_some_times() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let mut sizes = Vec::new();
    for round in 0..200_u64 {
        let mut batch = Batch::default();
        for key in 0..20 {
            batch.put(format!("record/{key}"), noise(16_000, round * 100 + key));
        }
        store.commit(batch).unwrap();
        sizes.push(store.size_on_disk().unwrap());
    }
    let held = 20 * 16_000;
    println!("{held} bytes held, {} on disk after 20 rounds, {} after 200", sizes[19], sizes[199]);
    assert!(sizes[199] < 8 * held && sizes[199] <= 2 * sizes[19], "{sizes:?}");
}

#[test]
fn whatever_byte_of_the_file_is_spoiled_no_value_is_read_that_was_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    for round in 0..40_u64 {
        let mut batch = Batch::default();
        batch.put(format!("a/{round:02}"), noise(3_000, round));
        store.commit(batch).unwrap();
    }
    let written = store.scan(b"a/", None, usize::MAX).unwrap();
    drop(store);
    let file = fs::read(whole(folder.path())).unwrap();
    let (mut told, places) = (0, (0..file.len()).step_by(file.len() / 60));
    for place in places.chain(0..320) {
        let copy = tempfile::tempdir().unwrap();
        fs::copy(commits(folder.path()), commits(copy.path())).unwrap();
        let mut spoiled = file.clone();
        spoiled[place] ^= 0xff;
        fs::write(whole(copy.path()), spoiled).unwrap();
        match open(copy.path()).and_then(|store| store.scan(b"a/", None, usize::MAX)) {
            Ok(read) => assert!(read == written, "byte {place}: nothing was told"),
            Err(error) => {
                told += 1;
                assert!(error.to_string().contains("restore the last backup"), "byte {place}: {error}");
            }
        }
    }
    println!("{told} spoiled bytes mattered and were told");
    assert!(told > 0);
}

#[test]
fn a_file_that_is_exchanged_for_an_older_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let write = |value: &str| {
        let store = open(folder.path()).unwrap();
        let mut batch = Batch::default();
        batch.put("violation/a", value);
        store.commit(batch).unwrap();
    };
    write("open");
    let older = fs::read(whole(folder.path())).unwrap();
    write("resolved");
    fs::write(whole(folder.path()), older).unwrap();
    let told = open(folder.path()).unwrap_err().to_string();
    assert!(told.contains("1 of 2 commits that were on disk are gone"), "{told}");
    fs::remove_file(commits(folder.path())).unwrap();
    assert_eq!(
        open(folder.path()).unwrap().get(b"violation/a").unwrap().as_deref(),
        Some(b"open".as_slice())
    );
}

#[test]
fn a_value_that_was_spoiled_is_told_with_its_key_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let mut batch = Batch::default();
    batch.put("violation/a", "open");
    store.commit(batch).unwrap();
    // As the disk may do it: the value of another key, whole and with its check.
    let mut batch = Batch::default();
    let other = store.store.get(b"violation/a").unwrap().unwrap();
    batch.put("violation/b", other);
    store.store.commit(batch).unwrap();
    assert_eq!(store.get(b"violation/a").unwrap().as_deref(), Some(b"open".as_slice()));
    for error in [store.get(b"violation/b").unwrap_err(), store.scan(b"violation/", None, 9).unwrap_err()] {
        let told = error.to_string();
        assert!(told.contains("violation/b") && told.contains("daicho-collector restore"), "{told}");
    }
}
