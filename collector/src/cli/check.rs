//! daicho check: judge documents against a ledger, with no server.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use daicho_proto::document::{Document, SCHEMA};
use daicho_rules::answer::{self, Answer};
use daicho_rules::ledger::Ledger;
use daicho_rules::rule::Severity;
use daicho_rules::text::Language;
use daicho_rules::violation::{State, Violation};
use jiff::Timestamp;

use super::output::{self, Format, Table};
use super::{Context, Outcome, failure};
use crate::bookkeeping::{self, Fault};

/// Bytes of one document: a machine with 5 000 packages tells of itself in about 2 MB.
const DOCUMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Judges observation documents against a ledger, with no server.
///
/// Only machines with a document are judged: of the others, a folder of files tells nothing. Several documents of one
/// machine are taken in the order of their times, so that grace periods run from the first that saw an update.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The ledger: a folder of CSV files, or one workbook (.xlsx).
    #[arg(long, value_name = "PATH")]
    ledger: PathBuf,
    /// What `daicho-agent collect --format json` printed; `-` is standard input.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    observation: Vec<PathBuf>,
    /// Judge as of this time (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

const AFTER_HELP: &str = "\
Exit status: 0 nothing is violated; 1 something is; 2 ledger or document cannot be used.

Examples:
  daicho-agent collect --format json | daicho check --ledger ledger/ --observation -
  daicho check --ledger ledger.xlsx --observation sv01.json pc07.json --format csv";

/// Answers.
pub fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let ledger = read_ledger(&arguments.ledger, context.language)?;
    let standard_input = arguments.observation.iter().filter(|path| path.as_os_str() == "-").count();
    if standard_input > 1 {
        return Err(failure(
            "標準入力（-）は一度しか読めません。ほかの文書はファイルで渡してください。",
            "standard input (-) can be read once only; give the other documents as files",
        ));
    }
    let documents: anyhow::Result<Vec<Document>> =
        arguments.observation.iter().map(|path| read_document(path)).collect();
    let now = arguments.now.unwrap_or_else(|| context.clock.now());
    let answer = answer::check(&ledger, documents?, now, context.language);
    match arguments.format {
        Format::Json => output::show(&output::json(&answer)?)?,
        Format::Csv => output::show(&violations(&answer, context, true).csv()?)?,
        Format::Table => output::show(&for_people(&answer, context))?,
    }
    Ok(if answer.is_violated() { Outcome::Found } else { Outcome::Done })
}

fn read_ledger(path: &Path, language: Language) -> anyhow::Result<Ledger> {
    match bookkeeping::read(path) {
        Ok(reading) => Ok(reading.ledger),
        Err(faults) => {
            let told: Vec<String> = faults.0.iter().map(|fault| fault_line(fault, language)).collect();
            let (told, place) = (told.join("\n"), path.display());
            Err(failure(
                format!("台帳{place}は使えません。次の誤りを直してください。\n{told}"),
                format!("ledger {place} cannot be used; mend these faults:\n{told}"),
            ))
        }
    }
}

fn fault_line(fault: &Fault, language: Language) -> String {
    let mut line = fault.place();
    for part in [&fault.column, &fault.value].into_iter().flatten() {
        line.push_str(&format!(" \"{part}\""));
    }
    let expected = fault.expected.in_language(language);
    match language {
        Language::Japanese => format!("{line}: 正しい値は、{expected}"),
        Language::English => format!("{line}: expected {expected}"),
    }
}

/// Reads one document; `-` is standard input.
pub(super) fn read_document(path: &Path) -> anyhow::Result<Document> {
    let place = if path.as_os_str() == "-" { "standard input".into() } else { path.to_string_lossy() };
    let refuse = |reason: String| {
        failure(
            format!(
                "観測文書{place}を読めません（{reason}）。daicho-agent collect --format json の出力を渡してください。"
            ),
            format!(
                "document {place} cannot be read ({reason}); give what daicho-agent collect --format json prints"
            ),
        )
    };
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| refuse(error.to_string()))?;
    if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(refuse(format!("more than {DOCUMENT_BYTES_MAX} bytes")));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let document: Document = serde_json::from_slice(text).map_err(|error| refuse(error.to_string()))?;
    if document.schema != SCHEMA {
        return Err(refuse(format!("its schema is {:?}, expected {SCHEMA:?}", document.schema)));
    }
    Ok(document)
}

fn for_people(answer: &Answer, context: &Context) -> String {
    let mut text = String::new();
    if answer.violations.is_empty() {
        text.push_str(context.say("違反はありません。\n", "No violations.\n"));
    } else {
        text.push_str(&violations(answer, context, false).render());
    }
    if !answer.undetermined.is_empty() {
        let headings = match context.language {
            Language::Japanese => ["規則", "機器", "判定できない理由"],
            Language::English => ["rule", "device", "cannot be told, because"],
        };
        let mut table = Table::new(&headings);
        for one in &answer.undetermined {
            table.row(vec![one.rule.clone(), one.device.clone(), one.reason.clone()]);
        }
        text.push('\n');
        text.push_str(&table.render());
    }
    let (violated, unknown, satisfied) =
        (answer.violations.len(), answer.undetermined.len(), answer.satisfied.len());
    text.push_str(&match context.language {
        Language::Japanese => format!("\n違反{violated}件、判定不能{unknown}件、適合{satisfied}件。\n"),
        Language::English => {
            format!("\n{violated} violated, {unknown} undetermined, {satisfied} satisfied.\n")
        }
    });
    text
}

fn violations(answer: &Answer, context: &Context, with_remedy: bool) -> Table {
    let mut headings = match context.language {
        Language::Japanese => vec!["重さ", "規則", "機器", "対象", "内容"],
        Language::English => vec!["severity", "rule", "device", "subject", "what is wrong"],
    };
    if with_remedy {
        headings.push(context.say("対処", "remedy"));
    }
    let mut table = Table::new(&headings);
    for violation in &answer.violations {
        let mut cells = vec![
            severity(violation, context).to_owned(),
            violation.rule.clone(),
            violation.device.clone(),
            violation.subject.clone(),
            violation.summary.in_language(context.language).to_owned(),
        ];
        if with_remedy {
            cells.push(violation.remedy.in_language(context.language).to_owned());
        }
        table.row(cells);
    }
    table
}

fn severity<'a>(violation: &Violation, context: &'a Context) -> &'a str {
    match (violation.state, violation.severity) {
        (State::Excepted, _) => context.say("例外", "excepted"),
        (_, Severity::High) => context.say("高", "high"),
        (_, Severity::Medium) => context.say("中", "medium"),
        (_, Severity::Low) => context.say("低", "low"),
    }
}
