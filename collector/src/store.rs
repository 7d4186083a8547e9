//! Where the collector keeps everything: ordered keys, atomic batches, durable once `commit` returns.
//!
//! A store knows no rule and no type of ours: `shelves.rs` says what lies where.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

#[cfg(test)]
mod contract;
pub mod memory;
pub mod sled;
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
    /// A folder of our own, no server to run.
    Sled {
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
    #[error("store holds something unreadable at {key}: {reason}; restore the last backup")]
    Corrupt {
        /// Where.
        key: String,
        /// Why.
        reason: String,
    },
}

/// Opens the store that the configuration names.
pub fn open(config: &StoreConfig) -> Result<Arc<dyn Store>, StoreError> {
    match config {
        StoreConfig::Sled { path } => Ok(Arc::new(sled::SledStore::open(path)?)),
        StoreConfig::Memory => Ok(Arc::new(memory::MemoryStore::default())),
    }
}
