//! Observations that were lost. That something is missing is itself a fact.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{time, wire};

/// A hole in what the agent can prove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// How many observations were given up.
    pub lost: u64,
    /// Why, in one sentence.
    pub reason: String,
    /// The oldest that was given up.
    pub since: Timestamp,
    /// The newest that was given up.
    pub until: Timestamp,
}

// === the wire ===

impl From<wire::Gap> for Gap {
    fn from(wire: wire::Gap) -> Self {
        Gap {
            lost: wire.lost,
            reason: wire.reason,
            since: time::from_wire(wire.since_us),
            until: time::from_wire(wire.until_us),
        }
    }
}

impl From<Gap> for wire::Gap {
    fn from(gap: Gap) -> Self {
        wire::Gap {
            lost: gap.lost,
            reason: gap.reason,
            since_us: time::to_wire(gap.since),
            until_us: time::to_wire(gap.until),
        }
    }
}
