//! daicho maintenance: planned work on a device or group, during which its alerts wait.

use daicho_proto::time::{from_wire, japan, to_wire};
use daicho_proto::wire as w;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Serialize;

use super::connection::Connection;
use super::output::{self, Format, Table};
use super::{Context, Outcome, questions, words};

/// Plans work on machines: alerts of them wait meanwhile. Violations are still opened and shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  daicho maintenance add --device SV-01 --until \"2026-11-24 06:00\" --reason \"サーバーの入れ替え\"")]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Lists planned and past work, the newest first.
    #[command(after_help = "Example:\n  daicho maintenance list --format csv > maintenance.csv")]
    List {
        /// The form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Plans work on a device or on a group of the ledger. After its end, what is still open is told.
    #[command(after_help = "\
Example:
  daicho maintenance add --group 放射線 --from \"2026-11-23 22:00\" --until \"2026-11-24 06:00\" \\
      --reason \"撮影装置の更新\"")]
    Add {
        /// The device_id.
        #[arg(long, required_unless_present = "group", conflicts_with = "group")]
        device: Option<String>,
        /// The ledger's group.
        #[arg(long)]
        group: Option<String>,
        /// When it begins, in Japan's time: "2026-11-23 22:00"; without it, now.
        #[arg(long, value_parser = time, value_name = "TIME")]
        from: Option<Timestamp>,
        /// When it ends, in Japan's time.
        #[arg(long, value_parser = time, value_name = "TIME")]
        until: Timestamp,
        /// What is being done.
        #[arg(long)]
        reason: String,
    },
    /// Ends work before its time.
    #[command(after_help = "Example:\n  daicho maintenance end 3")]
    End {
        /// The number in the list.
        number: u64,
    },
}

#[derive(Serialize)]
struct Row {
    number: u64,
    place: String,
    from: Timestamp,
    until: Timestamp,
    reason: String,
    by: String,
    added_at: Timestamp,
    ended_at: Option<Timestamp>,
    ended_by: Option<String>,
}

/// `2026-11-23 22:00` in Japan, or a time with its own offset (RFC 3339).
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let wrong = || format!("{text:?} is no time: write it as \"2026-11-23 22:00\" (Japan's time)");
    // A date alone could mean its begin or its end.
    let with_time = text.contains(':');
    let local: DateTime = text.trim().parse().map_err(|_| wrong())?;
    if !with_time {
        return Err(wrong());
    }
    Ok(local.to_zoned(japan()).map_err(|_| wrong())?.timestamp())
}

/// Answers, or does it.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    match arguments.command {
        Command::List { format } => list(&connection, format, context).await,
        Command::Add { device, group, from, until, reason } => {
            let from_us = from.map(to_wire);
            let request =
                w::MaintenanceAddRequest { device, group, from_us, until_us: to_wire(until), reason };
            let answer = connection.query().maintenance_add(request).await;
            let row = row(questions::got(&connection, answer)?);
            let (from, until) = (words::time(row.from), words::time(row.until));
            let Row { number, place, .. } = row;
            let (ja, en) = (
                format!(
                    "保守 {number} を登録しました: {place}、{from} から {until} まで。そのあいだ、お知らせは待ちます（違反は今までどおり記録されます）。\n"
                ),
                format!(
                    "Maintenance {number} is planned: {place}, from {from} to {until}. Alerts wait meanwhile; violations are still recorded.\n"
                ),
            );
            output::show(context.say(&ja, &en))?;
            Ok(Outcome::Done)
        }
        Command::End { number } => {
            let answer = connection.query().maintenance_end(w::MaintenanceEndRequest { number }).await;
            questions::got(&connection, answer)?;
            let (ja, en) = (
                format!("保守 {number} を終えました。残っている違反は、まもなくお知らせします。\n"),
                format!("Maintenance {number} has ended. What is still open is told in a moment.\n"),
            );
            output::show(context.say(&ja, &en))?;
            Ok(Outcome::Done)
        }
    }
}

async fn list(connection: &Connection, format: Format, context: &Context) -> anyhow::Result<Outcome> {
    let answer = questions::got(connection, connection.query().maintenance(w::MaintenanceRequest {}).await)?;
    let now = context.clock.now();
    let mut table = Table::new(&[
        context.say("番号", "number"),
        context.say("機器", "where"),
        context.say("始まり（日本時間）", "from (Japan time)"),
        context.say("終わり", "until"),
        context.say("状態", "state"),
        context.say("登録者", "by"),
        context.say("理由", "reason"),
    ]);
    let mut rows: Vec<Row> = answer.windows.into_iter().map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.number));
    for row in &rows {
        let end = row.ended_at.unwrap_or(row.until);
        let state = match (row.from <= now, now < end) {
            (_, false) => context.say("終了", "over"),
            (true, true) => context.say("実施中", "now"),
            (false, true) => context.say("予定", "planned"),
        };
        table.row(vec![
            row.number.to_string(),
            row.place.clone(),
            words::time(row.from),
            words::time(end),
            state.to_owned(),
            row.by.clone(),
            row.reason.clone(),
        ]);
    }
    let empty = context.say("保守の予定はありません。", "No maintenance is planned.");
    output::list(format, &table, &rows, empty)?;
    Ok(Outcome::Done)
}

fn row(window: w::MaintenanceWindow) -> Row {
    Row {
        number: window.number,
        place: window.place,
        from: from_wire(window.from_us),
        until: from_wire(window.until_us),
        reason: window.reason,
        by: window.by,
        added_at: from_wire(window.added_at_us),
        ended_at: window.ended_at_us.map(from_wire),
        ended_by: window.ended_by,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_meant_in_japan_and_a_date_alone_is_none() {
        let expected: Timestamp = "2026-11-23T13:00:00Z".parse().unwrap();
        for text in
            ["2026-11-23 22:00", "2026-11-23T22:00", "2026-11-23T22:00:00+09:00", "2026-11-23T13:00:00Z"]
        {
            assert_eq!(time(text), Ok(expected), "{text}");
        }
        for text in ["2026-11-23", "22:00", "", "tomorrow", "2026-13-01 10:00"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
