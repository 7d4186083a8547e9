//! The command daicho: one file for each of its questions.

use clap::{Parser, Subcommand};

pub mod alerts;
pub mod check;
pub mod compare_versions;
pub mod connection;
pub mod demo;
pub mod devices;
pub mod ledger;
pub mod output;
pub mod violations;

/// Asks and tells the collector; judges and compares offline.
#[derive(Debug, Parser)]
#[command(name = "daicho", version)]
pub struct Arguments {
    /// The language of all texts; else the locale's.
    #[arg(long, global = true, value_enum)]
    pub lang: Option<output::Lang>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {}
