//! daicho compare-versions: the package managers' own orders of versions.

use super::{Context, Outcome};

/// Tells which of two versions is older, by the package manager's own order.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Answers.
pub fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<Outcome> {
    let _ = (arguments, context);
    Ok(Outcome::Done)
}
