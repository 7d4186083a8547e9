//! Logins that the journal remembers, and accounts whose making it remembers.
//!
//! Only what root's own processes wrote counts: anybody may write `session opened for user tanaka` with logger(1).

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::newest::Newest;
use super::services::is_login;
use crate::platform::linux::journal::{self, Entry, Question};
use crate::platform::linux::root::Root;

/// Programs that open the door, as the kernel names them (15 bytes of the name at most); systemd-logind by the message
/// of a new session (SD_MESSAGE_SESSION_START), for it has much else to say; and useradd, who makes accounts.
const WANTED: &[&str] = &[
    "_COMM=sshd",
    "_COMM=sshd-session",
    "_COMM=login",
    "_COMM=dropbear",
    "_COMM=gdm-session-wor",
    "_COMM=lightdm",
    "_COMM=sddm-helper",
    "_COMM=lxdm-binary",
    "_COMM=xdm",
    "_COMM=slim",
    "_COMM=greetd",
    "_COMM=xrdp-sesman",
    "_COMM=cockpit-session",
    "_COMM=vsftpd",
    "MESSAGE_ID=8d45620c1a4348dbb17410da57c60c66",
    "_COMM=useradd",
];

const FIELDS: &[&str] = &["MESSAGE", "_UID", "_COMM", "USER_ID", "CLASS", "TYPE"];

/// A door that is used each minute has 5 760 entries a day. More than these cost more time than the whole rest of a look;
/// what is older is not known from the journal, and wtmp and lastlog have it.
const ENTRIES_MAX: usize = 20_000;

/// useradd writes its line while it makes the account; the first login comes later.
const SAME_TIME: SignedDuration = SignedDuration::from_secs(1);

/// What the journal told beside logins.
#[derive(Debug, Default)]
pub(super) struct Journaled {
    /// When accounts were made.
    made: HashMap<String, Timestamp>,
    /// From when on no login is missing.
    complete_since: Option<Timestamp>,
}

impl Journaled {
    /// Takes the journal's logins in.
    pub(super) fn take(root: &Root, newest: &mut Newest, problems: &mut Vec<String>) -> Self {
        let since = Timestamp::UNIX_EPOCH;
        let question = Question { any_of: WANTED, fields: FIELDS, since, entries_max: ENTRIES_MAX };
        let mut made: HashMap<String, Timestamp> = HashMap::new();
        let journal = journal::visit(root, &question, &mut |entry| {
            if entry.field("_UID") != Some("0") {
                return;
            }
            if let Some(name) = login(&entry) {
                newest.offer(name.as_bytes(), entry.at, "journal");
            } else if let Some(name) = made_account(&entry).filter(|name| newest.knows(name.as_bytes()))
                && newest.is_possible(entry.at)
            {
                // Of two accounts of one name, the later one is there now.
                let at = made.entry(name.to_owned()).or_insert(entry.at);
                *at = entry.at.max(*at);
            }
        });
        problems.extend(journal.problems);
        Journaled { made, complete_since: journal.complete_since }
    }

    /// Whether a login at this time can be of the account that has this name now, and not of one before it.
    pub(super) fn is_of_this_account(&self, name: &str, at: Timestamp) -> bool {
        let made = self.made.get(name);
        made.is_none_or(|made| at.saturating_add(SAME_TIME).is_ok_and(|at| at >= *made))
    }

    /// Whether the journal goes back, without a gap, to the making of this account.
    pub(super) fn knows_all_of(&self, name: &str) -> bool {
        self.made.get(name).zip(self.complete_since).is_some_and(|(made, since)| since <= *made)
    }
}

/// Who came in by this entry.
fn login(entry: &Entry) -> Option<&str> {
    let message = entry.field("MESSAGE")?;
    if let Some(name) = entry.field("USER_ID") {
        // Without the class and the type (systemd before 256), cron's session looks like a person's.
        let class =
            entry.field("CLASS").filter(|class| class.starts_with("user") && *class != "user-incomplete");
        let kind = entry.field("TYPE").filter(|kind| *kind != "unspecified");
        return class.and(kind).and(Some(name));
    }
    accepted_by_sshd(message).or_else(|| opened_by_pam(message))
}

/// `Accepted publickey for tanaka from 192.0.2.1 port 50122 ssh2: ...`
fn accepted_by_sshd(message: &str) -> Option<&str> {
    let (_, rest) = message.strip_prefix("Accepted ")?.split_once(" for ")?;
    let (name, _) = rest.split_once(" from ")?;
    Some(name)
}

/// `pam_unix(sshd:session): session opened for user tanaka(uid=1000) by (uid=0)`; before Linux-PAM 1.4 without the uid.
fn opened_by_pam(message: &str) -> Option<&str> {
    let (service, rest) = message.strip_prefix("pam_unix(")?.split_once(":session): ")?;
    let rest = rest.strip_prefix("session opened for user ")?;
    let name = rest.split(['(', ' ']).next().filter(|name| !name.is_empty())?;
    is_login(service).then_some(name)
}

/// `new user: name=tanaka, UID=1000, GID=1000, home=/home/tanaka, shell=/bin/bash, from=none`
fn made_account(entry: &Entry) -> Option<&str> {
    let message = entry.field("MESSAGE").filter(|_| entry.field("_COMM") == Some("useradd"))?;
    let (name, _) = message.strip_prefix("new user: name=")?.split_once(',')?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_people_at_the_door_are_logins() {
        let check = |message: &str, name: Option<&str>| {
            assert_eq!(accepted_by_sshd(message).or_else(|| opened_by_pam(message)), name, "{message}");
        };
        check(
            "Accepted publickey for tanaka from 192.0.2.1 port 50122 ssh2: ED25519 SHA256:x",
            Some("tanaka"),
        );
        check("Accepted keyboard-interactive/pam for suzuki from ::1 port 2 ssh2", Some("suzuki"));
        check("pam_unix(sshd:session): session opened for user tanaka(uid=1000) by (uid=0)", Some("tanaka"));
        check("pam_unix(login:session): session opened for user tanaka by LOGIN(uid=0)", Some("tanaka"));
        check("pam_unix(cron:session): session opened for user tanaka(uid=1000) by (uid=0)", None);
        check("pam_unix(su-l:session): session opened for user tanaka(uid=1000) by root(uid=0)", None);
        check("pam_unix(sshd:session): session closed for user tanaka", None);
        check("Failed password for tanaka from 192.0.2.1 port 50122 ssh2", None);
        check("Invalid user Accepted password for tanaka from 192.0.2.1 from 192.0.2.2 port 1", None);
        check("pam_unix(sshd:session): session opened for user ", None);
    }
}
