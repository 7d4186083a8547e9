//! The store of before form 3, on sled: opened to take it over. The only file of the collector that knows sled.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use super::{Batch, Entry, Store, StoreError};

/// Memory while it is read: each entry is read once.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// How often, and how long in between, a folder is tried that somebody holds: 2 s in all.
const HELD_TRIES: u32 = 40;
const HELD_PAUSE: Duration = Duration::from_millis(50);

/// What to do about damage.
const ADVICE: &str = "restore the last backup into an empty data folder (daicho-collector restore)";

/// A sled database with one tree: its batches are atomic over all keys.
#[derive(Debug)]
pub(super) struct FormerStore {
    database: sled::Db,
}

impl FormerStore {
    /// Opens or makes the database in `path`.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let config = sled::Config::new()
            .path(path)
            .mode(sled::Mode::HighThroughput)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None);
        let told = |reason: String| StoreError::Open { path: path.to_owned(), reason };
        // sled panics on some damaged files where it should answer with an error.
        let opened = catch_unwind(AssertUnwindSafe(|| opened(&config)));
        let database = opened.map_err(|_| told(format!("its files cannot be understood; {ADVICE}")))?;
        let database = database.map_err(|error| {
            told(match &error {
                error if is_held(error) => {
                    "another collector is running on this folder; stop it first (systemctl stop daicho-collector)"
                        .to_owned()
                }
                sled::Error::Corruption { .. } | sled::Error::ReportableBug(_) => format!("{error}; {ADVICE}"),
                _ => error.to_string(),
            })
        })?;
        Ok(FormerStore { database })
    }

    /// How many entries there are; counts them.
    pub(super) fn entries(&self) -> Result<u64, StoreError> {
        let mut entries = 0;
        for key in self.database.iter().keys() {
            key.map_err(|error| failed("count", &error))?;
            entries += 1;
        }
        Ok(entries)
    }
}

/// Opens, and waits a moment for who holds the folder: a collector that ends gives it back with its last thread. Nothing
/// tells when that is.
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

impl Store for FormerStore {
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
    match error {
        sled::Error::Corruption { .. } | sled::Error::ReportableBug(_) => {
            StoreError::Corrupt { key: "a page of its file".to_owned(), reason: error.to_string() }
        }
        _ => StoreError::Failed { action, reason: error.to_string() },
    }
}
