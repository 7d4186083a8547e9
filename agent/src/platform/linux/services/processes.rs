//! Programs that run, as /proc tells: proc(5). Arguments are never kept, they may hold passwords; of a script, its
//! file name is.
//!
//! A process *stays* (and is reported on a machine without a manager of services) when it has no terminal, leads its
//! session or is a child of process 1, and started a minute ago or earlier. The agent and its ancestors never count.

use std::collections::{HashMap, HashSet};
use std::os::fd::AsFd as _;

use rustix::io::Errno;

use super::sockets;
use crate::platform::linux::root::Root;

/// What runs shorter is a command, not a service.
const STAYING_SECONDS_MIN: u64 = 60;

/// `USER_HZ`: the unit of times in /proc on every architecture of today.
const TICKS_PER_SECOND: u64 = 100;

/// PF_KTHREAD of the kernel's `sched.h`.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Programs that run the program that is meant.
const INTERPRETERS: [&str; 10] =
    ["python", "perl", "ruby", "node", "java", "bash", "sh", "dash", "php", "busybox"];

const SHELLS: [&str; 4] = ["bash", "sh", "dash", "busybox"];

/// One process.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// The program's file name; for a script, the script's.
    pub(super) name: String,
    pub(super) binary: Option<String>,
    /// The systemd service that it belongs to.
    pub(super) unit: Option<String>,
    pub(super) stays: bool,
    pub(super) listening: Vec<String>,
}

/// The processes that stay or listen, and process 1.
pub(super) fn read(root: &Root, problems: &mut Vec<String>) -> Vec<Process> {
    let Some(mut sockets) = sockets::listening(root) else {
        problems.push("the tables of sockets below /proc/net could not be read".to_owned());
        return Vec::new();
    };
    let names = match root.list("/proc") {
        Ok(names) => names,
        Err(error) => {
            problems.push(format!("the processes below /proc could not be listed: {error}"));
            return Vec::new();
        }
    };
    let stats: HashMap<u32, Stat> = names
        .iter()
        .filter_map(|name| name.parse::<u32>().ok())
        .filter_map(|pid| Some((pid, Stat::parse(&root.read_text(&format!("/proc/{pid}/stat")).ok()?)?)))
        .filter(|(_, stat)| stat.flags & KERNEL_THREAD == 0)
        .collect();
    let uptime = root.read_text("/proc/uptime").ok();
    let uptime = uptime.and_then(|text| text.split('.').next()?.trim().parse::<u64>().ok()).unwrap_or(0);
    let ours = ancestors(std::process::id(), &stats);
    let mut hidden = false;
    let mut found = HashSet::new();
    let mut processes = Vec::new();
    for (&pid, stat) in &stats {
        let listening = match held(root, pid, &sockets) {
            Some(inodes) => inodes,
            None => {
                hidden |= root.exists(&format!("/proc/{pid}"));
                Vec::new()
            }
        };
        found.extend(listening.iter().copied());
        let old = uptime.saturating_sub(stat.started / TICKS_PER_SECOND) >= STAYING_SECONDS_MIN;
        let daemon = stat.terminal == 0 && (stat.session == pid || stat.parent == 1) && pid != 1;
        let stays = daemon && old && !ours.contains(&pid);
        if !stays && listening.is_empty() && pid != 1 {
            continue;
        }
        let mut process = describe(root, pid, stat);
        // A shell without a script only waits for what it started.
        process.stays = stays && !SHELLS.contains(&process.name.as_str());
        process.listening = listening.iter().filter_map(|inode| sockets.get(inode).cloned()).collect();
        process.listening.sort();
        process.listening.dedup();
        processes.push(process);
    }
    sockets.retain(|inode, _| !found.contains(inode));
    if !sockets.is_empty() {
        // What went away meanwhile was no service.
        let still = sockets::listening(root).unwrap_or_default();
        let mut lost: Vec<String> = sockets
            .into_iter()
            .filter(|(inode, _)| still.contains_key(inode))
            .map(|(_, text)| text)
            .collect();
        lost.sort();
        lost.dedup();
        if hidden && !lost.is_empty() {
            let list = lost.join(", ");
            problems.push(format!(
                "whose these listening sockets are cannot be seen without CAP_SYS_PTRACE (see the agent's unit): {list}"
            ));
        } else if !lost.is_empty() {
            // The kernel's own, such as those of NFS, or a program's that another container hides.
            // Each goes by its address: two of them are two things to ask about.
            processes.extend(lost.into_iter().map(|socket| Process {
                name: socket.clone(),
                listening: vec![socket],
                ..Process::default()
            }));
        }
    }
    processes.sort_by_key(|process| process.pid);
    processes
}

/// The inodes of listening sockets that a process has open. `None`: it does not let us see.
fn held(root: &Root, pid: u32, sockets: &HashMap<u64, String>) -> Option<Vec<u64>> {
    if sockets.is_empty() {
        return Some(Vec::new());
    }
    let folder = root.open(&format!("/proc/{pid}/fd")).ok()?;
    let mut held = Vec::new();
    let mut target = Vec::with_capacity(64);
    for entry in rustix::fs::Dir::read_from(&folder).ok()? {
        let Ok(entry) = entry else { continue };
        let link = match rustix::fs::readlinkat(folder.as_fd(), entry.file_name(), target) {
            Ok(link) => link,
            // CAP_DAC_READ_SEARCH opens the folder; where its links lead, only CAP_SYS_PTRACE tells (proc(5)).
            Err(Errno::ACCESS | Errno::PERM) => return None,
            // Closed meanwhile.
            Err(_) => {
                target = Vec::with_capacity(64);
                continue;
            }
        };
        let inode = link
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
        held.extend(inode.filter(|inode| sockets.contains_key(inode)));
        target = link.into_bytes();
    }
    Some(held)
}

fn describe(root: &Root, pid: u32, stat: &Stat) -> Process {
    let binary = root.read_link(&format!("/proc/{pid}/exe")).ok();
    let binary = binary.map(|path| path.strip_suffix(" (deleted)").map_or(path.clone(), str::to_owned));
    // A program that lies in memory alone has no lasting path: the kernel's name for it must do.
    let path = binary.as_deref().filter(|path| !path.starts_with("/memfd:"));
    let program = path.and_then(file_name).map_or_else(|| stat.name.clone(), str::to_owned);
    let script = || {
        let arguments = root.read_text(&format!("/proc/{pid}/cmdline")).ok()?;
        script_of(&arguments)
    };
    let name = if is_interpreter(&program) { script().unwrap_or(program) } else { program };
    let groups = root.read_text(&format!("/proc/{pid}/cgroup")).unwrap_or_default();
    Process { pid, name, binary, unit: unit_of(&groups), ..Process::default() }
}

fn file_name(path: &str) -> Option<&str> {
    path.rsplit('/').next().filter(|name| !name.is_empty())
}

fn is_interpreter(program: &str) -> bool {
    let stem = program.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    INTERPRETERS.contains(&stem)
}

/// The file name of the script that an interpreter runs: its first argument that is no option and looks like a path.
fn script_of(arguments: &str) -> Option<String> {
    let mut arguments = arguments.split('\0').skip(1);
    let first = arguments.find(|argument| !argument.is_empty() && !argument.starts_with('-'))?;
    let name = file_name(first)?;
    let is_path = first.starts_with('/') || name.contains('.');
    let fits = name.chars().all(|letter| letter.is_alphanumeric() || "._-+@".contains(letter));
    (is_path && fits && name.contains(char::is_alphabetic)).then(|| name.to_owned())
}

/// The system's service that a process belongs to; `None` in a session, a container or without systemd.
pub(super) fn unit_of(groups: &str) -> Option<String> {
    let path = groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        // Version 2 has no controllers; version 1 has systemd's own hierarchy, and a bare `/` of version 2 beside.
        (controllers == "name=systemd" || (controllers.is_empty() && path != "/")).then_some(path)
    })?;
    let named = |part: &&str| part.ends_with(".service") || part.ends_with(".scope");
    path.split('/').find(named).filter(|unit| unit.ends_with(".service")).map(str::to_owned)
}

/// A process, its parent, and so on up.
fn ancestors(pid: u32, stats: &HashMap<u32, Stat>) -> HashSet<u32> {
    let mut seen = HashSet::new();
    let mut next = pid;
    while next > 1 && seen.insert(next) {
        next = stats.get(&next).map_or(0, |stat| stat.parent);
    }
    seen
}

/// The fields of /proc/PID/stat that we use.
#[derive(Debug, PartialEq)]
struct Stat {
    name: String,
    parent: u32,
    session: u32,
    terminal: i64,
    flags: u64,
    /// In ticks since the machine started.
    started: u64,
}

impl Stat {
    /// The name stands in parentheses and may hold some itself.
    fn parse(text: &str) -> Option<Self> {
        let (start, end) = (text.find('(')?, text.rfind(')')?);
        let fields: Vec<&str> = text.get(end + 1..)?.split_ascii_whitespace().collect();
        Some(Stat {
            name: text.get(start + 1..end)?.to_owned(),
            parent: fields.get(1)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            terminal: fields.get(4)?.parse().ok()?,
            flags: fields.get(6)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_parentheses() {
        let text = "42 (a) b) S 1 42 42 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.name.as_str(), stat.parent, stat.session, stat.started), ("a) b", 1, 42, 777));
        assert_eq!(Stat::parse("42 ) x ("), None);
    }

    #[test]
    fn a_process_belongs_to_the_outermost_service() {
        for (groups, unit) in [
            ("0::/system.slice/ssh.service\n", Some("ssh.service")),
            ("0::/system.slice/system-getty.slice/getty@tty1.service\n", Some("getty@tty1.service")),
            ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n",
                Some("user@1000.service"),
            ),
            ("0::/system.slice/docker-0123.scope\n", None),
            ("12:pids:/x\n1:name=systemd:/system.slice/cron.service\n0::/\n", Some("cron.service")),
            ("0::/\n", None),
            ("", None),
        ] {
            assert_eq!(unit_of(groups).as_deref(), unit, "{groups}");
        }
    }

    #[test]
    fn sockets_that_nobody_holds_go_by_their_addresses() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("proc/net")).unwrap();
        let line = |port: &str, inode: u32| {
            format!(
                "0: 00000000:{port} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 {inode} 1 0\n"
            )
        };
        let table = format!("  sl  local_address\n{}{}", line("07E8", 71), line("0016", 72));
        std::fs::write(folder.path().join("proc/net/tcp"), table).unwrap();
        let mut problems = Vec::new();
        let processes = read(&Root::at(folder.path()).unwrap(), &mut problems);
        let names: Vec<&str> = processes.iter().map(|process| process.name.as_str()).collect();
        assert_eq!(names, ["tcp/0.0.0.0:2024", "tcp/0.0.0.0:22"]);
    }

    #[test]
    fn a_script_is_named_by_its_file_and_no_argument_is_kept() {
        assert_eq!(
            script_of("python3\0-u\0/opt/viewer/server.py\0--password=x\0"),
            Some("server.py".to_owned())
        );
        assert_eq!(script_of("bash\0/dev/fd/3\0"), None);
        assert_eq!(script_of("bash\0-c\0echo secret\0"), None);
        assert!(is_interpreter("python3.11") && is_interpreter("dash") && !is_interpreter("nginx"));
    }

    #[test]
    fn a_listener_of_this_process_is_seen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let expected = format!("tcp/127.0.0.1:{}", listener.local_addr().unwrap().port());
        let mut problems = Vec::new();
        let processes = read(&Root::here(), &mut problems);
        let us = processes.iter().find(|process| process.pid == std::process::id()).unwrap();
        assert!(us.listening.contains(&expected), "{us:?}");
        assert!(!us.stays);
    }
}
