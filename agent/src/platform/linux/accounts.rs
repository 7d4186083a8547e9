//! Accounts of a Linux machine: `read` touches the machine, `parse` is pure.
//!
//! These are the machine's own accounts. Those of a directory (sssd, winbind, LDAP, NIS; nsswitch.conf(5)) belong to the
//! directory's own server: they are not listed, and no problem is made of them, because that would leave every account
//! rule undetermined for ever on each machine that joined one. That there is a directory is told with the host, and what
//! it grants through sudo is not seen.

use std::collections::HashMap;

use daicho_proto::facts::{Account, Look, PasswordState};
use jiff::Timestamp;

use super::root::Root;
pub(super) use directories::directories;
use keys::Doors;
use logins::Logins;
use names::{Entry, Lines, Shadow};
use privileges::Privileges;

mod directories;
mod doas;
mod keys;
mod logins;
mod names;
mod privileges;
mod records;
mod standing;
mod sudoers;

/// What changes when accounts do: folders, because tools replace these files rather than write them.
pub(super) const WATCHED: &[&str] = &[
    "/etc",
    "/etc/sudoers.d",
    "/etc/doas.d",
    "/etc/userdb",
    "/var/lib/systemd/home",
    "/var/log/wtmp",
    "/var/log/lastlog",
    "/var/lib/lastlog/lastlog2.db",
    "/var/lib/wtmpdb/wtmp.db",
    // logind's, for logins that only the journal keeps: a command over ssh has no terminal and no record in wtmp.
    "/run/systemd/sessions",
];

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
    let privileges = Privileges::read(root, groups, &mut problems);
    let mut records = records::read(root, now, &mut problems);
    records.retain(|record| passwd.entries.iter().all(|entry| entry.name != record.entry.name));
    let everybody: Vec<Entry> =
        passwd.entries.iter().chain(records.iter().map(|record| &record.entry)).cloned().collect();
    let judge = Judge {
        root,
        doors: Doors::read(root),
        logins: Logins::read(root, &everybody, now, &mut problems),
        privileges,
        today: standing::day_of(now),
        people_from: standing::people_from(root),
        shadows: shadows
            .as_ref()
            .map(|all| all.iter().map(|shadow| (shadow.name.as_str(), shadow)).collect()),
    };
    let mut accounts: Vec<Account> = passwd.entries.iter().map(|entry| judge.of_passwd(entry)).collect();
    accounts.extend(
        records.into_iter().map(|record| judge.with_rights(record.account, &record.entry, &record.groups)),
    );
    share_ids(&mut accounts);
    Look::Seen { value: accounts, problems }
}

/// What is asked about each account.
struct Judge<'a> {
    root: &'a Root,
    /// `None`: shadow(5) could not be read.
    shadows: Option<HashMap<&'a str, &'a Shadow>>,
    doors: Doors,
    logins: Logins,
    privileges: Privileges,
    today: i64,
    people_from: u32,
}

impl Judge<'_> {
    fn of_passwd(&self, entry: &Entry) -> Account {
        let shadow = self.shadows.as_ref().and_then(|all| all.get(entry.name.as_str()).copied());
        let password = standing::password(entry, shadow);
        let opened_by_key = || self.doors.open(self.root, entry, shadow);
        let enabled = match password.state {
            // Expiry stands in shadow(5) only.
            PasswordState::Set | PasswordState::None if self.shadows.is_none() => None,
            state => standing::enabled(entry, state, shadow, self.today, opened_by_key),
        };
        let account = Account {
            name: entry.name.clone(),
            id: Some(entry.user_id.to_string()),
            full_name: entry.full_name.clone(),
            enabled,
            password,
            expires_at: standing::expires_at(shadow),
            ..Account::default()
        };
        self.with_rights(account, entry, &[])
    }

    /// What holds for accounts of every kind.
    fn with_rights(&self, account: Account, entry: &Entry, groups: &[String]) -> Account {
        let (privileged, privilege_sources) = self.privileges.of(entry, groups);
        Account {
            interactive: Some(standing::is_interactive(self.root, entry)),
            shell: Some(entry.shell.clone()),
            system: account.id.is_some().then(|| standing::is_systems(entry, self.people_from)),
            privileged,
            privilege_sources,
            last_login: self.logins.of(self.root, entry),
            ..account
        }
    }
}

/// Names that are told of those with one number: more says nothing more.
const SHARED_MAX: usize = 8;

/// Accounts with one number are one to the kernel: whoever opens one has all.
fn share_ids(accounts: &mut [Account]) {
    let mut names: HashMap<String, Vec<String>> = HashMap::new();
    for account in accounts.iter() {
        if let Some(id) = &account.id {
            names.entry(id.clone()).or_default().push(account.name.clone());
        }
    }
    for account in accounts {
        let same = account.id.as_ref().and_then(|id| names.get(id));
        let others = same.into_iter().flatten().filter(|name| **name != account.name);
        account.shares_id_with = others.take(SHARED_MAX).cloned().collect();
    }
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

#[cfg(test)]
mod tests;
