//! One journal file, as systemd documents its format (JOURNAL_FILE_FORMAT; the layout is journal-def.h): found by a
//! field's value, read newest first.
//!
//! A journal is only ever appended to, so each chain in it leads forward. Whatever leads back is damage: no chain goes in
//! circles.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, Read as _};
use std::rc::Rc;

use super::hash;
use crate::platform::linux::read_at::{Pages, ReadAt, damaged};

/// What the header says of its features (`incompatible_flags`).
const KEYED_HASH: u32 = 4;
const COMPACT: u32 = 16;
/// Compression by XZ, LZ4, keyed hash, compression by ZSTD, compact: all that there is up to systemd 258.
const KNOWN_FLAGS: u32 = 31;

/// Kinds of objects.
const DATA: u8 = 1;
const ENTRY: u8 = 3;
const ENTRY_ARRAY: u8 = 6;

/// How a value is packed (an object's `flags`).
const PACKED_XZ: u8 = 1;
const PACKED_LZ4: u8 = 2;
const PACKED_ZSTD: u8 = 4;

/// An object begins with its kind, its flags and its size.
const OBJECT_HEAD: u64 = 16;

/// Before an entry's items: number, two times, boot, hash.
const ENTRY_HEAD: u64 = OBJECT_HEAD + 48;

/// Longer values are left out: a line of a log that names a login or a device has some hundred bytes.
const VALUE_BYTES_MAX: usize = 16 * 1024;

/// Items of one entry; journald takes 1024 fields at most.
const ITEMS_MAX: u64 = 1024;

/// Values that are kept because further entries refer to them.
const SHARED_MAX: usize = 1024;

/// Arrays of one chain: each is twice as long as the one before.
const ARRAYS_MAX: usize = 4096;

/// One file, open.
pub(super) struct JournalFile<'a, B: ?Sized> {
    pages: Pages<'a, B>,
    pub(super) head: Head,
    shared: HashMap<u64, Option<Value>>,
}

/// A field's value; the number of the wanted field before it.
type Value = (usize, Rc<[u8]>);

/// What the header says. Times are microseconds since 1970.
#[derive(Clone, Debug)]
pub(super) struct Head {
    flags: u32,
    file_id: [u8; 16],
    bytes: u64,
    data_table: (u64, u64),
    entry_arrays: u64,
    pub(super) first_at: u64,
    pub(super) last_at: u64,
}

/// One entry: when, in which boot, and the wanted fields that it has.
#[derive(Clone, Debug)]
pub(super) struct RawEntry {
    pub(super) at: u64,
    pub(super) boot: [u8; 16],
    pub(super) values: Vec<Value>,
    /// Whether a value was left out because nothing here unpacks it, or it is too long.
    pub(super) left_out: bool,
}

impl<'a, B: ReadAt + ?Sized> JournalFile<'a, B> {
    pub(super) fn open(bytes: &'a B, allowance: &'a Cell<u64>) -> io::Result<Self> {
        let mut pages = Pages::new(bytes, allowance)?;
        let mut head = [0; 208];
        pages.fill(&mut head, 0).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged("it ends within its header"),
            _ => error,
        })?;
        let head = Head::parse(&head)?;
        Ok(JournalFile { pages, head, shared: HashMap::new() })
    }

    /// The ways through the entries that hold one of these `FIELD=value`; through all entries, if none is named.
    pub(super) fn descents(&mut self, any_of: &[&str]) -> io::Result<Vec<Descent>> {
        let mut descents = Vec::new();
        if any_of.is_empty() {
            descents.push(self.descent(0, self.head.entry_arrays)?);
        }
        for wanted in any_of {
            if let Some(data) = self.find_data(wanted.as_bytes())? {
                let mut links = [0; 16];
                self.pages.fill(&mut links, data + OBJECT_HEAD + 24)?;
                descents.push(self.descent(number(&links[..8]), number(&links[8..]))?);
            }
        }
        for descent in &mut descents {
            descent.next = self.step(descent)?;
        }
        Ok(descents)
    }

    /// The newest entry that was not given out yet. Later entries lie behind earlier ones.
    pub(super) fn newest(&mut self, descents: &mut [Descent]) -> io::Result<Option<u64>> {
        let Some(entry) = descents.iter().filter_map(|descent| descent.next).max() else { return Ok(None) };
        for descent in descents.iter_mut().filter(|descent| descent.next == Some(entry)) {
            let older = self.step(descent)?;
            if older.is_some_and(|older| older >= entry) {
                return Err(damaged("its entries are not in order"));
            }
            descent.next = older;
        }
        Ok(Some(entry))
    }

    /// The next older entry of a descent; `None` at the end.
    fn step(&mut self, descent: &mut Descent) -> io::Result<Option<u64>> {
        while let Some((array, left)) = descent.arrays.last_mut() {
            let Some(index) = left.checked_sub(1) else {
                descent.arrays.pop();
                continue;
            };
            *left = index;
            let place = *array + OBJECT_HEAD + 8;
            let entry = if self.is_compact() {
                let mut item = [0; 4];
                self.pages.fill(&mut item, place + index * 4)?;
                number(&item)
            } else {
                let mut item = [0; 8];
                self.pages.fill(&mut item, place + index * 8)?;
                number(&item)
            };
            // The last array of a chain has places that are not taken yet.
            if entry != 0 {
                return Ok(Some(entry));
            }
        }
        Ok(Some(std::mem::take(&mut descent.first)).filter(|&first| first != 0))
    }

    /// When an entry was written, in microseconds since 1970.
    pub(super) fn time_of(&mut self, entry: u64) -> io::Result<u64> {
        self.object(entry, ENTRY, ENTRY_HEAD)?;
        let mut time = [0; 8];
        self.pages.fill(&mut time, entry + OBJECT_HEAD + 8)?;
        Ok(number(&time))
    }

    /// An entry with those of its fields that are named.
    pub(super) fn read(&mut self, entry: u64, fields: &[&str]) -> io::Result<RawEntry> {
        let (size, _) = self.object(entry, ENTRY, ENTRY_HEAD)?;
        let mut head = [0; 48];
        self.pages.fill(&mut head, entry + OBJECT_HEAD)?;
        let mut boot = [0; 16];
        boot.copy_from_slice(&head[24..40]);
        let mut found = RawEntry { at: number(&head[8..16]), boot, values: Vec::new(), left_out: false };
        let item_bytes: u64 = if self.is_compact() { 4 } else { 16 };
        let count = ((size - ENTRY_HEAD) / item_bytes).min(ITEMS_MAX);
        for index in 0..count {
            let mut item = [0; 8];
            let place = entry + ENTRY_HEAD + index * item_bytes;
            let wide = if self.is_compact() { 4 } else { 8 };
            self.pages.fill(&mut item[..wide], place)?;
            self.take_value(number(&item), fields, &mut found)?;
        }
        Ok(found)
    }

    fn take_value(&mut self, data: u64, fields: &[&str], found: &mut RawEntry) -> io::Result<()> {
        if let Some(known) = self.shared.get(&data) {
            found.values.extend(known.clone());
            return Ok(());
        }
        let (size, flags) = self.object(data, DATA, self.data_head())?;
        let mut uses = [0; 8];
        self.pages.fill(&mut uses, data + OBJECT_HEAD + 40)?;
        let value = match self.value(data, size, flags, fields) {
            Ok(value) => value,
            Err(Unread::LeftOut) => {
                found.left_out = true;
                None
            }
            Err(Unread::Failed(error)) => return Err(error),
        };
        if number(&uses) > 1 && self.shared.len() < SHARED_MAX {
            self.shared.insert(data, value.clone());
        }
        found.values.extend(value);
        Ok(())
    }

    /// The value of a data object, if its field is a wanted one.
    fn value(&mut self, data: u64, size: u64, flags: u8, fields: &[&str]) -> Result<Option<Value>, Unread> {
        let start = data + self.data_head();
        let length = size - self.data_head();
        if flags & (PACKED_XZ | PACKED_LZ4 | PACKED_ZSTD) == 0 {
            // The field's name first: most fields are not wanted.
            let mut name = [0; 64];
            let short = usize::try_from(length).unwrap_or(usize::MAX).min(name.len());
            self.pages.fill(&mut name[..short], start)?;
            let Some(field) = wanted(&name[..short], fields) else { return Ok(None) };
            let length = usize::try_from(length).ok().filter(|&length| length <= VALUE_BYTES_MAX);
            let mut whole = vec![0; length.ok_or(Unread::LeftOut)?];
            self.pages.fill(&mut whole, start)?;
            return Ok(Some((field, whole[fields[field].len() + 1..].into())));
        }
        let length = usize::try_from(length).ok().filter(|&length| length <= VALUE_BYTES_MAX);
        let mut packed = vec![0; length.ok_or(Unread::LeftOut)?];
        self.pages.fill(&mut packed, start)?;
        let whole = unpacked(&packed, flags)?;
        Ok(wanted(&whole, fields).map(|field| (field, whole[fields[field].len() + 1..].into())))
    }

    /// The data object of this field and value, by the hash table.
    fn find_data(&mut self, payload: &[u8]) -> io::Result<Option<u64>> {
        let (table, table_bytes) = self.head.data_table;
        let buckets = table_bytes / 16;
        if buckets == 0 {
            return Ok(None);
        }
        let keyed = self.head.flags & KEYED_HASH != 0;
        let hash = if keyed { hash::sip(&self.head.file_id, payload) } else { hash::jenkins(payload) };
        let mut bucket = [0; 8];
        let place =
            table.checked_add(hash % buckets * 16).ok_or_else(|| damaged("its table has no place"))?;
        self.pages.fill(&mut bucket, place)?;
        let mut data = number(&bucket);
        while data != 0 {
            let (size, flags) = self.object(data, DATA, self.data_head())?;
            let mut links = [0; 16];
            self.pages.fill(&mut links, data + OBJECT_HEAD)?;
            // Values that we ask for are too short to be packed: journald packs from 512 bytes on.
            let fits = number(&links[..8]) == hash
                && flags & (PACKED_XZ | PACKED_LZ4 | PACKED_ZSTD) == 0
                && size - self.data_head() == payload.len() as u64;
            if fits {
                let mut held = vec![0; payload.len()];
                self.pages.fill(&mut held, data + self.data_head())?;
                if held == payload {
                    return Ok(Some(data));
                }
            }
            data = forward(data, number(&links[8..]))?;
        }
        Ok(None)
    }

    fn descent(&mut self, first: u64, mut array: u64) -> io::Result<Descent> {
        let item_bytes: u64 = if self.is_compact() { 4 } else { 8 };
        let mut arrays = Vec::new();
        while array != 0 {
            if arrays.len() >= ARRAYS_MAX {
                return Err(damaged("it has too many arrays in one chain"));
            }
            let (size, _) = self.object(array, ENTRY_ARRAY, OBJECT_HEAD + 8)?;
            arrays.push((array, (size - OBJECT_HEAD - 8) / item_bytes));
            let mut next = [0; 8];
            self.pages.fill(&mut next, array + OBJECT_HEAD)?;
            array = forward(array, number(&next))?;
        }
        Ok(Descent { next: None, first, arrays })
    }

    /// The size and the flags of the object of this kind at `offset`, checked against the file.
    fn object(&mut self, offset: u64, kind: u8, bytes_min: u64) -> io::Result<(u64, u8)> {
        if offset < self.head.bytes || !offset.is_multiple_of(8) {
            return Err(damaged("an offset in it leads nowhere"));
        }
        let mut head = [0; 16];
        self.pages.fill(&mut head, offset)?;
        let size = number(&head[8..]);
        let end = offset.checked_add(size).filter(|&end| end <= self.pages.length());
        if head[0] != kind || size < bytes_min || end.is_none() {
            return Err(damaged("an offset in it leads to something else"));
        }
        Ok((size, head[1]))
    }

    fn is_compact(&self) -> bool {
        self.head.flags & COMPACT != 0
    }

    fn data_head(&self) -> u64 {
        if self.is_compact() { OBJECT_HEAD + 56 } else { OBJECT_HEAD + 48 }
    }
}

/// A way through the entries of one value, from the newest to the oldest.
pub(super) struct Descent {
    /// The entry that comes next.
    next: Option<u64>,
    /// The oldest entry stands beside the arrays; 0: there is none, or it was given out.
    first: u64,
    /// Each array, with its items that are still to come.
    arrays: Vec<(u64, u64)>,
}

impl Head {
    fn parse(head: &[u8; 208]) -> io::Result<Self> {
        if &head[..8] != b"LPKSHHRH" {
            return Err(damaged("it does not begin as a journal does"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "four bytes of it")]
        let flags = number(&head[12..16]) as u32;
        if flags & !KNOWN_FLAGS != 0 {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("it was written by a newer systemd (flags {flags:#x})"),
            ));
        }
        let mut file_id = [0; 16];
        file_id.copy_from_slice(&head[24..40]);
        Ok(Head {
            flags,
            file_id,
            bytes: number(&head[88..96]),
            data_table: (number(&head[104..112]), number(&head[112..120])),
            entry_arrays: number(&head[176..184]),
            first_at: number(&head[184..192]),
            last_at: number(&head[192..200]),
        })
    }
}

/// Why a value was not read.
enum Unread {
    LeftOut,
    Failed(io::Error),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Unread::Failed(error)
    }
}

fn unpacked(packed: &[u8], flags: u8) -> Result<Vec<u8>, Unread> {
    let mut whole = Vec::new();
    match flags & (PACKED_XZ | PACKED_LZ4 | PACKED_ZSTD) {
        PACKED_LZ4 => {
            // The length comes first, then one block.
            let (length, block) =
                packed.split_at_checked(8).ok_or_else(|| damaged("a value ends too early"))?;
            let length = usize::try_from(number(length)).unwrap_or(usize::MAX);
            if length > VALUE_BYTES_MAX {
                return Err(Unread::LeftOut);
            }
            whole.resize(length, 0);
            let written = lz4_flex::block::decompress_into(block, &mut whole);
            whole.truncate(written.map_err(|_| damaged("a value cannot be unpacked"))?);
        }
        PACKED_ZSTD => {
            let source = ruzstd::decoding::StreamingDecoder::new(packed);
            let source = source.map_err(|_| damaged("a value cannot be unpacked"))?;
            source.take(VALUE_BYTES_MAX as u64 + 1).read_to_end(&mut whole)?;
            if whole.len() > VALUE_BYTES_MAX {
                return Err(Unread::LeftOut);
            }
        }
        // XZ: systemd before 209 to 246, for values of 512 bytes and more.
        _ => return Err(Unread::LeftOut),
    }
    Ok(whole)
}

/// Which of the fields this `FIELD=value` begins with.
fn wanted(payload: &[u8], fields: &[&str]) -> Option<usize> {
    fields
        .iter()
        .position(|field| payload.starts_with(field.as_bytes()) && payload.get(field.len()) == Some(&b'='))
}

/// The next place of a chain; 0 ends it.
fn forward(from: u64, next: u64) -> io::Result<u64> {
    if next != 0 && next <= from { Err(damaged("a chain in it goes in circles")) } else { Ok(next) }
}

/// A number of up to eight bytes; journals are little-endian everywhere.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_packed_with_lz4_is_unpacked_and_a_false_length_is_damage() {
        let text = b"MESSAGE=the same again ".repeat(50);
        let mut packed = (text.len() as u64).to_le_bytes().to_vec();
        packed.extend(lz4_flex::block::compress(&text));
        assert_eq!(unpacked(&packed, PACKED_LZ4).ok(), Some(text));
        packed[0] = 1;
        packed[1] = 0;
        assert!(matches!(unpacked(&packed, PACKED_LZ4), Err(Unread::Failed(_))));
        packed[7] = 0x7f;
        assert!(matches!(unpacked(&packed, PACKED_LZ4), Err(Unread::LeftOut)));
        assert!(matches!(unpacked(b"\xfd7zXZ", PACKED_XZ), Err(Unread::LeftOut)));
    }
}
