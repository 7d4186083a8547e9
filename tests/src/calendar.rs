//! The day as the real programs see it: a month passes in a test within seconds.
//!
//! libfaketime (Debian's package of that name) answers for the system's clock in the programs that a test starts. What
//! counts on from a start (tokio's timers) runs on as ever.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian puts the library; the folder is named for the processor.
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").expect("a system has it");
    let found = folders
        .filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketime.so.1")))
        .find(|path| path.exists());
    found.expect("libfaketime is not installed; ./tests/run installs it")
}

/// A clock that stands where a test puts it, and goes on from there.
#[derive(Clone, Debug)]
pub struct Calendar {
    file: PathBuf,
    library: PathBuf,
}

impl Calendar {
    /// A clock in `folder` that shows `moment` in Japan, `2026-05-01 09:00:00`. `None`: the library is not there, and
    /// with `CI=true` that is an error.
    pub fn at(folder: &Path, moment: &str) -> Option<Self> {
        let there = fs::read_dir("/usr/lib").is_ok_and(|mut all| {
            all.any(|e| e.is_ok_and(|e| e.path().join("faketime/libfaketime.so.1").exists()))
        });
        if !there && std::env::var_os("CI").is_none_or(|ci| ci != "true") {
            eprintln!("skipped: a month of the department's work: libfaketime is not installed");
            return None;
        }
        let calendar = Calendar { file: folder.join("clock"), library: library() };
        calendar.turn_to(moment);
        Some(calendar)
    }

    /// Puts the clock to another moment in Japan. Programs that run see it when they next look at the clock.
    pub fn turn_to(&self, moment: &str) {
        let fresh = self.file.with_extension("new");
        fs::write(&fresh, format!("@{moment}\n")).expect("a temporary folder can be written");
        fs::rename(&fresh, &self.file).expect("a temporary folder can be written");
    }

    /// Lets a program that is about to start see this clock.
    pub fn show_to(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("TZ", "JST-9");
    }
}
