//! How much one endpoint may have kept of what it tells as events (pure: time arrives as an argument). An agent's spool
//! holds 64 MB, and a busy machine tells some 2 MB a day; a stolen identity would fill the disk.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use daicho_proto::endpoint::EndpointId;
use jiff::Timestamp;

/// Bytes at once: the spools of several lives of a machine.
const AT_ONCE: u64 = 512 * 1024 * 1024;

/// Bytes that come back each day.
const A_DAY: u64 = 16 * 1024 * 1024;

const DAY_MICROS: i128 = 86_400 * 1_000_000;

/// What an event takes beside its own bytes: its key and its place in the store.
const EACH: u64 = 128;

/// Who is told to wait asks again after at most this long: the longest that an agent believes.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// Endpoints that are remembered: twice as many as this collector is built for.
const ENDPOINTS_MAX: usize = 20_000;

/// Events of one report.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Events {
    pub(super) count: u64,
    pub(super) bytes: u64,
}

impl Events {
    fn size(self) -> u64 {
        self.bytes.saturating_add(self.count.saturating_mul(EACH))
    }
}

/// What each endpoint has used. Who is not in it has used nothing.
#[derive(Debug, Default)]
pub struct Allowances {
    used: Mutex<BTreeMap<EndpointId, Used>>,
}

#[derive(Clone, Copy, Debug)]
struct Used {
    bytes: u64,
    at: Timestamp,
}

impl Allowances {
    /// Whether `events` of together `bytes` may be kept; else how long to wait before asking again.
    pub(super) fn covers(
        &self,
        endpoint: EndpointId,
        events: Events,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let used = self.used().get(&endpoint).map_or(0, |used| left_of(*used, now));
        let wanted = used.saturating_add(events.size());
        if events.count == 0 || wanted <= AT_ONCE {
            return Ok(());
        }
        let seconds = (wanted - AT_ONCE).saturating_mul(86_400) / A_DAY;
        Err(Duration::from_secs(seconds + 1).min(WAIT_MAX))
    }

    /// They were kept. What a failing disk did not take is not counted, however often it comes again.
    pub(super) fn count(&self, endpoint: EndpointId, events: Events, now: Timestamp) {
        if events.count == 0 {
            return;
        }
        let mut all = self.used();
        if all.len() >= ENDPOINTS_MAX {
            // Whoever has everything back is as good as new.
            all.retain(|_, used| left_of(*used, now) > 0);
        }
        let used = all.get(&endpoint).map_or(0, |used| left_of(*used, now));
        all.insert(endpoint, Used { bytes: used.saturating_add(events.size()), at: now });
    }

    fn used(&self) -> MutexGuard<'_, BTreeMap<EndpointId, Used>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of it still counts. A clock that went back gives nothing back, and takes nothing.
fn left_of(used: Used, now: Timestamp) -> u64 {
    let micros = now.as_microsecond().saturating_sub(used.at.as_microsecond()).max(0);
    let back = i128::from(micros) * i128::from(A_DAY) / DAY_MICROS;
    used.bytes.saturating_sub(u64::try_from(back).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const MB: u64 = 1024 * 1024;

    /// One event of a megabyte.
    const ONE: Events = Events { count: 1, bytes: MB };

    /// How many of a thousand are taken.
    fn taken(allowances: &Allowances, number: u128, now: Timestamp) -> usize {
        let take = |_: &u32| {
            let covered = allowances.covers(endpoint(number), ONE, now).is_ok();
            if covered {
                allowances.count(endpoint(number), ONE, now);
            }
            covered
        };
        (0..1_000).filter(take).count()
    }

    fn endpoint(number: u128) -> EndpointId {
        EndpointId(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn one_endpoint_without_end_is_bounded_by_the_day_and_takes_from_nobody() {
        let (allowances, now) = (Allowances::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(taken(&allowances, 1, now), 511, "512 MB, with what each takes beside its bytes");
        assert!(allowances.covers(endpoint(2), ONE, now).is_ok());
        let wait = allowances.covers(endpoint(1), ONE, now).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= WAIT_MAX);
        let tomorrow = now + SignedDuration::from_hours(24);
        let again = taken(&allowances, 1, tomorrow);
        assert!((15..=17).contains(&again), "{again}");
    }

    #[test]
    fn what_was_not_kept_is_not_counted_however_often_it_comes() {
        let (allowances, now) = (Allowances::default(), Timestamp::UNIX_EPOCH);
        for _ in 0..10_000 {
            assert!(allowances.covers(endpoint(1), ONE, now).is_ok());
        }
    }

    #[test]
    fn a_clock_that_jumps_gives_back_what_was_used_and_no_more() {
        let (allowances, now) = (Allowances::default(), Timestamp::UNIX_EPOCH);
        taken(&allowances, 1, now);
        let before = now - SignedDuration::from_hours(24 * 365);
        assert!(allowances.covers(endpoint(1), ONE, before).is_err());
        assert!(allowances.covers(endpoint(1), Events::default(), before).is_ok(), "inventories always pass");
        let years = now + SignedDuration::from_hours(24 * 3_650);
        assert_eq!(taken(&allowances, 1, years), 511);
    }
}
