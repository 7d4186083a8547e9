//! Linux: each subject has a file that reads the machine and parses what it read; the parsing is pure.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use daicho_proto::facts::{
    Account, Antivirus, Host, Look, Medium, MediumEvent, Package, Service, Software, Subject, Updates,
};
use jiff::Timestamp;

use super::Platform;
use crate::clock;

mod accounts;
mod antivirus;
mod host;
mod journal;
mod media;
mod packages;
mod parts;
mod people;
mod read_at;
pub mod root;
mod services;
mod software;
mod sqlite;
mod stanzas;
mod updates;

/// A Linux machine, live or as files.
pub struct Linux {
    root: root::Root,
    /// Where this process finds the machine's `/`.
    top: PathBuf,
    /// What the follower of media knows of their use, for the inventory.
    uses: Mutex<media::Uses>,
    /// The moment that is judged by; `None`: the clock's.
    now: Option<Timestamp>,
    /// What the records remember of media, as it was read last.
    media_records: media::Remembered,
}

impl Linux {
    /// This machine.
    pub fn here() -> Self {
        Linux {
            root: root::Root::here(),
            top: PathBuf::from("/"),
            uses: Mutex::default(),
            now: None,
            media_records: media::Remembered::default(),
        }
    }

    /// The files below `path`.
    pub fn at_root(path: &Path) -> std::io::Result<Self> {
        Ok(Linux { root: root::Root::at(path)?, top: path.to_owned(), ..Linux::here() })
    }

    /// As if it were `now`: what has expired, and which times lie ahead.
    pub fn as_of(self, now: Timestamp) -> Self {
        Linux { now: Some(now), ..self }
    }

    fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(clock::now)
    }
}

impl Platform for Linux {
    fn host(&self) -> Look<Host> {
        host::look(&self.root)
    }

    fn accounts(&self) -> Look<Vec<Account>> {
        accounts::look(&self.root, self.now())
    }

    fn packages(&self) -> Look<Vec<Package>> {
        packages::look(&self.root)
    }

    fn updates(&self) -> Look<Updates> {
        updates::look(&self.root)
    }

    fn services(&self) -> Look<Vec<Service>> {
        services::look(&self.root)
    }

    fn software(&self) -> Look<Vec<Software>> {
        software::look(&self.root)
    }

    fn antivirus(&self) -> Look<Vec<Antivirus>> {
        antivirus::look(&self.root)
    }

    fn media(&self) -> Look<Vec<Medium>> {
        media::look(&self.root, self.now(), &self.uses, &self.media_records)
    }

    fn watched_paths(&self) -> Vec<(PathBuf, Subject)> {
        let watched = [
            (accounts::WATCHED, Subject::Accounts),
            (antivirus::WATCHED, Subject::Antivirus),
            (host::WATCHED, Subject::Host),
            (media::WATCHED, Subject::Media),
            (packages::WATCHED, Subject::Packages),
            (packages::WATCHED, Subject::Updates),
            (updates::WATCHED, Subject::Updates),
            (services::WATCHED, Subject::Services),
            (software::WATCHED, Subject::Software),
        ];
        let each = |(paths, subject): (&'static [&'static str], Subject)| {
            paths.iter().map(move |path| (self.top.join(path.trim_start_matches('/')), subject))
        };
        watched.into_iter().flat_map(each).collect()
    }

    fn follow_media(&self, tell: &mut dyn FnMut(Timestamp, MediumEvent) -> bool) -> std::io::Result<()> {
        media::follow(&self.root, &self.uses, &self.media_records, tell)
    }

    fn follow_services(&self, changed: &mut dyn FnMut() -> bool) -> std::io::Result<()> {
        services::follow(&self.root, changed)
    }
}
