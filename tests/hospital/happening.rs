//! What can happen in the hospital, in the order of time.

use daicho_proto::wire::ReportRequest;
use tonic::Status;

/// Something that comes to pass. Of a machine's agent only the life that is named is meant.
#[derive(Debug)]
pub(crate) enum Happening {
    StartAgent { machine: usize },
    Look { machine: usize, life: u64, again: bool },
    Housekeeping { machine: usize, life: u64 },
    Change { machine: usize },
    Arrival { machine: usize },
    Again { machine: usize, life: u64, timer: u64 },
    SignOfLife { machine: usize, life: u64, timer: u64 },
    TooLate { machine: usize, life: u64, request: u64 },
    Reaches { machine: usize, life: u64, request: u64, house: u64, report: Box<ReportRequest> },
    Answer { machine: usize, life: u64, request: u64, house: u64, answer: Result<u64, Status> },
    StartHouse,
    Judge { everything: bool },
    KeepHouse,
    Import,
    Misfortune,
    Mended { machine: Option<usize> },
    Calm,
    LastLedger,
}

/// When it comes to pass; of two at the same moment the one that was arranged first.
pub(crate) struct Entry {
    pub(crate) at: i64,
    pub(crate) order: u64,
    pub(crate) what: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}
