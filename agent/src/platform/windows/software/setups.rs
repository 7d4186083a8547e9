//! The records of setups and of the Windows Installer: what 'Programs and Features' lists (Microsoft Learn, "Uninstall
//! Registry Key"), of the machine in both views, and of people.

use daicho_proto::facts::Software;

use super::day;
use crate::platform::windows::people::People;
use crate::platform::windows::registry::{Hive, Registry, Value};

const UNINSTALL: &str = "Microsoft\\Windows\\CurrentVersion\\Uninstall";
/// The same for programs of 32 bits on a Windows of 64.
const UNINSTALL_32: &str = "WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall";

/// A machine has some hundreds; more is somebody who plays with us.
const SETUPS_MAX: usize = 10_000;

/// No maker's text is longer.
const TEXT_CHARS_MAX: usize = 512;

/// `ReleaseType`s of what only mends a program that has its own record.
const UPDATES: [&str; 6] =
    ["Security Update", "Update Rollup", "Hotfix", "Update", "Service Pack", "ServicePack"];

/// Looks at the records.
pub(super) fn read(registry: &dyn Registry, people: &People, problems: &mut Vec<String>) -> Vec<Software> {
    let mut found = Vec::new();
    for path in [UNINSTALL, UNINSTALL_32] {
        list(registry, &Hive::Software, path, None, &mut found, problems);
    }
    for (sid, person) in people.loaded() {
        let hive = Hive::User(sid.clone());
        for path in [UNINSTALL, UNINSTALL_32] {
            let path = format!("Software\\{path}");
            list(registry, &hive, &path, Some(&person.name), &mut found, problems);
        }
    }
    // A record in both views, or two that say the same, are one program.
    found.sort_by(|a, b| key(a).cmp(&key(b)));
    found.dedup_by(|a, b| key(a) == key(b));
    found
}

fn key(software: &Software) -> (&str, &Option<String>, &Option<String>, &Option<String>) {
    (&software.name, &software.version, &software.publisher, &software.user)
}

fn list(
    registry: &dyn Registry,
    hive: &Hive,
    path: &str,
    user: Option<&str>,
    found: &mut Vec<Software>,
    problems: &mut Vec<String>,
) {
    let whose = user.map_or_else(|| "SOFTWARE".to_owned(), |user| format!("settings of {user}"));
    let names = match registry.keys(hive, path) {
        Ok(names) => names.unwrap_or_default(),
        Err(error) => {
            problems.push(format!(
                "the records of installed programs ({whose}, {path}) could not be read: {error}"
            ));
            return;
        }
    };
    if names.len() > SETUPS_MAX {
        problems
            .push(format!("of {} records of programs ({whose}) only {SETUPS_MAX} were read", names.len()));
    }
    for name in names.iter().take(SETUPS_MAX) {
        match registry.values(hive, &format!("{path}\\{name}")) {
            Ok(values) => found.extend(understand(&values.unwrap_or_default(), user)),
            Err(error) => {
                problems.push(format!(
                    "the record of a program ({whose}, {path}\\{name}) could not be read: {error}"
                ));
            }
        }
    }
}

/// One record; `None`: it is a part or an update of another program, or a setup's own notes.
fn understand(values: &[(String, Value)], user: Option<&str>) -> Option<Software> {
    let find =
        |name: &str| values.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let text = |name: &str| match find(name) {
        Some(Value::Text(text)) => Some(text.trim()).filter(|text| !text.is_empty()).map(short),
        _ => None,
    };
    let is_set = |name: &str| match find(name) {
        Some(Value::Number(number)) => *number == 1,
        Some(Value::Text(text)) => text.trim() == "1",
        _ => false,
    };
    let name = text("DisplayName")?;
    let is_update =
        text("ReleaseType").is_some_and(|kind| UPDATES.iter().any(|one| one.eq_ignore_ascii_case(&kind)));
    if is_set("SystemComponent") || text("ParentKeyName").is_some() || is_update {
        return None;
    }
    Some(Software {
        name,
        version: text("DisplayVersion").or_else(|| version(find("VersionMajor"), find("VersionMinor"))),
        publisher: text("Publisher"),
        installed_on: find("InstallDate").and_then(day::read),
        source: Some(if is_set("WindowsInstaller") { "msi" } else { "setup" }.to_owned()),
        path: text("InstallLocation")
            .map(|path| path.trim_matches('"').to_owned())
            .filter(|path| !path.is_empty()),
        user: user.map(str::to_owned),
    })
}

fn version(major: Option<&Value>, minor: Option<&Value>) -> Option<String> {
    match (major?, minor?) {
        (Value::Number(major), Value::Number(minor)) => Some(format!("{major}.{minor}")),
        (Value::Text(major), Value::Text(minor)) => Some(short(&format!("{major}.{minor}"))),
        _ => None,
    }
}

fn short(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}
