//! The machine's own accounts and groups as Windows tells them, from a hive or from its functions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use daicho_proto::facts::PasswordState;
use jiff::Timestamp;

use super::sid;

/// All of them.
#[derive(Debug, Default)]
pub(in crate::platform::windows) struct Local {
    /// The machine's SID, which those of its accounts start with.
    pub(in crate::platform::windows) machine: Option<String>,
    /// Its accounts.
    pub(in crate::platform::windows) users: Vec<User>,
    /// The SIDs of each group's members, by the group's SID.
    pub(in crate::platform::windows) groups: BTreeMap<String, Vec<String>>,
    /// The names of groups.
    pub(in crate::platform::windows) names: BTreeMap<String, String>,
    /// How long a password may be used, in seconds; `None`: for ever, or unknown.
    pub(in crate::platform::windows) password_seconds_max: Option<i64>,
}

/// One account. `None` is unknown, but for what says otherwise.
#[derive(Clone, Debug, Default)]
pub(in crate::platform::windows) struct User {
    pub(in crate::platform::windows) name: String,
    pub(in crate::platform::windows) sid: Option<String>,
    /// The last part of the SID.
    pub(in crate::platform::windows) number: u32,
    pub(in crate::platform::windows) full_name: Option<String>,
    pub(in crate::platform::windows) disabled: Option<bool>,
    /// Whether it is another machine's or domain's rather than a person's.
    pub(in crate::platform::windows) trust: bool,
    /// Whether its password never ends.
    pub(in crate::platform::windows) password_stays: bool,
    pub(in crate::platform::windows) password: PasswordState,
    pub(in crate::platform::windows) password_changed_at: Option<Timestamp>,
    /// `None`: it does not end.
    pub(in crate::platform::windows) expires_at: Option<Timestamp>,
    pub(in crate::platform::windows) last_logon: Option<Timestamp>,
    /// How often it was used.
    pub(in crate::platform::windows) logons: Option<u32>,
    /// The number of a group of the machine that it is in without being listed there.
    pub(in crate::platform::windows) primary_group: Option<u32>,
    /// Whether an account with Microsoft opens it.
    pub(in crate::platform::windows) linked: Option<bool>,
    /// That account's name.
    pub(in crate::platform::windows) online_identity: Option<String>,
    /// The number that Windows gives it when it logs on, where that is not its own: an intruder's way to be somebody
    /// else.
    pub(in crate::platform::windows) acts_as: Option<u32>,
}

impl User {
    /// Whether Windows did not say if it may be used.
    pub(super) fn standing_unknown(&self) -> bool {
        self.disabled.is_none()
    }
}

/// The group of those who administer the machine (winnt.h, as are the others).
pub(in crate::platform::windows) const ADMINISTRATORS: &str = "S-1-5-32-544";
/// Those who may read every file, whatever its owner allows.
pub(in crate::platform::windows) const BACKUP_OPERATORS: &str = "S-1-5-32-551";
/// Those who may log on from another machine's screen.
pub(in crate::platform::windows) const REMOTE_DESKTOP_USERS: &str = "S-1-5-32-555";

/// The groups that are told of, with their English names.
pub(in crate::platform::windows) const TOLD: [(&str, &str); 3] = [
    (ADMINISTRATORS, "Administrators"),
    (BACKUP_OPERATORS, "Backup Operators"),
    (REMOTE_DESKTOP_USERS, "Remote Desktop Users"),
];

/// Whom everybody is who logs on at this machine: Everyone, local and at the console, interactive, from another
/// machine's screen, this organization, a local account. And their English names.
const ANYBODY: [(&str, &str); 7] = [
    ("S-1-1-0", "Everyone"),
    ("S-1-2-0", "LOCAL"),
    ("S-1-2-1", "CONSOLE LOGON"),
    ("S-1-5-4", "INTERACTIVE"),
    ("S-1-5-14", "REMOTE INTERACTIVE LOGON"),
    ("S-1-5-15", "This Organization"),
    ("S-1-5-113", "Local account"),
];
/// Everybody but guests.
const AUTHENTICATED: (&str, &str) = ("S-1-5-11", "Authenticated Users");
/// A local account that is in Administrators.
const LOCAL_ADMINISTRATOR: &str = "S-1-5-114";
/// The number of the account for guests.
pub(super) const GUEST: u32 = 501;

/// All that an account is when it logs on.
pub(super) struct Standing {
    /// The group or person by way of whom it is that; empty: by itself.
    via: BTreeMap<String, String>,
}

impl Local {
    /// All that this account is; `None`: it has no SID.
    pub(super) fn standing(&self, user: &User) -> Option<Standing> {
        let sid = user.sid.clone()?;
        let mut via = BTreeMap::from([(sid.clone(), String::new())]);
        let mut next = VecDeque::from([sid]);
        let mut start = |sid: String, name: &str| {
            if !via.contains_key(&sid) {
                via.insert(sid.clone(), name.to_owned());
                next.push_back(sid);
            }
        };
        if let Some(machine) = &self.machine {
            if let Some(number) = user.acts_as {
                start(format!("{machine}-{number}"), &format!("it logs on as number {number}"));
            }
            if let Some(number) = user.primary_group {
                start(format!("{machine}-{number}"), &format!("group {number}"));
            }
        }
        let authenticated = Some(AUTHENTICATED).filter(|_| user.number != GUEST);
        for (sid, name) in ANYBODY.into_iter().chain(authenticated) {
            start(sid.to_owned(), name);
        }
        let groups = self.groups_by_member();
        while let Some(member) = next.pop_front() {
            for group in groups.get(member.as_str()).into_iter().flatten() {
                if !via.contains_key(*group) {
                    let above = via.get(&member).cloned().unwrap_or_default();
                    let own = self.groups.contains_key(&member).then(|| self.name(&member));
                    via.insert((*group).to_owned(), own.unwrap_or(above));
                    next.push_back((*group).to_owned());
                }
            }
        }
        if via.contains_key(ADMINISTRATORS) {
            via.insert(LOCAL_ADMINISTRATOR.to_owned(), String::new());
        }
        Some(Standing { via })
    }

    fn groups_by_member(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (group, members) in &self.groups {
            for member in members {
                found.entry(member).or_default().insert(group);
            }
        }
        found
    }

    /// What a group is called.
    pub(super) fn name(&self, sid: &str) -> String {
        let told = TOLD.iter().find(|(own, _)| *own == sid).map(|(_, name)| (*name).to_owned());
        told.or_else(|| self.names.get(sid).cloned()).unwrap_or_else(|| sid.to_owned())
    }

    /// Members of the groups that are told of who are somebody else's: of a domain or of Microsoft's directory.
    pub(super) fn strangers(&self) -> Vec<String> {
        let Some(machine) = &self.machine else { return Vec::new() };
        let mut found = Vec::new();
        for (group, name) in TOLD {
            // Groups in groups: whoever is in one of them is in this one.
            let mut next = vec![group];
            let mut seen = BTreeSet::new();
            while let Some(group) = next.pop() {
                if !seen.insert(group) {
                    continue;
                }
                for member in self.groups.get(group).into_iter().flatten() {
                    if self.groups.contains_key(member) {
                        next.push(member);
                    } else if is_strange(member, machine) {
                        found.push(format!("{name}: {}", describe(member)));
                    }
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }
}

impl Standing {
    pub(super) fn is(&self, sid: &str) -> bool {
        self.via.contains_key(sid)
    }

    /// `Administrators`, `Administrators (Everyone)`: a group, and by way of whom it is in it.
    pub(super) fn reason(&self, sid: &str, name: &str) -> Option<String> {
        let via = self.via.get(sid)?;
        Some(if via.is_empty() { name.to_owned() } else { format!("{name} ({via})") })
    }
}

fn is_strange(member: &str, machine: &str) -> bool {
    member.starts_with("S-1-12-1-") || (member.starts_with("S-1-5-21-") && !sid::is_below(member, machine))
}

/// A domain's member: its name is the domain's to tell, and nobody is asked; the numbers of some mean the same
/// everywhere.
fn describe(member: &str) -> String {
    let known = match sid::number(member) {
        _ if !member.starts_with("S-1-5-21-") => None,
        Some(500) => Some("Administrator"),
        Some(512) => Some("Domain Admins"),
        Some(513) => Some("Domain Users"),
        Some(515) => Some("Domain Computers"),
        Some(518) => Some("Schema Admins"),
        Some(519) => Some("Enterprise Admins"),
        _ => None,
    };
    known.map_or_else(|| member.to_owned(), |name| format!("{member} ({name})"))
}
