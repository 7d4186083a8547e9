//! The command daicho: one file for each of its questions.
//!
//! Each of those files has an `Arguments` for clap and a `run(arguments, context)` that prints its answer.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use daicho_rules::text::{Language, Text};

use crate::clock::{Clock, SystemClock};

pub mod alerts;
pub mod applications;
pub mod check;
pub mod compare_versions;
pub mod connection;
pub mod demo;
pub mod devices;
pub mod exceptions;
pub mod ledger;
pub mod log;
pub mod maintenance;
pub mod manual;
pub mod operators;
pub mod output;
pub mod questions;
pub mod report;
pub mod roles;
pub mod staff;
pub mod status;
pub mod swaps;
pub mod verify;
pub mod violations;
pub mod words;

/// Shows where the hospital's machines differ from its ledger, article by article of its regulation.
#[derive(Debug, Parser)]
#[command(name = "daicho", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Arguments {
    /// The language of all texts; without it the locale's (LC_ALL, LC_MESSAGES, LANG).
    #[arg(long, global = true, value_enum, help_heading = EVERYWHERE)]
    pub lang: Option<output::Lang>,
    /// The folder with your certificate.pem, key.pem and roots.pem [default: ~/.config/daicho/operator, else /etc/daicho/operator].
    #[arg(long, global = true, value_name = "DIR", env = "DAICHO_OPERATOR", help_heading = EVERYWHERE)]
    pub operator: Option<PathBuf>,
    /// The collector to ask [default: what the operator folder's file `collector` names].
    #[arg(long, global = true, value_name = "HOST:PORT", env = "DAICHO_COLLECTOR", help_heading = EVERYWHERE)]
    pub collector: Option<String>,
    #[command(subcommand)]
    command: Command,
}

/// The options that every subcommand has, apart from its own.
const EVERYWHERE: &str = "Everywhere";

const AFTER_HELP: &str = "\
Exit status: 0 done, and nothing found; 1 done, and violations found (check, violations --fail);
2 could not do it, with one sentence that says why.

Examples:
  daicho demo --once                 see the violations of this very machine
  daicho violations --article 8      what is open of Article 8
  daicho violation 3f2a90c1          one of them, with its evidence and history
  daicho device SV-01                what is known of one machine";

#[derive(Debug, Subcommand)]
enum Command {
    Violations(violations::Arguments),
    Violation(violations::OneArguments),
    Close(violations::CloseArguments),
    Acknowledge(violations::AcknowledgeArguments),
    Consult(violations::ConsultArguments),
    CorrectBy(violations::CorrectByArguments),
    Log(log::Arguments),
    Verify(verify::Arguments),
    Devices(devices::Arguments),
    Device(devices::OneArguments),
    Exceptions(exceptions::Arguments),
    Exception(applications::ExceptionArguments),
    Permit(applications::PermitArguments),
    Applications(applications::Arguments),
    Application(applications::OneArguments),
    Approve(applications::ApproveArguments),
    /// Refuses an application.
    #[command(after_help = "Example:\n  daicho reject 12 --reason '代わりの対策が足りない'")]
    Reject(applications::ReasonArguments),
    /// Takes back an application of yours that waits.
    #[command(after_help = "Example:\n  daicho withdraw 12 --reason '不要になった'")]
    Withdraw(applications::ReasonArguments),
    Extend(applications::ExtendArguments),
    /// Ends what was approved before its last day.
    #[command(after_help = "Example:\n  daicho revoke 12 --reason '媒体を紛失'")]
    Revoke(applications::ReasonArguments),
    Status(status::Arguments),
    Swaps(swaps::Arguments),
    Staff(staff::Arguments),
    Swap(swaps::OneArguments),
    Operators(operators::Arguments),
    Report(report::Arguments),
    Ledger(ledger::Arguments),
    Alerts(alerts::Arguments),
    Maintenance(maintenance::Arguments),
    Check(check::Arguments),
    CompareVersions(compare_versions::Arguments),
    Demo(demo::Arguments),
    Completions(manual::CompletionsArguments),
    Man(manual::ManArguments),
}

/// What every question is asked with.
pub struct Context {
    /// The language to answer in.
    pub language: Language,
    /// The operator's folder, where one was named.
    pub operator: Option<PathBuf>,
    /// The collector's `HOST:PORT`, where one was named.
    pub collector: Option<String>,
    /// The only source of time.
    pub clock: Arc<dyn Clock>,
}

impl Context {
    /// The sentence in the language to answer in.
    pub fn say<'a>(&self, ja: &'a str, en: &'a str) -> &'a str {
        match self.language {
            Language::Japanese => ja,
            Language::English => en,
        }
    }
}

/// How a command ended. What could not be done is an error, and exit status 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and nothing to object to: exit status 0.
    Done,
    /// Done, and violations were found: exit status 1.
    Found,
}

/// A sentence for the person who asked: what was tried, on what, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(pub Text);

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.en)
    }
}

impl std::error::Error for Failure {}

/// An error that speaks both languages.
pub fn failure(ja: impl Into<String>, en: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Failure(Text::new(ja, en)))
}

/// What to print of an error: its sentence in `language` where it has one, else the chain of its causes.
pub fn sentence(error: &anyhow::Error, language: Language) -> String {
    match error.downcast_ref::<Failure>() {
        Some(Failure(text)) => text.in_language(language).to_owned(),
        None => format!("{error:#}"),
    }
}

impl Arguments {
    /// The command line of this process; where it is wrong, says so and ends the process.
    pub fn of_this_process() -> Self {
        let matches = roles::command().get_matches();
        <Self as clap::FromArgMatches>::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// The language to speak, for this process's environment.
    pub fn language(&self) -> Language {
        let named = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
        output::language(self.lang, named.into_iter().find(|locale| !locale.is_empty()).as_deref())
    }

    /// Answers the question.
    pub async fn run(self) -> anyhow::Result<Outcome> {
        let language = self.language();
        let Arguments { operator, collector, command, .. } = self;
        let context = Context { language, operator, collector, clock: Arc::new(SystemClock) };
        let context = &context;
        match command {
            Command::Violations(arguments) => violations::run(arguments, context).await,
            Command::Violation(arguments) => violations::run_one(arguments, context).await,
            Command::Close(arguments) => violations::run_close(arguments, context).await,
            Command::Acknowledge(arguments) => violations::run_acknowledge(arguments, context).await,
            Command::Consult(arguments) => violations::run_consult(arguments, context).await,
            Command::CorrectBy(arguments) => violations::run_correct_by(arguments, context).await,
            Command::Log(arguments) => log::run(arguments, context).await,
            Command::Verify(arguments) => verify::run(&arguments, context),
            Command::Devices(arguments) => devices::run(arguments, context).await,
            Command::Device(arguments) => devices::run_one(arguments, context).await,
            Command::Exceptions(arguments) => exceptions::run(arguments, context).await,
            Command::Exception(arguments) => applications::run_exception(arguments, context).await,
            Command::Permit(arguments) => applications::run_permit(arguments, context).await,
            Command::Applications(arguments) => applications::run(arguments, context).await,
            Command::Application(arguments) => applications::run_one(arguments, context).await,
            Command::Approve(arguments) => applications::run_approve(arguments, context).await,
            Command::Reject(arguments) => applications::run_reject(arguments, context).await,
            Command::Withdraw(arguments) => applications::run_withdraw(arguments, context).await,
            Command::Extend(arguments) => applications::run_extend(arguments, context).await,
            Command::Revoke(arguments) => applications::run_revoke(arguments, context).await,
            Command::Status(arguments) => status::run(arguments, context).await,
            Command::Staff(arguments) => staff::run(arguments, context).await,
            Command::Swaps(arguments) => swaps::run(arguments, context).await,
            Command::Swap(arguments) => swaps::run_one(arguments, context).await,
            Command::Operators(arguments) => operators::run(arguments, context).await,
            Command::Report(arguments) => report::run(arguments, context).await,
            Command::Ledger(arguments) => ledger::run(arguments, context).await,
            Command::Alerts(arguments) => alerts::run(arguments, context).await,
            Command::Maintenance(arguments) => maintenance::run(arguments, context).await,
            Command::Check(arguments) => check::run(&arguments, context),
            Command::CompareVersions(arguments) => compare_versions::run(&arguments, context),
            Command::Demo(arguments) => demo::run(arguments, context).await,
            Command::Completions(arguments) => manual::run_completions(&arguments, roles::command()),
            Command::Man(arguments) => manual::run_man(&arguments, roles::command()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_error_speaks_the_language_that_was_asked_for() {
        let error = failure("開けません", "cannot be opened");
        assert_eq!(sentence(&error, Language::Japanese), "開けません");
        assert_eq!(sentence(&error, Language::English), "cannot be opened");
        let other = anyhow::anyhow!("disk full").context("ledger cannot be written");
        assert_eq!(sentence(&other, Language::Japanese), "ledger cannot be written: disk full");
    }
}
