//! Every value carries a check, bound to its key: what the disk or a library spoiled is told when it is read, and never
//! taken for what was written. And every commit is counted, in the store and beside it.
//!
//! The count finds what no check can: where sled finds its log spoiled it takes that place for the log's end, and starts
//! without a word as if what follows had never been written. The file beside is written after the flush and flushed by
//! nobody: after a power cut it may be behind the store, and never before it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::sled::SledStore;
use super::{Batch, Entry, FORMAT_KEY, Store, StoreError};

/// Bytes of SHA-256 in front of each value. They find what was spoiled by chance; the log's chain finds the rest.
const CHECK_BYTES: usize = 4;

/// Where the count of commits lies in the store, and the name of the file beside it.
const COMMITS_KEY: &str = "meta/commits";
const COMMITS_FILE: &str = "commits";

/// A store whose values are checked as they are read, and whose commits are counted.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) store: SledStore,
    /// The number of the newest commit.
    newest: Mutex<u64>,
    /// The file beside, and the newest number in it.
    beside: Mutex<(File, u64)>,
}

impl Checked {
    /// Opens or makes the store in `path`. One that lacks commits that were durable is refused.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let store = SledStore::open(path)?;
        let file = path.join(COMMITS_FILE);
        let cannot = |error: io::Error| StoreError::Open { path: file.clone(), reason: error.to_string() };
        let kept = match store.get(COMMITS_KEY.as_bytes())? {
            Some(kept) => number(&uncover(COMMITS_KEY.as_bytes(), kept)?),
            None => 0,
        };
        let told = match fs::read(&file) {
            Ok(text) => told(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(cannot(error)),
        };
        if told > kept {
            let file = file.display();
            return Err(StoreError::Open {
                path: path.to_owned(),
                reason: format!(
                    "{} of {told} commits that were on disk are gone: its file was spoiled or exchanged; restore the last backup into an empty data folder (daicho-collector restore), or, if there is none, remove {file} to go on without them and let `daicho verify` say what is missing",
                    told - kept
                ),
            });
        }
        let beside =
            OpenOptions::new().create(true).truncate(false).write(true).open(&file).map_err(cannot)?;
        Ok(Checked { store, newest: Mutex::new(kept), beside: Mutex::new((beside, told)) })
    }

    fn note(&self, number: u64) -> io::Result<()> {
        let mut beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        if number > beside.1 {
            beside.1 = number;
            beside.0.seek(SeekFrom::Start(0))?;
            let number = number.to_be_bytes();
            beside.0.write_all(&[number.as_slice(), &check(b"", &number)].concat())?;
        }
        Ok(())
    }
}

impl Store for Checked {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)?.map(|value| uncover(key, value)).transpose()
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let page = self.store.scan(prefix, after, limit)?;
        page.into_iter().map(|(key, value)| uncover(&key, value).map(|value| (key, value))).collect()
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let changes = batch.changes.into_iter();
        let changes = changes.map(|(key, value)| {
            let value = value.map(|value| cover(&key, &value));
            (key, value)
        });
        let mut batch = Batch { changes: changes.collect() };
        let number = {
            // Held while it is applied: what is in the store never counts backwards.
            let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            let number = *newest + 1;
            batch.put(COMMITS_KEY, cover(COMMITS_KEY.as_bytes(), &number.to_be_bytes()));
            self.store.apply(batch)?;
            *newest = number;
            number
        };
        self.store.settle()?;
        self.note(number)
            .map_err(|error| StoreError::Failed { action: "count its commits", reason: error.to_string() })
    }

    fn writable(&self) -> Result<(), StoreError> {
        self.store.writable()
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.store.size_on_disk()
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}

/// The number in the file beside. One that was half written by a power cut says nothing.
fn told(text: &[u8]) -> u64 {
    match text.split_first_chunk::<8>() {
        Some((told, kept)) if kept == check(b"", told) => u64::from_be_bytes(*told),
        _ => 0,
    }
}

fn check(key: &[u8], value: &[u8]) -> [u8; CHECK_BYTES] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(&(key.len() as u64).to_be_bytes());
    context.update(key);
    context.update(value);
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&context.finish().as_ref()[..CHECK_BYTES]);
    check
}

fn cover(key: &[u8], value: &[u8]) -> Vec<u8> {
    // The form says how everything else is to be read, so it is readable in every form.
    if key == FORMAT_KEY.as_bytes() { value.to_vec() } else { [&check(key, value), value].concat() }
}

fn uncover(key: &[u8], mut kept: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    if key == FORMAT_KEY.as_bytes() {
        return Ok(kept);
    }
    match kept.split_first_chunk::<CHECK_BYTES>() {
        Some((told, value)) if *told == check(key, value) => Ok(kept.split_off(CHECK_BYTES)),
        _ => Err(StoreError::Corrupt {
            key: String::from_utf8_lossy(key).into_owned(),
            reason: "its check is wrong: it was spoiled on the disk".to_owned(),
        }),
    }
}
