//! The store's folder: a database for each generation, of which one counts. A store of an older form, or one whose file
//! has grown far beyond what it holds, is copied entry by entry into the next generation at the start.
//!
//! | in the folder | what it is |
//! |---|---|
//! | `generation-<n>` | the store; of several the newest counts |
//! | `moving-<n>` | the next one, which is being written |
//! | `db`, `conf`, `blobs`, `snap.*` | the store itself, of form 1 and 2 |
//!
//! A copy that was broken off goes on where it was: the target holds the entries up to some key, and a store of an older
//! form that is being taken over is marked, so that no older program writes to it meanwhile.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::checked::Checked;
use super::sled::{FREE_BYTES_MIN, SledStore, free_bytes};
use super::{BEFORE_LOG_KEY, Batch, FORMAT, FORMAT_BEFORE_LOG, FORMAT_KEY, Store, StoreError};

/// Entries that are copied at once: with the largest inventories some 30 MB.
const PAGE: usize = 100;

/// A smaller file is left as it is.
const COMPACT_BYTES_MIN: u64 = 256 * 1024 * 1024;

/// A file that is so many times as large as its entries is written anew.
const COMPACT_FACTOR: u64 = 3;

/// Where a store says how large its file was when it was last written anew, or found to be well.
const COMPACTED_KEY: &str = "meta/compacted_bytes";

/// Up to which key a copy has come; gone when it is whole.
const COPIED_KEY: &str = "meta/copied_to";

/// Between two words of progress.
const TELL_EVERY: u64 = 20_000;

/// What lies in a store's folder.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// Files of a store of form 1 or 2.
    old: Vec<PathBuf>,
    generations: Vec<u64>,
    moving: Vec<u64>,
}

impl Found {
    fn look(path: &Path) -> io::Result<Self> {
        let mut found = Found::default();
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            entries => entries?,
        };
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let number = |prefix: &str| name.strip_prefix(prefix).and_then(|digits| digits.parse().ok());
            if let Some(number) = number("generation-") {
                found.generations.push(number);
            } else if let Some(number) = number("moving-") {
                found.moving.push(number);
            } else if matches!(name.as_str(), "db" | "conf" | "blobs") || name.starts_with("snap.") {
                found.old.push(path.join(name));
            }
        }
        found.generations.sort_unstable();
        Ok(found)
    }
}

fn generation(path: &Path, number: u64) -> PathBuf {
    path.join(format!("generation-{number}"))
}

fn moving(path: &Path, number: u64) -> PathBuf {
    path.join(format!("moving-{number}"))
}

/// Opens a store and changes nothing in it, whatever form it has.
pub(super) fn open_to_look(path: &Path) -> Result<std::sync::Arc<dyn Store>, StoreError> {
    let found = Found::look(path).map_err(|error| cannot_open(path, &error))?;
    Ok(match found.generations.last() {
        Some(number) => std::sync::Arc::new(Checked::open(&generation(path, *number))?),
        None => std::sync::Arc::new(SledStore::open(path)?),
    })
}

/// Opens the store in `path` or makes one; takes an older form over first, and writes one anew that grew too large.
/// `compact_bytes_min`: a smaller file is left as it is.
pub(super) fn open(path: &Path, compact_bytes_min: Option<u64>) -> Result<Checked, StoreError> {
    let failed = |error: io::Error| cannot_open(path, &error);
    let found = Found::look(path).map_err(failed)?;
    let Some(&newest) = found.generations.last() else {
        if found.old.iter().any(|file| file.ends_with("db")) {
            return take_over(path);
        }
        return Checked::open(&generation(path, 1));
    };
    let store = Checked::open(&generation(path, newest))?;
    // What a copy left behind: from before it was whole, or from after.
    for number in found.moving {
        fs::remove_dir_all(moving(path, number)).map_err(failed)?;
    }
    for number in found.generations.iter().filter(|number| **number != newest) {
        fs::remove_dir_all(generation(path, *number)).map_err(failed)?;
    }
    remove(&found.old).map_err(failed)?;
    compact(path, store, newest, compact_bytes_min.unwrap_or(COMPACT_BYTES_MIN))
}

/// Copies a store of form 1 or 2 into the first generation.
fn take_over(path: &Path) -> Result<Checked, StoreError> {
    let old = SledStore::open(path)?;
    let form = super::form_of(&old)?;
    match form {
        // Before anything was written into it.
        None => {}
        Some(Ok(form)) if form <= FORMAT => {
            // Marked first: an older program would write what is not copied any more.
            let mut batch = Batch::default();
            if form == FORMAT_BEFORE_LOG {
                batch.put(BEFORE_LOG_KEY, "1");
            }
            batch.put(FORMAT_KEY, FORMAT.to_string());
            old.commit(batch)?;
        }
        Some(found) => return Err(super::of_another_form(path, found)),
    }
    let entries = old.entries()?;
    tracing::info!(entries, path = %path.display(), "Store of an older form is taken over.");
    room_for(path, &old)?;
    let target = Checked::open(&moving(path, 1))?;
    copy(&old, &target, entries)?;
    drop((old, target));
    let store = put_in_place(path, 1)?;
    // sled names its files anew: those that were found first may have other names now.
    let found = Found::look(path).map_err(|error| cannot_open(path, &error))?;
    remove(&found.old).map_err(|error| cannot_open(path, &error))?;
    tracing::info!(entries, "Store has today's form.");
    Ok(store)
}

/// Writes a store anew whose file is far larger than what it holds.
fn compact(path: &Path, store: Checked, newest: u64, bytes_min: u64) -> Result<Checked, StoreError> {
    let on_disk = store.size_on_disk()?;
    let last = store.get(COMPACTED_KEY.as_bytes())?;
    let last = last.and_then(|text| String::from_utf8(text).ok()?.parse().ok()).unwrap_or(0_u64);
    if on_disk < bytes_min || on_disk < last.saturating_mul(2) {
        return Ok(store);
    }
    let (held, entries) = held(&store)?;
    if on_disk / COMPACT_FACTOR < held || room_for(path, &store).is_err() {
        note(&store, on_disk)?;
        return Ok(store);
    }
    tracing::info!(on_disk, held, "Store has grown beyond what it holds; it is written anew.");
    let target = Checked::open(&moving(path, newest + 1))?;
    copy(&store, &target, entries)?;
    note(&target, target.size_on_disk()?)?;
    drop((store, target));
    let store = put_in_place(path, newest + 1)?;
    let before = generation(path, newest);
    fs::remove_dir_all(&before).map_err(|error| cannot_open(&before, &error))?;
    tracing::info!(on_disk = store.size_on_disk()?, "Store is written anew.");
    Ok(store)
}

fn note(store: &dyn Store, bytes: u64) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    batch.put(COMPACTED_KEY, bytes.to_string());
    store.commit(batch)
}

/// Bytes of all keys and values, and how many there are.
fn held(store: &dyn Store) -> Result<(u64, u64), StoreError> {
    let (mut bytes, mut entries, mut after): (u64, u64, Option<Vec<u8>>) = (0, 0, None);
    loop {
        let page = store.scan(b"", after.as_deref(), PAGE)?;
        bytes += page.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum::<u64>();
        entries += page.len() as u64;
        match page.last() {
            Some((key, _)) => after = Some(key.clone()),
            None => return Ok((bytes, entries)),
        }
    }
}

/// Copies what the target does not have yet, in the order of the keys.
fn copy(source: &dyn Store, target: &Checked, entries: u64) -> Result<(), StoreError> {
    let mut after = target.get(COPIED_KEY.as_bytes())?;
    let mut copied = target.store.entries()?;
    if copied > 0 {
        tracing::info!(copied, entries, "Copying goes on where it was broken off.");
    }
    let mut told = copied;
    loop {
        let page = source.scan(b"", after.as_deref(), PAGE)?;
        let mut batch = Batch::default();
        let Some((last, _)) = page.last() else {
            batch.remove(COPIED_KEY);
            return target.commit(batch);
        };
        batch.put(COPIED_KEY, last.clone());
        after = Some(last.clone());
        copied += page.len() as u64;
        for (key, value) in page {
            batch.put(key, value);
        }
        target.commit(batch)?;
        if copied - told >= TELL_EVERY {
            told = copied;
            tracing::info!(copied, entries, "Store is being copied.");
        }
    }
}

/// Makes the copy the store.
fn put_in_place(path: &Path, number: u64) -> Result<Checked, StoreError> {
    let (from, to) = (moving(path, number), generation(path, number));
    fs::rename(&from, &to)
        .and_then(|()| fs::File::open(path)?.sync_all())
        .map_err(|error| cannot_open(&to, &error))?;
    Checked::open(&to)
}

fn remove(files: &[PathBuf]) -> io::Result<()> {
    for file in files {
        if file.is_dir() { fs::remove_dir_all(file)? } else { fs::remove_file(file)? }
    }
    Ok(())
}

fn room_for(path: &Path, store: &dyn Store) -> Result<(), StoreError> {
    let (free, wanted) = (free_bytes(path)?, store.size_on_disk()? + FREE_BYTES_MIN);
    if free >= wanted {
        return Ok(());
    }
    let megabytes = |bytes: u64| bytes / (1024 * 1024);
    Err(StoreError::Open {
        path: path.to_owned(),
        reason: format!(
            "it is to be copied into today's form, and {} MB are free on its disk of {} that are needed; make room and start again",
            megabytes(free),
            megabytes(wanted)
        ),
    })
}

fn cannot_open(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Open { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests;
