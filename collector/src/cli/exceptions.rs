//! daicho exceptions: the deviations that the ledger accepts, and for how long.

use daicho_proto::wire as w;
use serde::Serialize;

use super::connection::Connection;
use super::output::{self, Format, Table};
use super::{Context, Outcome, questions};

/// Lists the ledger's exceptions with the days that are left, the one that ends first on top.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  daicho exceptions\n  daicho exceptions --format csv > exceptions.csv")]
pub struct Arguments {
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// An exception for programs, with the ledger's own field names.
#[derive(Serialize)]
struct Row {
    rule: String,
    device: String,
    subject: String,
    reason: String,
    measure: Option<String>,
    approved_by: String,
    expires_on: String,
    days_left: i64,
    ledger_row: String,
    covers: u32,
    state: String,
}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let answer = questions::got(&connection, connection.query().exceptions(w::ExceptionsRequest {}).await)?;
    let mut table = Table::new(&[
        context.say("規則", "rule"),
        context.say("機器", "device"),
        context.say("対象", "subject"),
        context.say("理由", "reason"),
        context.say("承認", "approved by"),
        context.say("状態", "state"),
        context.say("期限", "until"),
        context.say("残り", "left"),
        context.say("該当", "covers"),
        context.say("台帳", "ledger"),
    ]);
    let mut rows = Vec::new();
    for row in answer.exceptions {
        table.row(vec![
            row.rule.clone(),
            row.device.clone(),
            row.subject.clone(),
            row.reason.clone(),
            row.approved_by.clone(),
            state(context, &row.state).to_owned(),
            row.expires_on.clone(),
            left(context, row.days_left),
            row.covers.to_string(),
            row.ledger_row.clone(),
        ]);
        let w::ExceptionRow { rule, device, subject, reason, measure, approved_by, expires_on, .. } = row;
        let (days_left, ledger_row, covers, state) = (row.days_left, row.ledger_row, row.covers, row.state);
        rows.push(Row {
            rule,
            device,
            subject,
            reason,
            measure,
            approved_by,
            expires_on,
            days_left,
            ledger_row,
            covers,
            state,
        });
    }
    let empty = context.say("台帳に例外はありません。", "The ledger has no exceptions.");
    output::list(arguments.format, &table, &rows, empty)?;
    Ok(Outcome::Done)
}

/// What people call the state; a word that is not known here is shown as it is.
fn state<'a>(context: &Context, name: &'a str) -> &'a str {
    match name {
        "in_force" => context.say("有効", "in force"),
        "waiting" => context.say("承認待ち", "waits"),
        "refused" => context.say("却下", "refused"),
        "ended" => context.say("終了", "ended"),
        other => other,
    }
}

fn left(context: &Context, days: i64) -> String {
    let (ja, en) = match days {
        ..0 => ("期限切れ".to_owned(), "ended".to_owned()),
        0 => ("今日まで".to_owned(), "today".to_owned()),
        _ => (format!("{days}日"), format!("{days} days")),
    };
    context.say(&ja, &en).to_owned()
}
