//! Berkeley DB, the format of RHEL 8 and older: a hash table whose values lie on chains of overflow pages.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::{bytes_at, damaged};

const HASH_MAGIC: u32 = 0x0006_1561;
const PAGE_HEAD: usize = 26;

/// Page types of `db_page.h`.
const PAGE_HASH_UNSORTED: u8 = 2;
const PAGE_OVERFLOW: u8 = 7;
const PAGE_HASH: u8 = 13;

/// Item types of `db_page.h`: on the page, or on overflow pages.
const ITEM_HERE: u8 = 1;
const ITEM_ELSEWHERE: u8 = 3;

/// No header is smaller: the database's own counter, 4 bytes, lies among the values.
const HEADER_BYTES_MIN: usize = 24;

/// No header is larger, see NDB.
const VALUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Gives out each package's header.
pub(super) fn read(file: &File, _log: Option<&File>, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut head = [0; 72];
    file.read_exact_at(&mut head, 0)?;
    let book = Book { file, big_endian: big_endian(&head)?, page_bytes: 0 };
    let page_bytes = book.number(&head, 20)? as usize;
    if !(512..=65536).contains(&page_bytes) || !page_bytes.is_power_of_two() {
        return Err(damaged("its page size is not possible"));
    }
    let book = Book { page_bytes, ..book };
    let pages = u32::try_from(file.metadata()?.len() / page_bytes as u64).unwrap_or(u32::MAX);
    if book.number(&head, 32)? >= pages {
        return Err(damaged("it is shorter than it says"));
    }
    let mut value = Vec::new();
    // Values share no bytes: items that name one chain again and again would make gigabytes out of kilobytes.
    let mut left = file.metadata()?.len();
    let mut take = |length: u64| {
        left = left.checked_sub(length).ok_or_else(|| damaged("its headers are longer than the file"))?;
        io::Result::Ok(())
    };
    for number in 1..pages {
        let page = book.page(number)?;
        if !matches!(page[25], PAGE_HASH | PAGE_HASH_UNSORTED) {
            continue;
        }
        let items = usize::from(book.short(&page, 20)?);
        let mut end = page_bytes;
        for item in 0..items {
            let at = usize::from(book.short(&page, PAGE_HEAD + 2 * item)?);
            let kind = *page.get(at).ok_or_else(|| damaged("an item lies outside of its page"))?;
            // Keys and values take turns.
            let is_value = item % 2 == 1;
            if is_value && kind == ITEM_ELSEWHERE {
                let length = book.number(&page, at + 8)?;
                take(u64::from(length))?;
                book.chain(book.number(&page, at + 4)?, length, pages, &mut value)?;
                each(&value);
            } else if is_value && kind == ITEM_HERE {
                let here = page.get(at + 1..end).ok_or_else(|| damaged("the items are out of order"))?;
                if here.len() >= HEADER_BYTES_MIN {
                    take(here.len() as u64)?;
                    each(here);
                }
            }
            end = at;
        }
    }
    Ok(())
}

fn big_endian(head: &[u8]) -> io::Result<bool> {
    let magic: [u8; 4] = bytes_at(head, 12)?;
    match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
        (HASH_MAGIC, _) => Ok(false),
        (_, HASH_MAGIC) => Ok(true),
        _ => Err(damaged("it is no Berkeley hash table")),
    }
}

/// The file, with the byte order of the machine that wrote it.
struct Book<'a> {
    file: &'a File,
    big_endian: bool,
    page_bytes: usize,
}

impl Book<'_> {
    fn page(&self, number: u32) -> io::Result<Vec<u8>> {
        let mut page = vec![0; self.page_bytes];
        self.file.read_exact_at(&mut page, u64::from(number) * self.page_bytes as u64)?;
        Ok(page)
    }

    fn number(&self, bytes: &[u8], at: usize) -> io::Result<u32> {
        let four = bytes_at(bytes, at)?;
        Ok(if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }

    fn short(&self, bytes: &[u8], at: usize) -> io::Result<u16> {
        let two = bytes_at(bytes, at)?;
        Ok(if self.big_endian { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
    }

    /// Gathers a value of `length` bytes from the overflow pages that begin at `number`.
    fn chain(&self, mut number: u32, length: u32, pages: u32, value: &mut Vec<u8>) -> io::Result<()> {
        let length = length as usize;
        if length > VALUE_BYTES_MAX {
            return Err(damaged("a header is longer than can be"));
        }
        value.clear();
        // Each page adds at least a byte: a chain that bites its tail ends.
        while value.len() < length {
            if number == 0 || number >= pages {
                return Err(damaged("a chain of pages breaks off"));
            }
            let page = self.page(number)?;
            let used = usize::from(self.short(&page, 22)?);
            let part = page.get(PAGE_HEAD..PAGE_HEAD + used).filter(|part| !part.is_empty());
            let part = part.filter(|_| page[25] == PAGE_OVERFLOW);
            value.extend_from_slice(part.ok_or_else(|| damaged("a chain leads to a page of another kind"))?);
            number = self.number(&page, 16)?;
        }
        value.truncate(length);
        Ok(())
    }
}
