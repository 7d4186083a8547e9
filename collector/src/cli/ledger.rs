//! daicho ledger: template, read, check, diff, import, export, versions, propose.

use std::path::PathBuf;

use daicho_proto::wire as w;

use super::output::Format;
use super::{Context, Outcome};

mod compared;
mod drafts;
mod local;
mod mappings;
mod remote;
pub(super) mod shown;
pub(super) mod target;
mod written_back;

/// Reads, checks, compares, imports and exports the ledger (台帳).
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Where a ledger lies, and how to read it.
#[derive(Debug, clap::Args)]
pub(super) struct Source {
    /// A folder of CSV files, or an .xlsx workbook.
    path: PathBuf,
    /// A JSON file that says which column is which, where the headings do not: {"devices": {"番号": "device_id"}}. Without
    /// it, daicho-mapping.json beside the ledger.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
}

/// A ledger that becomes the current version.
#[derive(Debug, clap::Args)]
pub(super) struct Bring {
    #[command(flatten)]
    source: Source,
    /// A word on why, kept with the version.
    #[arg(long)]
    note: Option<String>,
    /// The version that this ledger was edited from; exports know it themselves.
    #[arg(long, value_name = "VERSION")]
    based_on: Option<u64>,
    /// Merge with what others changed since that version, row by row and field by field.
    #[arg(long)]
    merge: bool,
    /// Where both changed the same field: the file's value counts. KEY.FIELD as --merge lists it; may stand often.
    #[arg(long, value_name = "KEY.FIELD", requires = "merge")]
    take_mine: Vec<String>,
    /// Where both changed the same field: the ledger's value stays.
    #[arg(long, value_name = "KEY.FIELD", requires = "merge")]
    take_theirs: Vec<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write an empty ledger to fill in: every sheet, every setting with its default.
    #[command(
        after_help = "Examples:\n  daicho ledger template ledger.xlsx\n  daicho ledger template ledger-folder --lang ja"
    )]
    Template {
        /// A new folder, or a new file that ends in .xlsx.
        #[arg(default_value = "ledger", value_name = "DIR|FILE.xlsx")]
        to: PathBuf,
    },
    /// Read a ledger as the importer would and show it: mapping, rows, every fault. Changes nothing.
    #[command(after_help = MAPPING_HELP)]
    Read {
        #[command(flatten)]
        source: Source,
        /// Write how it was read into a new JSON file, to be corrected and given back with --mapping.
        #[arg(long, value_name = "FILE")]
        write_mapping: Option<PathBuf>,
        /// The form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Check a ledger: exit status 0 when it can be imported, else 2 with every fault.
    Check {
        #[command(flatten)]
        source: Source,
        /// The form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Compare the ledger with a file and with what machines report: exit status 0 for nothing, 1 for differences.
    #[command(after_help = DIFF_HELP)]
    Diff(compared::Asked),
    /// Make a ledger the collector's current version: all of it, or with a single fault nothing.
    #[command(
        after_help = "Examples:\n  daicho ledger import ledger.xlsx --note \"2026年4月の異動\"\n  daicho ledger import ledger.xlsx --merge --take-mine SV-01.location"
    )]
    Import(Bring),
    /// Write the collector's ledger into files, or with --into back into the hospital's own workbook.
    #[command(after_help = EXPORT_HELP)]
    Export {
        /// A new folder, or a new file that ends in .xlsx or .json.
        to: PathBuf,
        /// An older version instead of the current one.
        #[arg(long = "version", value_name = "VERSION")]
        number: Option<u64>,
        /// The form, where the name of the file does not tell.
        #[arg(long, value_enum)]
        format: Option<target::Form>,
        /// Write the folder of CSV files in CP932 (Shift_JIS), for programs that read nothing else. A character that it lacks
        /// is named with its cell, and nothing is written.
        #[arg(long, conflicts_with = "into")]
        cp932: bool,
        /// The hospital's own workbook (.xlsx, .xlsm): a copy of it is written in which only what differs is changed.
        #[arg(long, value_name = "THEIR.xlsx", conflicts_with = "format")]
        into: Option<PathBuf>,
        /// A JSON file that says which column of that workbook is which, where the headings do not.
        #[arg(long, value_name = "FILE", requires = "into")]
        mapping: Option<PathBuf>,
    },
    /// List the mappings that are remembered: an import with --mapping keeps what it says of each sheet.
    #[command(after_help = "Examples:\n  daicho ledger mappings\n  daicho ledger mappings --forget 病棟端末")]
    Mappings {
        /// Forget what is remembered of this sheet.
        #[arg(long, value_name = "SHEET")]
        forget: Option<String>,
        /// The form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// List the versions: who imported them, when, and why.
    Versions {
        /// The form of the answer.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Draft ledger rows from what was seen on a device, for a person to look through and approve.
    #[command(
        after_help = "Examples:\n  daicho ledger propose --device SV-01 drafts.xlsx\n  daicho ledger propose --group 病棟端末 --at-least 10 drafts.xlsx"
    )]
    Propose {
        /// The device: its device_id, or the host name of one that is not listed.
        #[arg(long, required_unless_present = "group", conflicts_with = "group")]
        device: Option<String>,
        /// Draft for a whole group: what enough of its devices have; what fewer have is written apart, by device.
        #[arg(long, value_name = "NAME")]
        group: Option<String>,
        /// How many of the group's devices are enough; without it, half of them.
        #[arg(long, value_name = "N", requires = "group", value_parser = clap::value_parser!(u32).range(1..))]
        at_least: Option<u32>,
        /// A new folder, or a new file that ends in .xlsx or .json.
        to: PathBuf,
    },
}

const MAPPING_HELP: &str = "\
A mapping that an import was given is remembered for sheets with the same name and the same headings. Without a
collector, daicho-mapping.json beside the ledger is used.

Example:
  daicho ledger read 機器台帳.xlsx --write-mapping daicho-mapping.json";

const DIFF_HELP: &str = "\
For each difference three columns: what the ledger says, what the file says, what is seen, by which endpoint and when.
What is not measured is not absent. What differs by width, case or dashes alone stands apart.

Examples:
  daicho ledger diff 機器台帳.xlsx
  daicho ledger diff 機器台帳.xlsx --only machine --sheet accounts --format csv
  daicho ledger diff ledger/ 機器台帳.xlsx --facts documents/";

const EXPORT_HELP: &str = "\
With --into, changed cells and added rows are marked with a comment: what stood there, who changed it, in which version.
Rows that the ledger has no more stand and are marked 要確認. Formulas, styles and everything else stay as they are.

Examples:
  daicho ledger export ledger.xlsx
  daicho ledger export --into 機器台帳.xlsx 機器台帳-更新.xlsx";

/// Answers.
pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Outcome> {
    match arguments.command {
        Command::Template { to } => local::template(&to, context),
        Command::Read { source, write_mapping, format } => {
            local::read(&source, write_mapping.as_deref(), format, context)
        }
        Command::Check { source, format } => local::check(&source, format, context),
        Command::Diff(asked) => compared::diff(&asked, context).await,
        Command::Import(bring) => remote::import(bring, context).await,
        Command::Export { to, number, into: Some(path), mapping, .. } => {
            written_back::export(&Source { path, mapping }, &to, number, context).await
        }
        Command::Export { to, number, format, cp932, .. } => {
            remote::export(&to, number, format, cp932, context).await
        }
        Command::Mappings { forget: Some(sheet), .. } => mappings::forget(sheet, context).await,
        Command::Mappings { forget: None, format } => mappings::list(format, context).await,
        Command::Versions { format } => remote::versions(format, context).await,
        Command::Propose { device, group, at_least, to } => {
            drafts::propose(
                w::LedgerProposeRequest { device: device.unwrap_or_default(), group, at_least },
                &to,
                context,
            )
            .await
        }
    }
}
