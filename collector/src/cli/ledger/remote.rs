//! What asks a running collector: import, export, versions, propose.

use std::path::Path;

use anyhow::Context as _;
use daicho_proto::wire as w;
use daicho_rules::ledger::Ledger;
use daicho_rules::text::Language;
use serde_json::{Value, json};

use super::target::{self, Form};
use super::{Bring, Source, local, mappings, shown};
use crate::applications::Application;
use crate::bookkeeping::export::Style;
use crate::bookkeeping::merging::Conflict;
use crate::bookkeeping::remembered::Remembered;
use crate::bookkeeping::sheets::Known;
use crate::bookkeeping::{Faults, Reading, reading};
use crate::cli::connection::Connection;
use crate::cli::output::{self, Format, Table};
use crate::cli::{Context, Outcome, failure};
use crate::grpc::bookkeeping::wire;
use crate::shelves::LedgerVersion;

/// Imports a ledger.
pub(super) async fn import(bring: Bring, context: &Context) -> anyhow::Result<Outcome> {
    let Bring { source, note, based_on, merge, take_mine, take_theirs } = bring;
    let source = &source;
    let (connection, known) = asked(context).await;
    let (reading, grids, mapping) = opened(source, &known, context)?;
    shown::remarks(&reading, context)?;
    let reading_is_unstamped = based_on.or(reading.based_on).is_none();
    let connection = connection?;
    let name = source.path.file_name().unwrap_or(source.path.as_os_str()).to_string_lossy().into_owned();
    let request = w::LedgerImportRequest {
        grids,
        mapping_json: mapping,
        source: name,
        note,
        based_on: based_on.or(reading.based_on),
        merge,
        take_mine,
        take_theirs,
    };
    let answer = connection.bookkeeping().import(request).await;
    let answer = answer.map_err(|status| connection.explain(&status))?.into_inner();
    if !answer.conflicts_json.is_empty() {
        return conflicts(&answer.conflicts_json, context);
    }
    let Some(version) = answer.version else {
        let faults = Faults(answer.faults.into_iter().map(wire::fault_from_wire).collect());
        shown::faults(&faults, Format::Table, context)?;
        return local::verdict(source, &Reading { faults, ..Reading::default() });
    };
    let changes: Vec<Value> =
        serde_json::from_slice(&answer.changes_json).context("the collector's answer cannot be read")?;
    let (number, count) = (version.number, changes.len());
    let (ja, en) = if changes.is_empty() {
        (
            format!("現在の第 {number} 版と同じ内容です。何も変更していません。\n"),
            format!("This is what version {number} holds already. Nothing was changed.\n"),
        )
    } else {
        (
            format!(
                "第 {number} 版として取り込みました（{count} 行の変更）。すべての機器を判定し直しています。\n"
            ),
            format!(
                "Imported as version {number}, with {count} changed rows. Every device is being judged anew.\n"
            ),
        )
    };
    output::show(context.say(&ja, &en))?;
    if let Some(with) = answer.merged_with {
        output::show(context.say(
            &format!("第 {with} 版までの変更と併合しました。\n"),
            &format!("Merged with what was changed up to version {with}.\n"),
        ))?;
    }
    if reading_is_unstamped && !changes.is_empty() && number > 1 {
        output::show(context.say(
            "このファイルには元にした版の記録がないため、現在の版を元にしたものとして扱いました。次からは `daicho ledger export` のファイルを編集するか、--based-on で版を指定してください。\n",
            "The file does not say from which version it was made, and was taken as made from the current one. Edit what `daicho ledger export` writes, or give the version with --based-on.\n",
        ))?;
    }
    tell_waiting(&connection, number, context).await?;
    Ok(Outcome::Done)
}

/// Shows what both sides changed, and how it is settled.
fn conflicts(json: &[u8], context: &Context) -> anyhow::Result<Outcome> {
    let conflicts: Vec<Conflict> =
        serde_json::from_slice(json).context("the collector's answer cannot be read")?;
    let mut table = match context.language {
        Language::Japanese => Table::new(&["シート", "行.項目", "元の版", "台帳（現在）", "このファイル"]),
        Language::English => Table::new(&["sheet", "KEY.FIELD", "base", "theirs (ledger)", "mine (file)"]),
    };
    for Conflict { sheet, name, base, theirs, mine } in &conflicts {
        table.row([sheet, name, base, theirs, mine].map(String::clone).into());
    }
    output::show(&table.render())?;
    let count = conflicts.len();
    Err(failure(
        format!(
            "{count} 件は台帳とこのファイルの両方で変更されているため、併合できません。何も取り込んでいません。このファイルの値にするなら --take-mine、台帳の値のままにするなら --take-theirs に「行.項目」を指定してください。"
        ),
        format!(
            "{count} fields were changed both in the ledger and in this file; nothing was imported. Settle each with --take-mine KEY.FIELD or --take-theirs KEY.FIELD"
        ),
    ))
}

/// Says which rows of exceptions and media are not in force before the officer has approved them.
async fn tell_waiting(connection: &Connection, version: u64, context: &Context) -> anyhow::Result<()> {
    let answer = connection.applications().list(w::ApplicationsRequest { all: false }).await;
    let answer = answer.map_err(|status| connection.explain(&status))?.into_inner();
    let mut waiting = 0;
    for json in &answer.applications_json {
        let one: Application =
            serde_json::from_slice(json).context("the collector's answer cannot be read")?;
        waiting += usize::from(one.imported_with.is_some());
    }
    if waiting == 0 {
        return Ok(());
    }
    output::show(context.say(
        &format!(
            "第 {version} 版のうち例外と外部記録媒体の {waiting} 行は、安全管理責任者が承認するまで効力がありません。一覧: daicho applications\n"
        ),
        &format!(
            "{waiting} rows of exceptions and media in version {version} are not in force before the officer approves them: daicho applications\n"
        ),
    ))
}

/// Writes the collector's ledger into files.
pub(super) async fn export(
    to: &Path,
    number: Option<u64>,
    form: Option<Form>,
    cp932: bool,
    context: &Context,
) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let (version, ledger) = content(&connection, number).await?;
    let known = Known::of_the_house();
    let number = version.map(|version| version.number);
    let style = Style { language: context.language, version: number, settings: &known.settings };
    match form.unwrap_or_else(|| Form::of(to)) {
        Form::Csv if cp932 => target::write_cp932(to, &ledger, style, context)?,
        Form::Xlsx | Form::Json if cp932 => {
            return Err(failure(
                "--cp932 は CSV のフォルダーに書き出すときだけ使えます。",
                "--cp932 is for a folder of CSV files",
            ));
        }
        form => target::write(to, form, &ledger, style)?,
    }
    let path = output::escape(&to.display().to_string());
    let number = number.unwrap_or_default();
    output::show(context.say(
        &format!("台帳の第 {number} 版を {path} に書き出しました。\n"),
        &format!("Version {number} of the ledger is in {path}.\n"),
    ))?;
    Ok(Outcome::Done)
}

/// Lists the versions.
pub(super) async fn versions(format: Format, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let versions = all_versions(&connection).await?;
    let mut table = match context.language {
        Language::Japanese => Table::new(&["版", "取込日時", "取込者", "元のファイル", "メモ"]),
        Language::English => Table::new(&["version", "imported at", "by", "source", "note"]),
    };
    for version in &versions {
        let at = version.imported_at.to_zoned(daicho_proto::time::japan());
        table.row(vec![
            version.number.to_string(),
            at.strftime("%Y-%m-%d %H:%M").to_string(),
            version.imported_by.clone(),
            version.source.clone(),
            version.note.clone().unwrap_or_default(),
        ]);
    }
    let empty = context.say(
        "台帳はまだ取り込まれていません。`daicho ledger import` で取り込めます。",
        "No ledger was imported yet; `daicho ledger import` does.",
    );
    output::list(format, &table, &json!({ "versions": versions }), empty)?;
    Ok(Outcome::Done)
}

/// Every version, the oldest first.
pub(super) async fn all_versions(connection: &Connection) -> anyhow::Result<Vec<LedgerVersion>> {
    let answer = connection.bookkeeping().versions(w::LedgerVersionsRequest {}).await;
    let answer = answer.map_err(|status| connection.explain(&status))?.into_inner();
    Ok(answer.versions.into_iter().map(wire::version_from_wire).collect())
}

/// Connects, and asks what is remembered of sheets. Where nobody answers, a ledger's own faults are told all the same.
pub(super) async fn asked(context: &Context) -> (anyhow::Result<Connection>, Vec<Remembered>) {
    let connection = match Connection::open(context).await {
        Ok(connection) => connection,
        Err(error) => return (Err(error), Vec::new()),
    };
    match mappings::all(&connection).await {
        Ok(known) => (Ok(connection), known),
        Err(error) => (Err(error), Vec::new()),
    }
}

/// Reads a ledger here first: its faults need no collector, and its passwords stay here.
pub(super) fn opened(
    source: &Source,
    known: &[Remembered],
    context: &Context,
) -> anyhow::Result<(Reading, Vec<w::LedgerGrid>, String)> {
    let (opened, mapping) = local::open(source, known)?;
    let grids = opened.grids.iter().cloned().map(wire::grid_to_wire).collect();
    let reading = reading::interpret(opened, &mapping, &Known::of_the_house());
    if !reading.faults.0.is_empty() {
        shown::faults(&reading.faults, Format::Table, context)?;
        local::verdict(source, &reading)?;
    }
    let mapping = if mapping.is_empty() { String::new() } else { serde_json::to_string(&mapping)? };
    Ok((reading, grids, mapping))
}

pub(super) async fn content(
    connection: &Connection,
    number: Option<u64>,
) -> anyhow::Result<(Option<LedgerVersion>, Ledger)> {
    let answer = connection.bookkeeping().content(w::LedgerContentRequest { number }).await;
    let answer = answer.map_err(|status| connection.explain(&status))?.into_inner();
    let ledger =
        serde_json::from_slice(&answer.ledger_json).context("the collector's answer cannot be read")?;
    Ok((answer.version.map(wire::version_from_wire), ledger))
}
