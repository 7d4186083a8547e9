//! The store in a folder of its own, on sled. The only file of the collector that knows sled.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Batch, Entry, Store, StoreError};

/// Memory for what was read and written lately: the current state of some hundred devices.
const CACHE_BYTES: u64 = 128 * 1024 * 1024;

/// With less room on the disk nothing is written any more: a batch that stops half way through a full disk would need
/// a restart, one that was not begun needs only the room.
const FREE_BYTES_MIN: u64 = 32 * 1024 * 1024;

/// How often, and how long in between, a folder is tried that somebody holds: 2 s in all.
const HELD_TRIES: u32 = 40;
const HELD_PAUSE: Duration = Duration::from_millis(50);

/// A sled database with one tree: its batches are atomic over all keys.
#[derive(Debug)]
pub struct SledStore {
    database: sled::Db,
    path: PathBuf,
}

impl SledStore {
    /// Opens or makes the database in `path`.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let config = sled::Config::new()
            .path(path)
            .mode(sled::Mode::HighThroughput)
            .cache_capacity(CACHE_BYTES)
            // Every commit flushes: a thread that does it from time to time would only disturb.
            .flush_every_ms(None);
        let opened = opened(&config);
        let database = opened.map_err(|error| StoreError::Open {
            path: path.to_owned(),
            reason: match &error {
                error if is_held(error) => {
                    "another collector is running on this folder; stop it first (systemctl stop daicho-collector)"
                        .to_owned()
                }
                sled::Error::Corruption { .. } | sled::Error::ReportableBug(_) => {
                    format!("{error}; restore the last backup")
                }
                _ => error.to_string(),
            },
        })?;
        Ok(SledStore { database, path: path.to_owned() })
    }
}

/// Opens, and waits a moment for who holds the folder: a collector that ends gives it back with its last thread, and a
/// program that was just started has a copy of the lock until it runs. Nothing tells when that is.
fn opened(config: &sled::Config) -> Result<sled::Db, sled::Error> {
    for _ in 0..HELD_TRIES {
        match config.open() {
            Err(error) if is_held(&error) => std::thread::sleep(HELD_PAUSE),
            opened => return opened,
        }
    }
    config.open()
}

fn is_held(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(io) if io.to_string().contains("lock"))
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
        self.writable()?;
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

    fn writable(&self) -> Result<(), StoreError> {
        let room = rustix::fs::statvfs(&self.path).map_err(|error| StoreError::Failed {
            action: "ask for the room on its disk",
            reason: error.to_string(),
        })?;
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        if free < FREE_BYTES_MIN {
            return Err(StoreError::Failed {
                action: "write",
                reason: format!(
                    "{} MB are free on the disk of {}, {} are needed; make room, the collector then goes on by itself",
                    free / (1024 * 1024),
                    self.path.display(),
                    FREE_BYTES_MIN / (1024 * 1024)
                ),
            });
        }
        Ok(())
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.database.size_on_disk().map_err(|error| failed("measure itself", &error))
    }
}

fn failed(action: &'static str, error: &sled::Error) -> StoreError {
    StoreError::Failed { action, reason: error.to_string() }
}
