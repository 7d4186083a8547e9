//! daicho operators: who has a certificate to ask and decide with, and what each may do.

use daicho_proto::time::from_wire;
use daicho_proto::wire as w;
use serde::Serialize;

use super::connection::Connection;
use super::output::{self, Format, Table};
use super::{Context, Outcome, questions, words};

/// Lists the people who have a certificate, with their roles.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  daicho operators --format csv > operators.csv")]
pub struct Arguments {
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Row {
    name: String,
    roles: Vec<String>,
    section: Option<String>,
    not_after: jiff::Timestamp,
    revoked_at: Option<jiff::Timestamp>,
}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let answer = questions::got(&connection, connection.query().operators(w::OperatorsRequest {}).await)?;
    let mut table = Table::new(&[
        context.say("名前", "name"),
        context.say("役割", "roles"),
        context.say("証明書の期限（日本時間）", "certificate until (Japan time)"),
        context.say("失効", "revoked"),
    ]);
    let mut rows = Vec::new();
    for row in answer.operators {
        let row = Row {
            name: row.name,
            roles: row.roles,
            section: row.section,
            not_after: from_wire(row.not_after_us),
            revoked_at: row.revoked_at_us.map(from_wire),
        };
        table.row(vec![
            row.name.clone(),
            words::roles(&row.roles, row.section.as_deref(), context),
            words::time(row.not_after),
            row.revoked_at.map(words::time).unwrap_or_default(),
        ]);
        rows.push(row);
    }
    output::list(arguments.format, &table, &rows, context.say("だれもいません。", "There is nobody."))?;
    Ok(Outcome::Done)
}
