//! The durable outbox: an observation is on disk before anything else happens. The only file of the agent that knows sled.
//!
//! Two queues wait without a number: events, oldest first, and the newest inventory of each subject. When a batch is
//! formed they move under the next sequence numbers into the outgoing log, in one write that is on disk before the batch
//! leaves. So events go first, an inventory replaces an unsent older one without leaving a hole, and whatever is sent
//! again is the same under the same number. The log is forgotten as far as the collector says that it is durable.
//!
//! | key | value |
//! |---|---|
//! | `m/...` | the owner, the incarnation, the next sequence, the count of arrivals, a gap that is not told yet |
//! | `e/<arrival>` | an event, as the wire has it |
//! | `i/<subject>` | an inventory that waits |
//! | `o/<sequence>` | what is on its way |
//! | `d/<subject>` | digest and time of the newest inventory that was taken |
//! | `r/<drill>` | lines of a drill that are taken |

use std::future::Future as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use daicho_proto::facts::{Fact, Gap, Subject};
use daicho_proto::observation::Observation;
use daicho_proto::{time, wire};
use jiff::Timestamp;

use crate::probes::unreadable;

pub mod keeper;

/// sled's cache: the queue is written once and read once, so a cache earns nothing; this is sled's least sensible size.
const CACHE_BYTES: u64 = 1024 * 1024;

/// The largest single observation. With its batch around it, it must stay below the 4 MiB that gRPC takes by default.
pub const OBSERVATION_BYTES_MAX: usize = 3 * 1024 * 1024;

/// An inventory that did not change is told again after this long, so that the collector's copy never grows older.
const UNCHANGED_TOLD_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The layout of the keys above. Another one is set aside, not guessed at.
const FORM: u64 = 1;

/// Why a spool cannot do it.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk does not let us: full, read-only, missing. Opening it again later may help.
    #[error("the spool cannot be read or written")]
    Disk(#[source] sled::Error),
    /// What lies there is no spool of ours, or no longer whole. Only a new one helps.
    #[error("the spool is damaged: {0}")]
    Damaged(String),
}

impl From<sled::Error> for SpoolError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(_) | sled::Error::CollectionNotFound(_) => SpoolError::Disk(error),
            other => SpoolError::Damaged(other.to_string()),
        }
    }
}

/// What `append` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It waits, on disk.
    Taken,
    /// An inventory that is already told and not yet a day old.
    Unchanged,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Waiting {
    /// Events without a number yet.
    pub events: u64,
    /// Inventories without a number yet.
    pub inventories: u64,
    /// Observations that were sent, or are about to be, and that nobody acknowledged.
    pub outgoing: u64,
}

/// Observations on their way.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Of this life of the spool.
    pub incarnation: u64,
    /// Rising by one.
    pub observations: Vec<wire::Observation>,
}

/// What the collector's word about its durable observations meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// That many were forgotten here.
    Acknowledged(u64),
    /// The two did not fit together, so a new incarnation began and every inventory is wanted anew. The collector knows
    /// more than was ever sent: this spool came back from a backup, or lives twice.
    Ahead,
    /// As above; the collector lacks what it had acknowledged: it came back from a backup. A gap tells so.
    Behind {
        /// How many it lacks.
        lost: u64,
    },
}

/// The outbox of one endpoint.
pub struct Spool {
    tree: sled::Db,
    event_bytes_max: u64,
    state: Mutex<State>,
}

/// What is asked for too often to be read from the tree each time. Written together with it.
#[derive(Clone, Copy)]
struct State {
    incarnation: u64,
    /// The oldest number on its way; `next` if none is.
    first: u64,
    next: u64,
    arrivals: u64,
    events: u64,
    event_bytes: u64,
}

impl Spool {
    /// Opens the spool in `folder`, or makes one with `incarnation`. Events may take `event_bytes_max`; each inventory
    /// is there once.
    pub fn open(folder: &Path, event_bytes_max: u64, incarnation: u64) -> Result<Self, SpoolError> {
        // No timer: whoever appends flushes.
        let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        // sled panics on some damaged files where it should answer with an error.
        let tree = catch_unwind(AssertUnwindSafe(|| open_unhurried(&config)))
            .map_err(|_| SpoolError::Damaged("its files cannot be understood".to_owned()))??;
        let state = match (number(&tree, "m/form")?, number(&tree, "m/incarnation")?) {
            (None, None) if tree.is_empty() => {
                let mut batch = sled::Batch::default();
                batch.insert("m/form", &FORM.to_be_bytes());
                batch.insert("m/incarnation", &incarnation.to_be_bytes());
                tree.apply_batch(batch)?;
                tree.flush()?;
                State { incarnation, first: 1, next: 1, arrivals: 0, events: 0, event_bytes: 0 }
            }
            (Some(FORM), Some(incarnation)) => {
                let (mut events, mut event_bytes) = (0, 0);
                for entry in tree.scan_prefix("e/") {
                    events += 1;
                    event_bytes += entry?.1.len() as u64;
                }
                let next = number(&tree, "m/next")?.unwrap_or(1);
                let first = match tree.scan_prefix("o/").keys().next().transpose()? {
                    Some(key) => number_of(&key)?,
                    None => next,
                };
                let arrivals = number(&tree, "m/arrivals")?.unwrap_or(0);
                State { incarnation, first, next, arrivals, events, event_bytes }
            }
            (form, _) => return Err(SpoolError::Damaged(format!("its form {form:?} is not {FORM}"))),
        };
        Ok(Spool { tree, event_bytes_max, state: Mutex::new(state) })
    }

    /// This life of the spool.
    pub fn incarnation(&self) -> u64 {
        self.state().incarnation
    }

    /// How many events ever arrived: tells, after an error, whether the last one is in.
    pub fn arrivals(&self) -> u64 {
        self.state().arrivals
    }

    /// Takes a fact in; it is on disk when this returns.
    pub fn append(&self, fact: Fact, observed_at: Timestamp) -> Result<Appended, SpoolError> {
        match fact.inventory() {
            Some(subject) => self.append_inventory(subject, fact, observed_at),
            None => self.append_event(fact, observed_at, None),
        }
    }

    /// Takes the event of line `position` of a drill in, and the position with it: neither without the other.
    pub fn append_drill(
        &self,
        fact: Fact,
        observed_at: Timestamp,
        drill: &str,
        position: u64,
    ) -> Result<Appended, SpoolError> {
        self.append_event(fact, observed_at, Some((drill, position)))
    }

    /// Makes the spool `owner`'s. What another identity left unsent goes on under a new incarnation.
    pub fn belong_to(&self, owner: &str, fresh: u64) -> Result<(), SpoolError> {
        let mut state = self.state();
        let before = self.tree.get("m/owner")?;
        if before.as_deref() == Some(owner.as_bytes()) {
            return Ok(());
        }
        if before.is_some() {
            self.begin_again(&mut state, fresh, None)?;
        }
        self.tree.insert("m/owner", owner)?;
        self.tree.flush()?;
        Ok(())
    }

    /// How many lines of a drill are taken.
    pub fn drilled_to(&self, drill: &str) -> Result<u64, SpoolError> {
        Ok(number(&self.tree, &format!("r/{drill}"))?.unwrap_or(0))
    }

    fn append_event(
        &self,
        fact: Fact,
        observed_at: Timestamp,
        drill: Option<(&str, u64)>,
    ) -> Result<Appended, SpoolError> {
        let bytes = Observation { sequence: 0, observed_at, fact }.to_bytes();
        let mut state = self.state();
        let mut after = *state;
        let mut batch = sled::Batch::default();
        self.make_room(bytes.len() as u64, &mut after, &mut batch)?;
        after.arrivals += 1;
        after.events += 1;
        after.event_bytes += bytes.len() as u64;
        batch.insert("m/arrivals", &after.arrivals.to_be_bytes());
        batch.insert(numbered("e/", after.arrivals), bytes);
        if let Some((drill, position)) = drill {
            batch.insert(format!("r/{drill}").as_bytes(), &position.to_be_bytes());
        }
        self.tree.apply_batch(batch)?;
        self.tree.flush()?;
        *state = after;
        Ok(Appended::Taken)
    }

    /// Gives up the oldest events until `wanted` more bytes fit, and counts them into the gap that will be told first.
    fn make_room(&self, wanted: u64, after: &mut State, batch: &mut sled::Batch) -> Result<(), SpoolError> {
        if after.event_bytes + wanted <= self.event_bytes_max {
            return Ok(());
        }
        let mut gap = match self.tree.get("m/gap")? {
            Some(bytes) => gap_of(&bytes)?,
            None => None,
        };
        for entry in self.tree.scan_prefix("e/") {
            if after.event_bytes + wanted <= self.event_bytes_max {
                break;
            }
            let (key, bytes) = entry?;
            let given_up = observation(&bytes)?;
            let (at, lost) = match given_up.fact {
                // A gap that is given up must not make the loss look smaller.
                Some(wire::observation::Fact::Gap(ref told)) => (told.since_us, told.lost.max(1)),
                _ => (given_up.observed_at_us, 1),
            };
            let (since, until) = (time::from_wire(at), time::from_wire(given_up.observed_at_us));
            let so_far = gap.get_or_insert_with(|| Gap {
                lost: 0,
                reason: "the agent's spool was full".to_owned(),
                since,
                until,
            });
            so_far.lost += lost;
            so_far.since = so_far.since.min(since);
            so_far.until = so_far.until.max(until);
            after.events -= 1;
            after.event_bytes -= bytes.len() as u64;
            batch.remove(key);
        }
        if let Some(gap) = gap {
            let observed_at = gap.until;
            batch.insert("m/gap", Observation { sequence: 0, observed_at, fact: Fact::Gap(gap) }.to_bytes());
        }
        Ok(())
    }

    fn append_inventory(
        &self,
        subject: Subject,
        fact: Fact,
        observed_at: Timestamp,
    ) -> Result<Appended, SpoolError> {
        let timeless = Observation { sequence: 0, observed_at: Timestamp::UNIX_EPOCH, fact: fact.clone() };
        let digest = ring::digest::digest(&ring::digest::SHA256, &timeless.to_bytes());
        let mut bytes = Observation { sequence: 0, observed_at, fact }.to_bytes();
        if bytes.len() > OBSERVATION_BYTES_MAX {
            let sentence = format!("{subject}: {} bytes were seen, more than can be sent", bytes.len());
            bytes = Observation { sequence: 0, observed_at, fact: unreadable(subject, sentence) }.to_bytes();
        }
        let _state = self.state();
        let known = format!("d/{subject}");
        if let Some(told) = self.tree.get(&known)?
            && let Some((told_digest, told_at)) = told.split_at_checked(digest.as_ref().len())
            && told_digest == digest.as_ref()
            && let Ok(told_at) = told_at.try_into().map(i64::from_be_bytes)
        {
            // A clock that was set back makes the age negative: then it is told again, too.
            let age = time::to_wire(observed_at).checked_sub(told_at).and_then(|age| u64::try_from(age).ok());
            if age.is_some_and(|age| Duration::from_micros(age) < UNCHANGED_TOLD_AFTER) {
                return Ok(Appended::Unchanged);
            }
        }
        let told = [digest.as_ref(), &time::to_wire(observed_at).to_be_bytes()].concat();
        let mut batch = sled::Batch::default();
        batch.insert(known.as_bytes(), told);
        batch.insert(format!("i/{subject}").as_bytes(), bytes);
        self.tree.apply_batch(batch)?;
        self.tree.flush()?;
        Ok(Appended::Taken)
    }

    /// The oldest observations that are not acknowledged, at most `count_max` and about `bytes_max` of them (one is
    /// always given); `None` when nothing waits. Asking again gives the same until they are acknowledged.
    pub fn pending(&self, bytes_max: usize, count_max: usize) -> Result<Option<Batch>, SpoolError> {
        let mut state = self.state();
        if state.first == state.next {
            self.form(&mut state, bytes_max, count_max)?;
        }
        let mut observations = Vec::new();
        let mut bytes_taken = 0;
        for entry in self.tree.scan_prefix("o/").take(count_max) {
            let (key, bytes) = entry?;
            bytes_taken += bytes.len();
            if bytes_taken > bytes_max && !observations.is_empty() {
                break;
            }
            let mut next = observation(&bytes)?;
            next.sequence = number_of(&key)?;
            observations.push(next);
        }
        let incarnation = state.incarnation;
        Ok((!observations.is_empty()).then_some(Batch { incarnation, observations }))
    }

    /// Moves what waits under the next numbers: an untold gap, then events, then inventories.
    fn form(&self, state: &mut State, bytes_max: usize, count_max: usize) -> Result<(), SpoolError> {
        let mut batch = sled::Batch::default();
        let mut after = *state;
        let mut bytes_taken = 0;
        let gap = self.tree.scan_prefix("m/gap");
        for entry in gap.chain(self.tree.scan_prefix("e/")).chain(self.tree.scan_prefix("i/")).take(count_max)
        {
            let (key, bytes) = entry?;
            bytes_taken += bytes.len();
            if bytes_taken > bytes_max && after.next > state.next {
                break;
            }
            if key.starts_with(b"e/") {
                after.events -= 1;
                after.event_bytes -= bytes.len() as u64;
            }
            batch.insert(numbered("o/", after.next), bytes);
            batch.remove(key);
            after.next += 1;
        }
        if after.next == state.next {
            return Ok(());
        }
        batch.insert("m/next", &after.next.to_be_bytes());
        self.tree.apply_batch(batch)?;
        // Before it leaves: a number that was seen outside must never come to mean something else.
        self.tree.flush()?;
        *state = after;
        Ok(())
    }

    /// Takes the collector's word that this incarnation is durable there up to `durable_to`. When that does not fit to
    /// what was sent, `fresh` becomes the new incarnation.
    pub fn settle(&self, durable_to: u64, fresh: u64, now: Timestamp) -> Result<Settled, SpoolError> {
        let mut state = self.state();
        let first = state.first;
        if durable_to >= state.next {
            self.begin_again(&mut state, fresh, None)?;
            return Ok(Settled::Ahead);
        }
        if durable_to + 1 < first {
            let lost = first - 1 - durable_to;
            let reason = "the collector no longer has observations that it had acknowledged".to_owned();
            self.begin_again(&mut state, fresh, Some(Gap { lost, reason, since: now, until: now }))?;
            return Ok(Settled::Behind { lost });
        }
        let mut batch = sled::Batch::default();
        for sequence in first..=durable_to {
            batch.remove(numbered("o/", sequence));
        }
        // Not flushed: should this be forgotten, the same is sent again under the same numbers, and that is safe.
        self.tree.apply_batch(batch)?;
        state.first = durable_to + 1;
        Ok(Settled::Acknowledged(durable_to + 1 - first))
    }

    /// A new incarnation: what is on its way is numbered anew, and each inventory counts as never told.
    fn begin_again(&self, state: &mut State, fresh: u64, gap: Option<Gap>) -> Result<(), SpoolError> {
        let mut after = State { incarnation: fresh, first: 1, next: 1, ..*state };
        let mut batch = sled::Batch::default();
        let mut outgoing = Vec::new();
        for entry in self.tree.scan_prefix("o/") {
            let (key, bytes) = entry?;
            batch.remove(key);
            outgoing.push(bytes);
        }
        if let Some(gap) = gap {
            let told = Observation { sequence: 0, observed_at: gap.until, fact: Fact::Gap(gap) };
            outgoing.insert(0, told.to_bytes().into());
        }
        for bytes in outgoing {
            batch.insert(numbered("o/", after.next), bytes);
            after.next += 1;
        }
        for key in self.tree.scan_prefix("d/").keys() {
            batch.remove(key?);
        }
        batch.insert("m/incarnation", &after.incarnation.to_be_bytes());
        batch.insert("m/next", &after.next.to_be_bytes());
        self.tree.apply_batch(batch)?;
        self.tree.flush()?;
        *state = after;
        Ok(())
    }

    /// How much waits.
    pub fn waiting(&self) -> Waiting {
        let state = self.state();
        let count = |prefix: &str| self.tree.scan_prefix(prefix).keys().count() as u64;
        Waiting {
            events: state.events + count("m/gap"),
            inventories: count("i/"),
            outgoing: state.next - state.first,
        }
    }

    /// Everything is on disk when this returns.
    pub fn flush(&self) -> Result<(), SpoolError> {
        self.tree.flush()?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens sled so that its threads let us sleep. It starts seven of them with the first task, and each looks for work
/// once a second even though work wakes it at once: 420 wake-ups a minute for nothing. A thread inherits how late the
/// kernel may make its timers, prctl(2), `PR_SET_TIMERSLACK`; so the first task comes from a thread that has no hurry.
fn open_unhurried(config: &sled::Config) -> sled::Result<sled::Db> {
    let open = || {
        crate::service::be_unhurried();
        let tree = config.open()?;
        // Opening alone may have no task. A flush that is asked for once has become one; nobody needs its answer.
        drop(Box::pin(tree.flush_async()).as_mut().poll(&mut Context::from_waker(Waker::noop())));
        Ok(tree)
    };
    std::thread::scope(|scope| scope.spawn(open).join()).unwrap_or_else(|panic| resume_unwind(panic))
}

fn numbered(prefix: &str, number: u64) -> Vec<u8> {
    [prefix.as_bytes(), &number.to_be_bytes()].concat()
}

fn number_of(key: &[u8]) -> Result<u64, SpoolError> {
    let number = key.get(2..).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
    number.ok_or_else(|| SpoolError::Damaged("a key is no number".to_owned()))
}

fn number(tree: &sled::Db, key: &str) -> Result<Option<u64>, SpoolError> {
    let Some(bytes) = tree.get(key)? else { return Ok(None) };
    let number = bytes.as_ref().try_into().map(u64::from_be_bytes);
    number.map(Some).map_err(|_| SpoolError::Damaged(format!("{key} is no number")))
}

fn observation(bytes: &[u8]) -> Result<wire::Observation, SpoolError> {
    wire::Observation::from_bytes(bytes).map_err(|error| SpoolError::Damaged(error.to_string()))
}

fn gap_of(bytes: &[u8]) -> Result<Option<Gap>, SpoolError> {
    Ok(match observation(bytes)?.fact {
        Some(wire::observation::Fact::Gap(gap)) => Some(gap.into()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
