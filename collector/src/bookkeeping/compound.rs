//! The container of an old .xls and of every Office file with a password (MS-CFB), measured before anybody parses it.
//!
//! Its sectors are chained by numbers in the file: a chain that leads back to itself never ends, and a stream may claim
//! any length. Here each chain is walked once, within the file's own size.

/// How such a file begins (MS-CFB 2.2).
pub const SIGNATURE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// The stream of an encrypted workbook (MS-OFFCRYPTO 2.3.4).
pub const ENCRYPTED: &str = "EncryptedPackage";

/// Numbers from here on name no sector.
const NO_SECTOR: u32 = 0xFFFF_FFFA;

/// Where the table of sectors is listed in the header: 109 numbers.
const LISTED: std::ops::Range<usize> = 76..512;

/// Streams shorter than this lie in sectors of sectors (MS-CFB 2.2).
const SHORT: usize = 4096;

/// Bytes of such a small sector.
const SMALL_SECTOR: usize = 64;

/// What an entry of the directory is.
const ROOT: u8 = 5;
/// See [`ROOT`].
const STREAM: u8 = 2;

/// Bytes of a directory's entry.
const ENTRY: usize = 128;

/// A stream of such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Its streams, if every chain of sectors ends and no stream is longer than the file.
pub fn streams(bytes: &[u8]) -> Option<Vec<Stream>> {
    let sector_bytes = match word(bytes, 30)? {
        9 => 512,
        12 => 4096,
        _ => return None,
    };
    let sectors = bytes.len().div_ceil(sector_bytes);
    let sector = |number: u32| {
        let begin = (usize::try_from(number).ok()? + 1).checked_mul(sector_bytes)?;
        bytes.get(begin..(begin + sector_bytes).min(bytes.len())).filter(|sector| !sector.is_empty())
    };
    let mut bytes_left = bytes.len();
    let mut table: Vec<u32> = Vec::new();
    let mut lists = numbers(bytes.get(LISTED)?);
    let mut more = double(bytes, 68)?;
    let mut steps = 0;
    while more < NO_SECTOR {
        steps += 1;
        let mut list = numbers(sector(more).filter(|_| steps <= sectors)?);
        more = list.pop()?;
        lists.extend(list);
    }
    for number in lists.into_iter().filter(|number| *number < NO_SECTOR) {
        if table.len() > sectors + sector_bytes {
            return None;
        }
        table.extend(numbers(sector(number)?));
    }
    let chain = |first: u32| {
        let mut chain = Vec::new();
        let mut at = first;
        while at < NO_SECTOR {
            chain.push(at);
            at = *table.get(at as usize).filter(|_| chain.len() <= sectors)?;
        }
        Some(chain)
    };
    let content = |places: Vec<u32>| {
        let mut content = Vec::new();
        for place in places {
            content.extend_from_slice(sector(place)?);
        }
        Some(content)
    };
    let small_table = numbers(&content(chain(double(bytes, 60)?)?)?);
    let directory = content(chain(double(bytes, 48)?)?)?;
    let mut small_sectors = Vec::new();
    let mut found = Vec::new();
    for entry in directory.chunks_exact(ENTRY) {
        let (first, length) = (double(entry, 116)?, usize::try_from(double(entry, 120)?).ok()?);
        let letters: Vec<u16> =
            entry[..64].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let name = String::from_utf16_lossy(letters.split(|letter| *letter == 0).next().unwrap_or_default());
        match entry.get(66) {
            Some(&ROOT) => small_sectors = content(chain(first)?)?,
            Some(&STREAM) => {
                // Streams that share their sectors would be the same bytes many times over.
                bytes_left = bytes_left.checked_sub(length)?;
                let mut content = if length < SHORT {
                    small(&small_table, &small_sectors, first, length)?
                } else {
                    content(chain(first)?)?
                };
                content.truncate(length);
                found.push(Stream { name, content });
            }
            _ => {}
        }
    }
    (!found.is_empty()).then_some(found)
}

/// A stream in sectors of sectors. The root, whose own stream they are, is always the directory's first entry.
fn small(table: &[u32], sectors: &[u8], first: u32, length: usize) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let mut at = first;
    while content.len() < length {
        let begin = usize::try_from(at).ok()?.checked_mul(SMALL_SECTOR)?;
        content.extend_from_slice(sectors.get(begin..begin + SMALL_SECTOR)?);
        at = *table.get(at as usize)?;
    }
    (length == 0 || at >= NO_SECTOR).then_some(content)
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

fn double(bytes: &[u8], at: usize) -> Option<u32> {
    numbers(bytes.get(at..at + 4)?).pop()
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u32 = 0xFFFF_FFFE;

    /// Header, table, directory and two sectors of a stream of 5 000 bytes; `table` chains them.
    fn file(table: [u32; 4], length: u32) -> Vec<u8> {
        let mut bytes = vec![0_u8; 512 * 5];
        let mut put = |at: usize, value: u32| bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        for (at, value) in [(30, 9), (44, 1), (48, 1), (60, END), (68, END), (76, 0)] {
            put(at, value);
        }
        for at in (80..512).step_by(4) {
            put(at, u32::MAX);
        }
        for (index, value) in table.iter().enumerate() {
            put(512 + index * 4, *value);
        }
        let directory = 1024;
        put(directory + 116, 2);
        put(directory + 120, length);
        bytes[directory + 66] = STREAM;
        for (index, letter) in "Book".bytes().enumerate() {
            bytes[directory + index * 2] = letter;
        }
        bytes
    }

    #[test]
    fn chains_that_end_are_followed_and_loops_are_not() {
        let good = [END, END, 3, END];
        let small = |table| streams(&[file(table, 5_000), vec![0; 5_000]].concat());
        let found = small(good).expect("a stream");
        assert_eq!((found[0].name.as_str(), found[0].content.len()), ("Book", 1024));
        assert_eq!(small([END, 1, 3, END]), None, "the directory leads back to itself");
        assert_eq!(small([END, END, 3, 2]), None, "the stream does");
        assert_eq!(small([END, END, 3, 99_999]), None, "a sector beyond the end");
        assert_eq!(streams(&file(good, u32::MAX)), None, "longer than the file");
        assert_eq!(streams(SIGNATURE), None);
        assert_eq!(streams(&[]), None);
    }
}
