//! A backup is a folder: the store as one file with a checksum, the authority, the configuration. It holds keys: keep it
//! as safe as the data folder itself.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest::{Context, SHA256};

use super::{Done, House, OrderError};
use crate::authority::{files, generation};
use crate::chronicle::verifying::{self, Verdict};
use crate::config::{Config, FILE_NAME};
use crate::shelves::Shelves;
use crate::store::memory::MemoryStore;
use crate::store::{self, Batch, FORMAT, Store, StoreConfig};

/// What a backup's store file begins with; the number is the form of the file itself.
const MAGIC: &[u8] = b"daicho-backup 1\n";

/// Instead of a key's length: the checksum follows.
const END: u32 = u32::MAX;

/// The largest key or value that is believed: more is a broken file.
const LENGTH_MAX: u32 = 1 << 30;

/// Bytes that are read back in one batch.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Entries that one look into the store takes.
const PAGE: usize = 1_000;

/// The files beside the store, and whether a backup without them is none. The root's key may be kept elsewhere.
const FILES: [(&str, bool); 5] = [
    ("authority/root.pem", true),
    ("authority/root-key.pem", false),
    ("authority/issuing.pem", true),
    ("authority/issuing-key.pem", true),
    (FILE_NAME, false),
];

/// Writes a backup into the folder `to`, which is not there yet. Nothing else is written meanwhile, so that it is of one moment.
pub(super) async fn back_up(house: &House, to: &Path) -> Result<Done, OrderError> {
    if !to.is_absolute() {
        return Err(wrong(format!("{} is no absolute path", to.display())));
    }
    if to.exists() {
        return Err(wrong(format!("{} is there already; name a folder that is not", to.display())));
    }
    let partial = to.with_extension("partial");
    let _judging = house.collector.judging.lock().await;
    let _enrolling = house.collector.enrolling.lock().await;
    let (data, target) = (house.data.clone(), partial.clone());
    let entries = house.collector.writer.alone(move |store| write(store, &data, &target)).await?;
    let entries = entries.map_err(|error| {
        wrong(format!(
            "backup cannot be written to {}: {error}; name a folder in which the collector may write",
            partial.display()
        ))
    })?;
    std::fs::rename(&partial, to)
        .map_err(|error| wrong(format!("backup cannot be named {}: {error}", to.display())))?;
    tracing::info!(to = %to.display(), entries, "Backup written.");
    Ok(Done::BackedUp { to: to.to_owned(), entries })
}

fn write(store: &dyn Store, data: &Path, to: &Path) -> io::Result<u64> {
    files::make_folder(&to.join("authority")).map_err(io::Error::other)?;
    for (name, needed) in FILES {
        match std::fs::read_to_string(data.join(name)) {
            Ok(text) => files::write_new(&to.join(name), &text, 0o600).map_err(io::Error::other)?,
            Err(error) if !needed && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    for name in generation::names(&files::authority(data)).map_err(io::Error::other)? {
        let to = files::authority(to).join(&name);
        if !to.exists() {
            let text = std::fs::read_to_string(files::authority(data).join(name))?;
            files::write_new(&to, &text, 0o600).map_err(io::Error::other)?;
        }
    }
    let path = to.join("store.backup");
    files::write_new(&path, "", 0o600).map_err(io::Error::other)?;
    let mut file = Summed { inner: BufWriter::new(File::create(&path)?), sum: Context::new(&SHA256) };
    file.write_all(MAGIC)?;
    file.write_all(&FORMAT.to_be_bytes())?;
    let (mut after, mut entries): (Option<Vec<u8>>, u64) = (None, 0);
    loop {
        let page = store.scan(b"", after.as_deref(), PAGE).map_err(io::Error::other)?;
        for (key, value) in &page {
            for part in [key, value] {
                let length = u32::try_from(part.len()).map_err(io::Error::other)?;
                file.write_all(&length.to_be_bytes())?;
            }
            file.write_all(key)?;
            file.write_all(value)?;
            entries += 1;
        }
        match page.last() {
            Some((key, _)) if page.len() == PAGE => after = Some(key.clone()),
            _ => break,
        }
    }
    file.write_all(&END.to_be_bytes())?;
    let Summed { mut inner, sum } = file;
    inner.write_all(sum.finish().as_ref())?;
    inner.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(entries)
}

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Entries of the store.
    pub entries: u64,
    /// What the proof of its log found; `None`: it is of before there was a log.
    pub proof: Option<Verdict>,
}

/// Puts a backup into an empty data folder. It is read and checked as a whole before anything is written: its sum, and
/// that the log's chain holds and the shelves are what it says. `unproven`: also when that is not so.
pub fn restore(from: &Path, data: &Path, unproven: bool) -> Result<Restored, OrderError> {
    let empty = match std::fs::read_dir(data) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !empty {
        return Err(wrong(format!("{} is not empty; a backup goes into an empty folder", data.display())));
    }
    let path = from.join("store.backup");
    let broken = |error: io::Error| {
        wrong(format!("backup {} cannot be used: {error}; nothing was changed", path.display()))
    };
    let looked = look_into(from, &PROVEN_SHELVES).map_err(broken)?;
    let proof = verifying::of_store(&Shelves::new(Arc::new(looked)), &[])?;
    if let Some(proof) = proof.as_ref().filter(|proof| !proof.is_sound())
        && !unproven
    {
        let first = proof.breaks.first().map(|one| one.what.en.as_str()).unwrap_or_default();
        return Err(wrong(format!(
            "backup {} holds a log that was altered or cut: {first}; nothing was changed. `daicho verify --backup` tells all of it. Take an older backup, or restore this one all the same with --unproven",
            from.display()
        )));
    }
    for (name, needed) in FILES {
        if needed && !from.join(name).is_file() {
            return Err(wrong(format!("backup {} holds no {name}; nothing was changed", from.display())));
        }
    }
    let failed = |error: io::Error| {
        let (data, from) = (data.display(), from.display());
        wrong(format!("{data} cannot be written from {from}: {error}; empty it and try again"))
    };
    files::make_folder(data)?;
    let store = match std::fs::read_to_string(from.join(FILE_NAME)) {
        Ok(text) => {
            Config::parse(&text, &from.join(FILE_NAME), data).map_err(|error| wrong(error.to_string()))?.store
        }
        Err(_) => StoreConfig::Folder { path: data.join("store") },
    };
    let store = store::open(&store)?;
    let mut batch = Batch::default();
    let form = form_of(&path).map_err(failed)?;
    let entries = read(&path, |key, value| {
        batch.put(key, value);
        if batch.bytes() > BATCH_BYTES_MAX {
            store.commit(std::mem::take(&mut batch)).map_err(io::Error::other)?;
        }
        Ok(())
    })
    .map_err(failed)?;
    store::put_format_of_backup(&mut batch, form);
    store.commit(batch)?;
    // The authority comes last: with it, the folder is a collector's.
    files::make_folder(&data.join("authority"))?;
    for name in generation::names(&files::authority(from))? {
        let name = format!("authority/{name}");
        if FILES.iter().all(|(known, _)| *known != name) {
            let text = std::fs::read_to_string(from.join(&name)).map_err(failed)?;
            files::write_new(&data.join(&name), &text, 0o600)?;
        }
    }
    for (name, _) in FILES.into_iter().rev() {
        match std::fs::read_to_string(from.join(name)) {
            Ok(text) => files::write_new(&data.join(name), &text, 0o600)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(Restored { entries, proof })
}

/// The shelves that are compared with the log.
pub const PROVEN_SHELVES: [&str; 10] = [
    "chronicle/",
    "violation/",
    "history/",
    "verdict/",
    "ledger/",
    "operator/",
    "endpoint/",
    "application/",
    "approval/",
    "meta/",
];

/// The form of the store in a backup's file.
fn form_of(path: &Path) -> io::Result<u64> {
    let (mut file, mut magic, mut form) = (File::open(path)?, [0; MAGIC.len()], [0; 8]);
    file.read_exact(&mut magic)?;
    file.read_exact(&mut form)?;
    Ok(u64::from_be_bytes(form))
}

/// What a backup's folder keeps of the shelves with these prefixes, in memory. The whole file is read and its sum checked.
pub fn look_into(folder: &Path, prefixes: &[&str]) -> io::Result<MemoryStore> {
    let store = MemoryStore::default();
    read(&folder.join("store.backup"), |key, value| {
        if prefixes.iter().any(|prefix| key.starts_with(prefix.as_bytes())) {
            let mut batch = Batch::default();
            batch.put(key, value);
            store.commit(batch).map_err(io::Error::other)?;
        }
        Ok(())
    })?;
    Ok(store)
}

/// Reads a backup's store file to its end, hands each entry over, and checks the sum; returns how many entries there are.
fn read(path: &Path, mut entry: impl FnMut(Vec<u8>, Vec<u8>) -> io::Result<()>) -> io::Result<u64> {
    let mut file = Summed { inner: BufReader::new(File::open(path)?), sum: Context::new(&SHA256) };
    let invalid = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic)?;
    if magic != MAGIC {
        return Err(invalid("it is no backup that this program knows"));
    }
    let mut format = [0; 8];
    file.read_exact(&mut format)?;
    let format = u64::from_be_bytes(format);
    if format > FORMAT {
        return Err(invalid(&format!(
            "its store has form {format}, this program knows {FORMAT}; use the newer program that wrote it"
        )));
    }
    let mut entries = 0;
    loop {
        let mut length = [0; 4];
        file.read_exact(&mut length)?;
        let key = u32::from_be_bytes(length);
        if key == END {
            break;
        }
        file.read_exact(&mut length)?;
        let value = u32::from_be_bytes(length);
        let (key, value) = (read_part(&mut file, key)?, read_part(&mut file, value)?);
        entry(key, value)?;
        entries += 1;
    }
    let Summed { mut inner, sum } = file;
    let mut written = [0; 32];
    inner.read_exact(&mut written)?;
    if written != sum.finish().as_ref() {
        return Err(invalid("its checksum is wrong: it was changed or cut off"));
    }
    Ok(entries)
}

fn read_part(file: &mut impl Read, length: u32) -> io::Result<Vec<u8>> {
    if length > LENGTH_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is broken: an entry is longer than any can be",
        ));
    }
    // `take`: a broken length costs no memory before its bytes are there.
    let mut part = Vec::new();
    file.take(u64::from(length)).read_to_end(&mut part)?;
    if part.len() as u64 != u64::from(length) {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut off"));
    }
    Ok(part)
}

/// A file whose bytes are summed as they pass.
struct Summed<F> {
    inner: F,
    sum: Context,
}

impl<F: Write> Write for Summed<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<F: Read> Read for Summed<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.sum.update(&buffer[..read]);
        Ok(read)
    }
}

fn wrong(text: String) -> OrderError {
    OrderError::Wrong(text)
}

/// The path as the running collector has to hear it.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
