//! The values of a key: their names, types and data.

use std::io;

use super::super::{Value, texts};
use super::base::{number, short};
use super::tree::{Node, Tree, bound, damaged};

/// The most values of one key: Windows itself has some thousands in its longest lists.
const VALUES_MAX: u32 = 65_536;

/// The longest data that is read. What Daicho asks for is shorter by far; a cache of programs has some 100 KB.
const DATA_BYTES_MAX: usize = 4 << 20;

/// What the values of one key may hold together: many can point at the same data.
const KEY_BYTES_MAX: usize = 16 << 20;

/// What one segment of long data holds.
const SEGMENT_BYTES: usize = 16_344;

/// The values of a key, and what of them could not be read.
#[derive(Default)]
pub(super) struct Values {
    pub(super) values: Vec<(String, Value)>,
    pub(super) faults: Vec<String>,
}

/// Reads the values of a key.
pub(super) fn read(tree: &Tree, node: &Node) -> io::Result<Values> {
    let mut read = Values::default();
    if node.values == 0 {
        return Ok(read);
    }
    let count = node.values.min(VALUES_MAX);
    let list = match tree.cell(node.values_list, 4 * count as usize, "a list of values") {
        Ok(list) => list,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            read.faults.push(error.to_string());
            return Ok(read);
        }
        Err(error) => return Err(error),
    };
    let places = list.as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four)).collect::<Vec<_>>();
    if places.len() != node.values as usize {
        read.faults.push(damaged("a list of values", node.values_list).to_string());
    }
    let mut left = KEY_BYTES_MAX;
    for place in places {
        match one(tree, place, left) {
            Ok((name, value, size)) => {
                left -= size;
                read.values.push((name, value));
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                read.faults.push(error.to_string());
                bound(&mut read.faults);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// One value, and how much it weighs.
fn one(tree: &Tree, at: u32, left: usize) -> io::Result<(String, Value, usize)> {
    let bytes = tree.cell(at, 20 + 65_536, "a value")?;
    let wrong = || damaged("a value", at);
    if !bytes.starts_with(b"vk") {
        return Err(wrong());
    }
    let length = usize::from(short(&bytes, 2).ok_or_else(wrong)?);
    let narrow = short(&bytes, 16).ok_or_else(wrong)? & 1 != 0;
    let name = spelled(bytes.get(20..20 + length).ok_or_else(wrong)?, narrow);
    let said = number(&bytes, 4).ok_or_else(wrong)?;
    let size = (said & 0x7fff_ffff) as usize;
    let kind = number(&bytes, 12).ok_or_else(wrong)?;
    let data = if said & 0x8000_0000 != 0 {
        // Up to four bytes stand in the place of an address.
        bytes.get(8..12).and_then(|inside| inside.get(..size)).ok_or_else(wrong)?.to_vec()
    } else if size == 0 {
        Vec::new()
    } else if size > DATA_BYTES_MAX || size > left {
        let sentence = format!("the value {name} holds {size} bytes, more than is read");
        return Err(io::Error::new(io::ErrorKind::InvalidData, sentence));
    } else {
        data(tree, number(&bytes, 8).ok_or_else(wrong)?, size)
            .map_err(|error| io::Error::new(error.kind(), format!("the value {name}: {error}")))?
    };
    let weight = size.saturating_add(length).min(left);
    Ok((name, understand(kind, data), weight))
}

fn data(tree: &Tree, at: u32, size: usize) -> io::Result<Vec<u8>> {
    let first = tree.cell(at, size, "its data")?;
    if !(tree.has_segments && size > SEGMENT_BYTES && first.starts_with(b"db")) {
        return if first.len() == size { Ok(first) } else { Err(damaged("its data", at)) };
    }
    let wrong = || damaged("its data", at);
    let count = usize::from(short(&first, 2).ok_or_else(wrong)?);
    let list = tree.cell(number(&first, 4).ok_or_else(wrong)?, 4 * count, "its list of segments")?;
    let mut bytes = Vec::with_capacity(size);
    for segment in list.as_chunks::<4>().0 {
        let part = SEGMENT_BYTES.min(size - bytes.len());
        let segment = tree.cell(u32::from_le_bytes(*segment), part, "a segment of its data")?;
        bytes.extend(segment);
    }
    if bytes.len() == size { Ok(bytes) } else { Err(wrong()) }
}

/// The data by its type, as it is told of a running Windows too.
fn understand(kind: u32, data: Vec<u8>) -> Value {
    match kind {
        // REG_SZ, REG_EXPAND_SZ.
        1 | 2 => Value::Text(wide(&data).split('\0').next().unwrap_or_default().to_owned()),
        // REG_DWORD.
        4 => match <[u8; 4]>::try_from(data.as_slice()) {
            Ok(four) => Value::Number(u32::from_le_bytes(four).into()),
            Err(_) => Value::Bytes(data),
        },
        // REG_MULTI_SZ.
        7 => Value::Texts(texts(&wide(&data))),
        // REG_QWORD.
        11 => match <[u8; 8]>::try_from(data.as_slice()) {
            Ok(eight) => Value::Number(u64::from_le_bytes(eight)),
            Err(_) => Value::Bytes(data),
        },
        _ => Value::Bytes(data),
    }
}

fn wide(bytes: &[u8]) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    String::from_utf16_lossy(&units.collect::<Vec<_>>())
}

/// A name: a byte for each character if it is narrow, or UTF-16.
pub(super) fn spelled(bytes: &[u8], narrow: bool) -> String {
    if narrow { bytes.iter().copied().map(char::from).collect() } else { wide(bytes) }
}
