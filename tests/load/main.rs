//! Benchmarks that print numbers beside their budgets: `load collect`, `load intake`, `load judge`, `load ledger`,
//! `load standing`, `load year`, `load abuse`, `load reconnect`. Only the last two can fail: what they count is not a matter of speed.

use clap::{Parser, Subcommand};

mod abuse;
mod collect;
mod echo;
mod intake;
mod judge;
mod ledger;
mod reconnect;
mod standing;
mod year;

#[derive(Parser)]
#[command(
    name = "load",
    about = "Measures the real programs on this machine, over loopback alone, and prints the numbers."
)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// CPU time and peak memory of one whole look at this machine and at a prepared one.
    Collect {
        /// Looks of each machine.
        #[arg(long, default_value_t = 20)]
        runs: u32,
    },
    /// Observations a second, durable, over mutual TLS, beside a bare echo of the same bytes.
    Intake {
        /// Connections, each with an identity of its own.
        #[arg(long, default_value_t = 8)]
        connections: usize,
        /// How long each of the two is loaded.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// Judging every device after a change of the ledger, and once more where nothing changed.
    Judge {
        /// Machines, each listed and reporting.
        #[arg(long, default_value_t = 10_000)]
        devices: usize,
        /// Rows of the ledger about each machine: accounts and software, by half.
        #[arg(long, default_value_t = 20)]
        rows: usize,
    },
    /// Reading and importing a ledger of 10 000 devices, and reading ledgers that mean harm.
    Ledger,
    /// Clients that mean harm beside honest agents: how long those wait, and what the collector holds.
    Abuse {
        /// Clients that mean harm.
        #[arg(long, default_value_t = 1_000)]
        hostile: usize,
        /// Honest agents, each with a report a second.
        #[arg(long, default_value_t = 200)]
        honest: usize,
        /// How long.
        #[arg(long, default_value_t = 120)]
        seconds: u64,
    },
    /// All agents come back at the moment at which the collector does.
    Reconnect {
        /// How many.
        #[arg(long, default_value_t = 5_000)]
        agents: usize,
    },
    /// What is asked of a full collector again and again: the status, the watch over what is open, the report.
    Standing {
        /// Machines, each with two violations.
        #[arg(long, default_value_t = 10_000)]
        devices: usize,
        /// Entries that the log has before.
        #[arg(long, default_value_t = 1_000_000)]
        entries: usize,
    },
    /// A year in the store: its file beside what it holds.
    Year {
        /// Machines.
        #[arg(long, default_value_t = 300)]
        devices: usize,
        /// Days.
        #[arg(long, default_value_t = 365)]
        days: usize,
        /// Signs of life are written every so many seconds; a collector writes them every 300.
        #[arg(long, default_value_t = 1_800)]
        heard_seconds: i64,
    },
    /// The bare echo that `intake` compares with.
    #[command(hide = true)]
    Echo {
        /// The collector's data folder, for its certificate.
        #[arg(long)]
        data: std::path::PathBuf,
        /// Where to listen.
        #[arg(long)]
        listen: std::net::SocketAddr,
    },
}

fn main() -> anyhow::Result<()> {
    match Line::parse().command {
        Command::Collect { runs } => collect::measure(runs),
        Command::Intake { connections, seconds } => intake::measure(connections, seconds),
        Command::Judge { devices, rows } => judge::measure(devices, rows),
        Command::Ledger => ledger::measure(),
        Command::Abuse { hostile, honest, seconds } => abuse::measure(hostile, honest, seconds),
        Command::Reconnect { agents } => reconnect::measure(agents),
        Command::Year { devices, days, heard_seconds } => year::measure(devices, days, heard_seconds),
        Command::Standing { devices, entries } => standing::measure(devices, entries),
        Command::Echo { data, listen } => echo::serve(&data, listen),
    }
}
