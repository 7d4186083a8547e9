//! daicho violations, violation, close, acknowledge: where machines and ledger differ, and what a person says to it.

use daicho_proto::wire as w;
use daicho_rules::answer::Answer;
use daicho_rules::rule::Severity;
use daicho_rules::violation::{State, Violation};
use jiff::Timestamp;

use super::connection::Connection;
use super::output::{self, Format, Table, escape};
use super::{Context, Outcome, questions, words};
use crate::grpc::query::wire;
use crate::queries::Filters;
use crate::queries::filters::short_key;

mod one;
pub(super) mod since;
mod treating;

#[cfg(test)]
mod tests;

pub(super) use one::proof_in_words;
pub use one::{OneArguments, run_one};
pub use treating::{ConsultArguments, CorrectByArguments, run_consult, run_correct_by};

/// Lists where the machines differ from the ledger, and what could not be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The number in the first column names a violation for `violation`, `close` and `acknowledge`; it stays the same.
What a rule could not tell is listed below the violations: it is neither in order nor a violation.

Examples:
  daicho violations                                everything that is not resolved
  daicho violations --article 8,11 --severity high
  daicho violations --device SV-01 --since 7d
  daicho violations --state resolved --since 2026-11-01 --format csv > resolved.csv
  daicho violations --fail --format json           exit status 1 if anything is open")]
pub struct Arguments {
    /// Only these articles of the regulation.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    article: Vec<u8>,
    /// Only this device: its device_id, or the hostname of one that is not listed.
    #[arg(long)]
    device: Option<String>,
    /// Only this group of the ledger.
    #[arg(long)]
    group: Option<String>,
    /// Only this rule, such as 08.retired_staff.
    #[arg(long)]
    rule: Option<String>,
    /// Only these states [default: all but resolved].
    #[arg(long, value_enum, value_delimiter = ',')]
    state: Vec<StateArgument>,
    /// Only these severities.
    #[arg(long, value_enum, value_delimiter = ',')]
    severity: Vec<SeverityArgument>,
    /// Only what is new since then (resolved ones: what ended since then): 2026-11-01, 2026-11-01T09:00:00Z, 36h, 7d.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only this one, by its number or key; as a table with its evidence and history.
    #[arg(long)]
    key: Option<String>,
    /// End with exit status 1 if any violation is open or acknowledged.
    #[arg(long)]
    fail: bool,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The states, as the contract names them.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum StateArgument {
    Open,
    Acknowledged,
    Excepted,
    Resolved,
}

/// The severities, as the contract names them.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum SeverityArgument {
    High,
    Medium,
    Low,
}

impl Arguments {
    fn filters(&self, now: Timestamp) -> anyhow::Result<Filters> {
        let state = |state: &StateArgument| match state {
            StateArgument::Open => State::Open,
            StateArgument::Acknowledged => State::Acknowledged,
            StateArgument::Excepted => State::Excepted,
            StateArgument::Resolved => State::Resolved,
        };
        let severity = |severity: &SeverityArgument| match severity {
            SeverityArgument::High => Severity::High,
            SeverityArgument::Medium => Severity::Medium,
            SeverityArgument::Low => Severity::Low,
        };
        Ok(Filters {
            articles: self.article.clone(),
            device: self.device.clone(),
            group: self.group.clone(),
            states: self.state.iter().map(state).collect(),
            severities: self.severity.iter().map(severity).collect(),
            since: self.since.as_deref().map(|text| since::parse(text, now)).transpose()?,
            key: self.key.clone(),
            rule: self.rule.clone(),
        })
    }
}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let filters = arguments.filters(context.clock.now())?;
    let connection = Connection::open(context).await?;
    if let (Some(key), Format::Table) = (&arguments.key, arguments.format) {
        let violation = one::show(&connection, key, Format::Table, context).await?;
        return Ok(outcome(arguments.fail, &[violation]));
    }
    let answer = questions::answer(&connection, &filters, context.language).await?;
    match arguments.format {
        Format::Json => output::show(&output::json(&answer)?)?,
        Format::Csv => output::show(&as_csv(&answer, context).csv()?)?,
        Format::Table => output::show(&as_table(&answer, &filters, context))?,
    }
    Ok(outcome(arguments.fail, &answer.violations))
}

fn outcome(fail: bool, violations: &[Violation]) -> Outcome {
    let is_open = |violation: &Violation| matches!(violation.state, State::Open | State::Acknowledged);
    if fail && violations.iter().any(is_open) { Outcome::Found } else { Outcome::Done }
}

/// Violations, then what could not be told, then what that makes.
fn as_table(answer: &Answer, filters: &Filters, context: &Context) -> String {
    let mut text = String::new();
    if answer.violations.is_empty() {
        let none = context.say("該当する違反はありません。", "There is no such violation.");
        text.push_str(&format!("{none}\n"));
    } else {
        text.push_str(&violations_table(&answer.violations, context).render());
    }
    // What cannot be told has no severity, state or key: a question for those is not about it.
    let narrowed = !filters.severities.is_empty() || !filters.states.is_empty() || filters.key.is_some();
    if !narrowed && !answer.undetermined.is_empty() {
        let heading = context.say(
            "判定できなかったもの（適合でも違反でもありません）",
            "What could not be told (neither in order nor a violation)",
        );
        text.push_str(&format!("\n{}\n", output::bold(heading)));
        text.push_str(&undetermined_table(answer, context).render());
    }
    let of = |severity| answer.violations.iter().filter(|violation| violation.severity == severity).count();
    let (high, medium, low) = (of(Severity::High), of(Severity::Medium), of(Severity::Low));
    let (all, unsure, fine) = (answer.violations.len(), answer.undetermined.len(), answer.satisfied.len());
    let ja = format!(
        "違反 {all} 件（高 {high}・中 {medium}・低 {low}）、判定できなかったもの {unsure} 件、適合 {fine} 件"
    );
    let en = format!(
        "{all} violations ({high} high, {medium} medium, {low} low), {unsure} not told, {fine} in order"
    );
    text.push_str(&format!("\n{}\n", context.say(&ja, &en)));
    text
}

/// The list that people see: the most urgent first within each article.
pub fn violations_table(violations: &[Violation], context: &Context) -> Table {
    let mut table = Table::new(&[
        context.say("番号", "number"),
        context.say("条", "art."),
        context.say("重大度", "severity"),
        context.say("状態", "state"),
        context.say("機器", "device"),
        context.say("内容", "what is wrong"),
        context.say("発見日", "first seen"),
    ]);
    let mut sorted: Vec<&Violation> = violations.iter().collect();
    sorted.sort_by(|a, b| {
        let order = |violation: &Violation| (violation.article, std::cmp::Reverse(violation.severity));
        order(a)
            .cmp(&order(b))
            .then_with(|| (&a.device, &a.rule, &a.subject).cmp(&(&b.device, &b.rule, &b.subject)))
    });
    for violation in sorted {
        table.row(vec![
            short_key(&violation.key),
            violation.article.to_string(),
            words::severity(context, violation.severity).to_owned(),
            words::stage(context, violation.state, violation.treatment.stage).to_owned(),
            violation.device.clone(),
            words::text(context, &violation.summary).to_owned(),
            words::day(violation.first_seen),
        ]);
    }
    table
}

/// One row for each reason: a thousand machines that cannot tell the same are one sentence.
pub fn undetermined_table(answer: &Answer, context: &Context) -> Table {
    let mut reasons: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for told in &answer.undetermined {
        let known = reasons.iter_mut().find(|(rule, reason, _)| *rule == told.rule && *reason == told.reason);
        match known {
            Some((_, _, devices)) if devices.contains(&told.device.as_str()) => {}
            Some((_, _, devices)) => devices.push(&told.device),
            None => reasons.push((&told.rule, &told.reason, vec![&told.device])),
        }
    }
    let mut table = Table::new(&[
        context.say("規則", "rule"),
        context.say("機器", "device"),
        context.say("理由", "reason"),
    ]);
    for (rule, reason, devices) in reasons {
        let first = devices.first().copied().unwrap_or_default();
        let others = devices.len().saturating_sub(1);
        let (ja, en) = (format!("{first} 他{others}台"), format!("{first} and {others} more"));
        let devices = if others == 0 { first.to_owned() } else { context.say(&ja, &en).to_owned() };
        table.row(vec![rule.to_owned(), devices, reason.to_owned()]);
    }
    table
}

/// One row for each violation and for each thing that could not be told, so that a spreadsheet is not silent on it.
fn as_csv(answer: &Answer, context: &Context) -> Table {
    let mut table = Table::new(&[
        context.say("番号", "number"),
        context.say("キー", "key"),
        context.say("規則", "rule"),
        context.say("条", "article"),
        context.say("機器", "device"),
        context.say("対象", "subject"),
        context.say("重大度", "severity"),
        context.say("状態", "state"),
        context.say("内容", "what is wrong"),
        context.say("対処", "remedy"),
        context.say("根拠", "evidence"),
        context.say("発見", "first seen"),
        context.say("最終確認", "last seen"),
    ]);
    for violation in &answer.violations {
        let evidence = violation.evidence.iter().map(proof_in_words).collect::<Vec<_>>();
        table.row(vec![
            short_key(&violation.key),
            violation.key.clone(),
            violation.rule.clone(),
            violation.article.to_string(),
            violation.device.clone(),
            violation.subject.clone(),
            words::severity(context, violation.severity).to_owned(),
            words::state(context, violation.state).to_owned(),
            words::text(context, &violation.summary).to_owned(),
            words::text(context, &violation.remedy).to_owned(),
            evidence.join("; "),
            words::time(violation.first_seen),
            words::time(violation.last_seen),
        ]);
    }
    for told in &answer.undetermined {
        let article = told.rule.split('.').next().unwrap_or_default().trim_start_matches('0');
        let mut cells = vec![String::new(); 13];
        cells[2] = told.rule.clone();
        cells[3] = article.to_owned();
        cells[4] = told.device.clone();
        cells[5] = told.subject.clone().unwrap_or_default();
        cells[7] = context.say("判定できない", "undetermined").to_owned();
        cells[8] = told.reason.clone();
        table.row(cells);
    }
    table
}

/// Closes an incident: it happened, it was looked into, and you answer for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Only what happened (such as the use of a medium) is closed by a person. What lasts (such as an account that is still
enabled) resolves by itself once it is mended, or is accepted by an exception in the ledger.

Example:
  daicho close 3f2a90c1 --reason 'The stick belongs to the auditors, was scanned, and went back with them.'")]
pub struct CloseArguments {
    /// The violation's number or key.
    key: String,
    /// Why; it is kept in the history with your name.
    #[arg(long)]
    reason: String,
}

/// Closes.
pub async fn run_close(arguments: CloseArguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let request = w::CloseRequest { key: arguments.key, reason: arguments.reason };
    let answer = connection.query().close(request).await;
    said(&wire::violation(questions::got(&connection, answer)?)?, ("を終了しました。", "is closed."), context)
}

/// Says that somebody has seen a violation and works on it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  daicho acknowledge 3f2a90c1 --note 'Asked ward 3; the account will be disabled on Friday.'")]
pub struct AcknowledgeArguments {
    /// The violation's number or key.
    key: String,
    /// What is being done; it is kept in the history with your name.
    #[arg(long)]
    note: Option<String>,
}

/// Acknowledges.
pub async fn run_acknowledge(arguments: AcknowledgeArguments, context: &Context) -> anyhow::Result<Outcome> {
    let connection = Connection::open(context).await?;
    let request = w::AcknowledgeRequest { key: arguments.key, note: arguments.note };
    let answer = connection.query().acknowledge(request).await;
    said(
        &wire::violation(questions::got(&connection, answer)?)?,
        ("を対応中にしました。", "is acknowledged."),
        context,
    )
}

fn said(violation: &Violation, (ja, en): (&str, &str), context: &Context) -> anyhow::Result<Outcome> {
    let name = format!("{} ({})", short_key(&violation.key), escape(&violation.key));
    let (ja, en) = (format!("違反 {name} {ja}\n"), format!("Violation {name} {en}\n"));
    output::show(context.say(&ja, &en))?;
    Ok(Outcome::Done)
}
