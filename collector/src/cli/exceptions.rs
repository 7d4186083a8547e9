//! daicho exceptions: the deviations that the ledger accepts, and for how long.

use super::{Context, Outcome};

/// Lists the ledger's exceptions with the days that are left.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let _ = (arguments, context);
    Ok(Outcome::Done)
}
