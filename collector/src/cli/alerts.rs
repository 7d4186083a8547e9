//! daicho alerts: what was told to whom, what waits, and a test of each recipient.

use daicho_proto::time::from_wire;
use daicho_proto::wire as w;
use jiff::Timestamp;
use serde::Serialize;

use super::connection::Connection;
use super::output::{self, Format, Table};
use super::{Context, Outcome, failure, questions, words};
use crate::queries::filters::short_key;

/// Shows who is told, what waits for them, and what was told last.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  daicho alerts                      who is told, what waits, what was told
  daicho alerts --format csv         the log of deliveries for a spreadsheet
  daicho alerts test                 send a marked test to everyone who is told, now
  daicho alerts preview              every text that alerts send, as it would be now")]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// How many entries of the log of deliveries, the newest first.
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Sends a marked test message to everyone who is told, and shows what each server answered.
    Test {
        /// The form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Shows every text that alerts send, in the hospital's own words where it has some. Sends nothing.
    #[command(after_help = "Example:\n  daicho alerts preview --occasion daily_word")]
    Preview {
        /// Only this one: news, start, test, reminder, escalation, maintenance_over, channels, ending, daily_word.
        #[arg(long)]
        occasion: Option<String>,
        /// The form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Everything, for programs.
#[derive(Serialize)]
struct Standing {
    recipients: Vec<Recipient>,
    told: Vec<Told>,
}

#[derive(Serialize)]
struct Recipient {
    recipient: String,
    channel: String,
    address: String,
    waiting: u64,
    waiting_since: Option<Timestamp>,
    attempts: u32,
    next_try: Option<Timestamp>,
    failure: Option<String>,
    permanent: bool,
    letters: u64,
    role: Option<String>,
    hours: Option<String>,
    skips_outside: bool,
    digest: Option<String>,
    next_digest: Option<Timestamp>,
    daily_word: Option<String>,
    next_daily_word: Option<Timestamp>,
    quiet_until: Option<Timestamp>,
}

#[derive(Serialize)]
struct Told {
    number: u64,
    at: Timestamp,
    recipient: String,
    channel: String,
    address: String,
    message_id: String,
    notices: u64,
    keys: Vec<String>,
    attempts: u32,
    outcome: String,
    answer: String,
}

#[derive(Serialize)]
struct Tested {
    recipient: String,
    channel: String,
    address: String,
    accepted: bool,
    answer: String,
}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    match arguments.command {
        Some(Command::Test { format }) => return test(&connection, format, context).await,
        Some(Command::Preview { occasion, format }) => {
            return preview(&connection, occasion.as_deref(), format, context).await;
        }
        None => {}
    }
    let request = w::AlertsRequest { limit: arguments.limit };
    let standing = parse(questions::got(&connection, connection.query().alerts(request).await)?);
    match arguments.format {
        // Two lists of different columns: for people one under the other.
        Format::Table => {
            let nobody = context.say(
                "お知らせの宛先がありません。設定ファイルの [alerts] に書いてください。",
                "Nobody is told: name somebody under [alerts] in the collector's configuration.",
            );
            output::list(Format::Table, &recipients(&standing, context), &(), nobody)?;
            output::show("\n")?;
            let nothing = context.say("まだ何も知らせていません。", "Nothing was told yet.");
            output::list(Format::Table, &told(&standing, context), &(), nothing)?;
        }
        Format::Json => output::list(Format::Json, &Table::default(), &standing, "")?,
        Format::Csv => output::list(Format::Csv, &told(&standing, context), &(), "")?,
    }
    Ok(Outcome::Done)
}

fn recipients(standing: &Standing, context: &Context) -> Table {
    let mut table = Table::new(&[
        context.say("宛先", "recipient"),
        context.say("送り先", "address"),
        context.say("待ち", "waiting"),
        context.say("予定", "schedule"),
        context.say("状態", "state"),
    ]);
    for row in &standing.recipients {
        let state = match (&row.failure, row.next_try) {
            (None, _) => context.say("正常", "well").to_owned(),
            (Some(failure), next) => {
                let again = next.map(words::time).unwrap_or_default();
                let (ja, en) = (
                    format!("{}回失敗、次は {again}: {failure}", row.attempts),
                    format!("failed {} times, next try {again}: {failure}", row.attempts),
                );
                context.say(&ja, &en).to_owned()
            }
        };
        let since = row.waiting_since.filter(|_| row.waiting > 0).map(words::time).unwrap_or_default();
        let waiting = format!("{} {since}", row.waiting + row.letters).trim_end().to_owned();
        let schedule = schedule(row, context);
        table.row(vec![row.recipient.clone(), row.address.clone(), waiting, schedule, state]);
    }
    table
}

/// When the recipient is told, and what comes next.
fn schedule(row: &Recipient, context: &Context) -> String {
    let mut parts = Vec::new();
    if let Some(hours) = &row.hours {
        let others = context.say("（時間外は他の宛先）", " (else others)");
        parts.push(format!("{hours}{}", if row.skips_outside { others } else { "" }));
    }
    let next = |at: Option<Timestamp>| at.map(words::time).unwrap_or_default();
    if row.quiet_until.is_some() {
        parts.push(format!("{} {}", context.say("再開", "quiet until"), next(row.quiet_until)));
    }
    if row.digest.is_some() {
        parts.push(format!("{} {}", context.say("まとめ", "digest"), next(row.next_digest)));
    }
    if row.daily_word.is_some() {
        parts.push(format!("{} {}", context.say("日報", "daily word"), next(row.next_daily_word)));
    }
    if parts.is_empty() { context.say("随時", "at once").to_owned() } else { parts.join("; ") }
}

#[derive(Serialize)]
struct Preview {
    occasion: String,
    language: String,
    subject: String,
    body: String,
}

/// Shows texts.
async fn preview(
    connection: &Connection,
    occasion: Option<&str>,
    format: Format,
    context: &Context,
) -> anyhow::Result<Outcome> {
    let answer =
        questions::got(connection, connection.query().alerts_preview(w::AlertsPreviewRequest {}).await)?;
    let previews = answer.previews.into_iter().map(|preview| {
        let w::AlertPreview { occasion, language, subject, body } = preview;
        Preview { occasion, language, subject, body }
    });
    let wanted = |preview: &Preview| occasion.is_none_or(|occasion| preview.occasion == occasion);
    let previews: Vec<Preview> = previews.filter(wanted).collect();
    if previews.is_empty() {
        let known = crate::alerts::templates::OCCASIONS.join(", ");
        return Err(failure(
            format!("その種類のお知らせはありません。あるのは {known} です。"),
            format!("there is no such text; there are {known}"),
        ));
    }
    if format == Format::Table {
        for Preview { occasion, language, subject, body } in &previews {
            let heading = context.say("件名", "Subject");
            output::show(&format!("==== {occasion}.{language}\n{heading}: {subject}\n\n{body}\n"))?;
        }
        return Ok(Outcome::Done);
    }
    let mut table = Table::new(&["occasion", "language", "subject", "body"]);
    for Preview { occasion, language, subject, body } in &previews {
        table.row(vec![occasion.clone(), language.clone(), subject.clone(), body.clone()]);
    }
    output::list(format, &table, &previews, "")?;
    Ok(Outcome::Done)
}

fn told(standing: &Standing, context: &Context) -> Table {
    let mut table = Table::new(&[
        context.say("日時", "when"),
        context.say("宛先", "recipient"),
        context.say("件数", "violations"),
        context.say("違反", "which"),
        context.say("結果", "outcome"),
        context.say("応答", "answer"),
    ]);
    for row in &standing.told {
        let outcome = match row.outcome.as_str() {
            "accepted" => context.say("受付", "accepted"),
            "refused" => context.say("拒否", "refused"),
            _ => context.say("失敗", "failed"),
        };
        table.row(vec![
            words::time(row.at),
            row.recipient.clone(),
            row.notices.to_string(),
            which(&row.keys),
            outcome.to_owned(),
            row.answer.clone(),
        ]);
    }
    table
}

/// The short keys of the first violations: `daicho violation KEY` tells more.
fn which(keys: &[String]) -> String {
    /// More would leave no room for the answer in 100 columns.
    const SHOWN_MAX: usize = 2;
    let mut shown: Vec<String> = keys.iter().take(SHOWN_MAX).map(|key| short_key(key)).collect();
    if keys.len() > SHOWN_MAX {
        shown.push(format!("+{}", keys.len() - SHOWN_MAX));
    }
    shown.join(" ")
}

/// Sends the test; that a server did not accept it is what could not be done.
async fn test(connection: &Connection, format: Format, context: &Context) -> anyhow::Result<Outcome> {
    let answer = questions::got(connection, connection.query().alerts_test(w::AlertsTestRequest {}).await)?;
    let mut table = Table::new(&[
        context.say("宛先", "recipient"),
        context.say("送り先", "address"),
        context.say("結果", "outcome"),
        context.say("応答", "answer"),
    ]);
    let mut rows = Vec::new();
    for w::AlertTest { recipient, channel, address, accepted, answer } in answer.tests {
        let outcome =
            if accepted { context.say("受付", "accepted") } else { context.say("失敗", "failed") };
        table.row(vec![recipient.clone(), address.clone(), outcome.to_owned(), answer.clone()]);
        rows.push(Tested { recipient, channel, address, accepted, answer });
    }
    output::list(format, &table, &rows, "")?;
    let failed = rows.iter().filter(|row| !row.accepted).count();
    if rows.is_empty() {
        return Err(failure(
            "お知らせの宛先がないため試験できません。設定ファイルの [alerts] に書いてください。",
            "there is nobody to test: name somebody under [alerts] in the collector's configuration",
        ));
    }
    if failed > 0 {
        return Err(failure(
            format!(
                "{failed} 件の宛先に届きませんでした。上の応答を見て、設定と相手のサーバーを確認してください。"
            ),
            format!(
                "{failed} of {} did not accept the test: see its answer above, check [alerts] and that server",
                rows.len()
            ),
        ));
    }
    Ok(Outcome::Done)
}

fn said(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn parse(answer: w::AlertsAnswer) -> Standing {
    let recipients = answer.recipients.into_iter().map(|row| Recipient {
        recipient: row.recipient,
        channel: row.channel,
        address: row.address,
        waiting: row.waiting,
        waiting_since: row.waiting_since_us.map(from_wire),
        attempts: row.attempts,
        next_try: row.next_try_us.map(from_wire),
        failure: row.failure,
        permanent: row.permanent,
        letters: row.letters,
        role: said(row.role),
        hours: said(row.hours),
        skips_outside: row.skips_outside,
        digest: said(row.digest),
        next_digest: row.next_digest_us.map(from_wire),
        daily_word: said(row.daily_word),
        next_daily_word: row.next_daily_word_us.map(from_wire),
        quiet_until: row.quiet_until_us.map(from_wire),
    });
    let told = answer.told.into_iter().map(|row| Told {
        number: row.number,
        at: from_wire(row.at_us),
        recipient: row.recipient,
        channel: row.channel,
        address: row.address,
        message_id: row.message_id,
        notices: row.notices,
        keys: row.keys,
        attempts: row.attempts,
        outcome: row.outcome,
        answer: row.answer,
    });
    Standing { recipients: recipients.collect(), told: told.collect() }
}
