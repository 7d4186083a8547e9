//! daicho ledger: template, read, check, diff, import, export, propose.

use super::{Context, Outcome};

/// Reads, checks, imports and exports the ledger.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let _ = (arguments, context);
    Ok(Outcome::Done)
}
