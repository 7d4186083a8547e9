//! One violation with its evidence and its history.

use daicho_rules::rule::Proof;
use daicho_rules::violation::{Asked, Step, Violation};
use serde::Serialize;

use crate::cli::connection::Connection;
use crate::cli::output::{self, Format, Table, WIDTH_MAX, bold, escape, wrap};
use crate::cli::{Context, Outcome, questions, words};
use crate::queries::filters::short_key;

/// Shows one violation with its evidence and its history.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  daicho violation 3f2a90c1
  daicho violation 08.retired_staff/SV-01/tanaka --format json")]
pub struct OneArguments {
    /// The violation's number or key.
    key: String,
    /// The form of the answer; csv is its history.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Answers.
pub async fn run_one(arguments: OneArguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    show(&connection, &arguments.key, arguments.format, context).await?;
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct Detail<'a> {
    violation: &'a Violation,
    history: &'a [Step],
}

/// Asks for it and prints it.
pub(super) async fn show(
    connection: &Connection,
    key: &str,
    format: Format,
    context: &Context,
) -> anyhow::Result<Violation> {
    let (violation, history) = questions::history(connection, key).await?;
    let text = match format {
        Format::Json => output::json(&Detail { violation: &violation, history: &history })?,
        Format::Csv => history_table(&history, context).csv()?,
        Format::Table => as_text(&violation, &history, context),
    };
    output::show(&text)?;
    Ok(violation)
}

fn as_text(violation: &Violation, history: &[Step], context: &Context) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        let label = format!("{label}  ");
        let room = WIDTH_MAX - output::width(&label);
        for (number, part) in wrap(&escape(value), room).into_iter().enumerate() {
            let lead = if number == 0 { label.clone() } else { " ".repeat(output::width(&label)) };
            text.push_str(&format!("{lead}{part}\n"));
        }
    };
    let state = format!(
        "{} ・ {}",
        words::stage(context, violation.state, violation.treatment.stage),
        words::severity(context, violation.severity)
    );
    line(context.say("番号    ", "number  "), &format!("{}  ({})", short_key(&violation.key), violation.key));
    line(context.say("条      ", "article "), &words::article(context, violation.article));
    line(context.say("状態    ", "state   "), &state);
    line(context.say("機器    ", "device  "), &violation.device);
    line(context.say("対象    ", "subject "), &violation.subject);
    line(context.say("内容    ", "what    "), words::text(context, &violation.summary));
    line(context.say("対処    ", "remedy  "), words::text(context, &violation.remedy));
    let (first, last) = (words::time(violation.first_seen), words::time(violation.last_seen));
    let (ja, en) =
        (format!("{first} から {last} まで（日本時間）"), format!("{first} to {last} (Japan time)"));
    line(context.say("確認    ", "seen    "), context.say(&ja, &en));
    if let Some(exception) = &violation.exception {
        let ja = format!(
            "{}まで（承認 {}、{}）: {}",
            exception.expires_on, exception.approved_by, exception.ledger_row, exception.reason
        );
        let en = format!(
            "until {} (approved by {}, {}): {}",
            exception.expires_on, exception.approved_by, exception.ledger_row, exception.reason
        );
        line(context.say("例外    ", "excepted"), context.say(&ja, &en));
    }
    for view in &violation.treatment.views {
        let role = match (view.role, &view.section) {
            (Asked::Officer, _) => context.say("安全管理責任者", "officer").to_owned(),
            (Asked::SectionHead, section) => {
                let section = section.as_deref().unwrap_or_default();
                format!("{} {section}", context.say("所属長", "head of section"))
            }
        };
        let view = format!("{} {}（{role}）: {}", words::time(view.at), view.by, view.note);
        line(context.say("相談    ", "view    "), &view);
    }
    if let Some(correction) = &violation.treatment.correction {
        let late = if correction.overdue { context.say("・期限切れ", ", overdue") } else { "" };
        let note = correction.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
        let (day, who, by) = (correction.due_on, &correction.who, &correction.by);
        let ja = format!("{day} まで{late}（担当 {who}、決めた人 {by}）{note}");
        let en = format!("by {day}{late} ({who}, decided by {by}){note}");
        line(context.say("是正    ", "correct "), context.say(&ja, &en));
    }
    if let Some(closed) = &violation.closed {
        let at = words::time(closed.at);
        line(context.say("終了    ", "closed  "), &format!("{at} {}: {}", closed.by, closed.reason));
    }
    text.push_str(&format!("\n{}\n", bold(context.say("根拠", "Evidence"))));
    text.push_str(&evidence_table(&violation.evidence, context).render());
    text.push_str(&format!("\n{}\n", bold(context.say("経過", "History"))));
    text.push_str(&history_table(history, context).render());
    text
}

/// What led to a violation: seen on the machine, or decided in the ledger.
pub(super) fn evidence_table(evidence: &[Proof], context: &Context) -> Table {
    let mut table = Table::new(&[
        context.say("事項", "fact"),
        context.say("項目", "field"),
        context.say("値", "value"),
        context.say("出どころ", "source"),
        context.say("時刻（日本時間）", "seen at (Japan)"),
    ]);
    for proof in evidence {
        table.row(vec![
            proof.fact.clone(),
            proof.field.clone(),
            proof.value.clone(),
            source(proof),
            proof.observed_at.map(words::time).unwrap_or_default(),
        ]);
    }
    table
}

fn source(proof: &Proof) -> String {
    let parts = [proof.ledger_row.as_deref(), proof.source.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// One piece of evidence in one line.
pub(in crate::cli) fn proof_in_words(proof: &Proof) -> String {
    let source = source(proof);
    let source = if source.is_empty() { String::new() } else { format!(" ({source})") };
    format!("{}.{}={}{source}", proof.fact, proof.field, proof.value)
}

fn history_table(history: &[Step], context: &Context) -> Table {
    let mut table = Table::new(&[
        context.say("時刻（日本時間）", "when (Japan)"),
        context.say("出来事", "what"),
        context.say("誰", "by"),
        context.say("理由・内容", "reason or summary"),
    ]);
    for step in history {
        table.row(vec![
            words::time(step.at),
            words::step(context, step.what).to_owned(),
            step.by.clone(),
            step.reason.clone().unwrap_or_else(|| words::text(context, &step.summary).to_owned()),
        ]);
    }
    table
}
