//! How long to wait before trying again: pure, chance and pace arrive as arguments.

use std::time::Duration;

/// The first wait is at most this long: a collector that restarts is back within seconds.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// No wait is longer: after a long outage all agents are back within this, spread evenly over it.
const WAIT_MAX: Duration = Duration::from_secs(15);

/// What only a person can mend (a certificate, a clock) is tried again this often at most: soon enough after the repair,
/// too seldom to fill a log.
const SLOW_WAIT: Duration = Duration::from_secs(300);

/// A collector that asks for more patience than this is not believed.
const ASKED_WAIT_MAX: Duration = Duration::from_secs(300);

/// How urgent the next attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It may work at any moment.
    Soon,
    /// A person has to mend something first.
    Slow,
    /// The collector asked for patience.
    Asked(Duration),
}

/// Counts failures in a row. Full jitter: the wait is evenly distributed between zero and a bound that doubles.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed once more. `chance` is evenly distributed in 0..1.
    pub fn wait(&mut self, pace: Pace, chance: f64) -> Duration {
        let bound = WAIT_MIN.saturating_mul(1 << self.failures.min(16)).min(WAIT_MAX);
        self.failures = self.failures.saturating_add(1);
        match pace {
            Pace::Soon => bound.mul_f64(chance),
            // Never at once: half of it is certain.
            Pace::Slow => SLOW_WAIT.mul_f64(0.5 + chance / 2.0),
            // Never before it, and all who were told the same time spread behind it.
            Pace::Asked(asked) => asked.min(ASKED_WAIT_MAX) + bound.mul_f64(chance),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_bound_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..6).map(|_| backoff.wait(Pace::Soon, 1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 15, 15]);
        backoff.reset();
        assert_eq!(backoff.wait(Pace::Soon, 0.5), Duration::from_millis(500));
    }

    #[test]
    fn the_same_failure_spreads_many_agents_over_the_whole_wait() {
        let wait = |chance| Backoff { failures: 9 }.wait(Pace::Soon, chance);
        assert_eq!(wait(0.0), Duration::ZERO);
        assert_eq!(wait(0.999).as_secs(), 14);
    }

    #[test]
    fn the_collector_is_heeded_within_reason() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.wait(Pace::Asked(Duration::from_secs(9)), 0.0), Duration::from_secs(9));
        assert_eq!(backoff.wait(Pace::Asked(Duration::MAX), 0.0), ASKED_WAIT_MAX);
    }

    #[test]
    fn whoever_is_asked_again_and_again_spreads_wider() {
        let mut backoff = Backoff::default();
        let asked = Pace::Asked(Duration::from_secs(1));
        let waits: Vec<u64> = (0..6).map(|_| backoff.wait(asked, 1.0).as_secs()).collect();
        assert_eq!(waits, [2, 3, 5, 9, 16, 16]);
    }

    #[test]
    fn what_a_person_must_mend_is_never_tried_at_once() {
        assert!(Backoff::default().wait(Pace::Slow, 0.0) >= Duration::from_secs(150));
    }

    #[test]
    fn failures_without_end_do_not_overflow() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert_eq!(backoff.wait(Pace::Soon, 1.0), WAIT_MAX);
    }
}
