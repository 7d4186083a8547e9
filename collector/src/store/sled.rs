//! The store in a folder of its own, on sled. The only file of the collector that knows sled.

use std::path::Path;

use super::{Batch, Entry, Store, StoreError};

/// A sled database with one tree: its batches are atomic over all keys.
#[derive(Debug)]
pub struct SledStore {
    database: sled::Db,
}

impl SledStore {
    /// Opens or makes the database in `path`.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let config = sled::Config::new().path(path).mode(sled::Mode::HighThroughput);
        let database = config.open().map_err(|error| StoreError::Open {
            path: path.to_owned(),
            reason: format!("{error}; is another collector running on this folder?"),
        })?;
        Ok(SledStore { database })
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.database.get(key).map_err(|error| failed("read", &error))?.map(|value| value.to_vec()))
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let skip = after.filter(|after| *after >= prefix);
        let range = match skip {
            // The key right after `after`: the same bytes and one more.
            Some(after) => self.database.range([after, &[0]].concat()..),
            None => self.database.range(prefix.to_vec()..),
        };
        let mut entries = Vec::new();
        for entry in range.take(limit) {
            let (key, value) = entry.map_err(|error| failed("scan", &error))?;
            if !key.starts_with(prefix) {
                break;
            }
            entries.push((key.to_vec(), value.to_vec()));
        }
        Ok(entries)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut changes = sled::Batch::default();
        for (key, value) in batch.changes {
            match value {
                Some(value) => changes.insert(key, value),
                None => changes.remove(key),
            }
        }
        self.database.apply_batch(changes).map_err(|error| failed("write", &error))?;
        self.database.flush().map_err(|error| failed("flush to disk", &error))?;
        Ok(())
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.database.size_on_disk().map_err(|error| failed("measure itself", &error))
    }
}

fn failed(action: &'static str, error: &sled::Error) -> StoreError {
    StoreError::Failed { action, reason: error.to_string() }
}
