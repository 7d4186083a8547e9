//! Lays keys and values out as a hive (regf 1.5), as Windows would.

use super::Key;

/// How long a piece of data may be before it is cut into segments (regf 1.4 and later).
const SEGMENT_BYTES: usize = 16344;

/// How many keys one list holds before there is a list of lists.
const LIST_KEYS_MAX: usize = 507;

/// No cell.
const NONE: u32 = u32::MAX;

/// The file of a hive whose root is this key.
pub(super) fn hive(root: &Key) -> Vec<u8> {
    let mut bins = Bins::default();
    // One description of who may read serves all keys; nobody asks for it.
    let security = bins.reserve(36);
    let mut description = b"sk\0\0".to_vec();
    for number in [security, security, 1, 20] {
        description.extend(number.to_le_bytes());
    }
    description.extend([1, 0, 0, 0x80]);
    description.resize(36, 0);
    bins.fill(security, &description);
    let top = bins.key(root, NONE, security);
    bins.close();
    let mut file = base_block(top, size(bins.bytes.len()), root.written_at);
    file.extend(bins.bytes);
    file
}

fn size(count: usize) -> u32 {
    u32::try_from(count).expect("a hive for a test is small")
}

fn base_block(root: u32, bins_bytes: u32, written: u64) -> Vec<u8> {
    let mut block = b"regf".to_vec();
    block.extend([1_u32, 1].map(u32::to_le_bytes).concat());
    block.extend(written.to_le_bytes());
    // Version 1.5, a primary file, loaded directly; the root; the size; one sector of 512 bytes at a time.
    block.extend([1, 5, 0, 1, root, bins_bytes, 1].map(u32::to_le_bytes).concat());
    block.resize(508, 0);
    let words = block.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    let sum = match words.fold(0, |sum, word| sum ^ word) {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    };
    block.extend(sum.to_le_bytes());
    block.resize(4096, 0);
    block
}

/// The bins so far, the last of which may have room.
#[derive(Default)]
struct Bins {
    bytes: Vec<u8>,
    /// Where the last bin ends.
    end: usize,
}

impl Bins {
    /// Makes a cell for so many bytes and says where it lies.
    fn reserve(&mut self, count: usize) -> u32 {
        let whole = (count + 4).next_multiple_of(8);
        if self.end - self.bytes.len() < whole {
            self.close();
            let bin = (whole + 32).next_multiple_of(4096);
            self.end = self.bytes.len() + bin;
            let mut header = b"hbin".to_vec();
            header.extend(size(self.bytes.len()).to_le_bytes());
            header.extend(size(bin).to_le_bytes());
            header.resize(32, 0);
            self.bytes.extend(header);
        }
        let at = self.bytes.len();
        // What is in use has a negative size.
        self.bytes.extend(size(whole).wrapping_neg().to_le_bytes());
        self.bytes.resize(at + whole, 0);
        size(at)
    }

    fn fill(&mut self, cell: u32, bytes: &[u8]) {
        let at = cell as usize + 4;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn put(&mut self, bytes: &[u8]) -> u32 {
        let cell = self.reserve(bytes.len());
        self.fill(cell, bytes);
        cell
    }

    /// Makes the rest of the last bin a free cell.
    fn close(&mut self) {
        let free = self.end - self.bytes.len();
        if free > 0 {
            self.bytes.extend(size(free).to_le_bytes());
            self.bytes.resize(self.end, 0);
        }
    }

    /// A key and all below it.
    fn key(&mut self, key: &Key, parent: u32, security: u32) -> u32 {
        let (name, narrow) = spelled(&key.name);
        let cell = self.reserve(76 + name.len());
        let values = key.values.iter().map(|value| self.value(value)).collect::<Vec<_>>();
        let values = if values.is_empty() { NONE } else { self.put(&numbers(&values)) };
        let below = key
            .keys
            .iter()
            .map(|(upper, key)| (self.key(key, cell, security), hash(upper)))
            .collect::<Vec<_>>();
        let list = self.list(&below);
        let mut bytes = b"nk".to_vec();
        let top = if parent == NONE { 0x000c } else { 0 };
        bytes.extend((top | if narrow { 0x20_u16 } else { 0 }).to_le_bytes());
        bytes.extend(key.written_at.to_le_bytes());
        let (keys, count) = (size(below.len()), size(key.values.len()));
        let fields =
            [0, if parent == NONE { 0 } else { parent }, keys, 0, list, NONE, count, values, security, NONE];
        bytes.extend(numbers(&fields));
        bytes.extend([0; 20]);
        bytes.extend(length(name.len()));
        bytes.extend([0; 2]);
        bytes.extend(name);
        self.fill(cell, &bytes);
        cell
    }

    /// The list of keys, or of lists of keys; [`NONE`] for no keys.
    fn list(&mut self, keys: &[(u32, u32)]) -> u32 {
        let mut leaves = Vec::new();
        for keys in keys.chunks(LIST_KEYS_MAX) {
            let mut leaf = b"lh".to_vec();
            leaf.extend(length(keys.len()));
            for (cell, hash) in keys {
                leaf.extend(numbers(&[*cell, *hash]));
            }
            leaves.push(self.put(&leaf));
        }
        if leaves.len() <= 1 {
            return leaves.first().copied().unwrap_or(NONE);
        }
        let mut root = b"ri".to_vec();
        root.extend(length(leaves.len()));
        root.extend(numbers(&leaves));
        self.put(&root)
    }

    fn value(&mut self, (name, kind, data): &(String, u32, Vec<u8>)) -> u32 {
        let (name, narrow) = spelled(name);
        let (count, place) = match data.len() {
            0..=4 => {
                let mut inside = data.clone();
                inside.resize(4, 0);
                (size(data.len()) | 0x8000_0000, [inside[0], inside[1], inside[2], inside[3]])
            }
            5..=SEGMENT_BYTES => (size(data.len()), self.put(data).to_le_bytes()),
            _ => (size(data.len()), self.segments(data).to_le_bytes()),
        };
        let mut bytes = b"vk".to_vec();
        bytes.extend(length(name.len()));
        bytes.extend(count.to_le_bytes());
        bytes.extend(place);
        bytes.extend(kind.to_le_bytes());
        bytes.extend([u8::from(narrow), 0, 0, 0]);
        bytes.extend(name);
        self.put(&bytes)
    }

    fn segments(&mut self, data: &[u8]) -> u32 {
        let segments = data.chunks(SEGMENT_BYTES).map(|segment| self.put(segment)).collect::<Vec<_>>();
        let list = self.put(&numbers(&segments));
        let mut bytes = b"db".to_vec();
        bytes.extend(length(segments.len()));
        bytes.extend(list.to_le_bytes());
        self.put(&bytes)
    }
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn length(count: usize) -> [u8; 2] {
    u16::try_from(count).expect("a name or a list for a test is short").to_le_bytes()
}

/// A name's bytes, and whether each stands for a character.
fn spelled(name: &str) -> (Vec<u8>, bool) {
    let narrow = name.chars().map(|one| u8::try_from(u32::from(one)).ok()).collect::<Option<Vec<_>>>();
    match narrow {
        Some(bytes) => (bytes, true),
        None => (name.encode_utf16().flat_map(u16::to_le_bytes).collect(), false),
    }
}

/// How a list helps to find a name, which is in capitals.
fn hash(upper: &str) -> u32 {
    upper.encode_utf16().fold(0_u32, |sum, unit| sum.wrapping_mul(37).wrapping_add(unit.into()))
}
