//! When to look at what: pure, the clock and the endpoint's own offset arrive as arguments.

use std::time::Duration;

use daicho_proto::facts::Subject;
use tokio::time::Instant;

/// A changed file is given this long to be followed by the others of the same change (`passwd`, `shadow`, `group`).
pub(super) const DEBOUNCE: Duration = Duration::from_millis(200);

/// Two early looks at a subject are at least this far apart: a folder that changes all the time must not become our load.
const EARLY_LOOKS_APART: Duration = Duration::from_secs(2);

/// When each subject is due.
pub(super) struct Schedule {
    entries: Vec<Entry>,
    /// In 0..1: a share of the jitter that is this endpoint's own.
    offset: f64,
    jitter: f64,
}

struct Entry {
    subject: Subject,
    cadence: Duration,
    due: Instant,
    looked: Option<Instant>,
}

impl Schedule {
    /// Everything is due now.
    pub(super) fn new(
        cadences: &[(Subject, Duration)],
        jitter_percent: u32,
        offset: f64,
        now: Instant,
    ) -> Self {
        let entry =
            |&(subject, cadence): &(Subject, Duration)| Entry { subject, cadence, due: now, looked: None };
        let entries = cadences.iter().map(entry).collect();
        Schedule { entries, offset, jitter: f64::from(jitter_percent) / 100.0 }
    }

    /// A change was heard of: a look is due soon.
    pub(super) fn wake(&mut self, subject: Subject, now: Instant) {
        for entry in self.entries.iter_mut().filter(|entry| entry.subject == subject) {
            let rested = entry.looked.map_or(now, |looked| looked + EARLY_LOOKS_APART);
            entry.due = entry.due.min((now + DEBOUNCE).max(rested));
        }
    }

    /// The next look, and when.
    pub(super) fn next(&self) -> Option<(Instant, Subject)> {
        self.entries.iter().map(|entry| (entry.due, entry.subject)).min_by_key(|(due, _)| *due)
    }

    /// A look begins: the next one is due a cadence from now, less this endpoint's share of the jitter. What changes
    /// from now on asks for another look.
    pub(super) fn begun(&mut self, subject: Subject, now: Instant) {
        let kept = 1.0 - self.jitter * self.offset;
        for entry in self.entries.iter_mut().filter(|entry| entry.subject == subject) {
            entry.looked = Some(now);
            entry.due = now + entry.cadence.mul_f64(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn schedule(offset: f64, now: Instant) -> Schedule {
        Schedule::new(&[(Subject::Host, HOUR), (Subject::Media, HOUR / 4)], 10, offset, now)
    }

    #[test]
    fn everything_is_looked_at_first_and_then_in_its_cadence() {
        let start = Instant::now();
        let mut schedule = schedule(0.0, start);
        assert_eq!(schedule.next(), Some((start, Subject::Host)));
        schedule.begun(Subject::Host, start);
        assert_eq!(schedule.next(), Some((start, Subject::Media)));
        schedule.begun(Subject::Media, start);
        assert_eq!(schedule.next(), Some((start + HOUR / 4, Subject::Media)));
    }

    #[test]
    fn jitter_shortens_a_cadence_and_never_stretches_it() {
        let start = Instant::now();
        let mut schedule = schedule(0.5, start);
        schedule.begun(Subject::Media, start);
        schedule.begun(Subject::Host, start);
        assert_eq!(schedule.next(), Some((start + Duration::from_secs(855), Subject::Media)));
    }

    #[test]
    fn a_change_is_looked_at_soon_and_a_storm_of_changes_now_and_then() {
        let start = Instant::now();
        let mut schedule = schedule(0.0, start);
        schedule.begun(Subject::Host, start);
        schedule.begun(Subject::Media, start);
        let later = start + HOUR / 8;
        schedule.wake(Subject::Host, later);
        assert_eq!(schedule.next(), Some((later + DEBOUNCE, Subject::Host)));
        schedule.begun(Subject::Host, later + DEBOUNCE);
        schedule.wake(Subject::Host, later + DEBOUNCE);
        assert_eq!(schedule.next(), Some((later + DEBOUNCE + EARLY_LOOKS_APART, Subject::Host)));
    }
}
