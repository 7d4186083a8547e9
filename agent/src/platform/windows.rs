//! Windows, live or as the files of its disk: the same rooms read both, because both have a registry.
//!
//! What only a running Windows can answer lies in `live/`; everything else is compiled and tested on every system.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use daicho_proto::facts::{
    Account, Antivirus, Host, Look, Medium, Package, Service, Software, Subject, Updates,
};
use jiff::Timestamp;

use super::Platform;
use crate::clock;

mod accounts;
mod antivirus;
mod disk;
mod host;
#[cfg(windows)]
pub(crate) mod live;
mod media;
mod packages;
mod people;
mod places;
mod reading;
pub mod registry;
mod services;
mod software;
mod updates;

use disk::Disk;
use registry::Registry;

/// A Windows machine, live or as files.
pub struct Windows {
    machine: Machine,
    /// Held during a look, so that what a registry finds damaged belongs to the look that asked for it.
    turn: Mutex<()>,
    /// The moment that is judged by; `None`: the clock's.
    now: Option<Timestamp>,
}

/// What the rooms read from.
pub(crate) struct Machine {
    registry: Box<dyn Registry>,
    disk: Disk,
    /// Whether this is the running machine: its functions may be asked.
    live: bool,
}

impl Windows {
    /// This machine.
    #[cfg(windows)]
    pub fn here() -> Self {
        // %SystemDrive% is set for every process; without it there is no Windows to speak of.
        let drive = std::env::var("SystemDrive").unwrap_or_else(|_| "C:".to_owned());
        let disk = Disk::at(Path::new(&format!("{drive}\\")));
        let registry = Box::new(live::registry::LiveRegistry);
        Windows { machine: Machine { registry, disk, live: true }, turn: Mutex::default(), now: None }
    }

    /// The disk below `path`, if it has hives.
    pub fn at_root(path: &Path) -> std::io::Result<Option<Self>> {
        let disk = Disk::at(path);
        if disk.find("Windows/System32/config")?.is_none() {
            return Ok(None);
        }
        let registry: Box<dyn Registry> = match registry::saved::Saved::read(&disk)? {
            Some(saved) => Box::new(saved),
            None => Box::new(registry::hives::Hives::read(&disk)?),
        };
        Ok(Some(Windows {
            machine: Machine { registry, disk, live: false },
            turn: Mutex::default(),
            now: None,
        }))
    }

    /// As if it were `now`: what has expired, and which times lie ahead.
    pub fn as_of(self, now: Timestamp) -> Self {
        Windows { now: Some(now), ..self }
    }

    fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(clock::now)
    }

    /// A look, with what the registry could not give it among its problems.
    fn look<T>(&self, look: impl FnOnce(&Machine) -> Look<T>) -> Look<T> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.machine.registry.begin();
        let mut seen = look(&self.machine);
        if let Look::Seen { problems, .. } | Look::Unreadable { problems } = &mut seen {
            for found in self.machine.registry.found() {
                // A room may have told it already, in its own sentence.
                if !problems.iter().any(|problem| problem.contains(&found)) {
                    problems.push(found);
                }
            }
        }
        seen
    }
}

impl Platform for Windows {
    fn host(&self) -> Look<Host> {
        self.look(|machine| host::look(machine, self.now()))
    }

    fn accounts(&self) -> Look<Vec<Account>> {
        self.look(|machine| accounts::look(machine, self.now()))
    }

    fn packages(&self) -> Look<Vec<Package>> {
        self.look(packages::look)
    }

    fn updates(&self) -> Look<Updates> {
        self.look(|machine| updates::look(machine, self.now()))
    }

    fn antivirus(&self) -> Look<Vec<Antivirus>> {
        self.look(antivirus::look)
    }

    fn services(&self) -> Look<Vec<Service>> {
        self.look(services::look)
    }

    fn software(&self) -> Look<Vec<Software>> {
        self.look(software::look)
    }

    fn media(&self) -> Look<Vec<Medium>> {
        self.look(|machine| media::look(machine, self.now()))
    }

    fn watched_paths(&self) -> Vec<(PathBuf, Subject)> {
        let watched = media::WATCHED.iter().map(|path| (*path, Subject::Media));
        watched.map(|(path, subject)| (self.machine.disk.place(path), subject)).collect()
    }

    #[cfg(windows)]
    fn follow_media(
        &self,
        tell: &mut dyn FnMut(Timestamp, daicho_proto::facts::MediumEvent) -> bool,
    ) -> std::io::Result<()> {
        media::follow(&self.machine, tell)
    }

    #[cfg(windows)]
    fn follow_services(&self, changed: &mut dyn FnMut() -> bool) -> std::io::Result<()> {
        // Of a disk nobody knows what runs.
        if self.machine.live { services::follow(changed) } else { Ok(()) }
    }
}

/// A count of 100 nanoseconds since 1601-01-01T00:00:00Z (`FILETIME`); 0 and the largest mean no time.
pub(crate) fn filetime(count: u64) -> Option<Timestamp> {
    /// From 1601 to 1970.
    const EPOCH: i128 = 116_444_736_000_000_000;
    if count == 0 || count >= 0x7fff_ffff_ffff_ffff {
        return None;
    }
    Timestamp::from_nanosecond((i128::from(count) - EPOCH) * 100).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filetime_counts_from_1601() {
        assert_eq!(filetime(0), None);
        assert_eq!(filetime(u64::MAX >> 1), None);
        assert_eq!(filetime(116_444_736_010_000_000).unwrap().as_second(), 1);
        assert_eq!(filetime(1).unwrap().to_string(), "1601-01-01T00:00:00.0000001Z");
    }

    #[test]
    fn what_a_hive_does_not_give_is_a_problem_of_each_look_that_asks_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let services = "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\";
        registry::written::lay(folder.path(), &format!("{services}Spooler]\n{services}Telnet]")).unwrap();
        let path = folder.path().join("Windows/System32/config/SYSTEM");
        let is_told = || {
            let disk = Windows::at_root(folder.path()).unwrap().unwrap();
            let (Look::Seen { problems, .. } | Look::Unreadable { problems }) = disk.services() else {
                return false;
            };
            problems.iter().any(|problem| problem.contains("\\Services\": a key at 0x"))
        };
        assert!(!is_told());
        let mut bytes = std::fs::read(&path).unwrap();
        let name = memchr::memmem::find(&bytes, b"Telnet").unwrap();
        // A key's name follows 76 bytes, of which the first two say that it is one.
        bytes[name - 76] = b'x';
        std::fs::write(&path, bytes).unwrap();
        assert!(is_told());
    }
}
