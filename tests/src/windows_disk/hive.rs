//! Writes registry hives as Windows does (`regf` 1.5), so that a test can say what is on a Windows disk.
//!
//! One bin, a list `lh` for each key, no security cells: what a reader of values needs and no more. Written from what
//! is publicly known of the format, and independently of the agent's reader.

use std::collections::BTreeMap;

/// The offset that means nothing.
const NOTHING: u32 = u32::MAX;

/// A bin's own head, before its first cell.
const BIN_HEAD: usize = 32;
const PAGE: usize = 4096;

const REG_SZ: u32 = 1;
const REG_EXPAND_SZ: u32 = 2;
const REG_BINARY: u32 = 3;
const REG_DWORD: u32 = 4;
const REG_MULTI_SZ: u32 = 7;

/// One key of a hive, and everything below it. Below are its keys by their names in capitals, as Windows sorts them.
#[derive(Default)]
pub struct Key {
    name: String,
    written_at: u64,
    values: Vec<(String, u32, Vec<u8>)>,
    keys: BTreeMap<String, Key>,
}

impl Key {
    /// The key at this path below, made if it is not there.
    pub fn key(&mut self, path: &str) -> &mut Key {
        path.split('\\').filter(|name| !name.is_empty()).fold(self, |key, name| {
            key.keys
                .entry(name.to_uppercase())
                .or_insert_with(|| Key { name: name.to_owned(), ..Key::default() })
        })
    }

    /// When it was last written, as a count of 100 nanoseconds since 1601.
    pub fn written_at(&mut self, filetime: u64) -> &mut Key {
        self.written_at = filetime;
        self
    }

    /// A value of any type.
    pub fn value(&mut self, name: &str, kind: u32, data: Vec<u8>) -> &mut Key {
        self.values.push((name.to_owned(), kind, data));
        self
    }

    /// A value that is text.
    pub fn text(&mut self, name: &str, text: &str) -> &mut Key {
        self.value(name, REG_SZ, wide(text))
    }

    /// A value that is text with `%variables%`.
    pub fn path(&mut self, name: &str, text: &str) -> &mut Key {
        self.value(name, REG_EXPAND_SZ, wide(text))
    }

    /// A value that is several texts.
    pub fn texts(&mut self, name: &str, texts: &[&str]) -> &mut Key {
        let mut data: Vec<u8> = texts.iter().flat_map(|text| wide(text)).collect();
        data.extend([0, 0]);
        self.value(name, REG_MULTI_SZ, data)
    }

    /// A value that is a number.
    pub fn number(&mut self, name: &str, number: u32) -> &mut Key {
        self.value(name, REG_DWORD, number.to_le_bytes().to_vec())
    }

    /// A value that is bytes.
    pub fn bytes(&mut self, name: &str, data: &[u8]) -> &mut Key {
        self.value(name, REG_BINARY, data.to_vec())
    }

    /// The hive file whose top this is.
    pub fn file(&self) -> Vec<u8> {
        let mut bin = vec![0; BIN_HEAD];
        let root = self.write(&mut bin, NOTHING);
        let free = bin.len().next_multiple_of(PAGE) - bin.len();
        if free > 0 {
            // What is left is one free cell: its size is positive.
            bin.extend(size(free).to_le_bytes());
            bin.resize(bin.len() + free - 4, 0);
        }
        bin[..4].copy_from_slice(b"hbin");
        let length = size(bin.len());
        bin[8..12].copy_from_slice(&length.to_le_bytes());
        let mut file = head(root, length);
        file.append(&mut bin);
        file
    }

    /// Writes this key and all below it; answers where it lies.
    fn write(&self, bin: &mut Vec<u8>, parent: u32) -> u32 {
        let name = latin(&self.name);
        let mut cell = b"nk".to_vec();
        // A name in Latin-1; the top says that it is one and cannot be deleted.
        let flags: u16 = if parent == NOTHING { 0x2c } else { 0x20 };
        cell.extend(flags.to_le_bytes());
        cell.extend(self.written_at.to_le_bytes());
        cell.extend([0; 4]);
        cell.extend(parent.to_le_bytes());
        // Two counts of keys, two of their lists, the count of values, and their list: filled in below.
        cell.extend([0; 8]);
        cell.extend([0xff; 8]);
        cell.extend([0; 4]);
        // The values, the security, the class.
        cell.extend([0xff; 12]);
        cell.extend([0; 20]);
        cell.extend(short(name.len()).to_le_bytes());
        cell.extend([0; 2]);
        cell.extend(&name);
        let own = allocate(bin, &cell);

        let values: Vec<u32> = self.values.iter().map(|value| write_value(bin, value)).collect();
        let keys: Vec<(u32, u32)> =
            self.keys.values().map(|key| (key.write(bin, own), hash(&key.name))).collect();
        let at = own as usize + 4;
        if !keys.is_empty() {
            let mut list = b"lh".to_vec();
            list.extend(short(keys.len()).to_le_bytes());
            list.extend(
                keys.iter().flat_map(|(offset, hash)| [offset.to_le_bytes(), hash.to_le_bytes()].concat()),
            );
            let list = allocate(bin, &list);
            bin[at + 20..at + 24].copy_from_slice(&size(keys.len()).to_le_bytes());
            bin[at + 28..at + 32].copy_from_slice(&list.to_le_bytes());
        }
        if !values.is_empty() {
            let list =
                allocate(bin, &values.iter().flat_map(|offset| offset.to_le_bytes()).collect::<Vec<_>>());
            bin[at + 36..at + 40].copy_from_slice(&size(values.len()).to_le_bytes());
            bin[at + 40..at + 44].copy_from_slice(&list.to_le_bytes());
        }
        own
    }
}

fn write_value(bin: &mut Vec<u8>, (name, kind, data): &(String, u32, Vec<u8>)) -> u32 {
    // Up to four bytes lie where else their offset would.
    let (length, place) = if data.len() <= 4 {
        let mut own = [0; 4];
        own[..data.len()].copy_from_slice(data);
        (size(data.len()) | 0x8000_0000, u32::from_le_bytes(own))
    } else {
        assert!(data.len() <= 16_344, "longer data lie in several cells, which this does not write");
        (size(data.len()), allocate(bin, data))
    };
    let name = latin(name);
    let mut cell = b"vk".to_vec();
    cell.extend(short(name.len()).to_le_bytes());
    cell.extend(length.to_le_bytes());
    cell.extend(place.to_le_bytes());
    cell.extend(kind.to_le_bytes());
    cell.extend([1, 0, 0, 0]);
    cell.extend(&name);
    allocate(bin, &cell)
}

/// Puts a cell at the end: its size, negative because it is used, and its content, to a multiple of eight bytes.
fn allocate(bin: &mut Vec<u8>, content: &[u8]) -> u32 {
    let offset = bin.len();
    let whole = (content.len() + 4).next_multiple_of(8);
    bin.extend(size(whole).wrapping_neg().to_le_bytes());
    bin.extend(content);
    bin.resize(offset + whole, 0);
    size(offset)
}

/// The first page of the file, whose checksum is the exclusive or of all before it.
fn head(root: u32, length: u32) -> Vec<u8> {
    let mut head = vec![0; PAGE];
    head[..4].copy_from_slice(b"regf");
    // Both counts are the same: it was written to its end. Version 1.5, a main file, mapped directly.
    for (at, number) in [(4, 1), (8, 1), (20, 1), (24, 5), (32, 1), (36, root), (40, length), (44, 1)] {
        head[at..at + 4].copy_from_slice(&u32::to_le_bytes(number));
    }
    let words =
        head[..508].chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    let sum = match words.fold(0, |sum, word| sum ^ word) {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    };
    head[508..512].copy_from_slice(&sum.to_le_bytes());
    head
}

/// The hash of a name in a list `lh`.
fn hash(name: &str) -> u32 {
    name.to_uppercase()
        .encode_utf16()
        .fold(0, |hash: u32, unit| hash.wrapping_mul(37).wrapping_add(unit.into()))
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn latin(name: &str) -> Vec<u8> {
    name.chars().map(|letter| u8::try_from(letter).expect("a name in Latin-1")).collect()
}

fn size(length: usize) -> u32 {
    u32::try_from(length).expect("a small hive")
}

fn short(length: usize) -> u16 {
    u16::try_from(length).expect("a short name or list")
}
