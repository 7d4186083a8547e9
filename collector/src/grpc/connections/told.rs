//! Tells who was not let in, and under a flood only how many: a log is no place that a stranger may fill.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::super::limits::purse::{Purse, Rate};

/// Refusals that are told one by one: a handful of mistaken programs, and the beginning of every attack.
const LINES: Rate = Rate { each_second: 2.0, at_once: 100.0 };

/// What was told, and how many were not.
#[derive(Debug, Default)]
pub(super) struct Told {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    purse: Purse,
    untold: u64,
}

impl Told {
    /// Somebody was not let in.
    pub(super) fn refused(&self, address: SocketAddr, why: &str) {
        if let Some(untold) = self.next(Instant::now()) {
            tracing::warn!(%address, why, untold, "Nobody was let in.");
        }
    }

    /// Whether this one is told, and how many before it were not.
    fn next(&self, now: Instant) -> Option<u64> {
        let state = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.purse.pay(&LINES, now).is_err() {
            state.untold += 1;
            return None;
        }
        Some(std::mem::take(&mut state.untold))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flood_is_counted_and_not_written_out() {
        let (told, now) = (Told::default(), Instant::now());
        let lines = (0..10_000).filter(|_| told.next(now).is_some()).count();
        assert_eq!(lines, 100);
        assert_eq!(told.next(now + Duration::from_secs(1)), Some(9_900));
    }
}
