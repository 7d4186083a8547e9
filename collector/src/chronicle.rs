//! The log (記録簿): everything that was decided or changed, in one chain that nobody can alter unseen.
//!
//! Each entry is one line of JSON that holds the SHA-256 of the line before. Entries are only ever added, in the same
//! batch as what they record, by whoever holds `Collector::judging`. Who may not hold it (an enrolment, a renewal)
//! leaves a waiting entry in its own batch; `waiting.rs` takes it into the chain within moments.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::shelves::Shelves;
use crate::store::{Batch, StoreError};

mod beginning;
pub mod folding;
mod reading;
pub mod refusals;
pub mod verifying;
pub mod waiting;
mod what;

#[cfg(test)]
mod tests;

pub use beginning::begin;
pub use folding::Standing;
pub use what::{Because, What};

/// Where the chain's end is written.
const HEAD: &str = "chronicle/head";

/// Where the entries lie.
const ENTRIES: &str = "chronicle/entry/";

/// Hexadecimal digits of a hash that an anchor has: 48 bits. Nobody writes a second history that fits them by chance,
/// and a person can copy them from a mail.
const ANCHOR_DIGITS: usize = 12;

/// A SHA-256, in lower case hexadecimal for people and JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// What the first entry names as the one before it.
    pub const ZERO: Digest = Digest([0; 32]);

    /// The SHA-256 of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
        Digest(digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok();
        let digest = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).map(Digest);
        digest.ok_or_else(|| format!("{text:?} is no SHA-256: expected 64 hexadecimal digits in lower case"))
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// One entry of the log. Its line is this as JSON, the fields in this order, without a space or a newline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Rises by one, from 1 on.
    pub number: u64,
    /// When, by the collector's clock.
    pub at: Timestamp,
    /// `daicho`, or the person's name.
    pub by: String,
    /// What was decided or changed.
    pub what: What,
    /// The SHA-256 of the line before; of the first, zeros.
    pub previous: Digest,
}

impl Entry {
    /// The line that is kept and hashed.
    pub fn line(&self) -> Vec<u8> {
        // Our own types have text keys and no failing serializer: this cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The entry that a line holds.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| error.to_string())
    }
}

/// The chain's end: how many entries there are, and what the newest hashes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The newest entry's number; 0: there is none.
    pub number: u64,
    /// The SHA-256 of its line.
    pub hash: Digest,
}

impl Head {
    /// The end of a log without entries.
    pub const NONE: Head = Head { number: 0, hash: Digest::ZERO };

    /// What a person notes elsewhere, so that cutting the log's end off is found: `1234:9f2c4a1b77e0`.
    pub fn anchor(&self) -> String {
        let hash = self.hash.to_string();
        format!("{}:{}", self.number, hash.get(..ANCHOR_DIGITS).unwrap_or(&hash))
    }
}

/// The pen: adds entries at the chain's end. `Collector::judging` is held from `open` until the batch is committed.
#[derive(Clone, Copy, Debug)]
pub struct Chronicle {
    head: Head,
}

impl Chronicle {
    /// At the end of what is written.
    pub fn open(shelves: &Shelves) -> Result<Self, StoreError> {
        Ok(Chronicle { head: shelves.chronicle_head()? })
    }

    /// Adds an entry to `batch`, in which is also what it records; returns its number. `by`: `daicho`, or a person.
    pub fn append(&mut self, batch: &mut Batch, at: Timestamp, by: &str, what: What) -> u64 {
        let entry =
            Entry { number: self.head.number + 1, at, by: by.to_owned(), what, previous: self.head.hash };
        let line = entry.line();
        self.head = Head { number: entry.number, hash: Digest::of(&line) };
        batch.put(entry_key(entry.number), line);
        batch.put_json(HEAD, &self.head);
        entry.number
    }
}

fn entry_key(number: u64) -> String {
    format!("{ENTRIES}{number:016x}")
}
