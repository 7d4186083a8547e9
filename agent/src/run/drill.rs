//! Exercises: medium events from a file, taken as if the kernel had told them, each line exactly once.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use daicho_proto::facts::{Fact, MediumEvent};
use tracing::{error, info};

use crate::clock;
use crate::spool::keeper::Keeper;
use crate::text::{Text, chain};

/// A spool that the disk refuses is asked for again after this.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// A file of medium events, one JSON object a line, each to be taken once however often the agent is killed.
pub struct Drill {
    name: String,
    path: PathBuf,
    /// Pause after each line.
    interval: Duration,
}

impl Drill {
    /// Refuses a file that cannot be opened.
    pub fn new(path: &Path, interval: Duration) -> Result<Self, Text> {
        let told = |error: std::io::Error| {
            Text::new(
                format!("演習ファイル {} を読めません（{error}）", path.display()),
                format!("cannot read the drill {} ({error})", path.display()),
            )
        };
        let absolute = path.canonicalize().map_err(told)?;
        File::open(&absolute).map_err(told)?;
        Ok(Drill { name: absolute.to_string_lossy().into_owned(), path: absolute, interval })
    }

    /// Takes the lines that are not taken yet. Blocks until the end of the file.
    pub(super) fn follow(&self, keeper: &Keeper) -> std::io::Result<()> {
        let mut line = String::new();
        let mut lines = BufReader::new(File::open(&self.path)?);
        let mut position = 0;
        while lines.read_line(&mut line)? > 0 {
            position += 1;
            if !line.trim().is_empty() {
                match serde_json::from_str::<MediumEvent>(&line) {
                    Ok(event) => self.take(keeper, &event, position),
                    Err(error) => error!(line = position, %error, "Drill line is no medium event; left out."),
                }
            }
            line.clear();
        }
        info!(lines = position, "Drill finished.");
        Ok(())
    }

    fn take(&self, keeper: &Keeper, event: &MediumEvent, position: u64) {
        loop {
            let Some(spool) = keeper.spool() else {
                sleep(RETRY_AFTER);
                continue;
            };
            if let Err(error) = self.take_once(&spool, event, position) {
                error!(error = %chain(&error), "Drill line waits for the spool.");
                drop(spool);
                keeper.failed(&error, clock::now());
                continue;
            }
            keeper.filled.notify_one();
            return;
        }
    }

    fn take_once(
        &self,
        spool: &Arc<crate::spool::Spool>,
        event: &MediumEvent,
        position: u64,
    ) -> Result<(), crate::spool::SpoolError> {
        if spool.drilled_to(&self.name)? < position {
            spool.append_drill(Fact::MediumEvent(event.clone()), clock::now(), &self.name, position)?;
            sleep(self.interval);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_drill_that_is_started_again_goes_on_where_it_was() {
        let data = TempDir::new().unwrap();
        let path = data.path().join("drill.jsonl");
        let line =
            |serial: &str| format!("{{\"action\":\"arrived\",\"medium\":{{\"serial\":\"{serial}\"}}}}\n");
        let run = || {
            let keeper = Keeper::new(data.path(), 1 << 20, "me".to_owned(), || 7, clock::now());
            Drill::new(&path, Duration::ZERO).unwrap().follow(&keeper).unwrap();
            keeper.spool().unwrap().waiting().events
        };
        std::fs::write(&path, line("AA01") + "no event\n\n" + &line("AA02")).unwrap();
        assert_eq!(run(), 2);
        assert_eq!(run(), 2);
        std::fs::write(&path, line("AA01") + "no event\n\n" + &line("AA02") + &line("AA03")).unwrap();
        assert_eq!(run(), 3);
    }
}
