//! daicho devices, daicho device: what is known of the machines.

use super::{Context, Outcome};

/// Lists the machines: those of the ledger and those that report.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let _ = (arguments, context);
    Ok(Outcome::Done)
}

/// Shows what is known of one machine, and what is not.
#[derive(Debug, clap::Args)]
pub struct OneArguments {}

/// Answers.
pub async fn run_one(arguments: OneArguments, context: &Context) -> anyhow::Result<Outcome> {
    let _ = (arguments, context);
    Ok(Outcome::Done)
}
