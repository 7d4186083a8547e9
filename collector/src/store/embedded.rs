//! The store in one file of ours, on redb. The only file of the collector that knows redb.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use redb::{Database, ReadableDatabase as _, TableDefinition};

use super::{Batch, Entry, Store, StoreError};

/// Everything lies in one table, so that a batch is atomic over all shelves.
const TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("entries");

/// Memory for what was read and written lately: the current state of some hundred devices.
const CACHE_BYTES: usize = 128 * 1024 * 1024;

/// With less room on the disk nothing is written any more: people are told to make room while everything still works.
pub(super) const FREE_BYTES_MIN: u64 = 32 * 1024 * 1024;

/// How often, and how long in between, a file is tried that somebody holds: 2 s in all.
const HELD_TRIES: u32 = 40;
const HELD_PAUSE: Duration = Duration::from_millis(50);

/// What to do about damage.
const ADVICE: &str = "restore the last backup into an empty data folder (daicho-collector restore)";

/// A file with entries in the order of their keys.
pub(super) struct EmbeddedStore {
    /// `None` between an error of the disk and the next attempt: redb takes nothing more until it is opened anew.
    database: RwLock<Option<Database>>,
    file: PathBuf,
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EmbeddedStore").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Why an operation failed.
enum Failure {
    /// redb said so.
    Told(Box<redb::Error>),
    /// It broke off in the middle of what it read.
    Panicked,
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Told(Box::new(error.into()))
    }
}

impl EmbeddedStore {
    /// Opens or makes the file. All of it is read and compared with its sums: what was spoiled is told here.
    pub(super) fn open(file: &Path) -> Result<Self, StoreError> {
        let told = |reason: String| StoreError::Open { path: file.to_owned(), reason };
        let is_new = !file.exists();
        let database = opened(file).map_err(|failure| match failure {
            Failure::Panicked => told(format!("it cannot be understood; {ADVICE}")),
            Failure::Told(error) => told(match *error {
                redb::Error::DatabaseAlreadyOpen => {
                    "another collector is running on this folder; stop it first (systemctl stop daicho-collector)"
                        .to_owned()
                }
                redb::Error::Io(error) if error.kind() != io::ErrorKind::InvalidData => error.to_string(),
                error => format!("{error}; {ADVICE}"),
            }),
        })?;
        if is_new && let Some(folder) = file.parent() {
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| told(error.to_string()))?;
        }
        Ok(EmbeddedStore { database: RwLock::new(Some(database)), file: file.to_owned() })
    }

    /// How many entries there are.
    pub(super) fn entries(&self) -> Result<u64, StoreError> {
        use redb::ReadableTableMetadata as _;
        self.with("count", |database| Ok(database.begin_read()?.open_table(TABLE)?.len()?))
    }

    /// Does something with the database, once more opened where it was closed after an error of the disk.
    fn with<T>(
        &self,
        action: &'static str,
        work: impl Fn(&Database) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let guard = self.at_work(action)?;
        let Some(database) = guard.as_ref() else {
            return Err(StoreError::Failed { action, reason: "it was closed in between".to_owned() });
        };
        // redb panics on some damaged files where it should answer with an error.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(database))).unwrap_or(Err(Failure::Panicked));
        let failure = match outcome {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        drop(guard);
        let error = match failure {
            Failure::Told(error) => *error,
            Failure::Panicked => redb::Error::Corrupted("it cannot be understood".to_owned()),
        };
        Err(match error {
            redb::Error::Corrupted(reason) => {
                StoreError::Corrupt { key: "a page of its file".to_owned(), reason }
            }
            error => {
                self.database.write().unwrap_or_else(PoisonError::into_inner).take();
                StoreError::Failed { action, reason: error.to_string() }
            }
        })
    }

    fn at_work(&self, action: &'static str) -> Result<RwLockReadGuard<'_, Option<Database>>, StoreError> {
        let guard = self.database.read().unwrap_or_else(PoisonError::into_inner);
        if guard.is_some() {
            return Ok(guard);
        }
        drop(guard);
        let mut closed = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if closed.is_none() {
            let database = opened(&self.file).map_err(|failure| StoreError::Failed {
                action,
                reason: match failure {
                    Failure::Told(error) => error.to_string(),
                    Failure::Panicked => format!("its file cannot be understood; {ADVICE}"),
                },
            })?;
            *closed = Some(database);
        }
        drop(closed);
        Ok(self.database.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Opens, and waits a moment for who holds the file: a collector that ends gives it back with its last thread, and a
/// program that was just started has a copy of the lock until it runs. Nothing tells when that is.
fn opened(file: &Path) -> Result<Database, Failure> {
    let open = || {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        catch_unwind(AssertUnwindSafe(|| -> Result<Database, Failure> {
            let database = builder.create(file)?;
            let table = database.begin_write()?;
            table.open_table(TABLE)?;
            table.commit()?;
            Ok(database)
        }))
        .unwrap_or(Err(Failure::Panicked))
    };
    for _ in 0..HELD_TRIES {
        match open() {
            Err(Failure::Told(error)) if matches!(*error, redb::Error::DatabaseAlreadyOpen) => {
                std::thread::sleep(HELD_PAUSE);
            }
            opened => return opened,
        }
    }
    open()
}

/// The room on the disk of a folder.
pub(super) fn free_bytes(path: &Path) -> Result<u64, StoreError> {
    let room = rustix::fs::statvfs(path).map_err(|error| StoreError::Failed {
        action: "ask for the room on its disk",
        reason: error.to_string(),
    })?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

impl Store for EmbeddedStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with("read", |database| {
            let table = database.begin_read()?.open_table(TABLE)?;
            Ok(table.get(key)?.map(|value| value.value().to_vec()))
        })
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let start = match after.filter(|after| *after >= prefix) {
            // The key right after `after`: the same bytes and one more.
            Some(after) => [after, &[0]].concat(),
            None => prefix.to_vec(),
        };
        self.with("scan", |database| {
            let table = database.begin_read()?.open_table(TABLE)?;
            let mut entries = Vec::new();
            for entry in table.range::<&[u8]>(start.as_slice()..)?.take(limit) {
                let (key, value) = entry?;
                if !key.value().starts_with(prefix) {
                    break;
                }
                entries.push((key.value().to_vec(), value.value().to_vec()));
            }
            Ok(entries)
        })
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.writable()?;
        self.with("write", |database| {
            let transaction = database.begin_write()?;
            {
                let mut table = transaction.open_table(TABLE)?;
                for (key, value) in &batch.changes {
                    match value {
                        Some(value) => table.insert(key.as_slice(), value.as_slice())?,
                        None => table.remove(key.as_slice())?,
                    };
                }
            }
            Ok(transaction.commit()?)
        })
    }

    fn writable(&self) -> Result<(), StoreError> {
        let free = free_bytes(&self.file)?;
        if free < FREE_BYTES_MIN {
            return Err(StoreError::Failed {
                action: "write",
                reason: format!(
                    "{} MB are free on the disk of {}, {} are needed; make room, the collector then goes on by itself",
                    free / (1024 * 1024),
                    self.file.display(),
                    FREE_BYTES_MIN / (1024 * 1024)
                ),
            });
        }
        Ok(())
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        use std::os::unix::fs::MetadataExt as _;
        let found = fs::metadata(&self.file);
        // stat(2) counts blocks of 512 bytes; the file's length also counts what was never written.
        found
            .map(|found| found.blocks() * 512)
            .map_err(|error| StoreError::Failed { action: "measure itself", reason: error.to_string() })
    }
}
