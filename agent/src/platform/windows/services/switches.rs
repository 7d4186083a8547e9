//! SMBv1 and the remote desktop: doors that a value of the registry opens inside of a service that every machine has.

use std::io;

use daicho_proto::facts::{Service, ServiceManager, StartMode};

use super::registered::{SERVICES, Services, start};
use super::running::Running;
use crate::platform::windows::registry::{Hive, Registry};

/// Where an administrator and where a group policy say whether anybody may come in, and how.
const TERMINAL: &str = "CurrentControlSet\\Control\\Terminal Server";
const TERMINAL_TCP: &str = "CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp";
const TERMINAL_POLICY: &str = "Policies\\Microsoft\\Windows NT\\Terminal Services";

/// Looks at them.
pub(super) fn read(
    registry: &dyn Registry,
    services: &Services,
    running: Option<&Running>,
    problems: &mut Vec<String>,
) -> Vec<Service> {
    let all = [
        ("SMBv1 (server)", smb_server(registry, services, running)),
        ("SMBv1 (client)", smb_client(registry, running)),
        ("the remote desktop", remote_desktop(registry, services)),
    ];
    let each = all.into_iter().filter_map(|(what, result)| {
        result.unwrap_or_else(|error| {
            problems.push(format!("whether {what} is on is not known: {error}"));
            None
        })
    });
    each.collect()
}

/// Version 1 of the server of files. Its driver is `srv`, which a Windows without SMBv1 (10 since 1709, Server 2019)
/// does not have; where it is, it serves unless `SMB1` is 0 (Microsoft Learn, "How to detect, enable and disable SMBv1").
fn smb_server(
    registry: &dyn Registry,
    services: &Services,
    running: Option<&Running>,
) -> io::Result<Option<Service>> {
    let path = format!("{SERVICES}\\srv");
    let (Some(driver), Some(server)) =
        (registry.number(&Hive::System, &path, "Start")?, services.get("lanmanserver"))
    else {
        return Ok(None);
    };
    let parameters = format!("{SERVICES}\\LanmanServer\\Parameters");
    let switch = registry.number(&Hive::System, &parameters, "SMB1")?;
    let is_off = switch == Some(0) || driver == 4;
    let loaded = running.map(|running| running.driver("srv"));
    Ok(Some(Service {
        name: "LanmanServer-SMB1".to_owned(),
        manager: ServiceManager::Windows,
        running: match (is_off, server.running, loaded.flatten()) {
            (true, ..) => Some(false),
            (false, Some(serves), Some(loaded)) => Some(serves && loaded),
            _ => None,
        },
        start: if is_off { StartMode::Disabled } else { server.start },
        description: Some("SMBv1 server".to_owned()),
        state: Some(format!("SMB1={}", switch.map_or("not set".to_owned(), |value| value.to_string()))),
        source: Some(format!("HKLM\\SYSTEM\\{parameters}")),
        ..Service::default()
    }))
}

/// Version 1 of the client of files: its driver `mrxsmb10`, which is removed with SMBv1.
fn smb_client(registry: &dyn Registry, running: Option<&Running>) -> io::Result<Option<Service>> {
    let path = format!("{SERVICES}\\mrxsmb10");
    let Some(number) = registry.number(&Hive::System, &path, "Start")? else { return Ok(None) };
    Ok(Some(Service {
        name: "mrxsmb10".to_owned(),
        manager: ServiceManager::Windows,
        running: running.and_then(|running| running.driver("mrxsmb10")),
        start: start(Some(number)),
        description: Some("SMBv1 client".to_owned()),
        source: Some(format!("HKLM\\SYSTEM\\{path}")),
        ..Service::default()
    }))
}

/// Whether anybody may come in by the remote desktop (MS-RDPBCGR): a group policy's word counts more than the
/// administrator's, and without either nobody may.
fn remote_desktop(registry: &dyn Registry, services: &Services) -> io::Result<Option<Service>> {
    let Some(terminal) = services.get("termservice") else { return Ok(None) };
    let switch = |name: &str, path: &str| -> io::Result<Option<(u64, &str)>> {
        if let Some(value) = registry.number(&Hive::Software, TERMINAL_POLICY, name)? {
            return Ok(Some((value, "policy")));
        }
        Ok(registry.number(&Hive::System, path, name)?.map(|value| (value, "setting")))
    };
    let denied = switch("fDenyTSConnections", TERMINAL)?;
    let checked = switch("UserAuthentication", TERMINAL_TCP)?;
    let is_open = denied.is_some_and(|(value, _)| value == 0) && terminal.start != StartMode::Disabled;
    let told = |name: &str, value: Option<(u64, &str)>| match value {
        Some((value, from)) => format!("{name}={value} ({from})"),
        None => format!("{name} not set"),
    };
    let listening = terminal.listening.iter().filter(|_| is_open).cloned().collect();
    Ok(Some(Service {
        name: "TermService-RDP".to_owned(),
        manager: ServiceManager::Windows,
        running: if is_open { terminal.running } else { Some(false) },
        // The setting brings the service up with the machine, whatever its own start is.
        start: if is_open { StartMode::Enabled } else { StartMode::Disabled },
        description: Some("Remote Desktop".to_owned()),
        listening,
        // UserAuthentication: whoever comes must say who it is before a screen is opened for it.
        state: Some(format!(
            "{}, {}",
            told("fDenyTSConnections", denied),
            told("UserAuthentication", checked)
        )),
        source: Some(format!("HKLM\\SYSTEM\\{TERMINAL}")),
        ..Service::default()
    }))
}
