//! Linux: each subject has a file that reads the machine and parses what it read; the parsing is pure.

use std::path::Path;

use super::Platform;

mod accounts;
mod antivirus;
mod host;
mod media;
mod packages;
pub mod root;
mod services;
mod software;
mod updates;

/// A Linux machine, live or as files.
pub struct Linux {
    root: root::Root,
}

impl Linux {
    /// This machine.
    pub fn here() -> Self {
        Linux { root: root::Root::here() }
    }

    /// The files below `path`.
    pub fn at_root(path: &Path) -> std::io::Result<Self> {
        Ok(Linux { root: root::Root::at(path)? })
    }
}

impl Platform for Linux {}
