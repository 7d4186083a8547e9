//! Keys and values in one file that is only ever added to; nothing of ours is lost to a write that was cut short, and a
//! record that the disk spoiled costs itself alone.
//!
//! A record holds changes that belong together, behind a header: magic, length, a check of the header, a check of the
//! content. Both checks are SHA-256 over a salt of the file, the record's place and the bytes, cut to some bytes: so no
//! text from outside that lies inside a record passes for a record when the file is searched after damage.
//! The file's name is `journal-<number>-<salt>`. When most of it is superseded, what counts is written into the file of
//! the next number, which takes its place once it is whole.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::files::flush_folder;

/// A record begins with these; chosen at random, and no text.
const MAGIC: [u8; 4] = [0xd4, 0x1c, 0x90, 0xf7];

/// Magic, length, check of both, check of the content.
const HEADER_BYTES: usize = 20;

/// The largest content that is believed: an observation of the largest size, with room for what belongs to it.
const CONTENT_BYTES_MAX: usize = super::OBSERVATION_BYTES_MAX + 1024 * 1024;

/// Bytes that are looked through at once for the next record after damage.
const SEARCH_BYTES: usize = 64 * 1024;

/// A smaller file is not written anew, however much of it is superseded.
const REWRITE_BYTES_MIN: u64 = 1024 * 1024;

/// What is written and taken back when the file is opened, to see that the disk takes some more records.
const PROBE_BYTES: usize = 64 * 1024;

/// The disk's least unit: a power cut leaves each whole or not written.
const SECTOR_BYTES: usize = 512;

/// One change of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A value under a key.
    Put(Vec<u8>, Vec<u8>),
    /// What lies under the first key lies under the second from now on.
    Move(Vec<u8>, Vec<u8>),
    /// Nothing lies under the key any more.
    Remove(Vec<u8>),
}

/// Where a value lies: its record, and its place in the record's content.
#[derive(Clone, Copy, Debug)]
struct Place {
    record: u64,
    content_bytes: u32,
    at: u32,
    bytes: u32,
}

/// The keys in memory, the values in the file.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    name: Name,
    file: File,
    end: u64,
    index: BTreeMap<Vec<u8>, Place>,
    /// Bytes that would remain if the file were written anew, about.
    live: u64,
    rewrite_at: u64,
    /// The last record is not known to be on disk.
    unsynced: bool,
    /// A write that failed could not be taken back: what the file holds now only opening tells.
    doubtful: bool,
}

/// What of a file was no record, between records that could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// How many places; each was one record or more.
    pub places: u64,
    /// The value that was written last before the first of them, and the one after the last.
    pub between: (Option<Vec<u8>>, Option<Vec<u8>>),
}

impl Journal {
    /// Opens the journal of a folder, or makes one with `salt`. What could not be read of it comes along.
    pub fn open(folder: &Path, salt: u64) -> io::Result<(Self, Damage)> {
        fs::create_dir_all(folder)?;
        let mut names: Vec<Name> = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(Name::parse(&entry?.file_name()));
        }
        names.sort_by_key(|name| name.number);
        let name = match names.pop() {
            Some(name) => name,
            None => {
                let name = Name { number: 1, salt };
                drop(create(&name.path(folder))?);
                flush_folder(folder)?;
                name
            }
        };
        let mut file = OpenOptions::new().read(true).write(true).open(name.path(folder))?;
        let (index, end, damage) = replay(&mut file, name.salt)?;
        let live = index.iter().map(|(key, place)| weight(key, place.bytes)).sum();
        let folder = folder.to_owned();
        let rewrite_at = REWRITE_BYTES_MIN;
        let mut journal =
            Journal { folder, name, file, end, index, live, rewrite_at, unsynced: false, doubtful: false };
        journal.file.set_len(end)?;
        journal.probe()?;
        // Whatever a rewriting left behind, before or after its file became the journal.
        for old in names {
            fs::remove_file(old.path(&journal.folder))?;
        }
        journal.rewrite_if_worthwhile();
        Ok((journal, damage))
    }

    /// The value under a key. A record that has gone bad since it was written is an error of `InvalidData`.
    pub fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let Some(place) = self.index.get(key).copied() else { return Ok(None) };
        self.value(place).map(Some)
    }

    /// The keys that begin with `prefix`, in order, each with the size of its value.
    pub fn keys<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = (&'a [u8], u64)> {
        let from = self.index.range(prefix.to_vec()..);
        from.map(|(key, place)| (key.as_slice(), u64::from(place.bytes)))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// Writes changes, all or none of them; they are on disk when this returns. After an error the journal is as before,
    /// unless it [is doubtful](Journal::is_doubtful).
    pub fn write(&mut self, changes: &[Change]) -> io::Result<()> {
        self.rewrite_if_worthwhile();
        self.add(changes)?;
        self.sync()?;
        self.take(changes);
        Ok(())
    }

    /// As `write`, but a power cut may undo it: for what is safe to do again. At most one record is in that state, so
    /// that what a power cut spoils is always the file's end.
    pub fn write_lazily(&mut self, changes: &[Change]) -> io::Result<()> {
        if self.unsynced {
            return self.write(changes);
        }
        self.rewrite_if_worthwhile();
        self.add(changes)?;
        self.unsynced = true;
        self.take(changes);
        Ok(())
    }

    /// Everything is on disk when this returns.
    pub fn sync(&mut self) -> io::Result<()> {
        // After an error the system may have forgotten what it could not write: only another file will do.
        self.file.sync_data().inspect_err(|_| self.doubtful = true)?;
        self.unsynced = false;
        Ok(())
    }

    /// Whether only opening it again can tell what it holds.
    pub fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Whether the file is still where it belongs: a folder can be removed under a running program.
    pub fn is_in_place(&self) -> bool {
        fs::metadata(self.name.path(&self.folder)).is_ok_and(|found| found.len() == self.end)
    }

    /// When the file was last written, by the disk's clock.
    pub fn written_at(&self) -> jiff::Timestamp {
        let modified = self.file.metadata().and_then(|file| file.modified()).ok();
        modified.and_then(|at| jiff::Timestamp::try_from(at).ok()).unwrap_or_default()
    }

    /// Writes what counts into a new file, which takes this one's place.
    pub fn rewrite(&mut self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let name = Name { number: self.name.number + 1, salt: self.name.salt };
        let beside = self.folder.join("journal.new");
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = create(&beside)?;
        let (mut index, mut end) = (BTreeMap::new(), 0);
        for (key, place) in self.index.clone() {
            let value = match self.value(place) {
                Ok(value) => value,
                // Whoever asks for it is told; the others go on.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => continue,
                Err(error) => return Err(error),
            };
            // Each in a record of its own: one that is spoiled costs no other.
            let changes = [Change::Put(key, value)];
            let record = record(&changes, name.salt, end);
            file.write_all(&record)?;
            apply(&mut index, &changes, end, content_bytes(&record));
            end += record.len() as u64;
        }
        file.sync_all()?;
        // Windows renames no file that is open.
        drop(file);
        let path = name.path(&self.folder);
        fs::rename(&beside, &path)?;
        flush_folder(&self.folder)?;
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let before = self.name.path(&self.folder);
        (self.file, self.name, self.index, self.end) = (file, name, index, end);
        self.live = end;
        self.rewrite_at = REWRITE_BYTES_MIN.max(2 * end);
        (self.unsynced, self.doubtful) = (false, false);
        // One that cannot be removed now is removed at the next start.
        drop(fs::remove_file(before));
        Ok(())
    }

    fn rewrite_if_worthwhile(&mut self) {
        if self.end < self.rewrite_at || self.live.saturating_mul(2) > self.end {
            return;
        }
        if let Err(error) = self.rewrite() {
            tracing::debug!(%error, "Spool keeps its file; it is written anew later.");
            self.rewrite_at = self.end + REWRITE_BYTES_MIN;
        }
    }

    fn probe(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        let outcome = self.file.write_all(&vec![0; PROBE_BYTES]).and_then(|()| self.file.sync_data());
        self.file.set_len(self.end)?;
        outcome
    }

    fn add(&mut self, changes: &[Change]) -> io::Result<()> {
        if self.doubtful {
            return Err(io::Error::other("a write before this one could not be taken back"));
        }
        let record = record(changes, self.name.salt, self.end);
        self.file.seek(SeekFrom::Start(self.end))?;
        if let Err(error) = self.file.write_all(&record) {
            self.doubtful = self.file.set_len(self.end).is_err();
            return Err(error);
        }
        Ok(())
    }

    /// Takes note of a record that was written at the end.
    fn take(&mut self, changes: &[Change]) {
        let content = content(changes).len();
        let place = self.end;
        for change in changes {
            if let Change::Put(key, _) | Change::Remove(key) = change
                && let Some(old) = self.index.get(key)
            {
                self.live = self.live.saturating_sub(weight(key, old.bytes));
            }
            if let Change::Put(key, value) = change {
                self.live += weight(key, u32::try_from(value.len()).unwrap_or(u32::MAX));
            }
        }
        apply(&mut self.index, changes, place, content);
        self.end += (HEADER_BYTES + content) as u64;
    }

    fn value(&mut self, place: Place) -> io::Result<Vec<u8>> {
        let content = match read_record(&mut self.file, self.name.salt, place.record, self.end)? {
            Read::Record(content) if content.len() == place.content_bytes as usize => content,
            _ => return Err(spoiled()),
        };
        let at = place.at as usize;
        content.get(at..at + place.bytes as usize).map(<[u8]>::to_vec).ok_or_else(spoiled)
    }
}

/// What a file is called.
#[derive(Clone, Copy, Debug)]
struct Name {
    number: u64,
    salt: u64,
}

impl Name {
    fn path(self, folder: &Path) -> PathBuf {
        folder.join(format!("journal-{:08x}-{:016x}", self.number, self.salt))
    }

    fn parse(name: &OsString) -> Option<Self> {
        let (number, salt) = name.to_str()?.strip_prefix("journal-")?.split_once('-')?;
        let number = u64::from_str_radix(number, 16).ok()?;
        Some(Name { number, salt: u64::from_str_radix(salt, 16).ok()? })
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What an entry takes in a file that is written anew.
fn weight(key: &[u8], value_bytes: u32) -> u64 {
    (HEADER_BYTES + 7 + key.len()) as u64 + u64::from(value_bytes)
}

fn spoiled() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a record was spoiled on the disk")
}

// === a record ===

fn content(changes: &[Change]) -> Vec<u8> {
    let mut content = Vec::new();
    let mut text = |kind: Option<u8>, text: &[u8]| {
        content.extend(kind);
        // Our own keys are short, and an observation is bounded: longer is not written.
        content.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        content.extend_from_slice(text);
    };
    for change in changes {
        match change {
            Change::Put(key, value) => {
                text(Some(b'P'), key);
                text(None, value);
            }
            Change::Move(from, to) => {
                text(Some(b'M'), from);
                text(None, to);
            }
            Change::Remove(key) => text(Some(b'R'), key),
        }
    }
    content
}

fn record(changes: &[Change], salt: u64, at: u64) -> Vec<u8> {
    let content = content(changes);
    let mut record = Vec::with_capacity(HEADER_BYTES + content.len());
    record.extend_from_slice(&MAGIC);
    record.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
    let of_header = check(salt, at, &record);
    record.extend_from_slice(&of_header[..4]);
    record.extend_from_slice(&check(salt, at, &content));
    record.extend_from_slice(&content);
    record
}

fn content_bytes(record: &[u8]) -> usize {
    record.len().saturating_sub(HEADER_BYTES)
}

fn check(salt: u64, at: u64, bytes: &[u8]) -> [u8; 8] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(&salt.to_be_bytes());
    context.update(&at.to_be_bytes());
    context.update(bytes);
    let mut check = [0; 8];
    check.copy_from_slice(&context.finish().as_ref()[..8]);
    check
}

enum Read {
    /// Its content.
    Record(Vec<u8>),
    /// It was begun, and the file ends before it does.
    CutShort,
    /// Something else lies there.
    Spoiled,
}

fn read_record(file: &mut File, salt: u64, at: u64, end: u64) -> io::Result<Read> {
    if end - at < HEADER_BYTES as u64 {
        return Ok(Read::CutShort);
    }
    file.seek(SeekFrom::Start(at))?;
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header)?;
    let (named, checks) = header.split_at(8);
    let of_header = check(salt, at, named);
    let bytes = named.last_chunk().map_or(0, |length| u32::from_be_bytes(*length));
    if named[..4] != MAGIC || checks[..4] != of_header[..4] || bytes as usize > CONTENT_BYTES_MAX {
        return Ok(Read::Spoiled);
    }
    if end - at - (HEADER_BYTES as u64) < u64::from(bytes) {
        return Ok(Read::CutShort);
    }
    let mut content = vec![0; bytes as usize];
    file.read_exact(&mut content)?;
    Ok(if checks[4..] == check(salt, at, &content) { Read::Record(content) } else { Read::Spoiled })
}

// === the file ===

type Index = BTreeMap<Vec<u8>, Place>;

/// Reads a file to its end: what lies where, where the next record goes, and what could not be read.
fn replay(file: &mut File, salt: u64) -> io::Result<(Index, u64, Damage)> {
    let length = file.metadata()?.len();
    let (mut index, mut damage) = (Index::new(), Damage::default());
    let (mut at, mut last_told) = (0, None);
    while at < length {
        let read = read_record(file, salt, at, length)?;
        if let Read::Record(content) = &read
            && let Some(changes) = parse(content)
        {
            if let Some(value) = told(&changes) {
                last_told = Some(at);
                if damage.places > 0 && damage.between.1.is_none() {
                    damage.between.1 = Some(value.to_vec());
                }
            }
            apply(&mut index, &changes, at, content.len());
            at += (HEADER_BYTES + content.len()) as u64;
            continue;
        }
        let next = next_record(file, salt, at + 1, length)?;
        if next.is_none() && (matches!(read, Read::CutShort) || is_half_written(file, at, length)?) {
            break;
        }
        if damage.places == 0
            && let Some(last) = last_told
            && let Read::Record(content) = read_record(file, salt, last, length)?
        {
            damage.between.0 = parse(&content).as_deref().and_then(told).map(<[u8]>::to_vec);
        }
        damage.places += 1;
        damage.between.1 = None;
        let Some(next) = next else { break };
        at = next;
    }
    Ok((index, at, damage))
}

/// What was seen, of a record that holds it.
fn told(changes: &[Change]) -> Option<&[u8]> {
    changes.iter().find_map(|change| match change {
        Change::Put(key, value) if key.starts_with(b"e/") || key.starts_with(b"i/") => Some(value.as_slice()),
        _ => None,
    })
}

/// A power cut while the last record was written leaves the file short, or sectors of it as they never were written.
fn is_half_written(file: &mut File, at: u64, length: u64) -> io::Result<bool> {
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(length - at).read_to_end(&mut rest)?;
    let first = usize::try_from(at.next_multiple_of(SECTOR_BYTES as u64) - at).unwrap_or(usize::MAX);
    let head = rest.get(..first.min(rest.len())).unwrap_or_default();
    let mut sectors = rest.get(first..).unwrap_or_default().chunks(SECTOR_BYTES);
    let empty = |sector: &[u8]| !sector.is_empty() && sector.iter().all(|byte| *byte == 0);
    Ok(empty(head) || sectors.any(empty))
}

/// The place of the next record from `from` on.
fn next_record(file: &mut File, salt: u64, from: u64, length: u64) -> io::Result<Option<u64>> {
    let mut at = from;
    let mut window = vec![0; SEARCH_BYTES];
    while at < length {
        let bytes = usize::try_from(length - at).unwrap_or(usize::MAX).min(SEARCH_BYTES);
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut window[..bytes])?;
        for found in memchr::memmem::find_iter(&window[..bytes], &MAGIC) {
            let place = at + found as u64;
            if let Read::Record(_) = read_record(file, salt, place, length)? {
                return Ok(Some(place));
            }
        }
        if bytes < SEARCH_BYTES {
            return Ok(None);
        }
        // A magic that lies across the window's end.
        at += (bytes - (MAGIC.len() - 1)) as u64;
    }
    Ok(None)
}

fn parse(content: &[u8]) -> Option<Vec<Change>> {
    fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (text, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        *rest = after;
        Some(text)
    }
    let (mut rest, mut changes) = (content, Vec::new());
    while let Some((kind, after)) = rest.split_first() {
        rest = after;
        let first = text(&mut rest)?.to_vec();
        changes.push(match kind {
            b'P' => Change::Put(first, text(&mut rest)?.to_vec()),
            b'M' => Change::Move(first, text(&mut rest)?.to_vec()),
            b'R' => Change::Remove(first),
            _ => return None,
        });
    }
    Some(changes)
}

fn apply(index: &mut Index, changes: &[Change], record: u64, content_bytes: usize) {
    let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut at = 0;
    for change in changes {
        match change {
            Change::Put(key, value) => {
                let place = Place {
                    record,
                    content_bytes: narrow(content_bytes),
                    at: narrow(at + 9 + key.len()),
                    bytes: narrow(value.len()),
                };
                index.insert(key.clone(), place);
                at += 9 + key.len() + value.len();
            }
            Change::Move(from, to) => {
                if let Some(place) = index.remove(from) {
                    index.insert(to.clone(), place);
                }
                at += 9 + from.len() + to.len();
            }
            Change::Remove(key) => {
                index.remove(key);
                at += 5 + key.len();
            }
        }
    }
}
