//! Where the collector keeps everything: ordered keys, atomic batches, durable once `commit` returns.
//!
//! A store knows no rule and no type of ours: `shelves.rs` says what lies where.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

mod checked;
#[cfg(test)]
mod contract;
mod embedded;
mod folder;
mod former;
pub mod memory;
pub mod writer;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Ordered keys with values. Every implementation passes `store/contract.rs`.
pub trait Store: Send + Sync + 'static {
    /// The value at `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` entries whose keys begin with `prefix` and come after `after`, in the order of their keys.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// Applies the whole batch or nothing of it; when this returns `Ok`, it survives a power cut.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// Whether a commit could succeed now: for the health answer.
    fn writable(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Bytes on disk.
    fn size_on_disk(&self) -> Result<u64, StoreError>;
}

/// Changes that belong together. A later one of the same key wins.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// `None` removes the key.
    pub changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// Writes `value` at `key`.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.push((key.into(), Some(value.into())));
    }

    /// Removes `key`.
    pub fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.changes.push((key.into(), None));
    }

    /// The size of all keys and values together.
    pub fn bytes(&self) -> usize {
        self.changes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum()
    }

    /// Adds what another batch holds.
    pub fn append(&mut self, other: Batch) {
        self.changes.extend(other.changes);
    }
}

/// Which store, and where.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum StoreConfig {
    /// A folder of our own, no server to run. `sled` is what it was called before form 3.
    #[serde(alias = "sled")]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// Gone with the process: for tests.
    Memory,
}

/// What can go wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be opened.
    #[error("store cannot be opened at {path}: {reason}")]
    Open {
        /// Where.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("store cannot {action}: {reason}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        reason: String,
    },
    /// What lies there cannot be understood.
    #[error(
        "store holds something unreadable at {key}: {reason}; stop the collector and restore the last backup into an empty data folder (daicho-collector restore)"
    )]
    Corrupt {
        /// Where.
        key: String,
        /// Why.
        reason: String,
    },
}

/// The form of what lies in the store. It rises when an older program could not read a newer store.
///
/// 1: without a log. 2: with the log of `chronicle.rs`, past which a program of form 1 would write; both on sled. 3: on
/// redb, each value with its check. Older ones are taken over when the store is opened.
pub const FORMAT: u64 = 3;

/// The form before there was a log.
const FORMAT_BEFORE_LOG: u64 = 1;

/// Where a store says its form.
const FORMAT_KEY: &str = "meta/format";

/// Where a store that was taken over from the form before the log says so, until its log is begun.
const BEFORE_LOG_KEY: &str = "meta/before_log";

/// Opens the store that the configuration names and changes nothing in it: to look at. `None`: there is none.
pub fn open_to_look(config: &StoreConfig) -> Result<Option<Arc<dyn Store>>, StoreError> {
    let StoreConfig::Folder { path } = config else { return Ok(None) };
    if !path.is_dir() {
        return Ok(None);
    }
    folder::open_to_look(path).map(Some)
}

/// Opens the store that the configuration names. A new one gets today's form, one of an older form is taken over, one of
/// a newer form is refused.
pub fn open(config: &StoreConfig) -> Result<Arc<dyn Store>, StoreError> {
    let (store, path): (Arc<dyn Store>, PathBuf) = match config {
        StoreConfig::Folder { path } => (Arc::new(folder::open(path)?), path.clone()),
        StoreConfig::Memory => (Arc::new(memory::MemoryStore::default()), PathBuf::from("memory")),
    };
    match form_of(store.as_ref())? {
        Some(Ok(FORMAT)) => {}
        None => {
            let mut batch = Batch::default();
            put_format(&mut batch);
            store.commit(batch)?;
        }
        Some(found) => return Err(of_another_form(&path, found)),
    }
    Ok(store)
}

/// The form that a store says it has; `None`: it is new.
fn form_of(store: &dyn Store) -> Result<Option<Result<u64, String>>, StoreError> {
    let Some(form) = store.get(FORMAT_KEY.as_bytes())? else { return Ok(None) };
    let text = String::from_utf8_lossy(&form).into_owned();
    Ok(Some(text.parse().map_err(|_| text)))
}

fn of_another_form(path: &std::path::Path, found: Result<u64, String>) -> StoreError {
    let found = found.map_or_else(|_| "an unknown form".to_owned(), |found| format!("form {found}"));
    StoreError::Open {
        path: path.to_owned(),
        reason: format!(
            "it has {found}, this program knows {FORMAT}; use the newer program that wrote it, or restore a backup"
        ),
    }
}

/// Whether the store has the form of before there was a log.
pub fn format_before_log(store: &dyn Store) -> Result<bool, StoreError> {
    let was = store.get(BEFORE_LOG_KEY.as_bytes())?.is_some();
    Ok(was || matches!(form_of(store)?, Some(Ok(FORMAT_BEFORE_LOG))))
}

/// Says in `batch` that the store has today's form.
pub fn put_format(batch: &mut Batch) {
    batch.put(FORMAT_KEY, FORMAT.to_string());
    batch.remove(BEFORE_LOG_KEY);
}

/// Takes over in `batch` the form that a backup's entries have: they are written as they are today.
pub fn put_format_of_backup(batch: &mut Batch, form: u64) {
    batch.put(FORMAT_KEY, FORMAT.to_string());
    if form == FORMAT_BEFORE_LOG {
        batch.put(BEFORE_LOG_KEY, "1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_a_newer_form_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::Folder { path: folder.path().join("store") };
        let mut batch = Batch::default();
        batch.put(FORMAT_KEY, "4");
        open(&config).unwrap().commit(batch).unwrap();
        let error = open(&config).err().unwrap().to_string();
        assert!(error.contains("form 4") && error.contains("knows 3"), "{error}");
    }

    #[test]
    fn a_store_that_is_in_use_is_told_in_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::Folder { path: folder.path().to_owned() };
        let _first = open(&config).unwrap();
        let error = open(&config).err().unwrap().to_string();
        assert!(error.contains("another collector is running"), "{error}");
    }
}
