//! A target's root on disk: its other files are written once, the fuzzed one for each input.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};

use daicho_agent::platform::linux::Linux;
use jiff::Timestamp;
use tempfile::TempDir;

use crate::targets::{Beside, Target};

/// Where files are memory, so that a disk is no part of what is measured.
const MEMORY: &str = "/dev/shm";

/// A target that is ready to be given inputs.
pub struct Laid {
    target: &'static Target,
    folder: TempDir,
    fuzzed: File,
}

impl Laid {
    /// Writes the target's other files below a new folder.
    pub fn new(target: &'static Target) -> io::Result<Self> {
        let memory = Path::new(MEMORY);
        let folder = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
        for (path, beside) in target.beside {
            let path = prepared(&folder, path)?;
            match beside {
                Beside::File(bytes) => fs::write(path, bytes)?,
                Beside::Link(to) => symlink(to, path)?,
                Beside::Folder => fs::create_dir_all(path)?,
            }
        }
        let fuzzed = File::create(prepared(&folder, target.path)?)?;
        Ok(Laid { target, folder, fuzzed })
    }

    /// Has the agent look at the machine whose file holds these bytes. That it comes back is all that is asked.
    pub fn look(&self, bytes: &[u8]) -> io::Result<()> {
        // Long after every time in a seed, and long before the year in which 32-bit times end.
        let now = Timestamp::from_second(1_900_000_000).map_err(io::Error::other)?;
        self.fuzzed.set_len(0)?;
        self.fuzzed.write_all_at(bytes, 0)?;
        // A log that was not written for a month is not read.
        self.fuzzed.set_modified(now.into())?;
        // One that saw nothing yet: what an agent remembers of a record it does not read again.
        let machine = Linux::at_root(self.folder.path())?.as_of(now);
        (self.target.look)(&machine, self.folder.path());
        Ok(())
    }

    /// Where the files lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn prepared(folder: &TempDir, path: &str) -> io::Result<PathBuf> {
    let path = folder.path().join(path.trim_start_matches('/'));
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(path)
}
