//! What belongs to people: units of their own systemd, and programs that their desktops start at login.
//!
//! Told is what a person or the administrator put there. What packages bring for every user (/usr/lib/systemd/user,
//! /etc/xdg/autostart) is a part of the packages, and told when it listens.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use daicho_proto::facts::{Service, ServiceManager, StartMode};

use super::jobs;
use super::places::Place;
use super::processes::Process;
use super::units::{Parsed, is_service, is_template};
use crate::platform::linux::packages::unreadable;
use crate::platform::linux::people::Person;
use crate::platform::linux::root::Root;

/// Below a home.
const UNITS: [&str; 2] = [".config/systemd/user", ".local/share/systemd/user"];
const AUTOSTART: &str = ".config/autostart";

/// The administrator's, for every user.
const FOR_ALL: &str = "/etc/systemd/user";

/// Users whose units start with the machine, without a login: loginctl(1).
const LINGER: &str = "/var/lib/systemd/linger";

/// Looks at them. `processes`: what runs, or `None` where nobody knows.
pub(super) fn read(
    root: &Root,
    people: &[Person],
    processes: Option<&[Process]>,
    problems: &mut Vec<String>,
) -> Vec<Service> {
    let mut services = Vec::new();
    let lingering = list(root, LINGER, problems);
    for person in people {
        let mut found: BTreeMap<String, Service> = BTreeMap::new();
        for folder in UNITS {
            units(root, &format!("{}/{folder}", person.home), &mut found, problems);
        }
        for (unit, mut service) in found {
            let is_its =
                |process: &&Process| process.place == Place::UserUnit { uid: person.uid, unit: unit.clone() };
            let own: Vec<&Process> = processes.into_iter().flatten().filter(is_its).collect();
            // Timers and sockets have no process of their own.
            service.running = match (processes, own.is_empty()) {
                (Some(_), false) => Some(true),
                (Some(_), true) if unit.ends_with(".service") => Some(false),
                _ => None,
            };
            service.listening = own.iter().flat_map(|process| process.listening.iter().cloned()).collect();
            service.user = Some(person.name.clone());
            service.name = format!("{}:{unit}", person.name);
            if lingering.contains(&person.name) && service.start == StartMode::Enabled {
                service.state = Some("lingering".to_owned());
            }
            services.push(service);
        }
        services.extend(autostart(root, person, problems));
    }
    let mut found = BTreeMap::new();
    units(root, FOR_ALL, &mut found, problems);
    for (unit, mut service) in found {
        service.name = format!("user:{unit}");
        services.push(service);
    }
    services
}

/// The units whose files, and not only links to a package's, lie in a folder; and whether one of its links starts them.
fn units(root: &Root, folder: &str, found: &mut BTreeMap<String, Service>, problems: &mut Vec<String>) {
    let mut wanted = Vec::new();
    for name in list(root, folder, problems) {
        let path = format!("{folder}/{name}");
        if name.ends_with(".wants") || name.ends_with(".requires") {
            wanted.extend(list(root, &path, problems));
        } else if is_service(&name) && !is_template(&name) && !found.contains_key(&name) {
            let link = root.read_link(&path).ok();
            // Another name, a mask, or a package's unit.
            if link.is_some_and(|link| {
                link == "/dev/null" || link.starts_with("/usr/") || !link.ends_with(&name)
            }) {
                continue;
            }
            match root.read_text(&path) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => drop(found.insert(name.clone(), service(&name, &path, &text))),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => problems.push(unreadable("the unit file", &path, &error)),
            }
        }
    }
    for name in wanted {
        if let Some(service) = found.get_mut(&name) {
            service.start = StartMode::Enabled;
        }
    }
}

fn service(name: &str, path: &str, text: &str) -> Service {
    let mut parsed = Parsed::default();
    parsed.add(text);
    Service {
        manager: ServiceManager::Process,
        start: if parsed.can_be_enabled() { StartMode::Disabled } else { StartMode::Static },
        triggers: parsed.triggers(name).into_iter().collect(),
        description: parsed.description().map(str::to_owned),
        binary: parsed.program().map(str::to_owned),
        source: Some(path.to_owned()),
        ..Service::default()
    }
}

/// What a desktop starts for a person at login: the Desktop Application Autostart Specification.
fn autostart(root: &Root, person: &Person, problems: &mut Vec<String>) -> Vec<Service> {
    let folder = format!("{}/{AUTOSTART}", person.home);
    let names = list(root, &folder, problems);
    let each = names.into_iter().filter(|name| name.ends_with(".desktop")).filter_map(|name| {
        let path = format!("{folder}/{name}");
        let text = match root.read_text(&path) {
            Ok(text) => text,
            // The program went and left its link.
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                problems.push(unreadable("the autostart entry", &path, &error));
                return None;
            }
        };
        let value = |key: &str| {
            let lines = text.lines().map(str::trim).skip_while(|line| *line != "[Desktop Entry]").skip(1);
            let mut lines = lines.take_while(|line| !line.starts_with('['));
            lines.find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('=').map(str::trim))
        };
        let off = value("Hidden") == Some("true") || value("X-GNOME-Autostart-enabled") == Some("false");
        Some(Service {
            name: format!("{}:{name}", person.name),
            manager: ServiceManager::Process,
            start: if off { StartMode::Disabled } else { StartMode::Enabled },
            binary: value("Exec").map(jobs::program),
            source: Some(path),
            user: Some(person.name.clone()),
            ..Service::default()
        })
    });
    each.collect()
}

fn list(root: &Root, folder: &str, problems: &mut Vec<String>) -> Vec<String> {
    root.list(folder).unwrap_or_else(|error| {
        // A home may be a file (/dev/null), and then holds nothing.
        let in_home = folder != FOR_ALL && folder != LINGER;
        let is_empty =
            error.kind() == ErrorKind::NotFound || (in_home && error.kind() == ErrorKind::NotADirectory);
        if !is_empty {
            problems.push(unreadable("the folder", folder, &error));
        }
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_start_is_told_with_whose_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let own = "home/tanaka/.config/systemd/user";
        write(
            &format!("{own}/cron.service"),
            "[Service]\nExecStart=/tmp/evil\n[Install]\nWantedBy=default.target\n",
        );
        write(&format!("{own}/idle.timer"), "[Install]\nWantedBy=timers.target\n");
        write(&format!("{own}/default.target.wants/cron.service"), "");
        write("etc/systemd/user/all.service", "[Service]\nExecStart=/x\n");
        write("var/lib/systemd/linger/tanaka", "");
        write(
            "home/tanaka/.config/autostart/a.desktop",
            "[Desktop Entry]\nExec=/opt/anydesk/anydesk --tray\n",
        );
        write("home/tanaka/.config/autostart/b.desktop", "[Desktop Entry]\nHidden=true\n[X]\nExec=no\n");
        let person = Person { uid: 1000, name: "tanaka".to_owned(), home: "/home/tanaka".to_owned() };
        let process = Process {
            place: Place::UserUnit { uid: 1000, unit: "cron.service".to_owned() },
            listening: vec!["tcp/0.0.0.0:9".to_owned()],
            ..Process::default()
        };
        let mut problems = Vec::new();
        let root = Root::at(folder.path()).unwrap();
        let seen = read(&root, &[person], Some(&[process]), &mut problems);
        let told: Vec<_> = seen
            .iter()
            .map(|service| {
                (service.name.as_str(), service.start.name(), service.running, service.listening.len())
            })
            .collect();
        assert_eq!(
            told,
            [
                ("tanaka:cron.service", "enabled", Some(true), 1),
                ("tanaka:idle.timer", "disabled", None, 0),
                ("tanaka:a.desktop", "enabled", None, 0),
                ("tanaka:b.desktop", "disabled", None, 0),
                ("user:all.service", "static", None, 0),
            ]
        );
        assert_eq!(seen[0].state.as_deref(), Some("lingering"));
        assert_eq!((seen[2].binary.as_deref(), seen[3].binary.as_deref()), (Some("anydesk"), None));
        assert!(problems.is_empty(), "{problems:?}");
    }
}
