//! What antivirus records say of one use of a medium (regulation, Article 11(2): scanned before it is used).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{time, wire};

/// The records of one use, which lasts from the first mount after the medium was plugged in until it is pulled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MediumScan {
    /// What the records say.
    pub state: ScanState,
    /// When the use began: the first mount. `None`: nobody saw it begin.
    pub since: Option<Timestamp>,
    /// When the first of its files was scanned.
    pub at: Option<Timestamp>,
    /// Files of it that the records name. Their names stay on the machine: they may be patients' names.
    pub files: Option<u64>,
    /// Where it was read: `clamd`.
    pub source: Option<String>,
}

/// What the records say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanState {
    /// It was scanned, at this time.
    At,
    /// The records would show a scan, reach back to `since`, and show none.
    None,
    /// No record can be read that would tell.
    #[default]
    Unknown,
}

// === the wire ===

impl From<wire::MediumScan> for MediumScan {
    fn from(wire: wire::MediumScan) -> Self {
        MediumScan {
            state: match wire.state() {
                wire::ScanState::At => ScanState::At,
                wire::ScanState::None => ScanState::None,
                wire::ScanState::Unknown => ScanState::Unknown,
            },
            since: wire.since_us.map(time::from_wire),
            at: wire.at_us.map(time::from_wire),
            files: wire.files,
            source: wire.source,
        }
    }
}

impl From<MediumScan> for wire::MediumScan {
    fn from(scan: MediumScan) -> Self {
        let state = match scan.state {
            ScanState::At => wire::ScanState::At,
            ScanState::None => wire::ScanState::None,
            ScanState::Unknown => wire::ScanState::Unknown,
        };
        wire::MediumScan {
            state: state.into(),
            since_us: scan.since.map(time::to_wire),
            at_us: scan.at.map(time::to_wire),
            files: scan.files,
            source: scan.source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_records_say_survives_the_wire() {
        for state in [ScanState::At, ScanState::None, ScanState::Unknown] {
            let at = Some(Timestamp::UNIX_EPOCH);
            let scan = MediumScan { state, since: at, at, files: Some(3), source: Some("clamd".to_owned()) };
            assert_eq!(MediumScan::from(wire::MediumScan::from(scan.clone())), scan);
        }
    }
}
