//! The agent's queue on its own disk, as a spoiled disk or another version of the agent gives it back. Whatever lay there:
//! what is recorded from now on is told.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use daicho_agent::spool::SpoolError;
use daicho_agent::spool::journal::{Change, Journal};
use daicho_agent::spool::keeper::Keeper;
use daicho_proto::facts::{Fact, Gap, GapCause, Host, Look};
use daicho_proto::wire;
use jiff::{SignedDuration, Timestamp};

use crate::central::{input, now};

/// Names the file of a queue, as the agent does.
const SALT: u64 = 7;
const FILE: &str = "journal-00000001-0000000000000007";

/// Bytes of events that a queue may hold here.
const EVENT_BYTES_MAX: u64 = 64 * 1024;

/// Bytes of a batch.
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// Changes of one input: hundreds of records are enough for everything that a queue does.
const CHANGES_MAX: usize = 200;

/// What an agent does at most until everything is told: each step tells a batch, or begins another queue.
const STEPS_MAX: usize = 1_000;

const LAST_WORD: &str = "recorded after all";

const PREFIXES: [&str; 12] = [
    "e/",
    "o/",
    "i/",
    "d/",
    "r/",
    "t/",
    "m/form",
    "m/incarnation",
    "m/next",
    "m/arrivals",
    "m/gap",
    "m/owner",
];

/// Any bytes at all.
pub fn anything(root: &Path) {
    fs::write(emptied(root).join(FILE), input(root)).expect("a temporary folder can be written");
    lives_with(root);
}

/// A queue of the agent's own of which some bytes are others, or which was cut: two bytes of the input say where, one how
/// many, and those follow.
pub fn spoiled(root: &Path) {
    let mut bytes = whole().to_vec();
    let input = input(root);
    let mut rest = input.as_slice();
    while let [high, low, count, others @ ..] = rest {
        let at = usize::from(u16::from_be_bytes([*high, *low])) % bytes.len().max(1);
        let count = usize::from(*count).min(others.len());
        let (others, left) = others.split_at(count);
        if others.is_empty() {
            bytes.truncate(at);
        }
        for (place, other) in bytes.iter_mut().skip(at).zip(others) {
            *place = *other;
        }
        rest = left;
    }
    fs::write(emptied(root).join(FILE), bytes).expect("a temporary folder can be written");
    lives_with(root);
}

/// Records whose checks are right and which hold anything, behind those of a queue of the agent's own where the first byte
/// is odd.
pub fn records(root: &Path) {
    let input = input(root);
    let Some((first, mut rest)) = input.split_first() else { return };
    let folder = emptied(root);
    if first % 2 == 1 {
        fs::write(folder.join(FILE), whole()).expect("a temporary folder can be written");
    }
    let (mut journal, _) = Journal::open(&folder, SALT).expect("a temporary folder can be written");
    for _ in 0..CHANGES_MAX {
        let Some(change) = change(&mut rest) else { break };
        journal.write(&[change]).expect("a temporary folder can be written");
    }
    drop(journal);
    lives_with(root);
}

/// A byte for what is done, one for the key's kind, one for the length of the key's rest, one for the value's.
fn change(rest: &mut &[u8]) -> Option<Change> {
    let [done, kind, of_key, of_value, bytes @ ..] = *rest else { return None };
    let (key, bytes) = bytes.split_at(usize::from(*of_key).min(bytes.len()));
    let (value, bytes) = bytes.split_at(usize::from(*of_value).min(bytes.len()));
    *rest = bytes;
    let key = [PREFIXES[usize::from(*kind) % PREFIXES.len()].as_bytes(), key].concat();
    Some(match done % 4 {
        0 => Change::Remove(key),
        1 => Change::Move(key, value.to_vec()),
        _ => Change::Put(key, value.to_vec()),
    })
}

/// A folder for a queue, and nothing in it: what was damaged before was set aside beside it.
fn emptied(root: &Path) -> PathBuf {
    for entry in fs::read_dir(root).expect("the target's folder").filter_map(Result::ok) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            fs::remove_dir_all(entry.path()).expect("a temporary folder can be removed");
        }
    }
    let folder = root.join("spool");
    fs::create_dir(&folder).expect("a temporary folder can be made");
    folder
}

/// A queue with everything in it: events and inventories that wait, and some that are on their way.
fn whole() -> &'static [u8] {
    static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let keeper = Keeper::new(folder.path(), EVENT_BYTES_MAX, "agent".to_owned(), || SALT, now());
        let spool = keeper.spool().expect("a temporary folder can be written");
        for number in 0..8 {
            keeper.record(event(&format!("event {number}"), now()), now(), now());
            if number == 4 {
                drop(spool.pending(1024 * 1024, 3).expect("what was just written"));
            }
        }
        let host = Host { hostname: Some("sv-01".to_owned()), ..Host::default() };
        keeper.record(Fact::Host(Look::complete(host)), now(), now());
        keeper.grow_older(30, now());
        spool.flush().expect("a temporary folder can be written");
        fs::read(folder.path().join("spool").join(FILE)).expect("what was just written")
    })
}

fn event(reason: &str, at: Timestamp) -> Fact {
    let cause = GapCause::Memory;
    Fact::Gap(Gap { lost: 1, reason: reason.to_owned(), since: at, until: at, cause, at_least: false })
}

/// An agent begins with what lies there.
fn lives_with(root: &Path) {
    let mut clock = now();
    let keeper = Keeper::new(root, EVENT_BYTES_MAX, "agent".to_owned(), || SALT + 1, clock);
    keeper.record(event(LAST_WORD, clock), clock, clock);
    for _ in 0..STEPS_MAX {
        clock += SignedDuration::from_secs(1);
        let Some(spool) = keeper.spool() else {
            keeper.mend(clock);
            continue;
        };
        spool.waiting();
        let done = spool.pending(BATCH_BYTES_MAX, 100).and_then(|batch| {
            let Some(batch) = batch else { return Ok(None) };
            let last = batch.observations.last().map_or(0, |last| last.sequence);
            spool.settle(last, SALT + 2, clock)?;
            Ok(Some(batch.observations.iter().any(is_last_word)))
        });
        match done {
            Ok(Some(true)) => return keeper.grow_older(1, clock),
            Ok(Some(false)) => {}
            Ok(None) => panic!("nothing waits, and the last word was not told"),
            Err(error) => {
                keeper.failed(&error, clock);
                if matches!(error, SpoolError::Damaged(_)) {
                    // It was set aside with the last word in it, and a gap says so: this is another one.
                    keeper.record(event(LAST_WORD, clock), clock, clock);
                }
            }
        }
    }
    panic!("the last word is never told: {:?}", keeper.trouble());
}

fn is_last_word(observation: &wire::Observation) -> bool {
    let fact = observation.fact.as_ref();
    fact.is_some_and(|fact| matches!(fact, wire::observation::Fact::Gap(gap) if gap.reason == LAST_WORD))
}
