//! Files that are read at any place rather than from their beginning: databases and journals. Bytes in memory are read
//! the same way, so that a test or a fuzzer needs no file.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use super::root::Root;

/// Something with a length that can be read anywhere.
pub(super) trait ReadAt {
    /// How many bytes there are now.
    fn length(&self) -> io::Result<u64>;
    /// Fills `buffer` with what begins at `offset`; too few bytes are an error.
    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }
}

impl ReadAt for [u8] {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let part = start.and_then(|start| self.get(start..start.checked_add(buffer.len())?));
        buffer.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A number at `at`, or the error that the file ends before it.
pub(super) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> io::Result<[u8; N]> {
    let part = at.checked_add(N).and_then(|end| bytes.get(at..end));
    part.and_then(|part| part.try_into().ok()).ok_or_else(|| damaged("a record ends too early"))
}

/// The error of a file whose content cannot be.
pub(super) fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it is damaged: {what}"))
}

/// How often a database that changes under our eyes is read again: its writer writes for seconds, not for ever.
const TRIES_MAX: u32 = 3;

/// Reads a database and the log beside it. Without a lock it may change meanwhile; what was read then does not count.
pub(super) fn steadily<T>(
    root: &Root,
    path: &str,
    mut read: impl FnMut(&File, Option<&File>) -> io::Result<T>,
) -> io::Result<T> {
    for _ in 0..TRIES_MAX {
        let file = root.open(path)?;
        let log = root.open(&format!("{path}-wal")).ok();
        let before = (stamp(&file)?, log.as_ref().map(stamp).transpose()?);
        let outcome = read(&file, log.as_ref());
        let after = (stamp(&file)?, log.as_ref().map(stamp).transpose()?);
        if before == after {
            return outcome;
        }
    }
    Err(io::Error::other("it changed each time it was read"))
}

fn stamp(file: &File) -> io::Result<(u64, i64, i64)> {
    let metadata = file.metadata()?;
    Ok((metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
}

/// One block of the cache: what belongs together in a journal was mostly written together.
const BLOCK_BYTES: usize = 8 * 1024;

/// Blocks that are kept: half a megabyte, whatever the file's size.
const BLOCKS: usize = 64;

/// A file behind a small cache. Each block that is fetched is paid from an allowance that several files share.
pub(super) struct Pages<'a, B: ?Sized> {
    bytes: &'a B,
    length: u64,
    blocks: Vec<Option<(u64, Vec<u8>)>>,
    allowance: &'a Cell<u64>,
}

impl<'a, B: ReadAt + ?Sized> Pages<'a, B> {
    pub(super) fn new(bytes: &'a B, allowance: &'a Cell<u64>) -> io::Result<Self> {
        let blocks = (0..BLOCKS).map(|_| None).collect();
        Ok(Pages { bytes, length: bytes.length()?, blocks, allowance })
    }

    /// The length at the time of opening: what grows meanwhile is for the next time.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Fills `buffer` with what begins at `offset`.
    pub(super) fn fill(&mut self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            let number = offset / BLOCK_BYTES as u64;
            let block = self.block(number)?;
            let within = usize::try_from(offset - number * BLOCK_BYTES as u64).unwrap_or(usize::MAX);
            let part = block.get(within..).filter(|part| !part.is_empty());
            let part = part.ok_or(io::ErrorKind::UnexpectedEof)?;
            let count = part.len().min(buffer.len());
            buffer[..count].copy_from_slice(&part[..count]);
            buffer = &mut buffer[count..];
            offset += count as u64;
        }
        Ok(())
    }

    fn block(&mut self, number: u64) -> io::Result<&[u8]> {
        #[expect(clippy::cast_possible_truncation, reason = "a remainder of a small number")]
        let slot = (number % BLOCKS as u64) as usize;
        if self.blocks[slot].as_ref().is_none_or(|(held, _)| *held != number) {
            let start = number.saturating_mul(BLOCK_BYTES as u64);
            let rest = self.length.checked_sub(start).filter(|&rest| rest > 0);
            let rest = rest.ok_or(io::ErrorKind::UnexpectedEof)?;
            let count = rest.min(BLOCK_BYTES as u64);
            let left = self.allowance.get().checked_sub(count);
            self.allowance.set(left.ok_or(io::ErrorKind::QuotaExceeded)?);
            // The block that gives way gives its memory, too.
            let mut block = self.blocks[slot].take().map(|(_, block)| block).unwrap_or_default();
            block.resize(usize::try_from(count).unwrap_or(BLOCK_BYTES), 0);
            self.bytes.fill(&mut block, start)?;
            self.blocks[slot] = Some((number, block));
        }
        Ok(self.blocks[slot].as_ref().map(|(_, block)| block.as_slice()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_joined_and_paid_for_once() {
        let bytes: Vec<u8> = (0..3 * BLOCK_BYTES).map(|at| u8::try_from(at / 7 % 251).unwrap()).collect();
        let allowance = Cell::new(2 * BLOCK_BYTES as u64);
        let mut pages = Pages::new(bytes.as_slice(), &allowance).unwrap();
        let mut seen = [0; 100];
        for _ in 0..3 {
            pages.fill(&mut seen, BLOCK_BYTES as u64 - 50).unwrap();
            assert_eq!(seen[..], bytes[BLOCK_BYTES - 50..BLOCK_BYTES + 50]);
        }
        assert_eq!(allowance.get(), 0);
        assert!(pages.fill(&mut seen, 2 * BLOCK_BYTES as u64).is_err(), "nothing is left of the allowance");
    }

    #[test]
    fn what_lies_behind_the_end_is_an_error() {
        let bytes = [1; 10];
        let allowance = Cell::new(u64::MAX);
        let mut pages = Pages::new(&bytes[..], &allowance).unwrap();
        let mut seen = [0; 4];
        for offset in [7, 10, 1 << 40, u64::MAX] {
            assert!(pages.fill(&mut seen, offset).is_err(), "{offset}");
        }
    }
}
