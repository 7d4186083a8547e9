//! Services of small supervisors: init's own table inittab(5), runit's and s6's folders.

use std::io::ErrorKind;

use daicho_proto::facts::{Service, ServiceManager, StartMode};

use super::jobs;
use super::processes::Running;
use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;

const INITTAB: &str = "/etc/inittab";

/// Where runit's runsvdir(8), daemontools' svscan(8) and s6-svscan(8) look, by the systems that ship them.
const SCANNED: [&str; 5] =
    ["/etc/service", "/var/service", "/etc/runit/runsvdir/current", "/service", "/run/service"];

/// Looks at both. `by_init`: whether inittab's init is in charge.
pub(super) fn read(
    root: &Root,
    by_init: bool,
    running: &Running,
    problems: &mut Vec<String>,
) -> Vec<Service> {
    let mut services = Vec::new();
    if by_init {
        match root.read_text(INITTAB) {
            Ok(text) => services.extend(inittab(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => problems.push(unreadable("init's table", INITTAB, &error)),
        }
    }
    for folder in SCANNED {
        match root.list(folder) {
            Ok(names) => {
                let names = names.into_iter().filter(|name| !name.starts_with('.'));
                let found = names.filter_map(|name| supervised(root, folder, name, running));
                let known = services.len();
                for service in found {
                    if !services[..known].iter().any(|other: &Service| other.name == service.name) {
                        services.push(service);
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => problems.push(unreadable("the folder of services", folder, &error)),
        }
    }
    services
}

/// What init starts again whenever it ends: `tty1::respawn:/sbin/getty 38400 tty1` (BusyBox, System V).
pub(super) fn inittab(text: &str) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let mut columns = line.splitn(4, ':').skip(2);
        let (Some("respawn" | "once" | "askfirst" | "ondemand"), Some(command)) =
            (columns.next(), columns.next())
        else {
            continue;
        };
        // BusyBox: a dash makes a login shell.
        let name = jobs::program(command.trim_start_matches('-'));
        if !services.iter().any(|service| service.name == name) {
            services.push(Service {
                name,
                manager: ServiceManager::Sysv,
                start: StartMode::Enabled,
                description: Some("started by init".to_owned()),
                source: Some(INITTAB.to_owned()),
                ..Service::default()
            });
        }
    }
    services
}

fn supervised(root: &Root, folder: &str, name: String, running: &Running) -> Option<Service> {
    let path = format!("{folder}/{name}");
    if !root.exists(&format!("{path}/run")) {
        return None;
    }
    let down = root.exists(&format!("{path}/down"));
    let status = root.is_live().then(|| root.read(&format!("{path}/supervise/status")).ok()).flatten();
    Some(Service {
        name,
        manager: ServiceManager::Sysv,
        running: status.and_then(|status| is_up(&status, running)),
        start: if down { StartMode::Manual } else { StartMode::Enabled },
        description: Some("kept running by a supervisor".to_owned()),
        binary: Some(format!("{path}/run")),
        source: Some(path),
        ..Service::default()
    })
}

/// Whether the supervisor's status names a process that is there: daemontools and runit write its number behind a time
/// of 12 bytes, least byte first; s6 behind two, most first.
fn is_up(status: &[u8], running: &Running) -> Option<bool> {
    let pid = match status.len() {
        18..=20 => u32::from_le_bytes(status.get(12..16)?.try_into().ok()?),
        35.. => u32::try_from(u64::from_be_bytes(status.get(24..32)?.try_into().ok()?)).ok()?,
        _ => return None,
    };
    if pid == 0 { Some(false) } else { running.lives(pid) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn inits_table_tells_what_it_keeps_alive() {
        let text = "# x::respawn:/no\n::sysinit:/sbin/openrc sysinit\ntty1::respawn:/sbin/getty 38400 tty1\n\
                    tty2::respawn:/sbin/getty 38400 tty2\n::ctrlaltdel:/sbin/reboot\nsv:2345:respawn:/opt/agent/run -x\nbroken:\n";
        let names: Vec<String> = inittab(text).into_iter().map(|service| service.name).collect();
        assert_eq!(names, ["getty", "run"]);
    }

    #[test]
    fn a_supervised_service_runs_when_its_process_is_there() {
        let running = Running { commands: HashMap::from([(71, "a".to_owned())]), ..Running::default() };
        let runit = |pid: u32| [&[0; 12][..], &pid.to_le_bytes(), &[0; 4]].concat();
        let s6 = |pid: u64| [&[0; 24][..], &pid.to_be_bytes(), &[0; 3]].concat();
        for (status, expected) in [
            (runit(71), Some(true)),
            (runit(72), Some(false)),
            (runit(0), Some(false)),
            (s6(71), Some(true)),
            (s6(0), Some(false)),
            (vec![1, 2, 3], None),
        ] {
            assert_eq!(is_up(&status, &running), expected, "{status:?}");
        }
    }

    #[test]
    fn a_folder_with_a_run_file_is_a_service() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["ssh", "off", "empty"] {
            std::fs::create_dir_all(folder.path().join("etc/service").join(name)).unwrap();
        }
        for file in ["ssh/run", "off/run", "off/down"] {
            std::fs::write(folder.path().join("etc/service").join(file), "").unwrap();
        }
        let root = Root::at(folder.path()).unwrap();
        let seen = read(&root, false, &Running::default(), &mut Vec::new());
        let told: Vec<_> = seen.iter().map(|service| (service.name.as_str(), service.start.name())).collect();
        assert_eq!(told, [("off", "manual"), ("ssh", "enabled")]);
    }
}
