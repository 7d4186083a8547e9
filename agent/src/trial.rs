//! Whether a new version of this agent may stay: it has to reach the collector that the former one reached (pure).
//!
//! `deploy/agent/trial` keeps the former program through an upgrade and lets it decide: the new one may not even start.

use jiff::{SignedDuration, Timestamp};

use crate::status::Report;

/// The former version had reached its collector at most this long before: four signs of life. Else the new one is not to
/// blame that it does not.
const REACHED_WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// The new version has this long: its longest wait between two attempts is five minutes, and a collector restarts in one.
const TIME_MAX: SignedDuration = SignedDuration::from_mins(15);

/// What becomes of the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep,
    /// It has time left.
    Wait,
    /// The former one takes its place.
    GoBack,
}

impl Verdict {
    /// The word that `deploy/agent/trial` reads.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Keep => "keep",
            Verdict::Wait => "wait",
            Verdict::GoBack => "go_back",
        }
    }
}

/// Judges by what the former version last wrote, what the new one wrote, and when it took over.
pub fn judge(former: &Report, present: Option<&Report>, since: Timestamp, now: Timestamp) -> Verdict {
    let worked = former.last_contact.is_some_and(|last| since.duration_since(last) <= REACHED_WITHIN);
    if !worked {
        return Verdict::Keep;
    }
    // What the former one wrote until its end is no word of the new one.
    let reached = present.is_some_and(|report| {
        report.started_at.is_some_and(|started| started >= since) && report.last_contact.is_some()
    });
    if reached {
        Verdict::Keep
    } else if now.duration_since(since) < TIME_MAX {
        Verdict::Wait
    } else {
        Verdict::GoBack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + minutes * 60).unwrap()
    }

    fn report(started: i64, reached: Option<i64>) -> Report {
        Report { started_at: Some(at(started)), last_contact: reached.map(at), ..Report::default() }
    }

    #[test]
    fn a_version_that_reaches_the_collector_stays() {
        let former = report(-500, Some(-10));
        assert_eq!(judge(&former, Some(&report(1, Some(2))), at(0), at(3)), Verdict::Keep);
        assert_eq!(judge(&former, Some(&report(1, Some(2))), at(0), at(900)), Verdict::Keep);
    }

    #[test]
    fn a_version_that_does_not_reach_it_has_its_time_and_then_goes() {
        let former = report(-500, Some(-10));
        for present in [None, Some(report(1, None)), Some(report(-500, Some(-1)))] {
            assert_eq!(judge(&former, present.as_ref(), at(0), at(14)), Verdict::Wait, "{present:?}");
            assert_eq!(judge(&former, present.as_ref(), at(0), at(15)), Verdict::GoBack, "{present:?}");
        }
    }

    #[test]
    fn a_collector_that_nobody_reached_condemns_nobody() {
        for before in [None, Some(-61), Some(-100_000)] {
            assert_eq!(judge(&report(-500, before), None, at(0), at(60)), Verdict::Keep, "{before:?}");
        }
    }

    #[test]
    fn a_clock_that_goes_back_gives_more_time_and_not_less() {
        let former = report(-500, Some(-10));
        assert_eq!(judge(&former, None, at(0), at(-10_000)), Verdict::Wait);
    }
}
