//! Since when each medium is in use, and whether an antivirus record shows that it was scanned. Use begins with the first
//! mount: before it nothing of a medium can be opened, and nothing of it can be scanned.

use std::collections::BTreeMap;

use daicho_proto::facts::{MediumScan, ScanState};
use jiff::{SignedDuration, Timestamp};

use super::Snapshot;
use super::writes::Writes;
use crate::platform::linux::antivirus::scan_log::Scanned;

/// What a record says from a time on of the files whose path satisfies a condition.
pub(super) type Record<'a> = &'a dyn Fn(Timestamp, &dyn Fn(&str) -> bool) -> Scanned;

/// How long after a mount its scan is looked for. One that comes later is late by any limit that a hospital may set.
const LOOKED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The media that are mounted, or were since they were plugged in.
#[derive(Debug, Default)]
pub(in crate::platform::linux) struct Uses {
    /// By the connection's key.
    by_connection: BTreeMap<String, Use>,
    /// What was written to them.
    pub(super) writes: Writes,
}

#[derive(Debug)]
struct Use {
    /// `None`: it was mounted before anybody looked.
    since: Option<Timestamp>,
    /// Where it is mounted now, and since when.
    points: Vec<String>,
    mounted_at: Option<Timestamp>,
    /// When the records were last read for the present mount.
    read_at: Option<Timestamp>,
    scanned: Scanned,
    /// At some time of this use the records could not tell.
    was_unclear: bool,
    /// At some time of this use another medium was mounted at the same place or below it: whose files were scanned there
    /// cannot be told.
    was_overlaid: bool,
}

impl Uses {
    /// What is mounted when the follower begins: since when, nobody knows.
    pub(super) fn begin(&mut self, snapshot: &Snapshot) {
        for connected in snapshot.connected.iter().filter(|connected| !connected.medium.mounts.is_empty()) {
            let points = connected.medium.mounts.clone();
            self.by_connection.insert(connected.key.clone(), Use::new(None, points));
        }
    }

    /// Takes in what is mounted at `now`. What a medium's mount was scanned is read before the mount is forgotten.
    pub(super) fn see(&mut self, snapshot: &Snapshot, now: Timestamp, record: Record<'_>) {
        self.by_connection.retain(|key, _| snapshot.connected.iter().any(|connected| connected.key == *key));
        for connected in &snapshot.connected {
            let points = &connected.medium.mounts;
            match self.by_connection.get(&connected.key) {
                None if points.is_empty() => {}
                None => {
                    let first = Use::new(Some(now), points.clone());
                    self.by_connection.insert(connected.key.clone(), first);
                }
                Some(known) if known.points == *points => {}
                Some(_) => {
                    self.harvest(&connected.key, now, record);
                    if let Some(known) = self.by_connection.get_mut(&connected.key) {
                        known.points = points.clone();
                        known.mounted_at = Some(now);
                        known.read_at = None;
                    }
                }
            }
        }
        self.mark_overlaid();
    }

    fn mark_overlaid(&mut self) {
        let points = |(key, one): (&String, &Use)| {
            one.points.iter().map(|point| (key.clone(), point.clone())).collect::<Vec<_>>()
        };
        let mounted: Vec<(String, String)> = self.by_connection.iter().flat_map(points).collect();
        for (key, one) in &mut self.by_connection {
            let mut others = mounted.iter().filter(|(other, _)| other != key);
            one.was_overlaid |= others
                .any(|(_, other)| one.points.iter().any(|point| other == point || is_below(other, point)));
        }
    }

    /// What the records say of the use of one connection; `None` where it was not mounted.
    pub(super) fn scan(&mut self, key: &str, now: Timestamp, record: Record<'_>) -> Option<MediumScan> {
        self.harvest(key, now, record);
        let known = self.by_connection.get(key)?;
        let state = match known.scanned.first_at {
            _ if known.was_overlaid => ScanState::Unknown,
            Some(_) => ScanState::At,
            None if known.since.is_none() || known.was_unclear => ScanState::Unknown,
            None => ScanState::None,
        };
        let told = state != ScanState::Unknown;
        Some(MediumScan {
            state,
            since: known.since,
            at: known.scanned.first_at.filter(|_| told),
            files: told.then_some(known.scanned.files),
            source: told.then(|| "clamd".to_owned()),
        })
    }

    /// Reads what was scanned below the present mount points of one connection.
    fn harvest(&mut self, key: &str, now: Timestamp, record: Record<'_>) {
        let Some(known) = self.by_connection.get(key).filter(|known| !known.points.is_empty()) else {
            return;
        };
        let Some(since) = known.mounted_at else { return };
        if known.read_at.is_some_and(|read_at| read_at.duration_since(since) > LOOKED_FOR) {
            return;
        }
        let is_ours = |path: &str| known.points.iter().any(|point| is_below(path, point));
        let scanned = record(since, &is_ours);
        let Some(known) = self.by_connection.get_mut(key) else { return };
        known.read_at = Some(now);
        known.was_unclear |= !scanned.complete;
        let earlier = known.scanned.first_at.filter(|_| known.since != known.mounted_at);
        known.scanned = Scanned {
            first_at: earlier.or(scanned.first_at),
            files: known.scanned.files.max(scanned.files),
            complete: scanned.complete,
        };
    }
}

impl Use {
    fn new(since: Option<Timestamp>, points: Vec<String>) -> Self {
        Use {
            since,
            points,
            mounted_at: since,
            read_at: None,
            scanned: Scanned::default(),
            was_unclear: false,
            was_overlaid: false,
        }
    }
}

fn is_below(path: &str, point: &str) -> bool {
    path.strip_prefix(point.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::linux::media::{Connected, Slot};
    use daicho_proto::facts::Medium;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_764_000_000 + 60 * minute).unwrap()
    }

    fn mounted(media: &[(&str, &[&str])]) -> Snapshot {
        let connected = media.iter().map(|(key, points)| Connected {
            key: (*key).to_owned(),
            path: (*key).to_owned(),
            is_fixed: false,
            slot: Slot::Unknown,
            medium: Medium {
                mounts: points.iter().map(|&point| point.to_owned()).collect(),
                ..Medium::default()
            },
        });
        Snapshot { connected: connected.collect(), ..Snapshot::default() }
    }

    /// A record that reaches back, with these files at these minutes.
    fn record<'a>(lines: &'a [(i64, &'a str)]) -> impl Fn(Timestamp, &dyn Fn(&str) -> bool) -> Scanned + 'a {
        move |since, is_ours| {
            let ours = lines.iter().filter(|(minute, path)| at(*minute) >= since && is_ours(path));
            let minutes: Vec<i64> = ours.map(|(minute, _)| *minute).collect();
            let first_at = minutes.iter().min().map(|&minute| at(minute));
            Scanned { first_at, files: minutes.len() as u64, complete: true }
        }
    }

    fn state(uses: &mut Uses, key: &str, lines: &[(i64, &str)]) -> Option<(ScanState, Option<Timestamp>)> {
        uses.scan(key, at(6), &record(lines)).map(|scan| (scan.state, scan.at))
    }

    #[test]
    fn a_scan_below_its_mount_since_it_was_mounted_counts() {
        let mut uses = Uses::default();
        uses.see(&mounted(&[("a", &["/media/usb"]), ("b", &[])]), at(10), &record(&[]));
        assert_eq!(state(&mut uses, "a", &[(9, "/media/usb/x")]), Some((ScanState::None, None)));
        assert_eq!(state(&mut uses, "a", &[(11, "/media/usb2/x")]), Some((ScanState::None, None)));
        assert_eq!(state(&mut uses, "a", &[(11, "/media/usb/x")]), Some((ScanState::At, Some(at(11)))));
        assert_eq!(state(&mut uses, "b", &[]), None);
    }

    #[test]
    fn another_mediums_scan_at_the_same_place_is_not_its_own() {
        let mut uses = Uses::default();
        uses.see(&mounted(&[("a", &["/mnt"]), ("b", &[])]), at(1), &record(&[]));
        uses.see(&mounted(&[("a", &[]), ("b", &[])]), at(3), &record(&[(2, "/mnt/x")]));
        uses.see(&mounted(&[("a", &[]), ("b", &["/mnt"])]), at(4), &record(&[(2, "/mnt/x")]));
        assert_eq!(state(&mut uses, "b", &[(2, "/mnt/x")]), Some((ScanState::None, None)));
        assert_eq!(
            state(&mut uses, "a", &[(2, "/mnt/x"), (5, "/mnt/y")]),
            Some((ScanState::At, Some(at(2))))
        );
    }

    #[test]
    fn one_place_for_two_media_tells_nothing_of_the_outer_one() {
        let lines = [(2, "/mnt/b/x")];
        let mut uses = Uses::default();
        uses.see(&mounted(&[("a", &["/mnt"]), ("b", &["/mnt/b"])]), at(1), &record(&lines));
        assert_eq!(state(&mut uses, "b", &lines), Some((ScanState::At, Some(at(2)))));
        // Also when the inner one is gone again.
        uses.see(&mounted(&[("a", &["/mnt"]), ("b", &[])]), at(3), &record(&lines));
        assert_eq!(state(&mut uses, "a", &lines), Some((ScanState::Unknown, None)));
        let mut uses = Uses::default();
        uses.see(&mounted(&[("a", &["/mnt"]), ("b", &["/mnt"])]), at(1), &record(&lines));
        assert_eq!(state(&mut uses, "a", &lines), Some((ScanState::Unknown, None)));
        assert_eq!(state(&mut uses, "b", &lines), Some((ScanState::Unknown, None)));
    }

    #[test]
    fn unknown_is_not_none() {
        let mut uses = Uses::default();
        uses.begin(&mounted(&[("a", &["/mnt"])]));
        assert_eq!(state(&mut uses, "a", &[]), Some((ScanState::Unknown, None)));
        let mut uses = Uses::default();
        let silent = |_: Timestamp, _: &dyn Fn(&str) -> bool| Scanned::default();
        uses.see(&mounted(&[("a", &["/mnt"])]), at(1), &silent);
        assert_eq!(uses.scan("a", at(6), &silent).map(|scan| scan.state), Some(ScanState::Unknown));
        // Nor does a record that can be read later tell of the time before.
        assert_eq!(state(&mut uses, "a", &[]), Some((ScanState::Unknown, None)));
    }

    #[test]
    fn the_record_is_read_until_an_hour_after_the_mount_and_once_more() {
        let mut uses = Uses::default();
        uses.see(&mounted(&[("a", &["/mnt"])]), at(0), &record(&[]));
        assert_eq!(uses.scan("a", at(59), &record(&[])).map(|scan| scan.state), Some(ScanState::None));
        // The machine slept meanwhile.
        let lines = [(5, "/mnt/x")];
        let slept = uses.scan("a", at(300), &record(&lines)).map(|scan| scan.state);
        assert_eq!(slept, Some(ScanState::At));
        let never = |_: Timestamp, _: &dyn Fn(&str) -> bool| -> Scanned { panic!("read again") };
        assert_eq!(uses.scan("a", at(301), &never).map(|scan| scan.state), Some(ScanState::At));
    }

    #[test]
    fn a_scan_counts_for_the_whole_connection_and_not_for_the_next() {
        let mut uses = Uses::default();
        let lines = [(2, "/mnt/x")];
        uses.see(&mounted(&[("a#5", &["/mnt"])]), at(1), &record(&lines));
        uses.see(&mounted(&[("a#5", &[])]), at(3), &record(&lines));
        uses.see(&mounted(&[("a#5", &["/mnt"])]), at(4), &record(&lines));
        assert_eq!(state(&mut uses, "a#5", &lines), Some((ScanState::At, Some(at(2)))));
        uses.see(&mounted(&[("a#6", &["/mnt"])]), at(5), &record(&lines));
        assert_eq!(state(&mut uses, "a#6", &lines), Some((ScanState::None, None)));
    }
}
