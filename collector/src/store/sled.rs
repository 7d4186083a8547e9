//! The store in a folder of its own, on sled. The only file of the collector that knows sled.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::{Batch, Entry, Store, StoreError};

/// Memory for what was read and written lately: the current state of some hundred devices.
const CACHE_BYTES: u64 = 128 * 1024 * 1024;

/// With less room on the disk nothing is written any more: a batch that stops half way through a full disk would need
/// a restart, one that was not begun needs only the room.
pub(super) const FREE_BYTES_MIN: u64 = 32 * 1024 * 1024;

/// How often, and how long in between, a folder is tried that somebody holds: 2 s in all.
const HELD_TRIES: u32 = 40;
const HELD_PAUSE: Duration = Duration::from_millis(50);

/// A sled database with one tree: its batches are atomic over all keys.
#[derive(Debug)]
pub struct SledStore {
    database: sled::Db,
    path: PathBuf,
    /// The file that sled writes to, for our own word to the disk.
    file: File,
    /// Values that sled keeps in files of their own: when the folder last changed, and which of them are on disk.
    blobs: Mutex<(Option<SystemTime>, Vec<std::ffi::OsString>)>,
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
        let file = File::open(path.join("db")).map_err(|error| told(error.to_string()))?;
        let store = SledStore { database, path: path.to_owned(), file, blobs: Mutex::default() };
        File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| told(error.to_string()))?;
        Ok(store)
    }

    /// Writes a batch that others can read at once; durable after [`SledStore::settle`].
    pub(super) fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.writable()?;
        let mut changes = sled::Batch::default();
        for (key, value) in batch.changes {
            match value {
                Some(value) => changes.insert(key, value),
                None => changes.remove(key),
            }
        }
        self.database.apply_batch(changes).map_err(|error| failed("write", &error))
    }

    /// What was applied before is on disk when this returns.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        self.database.flush().map_err(|error| failed("flush to disk", &error))?;
        self.sync().map_err(|error| StoreError::Failed { action: "flush to disk", reason: error.to_string() })
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

    /// Brings to the disk what sled wrote. On Linux sled's own flush is `sync_file_range`, which leaves out the file's
    /// length and the disk's cache (sync_file_range(2)), and it does not flush values that it keeps in files of their own.
    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()?;
        let folder = self.path.join("blobs");
        let changed = match fs::metadata(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found?.modified()?,
        };
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        if blobs.0 == Some(changed) {
            return Ok(());
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if blobs.1.binary_search(&name).is_err() {
                match File::open(entry.path()) {
                    // sled's cleaning was quicker.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    blob => blob?.sync_all()?,
                }
            }
            names.push(name);
        }
        File::open(&folder)?.sync_all()?;
        names.sort_unstable();
        *blobs = (Some(changed), names);
        Ok(())
    }
}

/// What to do about damage.
const ADVICE: &str = "restore the last backup into an empty data folder (daicho-collector restore)";

/// The room on the disk of a folder.
pub(super) fn free_bytes(path: &Path) -> Result<u64, StoreError> {
    let room = rustix::fs::statvfs(path).map_err(|error| StoreError::Failed {
        action: "ask for the room on its disk",
        reason: error.to_string(),
    })?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
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
        self.apply(batch)?;
        self.settle()
    }

    fn writable(&self) -> Result<(), StoreError> {
        let free = free_bytes(&self.path)?;
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
    match error {
        sled::Error::Corruption { .. } | sled::Error::ReportableBug(_) => {
            StoreError::Corrupt { key: "a page of its file".to_owned(), reason: error.to_string() }
        }
        _ => StoreError::Failed { action, reason: error.to_string() },
    }
}
