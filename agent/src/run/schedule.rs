//! When to look at what: pure, the clock and the endpoint's own offset arrive as arguments.

use std::time::Duration;

use daicho_proto::facts::Subject;
use tokio::time::Instant;

/// A changed file is given this long to be followed by the others of the same change (`passwd`, `shadow`, `group`).
pub(super) const DEBOUNCE: Duration = Duration::from_millis(200);

/// Two early looks at a subject are at least this far apart: a folder that changes all the time must not become our load.
const EARLY_LOOKS_APART: Duration = Duration::from_secs(2);

/// Early looks at a subject in a row. An administrator's afternoon is below this; a machine on which something changes
/// all the time (a program that is started anew each second) is not.
const EARLY_LOOKS_MAX: u32 = 60;

/// Once they are used up, one is earned again in this time. A look takes up to 0.1 CPU seconds: 0.3 % of a core then.
const EARLY_LOOK_EARNED: Duration = Duration::from_secs(30);

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
    /// Somebody asked for the next look.
    woken: bool,
    /// When all early looks are earned back.
    repaid: Instant,
}

impl Entry {
    /// An early look is not before this.
    fn rested(&self) -> Option<Instant> {
        let earned = self.repaid.checked_sub(EARLY_LOOK_EARNED * (EARLY_LOOKS_MAX - 1));
        earned.max(self.looked.map(|looked| looked + EARLY_LOOKS_APART))
    }
}

impl Schedule {
    /// Everything is due now.
    pub(super) fn new(
        cadences: &[(Subject, Duration)],
        jitter_percent: u32,
        offset: f64,
        now: Instant,
    ) -> Self {
        let entry = |&(subject, cadence): &(Subject, Duration)| Entry {
            subject,
            cadence,
            due: now,
            looked: None,
            woken: false,
            repaid: now,
        };
        let entries = cadences.iter().map(entry).collect();
        Schedule { entries, offset, jitter: f64::from(jitter_percent) / 100.0 }
    }

    /// A change was heard of: a look is due soon.
    pub(super) fn wake(&mut self, subject: Subject, now: Instant) {
        for entry in self.entries.iter_mut().filter(|entry| entry.subject == subject) {
            let soon = now + DEBOUNCE;
            entry.due = entry.due.min(entry.rested().map_or(soon, |rested| soon.max(rested)));
            entry.woken = true;
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
            if std::mem::take(&mut entry.woken) {
                entry.repaid = entry.repaid.max(now) + EARLY_LOOK_EARNED;
            }
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

    #[test]
    fn changes_without_end_are_looked_at_twice_a_minute() {
        let start = Instant::now();
        let mut schedule = Schedule::new(&[(Subject::Host, HOUR)], 0, 0.0, start);
        schedule.begun(Subject::Host, start);
        let mut now = start;
        let mut looks = 0;
        while now < start + HOUR / 2 {
            schedule.wake(Subject::Host, now);
            let (due, subject) = schedule.next().unwrap();
            assert!(due > now, "an early look waits for the others of the same change");
            now = due;
            schedule.begun(subject, now);
            looks += 1;
        }
        assert!((110..=130).contains(&looks), "{looks}");
    }
}
