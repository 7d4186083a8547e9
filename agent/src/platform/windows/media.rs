//! Media of a Windows machine: what the registry remembers of each device that was ever plugged in, and, on the running
//! machine, which of them are there now. No device is opened for reading or writing.
//!
//! Filled from the registry, live and offline alike: vendor, product, serial, manufacturer, product, kind, label,
//! release, letters, first and last use. `filesystem_uuid` is known only where ReadyBoost tested the stick. `scan` is
//! never told. A disc or card that changes in a drive or reader that stays is seen at the next look, not at once.

use std::io;

use daicho_proto::facts::{Look, Medium, MediumSeen};
use jiff::{SignedDuration, Timestamp};

use super::Machine;
use super::registry::Hive;
use crate::platform::media::Snapshot;

pub(super) mod dates;
mod devices;
#[cfg(any(windows, test))]
pub(super) mod follower;
mod identity;
mod install_log;
mod nodes;
pub(super) mod plugged;
mod volumes;

#[cfg(test)]
mod tests;

use dates::Dates;
use devices::Device;
use plugged::{Plugged, Running};

/// Live, what is older was looked at by a person, or never will be: the same as the records of Linux. A disk that is read
/// from another machine tells all that it remembers.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Records that are told, the last used first: the collector keeps as many for one machine.
const RECORDS_MAX: usize = 400;

/// Whose change is a reason to look: the log of a new device's installation.
pub(super) const WATCHED: &[&str] = &["Windows/INF/setupapi.dev.log"];

/// Everything that one look saw.
#[derive(Debug, Default)]
struct Seen {
    snapshot: Snapshot,
    records: Vec<Medium>,
    problems: Vec<String>,
}

/// Looks at what is plugged in, and at what the registry remembers.
pub(super) fn look(machine: &Machine, now: Timestamp) -> Look<Vec<Medium>> {
    look_with(machine, running(machine).as_deref(), now)
}

fn look_with(machine: &Machine, running: Option<&dyn Running>, now: Timestamp) -> Look<Vec<Medium>> {
    match see(machine, running, now) {
        Ok(seen) => {
            let present = plugged::media(seen.snapshot).map(|it| Medium { last_seen: Some(now), ..it });
            Look::Seen { value: present.chain(seen.records).collect(), problems: seen.problems }
        }
        Err(error) => Look::Unreadable {
            problems: vec![format!("the devices in SYSTEM\\{} could not be read: {error}", nodes::ENUM)],
        },
    }
}

/// Follows what comes and goes on this machine. Of a disk that is read from another one nothing does.
#[cfg(windows)]
pub(super) fn follow(
    machine: &Machine,
    tell: &mut dyn FnMut(Timestamp, daicho_proto::facts::MediumEvent) -> bool,
) -> io::Result<()> {
    let Some(running) = running(machine).filter(|_| machine.live) else { return Ok(()) };
    let Some(mut notices) = super::live::media::notices::listen()? else {
        tracing::warn!(
            "This Windows tells nothing of media that come and go; they are looked for from time to time."
        );
        return Ok(());
    };
    let see = || see(machine, Some(running.as_ref()), crate::clock::now()).map(|seen| seen.snapshot);
    let known = |instance: &str| medium_of(machine, instance);
    follower::follow(&mut notices, &see, &known, &crate::clock::now, tell)
}

#[cfg(windows)]
fn running(machine: &Machine) -> Option<Box<dyn Running>> {
    machine.live.then(|| Box::new(super::live::media::Devices) as Box<dyn Running>)
}

#[cfg(not(windows))]
fn running(_: &Machine) -> Option<Box<dyn Running>> {
    None
}

/// What the registry remembers of one device that was announced and may be gone already; `None`: it carries no files.
#[cfg(any(windows, test))]
fn medium_of(machine: &Machine, instance: &str) -> Option<Medium> {
    let registry = machine.registry.as_ref();
    let nodes = nodes::Nodes::read(registry).ok()??;
    let remembered = volumes::Remembered::read(registry);
    let devices = devices::devices(&nodes);
    let is_it = |device: &&Device<'_>| identity::folded(&device.node.id()) == identity::folded(instance);
    let device = devices.iter().find(is_it).filter(|device| !device.node.is_fixed)?;
    Some(Medium { mounts: Vec::new(), ..device.medium(registry, &remembered) })
}

fn see(machine: &Machine, running: Option<&dyn Running>, now: Timestamp) -> io::Result<Seen> {
    let registry = machine.registry.as_ref();
    let mut seen = Seen::default();
    let troubles = registry.troubles().into_iter().filter(|(hive, _)| *hive == Hive::System);
    seen.problems.extend(troubles.map(|(_, sentence)| sentence));
    let Some(nodes) = nodes::Nodes::read(registry)? else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "there is no such key"));
    };
    seen.problems.extend(nodes.problems.iter().cloned());
    let remembered = volumes::Remembered::read(registry);
    let plugged = match running.map(|running| running.plugged(&|instance| is_asked(&nodes, instance))) {
        Some(Ok(plugged)) => plugged,
        Some(Err(error)) => {
            seen.problems.push(format!("where media are mounted could not be asked: {error}"));
            Plugged::default()
        }
        None => Plugged::default(),
    };
    let devices = devices::devices(&nodes);
    let mut dates = Times { machine, running, installations: None, problems: Vec::new() };
    let mut unknown = None;
    for device in &devices {
        let medium = device.medium(registry, &remembered);
        let is_present = match running.map(|running| running.is_present(&device.node.id())) {
            Some(Ok(is_present)) => is_present,
            Some(Err(error)) => {
                unknown = Some(error);
                false
            }
            None => false,
        };
        let dates = dates.of(device);
        if is_present {
            seen.snapshot.usb.push(plugged::usb_device(device));
            seen.snapshot.connected.push(plugged::connected(device, dates, medium, &plugged));
        } else if !device.node.is_fixed {
            let mut medium = Medium { seen: MediumSeen::Record, ..medium };
            dates.tell(&mut medium);
            seen.records.push(medium);
        }
    }
    seen.snapshot.connected.extend(plugged::own_drives(&nodes, &plugged));
    seen.snapshot.doubt_shared_serials();
    seen.problems.append(&mut dates.problems);
    if let Some(error) = unknown {
        seen.problems.push(format!("which media are plugged in could not be asked: {error}"));
    }
    if running.is_some() {
        let since = now.checked_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
        seen.records.retain(|record| record.last_seen.is_none_or(|at| at >= since));
        for record in &mut seen.records {
            record.first_seen = record.first_seen.filter(|at| *at >= since);
        }
    }
    seen.records.sort_by_key(|record| std::cmp::Reverse(record.last_seen));
    if seen.records.len() > RECORDS_MAX {
        let left_out = seen.records.len() - RECORDS_MAX;
        seen.problems
            .push(format!("{left_out} media that were used longest ago are not told: {RECORDS_MAX} are"));
        seen.records.truncate(RECORDS_MAX);
    }
    Ok(seen)
}

/// Whether a drive may be asked if something lies in it: only those that stay while their disc or card changes.
fn is_asked(nodes: &nodes::Nodes, instance: &str) -> bool {
    let own = nodes.all.iter().find(|node| identity::folded(&node.id()) == identity::folded(instance));
    own.is_some_and(|node| node.is_fixed || identity::is_optical(&node.device))
}

/// When devices came and went, from whoever can say.
struct Times<'a> {
    machine: &'a Machine,
    running: Option<&'a dyn Running>,
    /// Read once, when a device has no time of its own.
    installations: Option<install_log::Installations>,
    problems: Vec<String>,
}

impl Times<'_> {
    fn of(&mut self, device: &Device<'_>) -> Dates {
        let registry = self.machine.registry.as_ref();
        let mut dates = Dates::default();
        let mut denied = None;
        for node in std::iter::once(device.node).chain(device.disks.iter().copied()) {
            match Dates::read(registry, node) {
                Ok(read) => dates = dates.or(read),
                Err(error) => denied = Some(error),
            }
        }
        // Of what the registry shows to the system alone, Windows' functions tell everybody the times.
        if dates.arrived.is_none()
            && let Some(running) = self.running
        {
            dates = dates.or(running.dates(&device.node.id()));
        }
        if dates.installed.is_none() {
            let installations = self.installations.get_or_insert_with(|| {
                let read = install_log::read(&self.machine.disk, registry);
                self.problems.extend(read.problems.iter().cloned());
                read
            });
            dates.installed = installations.first.get(&identity::folded(&device.node.id())).copied();
        }
        if dates.last().is_none() {
            // The nearest that is left: something was changed at the device, mostly because it came.
            let written = registry.written_at(&Hive::System, &device.node.path()).ok().flatten();
            dates.installed = written;
            if written.is_none()
                && let Some(error) = denied
            {
                let id = device.node.id();
                self.problems.push(format!("when {id} was plugged in could not be read: {error}"));
            }
        }
        dates
    }
}
