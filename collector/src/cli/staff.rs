//! daicho staff check: the list of leavers against every account that was seen (退職者突合). Changes nothing.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use daicho_proto::wire as w;
use daicho_rules::ledger::Ledger;
use serde_json::json;
use tokio_stream::StreamExt as _;

use super::connection::Connection;
use super::ledger::target::{self, Form};
use super::output::{self, Format, Table};
use super::{Context, Outcome, failure};
use crate::bookkeeping::export::Style;
use crate::bookkeeping::files;
use crate::bookkeeping::staff_check::{self, Account, Machine, People, Strength, Where, people};

/// Compares the staff list with the accounts that were seen.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Compare those who left with every account: on the machines, in the ledger, in the electronic record. Changes
    /// nothing. Exit status 1: something is left of somebody.
    #[command(
        after_help = "Examples:\n  daicho staff check leavers.xlsx\n  daicho staff check leavers.csv --accounts karte-users.csv --draft staff-draft.xlsx"
    )]
    Check {
        /// The list of those who left: CSV or a workbook with 職員番号, 氏名, フリガナ, 退職日.
        leavers: PathBuf,
        /// An export of the electronic record's accounts: 利用者ID, 職員番号, 氏名, フリガナ.
        #[arg(long, value_name = "FILE")]
        accounts: Option<PathBuf>,
        /// Write the ledger with those who left marked as retired, for you to look through and import: a new folder,
        /// or a new file that ends in .xlsx.
        #[arg(long, value_name = "DIR|FILE.xlsx")]
        draft: Option<PathBuf>,
        /// The form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let Command::Check { leavers, accounts, draft, format } = arguments.command;
    let list = read(&leavers, context)?;
    let record = accounts.as_deref().map(|path| read(path, context)).transpose()?;
    let connection = Connection::open(context).await?;
    let machines = machines(&connection).await?;
    let content = connection.bookkeeping().content(w::LedgerContentRequest { number: None }).await;
    let content = content.map_err(|status| connection.explain(&status))?.into_inner();
    let ledger: Ledger =
        serde_json::from_slice(&content.ledger_json).context("the collector's answer cannot be read")?;
    let today = daicho_proto::time::japanese_date(context.clock.now());
    let answer = staff_check::check(&list, &ledger, &machines, record.as_ref(), today);
    show(&answer, format, context)?;
    if let Some(to) = draft {
        let (drafted, count) = staff_check::draft(&ledger, &answer, today);
        let version = content.version.map(|version| version.number);
        write_draft(&to, &drafted, count, version, &leavers, context)?;
    }
    let left = answer.leavers.iter().any(|leaver| !leaver.matches.is_empty());
    Ok(if left { Outcome::Found } else { Outcome::Done })
}

/// Reads a list; with a single row that cannot be read, nothing is compared.
fn read(path: &Path, context: &Context) -> anyhow::Result<People> {
    let mut read = People::default();
    match files::gather(path) {
        Ok(files) => {
            for file in files {
                let one = people::read(&file);
                read.has_status |= one.has_status;
                read.has_dates |= one.has_dates;
                read.people.extend(one.people);
                one.faults.0.into_iter().for_each(|fault| read.faults.add(fault));
            }
        }
        Err(faults) => read.faults = faults,
    }
    if read.faults.0.is_empty() {
        return Ok(read);
    }
    super::ledger::shown::faults(&read.faults, Format::Table, context)?;
    let (shown, count) = (path.display(), read.faults.0.len());
    Err(failure(
        format!(
            "{shown} に読み取れない箇所が {count} 件あり、突き合わせていません。上の箇所を直してください。"
        ),
        format!(
            "{shown} has {count} places that cannot be read, and nothing was compared; mend the places above"
        ),
    ))
}

async fn machines(connection: &Connection) -> anyhow::Result<Vec<Machine>> {
    let answer = connection.bookkeeping().accounts(w::SeenAccountsRequest {}).await;
    let mut stream = answer.map_err(|status| connection.explain(&status))?.into_inner();
    let mut machines = Vec::new();
    while let Some(seen) = stream.next().await {
        let seen = seen.map_err(|status| connection.explain(&status))?;
        let account = |account: w::SeenAccount| Account {
            name: account.name,
            full_name: account.full_name,
            enabled: account.enabled,
            interactive: account.interactive,
        };
        let accounts = seen.accounts.into_iter().map(account).collect();
        machines.push(Machine {
            device: seen.device,
            accounts: seen.listed.then_some(accounts),
            problems: seen.problems,
        });
    }
    Ok(machines)
}

fn show(answer: &staff_check::Answer, format: Format, context: &Context) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        context.say("退職者", "who left"),
        context.say("退職日", "last day"),
        context.say("見つかった所", "where"),
        context.say("アカウント", "account"),
        context.say("確かさ", "how sure"),
        context.say("根拠", "grounds"),
        context.say("提案", "proposal"),
    ]);
    for leaver in &answer.leavers {
        let person = &leaver.person;
        let names = [&person.staff_id, &person.name].into_iter().flatten().cloned().collect::<Vec<_>>();
        let day = person.retired_on.map_or_else(|| "-".to_owned(), |day| day.to_string());
        for one in &leaver.matches {
            let also = if one.also.is_empty() {
                String::new()
            } else {
                let also = one.also.join("、");
                context
                    .say(&format!("（{also} にも当てはまる）"), &format!(" (fits {also} as well)"))
                    .to_owned()
            };
            table.row(vec![
                names.join(" "),
                day.clone(),
                place(&one.place, context),
                one.account.clone(),
                strength(one.strength, context).to_owned(),
                format!("{}{also}", one.grounds.in_language(context.language)),
                one.proposal.in_language(context.language).to_owned(),
            ]);
        }
        if leaver.matches.is_empty() {
            let nothing = context.say("何も見つからない", "nothing is left").to_owned();
            let dash = || "-".to_owned();
            table.row(vec![names.join(" "), day, dash(), dash(), dash(), dash(), nothing]);
        }
    }
    let empty = context.say("一覧に退職者がいません。", "The list names nobody who left.");
    output::list(format, &table, &json!(answer), empty)?;
    if format == Format::Table {
        let told = [
            (
                context.say("退職者として扱わなかった行:", "Rows that were not taken for somebody who left:"),
                &answer.left_out,
            ),
            (
                context.say(
                    "わからなかったもの（見つからないことは、ないことではありません）:",
                    "What could not be told (not found is not absent):",
                ),
                &answer.untold,
            ),
        ];
        for (heading, texts) in told.into_iter().filter(|(_, texts)| !texts.is_empty()) {
            output::show(&format!("\n{heading}\n"))?;
            for text in texts {
                output::show(&format!("  {}\n", output::escape(text.in_language(context.language))))?;
            }
        }
    }
    Ok(())
}

fn place(place: &Where, context: &Context) -> String {
    let (ja, en) = match place {
        Where::Machine { device, .. } => (format!("機器 {device}"), format!("device {device}")),
        Where::LedgerAccount { device, row } => {
            (format!("台帳 {row}（{device}）"), format!("ledger {row} ({device})"))
        }
        Where::LedgerStaff { row } => (format!("台帳 {row}"), format!("ledger {row}")),
        Where::Record { place, .. } => (format!("電子カルテ {place}"), format!("record {place}")),
    };
    context.say(&ja, &en).to_owned()
}

fn strength(strength: Strength, context: &Context) -> &'static str {
    let (ja, en) = match strength {
        Strength::Certain => ("確実", "certain"),
        Strength::Likely => ("おそらく", "likely"),
        Strength::Possible => ("可能性", "possible"),
    };
    match context.language {
        daicho_rules::text::Language::Japanese => ja,
        daicho_rules::text::Language::English => en,
    }
}

fn write_draft(
    to: &Path,
    drafted: &Ledger,
    count: usize,
    version: Option<u64>,
    leavers: &Path,
    context: &Context,
) -> anyhow::Result<()> {
    let at = context.clock.now().to_zoned(daicho_proto::time::japan()).strftime("%Y-%m-%d %H:%M").to_string();
    let name = leavers.file_name().unwrap_or(leavers.as_os_str()).to_string_lossy().into_owned();
    let base = version.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let lines = context
        .say(
            &format!("下書き：まだ取り込まれていません。\n作成: {at}（日本時間）\n元: 台帳の第 {base} 版と退職者一覧 {name}\n変更: 職員シートの {count} 行（職員番号が同じ人だけ）\n使い方: 確かめてから `daicho ledger import` で取り込みます。"),
            &format!("Draft: not imported yet.\nMade: {at} (Japan)\nFrom: version {base} of the ledger and the list {name}\nChanged: {count} rows of the sheet of staff, where the staff_id is the same\nUse: look through it and import it with `daicho ledger import`."),
        )
        .to_owned();
    let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
    let style = Style { language: context.language, version, settings: &[] };
    target::write_explained(to, Form::of(to), drafted, style, &lines)?;
    let path = output::escape(&to.display().to_string());
    output::complain(context.say(
        &format!("職員シートの {count} 行を直した下書きを {path} に作りました。`daicho ledger diff {path}` で確かめてから取り込んでください。"),
        &format!("A draft with {count} changed rows of staff is in {path}. Look at `daicho ledger diff {path}`, then import it."),
    ));
    Ok(())
}
