//! The collector's configuration: one TOML file, each room with its own part.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::store::StoreConfig;

/// The file's name in the data folder, unless `--config` names another.
pub const FILE_NAME: &str = "collector.toml";

/// The file that `init` writes: each key with its explanation.
pub const TEMPLATE: &str = include_str!("../../deploy/collector/collector.toml");

/// Everything that a person may decide about this collector. A key that is left out has the value shown in
/// `deploy/collector/collector.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where agents and operators connect.
    pub listen: SocketAddr,
    /// The host names and addresses by which they call this collector; they stand in its certificate.
    pub names: Vec<String>,
    /// Where everything is kept; a relative path starts in the data folder.
    pub store: StoreConfig,
    /// How long certificates live.
    pub authority: crate::authority::Config,
    /// How long what is kept is kept.
    pub retention: crate::retention::Config,
    /// Who is told of what, and how.
    pub alerts: crate::alerts::Config,
    /// Log lines, metrics, health.
    pub telemetry: crate::telemetry::Config,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([0, 0, 0, 0], 7443)),
            names: vec!["localhost".to_owned()],
            store: StoreConfig::Folder { path: PathBuf::from("store") },
            authority: crate::authority::Config::default(),
            retention: crate::retention::Config::default(),
            alerts: crate::alerts::Config::default(),
            telemetry: crate::telemetry::Config::default(),
        }
    }
}

/// A configuration that cannot be used: the file, the place, the value and what was expected.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or may not be read.
    #[error("configuration {file} cannot be read: {source}; `daicho-collector init` writes one")]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A key is unknown or its value does not fit.
    #[error("configuration {file}, line {line}, key `{key}`: {problem}")]
    Invalid {
        /// Which file.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// As written there.
        key: String,
        /// The value and what was expected.
        problem: String,
    },
}

impl Config {
    /// Reads and checks a file; relative paths in it start in `data`.
    pub fn read(file: &Path, data: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
        Self::parse(&text, file, data)
    }

    /// Parses and checks a file's text.
    pub fn parse(text: &str, file: &Path, data: &Path) -> Result<Self, ConfigError> {
        let invalid = |line: usize, key: &str, problem: String| ConfigError::Invalid {
            file: file.to_owned(),
            line,
            key: key.to_owned(),
            problem,
        };
        let mut config: Config = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let before = text.get(..at).unwrap_or_default();
            let start = before.rfind('\n').map_or(0, |newline| newline + 1);
            let written = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
            let key = written.split('=').next().unwrap_or_default().trim();
            invalid(before.matches('\n').count() + 1, key, error.message().to_owned())
        })?;
        let fault = config.fault();
        if let Some((key, problem)) = fault {
            let place = text.lines().position(|line| line.trim_start().starts_with(key));
            return Err(invalid(place.map_or(1, |index| index + 1), key, problem));
        }
        if let StoreConfig::Folder { path } = &mut config.store {
            *path = data.join(&*path);
        }
        let alerts = &mut config.alerts;
        for path in [&mut alerts.templates, &mut alerts.holidays_file].into_iter().flatten() {
            *path = data.join(&*path);
        }
        Ok(config)
    }

    fn fault(&self) -> Option<(&'static str, String)> {
        if self.names.is_empty() {
            return Some((
                "names",
                "[] holds no name, expected at least one host name or address".to_owned(),
            ));
        }
        if let Some(name) = self.names.iter().find(|name| !crate::authority::is_host_name(name)) {
            return Some((
                "names",
                format!("{name:?} is no host name and no address, expected e.g. \"sv01\""),
            ));
        }
        if !(2..=825).contains(&self.authority.endpoint_days) {
            let days = self.authority.endpoint_days;
            return Some(("endpoint_days", format!("{days} is out of range, expected 2 to 825")));
        }
        if self.authority.grace_days > 1_825 {
            let days = self.authority.grace_days;
            return Some(("grace_days", format!("{days} is out of range, expected 0 to 1825")));
        }
        let kept = self.retention;
        let days = [
            ("events_days", kept.events_days),
            ("deliveries_days", kept.deliveries_days),
            ("violations_days", kept.violations_days),
        ];
        if let Some((key, days)) =
            days.into_iter().find(|(_, days)| (1..crate::retention::Config::DAYS_MIN).contains(days))
        {
            return Some((key, format!("{days} is too few, expected 0 (for ever) or at least 90")));
        }
        if let Some(listen) = self.telemetry.listen.filter(|listen| !listen.ip().is_loopback()) {
            let problem = format!("{listen} is no loopback address, expected 127.0.0.1:PORT or [::1]:PORT");
            return Some(("listen", problem));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/c.toml"), Path::new("/data")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_template_holds_the_defaults() {
        let store = StoreConfig::Folder { path: PathBuf::from("/data/store") };
        let expected = Config { store, ..Config::default() };
        assert_eq!(parse(TEMPLATE).unwrap(), expected);
        assert_eq!(parse("").unwrap(), expected);
    }

    #[test]
    fn a_fault_names_file_line_key_value_and_what_was_expected() {
        let check = |text: &str, parts: &[&str]| {
            let error = parse(text).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{part:?} is missing in {error:?}");
            }
        };
        check("\nlisten = \"nowhere\"\n", &["/etc/c.toml", "line 2", "`listen`", "address"]);
        check("[store]\nkind = \"sled\"\npaht = \"x\"\n", &["paht", "expected"]);
        check("colour = 1\n", &["line 1", "`colour`", "expected one of"]);
        check("names = []\n", &["`names`", "[]", "expected"]);
        check("names = [\"a b\"]\n", &["`names`", "a b", "expected"]);
        check("[authority]\nendpoint_days = 0\n", &["line 2", "`endpoint_days`", "0", "2 to 825"]);
        check("[authority]\ngrace_days = 2000\n", &["line 2", "`grace_days`", "2000", "0 to 1825"]);
        check("[retention]\nevents_days = 30\n", &["line 2", "`events_days`", "30", "at least 90"]);
        check("[telemetry]\nlisten = \"0.0.0.0:9464\"\n", &["0.0.0.0:9464", "loopback"]);
    }
}
