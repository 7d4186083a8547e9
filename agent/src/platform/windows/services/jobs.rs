//! Scheduled tasks: the files below System32\Tasks, and what the scheduler keeps of them in the registry. A task is told
//! as `task:` with its path (`task:Microsoft\Windows\Defrag\ScheduledDefrag`), and once more (`#2`, ...) for each further
//! program that it starts. Of a command only the program is kept: its arguments may hold passwords.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use daicho_proto::facts::{Service, ServiceManager, StartMode};

use crate::platform::windows::Machine;
use crate::platform::windows::people::People;
use crate::platform::windows::places::Places;
use crate::platform::windows::registry::{Hive, Registry};

mod definition;

use definition::{Action, Task};

/// On the disk, and below HKEY_LOCAL_MACHINE\SOFTWARE.
const FOLDER: &str = "Windows/System32/Tasks";
const TREE: &str = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree";

/// A machine has some 250; more is somebody who plays with us.
const TASKS_MAX: usize = 5000;

/// Windows' own lie five folders deep.
const DEPTH_MAX: usize = 16;

/// Tasks of Windows have some 4 kB.
const TASK_BYTES_MAX: u64 = 1 << 20;

/// Looks at the tasks.
pub(super) fn read(
    machine: &Machine,
    places: &Places,
    people: &People,
    problems: &mut Vec<String>,
) -> Vec<Service> {
    let mut files = Vec::new();
    let mut names = BTreeSet::new();
    if let Err(error) = list(machine, "", 0, &mut files) {
        problems.push(format!("the scheduled tasks could not be listed in full: {error}"));
    }
    let is_there = machine.disk.find(FOLDER).is_ok_and(|found| found.is_some());
    if files.len() > TASKS_MAX {
        problems.push(format!("of {} scheduled tasks only {TASKS_MAX} were read", files.len()));
        files.truncate(TASKS_MAX);
    }
    let mut services = Vec::new();
    for name in files {
        match definition(machine, &name) {
            Ok(task) => services.extend(told(&*machine.registry, places, people, &name, &task)),
            Err(error) => problems.push(format!("the scheduled task {name} could not be read: {error}")),
        }
        names.insert(name.to_lowercase());
    }
    match registered(&*machine.registry) {
        Ok(known) if !is_there && !known.is_empty() => problems.push(format!(
            "{} scheduled tasks are not told: the disk has no folder {FOLDER} that says what they start",
            known.len()
        )),
        // A task without its file runs all the same: the scheduler works from the registry.
        Ok(known) => services.extend(
            known.into_iter().filter(|name| !names.contains(&name.to_lowercase())).map(|name| Service {
                name: format!("task:{name}"),
                manager: ServiceManager::Process,
                source: Some(format!("HKLM\\SOFTWARE\\{TREE}\\{name}")),
                ..Service::default()
            }),
        ),
        Err(error) => problems.push(format!("the scheduler's own list of tasks could not be read: {error}")),
    }
    services
}

/// The paths of all files, with backslashes, below a folder of tasks.
fn list(machine: &Machine, below: &str, depth: usize, files: &mut Vec<String>) -> io::Result<()> {
    let folder = format!("{FOLDER}/{}", below.replace('\\', "/"));
    if depth > DEPTH_MAX || files.len() > TASKS_MAX {
        return Ok(());
    }
    for name in machine.disk.list(&folder)?.unwrap_or_default() {
        let Some(path) = machine.disk.find(&format!("{folder}/{name}"))? else { continue };
        let whole = if below.is_empty() { name } else { format!("{below}\\{name}") };
        if fs::metadata(path)?.is_dir() {
            list(machine, &whole, depth + 1, files)?;
        } else {
            files.push(whole);
        }
    }
    Ok(())
}

fn definition(machine: &Machine, name: &str) -> io::Result<Task> {
    let path = format!("{FOLDER}/{}", name.replace('\\', "/"));
    let large = machine
        .disk
        .find(&path)?
        .map(fs::metadata)
        .transpose()?
        .is_some_and(|data| data.len() > TASK_BYTES_MAX);
    if large {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    let bytes = machine.disk.read(&path)?.ok_or(io::ErrorKind::NotFound)?;
    Task::parse(&bytes)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is no description of a task"))
}

/// The tasks that the scheduler knows, by their paths.
fn registered(registry: &dyn Registry) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), 0)];
    while let Some((path, depth)) = open.pop() {
        let key = if path.is_empty() { TREE.to_owned() } else { format!("{TREE}\\{path}") };
        for name in registry.keys(&Hive::Software, &key)?.unwrap_or_default() {
            let whole = if path.is_empty() { name } else { format!("{path}\\{name}") };
            // A folder has no number of a task.
            if registry.text(&Hive::Software, &format!("{TREE}\\{whole}"), "Id")?.is_some() {
                found.push(whole.clone());
            }
            if depth < DEPTH_MAX && found.len() < TASKS_MAX && open.len() < TASKS_MAX {
                open.push((whole, depth + 1));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// One entry for each program that it starts.
fn told(registry: &dyn Registry, places: &Places, people: &People, name: &str, task: &Task) -> Vec<Service> {
    let start = match (task.enabled, task.triggers.is_empty()) {
        (false, _) => StartMode::Disabled,
        (true, true) => StartMode::Manual,
        (true, false) => StartMode::Enabled,
    };
    let triggers: Vec<&str> = task.triggers.iter().copied().collect();
    let entry = |number: usize, started: (Option<String>, Option<String>)| Service {
        name: if number == 0 { format!("task:{name}") } else { format!("task:{name}#{}", number + 1) },
        manager: ServiceManager::Process,
        start,
        binary: started.0,
        file_state: Some(triggers.join(" ")).filter(|text| !text.is_empty()),
        user: task.user.as_deref().map(|user| account(user, people)),
        library: started.1,
        ..Service::default()
    };
    if task.actions.is_empty() {
        return vec![entry(0, (None, None))];
    }
    let each = task.actions.iter().map(|action| match action {
        Action::Command { program, arguments } => {
            // The program stands alone here, with or without quotes; what it is told comes behind it.
            places.started(&format!("\"{}\" {arguments}", program.trim().trim_matches('"')))
        }
        Action::Class(class) => (class_file(registry, places, class), None),
    });
    let mut programs: Vec<_> = each.collect();
    programs.dedup();
    programs.into_iter().enumerate().map(|(number, started)| entry(number, started)).collect()
}

/// The file that a class of COM is made from.
fn class_file(registry: &dyn Registry, places: &Places, class: &str) -> Option<String> {
    ["InprocServer32", "LocalServer32"].into_iter().find_map(|kind| {
        let path = format!("Classes\\CLSID\\{class}\\{kind}");
        let text = registry.text(&Hive::Software, &path, "").ok().flatten()?;
        if kind == "InprocServer32" {
            Some(places.located(text.trim_matches('"')))
        } else {
            places.started(&text).0
        }
    })
}

/// Tasks name the machine's own accounts in several ways.
fn account(user: &str, people: &People) -> String {
    match user {
        "S-1-5-18" | "SYSTEM" | "NT AUTHORITY\\SYSTEM" => "LocalSystem".to_owned(),
        "S-1-5-19" | "LOCAL SERVICE" => "NT AUTHORITY\\LocalService".to_owned(),
        "S-1-5-20" | "NETWORK SERVICE" => "NT AUTHORITY\\NetworkService".to_owned(),
        other => people.name(other).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::windows::disk::Disk;
    use crate::platform::windows::registry::text::TextRegistry;

    fn task(inside: &str) -> Vec<u8> {
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n<Task>{inside}</Task>");
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    }

    fn look(files: &[(&str, Vec<u8>)], registry: &str) -> (Vec<Service>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join("Windows/System32/Tasks").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let registry = Box::new(TextRegistry::parse(registry));
        let machine = Machine { registry, disk: Disk::at(folder.path()), live: false };
        let mut problems = Vec::new();
        let people = People::read(&machine, &mut problems);
        let places = Places::read(&*machine.registry);
        (read(&machine, &places, &people, &mut problems), problems)
    }

    const REGISTRY: &str = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-1-5-21-1-2-3-1001]\n\
        \"ProfileImagePath\"=\"C:\\\\Users\\\\tanaka\"\n\
        [HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes\\CLSID\\{AB}\\InprocServer32]\n@=\"%SystemRoot%\\\\System32\\\\x.dll\"\n\
        [HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree\\Vendor]\n\"SD\"=hex:00\n\
        [HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree\\Vendor\\Sync]\n\"Id\"=\"{1}\"\n\
        [HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree\\Gone]\n\"Id\"=\"{2}\"\n";

    #[test]
    fn a_task_tells_what_it_starts_when_and_as_whom() {
        let sync = task(
            "<Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger><TimeTrigger><Enabled>false</Enabled></TimeTrigger></Triggers>\
             <Principals><Principal id=\"A\"><UserId>S-1-5-21-1-2-3-1001</UserId></Principal></Principals>\
             <Actions><Exec><Command>\"C:\\Program Files\\V\\sync.exe\"</Command><Arguments>-p secret</Arguments></Exec>\
             <Exec><Command>powershell.exe</Command><Arguments>-File C:\\Users\\a\\e.ps1 -Token secret</Arguments></Exec></Actions>",
        );
        let class = task(
            "<Triggers><BootTrigger/></Triggers><Settings><Enabled>false</Enabled></Settings>\
             <Actions><ComHandler><ClassId>{AB}</ClassId></ComHandler></Actions>",
        );
        let (seen, problems) = look(&[("Vendor/Sync", sync), ("Class", class)], REGISTRY);
        assert!(problems.is_empty(), "{problems:?}");
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let told: Vec<_> = seen
            .iter()
            .map(|one| {
                let (start, when) = (one.start.name(), text(&one.file_state));
                format!(
                    "{}|{start}|{when}|{}|{}|{}",
                    one.name,
                    text(&one.binary),
                    text(&one.library),
                    text(&one.user)
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "task:Class|disabled|boot|C:\\Windows\\System32\\x.dll||",
                "task:Vendor\\Sync|enabled|logon|C:\\Program Files\\V\\sync.exe||tanaka",
                "task:Vendor\\Sync#2|enabled|logon|powershell.exe|C:\\Users\\a\\e.ps1|tanaka",
                "task:Gone|unknown||||",
            ]
        );
    }

    #[test]
    fn tasks_that_nobody_can_read_are_a_problem() {
        let (seen, problems) = look(&[], REGISTRY);
        assert!(seen.is_empty());
        assert!(
            matches!(problems.as_slice(), [one] if one.starts_with("2 scheduled tasks are not told")),
            "{problems:?}"
        );
        let (_, problems) =
            look(&[("Broken", b"no task".to_vec()), ("Large", vec![b' '; (1 << 20) + 1])], "");
        assert_eq!(problems.len(), 2, "{problems:?}");
        let (seen, problems) = look(&[], "");
        assert!(seen.is_empty() && problems.is_empty(), "a machine without a scheduler has no tasks");
    }
}
