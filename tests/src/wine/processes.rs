//! The processes of one Wine, as the host's kernel sees them: its own tools hide some, and may be wrong.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// One process of a Windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The host's number of it.
    pub id: i32,
    /// How it was called; the program's name is the last part of the first word.
    pub line: Vec<String>,
}

impl Process {
    /// The program's name without its folders, in small letters: `services.exe`.
    pub fn program(&self) -> String {
        let path = self.line.first().map_or("", String::as_str);
        path.rsplit(['\\', '/']).next().unwrap_or_default().to_lowercase()
    }

    /// Ends it as a power cut would.
    pub fn kill(&self) {
        if let Some(id) = Pid::from_raw(self.id) {
            let _ = kill_process(id, Signal::KILL);
        }
    }

    /// Whether it still runs: neither gone nor waiting to be forgotten.
    pub fn lives(&self) -> bool {
        let state = self.status("State");
        state.is_some_and(|state| !state.starts_with(['Z', 'X']))
    }

    /// The memory that it holds now, in kilobytes (`VmRSS` of proc(5)): with Wine's own libraries, which are larger
    /// than Windows'.
    pub fn resident_kilobytes(&self) -> Option<u64> {
        self.status("VmRSS")?.split_whitespace().next()?.parse().ok()
    }

    /// Of [`Process::resident_kilobytes`], what is no file's: its heap, its stacks, and what it changed (`RssAnon`).
    pub fn own_kilobytes(&self) -> Option<u64> {
        self.status("RssAnon")?.split_whitespace().next()?.parse().ok()
    }

    fn status(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.id)).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim().to_owned())
    }
}

/// Every living process that was started with this prefix, Wine's server among them.
pub(super) fn of_prefix(prefix: &Path) -> Vec<Process> {
    let mark = format!("WINEPREFIX={}", prefix.display());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("a Linux host").flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // Other users' are not readable, and not ours.
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        if !environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            continue;
        }
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        let line = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let process = Process { id, line };
        if process.lives() {
            found.push(process);
        }
    }
    found
}
