//! The people who have a home on this machine, from /etc/passwd and /home: where their own programs and units lie.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;

use super::root::Root;

/// Homes that are looked into: a server that keeps more has them for a whole hospital, and each costs a few lookups.
pub(super) const HOMES_MAX: usize = 200;

/// The first number of an account of a person, login.defs(5).
const UID_MIN: u32 = 1000;

/// nobody and its 32-bit twin: no person.
const NOBODIES: [u32; 3] = [65_534, 65_533, u32::MAX - 1];

/// One account with its home.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Person {
    pub(super) uid: u32,
    pub(super) name: String,
    /// Absolute, without a slash at its end.
    pub(super) home: String,
}

/// Every local account of a person, and root; each home once. What cannot be told is a problem.
pub(super) fn read(root: &Root, problems: &mut Vec<String>) -> Vec<Person> {
    const PASSWD: &str = "/etc/passwd";
    let text = match root.read_text(PASSWD) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            problems.push(super::packages::unreadable("the list of accounts", PASSWD, &error));
            return Vec::new();
        }
    };
    let mut people = parse(&text);
    people.retain(|person| person.uid == 0 || (person.uid >= UID_MIN && !NOBODIES.contains(&person.uid)));
    let mut homes = HashSet::new();
    people.retain(|person| homes.insert(person.home.clone()));
    // Accounts of a directory stand in no file, but their homes are here.
    for name in root.list("/home").unwrap_or_default() {
        let home = format!("/home/{name}");
        let metadata = root.metadata(&home).ok().filter(std::fs::Metadata::is_dir);
        if let Some(metadata) = metadata.filter(|_| !homes.contains(&home)) {
            people.push(Person { uid: metadata.uid(), name, home });
        }
    }
    if people.len() > HOMES_MAX {
        problems.push(format!("of {} homes only {HOMES_MAX} were looked into", people.len()));
        people.truncate(HOMES_MAX);
    }
    people
}

/// Every line of passwd(5) with a number and a home.
pub(super) fn parse(text: &str) -> Vec<Person> {
    let each = text.lines().filter_map(|line| {
        let mut columns = line.split(':');
        let name = columns.next().filter(|name| !name.is_empty())?.to_owned();
        let uid = columns.nth(1)?.parse().ok()?;
        let home = columns.nth(2)?.trim_end_matches('/').to_owned();
        (home.starts_with('/') || uid == 0).then_some(Person { uid, name, home })
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_from_the_systems_own_accounts() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        let text = "root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/usr/sbin:/x\ntanaka:x:1000:1::/home/tanaka/:/bin/sh\n\
                    twin:x:1001:1::/home/tanaka:/x\nnobody:x:65534:1::/nonexistent:/x\nbroken\n+::::::\n";
        std::fs::write(folder.path().join("etc/passwd"), text).unwrap();
        std::fs::create_dir_all(folder.path().join("home/suzuki")).unwrap();
        std::fs::create_dir_all(folder.path().join("home/tanaka")).unwrap();
        let root = Root::at(folder.path()).unwrap();
        let names: Vec<_> =
            read(&root, &mut Vec::new()).into_iter().map(|person| (person.name, person.home)).collect();
        let expected = [("root", "/root"), ("tanaka", "/home/tanaka"), ("suzuki", "/home/suzuki")];
        assert_eq!(names, expected.map(|(name, home)| (name.to_owned(), home.to_owned())));
    }
}
