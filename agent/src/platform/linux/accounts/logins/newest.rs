//! The newest login of each account, as far as it can be trusted.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

/// A login, and where it was read.
pub(super) type Login = (Timestamp, &'static str);

/// Clocks that ran ahead leave times that never were; a day's difference between machine and log is forgiven.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(24);

/// A machine without a battery wakes up in 1970, and some boards in a year of their own before 2000: no login of a machine
/// that we watch was then.
const EARLIEST: i64 = 946_684_800;

/// utmp(5) holds this many bytes of a name.
const CUT_AT: usize = 32;

/// For the accounts that there are, and for no other name: a record may hold any name, and any number of them.
#[derive(Debug)]
pub(in crate::platform::linux::accounts) struct Newest {
    logins: HashMap<Vec<u8>, Option<Login>>,
    latest: Timestamp,
}

impl Newest {
    pub(in crate::platform::linux::accounts) fn of_accounts<'a>(
        names: impl Iterator<Item = &'a str>,
        now: Timestamp,
    ) -> Self {
        let logins = names.map(|name| (name.as_bytes().to_vec(), None)).collect();
        Newest { logins, latest: now.saturating_add(AHEAD_MAX).unwrap_or(Timestamp::MAX) }
    }

    /// Whether there is such an account.
    pub(super) fn knows(&self, name: &[u8]) -> bool {
        self.logins.contains_key(name)
    }

    /// A login that can be trusted: neither in the future nor before there were such machines.
    pub(super) fn is_possible(&self, at: Timestamp) -> bool {
        at <= self.latest && at.as_second() >= EARLIEST
    }

    /// Takes a login in, if it is the newest one. Of two at one time, the source that came first is named.
    pub(super) fn offer(&mut self, name: &[u8], at: Timestamp, source: &'static str) {
        if !self.is_possible(at) {
            return;
        }
        if let Some(login) = self.logins.get_mut(name)
            && login.is_none_or(|(newest, _)| at > newest)
        {
            *login = Some((at, source));
        }
    }

    /// The same for a name that utmp may have cut. Where it fits several accounts, nobody's login is known.
    pub(super) fn offer_cut(&mut self, name: &[u8], at: Option<Timestamp>, source: &'static str) {
        let Some(at) = at else { return };
        if name.len() < CUT_AT || self.logins.contains_key(name) {
            return self.offer(name, at, source);
        }
        let fitting: Vec<Vec<u8>> =
            self.logins.keys().filter(|long| long.starts_with(name)).cloned().collect();
        if let [long] = &fitting[..] {
            self.offer(long, at, source);
        }
    }

    /// The newest login of this account.
    pub(in crate::platform::linux::accounts) fn of(&self, name: &str) -> Option<Login> {
        self.logins.get(name.as_bytes()).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_possible_logins_of_known_accounts_count() {
        let mut newest = Newest::of_accounts(["tanaka"].into_iter(), at(1_760_000_000));
        newest.offer(b"tanaka", at(5_000), "wtmp");
        newest.offer(b"tanaka", at(1_760_000_000 + 86_401), "wtmp");
        newest.offer(b"nobody", at(1_700_000_000), "wtmp");
        assert_eq!(newest.of("tanaka"), None);
        assert_eq!(newest.of("nobody"), None);
        newest.offer(b"tanaka", at(1_700_000_000), "lastlog");
        newest.offer(b"tanaka", at(1_700_000_000), "wtmp");
        assert_eq!(newest.of("tanaka"), Some((at(1_700_000_000), "lastlog")));
    }

    #[test]
    fn a_cut_name_is_the_one_account_that_it_can_be() {
        let (long, other) = ("a".repeat(32) + "bc", "a".repeat(32) + "xy");
        let mut newest = Newest::of_accounts([long.as_str()].into_iter(), at(1_760_000_000));
        newest.offer_cut("a".repeat(32).as_bytes(), Some(at(1_700_000_000)), "wtmp");
        assert!(newest.of(&long).is_some());
        let mut newest = Newest::of_accounts([long.as_str(), &other].into_iter(), at(1_760_000_000));
        newest.offer_cut("a".repeat(32).as_bytes(), Some(at(1_700_000_000)), "wtmp");
        assert!(newest.of(&long).is_none() && newest.of(&other).is_none());
    }
}
