//! daicho violations, violation, close, acknowledge: where machines and ledger differ, and what a person says to it.

use super::{Context, Outcome};

/// Lists where the machines differ from the ledger.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let _ = (arguments, context);
    Ok(Outcome::Done)
}

/// Shows one violation with its evidence and its history.
#[derive(Debug, clap::Args)]
pub struct OneArguments {}

/// Answers.
pub async fn run_one(arguments: OneArguments, context: &Context) -> anyhow::Result<Outcome> {
    let _ = (arguments, context);
    Ok(Outcome::Done)
}

/// Closes an incident, with a reason.
#[derive(Debug, clap::Args)]
pub struct CloseArguments {}

/// Answers.
pub async fn run_close(arguments: CloseArguments, context: &Context) -> anyhow::Result<Outcome> {
    let _ = (arguments, context);
    Ok(Outcome::Done)
}

/// Says that somebody is working on a violation.
#[derive(Debug, clap::Args)]
pub struct AcknowledgeArguments {}

/// Answers.
pub async fn run_acknowledge(arguments: AcknowledgeArguments, context: &Context) -> anyhow::Result<Outcome> {
    let _ = (arguments, context);
    Ok(Outcome::Done)
}
