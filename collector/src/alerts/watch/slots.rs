//! Whether something that comes again is due: once for each time, however long nobody looked. Pure.

use jiff::Timestamp;

use crate::alerts::calendar::{Holidays, Schedule};

/// What to do, and what to remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// It is due; this time is now done.
    Due(Timestamp),
    /// It is not; this is the last time that is done.
    Moved(Option<Timestamp>),
}

/// `last`: the last time that is done; `None`: it is new, and begins with its next time.
pub(super) fn due(schedule: &Schedule, last: Option<Timestamp>, holidays: &Holidays, now: Timestamp) -> Slot {
    let Some(slot) = schedule.latest(now, holidays) else { return Slot::Moved(last) };
    match last {
        Some(last) if last < slot => Slot::Due(slot),
        // A clock that was set back: what lies ahead of it is not done, and is not told again either.
        Some(last) if last > now => Slot::Moved(Some(slot)),
        Some(last) => Slot::Moved(Some(last)),
        None => Slot::Moved(Some(slot)),
    }
}
