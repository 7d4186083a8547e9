//! SQLite: the rows of one table, read from the database file and its write-ahead log, with no lock and no engine. rpm,
//! lastlog2 and wtmpdb keep their records so. The file format is public: sqlite.org/fileformat2.html; section numbers
//! below are its.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::read_at::{bytes_at, damaged};

mod log;

/// Deeper than any B-tree of 2^31 pages with four children a page.
const DEPTH_MAX: u32 = 20;

/// The largest row: no header of rpm is larger, see NDB.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024 * 1024;

const INTERIOR_TABLE: u8 = 5;
const LEAF_TABLE: u8 = 13;

/// Gives out each row of a table, with the names of the table's columns.
pub(super) fn rows(
    file: &File,
    log: Option<&File>,
    table: &str,
    each: &mut dyn FnMut(&[String], &Row<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let book = Book::open(file, log)?;
    let mut found = None;
    book.walk(1, &mut |payload| {
        let row = Row::parse(payload)?;
        if row.text(0) == Some(b"table")
            && row.text(1).is_some_and(|name| name.eq_ignore_ascii_case(table.as_bytes()))
        {
            found = row.number(3).zip(Some(columns(row.text(4).unwrap_or_default())));
        }
        Ok(())
    })?;
    let (root_page, columns) = found.ok_or_else(|| damaged(&format!("it has no table {table}")))?;
    book.walk(root_page, &mut |payload| each(&columns, &Row::parse(payload)?))
}

/// The columns' names out of the sentence that made the table. Types with commas in brackets do not occur in the tables
/// that are read here.
fn columns(sentence: &[u8]) -> Vec<String> {
    let sentence = String::from_utf8_lossy(sentence);
    let inside = sentence.split_once('(').map_or("", |(_, inside)| inside);
    let name = |column: &str| {
        let word = column.split_whitespace().next().unwrap_or_default();
        word.trim_matches(['"', '`', '[', ']', ')']).to_owned()
    };
    inside.split(',').map(name).collect()
}

/// The database file, its pages newer ones in the log.
struct Book<'a> {
    file: &'a File,
    log: Option<(&'a File, HashMap<u32, u64>)>,
    page_bytes: usize,
    /// A page's bytes that hold content.
    usable: usize,
    pages: u32,
    visits_max: u32,
}

impl<'a> Book<'a> {
    fn open(file: &'a File, log: Option<&'a File>) -> io::Result<Self> {
        let mut head = [0; 100];
        file.read_exact_at(&mut head, 0)?;
        if &head[..16] != b"SQLite format 3\0" {
            return Err(damaged("it does not begin as an SQLite database does"));
        }
        let page_bytes = match u16::from_be_bytes(bytes_at(&head, 16)?) {
            1 => 65536,
            bytes => usize::from(bytes),
        };
        let usable = page_bytes.saturating_sub(usize::from(head[20]));
        if page_bytes < 512 || !page_bytes.is_power_of_two() || usable < 480 {
            return Err(damaged("its page size is not possible"));
        }
        let mut pages = u32::try_from(file.metadata()?.len() / page_bytes as u64).unwrap_or(u32::MAX);
        let mut visits_max = pages;
        let log = match log {
            None => None,
            Some(log) => log::frames(log, page_bytes)?.map(|frames| {
                pages = frames.database_pages;
                visits_max =
                    visits_max.saturating_add(u32::try_from(frames.newest.len()).unwrap_or(u32::MAX));
                (log, frames.newest)
            }),
        };
        Ok(Book { file, log, page_bytes, usable, pages, visits_max })
    }

    fn page(&self, number: u32) -> io::Result<Vec<u8>> {
        if number == 0 || number > self.pages {
            return Err(damaged("it refers to a page that is not there"));
        }
        let mut page = vec![0; self.page_bytes];
        match self.log.as_ref().and_then(|(log, frames)| Some((log, *frames.get(&number)?))) {
            Some((log, offset)) => log.read_exact_at(&mut page, offset)?,
            None => self.file.read_exact_at(&mut page, u64::from(number - 1) * self.page_bytes as u64)?,
        }
        Ok(page)
    }

    /// Gives out the payload of each row of the table whose B-tree begins at `root` (1.6).
    fn walk(&self, root: u32, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        // A tree visits each page once: whoever comes back more often goes in circles. A log may claim any number of
        // pages, so those are counted that are there.
        let bytes = u64::from(self.visits_max) * self.page_bytes as u64;
        let mut allowance = Allowance { visits: self.visits_max, bytes };
        self.descend(root, DEPTH_MAX, &mut allowance, &mut Vec::new(), each)
    }

    fn descend(
        &self,
        number: u32,
        depth: u32,
        allowance: &mut Allowance,
        payload: &mut Vec<u8>,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        allowance.visits =
            allowance.visits.checked_sub(1).ok_or_else(|| damaged("its pages go in circles"))?;
        let depth = depth.checked_sub(1).ok_or_else(|| damaged("its pages go in circles"))?;
        let page = self.page(number)?;
        let head = if number == 1 { 100 } else { 0 };
        let kind = page[head];
        let cells = usize::from(u16::from_be_bytes(bytes_at(&page, head + 3)?));
        let pointers = head + if kind == INTERIOR_TABLE { 12 } else { 8 };
        for cell in 0..cells {
            let at = usize::from(u16::from_be_bytes(bytes_at(&page, pointers + 2 * cell)?));
            match kind {
                INTERIOR_TABLE => {
                    let child = u32::from_be_bytes(bytes_at(&page, at)?);
                    self.descend(child, depth, allowance, payload, each)?;
                }
                LEAF_TABLE => {
                    self.gather(&page, at, allowance, payload)?;
                    each(payload)?;
                }
                _ => return Err(damaged("a page of its table is of another kind")),
            }
        }
        match kind {
            INTERIOR_TABLE => {
                let last = u32::from_be_bytes(bytes_at(&page, head + 8)?);
                self.descend(last, depth, allowance, payload, each)
            }
            LEAF_TABLE => Ok(()),
            _ => Err(damaged("a page of its table is of another kind")),
        }
    }

    /// The payload of the cell at `at`, its overflow pages included (1.6, "cell payload overflow").
    fn gather(
        &self,
        page: &[u8],
        at: usize,
        allowance: &mut Allowance,
        payload: &mut Vec<u8>,
    ) -> io::Result<()> {
        let (length, at) = varint(page, at)?;
        let (_rowid, at) = varint(page, at)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > PAYLOAD_BYTES_MAX {
            return Err(damaged("a header is longer than can be"));
        }
        let left = allowance.bytes.checked_sub(length as u64);
        allowance.bytes = left.ok_or_else(|| damaged("its rows lie upon each other"))?;
        let local = if length <= self.usable - 35 {
            length
        } else {
            let least = (self.usable - 12) * 32 / 255 - 23;
            let fitting = least + (length - least) % (self.usable - 4);
            if fitting <= self.usable - 35 { fitting } else { least }
        };
        let here = page.get(at..at + local).ok_or_else(|| damaged("a row ends too early"))?;
        payload.clear();
        payload.extend_from_slice(here);
        if local == length {
            return Ok(());
        }
        let mut next = u32::from_be_bytes(bytes_at(page, at + local)?);
        // Each page adds content: a chain that bites its tail ends.
        while payload.len() < length {
            let overflow = self.page(next)?;
            let count = (self.usable - 4).min(length - payload.len());
            payload.extend_from_slice(&overflow[4..4 + count]);
            next = u32::from_be_bytes(bytes_at(&overflow, 0)?);
        }
        Ok(())
    }
}

/// What a walk may still read. Rows share no bytes, so that all of them together are no longer than the file: pointers
/// that lead to one row again and again would make gigabytes out of kilobytes.
struct Allowance {
    visits: u32,
    bytes: u64,
}

/// A row in the record format (2.1): the columns' types, then their values.
pub(super) struct Row<'a> {
    columns: Vec<(u64, &'a [u8])>,
}

impl<'a> Row<'a> {
    fn parse(payload: &'a [u8]) -> io::Result<Self> {
        let (head, mut at) = varint(payload, 0)?;
        let head = usize::try_from(head).unwrap_or(usize::MAX);
        let mut value = head;
        let mut columns = Vec::new();
        while at < head {
            let kind;
            (kind, at) = varint(payload, at)?;
            let length = match kind {
                0 | 8 | 9 => 0,
                1..=4 => kind,
                5 => 6,
                6 | 7 => 8,
                10 | 11 => return Err(damaged("a row has a type that only SQLite's own work in memory has")),
                _ => (kind - 12) / 2,
            };
            let end = usize::try_from(length).ok().and_then(|length| value.checked_add(length));
            let content = end.and_then(|end| payload.get(value..end));
            let content = content.ok_or_else(|| damaged("a row ends too early"))?;
            value += content.len();
            columns.push((kind, content));
        }
        Ok(Row { columns })
    }

    pub(super) fn text(&self, column: usize) -> Option<&'a [u8]> {
        self.columns.get(column).filter(|(kind, _)| *kind >= 13 && kind % 2 == 1).map(|(_, bytes)| *bytes)
    }

    pub(super) fn blob(&self, column: usize) -> Option<&'a [u8]> {
        self.columns.get(column).filter(|(kind, _)| *kind >= 12 && kind % 2 == 0).map(|(_, bytes)| *bytes)
    }

    /// A whole number, with its sign.
    pub(super) fn integer(&self, column: usize) -> Option<i64> {
        match self.columns.get(column)? {
            (8, _) => Some(0),
            (9, _) => Some(1),
            (1..=6, bytes) => {
                let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
                let start = if negative { -1 } else { 0 };
                Some(bytes.iter().fold(start, |sum, byte| sum << 8 | i64::from(*byte)))
            }
            _ => None,
        }
    }

    /// A whole number that names a page.
    fn number(&self, column: usize) -> Option<u32> {
        u32::try_from(self.integer(column)?).ok()
    }
}

/// A number of one to nine bytes, and what follows it (1.6, "varint").
fn varint(bytes: &[u8], mut at: usize) -> io::Result<(u64, usize)> {
    let mut value = 0_u64;
    for count in 1..=9 {
        let byte = *bytes.get(at).ok_or_else(|| damaged("a row ends too early"))?;
        at += 1;
        if count == 9 {
            return Ok((value << 8 | u64::from(byte), at));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok((value, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_the_table_was_made() {
        let sentence = b"CREATE TABLE wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, \"User\" TEXT NOT NULL,\n Login INTEGER) STRICT";
        assert_eq!(columns(sentence), ["ID", "Type", "User", "Login"]);
        assert_eq!(columns(b"\xff"), [""]);
    }

    #[test]
    fn whole_numbers_keep_their_sign() {
        // Three columns: one byte, six bytes, a constant.
        let payload = [4, 1, 5, 8, 0xff, 0, 6, 0x42, 0x43, 0x44, 0x45];
        let row = Row::parse(&payload).unwrap();
        let numbers = [row.integer(0), row.integer(1), row.integer(2), row.integer(3)];
        assert_eq!(numbers, [Some(-1), Some(0x0006_4243_4445), Some(0), None]);
    }
}
