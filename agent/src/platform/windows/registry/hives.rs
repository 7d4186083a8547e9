//! The registry of a disk: its hive files, with what their logs still hold. Nothing is written, and little is held.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::{Hive, Registry, Value};
use crate::platform::windows::disk::Disk;
use crate::platform::windows::filetime;

mod base;
mod file;
mod log;
mod marvin;
mod pages;
mod profiles;
#[cfg(test)]
mod tests;
mod tree;
mod value;

use file::HiveFile;
use profiles::Profiles;
use tree::{Found, Tree};

/// Where the machine's own hives lie.
const FOLDER: &str = "Windows/System32/config";

/// The hives of a disk.
pub(crate) struct Hives {
    disk: Disk,
    software: HiveFile,
    system: HiveFile,
    sam: HiveFile,
    security: HiveFile,
    profiles: Profiles,
    /// The settings that were read last. A ward's terminal has a profile for each of its nurses, and they are asked for
    /// one after the other: all of them at once would be hundreds of open files.
    user: Mutex<Option<(String, Arc<HiveFile>)>>,
    /// Which hives were asked for, and what was damaged in them, since this was last told.
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    asked: BTreeSet<Hive>,
    faults: Vec<String>,
    /// What is wrong with the users' hives that were read, for good.
    users: BTreeSet<(Hive, String)>,
}

/// A machine with more faults than these is told of by the first.
const FAULTS_MAX: usize = 50;

/// The key of SYSTEM that Windows makes when it starts; a disk has numbered ones.
const CURRENT: &str = "CurrentControlSet";

impl Hives {
    /// Reads the hives. An error: the folder holds none of them, and this is no disk of Windows.
    pub(crate) fn read(disk: &Disk) -> io::Result<Self> {
        let own = |name: &str| HiveFile::open(disk, &format!("{FOLDER}/{name}"), name);
        let (software, system) = (own("SOFTWARE"), own("SYSTEM"));
        let (sam, security) = (own("SAM"), own("SECURITY"));
        if [&software, &system, &sam, &security].iter().all(|hive| hive.is_absent) {
            let sentence = format!("{FOLDER} holds none of SAM, SECURITY, SOFTWARE and SYSTEM");
            return Err(io::Error::new(io::ErrorKind::NotFound, sentence));
        }
        let profiles = Profiles::read(&software);
        let (user, noted) = (Mutex::default(), Mutex::default());
        Ok(Hives { disk: disk.clone(), software, system, sam, security, profiles, user, noted })
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `look` at the tree of a hive, where the path is one of the file.
    fn with<T>(
        &self,
        hive: &Hive,
        path: &str,
        look: impl FnOnce(&Tree, &str, &mut Vec<String>) -> io::Result<T>,
    ) -> io::Result<T> {
        self.noted().asked.insert(hive.clone());
        let user;
        let file = match hive {
            Hive::Software => &self.software,
            Hive::System => &self.system,
            Hive::Sam => &self.sam,
            Hive::Security => &self.security,
            Hive::User(sid) => {
                user = self.user(sid)?;
                &*user
            }
        };
        let tree = file.tree()?;
        let path = if *hive == Hive::System { self.current(path)? } else { path.to_owned() };
        let mut faults = Vec::new();
        let result = look(tree, &path, &mut faults).map_err(|error| {
            io::Error::new(error.kind(), format!("{}, key {}: {error}", file.name, shown(&path)))
        });
        if !faults.is_empty() {
            let mut noted = self.noted();
            noted.faults.extend(
                faults.into_iter().map(|fault| format!("{}, key {}: {fault}", file.name, shown(&path))),
            );
            noted.faults.truncate(FAULTS_MAX);
        }
        result
    }

    /// The hive of a user.
    fn user(&self, sid: &str) -> io::Result<Arc<HiveFile>> {
        let mut held = self.user.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = held.as_ref().filter(|(own, _)| own.eq_ignore_ascii_case(sid)) {
            return Ok(file.clone());
        }
        let path =
            self.profiles.file(sid).map_err(|sentence| io::Error::new(io::ErrorKind::NotFound, sentence))?;
        let file = Arc::new(HiveFile::open(&self.disk, &path, &path));
        let troubles = file.troubles.iter().map(|trouble| (Hive::User(sid.to_owned()), trouble.clone()));
        self.noted().users.extend(troubles);
        *held = Some((sid.to_owned(), file.clone()));
        Ok(file)
    }

    /// A path as the file has it: SYSTEM says in `Select` which of its sets is the current one.
    fn current(&self, path: &str) -> io::Result<String> {
        let (first, rest) = path.split_once('\\').unwrap_or((path, ""));
        if !first.eq_ignore_ascii_case(CURRENT) {
            return Ok(path.to_owned());
        }
        let number = self.system.number("Select", "Current")?;
        let number = number.filter(|number| (1..=999).contains(number)).ok_or_else(|| {
            let sentence =
                "SYSTEM: Select says no current set of controls, so CurrentControlSet cannot be found";
            io::Error::new(io::ErrorKind::InvalidData, sentence)
        })?;
        Ok(format!("ControlSet{number:03}\\{rest}").trim_end_matches('\\').to_owned())
    }

    /// What is wrong with whole files.
    fn of_files(&self) -> Vec<(Hive, String)> {
        let files = [
            (Hive::Software, &self.software),
            (Hive::System, &self.system),
            (Hive::Sam, &self.sam),
            (Hive::Security, &self.security),
        ];
        let own = files.into_iter().flat_map(|(hive, file)| {
            file.troubles.iter().map(move |trouble| (hive.clone(), trouble.clone()))
        });
        own.chain(self.profiles.troubles.iter().cloned()).collect()
    }
}

/// A path in quotes, as Windows writes it; whatever in it would act on a terminal is escaped.
fn shown(path: &str) -> String {
    format!("{path:?}").replace("\\\\", "\\")
}

/// Finds a key and has `look` at it; `None`: there is no such key.
fn at<T>(tree: &Tree, path: &str, look: impl FnOnce(&Found) -> io::Result<T>) -> io::Result<Option<T>> {
    tree.find(path)?.as_ref().map(look).transpose()
}

impl Registry for Hives {
    fn keys(&self, hive: &Hive, path: &str) -> io::Result<Option<Vec<String>>> {
        self.with(hive, path, |tree, path, faults| {
            at(tree, path, |found| {
                let children = tree.children(found)?;
                faults.extend(children.faults.iter().cloned());
                let mut names = children.names.clone();
                if *hive == Hive::System && path.is_empty() && self.current(CURRENT).is_ok() {
                    names.push(CURRENT.to_owned());
                }
                Ok(names)
            })
        })
    }

    fn values(&self, hive: &Hive, path: &str) -> io::Result<Option<Vec<(String, Value)>>> {
        self.with(hive, path, |tree, path, faults| {
            at(tree, path, |found| {
                let read = value::read(tree, &found.node)?;
                faults.extend(read.faults);
                Ok(read.values)
            })
        })
    }

    fn value(&self, hive: &Hive, path: &str, name: &str) -> io::Result<Option<Value>> {
        self.with(hive, path, |tree, path, _| file::value(tree, path, name))
    }

    fn written_at(&self, hive: &Hive, path: &str) -> io::Result<Option<Timestamp>> {
        let written =
            self.with(hive, path, |tree, path, _| at(tree, path, |found| Ok(found.node.written)))?;
        Ok(written.and_then(filetime))
    }

    fn users(&self) -> io::Result<Vec<String>> {
        self.noted().asked.insert(Hive::Software);
        self.software.tree()?;
        if self.profiles.is_missing {
            let sentence = "SOFTWARE has no list of profiles: whose settings lie where is unknown";
            return Err(io::Error::new(io::ErrorKind::InvalidData, sentence));
        }
        self.noted().faults.extend(self.profiles.faults.iter().cloned());
        Ok(self.profiles.sids())
    }

    fn troubles(&self) -> Vec<(Hive, String)> {
        let mut troubles = self.of_files();
        troubles.extend(self.noted().users.iter().cloned());
        troubles
    }

    fn begin(&self) {
        let mut noted = self.noted();
        noted.asked.clear();
        noted.faults.clear();
    }

    fn found(&self) -> Vec<String> {
        let troubles = self.troubles();
        let noted = self.noted();
        let asked = troubles.into_iter().filter(|(hive, _)| noted.asked.contains(hive));
        let mut found = asked.map(|(_, sentence)| sentence).collect::<Vec<_>>();
        for fault in &noted.faults {
            if !found.contains(fault) {
                found.push(fault.clone());
            }
        }
        found
    }
}
