//! An import of a file that was made from an older version: merged with what was changed since, or refused.

use daicho_rules::ledger::Ledger;
use daicho_rules::text::Text;

use super::{Entry, ImportError};
use crate::Collector;
use crate::bookkeeping::export;
use crate::bookkeeping::headings::Mapping;
use crate::bookkeeping::merging::{self, Conflict, Merged, Settled, Told};
use crate::bookkeeping::reading::Reading;
use crate::bookkeeping::sheets::Known;
use crate::chronicle::What;
use crate::shelves::LedgerVersion;

/// Why nothing was merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// Nobody says from which version the file was made.
    #[error("the file does not say from which version it was made")]
    Unstamped,
    /// That version is not in the store.
    #[error("version {0} is not kept")]
    NotKept(u64),
    /// Both changed the same.
    #[error("{} fields were changed on both sides", .0.len())]
    Conflicts(Vec<Conflict>),
    /// What was settled is no conflict.
    #[error("{} settle nothing", .0.join(", "))]
    Unknown(Vec<String>),
}

impl MergeError {
    /// What to say.
    pub fn text(&self) -> Text {
        match self {
            MergeError::Unstamped => Text::new(
                "このファイルには、台帳のどの版を元にしたかの記録がないため、併合できません。何も取り込んでいません。元の版を `daicho ledger versions` で確かめ、`--based-on 版` を付けてください。",
                "the file does not say from which version of the ledger it was made, so it cannot be merged; nothing was imported. Look the version up with `daicho ledger versions` and give it with `--based-on VERSION`",
            ),
            MergeError::NotKept(number) => Text::new(
                format!(
                    "元の版（第 {number} 版）が残っていないため、併合できません。何も取り込んでいません。`daicho ledger export --into` で最新の版をブックに写してから編集し直してください。"
                ),
                format!(
                    "version {number}, from which the file was made, is not there, so it cannot be merged; nothing was imported. Write the current version into the workbook with `daicho ledger export --into` and edit that"
                ),
            ),
            MergeError::Conflicts(conflicts) => {
                let count = conflicts.len();
                Text::new(
                    format!("{count} 件は両方で変更されているため、併合できません。何も取り込んでいません。"),
                    format!(
                        "{count} fields were changed on both sides and cannot be merged; nothing was imported"
                    ),
                )
            }
            MergeError::Unknown(names) => {
                let names: Vec<String> =
                    names.iter().take(SHOWN_MAX).map(|name| crate::cli::output::escape(name)).collect();
                let names = names.join(", ");
                Text::new(
                    format!(
                        "--take-mine と --take-theirs の指定 {names} は、両方で変更された項目のどれでもないか、両方に指定されています。何も取り込んでいません。指定なしで --merge を実行すると一覧が出ます。"
                    ),
                    format!(
                        "{names} of --take-mine and --take-theirs is no field that both sides changed, or was given to both; nothing was imported. --merge without them lists the fields"
                    ),
                )
            }
        }
    }
}

/// Names in one sentence: it travels in a header.
const SHOWN_MAX: usize = 10;

/// What is to become the current version.
pub(super) struct ToAdopt {
    pub(super) ledger: Ledger,
    pub(super) entry: Entry,
    /// The version with which it was merged; `None`: nothing came between.
    pub(super) with: Option<u64>,
}

/// Merges a reading with the current version. `Collector::judging` is held.
pub(super) fn merge(
    collector: &Collector,
    reading: Reading,
    entry: Entry,
    settled: &Settled,
) -> Result<ToAdopt, ImportError> {
    let versions = collector.shelves.ledger_versions()?;
    let Some(current) = versions.last().map(|version| version.number) else {
        return Ok(ToAdopt { ledger: reading.ledger, entry, with: None });
    };
    let based_on = entry.based_on.ok_or(MergeError::Unstamped)?;
    if based_on == current {
        return Ok(ToAdopt { ledger: reading.ledger, entry, with: None });
    }
    let base = collector.shelves.ledger(based_on)?.ok_or(MergeError::NotKept(based_on))?;
    let theirs = collector.ledger();
    let merged = merging::merge(&base, &theirs, &reading.ledger, &Told::by(&reading), settled);
    if !merged.unknown.is_empty() {
        return Err(MergeError::Unknown(merged.unknown).into());
    }
    if !merged.conflicts.is_empty() {
        return Err(MergeError::Conflicts(merged.conflicts).into());
    }
    check(&merged.ledger)?;
    let since = versions.iter().filter(|version| version.number > based_on);
    let entry = told(entry, based_on, current, since, &merged);
    Ok(ToAdopt { ledger: merged.ledger, entry, with: Some(current) })
}

/// A ledger is sound where it can be written and read again: rows of one side may refer to what the other one removed.
fn check(ledger: &Ledger) -> Result<(), ImportError> {
    let known = Known::of_the_house();
    let style = export::Style {
        language: daicho_rules::text::Language::English,
        version: None,
        settings: &known.settings,
    };
    let reading = crate::bookkeeping::read_files(&export::csv(ledger, style), &Mapping::new(), &known);
    if reading.faults.0.is_empty() { Ok(()) } else { Err(ImportError::Faults(reading.faults)) }
}

/// The log names both: who brought the file, and who wrote what it is merged with.
fn told<'a>(
    mut entry: Entry,
    based_on: u64,
    current: u64,
    since: impl Iterator<Item = &'a LedgerVersion>,
    merged: &Merged,
) -> Entry {
    let mut names: Vec<&str> = since.map(|version| version.imported_by.as_str()).collect();
    names.dedup();
    let theirs = names.join(", ");
    let word = format!("併合 merged: {based_on} + {current} ({theirs})");
    let note = entry.note.take();
    let details = [
        ("based_on", based_on.to_string()),
        ("merged_with", current.to_string()),
        ("mine", entry.operator.clone()),
        ("theirs", theirs),
        ("take_mine", merged.taken.0.join(", ")),
        ("take_theirs", merged.taken.1.join(", ")),
    ];
    let details = details.into_iter().filter(|(_, value)| !value.is_empty());
    entry.decision = Some(What::Decision {
        on: "ledger".to_owned(),
        subject: (current + 1).to_string(),
        decision: "merged".to_owned(),
        note: note.clone(),
        details: details.map(|(name, value)| (name.to_owned(), value)).collect(),
    });
    entry.note = Some(note.map_or_else(|| word.clone(), |note| format!("{note} / {word}")));
    entry.based_on = Some(current);
    entry
}
