//! Is what a machine says about the time to be believed? Its clock against the collector's, and against what it said before.

use daicho_proto::time::from_wire;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Two clocks that differ by less are taken for right: what Kerberos lets a domain's machines differ by (RFC 4120, 1.6),
/// and more than a report is ever on its way.
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// A machine told something while its clock was known to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrongClock {
    /// By so many seconds, at the least; negative: it was behind.
    pub ahead_seconds: i64,
    /// When the collector heard it, by the collector's clock: it did not happen later.
    pub received_at: Timestamp,
}

/// How a machine's report lies to the collector's clock.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// When the collector took it, by the collector's clock.
    pub received_at: Timestamp,
    /// What the machine's clock said when it sent the report, in microseconds since 1970; 0: it did not say.
    pub agent_time_us: i64,
}

impl Told {
    /// What is wrong with the clock by which `observed_at` was told. `not_before`: it did not happen earlier, for the
    /// machine did not belong to us yet, or had told of that moment already; it tells in order.
    pub fn wrong_clock(self, observed_at: Timestamp, not_before: Option<Timestamp>) -> Option<WrongClock> {
        let received_at = self.received_at;
        let sent =
            (self.agent_time_us != 0).then(|| from_wire(self.agent_time_us).duration_since(received_at));
        let future = observed_at.duration_since(received_at).max(SignedDuration::ZERO);
        let past = not_before.map(|moment| observed_at.duration_since(moment).min(SignedDuration::ZERO));
        let ahead = [sent, Some(future), past].into_iter().flatten().max_by_key(|off| off.abs())?;
        (ahead.abs() > CLOCK_TOLERANCE).then(|| WrongClock { ahead_seconds: ahead.as_secs(), received_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVED: i64 = 1_795_000_000;

    fn wrong(sent: i64, observed: i64, not_before: Option<i64>) -> Option<i64> {
        let at = |second| Timestamp::from_second(second).unwrap();
        let told = Told { received_at: at(RECEIVED), agent_time_us: sent * 1_000_000 };
        told.wrong_clock(at(observed), not_before.map(at)).map(|wrong| wrong.ahead_seconds)
    }

    #[test]
    fn a_clock_is_wrong_once_it_differs_by_more_than_five_minutes() {
        for off in [240, 300] {
            for off in [off, -off] {
                assert_eq!(wrong(RECEIVED + off, RECEIVED - 60, None), None, "{off}");
            }
            assert_eq!(wrong(RECEIVED, RECEIVED + off, None), None, "{off}");
            assert_eq!(wrong(RECEIVED, RECEIVED - 4_000 - off, Some(RECEIVED - 4_000)), None, "{off}");
        }
        assert_eq!(wrong(RECEIVED + 301, RECEIVED, None), Some(301), "by what the report says");
        assert_eq!(wrong(RECEIVED - 301, RECEIVED - 301, None), Some(-301), "by what the report says");
        assert_eq!(wrong(RECEIVED, RECEIVED + 301, None), Some(301), "told before it happened");
        let before = Some(RECEIVED - 4_000);
        assert_eq!(wrong(RECEIVED, RECEIVED - 4_301, before), Some(-301), "told after what came later");
    }

    #[test]
    fn what_waited_for_a_year_in_a_spool_is_no_wrong_clock() {
        assert_eq!(wrong(RECEIVED, RECEIVED - 31_536_000, Some(RECEIVED - 31_536_060)), None);
        assert_eq!(wrong(0, RECEIVED - 31_536_000, None), None, "a report that tells no time");
    }
}
