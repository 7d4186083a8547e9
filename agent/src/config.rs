//! The agent's configuration: one TOML file. `deploy/agent/agent.toml` explains each key.

use std::path::{Path, PathBuf};
use std::time::Duration;

use daicho_proto::facts::Subject;
use toml::{Table, Value};

use crate::address::Address;
use crate::probes::PROBES;
use crate::text::Text;

/// Where the configuration lies unless told otherwise.
pub fn default_path() -> PathBuf {
    default_folder("/etc/daicho").join("agent.toml")
}

#[cfg(unix)]
fn default_folder(path: &str) -> PathBuf {
    PathBuf::from(path)
}

/// On Windows all lies below `%ProgramData%\Daicho`.
#[cfg(windows)]
fn default_folder(_: &str) -> PathBuf {
    crate::platform::windows::live::places::program_data().join("Daicho")
}

/// Where identity, spool and status lie unless told otherwise.
fn default_data_folder() -> PathBuf {
    let folder = default_folder("/var/lib/daicho-agent");
    if cfg!(windows) { folder.join("agent") } else { folder }
}

/// All that can be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Identity, spool and status lie here.
    pub data_folder: PathBuf,
    /// The collector, where it is not the one that the agent enrolled at.
    pub collector: Option<Address>,
    /// How the log is written.
    pub log_format: LogFormat,
    /// What the log holds.
    pub log_level: tracing::Level,
    /// How long at most between two looks, for each of [`PROBES`], in their order.
    pub cadences: Vec<(Subject, Duration)>,
    /// Each cadence is shortened by up to this share, so that agents do not look all at once.
    pub jitter_percent: u32,
    /// Room for events that nobody acknowledged.
    pub spool_bytes_max: u64,
    /// Days of work for which an event waits at most.
    pub spool_days_max: u64,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people and the journal.
    Text,
    /// For programs.
    Json,
}

/// A look takes up to 0.1 CPU seconds: more often than this it would break the agent's budget.
const CADENCE_SECONDS: std::ops::RangeInclusive<i64> = 10..=86_400;

/// Some 3 000 events, to a size that no hospital's outage fills.
const SPOOL_MEGABYTES: std::ops::RangeInclusive<i64> = 1..=1_024;

/// A week, in which any line is mended, to ten years.
const SPOOL_DAYS: std::ops::RangeInclusive<i64> = 7..=3_650;

impl Default for Config {
    fn default() -> Self {
        Config {
            data_folder: default_data_folder(),
            collector: None,
            log_format: LogFormat::Text,
            log_level: tracing::Level::INFO,
            cadences: PROBES.iter().map(|probe| (probe.subject, probe.cadence)).collect(),
            jitter_percent: 10,
            spool_bytes_max: 64 << 20,
            spool_days_max: 400,
        }
    }
}

impl Config {
    /// Reads `path`; without one the default path, which may be missing.
    pub fn read(path: Option<&Path>) -> Result<Self, Text> {
        let (path, may_be_missing) =
            path.map_or_else(|| (default_path(), true), |path| (path.to_owned(), false));
        match std::fs::read_to_string(&path) {
            // Windows' own editor may begin a file with a mark of its encoding.
            Ok(text) => Config::parse(text.strip_prefix('\u{feff}').unwrap_or(&text), &path),
            Err(error) if may_be_missing && error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Config::default())
            }
            Err(error) => Err(Text::new(
                format!(
                    "設定ファイル {} を読めません（{error}）。パスと権限を確認してください",
                    path.display()
                ),
                format!(
                    "cannot read the configuration {} ({error}); check its path and permissions",
                    path.display()
                ),
            )),
        }
    }

    /// Understands the text of the file at `path`. All that is wrong is told at once.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Text> {
        let table = text.parse::<Table>().map_err(|error| {
            let what = crate::text::escape(error.message());
            let line =
                error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
            Text::new(
                format!("設定ファイル {} の {line} 行目が TOML として読めません（{what}）", path.display()),
                format!("cannot read {} as TOML: line {line}: {what}", path.display()),
            )
        })?;
        let mut config = Config::default();
        let mut reader = Reader { faults: Vec::new() };
        reader.all(&table, "", |reader, key, value| match key {
            "data_folder" => {
                let read = value.as_str().map(PathBuf::from).filter(|path| path.is_absolute());
                reader.set(key, value, "an absolute path", read, &mut config.data_folder);
            }
            "collector" => {
                let read = value.as_str().and_then(|text| text.parse().ok()).map(Some);
                reader.set(key, value, "HOST:PORT", read, &mut config.collector);
            }
            "log_format" => {
                let read = match value.as_str() {
                    Some("text") => Some(LogFormat::Text),
                    Some("json") => Some(LogFormat::Json),
                    _ => None,
                };
                reader.set(key, value, "\"text\" or \"json\"", read, &mut config.log_format);
            }
            "log_level" => {
                let read = value.as_str().and_then(|text| text.parse().ok());
                let expected = "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"";
                reader.set(key, value, expected, read, &mut config.log_level);
            }
            "looks" => reader.section(key, value, |reader, name, value| {
                config.read_look(reader, name, value);
            }),
            "spool" => reader.section(key, value, |reader, name, value| match name {
                "spool.megabytes_max" => {
                    let read = whole(value, &SPOOL_MEGABYTES).map(|megabytes| megabytes << 20);
                    let expected = "a whole number of megabytes from 1 to 1024";
                    reader.set(name, value, expected, read, &mut config.spool_bytes_max);
                }
                "spool.days_max" => {
                    let expected = "a whole number of days from 7 to 3650";
                    reader.set(name, value, expected, whole(value, &SPOOL_DAYS), &mut config.spool_days_max);
                }
                _ => reader.unknown(name, value, "megabytes_max or days_max"),
            }),
            _ => {
                reader.unknown(
                    key,
                    value,
                    "data_folder, collector, log_format, log_level, [looks] or [spool]",
                );
            }
        });
        reader.end(path)?;
        Ok(config)
    }

    fn read_look(&mut self, reader: &mut Reader, name: &str, value: &Value) {
        let short = name.trim_start_matches("looks.");
        if short == "jitter_percent" {
            let read = whole(value, &(0..=50)).and_then(|percent| u32::try_from(percent).ok());
            reader.set(name, value, "a whole number from 0 to 50", read, &mut self.jitter_percent);
            return;
        }
        let subject = short.strip_suffix("_seconds");
        match self.cadences.iter_mut().find(|(known, _)| Some(known.name()) == subject) {
            Some((_, cadence)) => {
                let read = whole(value, &CADENCE_SECONDS).map(Duration::from_secs);
                reader.set(name, value, "a whole number of seconds from 10 to 86400", read, cadence);
            }
            None => {
                let names: Vec<String> =
                    PROBES.iter().map(|probe| format!("{}_seconds", probe.subject)).collect();
                reader.unknown(name, value, &format!("jitter_percent, {}", names.join(", ")));
            }
        }
    }
}

fn whole(value: &Value, allowed: &std::ops::RangeInclusive<i64>) -> Option<u64> {
    value.as_integer().filter(|number| allowed.contains(number)).and_then(|number| u64::try_from(number).ok())
}

/// Collects faults while the keys are read.
struct Reader {
    faults: Vec<(String, String, String)>,
}

impl Reader {
    fn all(&mut self, table: &Table, prefix: &str, mut each: impl FnMut(&mut Self, &str, &Value)) {
        for (key, value) in table {
            each(self, &format!("{prefix}{key}"), value);
        }
    }

    fn section(&mut self, key: &str, value: &Value, each: impl FnMut(&mut Self, &str, &Value)) {
        match value.as_table() {
            Some(table) => self.all(table, &format!("{key}."), each),
            None => self.fault(key, value, "a section"),
        }
    }

    fn set<T>(&mut self, key: &str, value: &Value, expected: &str, read: Option<T>, place: &mut T) {
        match read {
            Some(read) => *place = read,
            None => self.fault(key, value, expected),
        }
    }

    fn unknown(&mut self, key: &str, value: &Value, known: &str) {
        self.fault(key, value, &format!("one of the keys {known}"));
    }

    fn fault(&mut self, key: &str, value: &Value, expected: &str) {
        let shown = crate::text::escape(value.to_string().trim());
        self.faults.push((crate::text::escape(key), shown, expected.to_owned()));
    }

    fn end(self, path: &Path) -> Result<(), Text> {
        if self.faults.is_empty() {
            return Ok(());
        }
        let list = |word: &str| {
            let one = |(key, value, expected): &(String, String, String)| {
                format!("{key} = {value} ({word} {expected})")
            };
            self.faults.iter().map(one).collect::<Vec<_>>().join("; ")
        };
        Err(Text::new(
            format!("設定ファイル {} に使えない値があります: {}", path.display(), list("正しくは")),
            format!("cannot use the configuration {}: {}", path.display(), list("expected")),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("agent.toml")).map_err(|text| text.en)
    }

    #[test]
    fn every_key_can_be_set_and_an_empty_file_is_the_default() {
        assert_eq!(parse(""), Ok(Config::default()));
        let folder = if cfg!(windows) { r"D:\agent" } else { "/srv/agent" };
        let config = parse(&format!(
            "data_folder = '{folder}'\ncollector = 'daicho.example.jp:7443'\nlog_format = 'json'\n\
             log_level = 'debug'\n[looks]\naccounts_seconds = 60\njitter_percent = 0\n[spool]\nmegabytes_max = 2\ndays_max = 30\n"
        ))
        .unwrap();
        assert_eq!(config.data_folder, Path::new(folder));
        assert_eq!(config.collector.unwrap().to_string(), "daicho.example.jp:7443");
        assert_eq!((config.log_format, config.log_level), (LogFormat::Json, tracing::Level::DEBUG));
        assert!(config.cadences.contains(&(Subject::Accounts, Duration::from_secs(60))));
        assert_eq!((config.jitter_percent, config.spool_bytes_max, config.spool_days_max), (0, 2 << 20, 30));
    }

    #[test]
    fn the_example_is_the_default() {
        let text = include_str!("../../deploy/agent/agent.toml");
        assert_eq!(parse(text), Ok(Config::default()));
        // The one value that differs between systems; the example tells both.
        let here = format!("'{}'", Config::default().data_folder.display());
        let text = text.replace("\"/var/lib/daicho-agent\"", &here);
        // Each key that is commented out is one that we know.
        let keys: String = text
            .lines()
            .map(|line| line.strip_prefix("#").filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
            .fold(String::new(), |all, line| all + line + "\n");
        let all = parse(&keys).unwrap();
        assert_eq!(Config { collector: None, ..all }, Config::default());
    }

    #[test]
    fn all_faults_are_told_at_once_with_file_key_value_and_expectation() {
        let told = parse("colector = 'a:1'\nlog_format = 'xml'\n[looks]\nhost_seconds = 1\nmoon_seconds = 60\n[spool]\nmegabytes_max = 0\n")
            .unwrap_err();
        for part in [
            "agent.toml",
            "colector = \"a:1\" (expected one of the keys data_folder",
            "log_format = \"xml\" (expected \"text\" or \"json\")",
            "looks.host_seconds = 1 (expected a whole number of seconds from 10",
            "looks.moon_seconds = 60 (expected one of the keys jitter_percent, host_seconds",
            "spool.megabytes_max = 0 (expected a whole number of megabytes",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        assert!(parse("data_folder = '/a'\nlog_format =\n").unwrap_err().contains("line 2"));
    }
}
