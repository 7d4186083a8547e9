//! The machine itself: what names it, which Windows it runs, whether it waits for a restart.

use std::time::Duration;

use daicho_proto::facts::{Host, Look};
use jiff::Timestamp;

use super::Machine;
use super::reading::Reading;
use super::registry::Hive;

mod directories;
mod edition;
mod restart;
mod smbios;

pub(super) use edition::read as edition;

const COMPUTER_NAME: &str = "CurrentControlSet\\Control\\ComputerName";
const NETWORK_ADAPTERS: &str = "CurrentControlSet\\Control\\Network\\{4D36E972-E325-11CE-BFC1-08002BE10318}";

/// Buses whose adapters name something else than this machine: a dongle or dock, a phone, a program.
const FOREIGN_BUSES: &[&str] = &["USB\\", "BTH\\", "ROOT\\", "SWD\\"];

/// What only the running machine tells.
#[derive(Debug, Default)]
pub(super) struct Running {
    /// The maker's table, as `GetSystemFirmwareTable` answers it.
    pub(super) firmware: Option<Vec<u8>>,
    pub(super) interfaces: Vec<Interface>,
    /// Since the kernel started, sleep included.
    pub(super) up_for: Option<Duration>,
    pub(super) problems: Vec<String>,
}

/// A network interface that stands for a piece of hardware with a socket or antenna.
#[derive(Debug)]
pub(super) struct Interface {
    /// In braces, as the registry has it.
    pub(super) guid: String,
    /// The address that the maker gave it.
    pub(super) address: [u8; 6],
}

/// Looks at the machine.
pub(super) fn look(machine: &Machine, now: Timestamp) -> Look<Host> {
    see(machine, if machine.live { ask() } else { Running::default() }, now)
}

#[cfg(windows)]
fn ask() -> Running {
    super::live::host::ask()
}

#[cfg(not(windows))]
fn ask() -> Running {
    Running::default()
}

fn see(machine: &Machine, running: Running, now: Timestamp) -> Look<Host> {
    let mut reading = Reading::of(machine);
    let windows = edition(&mut reading);
    let maker = running.firmware.as_deref().and_then(smbios::parse).unwrap_or_default();
    let restart = restart::look(&mut reading, machine.live);
    let mut directories = directories::look(machine.registry.as_ref(), &mut reading);
    directories.extend(super::accounts::strangers(machine, now));
    let host = Host {
        hostname: hostname(&mut reading),
        os_id: Some("windows".to_owned()),
        os_name: windows.name,
        os_version: windows.version,
        os_build: windows.build,
        os_edition: windows.edition,
        kernel: None,
        machine_id: reading
            .text(&Hive::Software, "Microsoft\\Cryptography", "MachineGuid")
            .map(|id| id.to_lowercase()),
        hardware_uuid: maker.uuid,
        serial_number: maker.serial_number,
        mac_addresses: mac_addresses(&mut reading, &running.interfaces),
        boot_time: running.up_for.and_then(|up_for| boot_time(now, up_for)),
        restart_pending: restart.pending,
        restart_reasons: restart.reasons,
        installed_kernel: None,
        account_directories: directories,
    };
    reading.problems.extend(running.problems);
    if host.hostname.is_none() && host.os_build.is_none() && host.machine_id.is_none() {
        return reading.unreadable("neither the name of this Windows nor its build is in its registry");
    }
    reading.finish(host)
}

/// The name in the network, which the name of NetBIOS (15 characters, capitals) is cut from.
fn hostname(reading: &mut Reading<'_>) -> Option<String> {
    let tcpip = "CurrentControlSet\\Services\\Tcpip\\Parameters";
    let netbios = |which: &str| format!("{COMPUTER_NAME}\\{which}");
    let text = |reading: &mut Reading<'_>, path: &str, name| reading.text(&Hive::System, path, name);
    text(reading, tcpip, "Hostname")
        .or_else(|| text(reading, tcpip, "NV Hostname"))
        .or_else(|| text(reading, &netbios("ActiveComputerName"), "ComputerName"))
        .or_else(|| text(reading, &netbios("ComputerName"), "ComputerName"))
}

/// Of adapters that are built in. Whose bus is not known counts: a machine without any address is hard to find again.
fn mac_addresses(reading: &mut Reading<'_>, interfaces: &[Interface]) -> Vec<String> {
    let mut addresses = Vec::new();
    for interface in interfaces.iter().filter(|interface| interface.address != [0; 6]) {
        let path = format!("{NETWORK_ADAPTERS}\\{}\\Connection", interface.guid);
        let device = reading.text(&Hive::System, &path, "PnpInstanceID").unwrap_or_default().to_uppercase();
        if !FOREIGN_BUSES.iter().any(|bus| device.starts_with(bus)) {
            addresses.push(interface.address.map(|byte| format!("{byte:02x}")).join(":"));
        }
    }
    addresses.sort();
    addresses.dedup();
    addresses
}

/// To the second: the two clocks behind it differ by some milliseconds from look to look.
fn boot_time(now: Timestamp, up_for: Duration) -> Option<Timestamp> {
    let seconds = now.as_second().checked_sub(i64::try_from(up_for.as_secs()).ok()?)?;
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
mod tests;
