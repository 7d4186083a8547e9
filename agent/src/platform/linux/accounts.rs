//! Accounts of a Linux machine: `read` touches the machine, `parse` is pure.
//!
//! These are the machine's own accounts. Those of a directory (sssd, winbind, NIS; nsswitch.conf(5)) belong to the
//! directory's own server: they are not listed, and no problem is made of them, because that would leave every account
//! rule undetermined for ever on each machine that joined one. What a directory grants through sudo is not seen either.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use daicho_proto::facts::{Account, Look, PasswordState};
use flate2::read::GzDecoder;
use jiff::Timestamp;

use super::root::Root;
use logins::{Lastlog, Layout, Sessions};
use names::{Entry, Group, Lines, Shadow};
use sudoers::Sudoers;

mod keys;
mod logins;
mod names;
mod standing;
mod sudoers;

/// What changes when accounts do: folders, because tools replace these files rather than write them.
pub(super) const WATCHED: &[&str] = &["/etc", "/etc/sudoers.d", "/var/log/wtmp", "/var/log/lastlog"];

/// Groups whose members administer the machine, whatever sudoers says: by polkit (sudo, wheel, admin), or because they
/// can start a container, a virtual machine or a write to a disk with root's power.
const POWERFUL_GROUPS: &[&str] =
    &["sudo", "wheel", "admin", "docker", "lxd", "incus-admin", "libvirt", "disk"];

/// PAM services of graphical logins. They leave lastlog alone, so with one of them lastlog cannot say "never".
const GRAPHICAL_LOGINS: &[&str] = &["gdm-password", "gdm", "gdm3", "lightdm", "lxdm", "sddm", "slim", "xdm"];

/// Databases of newer login records. Where one is, lastlog and wtmp are no longer kept up and cannot say "never".
const NEWER_RECORDS: &[(&str, &str)] =
    &[("lastlog2", "/var/lib/lastlog/lastlog2.db"), ("wtmpdb", "/var/lib/wtmpdb/wtmp.db")];

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
    let (sessions, wtmp_complete) = read_sessions(root, now, &mut problems);
    let lastlog = LastlogFile::open(root, wtmp_complete, &mut problems);
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
            last_login: logins::last_login(lastlog.of(entry.user_id, now), sessions.newest(&entry.name)),
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

/// The sessions of wtmp and its rotated files, and whether all that is there was read.
fn read_sessions(root: &Root, now: Timestamp, problems: &mut Vec<String>) -> (Sessions, bool) {
    let mut sessions = Sessions::default();
    let before = problems.len();
    let names = match root.list("/var/log") {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            problems.push(format!("/var/log could not be listed, so last logins may be missing: {error}"));
            Vec::new()
        }
    };
    for name in
        names.iter().filter(|name| *name == "wtmp" || name.starts_with("wtmp.") || name.starts_with("wtmp-"))
    {
        let path = format!("/var/log/{name}");
        let taken = match (root.open(&path), name.rsplit('.').next()) {
            (Err(error), _) => Err(error),
            // Archives that are not gzip: logrotate can be told to make them, and nobody does.
            (Ok(_), Some("xz" | "bz2" | "zst")) => Err(io::Error::other("it is not packed with gzip")),
            (Ok(file), Some("gz")) => sessions.take(GzDecoder::new(file), now),
            (Ok(file), _) => sessions.take(file, now),
        };
        match taken {
            Ok(0) => {}
            Ok(rest) => problems.push(format!("{path} ends in {rest} bytes that are no record")),
            Err(error) => {
                problems
                    .push(format!("{path} could not be read whole, so last logins may be missing: {error}"));
            }
        }
    }
    (sessions, problems.len() == before)
}

/// lastlog: sparse, and huge where user IDs are; read one record at a time.
struct LastlogFile {
    file: Option<(File, Layout)>,
    /// Whether a record of zeros, or none, means that there was no login.
    knows_never: bool,
}

impl LastlogFile {
    fn open(root: &Root, wtmp_complete: bool, problems: &mut Vec<String>) -> Self {
        let newer: Vec<_> = NEWER_RECORDS.iter().filter(|(_, path)| root.exists(path)).collect();
        for (name, path) in &newer {
            problems.push(format!(
                "{path} holds newer login records ({name}) that are not read, so a missing login is unknown"
            ));
        }
        let file = root.open("/var/log/lastlog").and_then(|file| Ok((file.metadata()?.len(), file)));
        let (size, file) = match file {
            Ok(file) => file,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    problems.push(format!("/var/log/lastlog could not be read: {error}"));
                }
                return LastlogFile { file: None, knows_never: false };
            }
        };
        let knows_never = newer.is_empty() && wtmp_complete && is_kept_up(root, size);
        LastlogFile { file: Some((file, logins::lastlog_layout(size))), knows_never }
    }

    fn of(&self, user_id: u32, now: Timestamp) -> Lastlog {
        let Some((file, layout)) = &self.file else {
            return Lastlog::Unknown;
        };
        let mut time = [0; 8];
        let offset = u64::from(user_id) * layout.lastlog_bytes as u64;
        let seen = match file.read_at(&mut time, offset) {
            Ok(_) => logins::lastlog_time(&time, *layout, now),
            Err(_) => None,
        };
        match seen {
            Some(0) if self.knows_never => Lastlog::Never,
            Some(0) | None => Lastlog::Unknown,
            Some(at) => Lastlog::At(at),
        }
    }
}

/// Whether each login is written into lastlog here: PAM says so, and there is no graphical login, which writes none.
/// Debian 13 and its kin leave a file behind that nobody writes any more.
fn is_kept_up(root: &Root, size: u64) -> bool {
    let Ok(services) = root.list("/etc/pam.d") else {
        // Files without PAM's: what was once written is the only sign that somebody writes.
        return size > 0;
    };
    let graphical = services.iter().any(|service| GRAPHICAL_LOGINS.contains(&service.as_str()));
    let writes = |service: &String| {
        let text = root.read_text(&format!("/etc/pam.d/{service}")).unwrap_or_default();
        text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains("pam_lastlog.so"))
    };
    !graphical && services.iter().any(writes)
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
