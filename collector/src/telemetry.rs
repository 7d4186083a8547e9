//! Observing the collector itself: log lines, metrics, health.

use std::io::IsTerminal;
use std::net::SocketAddr;

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

pub(crate) mod answers;
mod figures;

pub use figures::Metrics;

/// Log lines, metrics, health.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where `GET /metrics` and `GET /health` answer; loopback only. Absent: nowhere.
    pub listen: Option<SocketAddr>,
    /// The form of log lines on standard error.
    pub format: Format,
    /// Which log lines: `info`, `debug`, `daicho_collector=debug,warn`; the environment's `RUST_LOG` is stronger.
    pub filter: String,
}

impl Default for Config {
    fn default() -> Self {
        let listen = Some(SocketAddr::from(([127, 0, 0, 1], 9464)));
        Config { listen, format: Format::Text, filter: "info".to_owned() }
    }
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one object a line.
    Json,
}

/// Starts the log. A filter that cannot be understood is told and `info` holds.
pub fn start_log(config: &Config) {
    let from_environment = std::env::var("RUST_LOG").ok();
    let wanted = from_environment.as_deref().unwrap_or(&config.filter);
    let (filter, fault) = match EnvFilter::try_new(wanted) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let started = match config.format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("Log is running already.");
    }
    if let Some(error) = fault {
        tracing::warn!(%error, wanted, "Log filter cannot be understood; info holds.");
    }
}
