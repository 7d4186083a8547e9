//! Local accounts: those of the machine itself, from its SAM hive or, where it runs, from its functions.
//!
//! Both fill all of an account but these: a running Windows does not tell whether a password is set (`unknown`; that a
//! password is not demanded does not make it empty), and tells times in seconds, that of a password's change to the hour.
//! The rights to log on lie in the SECURITY hive, which only the system itself reads: another who asks gets `interactive`
//! unknown, and a problem.
//!
//! A domain's people are the domain's: they are not listed, and no problem is made of them, as on Linux. The domain, and
//! its members of the groups that have rights here, are told with the host ([`strangers`]). On the domain's own server
//! nothing is listed at all: the question would load every member of the directory.
//!
//! **Locked is not disabled.** Windows locks an account for some minutes after wrong passwords: whoever guesses at the
//! account of a retired member must not make it look disabled.
//!
//! **The last login** is SAM's (`sam`). Its 0 is unknown and not never: SAM does not see every way in. Never is said only
//! where three sources that would know agree: SAM's time is 0, its count of logons is 0, and no settings of that person
//! were ever made on the machine. Logons by way of an account with Microsoft pass SAM by; there the time at which the
//! person's settings were loaded counts too (`profile`), and alone SAM's old time says nothing.

use std::io;

use daicho_proto::facts::{Account, LastLogin, LoginState, Look, Password};
use jiff::{SignedDuration, Timestamp};

use super::Machine;
use super::registry::Hive;
use automatic::{Automatic, same};
use local::{ADMINISTRATORS, BACKUP_OPERATORS, Local, Standing, TOLD, User};
use profiles::Profiles;
use rights::Rights;

mod automatic;
mod domain;
pub(super) mod local;
mod profiles;
mod rights;
mod sam;
pub(super) mod sid;

/// Numbers below this are Windows' to give: the Administrator, guests, and what programs of Windows run as.
const PEOPLE_FROM: u32 = 1000;

/// Clocks differ; what lies further ahead than this was written while the machine's clock was wrong.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Why a domain's own server lists nothing.
const CONTROLLER: &str = "this machine is a domain controller: its accounts are the whole domain's and are not listed, because that would load the directory; look at them in the directory itself";

/// Why nothing may be listed, or what is listed may be a part.
const WHAT_SERVER: &str = "whether this machine is a domain controller could not be read (SYSTEM, Control\\ProductOptions), so its accounts may be those of a domain";

/// Looks at the local accounts; `now` decides what has expired and which logins cannot have been.
pub(super) fn look(machine: &Machine, now: Timestamp) -> Look<Vec<Account>> {
    let registry = &*machine.registry;
    let mut problems = Vec::new();
    match domain::is_controller(registry) {
        Ok(Some(true)) => return Look::Unreadable { problems: vec![CONTROLLER.to_owned()] },
        Ok(Some(false)) => {}
        // Nobody asks what may be a domain's server.
        Ok(None) | Err(_) if machine.live => {
            return Look::Unreadable { problems: vec![WHAT_SERVER.to_owned()] };
        }
        Ok(None) | Err(_) => problems.push(WHAT_SERVER.to_owned()),
    }
    let mut local = match read_local(machine, now, &mut problems) {
        Ok(local) => local,
        Err(error) => {
            problems.push(format!("the accounts of this machine could not be read: {error}"));
            return Look::Unreadable { problems };
        }
    };
    let about =
        registry.troubles().into_iter().filter(|(hive, _)| matches!(hive, Hive::Sam | Hive::Security));
    problems.extend(about.map(|(_, trouble)| trouble));
    // Nobody can take the built-in Administrator out of it, so an empty one was not told (Wine does so).
    if local.groups.get(ADMINISTRATORS).is_none_or(Vec::is_empty) {
        local.groups.remove(ADMINISTRATORS);
        problems.push("the members of Administrators (S-1-5-32-544) could not be read, so who has administrator rights is unknown".to_owned());
    }
    let rights = Rights::read(registry).map_err(|error| {
        problems.push(format!(
            "who may log on at this machine, and whether a password for that is stored, are unknown, because the \
             SECURITY hive could not be read; the agent reads it as a service: {error}"
        ));
    });
    let judge = Judge {
        profiles: noted(Profiles::read(registry), "whose settings lie on this machine", &mut problems),
        automatic: noted(
            automatic::read(registry, &mut problems),
            "who is logged on automatically",
            &mut problems,
        ),
        rights: rights.ok(),
        joined: domain::is_joined(registry).unwrap_or(false),
        local: &local,
        now,
    };
    let accounts = local.users.iter().map(|user| judge.account(user)).collect();
    for user in &local.users {
        if let Some(number) = user.acts_as {
            problems.push(format!(
                "account {} has number {} and logs on as number {number}: somebody has changed the SAM hive",
                user.name, user.number
            ));
        }
    }
    Look::Seen { value: accounts, problems }
}

/// Who of elsewhere has rights here: a domain's members of the groups that are told of, and who is logged on
/// automatically. For the host's `account_directories`: these people are the directory's and are not listed.
pub(super) fn strangers(machine: &Machine, now: Timestamp) -> Vec<String> {
    let registry = &*machine.registry;
    let mut found = Vec::new();
    // What is wrong with the accounts is told with them.
    let mut told_there = Vec::new();
    if let Ok(Some(false)) = domain::is_controller(registry)
        && let Ok(local) = read_local(machine, now, &mut told_there)
    {
        found.extend(local.strangers());
    }
    if let Ok(Some(Automatic { user, domain: Some(domain), enabled: true, .. })) =
        automatic::read(registry, &mut told_there)
        && domain::is_joined(registry).unwrap_or(true)
    {
        found.push(format!("automatic logon: {domain}\\{user}"));
    }
    found
}

fn read_local(machine: &Machine, now: Timestamp, problems: &mut Vec<String>) -> io::Result<Local> {
    #[cfg(windows)]
    if machine.live {
        return super::live::accounts::read(now, problems);
    }
    let _ = now;
    sam::read(&*machine.registry, problems)
}

fn noted<T>(read: io::Result<Option<T>>, what: &str, problems: &mut Vec<String>) -> Option<T> {
    read.unwrap_or_else(|error| {
        problems.push(format!("{what} could not be read: {error}"));
        None
    })
}

/// What is asked about each account.
struct Judge<'a> {
    local: &'a Local,
    /// `None`: who may log on is unknown.
    rights: Option<Rights>,
    /// `None`: who ever had a session is unknown.
    profiles: Option<Profiles>,
    automatic: Option<Automatic>,
    /// Whether the machine is one of a domain's.
    joined: bool,
    now: Timestamp,
}

impl Judge<'_> {
    fn account(&self, user: &User) -> Account {
        let standing = self.local.standing(user);
        let (privileged, privilege_sources) = self.privileges(standing.as_ref());
        let groups = TOLD.iter().filter(|(sid, _)| standing.as_ref().is_some_and(|all| all.is(sid)));
        let automatic = self.automatic.as_ref().filter(|automatic| self.is_meant(automatic, user));
        let expired = user.expires_at.is_some_and(|end| end <= self.now);
        let interactive = match (&self.rights, &standing) {
            _ if user.trust => Some(false),
            (Some(rights), Some(standing)) => Some(rights.open_session(standing)),
            _ => None,
        };
        Account {
            name: user.name.clone(),
            id: user.sid.clone(),
            full_name: user.full_name.clone().filter(|name| !name.trim().is_empty()),
            enabled: user.disabled.map(|disabled| !disabled && !expired),
            interactive,
            privileged,
            privilege_sources,
            last_login: self.last_login(user),
            password: Password {
                state: user.password,
                changed_at: user.password_changed_at,
                expires_at: self.password_end(user),
            },
            expires_at: user.expires_at,
            system: Some(user.number < PEOPLE_FROM || user.name.eq_ignore_ascii_case("HomeGroupUser$")),
            groups: groups.map(|(_, name)| (*name).to_owned()).collect(),
            online_identity: user.online_identity.clone(),
            automatic_logon: automatic.is_some_and(|automatic| automatic.enabled),
            stored_password: automatic.is_some_and(|automatic| automatic.stored_password),
            ..Account::default()
        }
    }

    /// Who may read every file, whatever its owner allows, administers the machine too.
    fn privileges(&self, standing: Option<&Standing>) -> (Option<bool>, Vec<String>) {
        let Some(standing) = standing else { return (None, Vec::new()) };
        let giving = TOLD.iter().filter(|(sid, _)| [ADMINISTRATORS, BACKUP_OPERATORS].contains(sid));
        let sources: Vec<String> =
            giving.clone().filter_map(|(sid, name)| standing.reason(sid, name)).collect();
        let all_read = giving.clone().all(|(sid, _)| self.local.groups.contains_key(*sid));
        let privileged = if sources.is_empty() { all_read.then_some(false) } else { Some(true) };
        (privileged, sources)
    }

    fn last_login(&self, user: &User) -> LastLogin {
        let believed = |at: &Timestamp| *at <= self.now.saturating_add(AHEAD_MAX).unwrap_or(Timestamp::MAX);
        let at =
            |at, source: &str| LastLogin { state: LoginState::At, at: Some(at), source: Some(source.into()) };
        let sam = user.last_logon.filter(believed);
        let sid = user.sid.as_deref();
        let loaded = self.profiles.as_ref().zip(sid).and_then(|(profiles, sid)| profiles.loaded_at(sid));
        let loaded = loaded.filter(believed);
        match (user.linked, sam, loaded) {
            (Some(true), _, None) => LastLogin::default(),
            (Some(true), Some(sam), Some(loaded)) if sam > loaded => at(sam, "sam"),
            (Some(true), _, Some(loaded)) => at(loaded, "profile"),
            (_, Some(sam), _) => at(sam, "sam"),
            (_, None, Some(loaded)) => at(loaded, "profile"),
            (linked, None, None) => {
                let has_settings = self.profiles.as_ref().zip(sid).map(|(profiles, sid)| profiles.has(sid));
                let known = (user.last_logon, user.logons, linked, has_settings);
                if known == (None, Some(0), Some(false), Some(false)) {
                    LastLogin { state: LoginState::Never, at: None, source: Some("sam".to_owned()) }
                } else {
                    LastLogin::default()
                }
            }
        }
    }

    fn password_end(&self, user: &User) -> Option<Timestamp> {
        let seconds = self.local.password_seconds_max.filter(|_| !user.password_stays)?;
        user.password_changed_at?.checked_add(SignedDuration::from_secs(seconds)).ok()
    }

    /// Whether the automatic session is this account's. Outside a domain a name of another domain is what the machine
    /// was called once.
    fn is_meant(&self, automatic: &Automatic, user: &User) -> bool {
        let here = automatic.domain.is_none() || !self.joined;
        let online = user.online_identity.as_deref().is_some_and(|name| same(name, &automatic.user));
        online || (here && same(&user.name, &automatic.user))
    }
}

#[cfg(test)]
mod tests;
