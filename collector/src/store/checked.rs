//! Every value carries a check, bound to its key: what the disk or a library spoiled is told when it is read, and never
//! taken for what was written. And every commit is counted, in the store and beside it.
//!
//! The count finds what no check can: a file that was exchanged for an older one, or whose newest commits cannot be read
//! and which opens with the ones before. The file beside is written after the commit is on the disk and flushed by nobody:
//! after a power cut it may be behind the store, and never before it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::embedded::EmbeddedStore;
use super::{Batch, Entry, FORMAT_KEY, Store, StoreError};

/// Bytes of SHA-256 in front of each value. They find what was spoiled by chance; the log's chain finds the rest.
const CHECK_BYTES: usize = 4;

/// A value of so many bytes is packed if that makes it smaller: an inventory, a ledger. Most are far smaller, and would
/// gain little.
const PACKED_BYTES_MIN: usize = 1_024;

/// What follows the check: the value as it is, or packed in LZ4's block form after its length.
const PLAIN: u8 = 0;
const PACKED: u8 = 1;

/// Where the count of commits lies in the store.
const COMMITS_KEY: &str = "meta/commits";

/// A store whose values are checked as they are read, and whose commits are counted.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) store: EmbeddedStore,
    /// The number of the newest commit; `None`: one failed, and may be there all the same.
    newest: Mutex<Option<u64>>,
    /// The file beside, and the newest number in it.
    beside: (PathBuf, Mutex<Option<(File, u64)>>),
}

impl Checked {
    /// Puts checks over a store. One that lacks commits that were counted in the file `beside` is refused.
    pub(super) fn over(store: EmbeddedStore, beside: &Path) -> Result<Self, StoreError> {
        let cannot =
            |error: io::Error| StoreError::Open { path: beside.to_owned(), reason: error.to_string() };
        let kept = commits(&store)?;
        let told = match fs::read(beside) {
            Ok(text) => told(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(cannot(error)),
        };
        if told > kept {
            let file = beside.display();
            return Err(StoreError::Open {
                path: beside.to_owned(),
                reason: format!(
                    "{} of {told} commits that were on disk are gone: the store's file was spoiled or exchanged; restore the last backup into an empty data folder (daicho-collector restore), or, if there is none, remove {file} to go on without them and let `daicho verify` say what is missing",
                    told - kept
                ),
            });
        }
        Ok(Checked { store, newest: Mutex::new(Some(kept)), beside: (beside.to_owned(), Mutex::default()) })
    }

    /// Made with the first commit: who only looks leaves nothing behind.
    fn note(&self, number: u64) -> io::Result<()> {
        let (path, kept) = &self.beside;
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, newest) = match &mut *kept {
            Some(kept) => kept,
            none => {
                let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
                none.insert((file, 0))
            }
        };
        if number > *newest {
            *newest = number;
            file.seek(SeekFrom::Start(0))?;
            let number = number.to_be_bytes();
            file.write_all(&[number.as_slice(), &check(b"", &number)].concat())?;
        }
        Ok(())
    }
}

fn commits(store: &EmbeddedStore) -> Result<u64, StoreError> {
    match store.get(COMMITS_KEY.as_bytes())? {
        Some(kept) => Ok(number(&uncover(COMMITS_KEY.as_bytes(), kept)?)),
        None => Ok(0),
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
        // Held until it is on the disk: what is in the store never counts backwards.
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let number = match newest.take() {
            Some(number) => number,
            None => commits(&self.store)?,
        } + 1;
        batch.put(COMMITS_KEY, cover(COMMITS_KEY.as_bytes(), &number.to_be_bytes()));
        self.store.commit(batch)?;
        *newest = Some(number);
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
    if key == FORMAT_KEY.as_bytes() {
        return value.to_vec();
    }
    let mut covered = vec![0; CHECK_BYTES];
    let packed = (value.len() >= PACKED_BYTES_MIN).then(|| lz4_flex::block::compress_prepend_size(value));
    match packed.filter(|packed| packed.len() < value.len()) {
        Some(packed) => {
            covered.push(PACKED);
            covered.extend_from_slice(&packed);
        }
        None => {
            covered.push(PLAIN);
            covered.extend_from_slice(value);
        }
    }
    let check = check(key, &covered[CHECK_BYTES..]);
    covered[..CHECK_BYTES].copy_from_slice(&check);
    covered
}

fn uncover(key: &[u8], mut kept: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    if key == FORMAT_KEY.as_bytes() {
        return Ok(kept);
    }
    let value = match kept.split_first_chunk::<CHECK_BYTES>() {
        Some((told, covered)) if *told == check(key, covered) => match covered.split_first() {
            Some((&PLAIN, _)) => Some(kept.split_off(CHECK_BYTES + 1)),
            Some((&PACKED, packed)) => lz4_flex::block::decompress_size_prepended(packed).ok(),
            _ => None,
        },
        _ => None,
    };
    value.ok_or_else(|| StoreError::Corrupt {
        key: String::from_utf8_lossy(key).into_owned(),
        reason: "its check is wrong: it was spoiled on the disk".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_it_was_written_packed_or_not() {
        let mut chance = fastrand::Rng::with_seed(7);
        let noise: Vec<u8> = (0..40_000).map(|_| chance.u8(..)).collect();
        let inventory = "{\"name\":\"libssl3\",\"version\":\"3.0.15\"}".repeat(2_000).into_bytes();
        for (value, smaller) in
            [(Vec::new(), false), (b"open".to_vec(), false), (noise, false), (inventory, true)]
        {
            let covered = cover(b"a", &value);
            assert_eq!(
                covered.len() < value.len() / 5,
                smaller,
                "{} bytes, then {}",
                value.len(),
                covered.len()
            );
            assert!(uncover(b"a", covered.clone()).unwrap() == value);
            assert!(uncover(b"b", covered).is_err());
        }
    }
}
