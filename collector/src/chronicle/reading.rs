//! Reads the log: by number, up to a moment, or folded.

use jiff::Timestamp;

use super::{ENTRIES, Entry, HEAD, Head, entry_key};
use crate::shelves::Shelves;
use crate::store::StoreError;

/// Entries that one look takes: with their evidence some 2 KB each.
const PAGE: usize = 1_000;

impl Shelves {
    /// The log's end.
    pub fn chronicle_head(&self) -> Result<Head, StoreError> {
        Ok(self.get(HEAD)?.unwrap_or(Head::NONE))
    }

    /// At most `limit` lines of the log that come after the entry `number`, as they are kept; each with the number
    /// under which it lies.
    pub fn chronicle_lines(&self, number: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let after = entry_key(number);
        let page = self.store().scan(ENTRIES.as_bytes(), Some(after.as_bytes()), limit)?;
        Ok(page.into_iter().map(|(key, line)| (number_of(&key), line)).collect())
    }

    /// At most `limit` entries that come after the entry `number`.
    pub fn chronicle_after(&self, number: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let lines = self.chronicle_lines(number, limit)?.into_iter();
        lines.map(|(number, line)| parse(number, &line)).collect()
    }

    /// Hands every entry of `until` and before to `take`, in their order. The collector's clock may have been set back:
    /// then an entry with a later time stands before one that is handed over.
    pub fn chronicle_until(&self, until: Timestamp, mut take: impl FnMut(&Entry)) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let page = self.chronicle_lines(after, PAGE)?;
            // A key that is no number reads as the largest: behind it nothing comes that fits.
            let Some((last, _)) = page.last().filter(|(last, _)| *last > after) else { return Ok(()) };
            after = *last;
            for (number, line) in &page {
                let entry = parse(*number, line)?;
                if entry.at <= until {
                    take(&entry);
                }
            }
        }
    }
}

/// The number in an entry's key; one that cannot be read is the largest, and fits nowhere.
fn number_of(key: &[u8]) -> u64 {
    let digits = key.get(ENTRIES.len()..).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(u64::MAX)
}

fn parse(number: u64, line: &[u8]) -> Result<Entry, StoreError> {
    Entry::parse(line).map_err(|reason| StoreError::Corrupt { key: entry_key(number), reason })
}
