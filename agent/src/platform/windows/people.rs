//! The people whose profiles a Windows machine has: who a SID is, where its folder lies, and whose settings can be read.

use std::collections::BTreeMap;

use super::Machine;
use super::places::{Places, file_name};
use super::registry::Hive;

/// Below HKEY_LOCAL_MACHINE\SOFTWARE: one key for each SID that ever logged on.
const PROFILES: &str = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList";

/// Who logged on to one machine; more is somebody who plays with us.
const PEOPLE_MAX: usize = 5000;

/// The machine's own accounts (winnt.h, well-known SIDs): SYSTEM, LOCAL SERVICE, NETWORK SERVICE.
const OWN: [&str; 3] = ["S-1-5-18", "S-1-5-19", "S-1-5-20"];

/// One profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// The name of the profile's folder, which is the account's when the profile was made; the SID if there is none.
    pub(crate) name: String,
    /// Its folder: `C:\Users\tanaka`.
    pub(crate) folder: Option<String>,
    /// Whether the registry has this person's settings now.
    pub(crate) loaded: bool,
}

/// Profiles by SID, without the machine's own accounts.
pub(crate) struct People(pub(crate) BTreeMap<String, Person>);

impl People {
    /// Reads them. A person whose settings cannot be read is a problem where they may hold what nobody sees: offline, all
    /// files of people should be there; live, Windows loads them for as long as somebody is logged on.
    pub(crate) fn read(machine: &Machine, problems: &mut Vec<String>) -> Self {
        let registry = &*machine.registry;
        let places = Places::read(registry);
        let loaded = registry.users().unwrap_or_else(|error| {
            problems.push(format!("whose settings are loaded could not be read: {error}"));
            Vec::new()
        });
        let profiles = registry.keys(&Hive::Software, PROFILES).unwrap_or_else(|error| {
            problems.push(format!("the list of profiles, SOFTWARE\\{PROFILES}, could not be read: {error}"));
            None
        });
        let sids = loaded.iter().cloned().chain(profiles.unwrap_or_default());
        let mut people = BTreeMap::new();
        for sid in sids.filter(|sid| is_person(sid)).take(PEOPLE_MAX) {
            let path = format!("{PROFILES}\\{sid}");
            let folder = registry.text(&Hive::Software, &path, "ProfileImagePath").ok().flatten();
            let folder = folder.map(|folder| places.expand(&folder));
            let name = folder.as_deref().map(file_name).filter(|name| !name.is_empty()).unwrap_or(&sid);
            let is_loaded = loaded.iter().any(|one| one.eq_ignore_ascii_case(&sid));
            let person = Person { name: name.to_owned(), folder: folder.clone(), loaded: is_loaded };
            people.entry(sid).or_insert(person);
        }
        People(people)
    }

    /// Those whose settings can be read, with their SID.
    pub(crate) fn loaded(&self) -> impl Iterator<Item = (&String, &Person)> {
        self.0.iter().filter(|(_, person)| person.loaded)
    }

    /// Who a SID is.
    pub(crate) fn name<'a>(&'a self, sid: &'a str) -> &'a str {
        self.0.get(sid).map_or(sid, |person| &person.name)
    }
}

/// Whether a SID is a person's, local, of a domain or of a cloud directory (S-1-5-21-..., S-1-12-1-...).
fn is_person(sid: &str) -> bool {
    (sid.starts_with("S-1-5-21-") || sid.starts_with("S-1-12-1-"))
        && !OWN.contains(&sid)
        && !sid.to_ascii_lowercase().ends_with("_classes")
        && !sid.to_ascii_lowercase().ends_with(".bak")
}
