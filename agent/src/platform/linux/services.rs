//! Services: what a manager runs, what listens, what was started by hand.
//!
//! - systemd answers over D-Bus; its unit files tell the programs. Where it does not answer, the files alone tell
//!   what starts, and a problem says that nobody knows what runs.
//! - OpenRC and System V scripts count where they are in charge, inetd's services wherever they are configured.
//! - A program of no service counts as `process` when it listens, and, on a machine without a manager, when it stays:
//!   see [`processes`].

use std::collections::BTreeMap;

use daicho_proto::facts::{Look, Service, ServiceManager};

use super::root::Root;

mod bus;
mod inetd;
mod processes;
mod scripts;
mod sockets;
mod units;

use processes::Process;

/// What changes when a service is installed, enabled or disabled.
pub(super) const WATCHED: &[&str] = &[
    "/etc/systemd/system",
    "/usr/lib/systemd/system",
    "/etc/init.d",
    "/etc/runlevels",
    "/etc/inetd.conf",
    "/etc/xinetd.d",
];

/// Looks at the services.
pub(super) fn look(root: &Root) -> Look<Vec<Service>> {
    if root.is_live() { live(root) } else { from_files(root) }
}

fn live(root: &Root) -> Look<Vec<Service>> {
    let mut problems = Vec::new();
    let processes = processes::read(root, &mut problems);
    let mut services = Vec::new();
    // sd_booted(3): this folder is there if and only if systemd runs the machine.
    let by_systemd = root.exists("/run/systemd/system");
    if by_systemd {
        let units = units::read(root, &mut problems);
        match bus::ask() {
            Ok(answer) => services.extend(units::join(&units, &answer)),
            Err(reason) => {
                problems.push(format!(
                    "systemd did not tell what runs: {reason}; what is told of its units comes from their files alone"
                ));
                services.extend(units::as_services(&units));
            }
        }
        units::hand_out(&mut services, &units, &processes);
    } else if root.exists("/run/openrc/softlevel") {
        services.extend(scripts::openrc(root, &mut problems));
    } else if processes.iter().any(|process| process.pid == 1 && process.name == "init") {
        services.extend(scripts::system_v(root, &mut problems));
    }
    services.extend(inetd::read(root, &mut problems));
    let unowned = |process: &&Process| {
        process.unit.is_none() && (!process.listening.is_empty() || (!by_systemd && process.stays))
    };
    // Systemd's own sockets were handed to their socket units.
    let others = processes.iter().filter(unowned).filter(|process| !(by_systemd && process.pid == 1));
    services.extend(by_program(others));
    match problems.is_empty() {
        false if services.is_empty() => Look::Unreadable { problems },
        _ => Look::Seen { value: sorted(services), problems },
    }
}

/// What is configured; nobody knows what runs.
fn from_files(root: &Root) -> Look<Vec<Service>> {
    let mut problems = Vec::new();
    let units = units::read(root, &mut problems);
    let mut services = units::as_services(&units);
    let scripts = if root.exists("/etc/runlevels") {
        scripts::openrc(root, &mut problems)
    } else {
        scripts::system_v(root, &mut problems)
    };
    // systemd prefers its own unit of the same name.
    let shadowed =
        |script: &Service| services.iter().any(|unit| unit.name == format!("{}.service", script.name));
    let scripts: Vec<Service> = scripts.into_iter().filter(|script| !shadowed(script)).collect();
    services.extend(scripts);
    services.extend(inetd::read(root, &mut problems));
    match (services.is_empty(), problems.is_empty()) {
        (true, true) => Look::Unsupported,
        (true, false) => Look::Unreadable { problems },
        (false, _) => Look::Seen { value: sorted(services), problems },
    }
}

/// One entry a program, however many processes it has.
fn by_program<'a>(processes: impl Iterator<Item = &'a Process>) -> Vec<Service> {
    let mut programs: BTreeMap<(&str, Option<&str>), Service> = BTreeMap::new();
    for process in processes {
        let program = programs.entry((&process.name, process.binary.as_deref())).or_insert_with(|| Service {
            name: process.name.clone(),
            manager: ServiceManager::Process,
            running: Some(true),
            binary: process.binary.clone(),
            ..Service::default()
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
