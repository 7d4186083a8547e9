//! The log for the wire.

use daicho_proto::time::from_wire;
use daicho_proto::wire as w;

use super::count;
use crate::queries::log::{Answer, Wanted};

/// What is asked for.
pub(super) fn wanted(wire: w::LogRequest) -> Wanted {
    Wanted {
        after: wire.after,
        since: wire.since_us.map(from_wire),
        until: wire.until_us.map(from_wire),
        device: wire.device,
        key: wire.key,
        kinds: wire.kinds,
        limit: usize::try_from(wire.limit).unwrap_or(0),
    }
}

/// What is answered.
pub(super) fn answer(answer: Answer) -> w::LogAnswer {
    w::LogAnswer {
        lines: answer.lines,
        next: answer.next,
        head_number: answer.head.number,
        head_hash: answer.head.hash.to_string(),
        waiting: count(answer.waiting),
    }
}
