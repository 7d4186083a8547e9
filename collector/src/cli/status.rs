//! daicho status: who you are to the collector, and how it is.

use super::{Context, Outcome};

/// Tells who you are to the collector, and how it is.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let _ = (arguments, context);
    Ok(Outcome::Done)
}
