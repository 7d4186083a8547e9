//! The store's folder. A store of an older form is copied entry by entry into today's file when it is opened.
//!
//! | in the folder | what it is |
//! |---|---|
//! | `store.redb` | the store |
//! | `commits` | how many commits it had at least: `checked.rs` |
//! | `moving.redb` | a store that is not whole yet |
//! | `db`, `conf`, `blobs`, `snap.*` | a store of form 1 or 2, on sled |
//!
//! A copy that was broken off goes on where it was: the target holds the entries up to some key, and the older store is
//! marked, so that no older program writes to it meanwhile.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checked::Checked;
use super::embedded::{EmbeddedStore, FREE_BYTES_MIN, free_bytes};
use super::former::FormerStore;
use super::{BEFORE_LOG_KEY, Batch, FORMAT, FORMAT_BEFORE_LOG, FORMAT_KEY, Store, StoreError};

/// Entries that are copied at once: with the largest inventories some 30 MB.
const PAGE: usize = 100;

/// Up to which key a copy has come; gone when it is whole.
const COPIED_KEY: &str = "meta/copied_to";

/// Between two words of progress.
const TELL_EVERY: u64 = 20_000;

fn whole(path: &Path) -> PathBuf {
    path.join("store.redb")
}

fn moving(path: &Path) -> PathBuf {
    path.join("moving.redb")
}

fn commits(path: &Path) -> PathBuf {
    path.join("commits")
}

/// Files of a store of form 1 or 2.
fn former(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if matches!(name.as_str(), "db" | "conf" | "blobs") || name.starts_with("snap.") {
            found.push(path.join(name));
        }
    }
    Ok(found)
}

/// Opens a store and changes nothing that it holds, whatever form it has.
pub(super) fn open_to_look(path: &Path) -> Result<Arc<dyn Store>, StoreError> {
    if path.join("db").exists() && !whole(path).exists() {
        return Ok(Arc::new(FormerStore::open(path)?));
    }
    Ok(Arc::new(Checked::over(EmbeddedStore::open(&whole(path))?, &commits(path))?))
}

/// Opens the store in `path` or makes one; takes one of an older form over first.
pub(super) fn open(path: &Path) -> Result<Checked, StoreError> {
    let failed = |error: io::Error| cannot_open(path, &error);
    fs::create_dir_all(path).map_err(failed)?;
    if !whole(path).exists() {
        if path.join("db").exists() {
            take_over(path)?;
        } else {
            // Made under another name: one that was half made when the power went is made anew.
            remove(&[moving(path)]).map_err(failed)?;
            drop(EmbeddedStore::open(&moving(path))?);
            put_in_place(path)?;
        }
    }
    let store = Checked::over(EmbeddedStore::open(&whole(path))?, &commits(path))?;
    // What was taken over, and what a store of another time left unfinished.
    let mut left = former(path).map_err(failed)?;
    left.push(moving(path));
    remove(&left).map_err(failed)?;
    Ok(store)
}

/// Copies a store of form 1 or 2 into a file of today's form.
fn take_over(path: &Path) -> Result<(), StoreError> {
    let old = FormerStore::open(path)?;
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
    let target = match EmbeddedStore::open(&moving(path)) {
        Ok(target) => target,
        // Half made when the power went: what it holds is in the old one.
        Err(_) => {
            remove(&[moving(path)]).map_err(|error| cannot_open(path, &error))?;
            EmbeddedStore::open(&moving(path))?
        }
    };
    // Counted from today's form on: in a file that is thrown away.
    let target = Checked::over(target, &path.join("moving.commits"))?;
    copy(&old, &target, entries)?;
    drop((old, target));
    remove(&[path.join("moving.commits")]).map_err(|error| cannot_open(path, &error))?;
    put_in_place(path)?;
    tracing::info!(entries, "Store has today's form.");
    Ok(())
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

/// What was being made is the store from here on, also after a power cut.
fn put_in_place(path: &Path) -> Result<(), StoreError> {
    fs::rename(moving(path), whole(path))
        .and_then(|()| fs::File::open(path)?.sync_all())
        .map_err(|error| cannot_open(path, &error))
}

fn remove(files: &[PathBuf]) -> io::Result<()> {
    for file in files {
        let removed = if file.is_dir() { fs::remove_dir_all(file) } else { fs::remove_file(file) };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed?,
        }
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
