//! What was written to a medium: ext4 counts what was written to it in its life, and the kernel what this machine wrote
//! since the medium was plugged in. Pure.
//!
//! The lifetime less what was written here is what had been written before. After an unmount that plus what was written
//! here is the most that any later look may find, unless another machine wrote too.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Snapshot;
pub(super) use crate::platform::media::Counter;

/// An unmount is announced before the last of what is to be written is on the medium. When nothing was written for this
/// long, and the filesystem is gone, it is.
const STILL: SignedDuration = SignedDuration::from_secs(1);

/// What halving two counts of sectors may lose.
const ROUNDING_KIB: u64 = 2;

/// Where the kernel's count of written sectors stands (Documentation/block/stat.rst), and that of what is under way.
const WRITTEN_SECTORS: usize = 6;
const IN_FLIGHT: usize = 8;

impl Counter {
    /// From `lifetime_write_kbytes`, where the filesystem is mounted, and the partition's `stat`.
    pub(super) fn parse(name: &str, lifetime: Option<&str>, statistics: &str) -> Option<Self> {
        let number = |at| statistics.split_whitespace().nth(at).and_then(|word| word.parse::<u64>().ok());
        Some(Counter {
            name: name.to_owned(),
            lifetime_kib: lifetime.map(str::parse).transpose().ok()?,
            here_kib: number(WRITTEN_SECTORS)?.div_ceil(2),
            busy: number(IN_FLIGHT)? > 0,
        })
    }
}

/// What was written, by the connection's key.
#[derive(Debug, Default)]
pub(super) struct Writes(BTreeMap<String, Written>);

#[derive(Debug)]
struct Written {
    name: String,
    before_kib: u64,
    here_kib: u64,
    /// Since when nothing was written; `None`: it is mounted, or was at the last look.
    still_since: Option<Timestamp>,
    settled_kib: Option<u64>,
}

impl Writes {
    /// Takes in a look, and writes beside each medium what is known.
    pub(super) fn see(&mut self, snapshot: &mut Snapshot, now: Timestamp) {
        self.0.retain(|key, known| snapshot.counters.get(key).is_some_and(|it| it.name == known.name));
        for connected in &mut snapshot.connected {
            let Some(counter) = snapshot.counters.get(&connected.key) else { continue };
            if let Some(lifetime) = counter.lifetime_kib {
                // A filesystem that was made anew here begins at nothing.
                let before_kib = lifetime.saturating_sub(counter.here_kib);
                let known = self.0.remove(&connected.key);
                let before_kib = known.map_or(before_kib, |known| known.before_kib.min(before_kib));
                let written = Written {
                    name: counter.name.clone(),
                    before_kib,
                    here_kib: counter.here_kib,
                    still_since: None,
                    settled_kib: None,
                };
                self.0.insert(connected.key.clone(), written);
            } else if let Some(known) = self.0.get_mut(&connected.key) {
                known.settle(counter, now);
            }
            let known = self.0.get(&connected.key);
            connected.medium.written_kib = known.map(|known| known.before_kib);
            connected.medium.settled_kib = known.and_then(|known| known.settled_kib);
        }
    }

    /// Whether something was unmounted that may still be written to.
    pub(super) fn is_settling(&self) -> bool {
        self.0.values().any(|known| known.still_since.is_some() && known.settled_kib.is_none())
    }
}

impl Written {
    fn settle(&mut self, counter: &Counter, now: Timestamp) {
        let unchanged = counter.here_kib == self.here_kib && !counter.busy;
        let since = self.still_since.filter(|since| unchanged && *since <= now).unwrap_or(now);
        let is_still = now.duration_since(since) >= STILL;
        self.settled_kib = is_still.then(|| self.before_kib + counter.here_kib + ROUNDING_KIB);
        self.still_since = Some(since);
        self.here_kib = counter.here_kib;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::media::{Connected, Slot};
    use daicho_proto::facts::Medium;

    fn look(
        writes: &mut Writes,
        second: i64,
        lifetime: Option<&str>,
        stat: &str,
    ) -> (Option<u64>, Option<u64>) {
        let medium = Medium::default();
        let connected = Connected {
            key: "a".to_owned(),
            path: "a".to_owned(),
            is_fixed: false,
            slot: Slot::Unknown,
            medium,
        };
        let counter = Counter::parse("sdb1", lifetime, stat).unwrap();
        let counters = BTreeMap::from([("a".to_owned(), counter)]);
        let mut snapshot = Snapshot { connected: vec![connected], counters, ..Snapshot::default() };
        writes.see(&mut snapshot, Timestamp::from_second(second).unwrap());
        let medium = &snapshot.connected[0].medium;
        (medium.written_kib, medium.settled_kib)
    }

    #[test]
    fn what_was_written_before_is_the_lifetime_without_what_was_written_here() {
        let mut writes = Writes::default();
        assert_eq!(look(&mut writes, 0, None, "1 0 8 0 1 0 8 0 0 0 0"), (None, None), "not mounted yet");
        assert_eq!(look(&mut writes, 1, Some("1004"), "1 0 8 0 1 0 8 0 0 0 0"), (Some(1000), None));
        assert_eq!(look(&mut writes, 2, Some("3000"), "1 0 8 0 1 0 4000 0 0 0 0"), (Some(1000), None));
    }

    #[test]
    fn an_unmounted_medium_is_settled_when_nothing_was_written_for_a_while() {
        let mut writes = Writes::default();
        look(&mut writes, 0, Some("1004"), "1 0 8 0 1 0 8 0 0 0 0");
        assert!(!writes.is_settling());
        let flushing = "1 0 8 0 9 0 4000 0 2 0 0";
        assert_eq!(look(&mut writes, 1, None, flushing), (Some(1000), None));
        assert_eq!(look(&mut writes, 3, None, flushing), (Some(1000), None), "still under way");
        let flushed = "1 0 8 0 9 0 6000 0 0 0 0";
        assert_eq!(look(&mut writes, 4, None, flushed), (Some(1000), None));
        assert_eq!(look(&mut writes, 4, None, flushed), (Some(1000), None), "two looks at once");
        assert!(writes.is_settling());
        assert_eq!(look(&mut writes, 5, None, flushed), (Some(1000), Some(4002)));
        assert!(!writes.is_settling());
        assert_eq!(look(&mut writes, 6, Some("4000"), flushed), (Some(1000), None), "mounted again");
    }
}
