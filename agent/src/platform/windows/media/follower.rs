//! What comes and goes on the running machine: notices in their order, and looks that tell what they mean.
//!
//! A notice of the USB bus names the device, its numbers and its serial number by itself, so that a stick that is pulled
//! at once is told all the same. What lies on it is known a moment later: after the last notice it is looked again.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use daicho_proto::facts::{Medium, MediumEvent, MediumKind};
use jiff::{SignedDuration, Timestamp};

use super::identity::{folded, instance_of_link};
use crate::platform::media::Snapshot;
use crate::platform::media::tracker::Tracker;

/// Looks after the last notice: the letter of a volume is given some tenths of a second after the volume comes, the
/// functions of a device that was never here before are installed within seconds.
const SETTLING: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(4)];

/// Windows writes down when a device came just before it tells of it. A time that is older is of the use before.
const FRESH: SignedDuration = SignedDuration::from_secs(30);

/// Notices that are taken in before a look is made: a docking station's are some dozen.
const BATCH_MAX: usize = 256;

/// One thing that Windows told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// A device of the USB bus itself; else a disk, volume or function of one.
    pub(crate) is_usb: bool,
    pub(crate) came: bool,
    /// The interface's link, which names the instance.
    pub(crate) link: String,
}

/// What waiting brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Notice(Notice),
    /// Some notices found no room: only a look tells what they were.
    Lost,
    /// Nothing, for as long as was waited.
    Quiet,
}

/// Where notices come from.
pub(crate) trait Notices {
    /// Waits for the next one; `None`: as long as it takes.
    fn next(&mut self, at_most: Option<Duration>) -> io::Result<Next>;
}

/// Follows until `tell` answers `false`.
pub(super) fn follow(
    notices: &mut dyn Notices,
    see: &dyn Fn() -> io::Result<Snapshot>,
    known: &dyn Fn(&str) -> Option<Medium>,
    clock: &dyn Fn() -> Timestamp,
    tell: &mut dyn FnMut(Timestamp, MediumEvent) -> bool,
) -> io::Result<()> {
    let mut follower = Follower::starting_with(see()?);
    let mut looks_left = 0;
    loop {
        let wait = SETTLING.len().checked_sub(looks_left).and_then(|at| SETTLING.get(at)).copied();
        let first = notices.next(wait)?;
        let now = clock();
        let mut events = Vec::new();
        if first == Next::Quiet {
            looks_left -= usize::from(looks_left > 0);
        } else {
            looks_left = SETTLING.len();
            let batch = follower.batch(notices, first)?;
            events = follower.take(&batch, now, known);
        }
        let seen = see();
        if let Ok(snapshot) = &seen {
            events.extend(follower.look(snapshot.clone(), looks_left == 0, known));
        }
        for event in events {
            if !tell(now, event) {
                return Ok(());
            }
        }
        seen?;
    }
}

struct Follower {
    tracker: Tracker,
    /// What is known to the tracker.
    keys: BTreeSet<String>,
    /// Whose leaving was told; Windows may show it a moment longer.
    gone: BTreeSet<String>,
    /// Whose coming was told since the last look that showed it, and when.
    came: Vec<(String, Timestamp)>,
}

impl Follower {
    fn starting_with(snapshot: Snapshot) -> Self {
        let keys = snapshot.connected.iter().map(|it| it.key.clone()).collect();
        Follower { tracker: Tracker::starting_with(snapshot), keys, gone: BTreeSet::new(), came: Vec::new() }
    }

    /// All that waits.
    fn batch(&self, notices: &mut dyn Notices, first: Next) -> io::Result<Vec<Notice>> {
        let mut batch = Vec::new();
        let mut next = first;
        loop {
            match next {
                Next::Notice(notice) => batch.push(notice),
                Next::Lost => {}
                Next::Quiet => return Ok(batch),
            }
            if batch.len() >= BATCH_MAX {
                return Ok(batch);
            }
            next = notices.next(Some(Duration::ZERO))?;
        }
    }

    fn take(
        &mut self,
        batch: &[Notice],
        now: Timestamp,
        known: &dyn Fn(&str) -> Option<Medium>,
    ) -> Vec<MediumEvent> {
        let mut events = Vec::new();
        for (at, notice) in batch.iter().enumerate().filter(|(_, notice)| notice.is_usb) {
            let Some(instance) = instance_of_link(&notice.link) else { continue };
            let path = folded(&instance);
            if notice.came {
                self.gone.remove(&path);
                // Gone before anybody looked: the registry remembers what it was.
                let leaves = |later: &&Notice| later.is_usb && !later.came && same(&later.link, &notice.link);
                if batch[at..].iter().any(|later| leaves(&later)) {
                    self.glimpse(&path, known);
                }
                self.came.retain(|(other, _)| *other != path);
                self.came.push((path, now));
            } else {
                self.came.retain(|(other, _)| *other != path);
                self.keys.retain(|key| *key != path);
                events.extend(self.tracker.remove(&path));
                self.gone.insert(path);
            }
        }
        events
    }

    fn look(
        &mut self,
        mut snapshot: Snapshot,
        is_settled: bool,
        known: &dyn Fn(&str) -> Option<Medium>,
    ) -> Vec<MediumEvent> {
        self.gone.retain(|path| snapshot.connected.iter().any(|it| it.path == *path));
        // A device of several functions says nothing of itself before these are there.
        let is_vague = |kind| !is_settled && kind == MediumKind::Other;
        snapshot.connected.retain(|it| {
            !self.gone.contains(&it.path) && (self.keys.contains(&it.key) || !is_vague(it.medium.kind))
        });
        for it in &mut snapshot.connected {
            let came = self.came.iter().find(|(path, _)| *path == it.path);
            let is_old = |at: &Timestamp| came.is_some_and(|(_, came)| came.duration_since(*at) > FRESH);
            it.medium.first_seen = it.medium.first_seen.filter(|at| !is_old(at));
        }
        let is_there = |path: &String| snapshot.usb.iter().any(|device| device.path == *path);
        let missing: Vec<String> =
            self.came.iter().map(|(path, _)| path).filter(|path| !is_there(path)).cloned().collect();
        self.keys = snapshot.connected.iter().map(|it| it.key.clone()).collect();
        let events = self.tracker.media_now(snapshot);
        for path in missing {
            self.glimpse(&path, known);
        }
        if is_settled {
            self.came.clear();
        }
        events
    }

    fn glimpse(&mut self, path: &str, known: &dyn Fn(&str) -> Option<Medium>) {
        if let Some(medium) = known(path).filter(|medium| medium.kind != MediumKind::Other) {
            self.tracker.glimpse(path, medium);
        }
    }
}

fn same(a: &str, b: &str) -> bool {
    folded(a) == folded(b)
}
