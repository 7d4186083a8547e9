//! daicho completions, daicho man: made by clap from the same words as --help.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap_complete::Shell;

use super::{Outcome, output};

/// Prints a completion script for your shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  daicho completions bash > /etc/bash_completion.d/daicho")]
pub struct CompletionsArguments {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Writes one man page for each subcommand.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  daicho man /usr/local/share/man/man1")]
pub struct ManArguments {
    /// The folder to write to; it is made where it is missing.
    folder: PathBuf,
}

/// Prints the completions of `command`.
pub fn run_completions(
    arguments: &CompletionsArguments,
    mut command: clap::Command,
) -> anyhow::Result<Outcome> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    output::show(&String::from_utf8(script)?)?;
    Ok(Outcome::Done)
}

/// Writes the man pages of `command`.
pub fn run_man(arguments: &ManArguments, command: clap::Command) -> anyhow::Result<Outcome> {
    let folder = &arguments.folder;
    fs::create_dir_all(folder).with_context(|| format!("folder {} cannot be made", folder.display()))?;
    clap_mangen::generate_to(command, folder)
        .with_context(|| format!("man pages cannot be written to {}", folder.display()))?;
    Ok(Outcome::Done)
}
