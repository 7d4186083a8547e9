//! daicho log: what was decided or changed, by whom and when; and a copy of it that anybody can verify.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use daicho_proto::time::to_wire;
use daicho_proto::wire as w;

use super::connection::Connection;
use super::output::{self, Format, Table};
use super::violations::since;
use super::{Context, Outcome, failure, questions, words};
use crate::chronicle::verifying::{self, LastLine};
use crate::chronicle::{Digest, Entry, Head};
use crate::queries::log::kind_of;

mod shown;

/// Shows the log of everything that was decided or changed, newest last.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  daicho log --since 7d
  daicho log --device SV-01 --since 2026-11-01
  daicho log --key 3f2a90c1                 all that happened to one violation
  daicho log --kind refused,ledger_version --format csv > log.csv
  daicho log export log-2026-11.jsonl       all of it, for `daicho verify` and for an inspector"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArguments,
}

#[derive(Debug, clap::Args)]
struct ListArguments {
    /// Only since then: 2026-11-01, 2026-11-01T09:00:00Z, 36h, 7d.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only until then.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only this device: its device_id, or the hostname of one that is not listed.
    #[arg(long)]
    device: Option<String>,
    /// Only this violation, by its number or key.
    #[arg(long)]
    key: Option<String>,
    /// Only these kinds of entries: violation_step, ledger_version, decision, application, refused, verdicts, ...
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kind: Vec<String>,
    /// The form of the answer; json is one entry a line, as it is kept.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Writes all of the log into a file that `daicho verify FILE` takes: one entry a line.
    #[command(after_help = "Example:\n  daicho log export /media/inspection/daicho-log.jsonl")]
    Export {
        /// A file that is not there yet.
        file: PathBuf,
    },
}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    match arguments.command {
        Some(Command::Export { file }) => export(&connection, file, context).await,
        None => list(&connection, &arguments.list, context).await,
    }
}

async fn list(
    connection: &Connection,
    arguments: &ListArguments,
    context: &Context,
) -> anyhow::Result<Outcome> {
    let now = context.clock.now();
    let at = |text: &Option<String>| -> anyhow::Result<Option<i64>> {
        text.as_deref().map(|text| Ok(to_wire(since::parse(text, now)?))).transpose()
    };
    let mut request = w::LogRequest {
        after: 0,
        since_us: at(&arguments.since)?,
        until_us: at(&arguments.until)?,
        device: arguments.device.clone(),
        key: arguments.key.clone(),
        kinds: arguments.kind.clone(),
        limit: 0,
    };
    let mut table = Table::new(&[
        context.say("番号", "number"),
        context.say("時刻（日本時間）", "when (Japan)"),
        context.say("だれ", "by"),
        context.say("種類", "kind"),
        context.say("内容", "what"),
    ]);
    loop {
        let answer = questions::got(connection, connection.query().log(request.clone()).await)?;
        for line in &answer.lines {
            if arguments.format == Format::Json {
                output::show(&shown::harmless(line))?;
                continue;
            }
            match Entry::parse(line) {
                Ok(entry) => table.row(vec![
                    entry.number.to_string(),
                    words::time(entry.at),
                    entry.by.clone(),
                    shown::kind(&kind_of(line), context),
                    shown::what(&entry, context),
                ]),
                Err(reason) => table.row(vec![
                    "?".to_owned(),
                    String::new(),
                    String::new(),
                    context.say("読み取れません", "unreadable").to_owned(),
                    reason,
                ]),
            }
        }
        match answer.next {
            Some(next) => request.after = next,
            None => break,
        }
    }
    match arguments.format {
        Format::Json => {}
        Format::Csv => output::show(&table.csv()?)?,
        Format::Table if table.is_empty() => {
            let none = context.say("該当する記録はありません。", "There is no such entry.");
            output::show(&format!("{none}\n"))?;
        }
        Format::Table => output::show(&table.render())?,
    }
    Ok(Outcome::Done)
}

/// Writes the log and verifies it on the way: a copy that does not fit is worth nothing.
async fn export(connection: &Connection, file: PathBuf, context: &Context) -> anyhow::Result<Outcome> {
    let shown = file.display().to_string();
    let cannot = || format!("the log cannot be written to {shown}");
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).open(&file);
    let opened = opened.map_err(|error| {
        failure(
            format!("{shown} に書けません（{error}）。まだないファイル名を指定してください。"),
            format!("{shown} cannot be written ({error}); name a file that is not there yet"),
        )
    })?;
    let mut output = std::io::BufWriter::new(opened);
    let (mut after, mut head) = (0, Head::NONE);
    loop {
        let request = w::LogRequest { after, ..w::LogRequest::default() };
        let answer = questions::got(connection, connection.query().log(request).await)?;
        for line in &answer.lines {
            output.write_all(line).and_then(|()| output.write_all(b"\n")).with_context(cannot)?;
            head = Head { number: head.number + 1, hash: Digest::of(line) };
        }
        match answer.next {
            Some(next) => after = next,
            None => break,
        }
    }
    let last = serde_json::to_string(&LastLine { head: head.number, hash: head.hash })?;
    writeln!(output, "{last}").with_context(cannot)?;
    let written = output.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(cannot)?;
    written.sync_all().with_context(cannot)?;
    let text = std::fs::read(&file).with_context(cannot)?;
    let verdict = verifying::of_lines(super::verify::lines(&text), &[]);
    super::verify::show(&verdict, &shown, Format::Table, context)
}
