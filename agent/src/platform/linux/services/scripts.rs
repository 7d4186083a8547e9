//! Services as scripts below /etc/init.d: OpenRC's runlevels, System V's links.

use std::io::ErrorKind;

use daicho_proto::facts::{Service, ServiceManager, StartMode};

use super::places::Place;
use super::processes::Running;
use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;

const SCRIPTS: &str = "/etc/init.d";
const LEVELS: &str = "/etc/runlevels";
const STARTED: &str = "/run/openrc/started";

/// System V runlevels in which a machine works; 0, 1 and 6 stop and mend it.
const LINK_FOLDERS: [&str; 10] = [
    "/etc/rc2.d",
    "/etc/rc3.d",
    "/etc/rc4.d",
    "/etc/rc5.d",
    "/etc/rcS.d",
    "/etc/rc.d/rc2.d",
    "/etc/rc.d/rc3.d",
    "/etc/rc.d/rc4.d",
    "/etc/rc.d/rc5.d",
    "/etc/rc.d/rcS.d",
];

/// Files below /etc/init.d that are no services.
const NO_SERVICES: [&str; 8] =
    ["README", "skeleton", "functions", "functions.sh", "rc", "rcS", "rc.local.example", ".depend.boot"];

/// OpenRC: what a runlevel names is enabled; what runs has a mark below /run/openrc.
pub(super) fn openrc(root: &Root, running: &Running, problems: &mut Vec<String>) -> Vec<Service> {
    let levels = list(root, "the folder of runlevels", LEVELS, problems).unwrap_or_default();
    let mut enabled = Vec::new();
    // What the level `shutdown` names runs when the machine stops.
    for level in levels.iter().filter(|level| *level != "shutdown") {
        enabled
            .extend(list(root, "the runlevel", &format!("{LEVELS}/{level}"), problems).unwrap_or_default());
    }
    // Only this machine's own folder tells what runs now.
    let started = if root.is_live() { list(root, "OpenRC's folder", STARTED, problems) } else { None };
    let mut services =
        services(root, problems, ServiceManager::Openrc, &|name| enabled.iter().any(|one| one == name));
    for service in &mut services {
        service.running = started.as_ref().map(|names| names.contains(&service.name));
        let failed = || root.exists(&format!("/run/openrc/failed/{}", service.name));
        service.state = match service.running {
            Some(true) if has_crashed(root, &service.name, running) => {
                service.running = Some(false);
                Some("crashed".to_owned())
            }
            Some(true) => Some("started".to_owned()),
            Some(false) if failed() => Some("failed".to_owned()),
            Some(false) => Some("stopped".to_owned()),
            None => None,
        };
        let own =
            running.processes.iter().filter(|process| process.place == Place::OpenRc(service.name.clone()));
        service.listening.extend(own.flat_map(|process| process.listening.iter().cloned()));
    }
    services
}

/// Whether OpenRC wrote down which processes a service has, and none of them is there: what rc-status(8) calls crashed.
fn has_crashed(root: &Root, name: &str, running: &Running) -> bool {
    let folder = format!("/run/openrc/daemons/{name}");
    let files: Vec<String> = root
        .list(&folder)
        .unwrap_or_default()
        .iter()
        .filter_map(|file| {
            let text = root.read_text(&format!("{folder}/{file}")).ok()?;
            text.lines().find_map(|line| line.strip_prefix("pidfile=")).map(str::to_owned)
        })
        .filter(|path| path.starts_with('/'))
        .collect();
    let lives = |path: &String| pid_in(root, path).and_then(|pid| running.lives(pid)) != Some(false);
    !files.is_empty() && !files.iter().any(lives)
}

/// The number in a file that a daemon wrote.
fn pid_in(root: &Root, path: &str) -> Option<u32> {
    root.read_text(path).ok()?.split_whitespace().next()?.parse().ok()
}

/// System V: what a link `S20name` starts is enabled. What runs is told by the file of its number, or by the program
/// that the script names; where neither is there, nobody knows.
pub(super) fn system_v(root: &Root, running: &Running, problems: &mut Vec<String>) -> Vec<Service> {
    let mut links = Vec::new();
    for folder in LINK_FOLDERS {
        links.extend(list(root, "the folder of links", folder, problems).unwrap_or_default());
    }
    let starts = |name: &str| {
        links.iter().any(|link| {
            let rest = link.strip_prefix('S').unwrap_or_default();
            rest.trim_start_matches(|letter: char| letter.is_ascii_digit()) == name
        })
    };
    let mut services = services(root, problems, ServiceManager::Sysv, &starts);
    for service in services.iter_mut().filter(|_| root.is_live()) {
        let text = root.read_text(&format!("{SCRIPTS}/{}", service.name)).unwrap_or_default();
        service.running = is_running(root, &service.name, &text, running);
    }
    services
}

fn is_running(root: &Root, name: &str, script: &str, running: &Running) -> Option<bool> {
    let told = told_by(script);
    let files =
        told.pid_file.into_iter().chain([format!("/run/{name}.pid"), format!("/run/{name}/{name}.pid")]);
    let lives = |path: &String| running.lives(pid_in(root, path)?);
    if { files }.find_map(|path| lives(&path)) == Some(true) {
        return Some(true);
    }
    let program = told.program?;
    running.runs(program.rsplit('/').next()?)
}

/// What a script says of its program.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    program: Option<String>,
    pid_file: Option<String>,
    description: Option<String>,
}

/// Reads `DAEMON=`, `PIDFILE=`, `# pidfile:`, `# processname:` and the header of the Linux Standard Base.
pub(super) fn told_by(script: &str) -> Told {
    let mut told = Told::default();
    for line in script.lines().map(str::trim) {
        let header = line.strip_prefix('#').map(str::trim);
        let place = |name: &str| {
            let value = line.strip_prefix(name)?.trim_matches(['"', '\'']);
            // A value that is made of others is not known.
            (value.starts_with('/') && !value.contains(['$', ' ', '`'])).then(|| value.to_owned())
        };
        let said = |name: &str| {
            let value = header?.strip_prefix(name)?.trim();
            (!value.is_empty() && !value.contains('$')).then(|| value.to_owned())
        };
        told.program = told.program.or_else(|| place("DAEMON=")).or_else(|| said("processname:"));
        told.pid_file = told.pid_file.or_else(|| place("PIDFILE=")).or_else(|| said("pidfile:"));
        told.description = told.description.or_else(|| said("Short-Description:"));
    }
    told
}

fn services(
    root: &Root,
    problems: &mut Vec<String>,
    manager: ServiceManager,
    starts: &dyn Fn(&str) -> bool,
) -> Vec<Service> {
    let names = list(root, "the folder", SCRIPTS, problems).unwrap_or_default();
    let is_service = |name: &String| !NO_SERVICES.contains(&name.as_str()) && !name.starts_with('.');
    let each = names.into_iter().filter(is_service).map(|name| {
        let path = format!("{SCRIPTS}/{name}");
        let told = root.read_text(&path).map(|text| told_by(&text)).unwrap_or_default();
        Service {
            manager,
            start: if starts(&name) { StartMode::Enabled } else { StartMode::Disabled },
            description: told.description,
            binary: Some(told.program.filter(|path| path.starts_with('/')).unwrap_or_else(|| path.clone())),
            source: Some(path),
            name,
            ..Service::default()
        }
    });
    each.collect()
}

/// The names in a folder: none where there is no such folder, and a problem where it cannot be read.
fn list(root: &Root, what: &str, folder: &str, problems: &mut Vec<String>) -> Option<Vec<String>> {
    match root.list(folder) {
        Ok(names) => Some(names),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(Vec::new()),
        Err(error) => {
            problems.push(unreadable(what, folder, &error));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_script_tells_its_program_and_its_number() {
        let debian = "#!/bin/sh\n# Short-Description: The cron daemon\nDAEMON=/usr/sbin/cron\nPIDFILE=/run/crond.pid\n";
        let told = told_by(debian);
        assert_eq!(told.program.as_deref(), Some("/usr/sbin/cron"));
        assert_eq!(told.pid_file.as_deref(), Some("/run/crond.pid"));
        assert_eq!(told.description.as_deref(), Some("The cron daemon"));
        assert_eq!(told_by("DAEMON=$PREFIX/x\nPIDFILE=/run/$NAME.pid\n#\n"), Told::default());
        assert_eq!(
            told_by("# processname: httpd\n# pidfile: /run/httpd.pid\n").program.as_deref(),
            Some("httpd")
        );
    }

    #[test]
    fn what_a_script_runs_is_told_by_its_file_or_its_program_else_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("run")).unwrap();
        std::fs::write(folder.path().join("run/a.pid"), "71\n").unwrap();
        std::fs::write(folder.path().join("run/stale.pid"), "72\n").unwrap();
        let root = Root::at(folder.path()).unwrap();
        let commands = HashMap::from([(71, "a".to_owned()), (5, "a-very-long-nam".to_owned())]);
        let running = Running { commands, ..Running::default() };
        let check = |name: &str, script: &str, expected: Option<bool>| {
            assert_eq!(is_running(&root, name, script, &running), expected, "{name}");
        };
        check("a", "", Some(true));
        check("stale", "", None);
        check("stale", "DAEMON=/usr/sbin/stale\n", Some(false));
        check("b", "DAEMON=/usr/sbin/a-very-long-name\n", Some(true));
        check("c", "", None);
    }

    #[test]
    fn a_service_of_openrc_whose_process_is_gone_has_crashed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("run/openrc/daemons/a/001", "exec=/usr/sbin/a\npidfile=/run/a.pid\n");
        write("run/openrc/daemons/b/001", "exec=/usr/sbin/b\npidfile=/run/b.pid\n");
        write("run/openrc/daemons/c/001", "exec=/usr/sbin/c\n");
        write("run/a.pid", "71\n");
        write("run/b.pid", "72\n");
        let root = Root::at(folder.path()).unwrap();
        let running = Running { commands: HashMap::from([(71, "a".to_owned())]), ..Running::default() };
        let crashed = ["a", "b", "c", "d"].map(|name| has_crashed(&root, name, &running));
        assert_eq!(crashed, [false, true, false, false]);
    }
}
