//! The collector's disk: whole batches, durable once `commit` answers yes, and otherwise as bad as a disk may be.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use daicho_collector::store::memory::MemoryStore;
use daicho_collector::store::{Batch, Entry, Store, StoreError};

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The disk is full: nothing is written.
    Refused,
    /// It can be read, and the flush fails: the next power cut may undo it.
    NotFlushed,
    /// The power goes before anything is written.
    DiesBefore,
    /// The power goes after it was written and flushed, before anybody is told.
    DiesAfter,
}

/// One disk, and what would be left of it if the power went now.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    seen: MemoryStore,
    state: Mutex<State>,
}

/// What a commit replaced, by key, to take it back.
type Undoing = Vec<(Vec<u8>, Option<Vec<u8>>)>;

#[derive(Debug, Default)]
struct State {
    /// Batches that were written and not flushed, oldest first: what was there before each of their keys.
    unflushed: Vec<Undoing>,
    /// Commits until a fate strikes.
    coming: Option<(u64, Fate)>,
    full: bool,
    lying: bool,
    dead: bool,
}

impl Disk {
    /// The commit after `commits` more ones has this fate.
    pub(crate) fn doom(&self, commits: u64, fate: Fate) {
        self.state().coming = Some((commits, fate));
    }

    /// Nothing fits, or everything does.
    pub(crate) fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// It says that it flushes, and does not.
    pub(crate) fn set_lying(&self, lying: bool) {
        self.state().lying = lying;
    }

    /// Nothing more goes wrong.
    pub(crate) fn recover(&self) {
        let mut state = self.state();
        (state.full, state.coming) = (false, None);
    }

    /// Whether the power went.
    pub(crate) fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// The power goes. Of what was not flushed the oldest `kept` batches are there afterwards. What comes next starts
    /// the machine again.
    pub(crate) fn power_cut(&self, kept: usize) {
        let mut state = self.state();
        while state.unflushed.len() > kept {
            for (key, before) in state.unflushed.pop().into_iter().flatten().rev() {
                self.restore(key, before);
            }
        }
        state.unflushed.clear();
        (state.coming, state.dead) = (None, false);
    }

    /// How many batches wait to be flushed.
    pub(crate) fn unflushed(&self) -> usize {
        self.state().unflushed.len()
    }

    /// What a power cut would leave at a key.
    pub(crate) fn durable(&self, key: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let mut changes = state.unflushed.iter().flatten();
        match changes.find(|(changed, _)| changed == key.as_bytes()) {
            Some((_, before)) => before.clone(),
            None => self.seen.get(key.as_bytes()).expect("memory reads"),
        }
    }

    /// Everything, as a backup has it.
    pub(crate) fn backup(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.seen.scan(b"", None, usize::MAX).expect("memory reads").into_iter().collect()
    }

    /// Puts a backup in the place of everything.
    pub(crate) fn put_back(&self, backup: &BTreeMap<Vec<u8>, Vec<u8>>) {
        self.state().unflushed.clear();
        for key in self.backup().into_keys() {
            self.restore(key, None);
        }
        for (key, value) in backup {
            self.restore(key.clone(), Some(value.clone()));
        }
    }

    /// Writes past whoever uses the disk.
    pub(crate) fn restore(&self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.seen.commit(Batch { changes: vec![(key, value)] }).expect("memory writes");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(reason: &str) -> StoreError {
    StoreError::Failed { action: "write", reason: reason.to_owned() }
}

impl Store for Disk {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if self.state().dead { Err(failed("the power is off")) } else { self.seen.get(key) }
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if self.state().dead { Err(failed("the power is off")) } else { self.seen.scan(prefix, after, limit) }
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.dead {
            return Err(failed("the power is off"));
        }
        let fate = match &mut state.coming {
            Some((0, fate)) => {
                let fate = *fate;
                state.coming = None;
                Some(fate)
            }
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        if state.full || fate == Some(Fate::Refused) {
            return Err(failed("no room is left on the disk"));
        }
        if fate == Some(Fate::DiesBefore) {
            state.dead = true;
            return Err(failed("the power went"));
        }
        if fate == Some(Fate::NotFlushed) || state.lying {
            let before = |key: &Vec<u8>| (key.clone(), self.seen.get(key).expect("memory reads"));
            let undo = batch.changes.iter().map(|(key, _)| before(key)).collect();
            state.unflushed.push(undo);
            self.seen.commit(batch)?;
            return if state.lying { Ok(()) } else { Err(failed("the disk did not flush")) };
        }
        self.seen.commit(batch)?;
        state.unflushed.clear();
        if fate == Some(Fate::DiesAfter) {
            state.dead = true;
            return Err(failed("the power went"));
        }
        Ok(())
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}
