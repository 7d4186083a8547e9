//! What every store promises, as one test that each implementation runs.

use super::{Batch, Store};

/// Runs the whole contract against an empty store.
pub(super) fn check(store: &dyn Store) {
    let mut batch = Batch::default();
    for (key, value) in [("a/1", "one"), ("a/2", "two"), ("b/1", "other"), ("a/3", "three")] {
        batch.put(key, value);
    }
    batch.remove("a/3");
    store.commit(batch).unwrap();
    assert_eq!(store.get(b"a/1").unwrap().as_deref(), Some(b"one".as_slice()));
    assert_eq!(store.get(b"a/3").unwrap(), None, "a later change of the same key wins");
    let keys = |prefix: &str, after: Option<&str>, limit| -> Vec<String> {
        let entries = store.scan(prefix.as_bytes(), after.map(str::as_bytes), limit).unwrap();
        entries.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
    };
    assert_eq!(keys("a/", None, 10), ["a/1", "a/2"]);
    assert_eq!(keys("a/", Some("a/1"), 10), ["a/2"]);
    assert_eq!(keys("", None, 2), ["a/1", "a/2"]);
}

#[test]
fn memory_keeps_the_contract() {
    check(&super::memory::MemoryStore::default());
}

#[test]
fn the_store_of_before_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    check(&super::former::FormerStore::open(folder.path()).unwrap());
}

#[test]
fn the_file_without_checks_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    check(&super::embedded::EmbeddedStore::open(&folder.path().join("file")).unwrap());
}

#[test]
fn the_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    check(&super::folder::open(folder.path()).unwrap());
}
