//! The agent's log: to standard error for a person or the journal, to a bounded file for a service that has neither.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

use crate::config::{Config, LogFormat};
use crate::files::private_folder;

/// A week of an ordinary agent's log is 100 KB; one that writes a line each second fills this in half a day, and the
/// older file still holds the half day before.
const LOG_BYTES_MAX: u64 = 4 << 20;

/// Errors that one start of the agent tells beyond its log; who wants the rest reads the log.
const TROUBLES_MAX: u32 = 100;

/// The log of a person's terminal, or of systemd.
pub fn to_standard_error(config: &Config) {
    start(config, io::stderr);
}

/// The log of a service, in `log/agent.log` of the data folder; each error is handed to `trouble` as well, as a line.
/// Once there is a log the next call changes nothing.
pub fn to_file(config: &Config, trouble: impl Fn(&str) + Send + Sync + 'static) -> io::Result<()> {
    let folder = config.data_folder.join("log");
    private_folder(&folder)?;
    let file = BoundedFile::open(&folder.join("agent.log"), LOG_BYTES_MAX)?;
    let troubles = Troubles { tell: Box::new(trouble), left: Mutex::new(TROUBLES_MAX) };
    start(config, Mutex::new(file).and(troubles.with_max_level(Level::ERROR)));
    Ok(())
}

fn start(config: &Config, writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) {
    let log = tracing_subscriber::fmt()
        .with_max_level(config.log_level)
        .with_writer(writer)
        .with_ansi(false)
        .with_target(false);
    // A service that tries again has its log already.
    match config.log_format {
        LogFormat::Text => log.try_init().ok(),
        LogFormat::Json => log.json().try_init().ok(),
    };
}

/// A file that is at most so long. When it is full it becomes the older one, and the older one goes.
struct BoundedFile {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    bytes_max: u64,
}

impl BoundedFile {
    fn open(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(BoundedFile { path: path.to_owned(), file: Some(file), bytes, bytes_max })
    }

    fn turn(&mut self) -> io::Result<()> {
        // Windows renames no file that is open.
        self.file = None;
        let renamed = std::fs::rename(&self.path, self.path.with_extension("log.1"));
        // Whoever reads the older file without sharing it must not stop the log: the full one begins anew.
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(renamed.is_err())
            .append(renamed.is_ok())
            .open(&self.path)?;
        self.file = Some(file);
        self.bytes = 0;
        Ok(())
    }
}

impl Write for BoundedFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.file.is_none() || (self.bytes > 0 && self.bytes + line.len() as u64 > self.bytes_max) {
            self.turn()?;
        }
        let Some(file) = &mut self.file else { return Ok(line.len()) };
        file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hands lines on, as long as there are not too many.
struct Troubles {
    tell: Box<dyn Fn(&str) + Send + Sync>,
    left: Mutex<u32>,
}

impl<'a> MakeWriter<'a> for Troubles {
    type Writer = Trouble<'a>;

    fn make_writer(&'a self) -> Trouble<'a> {
        Trouble { troubles: self }
    }
}

struct Trouble<'a> {
    troubles: &'a Troubles,
}

impl Write for Trouble<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut left = self.troubles.left.lock().unwrap_or_else(PoisonError::into_inner);
        if *left > 0 {
            *left -= 1;
            drop(left);
            (self.troubles.tell)(&String::from_utf8_lossy(line));
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_never_takes_more_than_twice_its_limit_and_keeps_the_newest() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("agent.log");
        for start in 0..3 {
            // Each start goes on where the last one ended.
            let mut log = BoundedFile::open(&path, 100).unwrap();
            for line in 0..10 {
                log.write_all(format!("start {start} line {line}\n").as_bytes()).unwrap();
            }
        }
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let (newer, older) = (read(&path), read(&path.with_extension("log.1")));
        assert!(newer.len() <= 100 && older.len() <= 100, "{} {}", newer.len(), older.len());
        assert!(newer.ends_with("start 2 line 9\n"), "{newer}");
        assert!((older + &newer).contains("start 2 line 4\nstart 2 line 5\n"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_storm_of_errors_is_not_handed_on_without_end() {
        let heard = std::sync::Arc::new(Mutex::new(0));
        let tell = {
            let heard = heard.clone();
            move |_: &str| *heard.lock().unwrap() += 1
        };
        let troubles = Troubles { tell: Box::new(tell), left: Mutex::new(3) };
        for _ in 0..10 {
            troubles.make_writer().write_all(b"Spool failed.\n").unwrap();
        }
        assert_eq!(*heard.lock().unwrap(), 3);
    }
}
