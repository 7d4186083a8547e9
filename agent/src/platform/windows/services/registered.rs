//! The services of the registry: what the service control manager reads when the machine starts.

use std::collections::BTreeMap;
use std::io;

use daicho_proto::facts::{Service, ServiceManager, StartMode};

use crate::platform::windows::places::{Places, file_name};
use crate::platform::windows::registry::{Hive, Registry, Value};

/// Below HKEY_LOCAL_MACHINE\SYSTEM.
pub(super) const SERVICES: &str = "CurrentControlSet\\Services";

/// A machine has some 800, drivers included; more is somebody who plays with us.
const SERVICES_MAX: usize = 20_000;

/// The bits of `Type` (winnt.h): SERVICE_WIN32, and the instance of a service that each person has an own one of.
const WIN32: u64 = 0x30;
const INSTANCE: u64 = 0x80;

/// By name in lower case.
pub(super) type Services = BTreeMap<String, Service>;

/// Reads them. Drivers are no services of people.
pub(super) fn read(registry: &dyn Registry, places: &Places, problems: &mut Vec<String>) -> Option<Services> {
    let names = match registry.keys(&Hive::System, SERVICES) {
        Ok(Some(names)) => names,
        Ok(None) => {
            problems.push(format!("the registry has no key SYSTEM\\{SERVICES}: no service is told from it"));
            return None;
        }
        Err(error) => {
            problems.push(unreadable(SERVICES, &error));
            return None;
        }
    };
    if names.len() > SERVICES_MAX {
        problems.push(format!("of {} keys of services only {SERVICES_MAX} were read", names.len()));
    }
    let mut services = Services::new();
    let mut instances = Services::new();
    for name in names.into_iter().take(SERVICES_MAX) {
        match one(registry, places, &name) {
            Ok(Some((service, kind))) if kind & INSTANCE != 0 => {
                let service = Service { name: template(&name).to_owned(), ..service };
                instances.insert(service.name.to_lowercase(), service);
            }
            Ok(Some((service, _))) => drop(services.insert(name.to_lowercase(), service)),
            Ok(None) => {}
            Err(error) => problems.push(unreadable(&format!("{SERVICES}\\{name}"), &error)),
        }
    }
    for (name, service) in instances {
        services.entry(name).or_insert(service);
    }
    Some(services)
}

/// One key; `None`: a driver, or what a program keeps beside the services.
fn one(registry: &dyn Registry, places: &Places, name: &str) -> io::Result<Option<(Service, u64)>> {
    let path = format!("{SERVICES}\\{name}");
    let values = registry.values(&Hive::System, &path)?.unwrap_or_default();
    let Some(kind) = number(&values, "Type").filter(|kind| kind & WIN32 != 0) else { return Ok(None) };
    let command = text(&values, "ImagePath");
    let (binary, mut library) = command.map_or((None, None), |command| places.started(command));
    let shared = binary.as_deref().is_some_and(|path| file_name(path).eq_ignore_ascii_case("svchost.exe"));
    if shared {
        let own = registry.values(&Hive::System, &format!("{path}\\Parameters"))?.unwrap_or_default();
        let dll = text(&own, "ServiceDll").or_else(|| text(&values, "ServiceDll"));
        library = dll.map(|dll| places.located(dll));
    }
    let triggered = registry.keys(&Hive::System, &format!("{path}\\TriggerInfo"))?;
    let triggered = triggered.is_some_and(|triggers| !triggers.is_empty());
    let delayed = number(&values, "DelayedAutostart").is_some_and(|delayed| delayed != 0);
    let service = Service {
        name: name.to_owned(),
        manager: ServiceManager::Windows,
        start: start(number(&values, "Start")),
        description: text(&values, "DisplayName").and_then(plain),
        binary,
        file_state: match (delayed, triggered) {
            (false, false) => None,
            (true, false) => Some("delayed".to_owned()),
            (false, true) => Some("trigger".to_owned()),
            (true, true) => Some("delayed trigger".to_owned()),
        },
        user: text(&values, "ObjectName").map(str::to_owned),
        library,
        ..Service::default()
    };
    Ok(Some((service, kind)))
}

/// `Start` (winnt.h): 0 and 1 are for drivers, 2 automatic, 3 on demand, 4 disabled.
pub(super) fn start(number: Option<u64>) -> StartMode {
    match number {
        Some(0..=2) => StartMode::Enabled,
        Some(3) => StartMode::Manual,
        Some(4) => StartMode::Disabled,
        _ => StartMode::Unknown,
    }
}

/// The name of the service that an instance is made from: `CDPUserSvc` of `CDPUserSvc_3a1f2`.
pub(super) fn template(name: &str) -> &str {
    match name.rsplit_once('_') {
        Some((stem, suffix)) if !stem.is_empty() && is_luid(suffix) => stem,
        _ => name,
    }
}

/// The number of a logon, in hexadecimal digits.
fn is_luid(suffix: &str) -> bool {
    (1..=16).contains(&suffix.len()) && suffix.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// A name for people that is text and not a place in a library's resources (`@x.dll,-100`), which may have its text
/// behind a semicolon.
pub(super) fn plain(text: &str) -> Option<String> {
    let text = match text.strip_prefix('@') {
        Some(indirect) => indirect.split_once(';')?.1.trim(),
        None => text,
    };
    (!text.is_empty()).then(|| text.to_owned())
}

pub(super) fn text<'a>(values: &'a [(String, Value)], name: &str) -> Option<&'a str> {
    values.iter().find_map(|(own, value)| match value {
        Value::Text(text) if own.eq_ignore_ascii_case(name) => {
            Some(text.trim()).filter(|text| !text.is_empty())
        }
        _ => None,
    })
}

pub(super) fn number(values: &[(String, Value)], name: &str) -> Option<u64> {
    values.iter().find_map(|(own, value)| match value {
        Value::Number(number) if own.eq_ignore_ascii_case(name) => Some(*number),
        _ => None,
    })
}

pub(super) fn unreadable(path: &str, error: &io::Error) -> String {
    format!("the registry's key {path} could not be read: {error}; what it tells is missing")
}
