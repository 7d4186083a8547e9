//! Services, and what else starts by itself or listens.
//!
//! - The registry tells every service, whether it starts, what it runs and as whom; the running machine tells which run
//!   and where they listen, and the programs that listen and are no service. Of a disk nobody knows what runs.
//! - Scheduled tasks, the Run keys and the folders of things to start are told as `process`: nobody manages them.
//! - Two doors are switches and no services of their own: SMBv1 and the remote desktop. They have a row each.

use daicho_proto::facts::{Look, Service};

use super::Machine;
use super::people::People;
use super::places::Places;
use super::registry::Hive;

mod autostart;
#[cfg(any(windows, test))]
mod follower;
mod jobs;
mod registered;
pub(crate) mod running;
mod switches;

use running::Running;

/// Looks at the machine.
pub(super) fn look(machine: &Machine) -> Look<Vec<Service>> {
    let mut problems = troubles(machine, &[Hive::System, Hive::Software]);
    let registry = &*machine.registry;
    let places = Places::read(registry);
    let registered = registered::read(registry, &places, &mut problems);
    let had_any = registered.is_some();
    let mut services = registered.unwrap_or_default();
    let names = services.values().map(|service| service.name.clone()).collect::<Vec<_>>();
    let running = if machine.live { ask(&names) } else { None };
    let mut others = Vec::new();
    if let Some(running) = &running {
        problems.extend(running.problems.iter().cloned());
        others = running.join(&mut services);
    }
    let switches = switches::read(registry, &services, running.as_ref(), &mut problems);
    let people = People::read(machine, &mut problems);
    let mut told: Vec<Service> = services.into_values().collect();
    told.extend(others);
    told.extend(switches);
    told.extend(jobs::read(machine, &places, &people, &mut problems));
    told.extend(autostart::read(machine, &places, &people, &mut problems));
    if told.is_empty() && !had_any {
        return Look::Unreadable { problems };
    }
    for service in &mut told {
        service.listening.sort();
        service.listening.dedup();
    }
    told.sort_by(|a, b| (a.manager.name(), &a.name).cmp(&(b.manager.name(), &b.name)));
    Look::Seen { value: told, problems }
}

/// What is wrong with the hives that a look reads.
pub(super) fn troubles(machine: &Machine, hives: &[Hive]) -> Vec<String> {
    let troubles = machine.registry.troubles().into_iter();
    troubles.filter(|(hive, _)| hives.contains(hive)).map(|(_, sentence)| sentence).collect()
}

/// What runs on this machine now.
#[cfg(windows)]
fn ask(names: &[String]) -> Option<Running> {
    Some(super::live::services::ask(names))
}

/// No other system's services are these.
#[cfg(not(windows))]
fn ask(_: &[String]) -> Option<Running> {
    None
}

/// Calls `changed` when a service started, ended, came or went, until it answers `false`.
#[cfg(windows)]
pub(super) fn follow(changed: &mut dyn FnMut() -> bool) -> std::io::Result<()> {
    /// A person who stops a service sees it in the list of violations while still at the PC; a question costs the
    /// service control manager a millisecond or two.
    const APART: std::time::Duration = std::time::Duration::from_secs(5);
    follower::follow(&mut super::live::services::now, &mut || std::thread::sleep(APART), changed)
}

#[cfg(test)]
mod tests;
