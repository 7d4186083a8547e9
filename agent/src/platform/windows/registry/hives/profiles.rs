//! Whose settings lie where: the list of profiles in SOFTWARE names a folder for each SID.

use std::collections::BTreeMap;

use super::file::HiveFile;
use crate::platform::windows::registry::Hive;

const LIST: &str = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList";
const VERSION: &str = "Microsoft\\Windows NT\\CurrentVersion";

/// The most profiles that are read: a terminal that a whole hospital has used once.
const PROFILES_MAX: usize = 5000;

/// The profiles of a disk.
#[derive(Default)]
pub(super) struct Profiles {
    /// The file of a SID's settings, or why it cannot be named.
    files: BTreeMap<String, Result<String, String>>,
    /// Whose settings cannot be named.
    pub(super) troubles: Vec<(Hive, String)>,
    /// What of the list could not be read, for whoever asks for it.
    pub(super) faults: Vec<String>,
    /// There is no list.
    pub(super) is_missing: bool,
}

impl Profiles {
    /// Reads the list.
    pub(super) fn read(software: &HiveFile) -> Self {
        let mut profiles = Profiles::default();
        // That SOFTWARE itself is missing or broken is told by itself.
        let Ok(tree) = software.tree() else { return profiles };
        let listed = tree.find(LIST).and_then(|found| found.map(|found| tree.children(&found)).transpose());
        let children = match listed {
            Ok(Some(children)) => children,
            Ok(None) => {
                profiles.is_missing = true;
                return profiles;
            }
            Err(error) => {
                profiles.faults.push(format!("SOFTWARE, list of profiles: {error}"));
                return profiles;
            }
        };
        let told = |fault: &String| format!("SOFTWARE, list of profiles: {fault}");
        profiles.faults.extend(children.faults.iter().map(told));
        let people = children.names.iter().filter(|name| is_person(name)).collect::<Vec<_>>();
        if people.len() > PROFILES_MAX {
            let sentence =
                format!("SOFTWARE lists {} profiles; the first {PROFILES_MAX} are read", people.len());
            profiles.faults.push(sentence);
        }
        let drive =
            software.text(VERSION, "SystemRoot").ok().flatten().unwrap_or_else(|| "C:\\Windows".to_owned());
        for sid in people.into_iter().take(PROFILES_MAX) {
            let path = software.text(&format!("{LIST}\\{sid}"), "ProfileImagePath");
            let file = match path {
                Ok(Some(path)) => below(&path, &drive).map(|folder| format!("{folder}/NTUSER.DAT")),
                Ok(None) => Err(format!("SOFTWARE: the profile {sid} says no folder")),
                Err(error) => Err(format!("SOFTWARE: the profile {sid}: {error}")),
            };
            if let Err(sentence) = &file {
                profiles.troubles.push((Hive::User(sid.clone()), sentence.clone()));
            }
            profiles.files.insert(sid.clone(), file);
        }
        profiles
    }

    /// The people that the list names.
    pub(super) fn sids(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    /// The file of this SID's settings, or a sentence.
    pub(super) fn file(&self, sid: &str) -> Result<String, String> {
        let known = self.files.iter().find(|(own, _)| own.eq_ignore_ascii_case(sid));
        known.map_or_else(|| Err(format!("SOFTWARE lists no profile of {sid}")), |(_, file)| file.clone())
    }
}

/// An account of this machine, of a domain or of Entra ID. A name with `.bak` is what Windows put aside when it could
/// not load a profile; the system's own profiles hold nobody's settings.
fn is_person(name: &str) -> bool {
    let rest = name.strip_prefix("S-1-5-21-").or_else(|| name.strip_prefix("S-1-12-1-"));
    rest.is_some_and(|rest| rest.bytes().all(|one| one.is_ascii_digit() || one == b'-'))
}

/// A folder of the drive on which Windows lies, as a path of the disk.
fn below(folder: &str, system_root: &str) -> Result<String, String> {
    let elsewhere = || format!("the profile folder {folder:?} lies on no drive of this disk");
    let (drive, rest) = folder.split_once('\\').ok_or_else(elsewhere)?;
    let own = system_root.split('\\').next().unwrap_or_default();
    if !drive.eq_ignore_ascii_case(own) && !drive.eq_ignore_ascii_case("%SystemDrive%") {
        return Err(elsewhere());
    }
    Ok(rest.trim_end_matches('\\').replace('\\', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_folder_is_one_of_the_system_drive() {
        assert_eq!(below("C:\\Users\\tanaka", "C:\\Windows").unwrap(), "Users/tanaka");
        assert_eq!(below("%SystemDrive%\\Users\\x\\", "D:\\Windows").unwrap(), "Users/x");
        assert!(below("D:\\Users\\tanaka", "C:\\Windows").is_err());
        assert!(below("\\\\server\\profiles\\x", "C:\\Windows").is_err());
        assert!(is_person("S-1-5-21-1-2-3-1000") && is_person("S-1-12-1-5-6-7-8"));
        assert!(!is_person("S-1-5-18") && !is_person("S-1-5-21-1-2-3-1000.bak"));
    }
}
