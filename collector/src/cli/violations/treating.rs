//! daicho consult, correct-by: what people do about a violation before it ends.

use daicho_proto::wire as w;
use jiff::civil::Date;

use super::said;
use crate::cli::connection::Connection;
use crate::cli::{Context, Outcome, questions};
use crate::grpc::query::wire;

/// Gives your view on a violation, as head of the section or as the officer (Article 13(2)).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Both are asked before something is stopped: the head of the section whose device it is, and the officer. Each gives a
view with a certificate of his own; when both have, the violation is `consulted`.

Example:
  daicho consult 3f2a90c1 --note 'CT の予約連携に使っています。年末の更新まで止められません。'")]
pub struct ConsultArguments {
    /// The violation's number or key.
    key: String,
    /// Your view; it is kept in the history with your name.
    #[arg(long)]
    note: String,
}

/// Keeps the view.
pub async fn run_consult(arguments: ConsultArguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let request = w::ConsultRequest { key: arguments.key, note: arguments.note };
    let answer = connection.query().consult(request).await;
    let violation = wire::violation(questions::got(&connection, answer)?)?;
    let words = if violation.treatment.is_consulted() {
        (
            "への意見を記録しました。所属長と安全管理責任者の両方に相談済みです。",
            "has your view; both the head of section and the officer have given theirs.",
        )
    } else {
        ("への意見を記録しました。", "has your view.")
    };
    said(&violation, words, context)
}

/// Sets the day by which a violation is to be corrected, and who does it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
When the day has passed and the violation is still there, that is told. What takes longer than a year is an exception.

Example:
  daicho correct-by 3f2a90c1 2026-12-18 --who '保守業者 山田' --note '定期点検のときにサービスを止める'")]
pub struct CorrectByArguments {
    /// The violation's number or key.
    key: String,
    /// The last day, in Japan's calendar: 2026-12-18.
    day: Date,
    /// Who does it.
    #[arg(long)]
    who: String,
    /// What is to be done.
    #[arg(long)]
    note: Option<String>,
}

/// Sets the day.
pub async fn run_correct_by(arguments: CorrectByArguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let CorrectByArguments { key, day, who, note } = arguments;
    let request = w::CorrectByRequest { key, due_on: day.to_string(), who, note };
    let answer = connection.query().correct_by(request).await;
    let (ja, en) = (format!("の是正の期限を {day} にしました。"), format!("is to be corrected by {day}."));
    said(&wire::violation(questions::got(&connection, answer)?)?, (&ja, &en), context)
}
