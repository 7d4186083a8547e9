//! Why an account administers the machine: its number, its groups, sudo, doas, polkit.

use std::io;

use super::doas;
use super::names::{self, Entry, Group};
use super::sudoers::{Files, Subject, Sudoers};
use crate::platform::linux::root::Root;

/// Groups whose members are root's equals, whatever sudoers says, and why. `adm`, `systemd-journal` and `shadow` read what
/// others may not, `kvm`, `video`, `plugdev`, `netdev`, `lpadmin` and `dialout` reach devices: none of them becomes root.
const POWERFUL_GROUPS: &[(&str, &str)] = &[
    // polkit's administrators, and sudoers as distributions ship it.
    ("sudo", "administrator by the distribution's rules"),
    ("wheel", "administrator by the distribution's rules"),
    ("admin", "administrator by the distribution's rules (Ubuntu before 12.04)"),
    // A container that sees the host's files is made with one command.
    ("docker", "may start a container with the host's files"),
    ("lxd", "may start a container with the host's files"),
    ("incus-admin", "may start a container with the host's files"),
    ("libvirt", "may start a virtual machine with the host's disks"),
    ("disk", "may write to the disks below every file system"),
    ("kmem", "may read the kernel's memory"),
];

/// Debian's `staff` may write to /usr/local, which comes first in root's search path, where this file is.
const STAFF: (&str, &str) = ("staff", "/etc/staff-group-for-usr-local");

/// Folders with rules in which polkit is told who its administrators are.
const POLKIT_FOLDERS: [&str; 3] =
    ["/etc/polkit-1/rules.d", "/usr/share/polkit-1/rules.d", "/etc/polkit-1/localauthority.conf.d"];

/// All that grants.
pub(super) struct Privileges {
    groups: Vec<Group>,
    /// Names of groups and of those who may add members to them.
    group_administrators: Vec<(String, Vec<String>)>,
    sudoers: Sudoers,
    /// Each file of doas is read on from the one before.
    doas: Option<String>,
    /// A file, and the `unix-user:` and `unix-group:` that it names.
    polkit: Vec<(String, Vec<String>)>,
    staff_is_powerful: bool,
    /// Whether all of it was read.
    complete: bool,
}

impl Privileges {
    /// Reads what grants. `groups` is `None` where group(5) could not be read.
    pub(super) fn read(root: &Root, groups: Option<Vec<Group>>, problems: &mut Vec<String>) -> Self {
        let before = problems.len();
        let complete = groups.is_some();
        let hostname = hostname(root);
        let (sudoers, unread) = Sudoers::read(root, hostname.as_deref());
        problems.extend(unread);
        let group_administrators = match root.read_text("/etc/gshadow") {
            Ok(text) => names::parse_gshadow(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                problems.push(format!(
                    "/etc/gshadow could not be read, so privileges may be incomplete: {error}"
                ));
                Vec::new()
            }
        };
        let doas = read_doas(root, problems);
        let polkit = read_polkit(root, problems);
        Privileges {
            groups: groups.unwrap_or_default(),
            group_administrators,
            sudoers,
            doas,
            polkit,
            staff_is_powerful: root.exists(STAFF.1),
            complete: complete && problems.len() == before,
        }
    }

    /// Whether the account administers the machine, and why. Root needs no further reason.
    /// `further` are groups that the account itself names.
    pub(super) fn of(&self, entry: &Entry, further: &[String]) -> (Option<bool>, Vec<String>) {
        if entry.user_id == 0 {
            return (Some(true), vec!["uid 0".to_owned()]);
        }
        let member = |group: &&Group| {
            group.id == entry.group_id || group.members.contains(&entry.name) || further.contains(&group.name)
        };
        let mut memberships: Vec<(&str, u32)> =
            self.groups.iter().filter(member).map(|group| (group.name.as_str(), group.id)).collect();
        // A primary group without a line in group(5) still has its number.
        memberships.push(("", entry.group_id));
        let powerful = memberships.iter().filter(|(name, _)| self.is_powerful(name));
        let mut sources: Vec<String> = powerful.map(|(name, _)| format!("group {name}")).collect();
        for (group, administrators) in &self.group_administrators {
            if self.is_powerful(group) && administrators.contains(&entry.name) {
                sources.push(format!("administrator of group {group}"));
            }
        }
        let subject = Subject { name: &entry.name, user_id: entry.user_id, groups: &memberships };
        let by_sudo = self.sudoers.granted(&subject);
        sources.extend(by_sudo.files.iter().map(|file| (*file).to_owned()));
        if self.doas.as_ref().is_some_and(|text| doas::grants(text, &subject)) {
            sources.push(doas::FILE.to_owned());
        }
        for (file, identities) in &self.polkit {
            let is_named = |identity: &String| match identity.split_once(':') {
                Some(("unix-user", name)) => name == entry.name || name.parse() == Ok(entry.user_id),
                Some(("unix-group", name)) => {
                    // What each polkit says of these is said above.
                    !self.is_powerful(name) && memberships.iter().any(|(group, _)| *group == name)
                }
                _ => false,
            };
            if identities.iter().any(is_named) {
                sources.push(file.clone());
            }
        }
        let mut told = std::collections::HashSet::new();
        sources.retain(|source| told.insert(source.clone()));
        let privileged = match (sources.is_empty(), self.complete && !by_sudo.unsure) {
            (false, _) => Some(true),
            (true, true) => Some(false),
            (true, false) => None,
        };
        (privileged, sources)
    }

    fn is_powerful(&self, group: &str) -> bool {
        POWERFUL_GROUPS.iter().any(|(name, _)| *name == group) || (group == STAFF.0 && self.staff_is_powerful)
    }
}

/// As sudo asks for it: the running system's name, or the one that a system at rest will have.
fn hostname(root: &Root) -> Option<String> {
    if root.is_live() {
        return Some(rustix::system::uname().nodename().to_string_lossy().into_owned());
    }
    let text = root.read_text("/etc/hostname").ok()?;
    text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned)
}

fn read_doas(root: &Root, problems: &mut Vec<String>) -> Option<String> {
    let mut files = vec![doas::FILE.to_owned()];
    let names = root.list(doas::FOLDER).unwrap_or_default();
    files.extend(
        names.iter().filter(|name| name.ends_with(".conf")).map(|name| format!("{}/{name}", doas::FOLDER)),
    );
    let mut whole = None;
    for file in files {
        match root.read_text(&file) {
            Ok(text) => {
                let whole = whole.get_or_insert_with(String::new);
                whole.push_str(&text);
                whole.push('\n');
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                problems.push(format!("{file} could not be read, so privileges may be incomplete: {error}"));
            }
        }
    }
    whole
}

/// The identities that polkit's rules name in quotes: `addAdminRule` answers with them. Rules that ask for a group by
/// themselves allow single actions; they are not followed.
fn read_polkit(root: &Root, problems: &mut Vec<String>) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for folder in POLKIT_FOLDERS {
        for name in root.list(folder).unwrap_or_default() {
            if !name.ends_with(".rules") && !name.ends_with(".conf") {
                continue;
            }
            let file = format!("{folder}/{name}");
            match root.read_text(&file) {
                Ok(text) => {
                    let identities = polkit_identities(&text);
                    if !identities.is_empty() {
                        found.push((file, identities));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    problems
                        .push(format!("{file} could not be read, so privileges may be incomplete: {error}"));
                }
            }
        }
    }
    found
}

/// A rule file names a handful; more is an attack.
const IDENTITIES_MAX: usize = 256;

fn polkit_identities(text: &str) -> Vec<String> {
    let mut identities = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with('#')) {
        let mut rest = line;
        while let Some(at) = rest.find("unix-") {
            rest = &rest[at..];
            let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '$');
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            if identities.len() < IDENTITIES_MAX {
                identities.push(rest[..end].to_owned());
            }
            rest = &rest[end..];
        }
    }
    identities
}

impl Files for Root {
    fn text(&self, path: &str) -> io::Result<String> {
        self.read_text(path)
    }

    fn names(&self, folder: &str) -> io::Result<Vec<String>> {
        self.list(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polkits_administrators_are_found_in_both_of_its_languages() {
        let rules = "// unix-user:none\npolkit.addAdminRule(function(action, subject) {\n  return [\"unix-group:it-staff\", 'unix-user:0'];\n});";
        assert_eq!(polkit_identities(rules), ["unix-group:it-staff", "unix-user:0"]);
        let older = "[Configuration]\nAdminIdentities=unix-user:bob;unix-group:ops\n#unix-user:none";
        assert_eq!(polkit_identities(older), ["unix-user:bob", "unix-group:ops"]);
    }
}
