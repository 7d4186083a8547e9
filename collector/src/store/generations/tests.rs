//! Old stores, copies that broke off, files that grew, bytes that were spoiled.

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
    let changing = [FORMAT_KEY, BEFORE_LOG_KEY, COMPACTED_KEY, "meta/commits", COPIED_KEY];
    let entries = store.scan(b"", None, usize::MAX).unwrap().into_iter();
    entries.filter(|(key, _)| !changing.iter().any(|name| name.as_bytes() == key)).collect()
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
    let before = all(&SledStore::open(folder.path()).unwrap());
    assert!(before.len() > 20, "{} entries", before.len());
    let store = crate::store::open(&StoreConfig::Sled { path: folder.path().to_owned() }).unwrap();
    assert!(all(store.as_ref()) == before);
    let shelves = Shelves::new(Arc::clone(&store));
    let proof = verifying::of_store(&shelves, &[]).unwrap().unwrap();
    assert!(proof.is_sound() && proof.entries == 7, "{proof:?}");
    assert_eq!(
        (shelves.violations().unwrap().len(), proof.head.unwrap().anchor().as_str()),
        (2, "7:aeec0e8d940f")
    );
    drop((shelves, store));
    assert_eq!(names(folder.path()), ["generation-1"]);
    assert!(all(open_to_look(folder.path()).unwrap().as_ref()) == before);
}

#[test]
fn a_taking_over_that_was_broken_off_anywhere_goes_on_and_no_older_program_writes_meanwhile() {
    for copied in [0, 1, 7, 20, usize::MAX] {
        let folder = tempfile::tempdir().unwrap();
        of_form_2(folder.path());
        let old = SledStore::open(folder.path()).unwrap();
        let before = all(&old);
        // What `take_over` had done when the power went.
        let mut mark = Batch::default();
        mark.put(FORMAT_KEY, FORMAT.to_string());
        old.commit(mark).unwrap();
        let target = Checked::open(&moving(folder.path(), 1)).unwrap();
        let mut batch = Batch::default();
        for (key, value) in old.scan(b"", None, usize::MAX).unwrap().into_iter().take(copied) {
            batch.put(COPIED_KEY, key.clone());
            batch.put(key, value);
        }
        target.commit(batch).unwrap();
        assert_eq!(crate::store::form_of(&old).unwrap(), Some(Ok(3)), "a program of form 2 refuses it");
        drop((old, target));
        let store = open(folder.path(), None).unwrap();
        assert!(all(&store) == before, "{copied} were copied");
        drop(store);
        assert_eq!(names(folder.path()), ["generation-1"]);
    }
}

#[test]
fn a_store_of_before_the_log_is_taken_over_and_its_log_begins_as_that_of_an_older_store() {
    let folder = tempfile::tempdir().unwrap();
    of_form_2(folder.path());
    let old = SledStore::open(folder.path()).unwrap();
    let mut batch = Batch::default();
    for (key, _) in old.scan(b"chronicle/", None, usize::MAX).unwrap() {
        batch.remove(key);
    }
    batch.put(FORMAT_KEY, "1");
    old.commit(batch).unwrap();
    drop(old);
    let store = open(folder.path(), None).unwrap();
    assert!(crate::store::format_before_log(&store).unwrap());
    let shelves = Shelves::new(Arc::new(store));
    crate::chronicle::begin(&shelves, jiff::Timestamp::from_second(1_800_000_000).unwrap()).unwrap();
    let proof = verifying::of_store(&shelves, &[]).unwrap().unwrap();
    assert!(proof.is_sound(), "{proof:?}");
    assert!(!crate::store::format_before_log(shelves.store().as_ref()).unwrap());
}

#[test]
fn a_file_that_outgrew_its_entries_is_written_anew_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), None).unwrap();
    for round in 0..60_u32 {
        let mut batch = Batch::default();
        for key in 0..20 {
            let value: Vec<u8> =
                (0..4_000_u32).flat_map(|place| (place ^ round ^ key).to_be_bytes()).collect();
            batch.put(format!("record/{key}"), if round == 59 { b"little".to_vec() } else { value });
        }
        store.commit(batch).unwrap();
    }
    let (before, entries) = (store.size_on_disk().unwrap(), all(&store));
    drop(store);
    fs::create_dir(moving(folder.path(), 9)).unwrap();
    let store = open(folder.path(), Some(1024 * 1024)).unwrap();
    let after = store.size_on_disk().unwrap();
    assert!(after < before / 2, "{before} bytes, then {after}");
    assert!(all(&store) == entries);
    drop(store);
    assert_eq!(names(folder.path()), ["generation-2"]);
}

#[test]
fn whatever_byte_of_the_file_is_spoiled_no_value_is_read_that_was_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), None).unwrap();
    for round in 0..40_u32 {
        let mut batch = Batch::default();
        batch.put(format!("a/{round:02}"), vec![u8::try_from(round).unwrap(); 3_000]);
        store.commit(batch).unwrap();
    }
    let written = store.scan(b"a/", None, usize::MAX).unwrap();
    drop(store);
    let file = generation(folder.path(), 1).join("db");
    let whole = fs::read(&file).unwrap();
    let mut told = 0;
    for place in (0..whole.len()).step_by(whole.len() / 60) {
        let copy = tempfile::tempdir().unwrap();
        let target = generation(copy.path(), 1);
        fs::create_dir_all(target.join("blobs")).unwrap();
        for name in names(&generation(folder.path(), 1)).iter().filter(|name| *name != "blobs") {
            fs::copy(generation(folder.path(), 1).join(name), target.join(name)).unwrap();
        }
        let mut spoiled = whole.clone();
        spoiled[place] ^= 0xff;
        fs::write(target.join("db"), spoiled).unwrap();
        match open(copy.path(), None).and_then(|store| store.scan(b"a/", None, usize::MAX)) {
            Ok(read) => {
                assert!(read == written, "byte {place}: nothing was told");
            }
            Err(error) => {
                told += 1;
                assert!(error.to_string().contains("restore the last backup"), "byte {place}: {error}");
            }
        }
    }
    println!("of 61 spoiled bytes {told} mattered and were told");
    assert!(told > 0);
}

#[test]
fn a_value_that_was_spoiled_is_told_with_its_key_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), None).unwrap();
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
