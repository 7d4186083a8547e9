//! An import: all of a ledger or nothing of it, with its number, who brought it, and when.

use daicho_rules::ledger::Ledger;
use jiff::Timestamp;

use super::difference::{Change, differences};
use super::fault::Faults;
use super::headings::Mapping;
use super::merging::Settled;
use super::passwords::Passwords;
use super::reading::{self, Opened};
use super::remembered::{self, Remembered};
use super::sheets::Known;
use crate::Collector;
use crate::applications::Approvals;
use crate::applications::bringing::Brought;
use crate::chronicle::{Chronicle, What};
use crate::shelves::LedgerVersion;
use crate::store::{Batch, StoreError};

pub mod meanwhile;
mod merged;

use meanwhile::Meanwhile;
pub use merged::MergeError;
use merged::ToAdopt;

/// What an operator brings.
#[derive(Clone, Debug, Default)]
pub struct Submission {
    /// The grids, as they were opened on the operator's machine, without passwords.
    pub opened: Opened,
    /// The mapping by hand.
    pub mapping: Mapping,
    /// The file's or folder's name, for people.
    pub source: String,
    /// A word of the operator's.
    pub note: Option<String>,
    /// The version that was edited, where it is known.
    pub based_on: Option<u64>,
    /// Whether to merge with what was changed in the ledger since, and what a person settled where both changed the same.
    pub merge: Option<Settled>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The current version now.
    pub version: LedgerVersion,
    /// What differs from the version before; empty: nothing, and no version was made.
    pub changes: Vec<Change>,
    /// Columns of passwords that got this far all the same; their cells were thrown away.
    pub passwords: Option<Passwords>,
    /// The version with which the file was merged.
    pub merged_with: Option<u64>,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The ledger has faults.
    #[error("{0}")]
    Faults(Faults),
    /// The ledger went on after the version that was edited.
    #[error("version {} was imported meanwhile", .0.newest.number)]
    Newer(Box<Meanwhile>),
    /// It cannot be merged.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Longest note and source name that are kept: a sentence or two.
const NOTE_CHARACTERS_MAX: usize = 500;

/// Imports a ledger as `operator`. The grids are read again, as if nobody had: the client is not trusted.
pub async fn import(
    collector: &Collector,
    submission: Submission,
    operator: &str,
) -> Result<Imported, ImportError> {
    let Submission { opened, mapping, source, note, based_on, merge } = submission;
    let opened = reading::without_passwords(opened, &mapping);
    let passwords = opened.passwords.clone();
    let known = Known::of_the_house();
    let based_on = based_on.or(opened.based_on);
    let remembered = remembered::of(&opened.grids, &mapping, operator, Timestamp::UNIX_EPOCH);
    let reading = reading::interpret(opened, &mapping, &known);
    if !reading.faults.0.is_empty() {
        return Err(ImportError::Faults(reading.faults));
    }
    let entry = Entry { source, note, based_on, operator: operator.to_owned(), ..Entry::default() };
    let _judging = collector.judging.lock().await;
    let at = collector.clock.now();
    let earlier: Vec<Remembered> = collector.shelves.all(remembered::SHELF)?;
    let fresh = remembered.into_iter().map(|told| Remembered { at, ..told });
    let fresh = fresh.filter(|told| !earlier.iter().any(|one| one.key() == told.key() && one.says(told)));
    let adopt = match &merge {
        Some(choices) => merged::merge(collector, reading, entry, choices)?,
        None => ToAdopt { ledger: reading.ledger, entry, with: None },
    };
    let ToAdopt { ledger, entry, with } = adopt;
    // Who merges has read his own file, and not what others wrote meanwhile.
    let approving = if with.is_some() { Approving::News } else { Approving::Whole };
    let (version, changes) = adopt_with(collector, ledger, entry, &approving, |batch, chronicle| {
        for told in fresh {
            batch.put_json(&told.key(), &told);
            chronicle.append(batch, at, operator, settled(&told, "remembered"));
        }
    })?;
    Ok(Imported { version, changes, passwords, merged_with: with })
}

/// What the log says of a mapping.
fn settled(told: &Remembered, decision: &str) -> What {
    What::Decision {
        on: "mapping".to_owned(),
        subject: told.sheet.clone(),
        decision: decision.to_owned(),
        note: None,
        details: told.columns.clone(),
    }
}

/// Forgets what was remembered of a sheet; whether there was something.
pub async fn forget(collector: &Collector, sheet: &str, operator: &str) -> Result<bool, StoreError> {
    let _judging = collector.judging.lock().await;
    let key = remembered::key(sheet);
    let Some(told) = collector.shelves.get::<Remembered>(&key)? else { return Ok(false) };
    let mut batch = Batch::default();
    batch.remove(key);
    let mut chronicle = Chronicle::open(&collector.shelves)?;
    chronicle.append(&mut batch, collector.clock.now(), operator, settled(&told, "forgotten"));
    collector.shelves.commit(batch)?;
    Ok(true)
}

/// Who brings a ledger, from where, and why.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The file's or folder's name, for people.
    pub source: String,
    /// A word of the operator's.
    pub note: Option<String>,
    /// The version that was edited, where it is known.
    pub based_on: Option<u64>,
    /// Who.
    pub operator: String,
    /// The decision that the version carries out: it goes into the log with it.
    pub decision: Option<What>,
    /// What is kept beside it, by key, in the same batch.
    pub beside: Vec<(String, serde_json::Value)>,
}

/// Makes a ledger that was read without a fault the current version, and has everything judged anew.
/// Where nothing differs, the current version stays.
pub async fn adopt(
    collector: &Collector,
    ledger: Ledger,
    entry: Entry,
) -> Result<(LedgerVersion, Vec<Change>), ImportError> {
    let _judging = collector.judging.lock().await;
    adopt_with(collector, ledger, entry, &Approving::News, |_, _| {})
}

/// What of a ledger an officer approves by bringing it.
enum Approving<'a> {
    /// All of it: a workbook was imported.
    Whole,
    /// What is new in it.
    News,
    /// Just what is approved already.
    These(&'a Approvals),
}

/// The same for who holds `Collector::judging` and says what is approved; `also` adds to the batch.
pub(crate) fn adopt_held(
    collector: &Collector,
    ledger: Ledger,
    entry: Entry,
    approvals: &Approvals,
    also: impl FnOnce(&mut Batch, &mut Chronicle),
) -> Result<(LedgerVersion, Vec<Change>), ImportError> {
    adopt_with(collector, ledger, entry, &Approving::These(approvals), also)
}

fn adopt_with(
    collector: &Collector,
    ledger: Ledger,
    entry: Entry,
    approving: &Approving<'_>,
    also: impl FnOnce(&mut Batch, &mut Chronicle),
) -> Result<(LedgerVersion, Vec<Change>), ImportError> {
    let Entry { source, note, based_on, operator, decision, beside } = entry;
    let now = collector.clock.now();
    let versions = collector.shelves.ledger_versions()?;
    let before = collector.ledger();
    let changes = differences(&before, &ledger);
    // What holds already undoes nobody's work, whatever it was made from.
    if !changes.is_empty()
        && let Some(meanwhile) = Meanwhile::since(&collector.shelves, &versions, based_on, &before)?
    {
        return Err(ImportError::Newer(Box::new(meanwhile)));
    }
    let unchanged = versions.last().filter(|_| changes.is_empty()).cloned();
    let number = versions.last().map_or(1, |version| version.number + 1);
    let mut batch = Batch::default();
    let mut chronicle = Chronicle::open(&collector.shelves)?;
    let mut approvals = crate::applications::kept(&collector.shelves)?;
    let brought = Brought {
        ledger: if unchanged.is_some() { &before } else { &ledger },
        before: &before,
        version: unchanged.as_ref().map_or(number, |version| version.number),
        by: &operator,
        at: now,
        whole: matches!(approving, Approving::Whole),
    };
    if let Approving::These(these) = approving {
        approvals = Approvals::clone(these);
    } else {
        brought.settle(&collector.shelves, &mut approvals, &mut batch, &mut chronicle)?;
    }
    if let Some(current) = unchanged {
        also(&mut batch, &mut chronicle);
        if !batch.changes.is_empty() {
            collector.shelves.commit(batch)?;
            collector.set_in_force(approvals.in_force(&before));
            collector.nudge_all();
        }
        return Ok((current, changes));
    }
    let in_force = approvals.in_force(&ledger);
    let version = LedgerVersion {
        number,
        imported_at: now,
        imported_by: operator,
        source: source.chars().take(NOTE_CHARACTERS_MAX).collect(),
        note: note.map(|note| note.chars().take(NOTE_CHARACTERS_MAX).collect()),
    };
    batch.put_ledger(&version, &ledger);
    for (key, value) in &beside {
        batch.put_json(key, value);
    }
    let what = What::of_ledger(&version, &ledger);
    if let Some(decision) = decision {
        chronicle.append(&mut batch, version.imported_at, &version.imported_by, decision);
    }
    chronicle.append(&mut batch, version.imported_at, &version.imported_by, what);
    also(&mut batch, &mut chronicle);
    collector.shelves.commit(batch)?;
    collector.set_books(ledger, in_force);
    collector.nudge_all();
    let by = version.imported_by.as_str();
    tracing::info!(version = version.number, by, changes = changes.len(), "Ledger imported.");
    Ok((version, changes))
}

#[cfg(test)]
mod tests;
