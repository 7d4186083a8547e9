//! Units of systemd: what their files say, systemd.unit(5), and systemd's answer joined with it.
//!
//! systemd itself is asked for what it has loaded alone: for the states of all unit files it reads them all and is
//! deaf meanwhile. So the states are told by our own reading, in systemd's words.

use std::collections::BTreeMap;

use daicho_proto::facts::{Service, ServiceManager, StartMode};

use super::bus::Loaded;
use super::places::Place;
use super::processes::Process;
use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;

mod file;
mod folders;

pub(super) use file::Parsed;
pub(super) use folders::is_service;
use folders::{CONFIGURED, Entry, Folders};

/// More names of names than that are a circle.
const NAMES_MAX: usize = 8;

/// A unit as its files describe it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unit {
    /// systemd's word for how it starts, as `systemctl is-enabled` prints it.
    state: &'static str,
    start: StartMode,
    /// Where its file lies.
    source: String,
    parsed: Parsed,
    aliases: Vec<String>,
}

/// The units by name, other names of them apart.
#[derive(Debug, Default)]
pub(super) struct Units {
    /// Templates (`getty@.service`) and their enabled instances are in it.
    units: BTreeMap<String, Unit>,
    /// Another name, and the unit's own.
    names: BTreeMap<String, String>,
    folders: Folders,
}

/// `getty@tty1.service` is an instance of `getty@.service`.
fn template_of(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (instance, kind) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{kind}"))
}

/// `getty@.service` is the template of its instances.
pub(super) fn is_template(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, _)| stem.ends_with('@'))
}

/// Reads the unit files.
pub(super) fn read(root: &Root, problems: &mut Vec<String>) -> Units {
    let folders = folders::read(root, problems);
    let mut units = Units::default();
    for (name, entry) in &folders.entries {
        if let Some(unit) = unit(root, problems, &folders, name, entry) {
            units.units.insert(name.clone(), unit);
        }
    }
    units.names = other_names(&folders, &units.units);
    for (alias, name) in &units.names {
        if let Some(unit) = units.units.get_mut(name) {
            unit.aliases.push(alias.clone());
        }
    }
    units.folders = folders;
    let pulled = units.folders.links.iter().filter(|link| link.pulls && !link.folder.starts_with("/usr"));
    let instances: Vec<String> = pulled.map(|link| link.name.clone()).collect();
    for name in instances {
        if let Some(unit) = units.of(&name).filter(|_| !units.units.contains_key(&name)) {
            units.units.insert(name, unit);
        }
    }
    units
}

/// The unit that is described below its own name; `None` of another name of one, and where there is none.
fn unit(
    root: &Root,
    problems: &mut Vec<String>,
    folders: &Folders,
    name: &str,
    entry: &Entry,
) -> Option<Unit> {
    let source = format!("{}/{name}", entry.folder);
    let masked = || Unit {
        state: if entry.folder.starts_with("/run") { "masked-runtime" } else { "masked" },
        start: StartMode::Masked,
        source: source.clone(),
        parsed: Parsed::default(),
        aliases: Vec::new(),
    };
    match entry.target() {
        Some("null") => return Some(masked()),
        Some(target) if target != name => return None,
        _ => {}
    }
    let mut parsed = Parsed::default();
    match root.read_text(&source) {
        Ok(text) if text.is_empty() => return Some(masked()),
        Ok(text) => parsed.add(&text),
        // The program went and left its link.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            problems.push(unreadable("the unit file", &source, &error));
            return Some(Unit { state: "bad", start: StartMode::Unknown, ..masked() });
        }
    }
    for path in folders.drop_ins(name) {
        match root.read_text(path) {
            Ok(text) => parsed.add(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            // One that leads to /dev/null hides those below it; opened as a file of another root it is none.
            Err(_) if root.read_link(path).is_ok_and(|target| target == "/dev/null") => {}
            Err(error) => problems.push(unreadable("the drop-in", path, &error)),
        }
    }
    let (state, start) = state(folders, name, entry, &parsed);
    Some(Unit { state, start, source, parsed, aliases: Vec::new() })
}

/// How a unit starts, as systemctl(1) words it under `is-enabled`.
fn state(folders: &Folders, name: &str, entry: &Entry, parsed: &Parsed) -> (&'static str, StartMode) {
    let generated = |folder: &str| folder.starts_with("/run/systemd/generator");
    if generated(entry.folder) {
        let pulled =
            folders.links.iter().any(|link| link.pulls && link.target == name && generated(link.folder));
        return ("generated", if pulled { StartMode::Enabled } else { StartMode::Static });
    }
    if entry.folder == "/run/systemd/transient" {
        return ("transient", StartMode::Static);
    }
    let template = template_of(name);
    let default = parsed.default_instance.as_deref().and_then(|instance| {
        let (prefix, kind) = name.split_once("@.")?;
        Some(format!("{prefix}@{instance}.{kind}"))
    });
    let is_about = |link: &&folders::Link| {
        link.target == name || (link.name == name && template.as_ref() == Some(&link.target))
    };
    let is_own = |link: &&folders::Link| {
        link.name == name || default.as_ref() == Some(&link.name) || parsed.aliases.contains(&link.name)
    };
    let about: Vec<&folders::Link> = folders.links.iter().filter(is_about).collect();
    let own: Vec<&folders::Link> = about.iter().copied().filter(is_own).collect();
    let here =
        |links: &[&folders::Link], place: &str| links.iter().any(|link| link.folder.starts_with(place));
    let linked = entry.link.as_ref().is_some_and(|link| !link.contains("/systemd/system/"));
    match () {
        () if own.iter().any(|link| link.folder == CONFIGURED) => ("enabled", StartMode::Enabled),
        () if here(&own, "/run") => ("enabled-runtime", StartMode::Enabled),
        // The vendor names instances on purpose; other names are only names.
        () if template.is_some() && !own.is_empty() => ("static", StartMode::Static),
        () if linked && entry.folder == CONFIGURED => ("linked", StartMode::Disabled),
        () if linked && entry.folder.starts_with("/run") => ("linked-runtime", StartMode::Disabled),
        // It starts by another name, or its template as another instance.
        () if here(&about, CONFIGURED) || here(&about, "/run") => ("indirect", StartMode::Static),
        () if parsed.installable => ("disabled", StartMode::Disabled),
        () if parsed.also => ("indirect", StartMode::Static),
        () => ("static", StartMode::Static),
    }
}

/// The links that are only another name of a unit, and the unit's own name.
fn other_names(folders: &Folders, units: &BTreeMap<String, Unit>) -> BTreeMap<String, String> {
    let target = |name: &str| folders.entries.get(name)?.target().filter(|target| *target != name);
    let mut names = BTreeMap::new();
    for alias in folders.entries.keys().filter(|name| !units.contains_key(*name)) {
        let steps = std::iter::successors(target(alias), |name| target(name)).take(NAMES_MAX);
        if let Some(name) = { steps }.find(|name| units.contains_key(*name)) {
            names.insert(alias.clone(), name.to_owned());
        }
    }
    names
}

impl Units {
    /// What the files say of a unit: of an instance, what they say of its template.
    fn of(&self, name: &str) -> Option<Unit> {
        let name = self.names.get(name).map_or(name, String::as_str);
        if let Some(unit) = self.units.get(name) {
            return Some(unit.clone());
        }
        let template = template_of(name)?;
        let template = self.names.get(&template).unwrap_or(&template);
        let unit = self.units.get(template)?;
        let entry = self.folders.entries.get(template)?;
        if unit.start == StartMode::Masked || unit.start == StartMode::Unknown {
            return Some(unit.clone());
        }
        let (state, start) = state(&self.folders, name, entry, &unit.parsed);
        // `autovt@.service` is another name of `getty@.service`, and so `autovt@tty1.service` of its instance.
        let instance = name.split_once('@').and_then(|(_, rest)| rest.rsplit_once('.'));
        let own = |alias: &String| instance.map(|(own, _)| alias.replacen("@.", &format!("@{own}."), 1));
        Some(Unit { state, start, aliases: unit.aliases.iter().filter_map(own).collect(), ..unit.clone() })
    }

    fn service(&self, name: &str, unit: Option<&Unit>, loaded: Option<&Loaded>) -> Service {
        let parsed = unit.map(|unit| &unit.parsed);
        let described = loaded.map(|loaded| loaded.description.as_str());
        let described = described.filter(|text| !text.is_empty() && *text != name).map(str::to_owned);
        let own = |text: &String| file::expanded(text, name);
        let triggers = parsed.and_then(|parsed| parsed.triggers(name));
        let triggers = triggers.map(|unit| self.names.get(&unit).cloned().unwrap_or(unit));
        Service {
            name: name.to_owned(),
            manager: ServiceManager::Systemd,
            running: loaded.map(runs),
            start: unit.map_or(StartMode::Unknown, |unit| unit.start),
            description: described.or_else(|| parsed?.description.as_ref().map(own)),
            binary: parsed.and_then(|parsed| parsed.program.as_ref().map(own)),
            listening: Vec::new(),
            state: loaded.map(|loaded| format!("{} ({})", loaded.active, loaded.sub)),
            file_state: unit.map(|unit| unit.state.to_owned()),
            aliases: unit.map(|unit| unit.aliases.clone()).unwrap_or_default(),
            triggers: triggers.into_iter().collect(),
            source: unit.map(|unit| unit.source.clone()),
            ..Service::default()
        }
    }

    fn asks_for(&self, name: &str, socket: &str) -> bool {
        self.of(name).is_some_and(|unit| unit.parsed.listens_on(socket))
    }
}

/// The units as far as the files tell: nobody knows whether they run.
pub(super) fn as_services(units: &Units) -> Vec<Service> {
    let real = units.units.iter().filter(|(name, _)| !is_template(name));
    real.map(|(name, unit)| units.service(name, Some(unit), None)).collect()
}

/// Without systemd's answer: what has a process runs; of the others nobody knows.
pub(super) fn mark_running(services: &mut [Service], processes: &[Process]) {
    for service in services {
        let has_one = |process: &Process| process.place == Place::Unit(service.name.clone());
        if processes.iter().any(has_one) {
            service.running = Some(true);
        }
    }
}

/// systemd's answer joined with the files: loaded units, and those that are only installed.
pub(super) fn join(units: &Units, answer: &[Loaded]) -> Vec<Service> {
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    // A unit that is not there and does not run is only a name that another one mentions.
    let there =
        |unit: &&Loaded| is_service(&unit.name) && (unit.load != "not-found" || unit.active != "inactive");
    for loaded in answer.iter().filter(there) {
        let mut service = units.service(&loaded.name, units.of(&loaded.name).as_ref(), Some(loaded));
        if loaded.load == "masked" {
            service.start = StartMode::Masked;
        }
        services.insert(loaded.name.clone(), service);
    }
    for mut service in as_services(units) {
        // What is not loaded does not run.
        service.running = Some(false);
        services.entry(service.name.clone()).or_insert(service);
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

/// Gives each service the sockets of its processes, and each socket unit those that systemd itself holds for it.
pub(super) fn hand_out(services: &mut Vec<Service>, units: &Units, processes: &[Process]) {
    for process in processes {
        if let Place::Unit(unit) = &process.place {
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
                let mut awake = services.iter_mut().filter(|service| service.running != Some(false));
                match awake.find(|service| units.asks_for(&service.name, socket)) {
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
