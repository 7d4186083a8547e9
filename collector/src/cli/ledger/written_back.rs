//! daicho ledger export --into: the ledger in the hospital's own workbook, as a copy beside it.

use std::path::Path;

use daicho_rules::text::Language;

use super::{Source, local, remote, shown, target};
use crate::bookkeeping::difference::{Change, differences};
use crate::bookkeeping::sheets::Known;
use crate::bookkeeping::workbook_edit::marks::{Marks, Origin};
use crate::bookkeeping::workbook_edit::{self, Refused, Written};
use crate::bookkeeping::{Reading, files, reading};
use crate::cli::connection::Connection;
use crate::cli::output::{self, Format, Table};
use crate::cli::{Context, Outcome, failure};
use crate::shelves::LedgerVersion;

/// Versions that are looked through for who changed a cell: more than a workbook is usually behind; each is one answer
/// of the collector. What is older is told as the version that is written.
const HISTORY_MAX: usize = 20;

/// Writes the copy.
pub(super) async fn export(
    source: &Source,
    to: &Path,
    number: Option<u64>,
    context: &Context,
) -> anyhow::Result<Outcome> {
    let mapping = local::mapping(source)?;
    let gathered = files::gather(&source.path);
    let file = match gathered.map(|mut files| files.pop()) {
        Ok(Some(file)) if source.path.is_file() => file,
        Ok(_) => {
            return Err(failure(
                "--into には病院のブック（.xlsx か .xlsm のファイル）を一つ指定してください。",
                "--into wants one workbook of the hospital, a file that ends in .xlsx or .xlsm",
            ));
        }
        Err(faults) => {
            shown::faults(&faults, Format::Table, context)?;
            return local::verdict(source, &Reading { faults, ..Reading::default() });
        }
    };
    let connection = Connection::open(context).await?;
    let (version, ledger) = remote::content(&connection, number).await?;
    let Some(version) = version else {
        return Err(failure(
            "台帳はまだ取り込まれていません。`daicho ledger import` で取り込んでください。",
            "no ledger was imported yet; `daicho ledger import` does",
        ));
    };
    let based_on = reading::open(std::slice::from_ref(&file), &mapping).based_on;
    let history = history(&connection, based_on, version.number).await?;
    let current = origin(&version);
    let marks = Marks { current: &current, history: &history };
    let known = Known::of_the_house();
    let japanese = context.language == Language::Japanese || in_japanese(&file, &mapping);
    let written = match workbook_edit::write_back(&file, &mapping, &known, &ledger, &marks, japanese) {
        Ok(written) => written,
        Err(Refused::Because(text)) => return Err(failure(text.ja, text.en)),
        Err(Refused::Faults(faults)) => {
            shown::faults(&faults, Format::Table, context)?;
            return local::verdict(source, &Reading { faults, ..Reading::default() });
        }
    };
    target::write_file(to, &written.bytes)?;
    tell(&written, version.number, to, context)?;
    Ok(if written.left.is_empty() { Outcome::Done } else { Outcome::Found })
}

/// Whether the headings of a workbook are Japanese: then our words are.
fn in_japanese(file: &crate::bookkeeping::RawFile, mapping: &crate::bookkeeping::Mapping) -> bool {
    let opened = reading::open(std::slice::from_ref(file), mapping);
    let reading = reading::interpret(opened, mapping, &Known::of_the_house());
    reading.places.values().any(|place| place.headings.values().any(|heading| !heading.is_ascii()))
}

/// What each version changed since the one that the workbook holds.
async fn history(
    connection: &Connection,
    based_on: Option<u64>,
    current: u64,
) -> anyhow::Result<Vec<(Origin, Vec<Change>)>> {
    let versions = remote::all_versions(connection).await?;
    let from = based_on.unwrap_or_default();
    let wanted: Vec<&LedgerVersion> =
        versions.iter().filter(|version| version.number >= from && version.number <= current).collect();
    let wanted = &wanted[wanted.len().saturating_sub(HISTORY_MAX)..];
    let mut history = Vec::new();
    let mut before = None;
    for version in wanted {
        let (_, ledger) = remote::content(connection, Some(version.number)).await?;
        if let Some(before) = &before {
            history.push((origin(version), differences(before, &ledger)));
        }
        before = Some(ledger);
    }
    Ok(history)
}

fn origin(version: &LedgerVersion) -> Origin {
    let day = version.imported_at.to_zoned(daicho_proto::time::japan()).strftime("%Y-%m-%d").to_string();
    Origin { version: version.number, by: version.imported_by.clone(), day }
}

fn tell(written: &Written, number: u64, to: &Path, context: &Context) -> anyhow::Result<()> {
    let path = output::escape(&to.display().to_string());
    let Written { cells, rows, vanished, left, .. } = written;
    let (gone, count) = (vanished.len(), left.len());
    output::show(context.say(
        &format!("台帳の第 {number} 版を {path} に書き戻しました（変更 {cells} セル、追加 {rows} 行、要確認 {gone} 行）。\n"),
        &format!("Version {number} of the ledger is in {path}: {cells} cells changed, {rows} rows added, {gone} rows to be checked.\n"),
    ))?;
    if left.is_empty() {
        return Ok(());
    }
    let mut table = match context.language {
        Language::Japanese => Table::new(&["シート", "行", "項目", "台帳の値", "書き込めなかった理由"]),
        Language::English => Table::new(&["sheet", "row", "field", "ledger", "not written because"]),
    };
    for left in left {
        table.row(vec![
            left.sheet.to_owned(),
            left.key.clone(),
            left.field.clone(),
            left.value.clone(),
            left.why.in_language(context.language).to_owned(),
        ]);
    }
    output::show(context.say(
        &format!("次の {count} 件は書き込んでいません:\n"),
        &format!("These {count} were not written:\n"),
    ))?;
    output::show(&table.render())
}
