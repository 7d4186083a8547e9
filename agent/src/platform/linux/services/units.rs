//! Units of systemd: their files (systemd.unit(5), "unit file load path"), joined with what systemd says.

use std::collections::BTreeMap;

use daicho_proto::facts::{Service, ServiceManager, StartMode};

use super::bus::{Answer, Loaded};
use super::processes::Process;
use crate::platform::linux::root::Root;

mod file;

pub(super) use file::Parsed;

/// Where unit files lie; the first that names a unit counts.
const FOLDERS: [&str; 6] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// The administrator's folders: a link in one of their `.wants` enables a unit.
const ENABLING: [&str; 2] = ["/etc/systemd/system", "/run/systemd/system"];

/// The kinds of units that are services, or start one.
const KINDS: [&str; 3] = [".service", ".socket", ".timer"];

/// A unit as its files describe it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unit {
    start: StartMode,
    parsed: Parsed,
}

/// By name. Templates (`getty@.service`) and their enabled instances are in it, other names of a unit are not.
pub(super) type Units = BTreeMap<String, Unit>;

fn is_service(name: &str) -> bool {
    KINDS.iter().any(|kind| name.ends_with(kind))
}

/// `getty@tty1.service` is an instance of `getty@.service`.
fn template_of(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (instance, kind) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{kind}"))
}

fn is_template(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, _)| stem.ends_with('@'))
}

/// Reads the unit files.
pub(super) fn read(root: &Root, problems: &mut Vec<String>) -> Units {
    let mut units = Units::new();
    let mut enabled: Vec<String> = Vec::new();
    let mut additions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut seen = Vec::new();
    for folder in FOLDERS {
        let names = match root.list(folder) {
            Ok(names) => names,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                problems.push(crate::platform::linux::packages::unreadable(
                    "the folder of units",
                    folder,
                    &error,
                ));
                continue;
            }
        };
        let ours = ENABLING.contains(&folder);
        for name in names {
            let path = format!("{folder}/{name}");
            if let Some(unit) = name.strip_suffix(".d").filter(|unit| is_service(unit)) {
                let files = root.list(&path).unwrap_or_default();
                let files = files.into_iter().filter(|file| file.ends_with(".conf"));
                additions
                    .entry(unit.to_owned())
                    .or_default()
                    .extend(files.map(|file| format!("{path}/{file}")));
            } else if name.ends_with(".wants") || name.ends_with(".requires") {
                if ours {
                    enabled.extend(root.list(&path).unwrap_or_default());
                }
            } else if is_service(&name) && !units.contains_key(&name) {
                let link = root.read_link(&path).ok();
                let target = link.as_deref().and_then(|link| link.rsplit('/').next()).unwrap_or(&name);
                if target == "null" {
                    units.insert(name, Unit { start: StartMode::Masked, parsed: Parsed::default() });
                } else if target != name {
                    // Another name of the unit; the administrator's makes it start by that name.
                    if ours {
                        enabled.push(target.to_owned());
                    }
                } else {
                    seen.push((name.clone(), path));
                    units.insert(name, Unit { start: StartMode::Unknown, parsed: Parsed::default() });
                }
            }
        }
    }
    for (name, path) in seen {
        let Some(unit) = units.get_mut(&name) else { continue };
        match root.read_text(&path) {
            Ok(text) if text.is_empty() => unit.start = StartMode::Masked,
            Ok(text) => {
                let mut parsed = Parsed::default();
                parsed.add(&text);
                let mut later = additions.remove(&name).unwrap_or_default();
                // By file name, whatever the folder.
                later.sort_by(|a, b| a.rsplit('/').next().cmp(&b.rsplit('/').next()));
                later.iter().filter_map(|path| root.read_text(path).ok()).for_each(|text| parsed.add(&text));
                unit.start = if enabled.contains(&name) || path.starts_with("/run/systemd/generator") {
                    StartMode::Enabled
                } else if parsed.installable {
                    StartMode::Disabled
                } else {
                    StartMode::Static
                };
                unit.parsed = parsed;
            }
            Err(error) => {
                // A unit of the same name cannot start either: systemd reads the same file.
                problems.push(crate::platform::linux::packages::unreadable("the unit file", &path, &error));
            }
        }
    }
    for name in enabled {
        let template = template_of(&name).filter(|_| !units.contains_key(&name));
        if let Some(unit) = template.and_then(|template| units.get(&template).cloned()) {
            units.insert(name, Unit { start: StartMode::Enabled, ..unit });
        }
    }
    units
}

/// The units as far as the files tell: nobody knows whether they run.
pub(super) fn as_services(units: &Units) -> Vec<Service> {
    let real = units.iter().filter(|(name, _)| !is_template(name));
    real.map(|(name, unit)| service(name, unit.start, None, Some(unit), None)).collect()
}

fn service(
    name: &str,
    start: StartMode,
    running: Option<bool>,
    unit: Option<&Unit>,
    description: Option<&str>,
) -> Service {
    let parsed = unit.map(|unit| &unit.parsed);
    let described = description.filter(|text| !text.is_empty() && *text != name).map(str::to_owned);
    Service {
        name: name.to_owned(),
        manager: ServiceManager::Systemd,
        running,
        start,
        description: described.or_else(|| parsed.and_then(|parsed| parsed.description.clone())),
        binary: parsed.and_then(|parsed| parsed.program.clone()),
        listening: Vec::new(),
    }
}

/// systemd's answer joined with the files: loaded units, and those that are only installed.
pub(super) fn join(units: &Units, answer: &Answer) -> Vec<Service> {
    let states: BTreeMap<&str, &str> = answer
        .files
        .iter()
        .filter_map(|(path, state)| Some((path.rsplit('/').next()?, state.as_str())))
        .collect();
    let file_of = |name: &str| units.get(name).or_else(|| units.get(&template_of(name)?));
    let start_of = |name: &str| {
        let state = states.get(name).copied().or_else(|| states.get(template_of(name)?.as_str()).copied());
        state.map_or(StartMode::Unknown, start_mode)
    };
    let mut services: BTreeMap<&str, Service> = BTreeMap::new();
    // A unit that is not there and does not run is only a name that another one mentions.
    let there =
        |unit: &&Loaded| is_service(&unit.name) && (unit.load != "not-found" || unit.active == "active");
    for unit in answer.loaded.iter().filter(there) {
        let start = match (start_of(&unit.name), unit.load.as_str()) {
            (_, "masked") => StartMode::Masked,
            (start, _) => start,
        };
        let made = service(&unit.name, start, Some(runs(unit)), file_of(&unit.name), Some(&unit.description));
        services.insert(&unit.name, made);
    }
    for (name, state) in &states {
        if is_service(name) && !is_template(name) && *state != "alias" && !services.contains_key(name) {
            let made = service(name, start_mode(state), Some(false), file_of(name), None);
            services.insert(name, made);
        }
    }
    services.into_values().collect()
}

fn runs(unit: &Loaded) -> bool {
    match unit.name.rsplit('.').next() {
        // `exited` is a task that is done; one that starts or reloads has a process.
        Some("service") => matches!(
            (unit.active.as_str(), unit.sub.as_str()),
            ("active" | "reloading", "running" | "reload" | "reload-notify")
                | ("activating", "start" | "start-post")
        ),
        _ => unit.active == "active",
    }
}

/// The states of `systemctl list-unit-files`, systemctl(1).
fn start_mode(state: &str) -> StartMode {
    match state {
        "enabled" | "enabled-runtime" | "alias" | "generated" => StartMode::Enabled,
        // Linked into the search path, and wanted by nobody.
        "disabled" | "linked" | "linked-runtime" => StartMode::Disabled,
        "static" | "indirect" | "transient" => StartMode::Static,
        "masked" | "masked-runtime" => StartMode::Masked,
        _ => StartMode::Unknown,
    }
}

/// Gives each service the sockets of its processes, and each socket unit those that systemd itself holds for it.
pub(super) fn hand_out(services: &mut Vec<Service>, units: &Units, processes: &[Process]) {
    for process in processes {
        if let Some(unit) = &process.unit {
            match services.iter_mut().find(|service| service.name == *unit) {
                Some(service) => service.listening.extend(process.listening.iter().cloned()),
                // A unit that nobody told of, and that listens all the same.
                None if !process.listening.is_empty() => services.push(Service {
                    name: unit.clone(),
                    manager: ServiceManager::Systemd,
                    running: Some(true),
                    binary: process.binary.clone(),
                    listening: process.listening.clone(),
                    ..Service::default()
                }),
                None => {}
            }
        } else if process.pid == 1 {
            for socket in &process.listening {
                let owner =
                    services.iter_mut().filter(|service| service.running != Some(false)).find(|service| {
                        units.get(&service.name).is_some_and(|unit| unit.parsed.listens_on(socket))
                    });
                match owner {
                    Some(service) => service.listening.push(socket.clone()),
                    None => services.push(Service {
                        name: "systemd".to_owned(),
                        manager: ServiceManager::Process,
                        running: Some(true),
                        binary: process.binary.clone(),
                        listening: vec![socket.clone()],
                        ..Service::default()
                    }),
                }
            }
        }
    }
}
