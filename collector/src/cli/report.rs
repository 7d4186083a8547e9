//! daicho report: what was so on a day, as a page, a workbook or a list.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use daicho_proto::time::{japan, to_wire};
use daicho_proto::wire as w;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use super::connection::Connection;
use super::{Context, Outcome, failure, output};
use crate::report::{Report, comma_separated, html, workbook};

/// The largest report that is read: ten thousand machines take some 30 MB.
const REPORT_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Reports how every device stood on a day, article by article: open, excepted, not to be told, not measured, ended.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  daicho report --output report.html\n  daicho report --as-of 2026-09-30 --since 2026-04-01 --output inspection.xlsx\n  daicho report --format csv > report.csv"
)]
pub struct Arguments {
    /// The day of which it speaks, at its end in Japan: 2026-09-30, 令和8年9月30日; without it, now.
    #[arg(long, value_name = "DATE", value_parser = day)]
    as_of: Option<Date>,
    /// The first day of the period in which what ended is counted; without it, the beginning of the fiscal year (1 April).
    #[arg(long, value_name = "DATE", value_parser = day)]
    since: Option<Date>,
    /// The form; without it, what the name of the file says, else html.
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// A new file; without it, standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// A page to read and print.
    Html,
    /// A workbook.
    Xlsx,
    /// One list for a spreadsheet.
    Csv,
    /// For programs.
    Json,
}

fn day(text: &str) -> Result<Date, String> {
    crate::bookkeeping::dates::parse(text)
        .ok_or_else(|| format!("{text:?} is no day, expected e.g. 2026-09-30 or 令和8年9月30日"))
}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let form = form(&arguments)?;
    if let Some(path) = arguments.output.as_deref().filter(|path| path.exists()) {
        let path = output::escape(&path.display().to_string());
        return Err(failure(
            format!(
                "{path} がすでにあるため、報告書を書きませんでした。別の名前を --output に書いてください。"
            ),
            format!("{path} exists already, and no report was written; name another file with --output"),
        ));
    }
    let report = ask(&arguments, context).await?;
    let language = context.language;
    let bytes = match form {
        Form::Html => html::page(&report, language).into_bytes(),
        Form::Xlsx => workbook::bytes(&report, language)?,
        Form::Csv => comma_separated::table(&report, language).csv()?.into_bytes(),
        Form::Json => output::json(&report)?.into_bytes(),
    };
    match &arguments.output {
        Some(path) => {
            let shown = output::escape(&path.display().to_string());
            let written = fs::File::create_new(path).and_then(|mut file| file.write_all(&bytes));
            written.map_err(|error| {
                failure(
                    format!(
                        "報告書を {shown} に書けません: {error}。書ける場所を --output に指定してください。"
                    ),
                    format!(
                        "the report cannot be written to {shown}: {error}; name a place that you can write to"
                    ),
                )
            })?;
            output::show(context.say(
                &format!("報告書を {shown} に作りました。\n"),
                &format!("The report is in {shown}.\n"),
            ))?;
        }
        None => std::io::stdout().lock().write_all(&bytes)?,
    }
    Ok(Outcome::Done)
}

fn form(arguments: &Arguments) -> anyhow::Result<Form> {
    let ending = arguments.output.as_deref().and_then(|path| path.extension()).and_then(|e| e.to_str());
    let named = ending.and_then(|ending| <Form as clap::ValueEnum>::from_str(ending, true).ok());
    let form = arguments.format.or(named).unwrap_or(Form::Html);
    if form == Form::Xlsx && arguments.output.is_none() && std::io::stdout().is_terminal() {
        return Err(failure(
            "ブックは画面には出せません。--output 報告書.xlsx のようにファイルを指定してください。",
            "a workbook cannot be shown on a terminal; name a file, e.g. --output report.xlsx",
        ));
    }
    Ok(form)
}

/// The end of a day in Japan.
fn end_of(day: Date) -> anyhow::Result<Timestamp> {
    Ok(beginning_of(day.checked_add(1.day())?)?.checked_sub(1.microsecond())?)
}

fn beginning_of(day: Date) -> anyhow::Result<Timestamp> {
    Ok(day.to_zoned(japan())?.timestamp())
}

async fn ask(arguments: &Arguments, context: &Context) -> anyhow::Result<Report> {
    let now = context.clock.now();
    let as_of = arguments.as_of.map(end_of).transpose()?;
    if let Some(day) = arguments.as_of.filter(|day| beginning_of(*day).is_ok_and(|begins| begins > now)) {
        return Err(failure(
            format!("{day} はまだ来ていません。今日までの日を --as-of に書いてください。"),
            format!("{day} has not come yet; name a day up to today with --as-of"),
        ));
    }
    let since = arguments.since.map(beginning_of).transpose()?;
    if since.is_some_and(|since| since > as_of.unwrap_or(now)) {
        return Err(failure(
            "期間の初め (--since) が終わり (--as-of) より後です。",
            "the period begins (--since) after it ends (--as-of)",
        ));
    }
    // The day is not over: the report speaks of now.
    let as_of = as_of.filter(|as_of| *as_of <= now);
    let connection = Connection::open(context).await?;
    let request = w::StateReportRequest { as_of_us: as_of.map(to_wire), since_us: since.map(to_wire) };
    let answer = connection.reports().make(request).await.map_err(|status| connection.explain(&status))?;
    let mut parts = answer.into_inner();
    let mut json = Vec::new();
    while let Some(part) = parts.message().await.map_err(|status| connection.explain(&status))? {
        json.extend_from_slice(&part.json);
        if json.len() > REPORT_BYTES_MAX {
            return Err(failure(
                "コレクターの報告が大きすぎるため、読むのをやめました。",
                "the collector's report is too large, and was given up",
            ));
        }
    }
    serde_json::from_slice(&json).map_err(|error| {
        failure(
            format!("コレクターの報告が読めません: {error}。コレクターと daicho の版が同じか確かめてください。"),
            format!("the collector's report cannot be read: {error}; check that the collector and this command have the same version"),
        )
    })
}
