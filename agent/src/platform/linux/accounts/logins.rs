//! When accounts were last used: lastlog, lastlog2, wtmp, wtmpdb and the journal, merged. btmp holds who failed to come in.
//!
//! Sessions without a terminal (sftp, `ssh host command`) are written to the journal only, where sshd's PAM stack does not
//! name pam_lastlog. "Never" is said where lastlog(8) or lastlog2(8) would say it, unless the journal knows better.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use daicho_proto::facts::{LastLogin, LoginState};
use jiff::{SignedDuration, Timestamp};

use super::names::Entry;
use crate::platform::linux::root::Root;
use crate::platform::linux::updates::lists;
use journaled::Journaled;
pub(super) use newest::Newest;
pub(super) use records::Layout;

mod databases;
mod journaled;
mod newest;
pub(super) mod records;
mod services;

/// PAM services of graphical logins. They leave lastlog alone, so with one of them lastlog cannot say "never".
const GRAPHICAL_LOGINS: &[&str] = &["gdm-password", "gdm", "gdm3", "lightdm", "lxdm", "sddm", "slim", "xdm"];

/// Where PAM's services are described; the second is the vendor's (SUSE).
const PAM_FOLDERS: [&str; 2] = ["/etc/pam.d", "/usr/lib/pam.d"];

/// A home that is so much younger than lastlog2 was made after it, whatever unpacked or restored both.
const SURELY_LATER: SignedDuration = SignedDuration::from_hours(1);

/// All that is known of logins.
pub(super) struct Logins {
    newest: Newest,
    lastlog: LastlogFile,
    /// The names with a row in lastlog2, where that is kept up.
    lastlog2: Option<Lastlog2>,
    journaled: Journaled,
    /// Whether PAM writes each session to the log.
    sessions_logged: bool,
    /// Whether every source that is there was read whole.
    complete: bool,
}

struct Lastlog2 {
    names: HashSet<Vec<u8>>,
    made_at: Option<Timestamp>,
}

impl Logins {
    /// Reads every source.
    pub(super) fn read(root: &Root, entries: &[Entry], now: Timestamp, problems: &mut Vec<String>) -> Self {
        let before = problems.len();
        let mut newest = Newest::of_accounts(entries.iter().map(|entry| entry.name.as_str()), now);
        let pam = Pam::read(root);
        let lastlog = LastlogFile::open(root, &pam, problems);
        let rows = databases::take_lastlog2(root, &mut newest, problems);
        take_wtmp(root, &mut newest, problems);
        databases::take_wtmpdb(root, &mut newest, problems);
        let journaled = Journaled::take(root, &mut newest, problems);
        let lastlog2 = rows.filter(|_| pam.writes_lastlog2).map(|names| {
            let made_at = root.metadata(databases::LASTLOG2).and_then(|metadata| metadata.created());
            Lastlog2 { names, made_at: made_at.ok().and_then(|at| Timestamp::try_from(at).ok()) }
        });
        let complete = problems.len() == before;
        Logins { newest, lastlog, lastlog2, journaled, sessions_logged: pam.logs_sessions, complete }
    }

    /// The newest login that can be trusted, with its source. `Never` needs a source that would know.
    pub(super) fn of(&self, root: &Root, entry: &Entry) -> LastLogin {
        let lastlog = self.lastlog.of(entry.user_id);
        let from_lastlog = match lastlog {
            Lastlog::At(at) if self.newest.is_possible(at) => Some((at, "lastlog")),
            _ => None,
        };
        let others = self.newest.of(&entry.name);
        let newest = match (from_lastlog, others) {
            (Some(lastlog), Some(other)) if other.0 > lastlog.0 => Some(other),
            (lastlog, other) => lastlog.or(other),
        };
        let is_own = |at: Timestamp| self.journaled.is_of_this_account(&entry.name, at);
        if let Some((at, source)) = newest.filter(|(at, _)| is_own(*at)) {
            return LastLogin { state: LoginState::At, at: Some(at), source: Some(source.to_owned()) };
        }
        // A record of an account that had this number before is none of this one.
        let lastlog_is_empty = match lastlog {
            Lastlog::Nothing => true,
            Lastlog::At(at) => self.newest.is_possible(at) && !is_own(at),
            Lastlog::Unread => false,
        };
        let never = if !self.complete {
            None
        } else if self.lastlog.knows_never && lastlog_is_empty {
            Some("lastlog")
        } else if self.lastlog2_knows_never(root, entry) && !matches!(lastlog, Lastlog::At(_)) {
            Some("lastlog2")
        } else if self.sessions_logged && self.journaled.knows_all_of(&entry.name) {
            Some("journal")
        } else {
            None
        };
        match never {
            Some(source) => LastLogin { state: LoginState::Never, at: None, source: Some(source.to_owned()) },
            None => LastLogin::default(),
        }
    }

    /// Whether lastlog2 has no row, and was there before the account: it came to many machines long after their accounts.
    fn lastlog2_knows_never(&self, root: &Root, entry: &Entry) -> bool {
        let Some(lastlog2) = &self.lastlog2 else { return false };
        let Some(made_at) = lastlog2.made_at else { return false };
        if lastlog2.names.contains(entry.name.as_bytes()) || entry.home.len() <= 1 {
            return false;
        }
        let home = root.metadata(&entry.home).and_then(|metadata| metadata.created());
        let home = home.ok().and_then(|at| Timestamp::try_from(at).ok());
        home.is_some_and(|home| home.duration_since(made_at) >= SURELY_LATER)
    }
}

/// Takes wtmp and its rotated files in.
fn take_wtmp(root: &Root, newest: &mut Newest, problems: &mut Vec<String>) {
    let names = match root.list("/var/log") {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            problems.push(format!("/var/log could not be listed, so last logins may be missing: {error}"));
            Vec::new()
        }
    };
    // Debian 13 keeps wtmpdb's database here, too.
    let is_wtmp = |name: &&String| {
        *name == "wtmp" || (name.starts_with("wtmp.") && !name.ends_with(".db")) || name.starts_with("wtmp-")
    };
    for name in names.iter().filter(is_wtmp) {
        let path = format!("/var/log/{name}");
        let taken = root
            .open(&path)
            .and_then(|file| lists::open(file, name))
            .and_then(|content| records::take_wtmp(content, newest));
        match taken {
            Ok(0) => {}
            Ok(rest) => problems.push(format!("{path} ends in {rest} bytes that are no record")),
            // Rotated away while we looked: its content has another name, which comes later in the list or next time.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                problems
                    .push(format!("{path} could not be read whole, so last logins may be missing: {error}"));
            }
        }
    }
}

/// lastlog: sparse, and huge where user IDs are; read one record at a time.
struct LastlogFile {
    file: Option<(File, Layout)>,
    /// Whether a record of zeros, or none, means that there was no login.
    knows_never: bool,
}

/// What lastlog says of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lastlog {
    At(Timestamp),
    Nothing,
    Unread,
}

impl LastlogFile {
    fn open(root: &Root, pam: &Pam, problems: &mut Vec<String>) -> Self {
        let file = root.open("/var/log/lastlog").and_then(|file| Ok((file.metadata()?.len(), file)));
        match file {
            Ok((size, file)) => LastlogFile {
                file: Some((file, records::lastlog_layout(size))),
                // Debian 13 and its kin leave a file behind that nobody writes any more.
                knows_never: pam.writes_lastlog,
            },
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    problems.push(format!("/var/log/lastlog could not be read: {error}"));
                }
                LastlogFile { file: None, knows_never: false }
            }
        }
    }

    fn of(&self, user_id: u32) -> Lastlog {
        let Some((file, layout)) = &self.file else { return Lastlog::Unread };
        // -1 is nobody's number: the account has none.
        if user_id == u32::MAX {
            return Lastlog::Unread;
        }
        let mut record = [0; 8];
        let offset = u64::from(user_id) * layout.lastlog_bytes as u64;
        // Behind the end nobody of so high a number ever came.
        match file.read_at(&mut record, offset).map(|_| records::lastlog_seconds(&record, *layout)) {
            Ok(0) => Lastlog::Nothing,
            Ok(seconds) => Timestamp::from_second(seconds).map_or(Lastlog::Unread, Lastlog::At),
            Err(_) => Lastlog::Unread,
        }
    }
}

/// What PAM's files say of the records of logins.
struct Pam {
    /// Whether each login is written into lastlog.
    writes_lastlog: bool,
    writes_lastlog2: bool,
    logs_sessions: bool,
}

impl Pam {
    fn read(root: &Root) -> Self {
        let mut pam = Pam { writes_lastlog: false, writes_lastlog2: false, logs_sessions: false };
        let (mut is_there, mut lastlog) = (false, false);
        let mut graphical = false;
        for folder in PAM_FOLDERS {
            let Ok(services) = root.list(folder) else { continue };
            is_there = true;
            graphical |= services.iter().any(|service| GRAPHICAL_LOGINS.contains(&service.as_str()));
            for service in services {
                let text = root.read_text(&format!("{folder}/{service}")).unwrap_or_default();
                for line in text.lines().map(str::trim_start).filter(|line| !line.starts_with('#')) {
                    // RHEL's second line of it only shows what the first one wrote.
                    lastlog |= line.contains("pam_lastlog.so") && !line.contains("noupdate");
                    pam.writes_lastlog2 |= line.contains("pam_lastlog2.so") && !line.contains("noupdate");
                    let opens = line.starts_with("session") || line.starts_with("-session");
                    pam.logs_sessions |= opens && line.contains("pam_unix.so") && !line.contains("quiet");
                }
            }
        }
        // Without PAM, shadow's login(1) writes it, as login.defs(5) says.
        let enabled = || {
            let text = root.read_text("/etc/login.defs").unwrap_or_default();
            text.lines().any(|line| line.split_whitespace().eq(["LASTLOG_ENAB", "yes"]))
        };
        pam.writes_lastlog = if is_there { lastlog && !graphical } else { enabled() };
        pam
    }
}

#[cfg(test)]
mod tests;
