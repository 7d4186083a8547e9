//! daicho ledger diff: the ledger against a file against what machines report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use daicho_proto::document::Document;
use daicho_proto::wire as w;
use daicho_rules::ledger::Ledger;
use daicho_rules::linking::{Link, Linker};
use daicho_rules::normal;
use daicho_rules::record::EndpointRecord;
use daicho_rules::text::Language;
use serde_json::json;
use tokio_stream::StreamExt as _;

use super::{Source, remote};
use crate::bookkeeping::difference;
use crate::bookkeeping::differences::{Comparison, Difference, Machine, Measured, Party, Seen};
use crate::bookkeeping::plan::SHEETS;
use crate::cli::output::{self, Format, Table};
use crate::cli::{Context, Outcome, check, failure};

/// What is compared, and what of it is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    #[command(flatten)]
    pub(super) source: Source,
    /// A second ledger: the first is then the ledger and this one the file, and no collector is asked.
    #[arg(value_name = "FILE")]
    against: Option<PathBuf>,
    /// A folder of documents that `daicho-agent collect --format json` printed: what is seen, without a collector.
    #[arg(long, value_name = "DIR", requires = "against")]
    facts: Option<PathBuf>,
    /// Only what is about this device: a device_id, or the host name of one that is not listed.
    #[arg(long)]
    device: Option<String>,
    /// Only this sheet: devices, accounts, media, ...
    #[arg(long)]
    sheet: Option<String>,
    /// Only what the ledger, the file or a machine says and neither of the others does.
    #[arg(long, value_enum, value_name = "WHO")]
    only: Option<Party>,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Shows what differs.
pub(super) async fn diff(asked: &Asked, context: &Context) -> anyhow::Result<Outcome> {
    let sheet = asked.sheet.as_deref().map(sheet).transpose()?;
    let (changes, mut differences, measured) = match &asked.against {
        Some(file) => offline(asked, file, context)?,
        None => online(&asked.source, context).await?,
    };
    let about = |difference: &Difference| {
        asked.device.as_ref().is_none_or(|wanted| {
            difference.device.as_ref().is_some_and(|device| normal::same(device, wanted))
        }) && sheet.is_none_or(|sheet| difference.sheet == sheet)
            && asked.only.is_none_or(|party| difference.only.contains(&party))
    };
    differences.retain(about);
    let (written, differences): (Vec<Difference>, Vec<Difference>) =
        differences.into_iter().partition(|difference| difference.written_differently);
    match asked.format {
        Format::Json => output::show(&output::json(&json!({
            "differences": differences,
            "written_differently": written,
            "measured": measured,
            "changes": changes,
        }))?)?,
        Format::Csv => output::show(&table(differences.iter().chain(&written), true, context).csv()?)?,
        Format::Table => for_people(&differences, &written, &measured, context)?,
    }
    // What an import would write is a finding, also where only the writing differs.
    let changed = written.iter().any(|difference| difference.ledger != difference.file);
    Ok(if differences.is_empty() && !changed && measured.untold == 0 {
        Outcome::Done
    } else {
        Outcome::Found
    })
}

type Compared = (Vec<difference::Change>, Vec<Difference>, Measured);

async fn online(source: &Source, context: &Context) -> anyhow::Result<Compared> {
    let (connection, known) = remote::asked(context).await;
    let (reading, grids, mapping_json) = remote::opened(source, &known, context)?;
    let connection = connection?;
    let (_, current) = remote::content(&connection, None).await?;
    let changes = difference::differences(&current, &reading.ledger);
    let answer = connection.bookkeeping().compare(w::LedgerCompareRequest { grids, mapping_json }).await;
    let mut stream = answer.map_err(|status| connection.explain(&status))?.into_inner();
    let (mut differences, mut measured) = (Vec::new(), Measured::default());
    let unreadable = "the collector's answer cannot be read";
    while let Some(answer) = stream.next().await {
        let answer = answer.map_err(|status| connection.explain(&status))?;
        if !answer.differences_json.is_empty() {
            let some: Vec<Difference> =
                serde_json::from_slice(&answer.differences_json).context(unreadable)?;
            differences.extend(some);
        }
        if !answer.measured_json.is_empty() {
            measured = serde_json::from_slice(&answer.measured_json).context(unreadable)?;
        }
    }
    Ok((changes, differences, measured))
}

fn offline(asked: &Asked, file: &Path, context: &Context) -> anyhow::Result<Compared> {
    let Source { path, mapping } = &asked.source;
    let read = |path: &Path| -> anyhow::Result<Arc<Ledger>> {
        let source = Source { path: path.to_owned(), mapping: mapping.clone() };
        let (reading, ..) = remote::opened(&source, &[], context)?;
        Ok(Arc::new(reading.ledger))
    };
    let (ledger, file) = (read(path)?, read(file)?);
    let changes = difference::differences(&ledger, &file);
    let machines = asked.facts.as_deref().map(|folder| machines(folder, &ledger)).transpose()?;
    let mut comparison = Comparison::new(ledger, file, context.clock.now());
    for ((name, listed), (endpoint, record)) in machines.iter().flatten() {
        let device = listed.then_some(name.as_str());
        comparison.look(&Machine { device, name, endpoint, record });
    }
    let (differences, measured) = comparison.finish();
    Ok((changes, differences, measured))
}

/// What to call a machine and whether the ledger lists it, with the file that told last and all that was told.
type Machines = BTreeMap<(String, bool), (String, EndpointRecord)>;

fn machines(folder: &Path, ledger: &Ledger) -> anyhow::Result<Machines> {
    let unreadable = |error: std::io::Error| {
        let shown = folder.display();
        failure(
            format!("フォルダー {shown} を読み取れません（{error}）。場所と権限を確かめてください。"),
            format!("the folder {shown} cannot be read ({error}); check where it is and who may read it"),
        )
    };
    let entries: std::io::Result<Vec<_>> = std::fs::read_dir(folder).map_err(unreadable)?.collect();
    let mut paths: Vec<PathBuf> = entries.map_err(unreadable)?.iter().map(std::fs::DirEntry::path).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")));
    paths.sort();
    if paths.is_empty() {
        let shown = folder.display();
        return Err(failure(
            format!(
                "フォルダー {shown} に観測文書（.json）がありません。daicho-agent collect --format json の出力を置いてください。"
            ),
            format!(
                "the folder {shown} holds no document (.json); put what daicho-agent collect --format json prints there"
            ),
        ));
    }
    let documents: anyhow::Result<Vec<(String, Document)>> = paths
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, check::read_document(path)?))
        })
        .collect();
    let mut documents = documents?;
    documents.sort_by_key(|(_, document)| document.observed_at);
    let linker = Linker::new(ledger);
    let mut machines = Machines::new();
    for (file, document) in documents {
        let host = document.host.clone().unwrap_or_default();
        let key = match linker.link(&host) {
            Link::Listed { device, .. } => (device.device_id.clone(), true),
            Link::Ambiguous(_) | Link::Unlisted => (host.hostname.unwrap_or_else(|| file.clone()), false),
        };
        let (endpoint, record) = machines.entry(key).or_default();
        *endpoint = file;
        record.take_document(document);
    }
    Ok(machines)
}

/// Our name of a sheet that a person names.
fn sheet(name: &str) -> anyhow::Result<&'static str> {
    let plan = SHEETS.iter().find(|plan| {
        normal::same(plan.name, name) || plan.titles.iter().any(|title| normal::same(title, name))
    });
    plan.map(|plan| plan.name).ok_or_else(|| {
        let names: Vec<&str> = SHEETS.iter().map(|plan| plan.name).collect();
        let (names, shown) = (names.join(", "), output::escape(name));
        failure(
            format!("シート「{shown}」はありません。{names} のどれかを指定してください。"),
            format!("there is no sheet {shown}; name one of {names}"),
        )
    })
}

fn for_people(
    differences: &[Difference],
    written: &[Difference],
    measured: &Measured,
    context: &Context,
) -> anyhow::Result<()> {
    if differences.is_empty() {
        output::show(context.say("違いはありません。\n", "No differences.\n"))?;
    } else {
        output::show(&table(differences.iter(), false, context).render())?;
    }
    if !written.is_empty() {
        output::show(context.say(
            "\n表記だけの違い（全角・半角、大文字・小文字、ハイフン）:\n",
            "\nWritten differently (width, case, dashes):\n",
        ))?;
        output::show(&table(written.iter(), false, context).render())?;
    }
    let Measured { endpoints, devices, unmeasured, untold } = measured;
    let silent = unmeasured.len();
    output::show(context.say(
        &format!("\n{endpoints} 台の報告と比べました。エージェントのない機器は未測定です（{devices} 台中 {silent} 台）。\n"),
        &format!("\nCompared with what {endpoints} endpoints report. Devices without one are not measured ({silent} of {devices}).\n"),
    ))?;
    if *untold > 0 {
        output::show(context.say(
            &format!("ほかに {untold} 件の違いがあります。--sheet では減りません。台帳が別のものでないか確かめてください。\n"),
            &format!("{untold} more differences are not shown; check that this is the right ledger.\n"),
        ))?;
    }
    Ok(())
}

fn table<'a>(differences: impl Iterator<Item = &'a Difference>, whole: bool, context: &Context) -> Table {
    let mut headings = match context.language {
        Language::Japanese => vec!["シート", "行", "項目", "台帳", "ファイル", "実機"],
        Language::English => vec!["sheet", "row", "field", "ledger", "file", "machine"],
    };
    if whole {
        headings.extend(match context.language {
            Language::Japanese => ["端末", "確認日時", "種類"],
            Language::English => ["endpoint", "seen_at", "kind"],
        });
    }
    let mut table = Table::new(&headings);
    let none = context.say("（なし）", "(none)");
    let side = |side: &Option<String>| side.clone().unwrap_or_else(|| none.to_owned());
    for difference in differences {
        let mut cells = vec![
            difference.sheet.clone(),
            difference.key.clone(),
            difference.field.clone().unwrap_or_else(|| context.say("（行）", "(row)").to_owned()),
            side(&difference.ledger),
            side(&difference.file),
            seen(&difference.machine, whole, context),
        ];
        if whole {
            let (endpoint, at) = match &difference.machine {
                Seen::Seen { endpoint, at, .. } => (endpoint.clone(), moment(*at)),
                _ => Default::default(),
            };
            let kind = if difference.written_differently { "writing" } else { "different" };
            cells.extend([endpoint, at, kind.to_owned()]);
        }
        table.row(cells);
    }
    table
}

fn seen(seen: &Seen, bare: bool, context: &Context) -> String {
    match seen {
        Seen::NotAsked => context.say("対象外", "not a machine's matter").to_owned(),
        Seen::NotMeasured { .. } => context.say("未測定", "not measured").to_owned(),
        Seen::None { measured, at } => {
            let at = moment(*at);
            context
                .say(
                    &format!("なし（{measured} 台を確認、{at}）"),
                    &format!("none ({measured} looked at, {at})"),
                )
                .to_owned()
        }
        Seen::Seen { value, .. } if bare => value.clone(),
        Seen::Seen { value, endpoint, at } => {
            let short: String = endpoint.chars().take(ENDPOINT_CHARACTERS).collect();
            let at = moment(*at);
            context.say(&format!("{value}（{short}、{at}）"), &format!("{value} ({short}, {at})")).to_owned()
        }
    }
}

/// Characters of an endpoint's id in a table: enough to find it with `daicho devices`.
const ENDPOINT_CHARACTERS: usize = 12;

fn moment(at: jiff::Timestamp) -> String {
    at.to_zoned(daicho_proto::time::japan()).strftime("%Y-%m-%d %H:%M").to_string()
}
