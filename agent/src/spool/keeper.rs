//! Keeps a spool at hand, come what may: a full or missing disk is waited for, a damaged spool is set aside and told.

use std::collections::VecDeque;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daicho_proto::facts::{Fact, Gap, GapCause};
use daicho_proto::wire::SpoolTrouble;
use jiff::Timestamp;
use tokio::sync::Notify;
use tracing::{error, info, warn};

use super::{Appended, Spool, SpoolError};
use crate::text::{Text, chain};

/// Events held in memory while the disk does not take them: some 300 KB, an hour of a busy reception desk.
const HELD_EVENTS_MAX: usize = 1_000;

/// Damaged spools that are left for a person to look at; older ones make room.
const SET_ASIDE_MAX: usize = 2;

/// The spool, and what waits for it.
pub struct Keeper {
    folder: PathBuf,
    event_bytes_max: u64,
    owner: String,
    chance: fn() -> u64,
    inner: Mutex<Inner>,
    /// Something new waits to be sent.
    pub filled: Notify,
}

#[derive(Default)]
struct Inner {
    spool: Option<Arc<Spool>>,
    held: VecDeque<(Timestamp, Fact)>,
    /// Events that no longer fitted into `held`.
    lost: Option<Gap>,
    /// The arrival that the front of `held` became if the write that failed did reach the disk after all.
    doubtful: Option<(u64, u64)>,
    trouble: Option<Trouble>,
    /// The disk may not hold all that the last spool believed to be there: the next one writes everything anew.
    doubtful_disk: bool,
}

/// Why there is no spool.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Trouble {
    text: Text,
    /// What the collector is told of it.
    word: SpoolTrouble,
}

impl Keeper {
    /// A keeper for the spool below `data`, and a first attempt to open it. `chance` gives new incarnations.
    pub fn new(
        data: &Path,
        event_bytes_max: u64,
        owner: String,
        chance: fn() -> u64,
        now: Timestamp,
    ) -> Self {
        let folder = data.join("spool");
        let keeper =
            Keeper { folder, event_bytes_max, owner, chance, inner: Mutex::default(), filled: Notify::new() };
        keeper.mend(now);
        keeper
    }

    /// The spool, if the disk lets us have it.
    pub fn spool(&self) -> Option<Arc<Spool>> {
        self.inner().spool.clone()
    }

    /// Why there is no spool.
    pub fn trouble(&self) -> Option<Text> {
        self.inner().trouble.as_ref().map(|trouble| trouble.text.clone())
    }

    /// Why there is no spool, in the word that the collector is told.
    pub fn trouble_for_collector(&self) -> SpoolTrouble {
        self.inner().trouble.as_ref().map_or(SpoolTrouble::Unspecified, |trouble| trouble.word)
    }

    /// Events that are only in memory.
    pub fn held(&self) -> u64 {
        self.inner().held.len() as u64
    }

    /// Takes a fact in. An event that the disk refuses is held in memory; an inventory will be looked at again.
    pub fn record(&self, fact: Fact, observed_at: Timestamp, now: Timestamp) {
        let mut inner = self.inner();
        if fact.inventory().is_none() {
            if inner.held.len() >= HELD_EVENTS_MAX
                && let Some((at, _)) = inner.held.pop_front()
            {
                // Whichever arrival was in doubt was the one that just went.
                inner.doubtful = None;
                let reason = "the agent's disk took nothing and its memory was full".to_owned();
                let cause = GapCause::Memory;
                let none = Gap { lost: 0, reason, since: at, until: at, cause, at_least: false };
                let lost = inner.lost.get_or_insert(none);
                lost.lost += 1;
                lost.until = at;
            }
            inner.held.push_back((observed_at, fact));
            self.drain(&mut inner, now);
        } else if let Some(spool) = inner.spool.clone() {
            match spool.append(fact, observed_at) {
                Ok(Appended::Taken) => self.filled.notify_one(),
                Ok(Appended::Unchanged) => {}
                Err(error) => self.fail(&mut inner, &error, now),
            }
        }
    }

    /// Opens the spool again if it is lost, and hands it what was held meanwhile. Answers whether it was lost.
    pub fn mend(&self, now: Timestamp) -> bool {
        let mut inner = self.inner();
        if let Some(spool) = inner.spool.clone() {
            self.stay_in_place(&mut inner, &spool);
            return false;
        }
        match self.open(inner.doubtful_disk) {
            Ok(spool) => {
                info!(incarnation = spool.incarnation(), "Spool opened.");
                self.adopt(&mut inner, spool, now);
            }
            Err(error) => self.fail(&mut inner, &error, now),
        }
        inner.spool.is_some()
    }

    /// Tells the keeper that its spool failed in somebody's hands.
    pub fn failed(&self, error: &SpoolError, now: Timestamp) {
        self.fail(&mut self.inner(), error, now);
    }

    /// The agent has worked for another hour: what waited for more than `days_max` days of work is given up.
    pub fn grow_older(&self, days_max: u64, now: Timestamp) {
        let mut inner = self.inner();
        if let Some(Err(error)) = inner.spool.as_ref().map(|spool| spool.grow_older(days_max)) {
            self.fail(&mut inner, &error, now);
        }
    }

    /// Somebody may have removed the folder under us. The spool goes on without it, and tries to come back.
    fn stay_in_place(&self, inner: &mut Inner, spool: &Spool) {
        match spool.stay_in_place() {
            Ok(false) => inner.trouble = None,
            Ok(true) => {
                warn!(folder = %self.folder.display(), "Spool was gone; it was made anew with everything in it.");
                inner.trouble = None;
            }
            Err(error) => self.note(inner, &error),
        }
    }

    fn open(&self, doubtful_disk: bool) -> Result<Spool, SpoolError> {
        let spool = Spool::open(&self.folder, self.event_bytes_max, (self.chance)())?;
        if doubtful_disk {
            spool.rewrite()?;
        }
        spool.belong_to(&self.owner, (self.chance)())?;
        Ok(spool)
    }

    fn adopt(&self, inner: &mut Inner, spool: Spool, now: Timestamp) {
        if let Some((incarnation, arrivals)) = inner.doubtful.take()
            && spool.incarnation() == incarnation
            && spool.arrivals() >= arrivals
        {
            inner.held.pop_front();
        }
        inner.spool = Some(Arc::new(spool));
        inner.trouble = None;
        inner.doubtful_disk = false;
        self.filled.notify_one();
        if let Some(gap) = inner.lost.take() {
            inner.held.push_front((gap.until, Fact::Gap(gap)));
        }
        self.drain(inner, now);
    }

    fn drain(&self, inner: &mut Inner, now: Timestamp) {
        while let (Some(spool), Some((at, fact))) = (inner.spool.clone(), inner.held.front().cloned()) {
            let expected = (spool.incarnation(), spool.arrivals() + 1);
            match spool.append(fact, at) {
                Ok(_) => {
                    inner.held.pop_front();
                    self.filled.notify_one();
                }
                Err(error) => {
                    inner.doubtful = Some(expected);
                    self.fail(inner, &error, now);
                }
            }
        }
    }

    fn fail(&self, inner: &mut Inner, error: &SpoolError, now: Timestamp) {
        inner.doubtful_disk |= inner.spool.take().is_some_and(|spool| spool.is_doubtful());
        self.note(inner, error);
        if matches!(error, SpoolError::Damaged(_)) {
            inner.doubtful = None;
            self.begin_anew(inner, now);
        }
    }

    /// Tells a failure once: each attempt fails the same way.
    fn note(&self, inner: &mut Inner, error: &SpoolError) {
        let trouble = trouble(&self.folder, error);
        if inner.trouble.as_ref() != Some(&trouble) {
            error!(folder = %self.folder.display(), error = %chain(error), "Spool failed.");
            inner.trouble = Some(trouble);
            // The collector is told, too.
            self.filled.notify_one();
        }
    }

    /// Sets a damaged spool aside and begins another one, whose first word is a gap.
    fn begin_anew(&self, inner: &mut Inner, now: Timestamp) {
        let until = now;
        let since = fs::metadata(&self.folder)
            .and_then(|folder| folder.modified())
            .ok()
            .and_then(|modified| Timestamp::try_from(modified).ok())
            .map_or(now, |modified| modified.min(now));
        let aside = self.folder.with_file_name(format!("spool.damaged-{}", now.as_second()));
        if let Err(error) = fs::rename(&self.folder, &aside) {
            warn!(%error, "Damaged spool could not be set aside.");
            return;
        }
        self.forget_oldest_set_aside();
        warn!(aside = %aside.display(), "Damaged spool set aside.");
        // How many it held, nobody can say any more: at least one is assumed.
        let reason = "the agent's spool was damaged and set aside; what it held is not known".to_owned();
        let cause = GapCause::SetAside;
        let gap = Gap { lost: 1, reason, since, until, cause, at_least: true };
        inner.held.push_front((now, Fact::Gap(gap)));
        match self.open(false) {
            Ok(spool) => self.adopt(inner, spool, now),
            Err(error) => warn!(error = %chain(&error), "New spool could not be made."),
        }
    }

    fn forget_oldest_set_aside(&self) {
        let Some(entries) = self.folder.parent().and_then(|data| fs::read_dir(data).ok()) else { return };
        let mut aside: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("spool.damaged-"))
            })
            .collect();
        aside.sort();
        for old in aside.iter().rev().skip(SET_ASIDE_MAX) {
            if let Err(error) = fs::remove_dir_all(old) {
                warn!(%error, "Old damaged spool could not be removed.");
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to tell of a failure, and what to do about it.
fn trouble(folder: &Path, error: &SpoolError) -> Trouble {
    let kind = match error {
        SpoolError::Disk(error) => Some(error.kind()),
        SpoolError::Damaged(_) => None,
    };
    let (word, ja, en) = match kind {
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => (
            SpoolTrouble::Full,
            "ディスクに空きがありません。空きをつくってください",
            "its disk is full; make room on it",
        ),
        Some(ErrorKind::ReadOnlyFilesystem) => (
            SpoolTrouble::ReadOnly,
            "ディスクが読み取り専用です。書き込めるようにしてください",
            "its disk is read-only; make it writable",
        ),
        Some(ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::AlreadyExists) => (
            SpoolTrouble::Missing,
            "フォルダーがありません。データフォルダーを元に戻してください",
            "its folder is not there; put the data folder back",
        ),
        _ => (
            SpoolTrouble::Failed,
            "空き容量と権限、ディスクの状態を確認してください",
            "check free space, permissions and the disk",
        ),
    };
    let (folder, why) = (folder.display(), chain(error));
    let text = Text::new(
        format!("送信待ちの記録 {folder} に書けません。{ja}（{why}）"),
        format!("cannot use the spool {folder}: {en} ({why})"),
    );
    Trouble { text, word }
}
