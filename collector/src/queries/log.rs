//! The log of everything that was decided or changed, as it is kept.

use daicho_rules::normal;
use jiff::Timestamp;

use super::{QueryError, filters};
use crate::Collector;
use crate::chronicle::{Entry, Head, What};

/// Entries in one answer.
const ENTRIES_MAX: usize = 1_000;

/// Bytes in one answer, but for its last line: below the 4 MB of a gRPC message.
const BYTES_MAX: usize = 2 * 1024 * 1024;

/// Entries that one question reads while it looks for those asked for: then the next page goes on.
const READ_MAX: usize = 20_000;

/// Entries that are read at once.
const READ_AHEAD: usize = 500;

/// Which entries are asked for. All that are given must fit.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The number of the entry before the first.
    pub after: u64,
    /// Of then and later.
    pub since: Option<Timestamp>,
    /// Of then and earlier.
    pub until: Option<Timestamp>,
    /// A device_id or hostname.
    pub device: Option<String>,
    /// A violation's key, or the short form of one.
    pub key: Option<String>,
    /// Kinds of entries, as the log writes them; none: all.
    pub kinds: Vec<String>,
    /// At most this many; 0: as many as fit.
    pub limit: usize,
}

/// The entries.
#[derive(Clone, Debug)]
pub struct Answer {
    /// As they are kept and hashed.
    pub lines: Vec<Vec<u8>>,
    /// Where to go on; `None`: this was the end.
    pub next: Option<u64>,
    /// The log's end.
    pub head: Head,
    /// Entries that are not in the chain yet.
    pub waiting: usize,
}

impl Wanted {
    fn admits(&self, line: &[u8]) -> bool {
        if self.since.is_none()
            && self.until.is_none()
            && self.device.is_none()
            && self.key.is_none()
            && self.kinds.is_empty()
        {
            return true;
        }
        // A line that cannot be read is shown: silence would hide it.
        let Ok(entry) = Entry::parse(line) else { return true };
        self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at <= until)
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == &kind_of(line)))
            && self.device.as_ref().is_none_or(|device| is_about(&entry.what, device))
            && self.key.as_ref().is_none_or(|key| match &entry.what {
                What::ViolationStep { violation, .. } | What::ViolationTaken { violation, .. } => {
                    filters::names(key.trim(), violation)
                }
                What::Decision { subject, .. } | What::Application { subject, .. } => subject == key,
                _ => false,
            })
    }
}

/// The word that a line has for what it says.
pub fn kind_of(line: &[u8]) -> String {
    let value: Option<serde_json::Value> = serde_json::from_slice(line).ok();
    let kind = value.as_ref().and_then(|value| value.get("what")?.get("kind")?.as_str());
    kind.unwrap_or_default().to_owned()
}

fn is_about(what: &What, device: &str) -> bool {
    let same = |name: &str| normal::same(name, device);
    match what {
        What::ViolationStep { violation, .. } | What::ViolationTaken { violation, .. } => {
            same(&violation.device)
        }
        What::Verdicts { device, .. } | What::DeviceCeased { device } => same(device),
        What::Forgotten { violations } => {
            violations.iter().any(|key| key.split('/').nth(1).is_some_and(same))
        }
        What::EndpointJoined { hostname, device, .. } => {
            same(hostname) || device.as_deref().is_some_and(same)
        }
        What::EndpointRevoked { hostname, .. } => same(hostname),
        What::Decision { subject, details, .. } | What::Application { subject, details, .. } => {
            same(subject) || details.values().any(|value| same(value))
        }
        _ => false,
    }
}

/// The entries that are asked for, and where to go on.
pub fn log(collector: &Collector, wanted: &Wanted) -> Result<Answer, QueryError> {
    let shelves = &collector.shelves;
    let limit = if wanted.limit == 0 { ENTRIES_MAX } else { wanted.limit.min(ENTRIES_MAX) };
    let head = shelves.chronicle_head()?;
    let waiting = shelves.chronicle_waiting()?.len();
    let (mut lines, mut bytes, mut read, mut after) = (Vec::new(), 0, 0, wanted.after);
    loop {
        let page = shelves.chronicle_lines(after, READ_AHEAD)?;
        let exhausted = page.len() < READ_AHEAD;
        for (number, line) in page {
            (after, read) = (number, read + 1);
            if wanted.admits(&line) {
                bytes += line.len();
                lines.push(line);
            }
            if lines.len() == limit || bytes >= BYTES_MAX || read == READ_MAX {
                let next = (number < head.number).then_some(number);
                return Ok(Answer { lines, next, head, waiting });
            }
        }
        if exhausted {
            return Ok(Answer { lines, next: None, head, waiting });
        }
    }
}
