//! Services: what a manager runs, what listens, what was started by hand, what starts by itself at its time.
//!
//! - systemd answers over D-Bus what it has loaded; its unit files tell the rest. Where it does not answer, the files
//!   alone tell what starts, and a problem says that nobody knows what runs.
//! - OpenRC and System V scripts count where they are in charge, inetd's services wherever they are configured.
//! - A program of no service counts as `process` when it listens, and, on a machine without a manager, when it stays:
//!   see [`processes`]. A container is one entry, whatever runs in it.

use std::collections::BTreeMap;

use daicho_proto::facts::{Look, Service, ServiceManager};

use super::people;
use super::root::Root;

mod bus;
mod containers;
mod diagnosis;
mod follower;
mod inetd;
mod jobs;
mod personal;
pub(super) mod places;
mod processes;
mod scripts;
mod sockets;
mod supervised;
mod units;

pub(super) use follower::follow;
use places::{Place, Users};
use processes::{Process, Running};

/// What changes when a service is installed, enabled or disabled.
pub(super) const WATCHED: &[&str] = &[
    "/etc/systemd/system",
    "/etc/systemd/system/multi-user.target.wants",
    "/etc/systemd/user",
    "/run/systemd/system",
    "/run/systemd/transient",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/etc/init.d",
    "/etc/runlevels",
    "/etc/inetd.conf",
    "/etc/xinetd.d",
    "/etc/service",
    "/etc/crontab",
    "/etc/cron.d",
    "/etc/cron.daily",
    "/var/spool/cron",
    "/var/spool/cron/crontabs",
];

/// Looks at the services.
pub(super) fn look(root: &Root) -> Look<Vec<Service>> {
    if root.is_live() { live(root) } else { from_files(root) }
}

fn live(root: &Root) -> Look<Vec<Service>> {
    let mut problems = Vec::new();
    let running = processes::read(root, &mut problems);
    let processes = &running.processes;
    let mut services = Vec::new();
    // sd_booted(3): this folder is there if and only if systemd runs the machine.
    let by_systemd = root.exists("/run/systemd/system");
    let by_init = !by_systemd && running.commands.get(&1).is_some_and(|command| command == "init");
    if by_systemd {
        let units = units::read(root, &mut problems);
        match bus::ask() {
            Ok(loaded) => services.extend(units::join(&units, &loaded)),
            Err(reason) => {
                problems.push(format!(
                    "systemd did not tell what runs: {reason}; what is told of its units comes from their files alone"
                ));
                services.extend(units::as_services(&units));
                units::mark_running(&mut services, processes);
            }
        }
        units::hand_out(&mut services, &units, processes);
    } else if root.exists("/run/openrc/softlevel") {
        services.extend(scripts::openrc(root, &running, &mut problems));
    } else if by_init {
        services.extend(scripts::system_v(root, &running, &mut problems));
    }
    services.extend(supervised::read(root, by_init, &running, &mut problems));
    services.extend(inetd::read(root, &mut problems));
    services.extend(containers::running(root, processes));
    let people = people::read(root, &mut problems);
    let users = users(root);
    let known = (!running.commands.is_empty()).then_some(processes.as_slice());
    services.extend(personal::read(root, &people, known, &mut problems));
    services.extend(jobs::read(root, &users, &mut problems));
    let is_told = |process: &Process| match &process.place {
        // A unit is told by systemd alone; below another manager the group of a process is only a name.
        Place::Unit(_) | Place::Manager => by_systemd,
        Place::Container { .. } => true,
        Place::OpenRc(name) => services.iter().any(|service| service.name == *name),
        Place::UserUnit { uid, unit } => {
            let name = format!("{}:{unit}", users.name(*uid));
            services.iter().any(|service| service.name == name)
        }
        Place::Session { .. } | Place::Nowhere => by_systemd && process.pid == 1,
    };
    let others: Vec<&Process> = processes
        .iter()
        .filter(|process| !is_told(process))
        .filter(|process| !process.listening.is_empty() || (!by_systemd && process.stays))
        .collect();
    let others = by_program(&others, &users);
    services.extend(others);
    match problems.is_empty() {
        false if services.is_empty() => Look::Unreadable { problems },
        _ => Look::Seen { value: sorted(services), problems },
    }
}

/// What /proc alone tells: the containers, and every other program that runs.
pub(super) fn running(root: &Root) -> Vec<Service> {
    let running = processes::read(root, &mut Vec::new());
    let mut services = containers::running(root, &running.processes);
    services.extend(by_program(&running.processes.iter().collect::<Vec<_>>(), &users(root)));
    services
}

/// Who is who on this machine.
fn users(root: &Root) -> Users {
    let text = root.read_text("/etc/passwd").unwrap_or_default();
    let mut names = BTreeMap::new();
    // Of two users with one number, the first is who everybody sees.
    for person in people::parse(&text) {
        names.entry(person.uid).or_insert(person.name);
    }
    Users(names)
}

/// What is configured; nobody knows what runs.
fn from_files(root: &Root) -> Look<Vec<Service>> {
    let mut problems = Vec::new();
    let mut services = Vec::new();
    if starts_with_systemd(root) {
        services = units::as_services(&units::read(root, &mut problems));
    }
    let nobody = Running::default();
    let scripts = if root.exists("/etc/runlevels") {
        scripts::openrc(root, &nobody, &mut problems)
    } else {
        scripts::system_v(root, &nobody, &mut problems)
    };
    // systemd prefers its own unit of the same name.
    let shadowed =
        |script: &Service| services.iter().any(|unit| unit.name == format!("{}.service", script.name));
    let scripts: Vec<Service> = scripts.into_iter().filter(|script| !shadowed(script)).collect();
    services.extend(scripts);
    let by_init = services.iter().all(|service| service.manager != ServiceManager::Systemd);
    services.extend(supervised::read(root, by_init, &nobody, &mut problems));
    services.extend(inetd::read(root, &mut problems));
    let people = people::read(root, &mut problems);
    services.extend(personal::read(root, &people, None, &mut problems));
    services.extend(jobs::read(root, &users(root), &mut problems));
    match (services.is_empty(), problems.is_empty()) {
        (true, true) => Look::Unsupported,
        (true, false) => Look::Unreadable { problems },
        (false, _) => Look::Seen { value: sorted(services), problems },
    }
}

/// Whether systemd would start this machine: `/sbin/init` leads to it, or nothing is there (a part of a system, an image
/// of a container). Packages bring units for systemd also where another init is in charge, and never reads them.
fn starts_with_systemd(root: &Root) -> bool {
    match root.read_link("/sbin/init") {
        Ok(target) => target.ends_with("/systemd"),
        Err(_) => !root.exists("/sbin/init"),
    }
}

/// One entry a program and user, however many processes it has.
fn by_program(processes: &[&Process], users: &Users) -> Vec<Service> {
    let mut programs: BTreeMap<(String, Option<&str>, Option<u32>), Service> = BTreeMap::new();
    for process in processes {
        let (name, user) = match &process.place {
            Place::UserUnit { uid, unit } => (format!("{}:{unit}", users.name(*uid)), Some(*uid)),
            Place::Session { uid } => (process.name.clone(), *uid),
            _ => (process.name.clone(), None),
        };
        let program =
            programs.entry((name, process.binary.as_deref(), user)).or_insert_with_key(|(name, _, _)| {
                Service {
                    name: name.clone(),
                    manager: ServiceManager::Process,
                    running: Some(true),
                    binary: process.binary.clone(),
                    user: user.map(|uid| users.name(uid)),
                    ..Service::default()
                }
            });
        program.listening.extend(process.listening.iter().cloned());
    }
    programs.into_values().collect()
}

fn sorted(mut services: Vec<Service>) -> Vec<Service> {
    for service in &mut services {
        service.listening.sort();
        service.listening.dedup();
    }
    services.sort_by(|a, b| (a.manager.name(), &a.name).cmp(&(b.manager.name(), &b.name)));
    services
}

#[cfg(test)]
mod tests;
