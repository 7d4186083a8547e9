//! daicho check: judge documents against a ledger, with no server.

use super::{Context, Outcome};

/// Judges observation documents against a ledger, with no server.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Answers.
pub fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let _ = (arguments, context);
    Ok(Outcome::Done)
}
