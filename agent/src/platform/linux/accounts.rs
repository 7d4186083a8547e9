//! Accounts of a Linux machine: `read` touches the machine, `parse` is pure.
//!
//! These are the machine's own accounts. Those of a directory (sssd, winbind, NIS; nsswitch.conf(5)) belong to the
//! directory's own server: they are not listed, and no problem is made of them, because that would leave every account
//! rule undetermined for ever on each machine that joined one. What a directory grants through sudo is not seen either.

use std::collections::HashMap;
use std::io;

use daicho_proto::facts::{Account, Look, PasswordState};
use jiff::Timestamp;

use super::root::Root;
use logins::Logins;
use names::{Entry, Group, Lines, Shadow};
use sudoers::Sudoers;

mod keys;
mod logins;
mod names;
mod standing;
mod sudoers;

/// What changes when accounts do: folders, because tools replace these files rather than write them.
pub(super) const WATCHED: &[&str] = &[
    "/etc",
    "/etc/sudoers.d",
    "/var/log/wtmp",
    "/var/log/lastlog",
    "/var/lib/lastlog/lastlog2.db",
    "/var/lib/wtmpdb/wtmp.db",
];

/// Groups whose members administer the machine, whatever sudoers says: by polkit (sudo, wheel, admin), or because they
/// can start a container, a virtual machine or a write to a disk with root's power.
const POWERFUL_GROUPS: &[&str] =
    &["sudo", "wheel", "admin", "docker", "lxd", "incus-admin", "libvirt", "disk"];

/// Looks at the local accounts; `now` decides what has expired and which logins cannot have been.
pub(super) fn look(root: &Root, now: Timestamp) -> Look<Vec<Account>> {
    let passwd = match root.read_text("/etc/passwd") {
        Ok(text) => names::parse_passwd(&text),
        Err(error) => {
            return Look::Unreadable { problems: vec![format!("/etc/passwd could not be read: {error}")] };
        }
    };
    let mut problems = Vec::new();
    if passwd.malformed > 0 {
        problems.push(format!("{} lines of /etc/passwd are malformed and were left out", passwd.malformed));
    }
    let shadows = read_names(root, "/etc/shadow", "passwords and expiry", names::parse_shadow, &mut problems);
    let groups = read_names(root, "/etc/group", "privileges", names::parse_group, &mut problems);
    let hostname = root.read_text("/etc/hostname").ok();
    let (sudoers, unread) = Sudoers::read(root, hostname.as_deref().map(str::trim));
    let privileges_complete = groups.is_some() && unread.is_empty();
    problems.extend(unread);
    let logins = Logins::read(root, &passwd.entries, now, &mut problems);
    let key_patterns = keys::patterns(root);
    let today = standing::day_of(now);
    let by_name: Option<HashMap<&str, &Shadow>> =
        shadows.as_ref().map(|all| all.iter().map(|shadow| (shadow.name.as_str(), shadow)).collect());

    let account = |entry: Entry| {
        let shadow = by_name.as_ref().and_then(|all| all.get(entry.name.as_str()).copied());
        let password = standing::password(&entry, shadow);
        let opened_by_key = || keys::opens(root, &key_patterns, &entry);
        let enabled = match password.state {
            // Expiry stands in shadow(5) only.
            PasswordState::Set | PasswordState::None if shadows.is_none() => None,
            state => standing::enabled(&entry, state, shadow, today, opened_by_key),
        };
        let privilege_sources = privileges(&entry, groups.as_deref().unwrap_or_default(), &sudoers);
        Account {
            id: Some(entry.user_id.to_string()),
            enabled,
            interactive: Some(standing::has_login_shell(&entry)),
            privileged: if privilege_sources.is_empty() && !privileges_complete {
                None
            } else {
                Some(!privilege_sources.is_empty())
            },
            privilege_sources,
            last_login: logins.of(root, &entry),
            password,
            expires_at: standing::expires_at(shadow),
            name: entry.name,
            full_name: entry.full_name,
        }
    };
    let accounts = passwd.entries.into_iter().map(account).collect();
    Look::Seen { value: accounts, problems }
}

/// Why this account administers the machine. Root needs no further reason.
fn privileges(entry: &Entry, groups: &[Group], sudoers: &Sudoers) -> Vec<String> {
    if entry.user_id == 0 {
        return vec!["uid 0".to_owned()];
    }
    let member = |group: &&Group| group.id == entry.group_id || group.members.contains(&entry.name);
    let mut memberships: Vec<(&str, u32)> =
        groups.iter().filter(member).map(|group| (group.name.as_str(), group.id)).collect();
    // A primary group without a line in group(5) still has its number.
    memberships.push(("", entry.group_id));
    let powerful = memberships.iter().filter(|(name, _)| POWERFUL_GROUPS.contains(name));
    let mut sources: Vec<String> = powerful.map(|(name, _)| format!("group {name}")).collect();
    let subject = sudoers::Subject { name: &entry.name, user_id: entry.user_id, groups: &memberships };
    sources.extend(sudoers.granting(&subject).map(str::to_owned));
    sources.dedup();
    sources
}

fn read_names<T>(
    root: &Root,
    path: &str,
    told: &str,
    parse: fn(&str) -> Lines<T>,
    problems: &mut Vec<String>,
) -> Option<Vec<T>> {
    match root.read_text(path) {
        Ok(text) => {
            let lines = parse(&text);
            if lines.malformed > 0 {
                problems.push(format!("{} lines of {path} are malformed and were left out", lines.malformed));
            }
            Some(lines.entries)
        }
        Err(error) => {
            problems.push(format!("{path} could not be read, so {told} are unknown: {error}"));
            None
        }
    }
}

impl sudoers::Files for Root {
    fn text(&self, path: &str) -> io::Result<String> {
        self.read_text(path)
    }

    fn names(&self, folder: &str) -> io::Result<Vec<String>> {
        self.list(folder)
    }
}

#[cfg(test)]
mod tests;
