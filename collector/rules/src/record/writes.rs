//! What was written to a medium when one use of it began and when it ended, where its filesystem counts.

use daicho_proto::facts::{Medium, MediumSeen};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Sighting;

/// Uses of one medium of which this is remembered.
const USES_MAX: usize = 8;

/// What was written before one use of a medium, and by its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UseWrites {
    /// When the connection began.
    pub attached_at: Timestamp,
    /// KiB that had been written before: at least these.
    pub before_kib: u64,
    /// KiB that had been written when it was unmounted: at most these; `None`: it was not seen to be unmounted.
    pub settled_kib: Option<u64>,
    /// The filesystem that counts.
    pub filesystem_uuid: Option<String>,
    /// When this was seen.
    pub observed_at: Timestamp,
}

impl UseWrites {
    pub(super) fn of(medium: &Medium, attached_at: Timestamp, observed_at: Timestamp) -> Option<Self> {
        let before_kib = medium.written_kib.filter(|_| medium.seen == MediumSeen::Present)?;
        Some(UseWrites {
            attached_at,
            before_kib,
            settled_kib: medium.settled_kib,
            filesystem_uuid: medium.filesystem_uuid.clone(),
            observed_at,
        })
    }
}

impl Sighting {
    pub(super) fn take_writes(&mut self, new: UseWrites) {
        match self.writes.iter_mut().find(|known| known.attached_at == new.attached_at) {
            Some(known) if known.observed_at <= new.observed_at => *known = new,
            Some(_) => {}
            None => {
                self.writes.push(new);
                self.writes.sort_unstable_by_key(|writes| writes.attached_at);
                let excess = self.writes.len().saturating_sub(USES_MAX);
                self.writes.drain(..excess);
            }
        }
    }
}
