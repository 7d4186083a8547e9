//! The agent's word beside that of the system's own programs, which were asked inside each root when it was made.

use std::collections::{BTreeMap, BTreeSet};

use daicho_proto::facts::{Account, LoginState, PasswordState, Service, StartMode};
use jiff::Timestamp;

use crate::{Kept, kept};

/// Groups that administer a machine whatever sudoers says; the reasons stand in the agent's accounts.
const POWERFUL_GROUPS: &[&str] =
    &["sudo", "wheel", "admin", "docker", "lxd", "incus-admin", "libvirt", "disk"];

/// Runs a comparison over all roots whose archive has that tool's word, and tells all that differs at once.
fn compare(tool: &str, least: usize, differences: impl Fn(&Kept, &str) -> Vec<String>) {
    let mut faults = Vec::new();
    let mut compared = 0;
    for kept in kept() {
        if let Some(said) = kept.tool(tool) {
            compared += 1;
            faults.extend(differences(kept, said).into_iter().map(|fault| format!("{}: {fault}", kept.name)));
        }
    }
    assert!(faults.is_empty(), "{tool} (-) and the agent (+):\n{}", faults.join("\n"));
    assert!(compared >= least, "{tool} was compared on {compared} roots only");
}

fn differ<T: Ord>(said: &BTreeSet<T>, told: &BTreeSet<T>, show: impl Fn(&T) -> String) -> Vec<String> {
    let missing = said.difference(told).map(|one| format!("-{}", show(one)));
    let more = told.difference(said).map(|one| format!("+{}", show(one)));
    missing.chain(more).collect()
}

#[test]
fn packages_are_those_of_dpkg_query() {
    compare("dpkg-query", 9, |kept, said| {
        let on_disk = |line: &&str| !matches!(line.as_bytes().get(1), Some(b'n' | b'c'));
        let said: BTreeSet<Vec<String>> = said
            .lines()
            .filter(on_disk)
            .map(|line| line.split('|').skip(1).map(str::to_owned).collect())
            .collect();
        let packages = kept.document.packages.iter().flatten().filter(|package| package.manager == "dpkg");
        let told: BTreeSet<Vec<String>> = packages
            .map(|package| {
                let source = package.source_name.as_ref().unwrap_or(&package.name).clone();
                let source_version = package.source_version.as_ref().unwrap_or(&package.version).clone();
                let architecture = package.architecture.clone().unwrap_or_default();
                vec![package.name.clone(), package.version.clone(), architecture, source, source_version]
            })
            .collect();
        differ(&said, &told, |package| package.join(" "))
    });
}

#[test]
fn packages_are_those_of_rpm() {
    compare("rpm", 1, |kept, said| {
        let without_zero = |version: &str| version.strip_prefix("0:").unwrap_or(version).to_owned();
        let said: BTreeSet<Vec<String>> = said
            .lines()
            .filter_map(|line| {
                let fields: Vec<&str> = line.split('|').collect();
                let [name, epoch, version, release, architecture, _source] = fields[..] else { return None };
                let version = without_zero(&format!("{epoch}:{version}-{release}"));
                Some(vec![name.into(), version, architecture.into()])
            })
            .collect();
        let packages = kept.document.packages.iter().flatten().filter(|package| package.manager == "rpm");
        let told = packages.map(|package| {
            let architecture = package.architecture.clone().unwrap_or_default();
            vec![package.name.clone(), without_zero(&package.version), architecture]
        });
        differ(&said, &told.collect(), |package| package.join(" "))
    });
}

#[test]
fn updates_are_those_of_dnf() {
    compare("check-update", 1, |kept, said| {
        // `openssl-libs.x86_64   1:3.0.7-28.el9_4   made-base`
        let offered = |said: &str| -> BTreeSet<(String, String)> {
            let lines = said.lines().filter_map(|line| {
                let mut words = line.split_whitespace();
                let (name, _architecture) = words.next()?.rsplit_once('.')?;
                Some((name.to_owned(), words.next()?.to_owned()))
            });
            lines.collect()
        };
        let updates: Vec<_> = kept.document.updates.iter().flatten().collect();
        let told = |only_security: bool| -> BTreeSet<(String, String)> {
            let counted = updates.iter().filter(|update| !only_security || update.security == Some(true));
            let each = counted
                .map(|update| (update.name.clone(), update.available_version.clone().unwrap_or_default()));
            each.collect()
        };
        let show = |update: &(String, String)| format!("{} {}", update.0, update.1);
        let mut faults = differ(&offered(said), &told(false), show);
        let security = kept.tool("check-update-security").unwrap_or_default();
        faults
            .extend(differ(&offered(security), &told(true), |update| format!("security: {}", show(update))));
        faults
    });
}

#[test]
fn updates_are_those_of_apt() {
    compare("upgradable", 4, |kept, said| {
        // `name/suite[,suite] version architecture [upgradable from: version]`
        let said: BTreeSet<Vec<String>> = said
            .lines()
            .filter_map(|line| {
                let (name, rest) = line.split_once('/')?;
                let words: Vec<&str> = rest.split([' ', ']']).collect();
                let security = words.first()?.contains("-security").to_string();
                Some(vec![name.into(), (*words.get(5)?).into(), (*words.get(1)?).into(), security])
            })
            .collect();
        let updates = kept.document.updates.iter().flatten();
        let told: BTreeSet<Vec<String>> = updates
            .map(|update| {
                let security = update.security.map_or("unknown".to_owned(), |security| security.to_string());
                let version = |version: &Option<String>| version.clone().unwrap_or_default();
                let (from, to) = (version(&update.installed_version), version(&update.available_version));
                vec![update.name.clone(), from, to, security]
            })
            .collect();
        differ(&said, &told, |update| update.join(" "))
    });
}

fn accounts(kept: &Kept) -> BTreeMap<&str, &Account> {
    kept.document.accounts.iter().flatten().map(|account| (account.name.as_str(), account)).collect()
}

#[test]
fn accounts_are_those_of_getent() {
    compare("passwd", 9, |kept, said| {
        let said: BTreeSet<(String, String)> = said
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(':');
                Some((fields.next()?.to_owned(), fields.nth(1)?.to_owned()))
            })
            .collect();
        let told = accounts(kept).into_values();
        let told =
            told.map(|account| (account.name.clone(), account.id.clone().unwrap_or_default())).collect();
        differ(&said, &told, |(name, id)| format!("{name} {id}"))
    });
}

#[test]
fn passwords_are_in_the_state_that_passwd_tells() {
    compare("passwd-S", 8, |kept, said| {
        let accounts = accounts(kept);
        let wrong = said.lines().filter_map(|line| {
            let mut words = line.split(' ');
            let (name, state) = (words.next()?, words.next()?);
            let said = match state {
                "NP" => PasswordState::None,
                "P" | "PS" => PasswordState::Set,
                _ => PasswordState::Locked,
            };
            let told = accounts.get(name).map(|account| account.password.state);
            (told != Some(said)).then(|| format!("{name}: -{said:?} +{told:?}"))
        });
        wrong.collect()
    });
}

/// The part of a tool's answer that stands below `== NAME`.
fn answers(said: &str) -> impl Iterator<Item = (&str, &str)> {
    said.split("== ").skip(1).filter_map(|part| part.split_once('\n'))
}

#[test]
fn accounts_and_passwords_expire_when_chage_says() {
    compare("chage", 8, |kept, said| {
        let accounts = accounts(kept);
        let mut faults = Vec::new();
        for (name, answer) in answers(said) {
            let day = |what: &str| {
                let line = answer.lines().find(|line| line.starts_with(what))?;
                let date =
                    jiff::civil::Date::strptime("%b %d, %Y", line.rsplit("\t: ").next()?.trim()).ok()?;
                // 99999 days are "never" (shadow(5)); since shadow 4.17 chage tells the day all the same.
                let date = Some(date).filter(|date| date.year() < 2200)?;
                Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
            };
            let Some(account) = accounts.get(name) else { continue };
            if account.expires_at != day("Account expires") {
                faults.push(format!("{name} ends: -{:?} +{:?}", day("Account expires"), account.expires_at));
            }
            // A password that has to be changed at once has no day.
            let must_change = answer.contains("password must be changed");
            if !must_change && account.password.expires_at != day("Password expires") {
                let told = account.password.expires_at;
                faults.push(format!("{name}'s password: -{:?} +{told:?}", day("Password expires")));
            }
        }
        faults
    });
}

#[test]
fn who_administers_is_what_sudo_and_the_groups_say() {
    compare("sudo", 3, |kept, said| {
        let groups = kept.tool("groups").unwrap_or_default();
        let groups: BTreeMap<&str, &str> = groups.lines().filter_map(|line| line.split_once(':')).collect();
        let mut faults = Vec::new();
        for (name, answer) in answers(said) {
            // `    (root : adm) NOPASSWD: /usr/bin/apt-get`
            let mut runs_as =
                answer.lines().filter_map(|line| line.trim().strip_prefix('(')?.split(')').next());
            let as_root = runs_as.any(|users| {
                let users = users.split(':').next().unwrap_or_default();
                users.split(',').any(|user| matches!(user.trim(), "ALL" | "root"))
            });
            let member =
                groups.get(name).unwrap_or(&"").split(' ').any(|group| POWERFUL_GROUPS.contains(&group));
            let Some(account) = accounts(kept).get(name).copied() else { continue };
            let said = as_root || member || account.id.as_deref() == Some("0");
            if account.privileged != Some(said) {
                let told = account.privileged;
                faults.push(format!("{name}: -{said} +{told:?} {:?}", account.privilege_sources));
            }
        }
        faults
    });
}

/// The newest login of each account that any of the system's programs knows.
fn newest_logins(kept: &Kept) -> BTreeMap<String, Timestamp> {
    let mut newest = BTreeMap::new();
    let mut take = |name: &str, at: Timestamp| {
        let known = newest.entry(name.to_owned()).or_insert(at);
        *known = at.max(*known);
    };
    // last(1) with ISO times: the first time of a line is the session's begin.
    for line in kept.tool("last").unwrap_or_default().lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let at = line
            .split(' ')
            .find_map(|word| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", with_colon(word)).ok());
        if let Some(at) = at.filter(|_| !matches!(name, "reboot" | "wtmp" | "")) {
            take(name, at);
        }
    }
    // lastlog(8), lastlog2(8): `Sun Nov 22 20:30:23 +0000 2026` ends the line.
    for tool in ["lastlog", "lastlog2"] {
        for line in kept.tool(tool).unwrap_or_default().lines() {
            let name = line.split(' ').next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            let time = words.len().checked_sub(6).map(|at| words[at..].join(" ")).unwrap_or_default();
            if let Ok(at) = Timestamp::strptime("%a %b %d %H:%M:%S %z %Y", &time) {
                take(name, at);
            }
        }
    }
    // journalctl(1): `2026-11-22T21:19:46+0000 host login[18]: pam_unix(login:session): session opened for user tanaka(`
    for line in kept.tool("journal").unwrap_or_default().lines() {
        let Some((before, after)) = line.split_once("session opened for user ") else { continue };
        let name = after.split('(').next().unwrap_or_default();
        let time = before.split(' ').next().unwrap_or_default();
        if let Ok(at) = Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", time) {
            take(name, at);
        }
    }
    newest
}

/// `+0000` and `+00:00` are the same zone; strptime's `%z` wants the first.
fn with_colon(word: &str) -> String {
    match word.len().checked_sub(3).and_then(|at| Some((word.get(..at)?, word.get(at..)?))) {
        Some((time, zone)) if zone.starts_with(':') && time.contains('T') => format!("{time}{}", &zone[1..]),
        _ => word.to_owned(),
    }
}

#[test]
fn last_logins_are_those_that_the_systems_programs_know() {
    compare("passwd", 9, |kept, _| {
        let newest = newest_logins(kept);
        let mut faults = Vec::new();
        for account in accounts(kept).into_values() {
            let said = newest.get(&account.name);
            let login = &account.last_login;
            let agrees = match login.state {
                // The programs tell whole seconds.
                LoginState::At => login.at.map(Timestamp::as_second) == said.map(|at| at.as_second()),
                LoginState::Never | LoginState::Unknown => said.is_none(),
            };
            if !agrees {
                faults.push(format!("{}: -{said:?} +{login:?}", account.name));
            }
        }
        faults
    });
}

fn services(kept: &Kept) -> BTreeMap<&str, &Service> {
    let services = kept.document.services.iter().flatten();
    services.map(|service| (service.name.trim_end_matches(".service"), service)).collect()
}

#[test]
fn units_start_as_systemctl_says() {
    compare("unit-files", 4, |kept, said| {
        let told = services(kept);
        let mut faults = Vec::new();
        for line in said.lines() {
            let mut words = line.split_whitespace();
            let (Some(unit), Some(state)) = (words.next(), words.next()) else { continue };
            // A template is no service: its instances are.
            let name = unit.strip_suffix(".service").filter(|name| !name.ends_with('@'));
            let Some(name) = name else { continue };
            let said = match state {
                "enabled" | "enabled-runtime" => StartMode::Enabled,
                "disabled" => StartMode::Disabled,
                "masked" | "masked-runtime" => StartMode::Masked,
                "static" => StartMode::Static,
                // Another name of a unit, or one that only other units start.
                _ => continue,
            };
            match told.get(name) {
                Some(service) if service.start == said => {}
                Some(service) => faults.push(format!("{name}: -{said:?} +{:?}", service.start)),
                None if said == StartMode::Enabled => faults.push(format!("{name}: -{said:?} +nothing")),
                None => {}
            }
        }
        faults
    });
}

#[test]
fn scripts_start_as_their_links_say() {
    let mut compared = 0;
    for name in ["debian-12-sysvinit", "debian-12-openrc"] {
        let kept = kept().iter().find(|kept| kept.name == name).expect("a root with scripts");
        let told = services(kept);
        let enabled: Vec<String> = match name {
            // `S01cron`
            "debian-12-sysvinit" => {
                let links = kept.tool("sysv").expect("the links of runlevel 2");
                let starting = links.lines().filter(|link| link.starts_with('S'));
                starting.filter_map(|link| link.get(3..).map(str::to_owned)).collect()
            }
            // ` sshd | default`
            _ => {
                let shown = kept.tool("rc-update").expect("the runlevels");
                let lines = shown.lines().filter_map(|line| line.split_once('|'));
                let lines = lines.filter(|(_, levels)| !levels.trim().is_empty());
                lines.map(|(service, _)| service.trim().to_owned()).collect()
            }
        };
        for service in enabled {
            let start = told.get(service.as_str()).map(|service| service.start);
            assert_eq!(start, Some(StartMode::Enabled), "{name}: {service}");
            compared += 1;
        }
        let cron = told.get("cron").map(|service| service.start);
        assert_eq!(cron, Some(StartMode::Disabled), "{name}: cron was switched off");
    }
    assert!(compared > 2, "only {compared} scripts");
}

#[test]
fn the_system_is_named_as_it_names_itself() {
    compare("os-release", 9, |kept, said| {
        let host = kept.document.host.clone().unwrap_or_default();
        let told = [host.os_id, host.os_version, host.os_name].map(Option::unwrap_or_default).join("|");
        // Of a rolling release nothing tells a version; the agent then says the name of the branch.
        let same = told == said.trim() || said.contains("||");
        if same { Vec::new() } else { vec![format!("-{} +{told}", said.trim())] }
    });
}
