//! The durable outbox: an observation is on disk before anything else happens.
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
//! | `t/<day>` | how many events had arrived when the agent had worked for so many days |

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use daicho_proto::codec::{OBSERVATION_WEIGHT_MAX, weight_of_observation};
use daicho_proto::facts::{Fact, Gap, GapCause, Subject};
use daicho_proto::observation::Observation;
use daicho_proto::{time, wire};
use jiff::Timestamp;

use crate::probes::unreadable;
use journal::{Change, Damage, Journal};

pub mod journal;
pub mod keeper;
mod outgoing;

/// The largest single observation. With its batch around it, it must stay below the 4 MiB that gRPC takes by default.
pub const OBSERVATION_BYTES_MAX: usize = 3 * 1024 * 1024;

/// An inventory that did not change is told again after this long, so that the collector's copy never grows older.
const UNCHANGED_TOLD_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The layout of the keys above. Another one is set aside, not guessed at.
const FORM: u64 = 2;

/// Why a spool cannot do it.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk does not let us: full, read-only, missing. Opening it again later may help.
    #[error("the spool cannot be read or written")]
    Disk(#[from] io::Error),
    /// What lies there is no spool of ours. Only a new one helps.
    #[error("the spool is damaged: {0}")]
    Damaged(String),
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
    event_bytes_max: u64,
    inner: Mutex<Inner>,
}

struct Inner {
    journal: Journal,
    state: State,
}

/// What is asked for too often to be read from the journal each time. Written together with it.
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
    /// Opens the spool in `folder`, or makes one with the incarnation `fresh`. Events may take `event_bytes_max`; each inventory
    /// is there once. What cannot be read of it costs itself alone: a gap tells it, and `fresh` begins.
    pub fn open(folder: &Path, event_bytes_max: u64, fresh: u64) -> Result<Self, SpoolError> {
        let (mut journal, damage) = Journal::open(folder, fresh)?;
        let known = (number(&mut journal, b"m/form")?, number(&mut journal, b"m/incarnation")?);
        let is_empty = journal.keys(b"").next().is_none();
        let incarnation = match known {
            (Some(FORM), Some(known)) => known,
            (None, None) if is_empty => fresh,
            (None | Some(FORM), _) if damage.places > 0 => fresh,
            (form, _) => return Err(SpoolError::Damaged(format!("its form {form:?} is not {FORM}"))),
        };
        if known != (Some(FORM), Some(incarnation)) {
            journal.write(&[put_number("m/form", FORM), put_number("m/incarnation", incarnation)])?;
        }
        let (mut events, mut event_bytes, mut newest) = (0, 0, 0);
        for (key, bytes) in journal.keys(b"e/") {
            events += 1;
            event_bytes += bytes;
            newest = number_of(key)?;
        }
        let next = number(&mut journal, b"m/next")?.unwrap_or(1);
        let first = journal.keys(b"o/").next().map_or(Ok(next), |(key, _)| number_of(key))?;
        let arrivals = number(&mut journal, b"m/arrivals")?.unwrap_or(0).max(newest);
        let state = State { incarnation, first, next, arrivals, events, event_bytes };
        let spool = Spool { event_bytes_max, inner: Mutex::new(Inner { journal, state }) };
        if damage.places > 0 {
            spool.tell(&damage, fresh)?;
        }
        spool.inner().agree()?;
        Ok(spool)
    }

    /// Tells what was spoiled. Numbers that were given out may be among it, so they begin anew.
    fn tell(&self, damage: &Damage, fresh: u64) -> Result<(), SpoolError> {
        let inner = &mut *self.inner();
        let times = [&damage.between.0, &damage.between.1].map(|value| {
            let told = wire::Observation::from_bytes(value.as_deref()?).ok()?;
            Some(time::from_wire(told.observed_at_us))
        });
        let times: Vec<Timestamp> = times.into_iter().flatten().collect();
        // Where nothing before or after it tells when it was: some time until the file was last written.
        let written = inner.journal.written_at();
        let since = times.iter().min().copied().unwrap_or(written);
        let until = if times.len() == 2 { times.iter().max().copied() } else { None }.unwrap_or(written);
        let gap = Gap {
            lost: damage.places,
            reason: "records of the agent's spool were spoiled on its disk".to_owned(),
            since: since.min(until),
            until: since.max(until),
            cause: GapCause::Spoiled,
            at_least: true,
        };
        inner.begin_again(fresh, Some(gap))?;
        // Else the same places would be told again at the next start.
        inner.journal.rewrite()?;
        Ok(())
    }

    /// This life of the spool.
    pub fn incarnation(&self) -> u64 {
        self.inner().state.incarnation
    }

    /// How many events ever arrived: tells, after an error, whether the last one is in.
    pub fn arrivals(&self) -> u64 {
        self.inner().state.arrivals
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
        let inner = &mut *self.inner();
        let before = inner.journal.get(b"m/owner")?;
        if before.as_deref() == Some(owner.as_bytes()) {
            return Ok(());
        }
        if before.is_some() {
            inner.begin_again(fresh, None)?;
        }
        inner.journal.write(&[Change::Put(b"m/owner".to_vec(), owner.as_bytes().to_vec())])?;
        Ok(())
    }

    /// How many lines of a drill are taken.
    pub fn drilled_to(&self, drill: &str) -> Result<u64, SpoolError> {
        Ok(number(&mut self.inner().journal, format!("r/{drill}").as_bytes())?.unwrap_or(0))
    }

    fn append_event(
        &self,
        fact: Fact,
        observed_at: Timestamp,
        drill: Option<(&str, u64)>,
    ) -> Result<Appended, SpoolError> {
        let bytes = Observation { sequence: 0, observed_at, fact }.to_bytes();
        let inner = &mut *self.inner();
        let mut after = inner.state;
        let mut changes = Vec::new();
        let room = self.event_bytes_max.saturating_sub(bytes.len() as u64);
        inner.give_up(GapCause::Full, |state, _| state.event_bytes > room, &mut after, &mut changes)?;
        after.arrivals += 1;
        after.events += 1;
        after.event_bytes += bytes.len() as u64;
        changes.push(put_number("m/arrivals", after.arrivals));
        changes.push(Change::Put(numbered("e/", after.arrivals), bytes));
        if let Some((drill, position)) = drill {
            changes.push(put_number(&format!("r/{drill}"), position));
        }
        inner.journal.write(&changes)?;
        inner.state = after;
        Ok(Appended::Taken)
    }

    /// The agent has worked for another hour: an event that waited for more than `days_max` days of them is given up.
    /// Hours of work and not the clock's: a clock that jumps by years makes nothing old.
    pub fn grow_older(&self, days_max: u64) -> Result<(), SpoolError> {
        let inner = &mut *self.inner();
        let hours = number(&mut inner.journal, b"m/hours")?.unwrap_or(0) + 1;
        let counted = put_number("m/hours", hours);
        if hours % 24 != 0 {
            inner.journal.write_lazily(&[counted])?;
            return Ok(());
        }
        let today = hours / 24;
        let mut after = inner.state;
        let mut changes = vec![counted, put_number_at(numbered("t/", today), after.arrivals)];
        let marks: Vec<Vec<u8>> = inner.journal.keys(b"t/").map(|(key, _)| key.to_vec()).collect();
        let mut old = 0;
        for mark in marks {
            if number_of(&mark)?.saturating_add(days_max) > today {
                break;
            }
            old = number(&mut inner.journal, &mark)?.unwrap_or(0).max(old);
            changes.push(Change::Remove(mark));
        }
        inner.give_up(GapCause::TooOld, |_, arrival| arrival <= old, &mut after, &mut changes)?;
        inner.journal.write(&changes)?;
        inner.state = after;
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
        if bytes.len() > OBSERVATION_BYTES_MAX || weight_of_observation(&bytes) > OBSERVATION_WEIGHT_MAX {
            let sentence = format!("{subject}: {} bytes were seen, more than can be sent", bytes.len());
            bytes = Observation { sequence: 0, observed_at, fact: unreadable(subject, sentence) }.to_bytes();
        }
        let inner = &mut *self.inner();
        let known = format!("d/{subject}").into_bytes();
        if let Some(told) = inner.journal.get(&known)?
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
        let waits = format!("i/{subject}").into_bytes();
        inner.journal.write(&[Change::Put(known, told), Change::Put(waits, bytes)])?;
        Ok(Appended::Taken)
    }

    /// The oldest observations that are not acknowledged, at most `count_max` and about `bytes_max` of them (one is
    /// always given); `None` when nothing waits. Asking again gives the same until they are acknowledged.
    pub fn pending(&self, bytes_max: usize, count_max: usize) -> Result<Option<Batch>, SpoolError> {
        let inner = &mut *self.inner();
        if inner.state.first == inner.state.next {
            inner.form(bytes_max, count_max)?;
        }
        let mut wanted = Vec::new();
        let mut bytes_taken = 0;
        for (key, bytes) in inner.journal.keys(b"o/").take(count_max) {
            bytes_taken += bytes;
            if bytes_taken > bytes_max as u64 && !wanted.is_empty() {
                break;
            }
            wanted.push(key.to_vec());
        }
        let mut observations = Vec::with_capacity(wanted.len());
        for key in wanted {
            let Some(bytes) = inner.journal.get(&key)? else { continue };
            let mut next = observation(&bytes)?;
            next.sequence = number_of(&key)?;
            observations.push(next);
        }
        let incarnation = inner.state.incarnation;
        Ok((!observations.is_empty()).then_some(Batch { incarnation, observations }))
    }

    /// Takes the collector's word that this incarnation is durable there up to `durable_to`. When that does not fit to
    /// what was sent, `fresh` becomes the new incarnation.
    pub fn settle(&self, durable_to: u64, fresh: u64, now: Timestamp) -> Result<Settled, SpoolError> {
        let inner = &mut *self.inner();
        let first = inner.state.first;
        if durable_to >= inner.state.next {
            inner.begin_again(fresh, None)?;
            return Ok(Settled::Ahead);
        }
        if durable_to + 1 < first {
            let lost = first - 1 - durable_to;
            let reason = "the collector no longer has observations that it had acknowledged".to_owned();
            let cause = GapCause::CollectorBehind;
            let gap = Gap { lost, reason, since: now, until: now, cause, at_least: false };
            inner.begin_again(fresh, Some(gap))?;
            return Ok(Settled::Behind { lost });
        }
        let changes: Vec<Change> =
            (first..=durable_to).map(|sequence| Change::Remove(numbered("o/", sequence))).collect();
        if !changes.is_empty() {
            // Should this be forgotten, the same is sent again under the same numbers, and that is safe.
            inner.journal.write_lazily(&changes)?;
        }
        inner.state.first = durable_to + 1;
        Ok(Settled::Acknowledged(durable_to + 1 - first))
    }

    /// How much waits.
    pub fn waiting(&self) -> Waiting {
        let Inner { journal, state } = &*self.inner();
        let count = |prefix: &[u8]| journal.keys(prefix).count() as u64;
        Waiting {
            events: state.events + count(b"m/gap"),
            inventories: count(b"i/"),
            outgoing: state.next - state.first,
        }
    }

    /// Everything is on disk when this returns.
    pub fn flush(&self) -> Result<(), SpoolError> {
        Ok(self.inner().journal.sync()?)
    }

    /// Whether a write failed so that only writing everything into another file gives certainty.
    pub fn is_doubtful(&self) -> bool {
        self.inner().journal.is_doubtful()
    }

    /// Writes everything into another file.
    pub fn rewrite(&self) -> Result<(), SpoolError> {
        Ok(self.inner().journal.rewrite()?)
    }

    /// Makes the spool's folder anew, with everything in it, where somebody removed it. Answers whether it was gone.
    pub fn stay_in_place(&self) -> Result<bool, SpoolError> {
        let inner = &mut *self.inner();
        if inner.journal.is_in_place() {
            return Ok(false);
        }
        inner.journal.rewrite()?;
        Ok(true)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Gives up the oldest events as long as `too_much` says so, and counts them into the gap that will be told first.
    fn give_up(
        &mut self,
        cause: GapCause,
        too_much: impl Fn(&State, u64) -> bool,
        after: &mut State,
        changes: &mut Vec<Change>,
    ) -> Result<(), SpoolError> {
        let mut oldest = Vec::new();
        for (key, bytes) in self.journal.keys(b"e/") {
            if !too_much(after, number_of(key)?) {
                break;
            }
            after.events -= 1;
            after.event_bytes -= bytes;
            oldest.push(key.to_vec());
        }
        if oldest.is_empty() {
            return Ok(());
        }
        let gap_key = format!("m/gap/{}", cause.name()).into_bytes();
        let mut gap = match self.journal.get(&gap_key)? {
            Some(bytes) => gap_of(&bytes)?,
            None => None,
        };
        for key in oldest {
            let Some(bytes) = self.journal.get(&key)? else { continue };
            let given_up = observation(&bytes)?;
            let (at, lost, at_least) = match given_up.fact {
                // A gap that is given up must not make the loss look smaller.
                Some(wire::observation::Fact::Gap(ref told)) => {
                    (told.since_us, told.lost.max(1), told.at_least)
                }
                _ => (given_up.observed_at_us, 1, false),
            };
            let (since, until) = (time::from_wire(at), time::from_wire(given_up.observed_at_us));
            let so_far = gap.get_or_insert_with(|| Gap {
                lost: 0,
                reason: match cause {
                    GapCause::TooOld => "events waited in the agent's spool for too long",
                    _ => "the agent's spool was full",
                }
                .to_owned(),
                since,
                until,
                cause,
                at_least,
            });
            so_far.lost += lost;
            so_far.at_least |= at_least;
            so_far.since = so_far.since.min(since);
            so_far.until = so_far.until.max(until);
            changes.push(Change::Remove(key));
        }
        if let Some(gap) = gap {
            changes.push(Change::Put(gap_key, told(gap)));
        }
        Ok(())
    }
}

fn numbered(prefix: &str, number: u64) -> Vec<u8> {
    [prefix.as_bytes(), &number.to_be_bytes()].concat()
}

fn put_number(key: &str, number: u64) -> Change {
    put_number_at(key.as_bytes().to_vec(), number)
}

fn put_number_at(key: Vec<u8>, number: u64) -> Change {
    Change::Put(key, number.to_be_bytes().to_vec())
}

fn number_of(key: &[u8]) -> Result<u64, SpoolError> {
    let number = key.get(2..).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
    number.ok_or_else(|| SpoolError::Damaged("a key is no number".to_owned()))
}

fn number(journal: &mut Journal, key: &[u8]) -> Result<Option<u64>, SpoolError> {
    let Some(bytes) = journal.get(key)? else { return Ok(None) };
    let number = bytes.as_slice().try_into().map(u64::from_be_bytes);
    number
        .map(Some)
        .map_err(|_| SpoolError::Damaged(format!("{} is no number", String::from_utf8_lossy(key))))
}

fn told(gap: Gap) -> Vec<u8> {
    Observation { sequence: 0, observed_at: gap.until, fact: Fact::Gap(gap) }.to_bytes()
}

fn observation(bytes: &[u8]) -> Result<wire::Observation, SpoolError> {
    wire::Observation::from_bytes(bytes).map_err(|error| SpoolError::Damaged(error.to_string()))
}

fn is_look(observation: &wire::Observation) -> bool {
    use wire::observation::Fact as Told;
    !matches!(observation.fact, None | Some(Told::MediumEvent(_) | Told::Gap(_)))
}

fn gap_of(bytes: &[u8]) -> Result<Option<Gap>, SpoolError> {
    Ok(match observation(bytes)?.fact {
        Some(wire::observation::Fact::Gap(gap)) => Some(gap.into()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
