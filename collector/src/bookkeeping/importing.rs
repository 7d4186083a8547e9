//! An import: all of a ledger or nothing of it, with its number, who brought it, and when.

use daicho_rules::ledger::Ledger;
use daicho_rules::text::Text;

use super::difference::{Change, differences};
use super::fault::Faults;
use super::headings::Mapping;
use super::passwords::Passwords;
use super::reading::{self, Opened};
use super::sheets::Known;
use crate::Collector;
use crate::chronicle::{Chronicle, What};
use crate::shelves::LedgerVersion;
use crate::store::{Batch, StoreError};

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
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The ledger has faults.
    #[error("{0}")]
    Faults(Faults),
    /// Somebody else was faster.
    #[error("version {} was imported meanwhile", .0.number)]
    Newer(LedgerVersion),
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
    let Submission { opened, mapping, source, note, based_on } = submission;
    let opened = reading::without_passwords(opened, &mapping);
    let passwords = opened.passwords.clone();
    let known = Known::of_the_house();
    let based_on = based_on.or(opened.based_on);
    let reading = reading::interpret(opened, &mapping, &known);
    if !reading.faults.0.is_empty() {
        return Err(ImportError::Faults(reading.faults));
    }
    let entry = Entry { source, note, based_on, operator: operator.to_owned(), ..Entry::default() };
    let (version, changes) = adopt(collector, reading.ledger, entry).await?;
    Ok(Imported { version, changes, passwords })
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
    let Entry { source, note, based_on, operator, decision, beside } = entry;
    let _judging = collector.judging.lock().await;
    let versions = collector.shelves.ledger_versions()?;
    if let Some(newer) = written_meanwhile(&versions, based_on, &operator) {
        return Err(ImportError::Newer(newer.clone()));
    }
    let changes = differences(&collector.ledger(), &ledger);
    if let (Some(current), true) = (versions.last(), changes.is_empty()) {
        return Ok((current.clone(), changes));
    }
    let version = LedgerVersion {
        number: versions.last().map_or(1, |version| version.number + 1),
        imported_at: collector.clock.now(),
        imported_by: operator,
        source: source.chars().take(NOTE_CHARACTERS_MAX).collect(),
        note: note.map(|note| note.chars().take(NOTE_CHARACTERS_MAX).collect()),
    };
    let mut batch = Batch::default();
    batch.put_ledger(&version, &ledger);
    for (key, value) in &beside {
        batch.put_json(key, value);
    }
    let what = What::of_ledger(&version, &ledger);
    let mut chronicle = Chronicle::open(&collector.shelves)?;
    if let Some(decision) = decision {
        chronicle.append(&mut batch, version.imported_at, &version.imported_by, decision);
    }
    chronicle.append(&mut batch, version.imported_at, &version.imported_by, what);
    collector.shelves.commit(batch)?;
    collector.set_ledger(ledger);
    collector.nudge_all();
    let by = version.imported_by.as_str();
    tracing::info!(version = version.number, by, changes = changes.len(), "Ledger imported.");
    Ok((version, changes))
}

/// The newest version by somebody else after the one that was edited: importing would undo it unseen.
fn written_meanwhile<'a>(
    versions: &'a [LedgerVersion],
    based_on: Option<u64>,
    operator: &str,
) -> Option<&'a LedgerVersion> {
    let based_on = based_on?;
    versions.iter().rev().find(|version| version.number > based_on && version.imported_by != operator)
}

/// What to say of a version that came between.
pub fn newer_text(newer: &LedgerVersion) -> Text {
    let LedgerVersion { number, imported_by, imported_at, .. } = newer;
    let day = daicho_proto::time::japanese_date(*imported_at);
    Text::new(
        format!(
            "この台帳の元になった版より後に、{imported_by} さんが {day} に第 {number} 版を取り込んでいます。`daicho ledger diff` で違いを確かめ、それでよければ `--based-on {number}` を付けて取り込んでください。"
        ),
        format!(
            "{imported_by} imported version {number} on {day}, after the version that this ledger is based on; look at `daicho ledger diff`, and if your ledger is to replace it, import with `--based-on {number}`"
        ),
    )
}

#[cfg(test)]
mod tests;
