//! What starts when somebody logs on: the Run keys of the machine and of people, the folders of things to start, and what
//! Winlogon starts beside the desktop. Named `run:OneDrive`, of a person `run:tanaka:OneDrive`.

use std::collections::BTreeSet;
use std::io;

use daicho_proto::facts::{Service, ServiceManager, StartMode};

use super::registered::text;
use crate::platform::windows::Machine;
use crate::platform::windows::people::{People, Person};
use crate::platform::windows::places::{Places, file_name};
use crate::platform::windows::registry::{Hive, Value};

/// Below SOFTWARE, and below `Software` of a person (Microsoft Learn, "Run and RunOnce Registry Keys").
const RUN: [&str; 6] = [
    "Microsoft\\Windows\\CurrentVersion\\Run",
    "Microsoft\\Windows\\CurrentVersion\\RunOnce",
    "Microsoft\\Windows\\CurrentVersion\\Policies\\Explorer\\Run",
    "WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Run",
    "WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\RunOnce",
    "WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Policies\\Explorer\\Run",
];

/// Where the task manager notes what a person switched off.
const APPROVED: &str = "Microsoft\\Windows\\CurrentVersion\\Explorer\\StartupApproved";

const WINLOGON: &str = "Microsoft\\Windows NT\\CurrentVersion\\Winlogon";

/// On the disk, and below a person's folder.
const STARTUP: &str = "ProgramData/Microsoft/Windows/Start Menu/Programs/StartUp";
const STARTUP_OF_PERSON: &str = "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup";

/// One machine has some dozens; more is somebody who plays with us.
const ENTRIES_MAX: usize = 2000;

/// Looks at all of them.
pub(super) fn read(
    machine: &Machine,
    places: &Places,
    people: &People,
    problems: &mut Vec<String>,
) -> Vec<Service> {
    let mut found = Vec::new();
    let mut look = |hive: &Hive, person: Option<&Person>, problems: &mut Vec<String>| {
        match keys(machine, places, hive, person) {
            Ok(services) => found.extend(services),
            Err(error) => {
                let whose = person.map_or("the machine", |person| &person.name);
                problems
                    .push(format!("what starts at logon (Run keys of {whose}) could not be read: {error}"));
            }
        }
        match folder(machine, hive, person) {
            Ok(services) => found.extend(services),
            Err(error) => {
                let whose = person.map_or("the machine", |person| &person.name);
                problems.push(format!(
                    "what starts at logon (the startup folder of {whose}) could not be read: {error}"
                ));
            }
        }
    };
    look(&Hive::Software, None, problems);
    for (sid, person) in &people.0 {
        look(&Hive::User(sid.clone()), Some(person), problems);
    }
    match winlogon(machine, places) {
        Ok(services) => found.extend(services),
        Err(error) => {
            problems.push(format!("what Winlogon starts (SOFTWARE\\{WINLOGON}) could not be read: {error}"));
        }
    }
    if found.len() > ENTRIES_MAX {
        problems.push(format!("of {} entries that start at logon only {ENTRIES_MAX} are told", found.len()));
        found.truncate(ENTRIES_MAX);
    }
    found
}

fn keys(
    machine: &Machine,
    places: &Places,
    hive: &Hive,
    person: Option<&Person>,
) -> io::Result<Vec<Service>> {
    let places = match person.and_then(|person| person.folder.as_deref()) {
        Some(folder) => places.of_person(folder),
        None => places.clone(),
    };
    let head = if person.is_some() { "Software\\" } else { "" };
    let mut found = Vec::new();
    for path in RUN {
        let values = machine.registry.values(hive, &format!("{head}{path}"))?.unwrap_or_default();
        let list = if path.starts_with("WOW") { "Run32" } else { "Run" };
        let off = switched_off(machine, hive, head, list)?;
        for (name, value) in values {
            let Value::Text(command) = value else { continue };
            let is_on = !path.ends_with("\\CurrentVersion\\Run") || !off.contains(&name.to_lowercase());
            let (binary, library) = places.started(&command);
            found.push(Service {
                binary,
                library,
                source: Some(format!(
                    "{}\\{path}",
                    if person.is_some() { "HKU\\Software" } else { "HKLM\\SOFTWARE" }
                )),
                ..entry("run", &name, person, is_on)
            });
        }
    }
    Ok(found)
}

/// The names, in lower case, that somebody switched off: the first byte of their note is odd.
fn switched_off(machine: &Machine, hive: &Hive, head: &str, list: &str) -> io::Result<BTreeSet<String>> {
    let notes = machine.registry.values(hive, &format!("{head}{APPROVED}\\{list}"))?.unwrap_or_default();
    let is_off = |value: &Value| matches!(value, Value::Bytes(bytes) if bytes.first().is_some_and(|first| first & 1 == 1));
    Ok(notes.into_iter().filter(|(_, value)| is_off(value)).map(|(name, _)| name.to_lowercase()).collect())
}

fn folder(machine: &Machine, hive: &Hive, person: Option<&Person>) -> io::Result<Vec<Service>> {
    let path = match person {
        None => STARTUP.to_owned(),
        Some(Person { folder: Some(folder), .. }) => {
            // `C:\Users\tanaka` lies on the disk that is looked at; what lies on another one is not there.
            let below = folder.get(3..).unwrap_or_default().replace('\\', "/");
            if below.is_empty() {
                return Ok(Vec::new());
            }
            format!("{below}/{STARTUP_OF_PERSON}")
        }
        Some(_) => return Ok(Vec::new()),
    };
    let head = if person.is_some() { "Software\\" } else { "" };
    // Settings that cannot be read are told with the Run keys; the folder's files count as on.
    let off = switched_off(machine, hive, head, "StartupFolder").unwrap_or_default();
    let names = machine.disk.list(&path)?.unwrap_or_default().into_iter();
    let each = names.filter(|name| !name.eq_ignore_ascii_case("desktop.ini")).map(|name| Service {
        source: Some(format!("{path}/{name}")),
        ..entry("startup", &name, person, !off.contains(&name.to_lowercase()))
    });
    Ok(each.collect())
}

/// `Shell` and `Userinit` start the desktop; whatever else stands there was added.
fn winlogon(machine: &Machine, places: &Places) -> io::Result<Vec<Service>> {
    let values = machine.registry.values(&Hive::Software, WINLOGON)?.unwrap_or_default();
    let own = [("Shell", "explorer.exe"), ("Userinit", "userinit.exe")];
    let each = own.into_iter().flat_map(|(name, usual)| {
        let commands = text(&values, name).unwrap_or_default().split(',');
        let programs = commands.map(|command| places.started(command));
        let added = programs
            .filter(|(binary, _)| binary.as_deref().is_some_and(|path| !is_usual(path, usual, places)));
        added
            .map(|(binary, library)| Service {
                library,
                source: Some(format!("HKLM\\SOFTWARE\\{WINLOGON}")),
                ..Service {
                    binary: binary.clone(),
                    ..entry("winlogon", file_name(&binary.unwrap_or_default()), None, true)
                }
            })
            .collect::<Vec<_>>()
    });
    Ok(each.collect())
}

/// Windows' own program, by its bare name or where it lies.
fn is_usual(path: &str, usual: &str, places: &Places) -> bool {
    let at = |folder: &str| path.eq_ignore_ascii_case(&format!("{folder}\\{usual}"));
    path.eq_ignore_ascii_case(usual) || at(places.root()) || at(&format!("{}\\System32", places.root()))
}

fn entry(kind: &str, name: &str, person: Option<&Person>, is_on: bool) -> Service {
    Service {
        name: match person {
            Some(person) => format!("{kind}:{}:{name}", person.name),
            None => format!("{kind}:{name}"),
        },
        manager: ServiceManager::Process,
        start: if is_on { StartMode::Enabled } else { StartMode::Disabled },
        user: person.map(|person| person.name.clone()),
        ..Service::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::windows::disk::Disk;
    use crate::platform::windows::registry::text::TextRegistry;

    const REGISTRY: &str = r#"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-1001]
"ProfileImagePath"="C:\\Users\\tanaka"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-1002]
"ProfileImagePath"="C:\\Users\\sato"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon]
"Shell"="explorer.exe, C:\\karte\\kiosk.exe /p secret"
"Userinit"="C:\\Windows\\system32\\userinit.exe,"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Run]
"SecurityHealth"=hex(2):25,00,77,00,69,00,6e,00,64,00,69,00,72,00,25,00,5c,00,78,00,2e,00,65,00,78,00,65,00,00,00
"Off"="C:\\off.exe"
"Odd"=dword:00000001
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run]
"off"=hex:03,00,00,00
"SecurityHealth"=hex:06,00,00,00
[HKEY_LOCAL_MACHINE\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Run]
"Scanner"="\"C:\\Program Files (x86)\\Scan\\scan.exe\" -password secret"
[HKEY_USERS\S-1-5-21-1-2-3-1001\Software\Microsoft\Windows\CurrentVersion\RunOnce]
"Updater"="rundll32.exe %LOCALAPPDATA%\\evil.dll,Run"
"#;

    #[test]
    fn what_starts_at_logon_is_told_with_whose_it_is_and_no_argument() {
        let folder = tempfile::tempdir().unwrap();
        for path in [STARTUP, &format!("Users/sato/{STARTUP_OF_PERSON}")] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("desktop.ini"), "").unwrap();
            std::fs::write(path.join("AnyDesk.lnk"), "").unwrap();
        }
        let registry = Box::new(TextRegistry::parse(REGISTRY));
        let machine = Machine { registry, disk: Disk::at(folder.path()), live: false };
        let mut problems = Vec::new();
        let people = People::read(&machine, &mut problems);
        let seen = read(&machine, &Places::read(&*machine.registry), &people, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let told: Vec<_> = seen
            .iter()
            .map(|one| {
                format!("{}|{}|{}|{}", one.name, one.start.name(), text(&one.binary), text(&one.library))
            })
            .collect();
        assert_eq!(
            told,
            [
                "run:SecurityHealth|enabled|C:\\Windows\\x.exe|",
                "run:Off|disabled|C:\\off.exe|",
                "run:Scanner|enabled|C:\\Program Files (x86)\\Scan\\scan.exe|",
                "startup:AnyDesk.lnk|enabled||",
                "run:tanaka:Updater|enabled|rundll32.exe|C:\\Users\\tanaka\\AppData\\Local\\evil.dll",
                "startup:sato:AnyDesk.lnk|enabled||",
                "winlogon:kiosk.exe|enabled|C:\\karte\\kiosk.exe|",
            ]
        );
        assert!(!format!("{seen:?}").contains("secret"));
    }
}
