//! The write-ahead log beside an SQLite database: pages that were committed and not yet moved into it (section 4).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _};

use crate::platform::linux::read_at::bytes_at;

const LOG_HEAD: usize = 32;
const FRAME_HEAD: usize = 24;

/// The committed pages of a log.
pub(super) struct Frames {
    /// Where in the log the newest content of each page begins.
    pub(super) newest: HashMap<u32, u64>,
    /// How many pages the database has with them.
    pub(super) database_pages: u32,
}

/// `None`: the log holds nothing that was committed.
pub(super) fn frames(log: &File, page_bytes: usize) -> io::Result<Option<Frames>> {
    let mut source = BufReader::with_capacity(64 * 1024, log);
    source.rewind()?;
    let mut head = [0; LOG_HEAD];
    if source.read_exact(&mut head).is_err() {
        return Ok(None);
    }
    let magic = u32::from_be_bytes(bytes_at(&head, 0)?);
    let size = u32::from_be_bytes(bytes_at(&head, 8)?) as usize;
    if magic & !1 != 0x377f_0682 || size != page_bytes {
        return Ok(None);
    }
    let sums = Sums { big_endian: magic & 1 == 1 };
    let mut sum = sums.add((0, 0), &head[..24]);
    if !matches(sum, &head, 24)? {
        return Ok(None);
    }
    let mut newest = HashMap::new();
    let mut since_commit = Vec::new();
    let mut database_pages = None;
    let mut at = LOG_HEAD as u64;
    let mut frame = vec![0; FRAME_HEAD + page_bytes];
    // The first frame that does not fit ends what counts: behind it lie leftovers of an older log.
    while source.read_exact(&mut frame).is_ok() {
        sum = sums.add(sums.add(sum, &frame[..8]), &frame[FRAME_HEAD..]);
        if frame[8..16] != head[16..24] || !matches(sum, &frame, 16)? {
            break;
        }
        since_commit.push((u32::from_be_bytes(bytes_at(&frame, 0)?), at + FRAME_HEAD as u64));
        at += frame.len() as u64;
        let pages = u32::from_be_bytes(bytes_at(&frame, 4)?);
        if pages > 0 {
            newest.extend(since_commit.drain(..));
            database_pages = Some(pages);
        }
    }
    Ok(database_pages.map(|database_pages| Frames { newest, database_pages }))
}

fn matches(sum: (u32, u32), bytes: &[u8], at: usize) -> io::Result<bool> {
    let written = (u32::from_be_bytes(bytes_at(bytes, at)?), u32::from_be_bytes(bytes_at(bytes, at + 4)?));
    Ok(sum == written)
}

/// The log's checksum (4.2): it sums pairs of words in the byte order that the magic number tells.
struct Sums {
    big_endian: bool,
}

impl Sums {
    fn add(&self, (mut first, mut second): (u32, u32), bytes: &[u8]) -> (u32, u32) {
        let word = |four: &[u8]| {
            let four = [four[0], four[1], four[2], four[3]];
            if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
        };
        for pair in bytes.chunks_exact(8) {
            first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
            second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
        }
        (first, second)
    }
}
