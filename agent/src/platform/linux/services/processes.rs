//! Programs that run, as /proc tells: proc(5). Arguments are never kept, they may hold passwords; of a script, its
//! file name is.
//!
//! A process *stays* (and is reported on a machine without a manager of services) when it has no terminal, leads its
//! session or is a child of process 1, and started a minute ago or earlier. The agent and its ancestors never count.

use std::collections::{HashMap, HashSet};
use std::os::fd::AsFd as _;

use rustix::io::Errno;

use super::places::{Place, openrc_of, path_of, place_of};
use super::{diagnosis, sockets};
use crate::platform::linux::root::Root;

/// What runs shorter is a command, not a service.
const STAYING_SECONDS_MIN: u64 = 60;

/// `USER_HZ`: the unit of times in /proc on every architecture of today.
const TICKS_PER_SECOND: u64 = 100;

/// PF_KTHREAD of the kernel's `sched.h`.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// TASK_COMM_LEN without its zero: what the kernel keeps of a program's name.
const COMMAND_BYTES: usize = 15;

/// Programs that run the program that is meant.
const INTERPRETERS: [&str; 10] =
    ["python", "perl", "ruby", "node", "java", "bash", "sh", "dash", "php", "busybox"];

const SHELLS: [&str; 4] = ["bash", "sh", "dash", "busybox"];

/// Programs that only wait for what was started in them: none of them holds a socket of its own in a session.
const COMPANIONS: [&str; 10] =
    ["sshd", "sshd-session", "login", "su", "sudo", "(sd-pam)", "systemd", "screen", "tmux: server", "tmux"];

/// One process.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Process {
    /// Zero where only a socket is known, and not which of a group's processes holds it.
    pub(super) pid: u32,
    /// The program's file name; for a script, the script's.
    pub(super) name: String,
    pub(super) binary: Option<String>,
    /// Where it belongs.
    pub(super) place: Place,
    pub(super) stays: bool,
    pub(super) listening: Vec<String>,
}

/// What runs.
#[derive(Debug, Default)]
pub(super) struct Running {
    /// The processes that stay, listen, or belong to a container or a user's unit; and process 1.
    pub(super) processes: Vec<Process>,
    /// The kernel's name for every process: at most 15 bytes of it. Empty: nobody knows what runs.
    pub(super) commands: HashMap<u32, String>,
}

impl Running {
    /// Whether a process of this number is there; `None` where nobody knows.
    pub(super) fn lives(&self, pid: u32) -> Option<bool> {
        (!self.commands.is_empty()).then(|| self.commands.contains_key(&pid))
    }

    /// Whether a program of this name runs; `None` where nobody knows.
    pub(super) fn runs(&self, program: &str) -> Option<bool> {
        let end = (0..=COMMAND_BYTES.min(program.len())).rev().find(|end| program.is_char_boundary(*end))?;
        let command = program.get(..end)?;
        (!self.commands.is_empty()).then(|| self.commands.values().any(|one| one == command))
    }
}

/// Looks at what runs.
pub(super) fn read(root: &Root, problems: &mut Vec<String>) -> Running {
    let sockets = sockets::listening(root);
    if sockets.is_none() {
        problems.push("the tables of sockets below /proc/net could not be read".to_owned());
    }
    let mut sockets = sockets.unwrap_or_default();
    let names = match root.list("/proc") {
        Ok(names) => names,
        Err(error) => {
            problems.push(format!("the processes below /proc could not be listed: {error}"));
            return Running::default();
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
    let us = std::process::id();
    let ours = ancestors(us, &stats);
    let groups: HashMap<u32, String> = stats
        .keys()
        .filter_map(|pid| Some((*pid, root.read_text(&format!("/proc/{pid}/cgroup")).ok()?)))
        .collect();
    // Seen from within a container, its own processes are the machine.
    let home = groups.get(&us).map(|text| place(text)).filter(is_contained);
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
        let place = groups.get(&pid).map(|text| place(text)).unwrap_or_default();
        let place = if home.as_ref() == Some(&place) { Place::Nowhere } else { place };
        let told = is_contained(&place) || matches!(place, Place::UserUnit { .. });
        if !stays && !told && listening.is_empty() && pid != 1 {
            continue;
        }
        let mut process = describe(root, pid, stat);
        process.place = place;
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
        let mut lost: Vec<(u64, String)> =
            sockets.into_iter().filter(|(inode, _)| still.contains_key(inode)).collect();
        lost.sort_by(|a, b| a.1.cmp(&b.1));
        let told = if root.is_live() { diagnosis::groups(root) } else { HashMap::new() };
        let mut unknown = Vec::new();
        for (inode, socket) in lost {
            match told.get(&inode) {
                Some(path) => processes.push(owner(&socket, path, &stats, &groups)),
                None => unknown.push(socket),
            }
        }
        unknown.dedup();
        if hidden && !unknown.is_empty() {
            let list = unknown.join(", ");
            problems.push(format!(
                "whose these listening sockets are cannot be seen: neither does the kernel tell their control group (Linux 5.7 or later, with control groups of version 2), nor has the agent CAP_SYS_PTRACE (see its unit): {list}"
            ));
        } else {
            // The kernel's own, such as those of NFS, or a program's that another container hides.
            processes.extend(unknown.into_iter().map(nameless));
        }
    }
    processes.sort_by(|a, b| (a.pid, &a.listening).cmp(&(b.pid, &b.listening)));
    let commands = stats.into_iter().map(|(pid, stat)| (pid, stat.name)).collect();
    Running { processes, commands }
}

fn place(groups: &str) -> Place {
    let openrc = openrc_of(groups).map(Place::OpenRc);
    openrc.or_else(|| path_of(groups).map(place_of)).unwrap_or_default()
}

fn is_contained(place: &Place) -> bool {
    matches!(place, Place::Container { .. })
}

/// A socket that goes by its address: two of them are two things to ask about.
fn nameless(socket: String) -> Process {
    Process { name: socket.clone(), listening: vec![socket], ..Process::default() }
}

/// Whose a socket is by the control group that it was made in. Which of the group's programs has it is known where there
/// is only one.
fn owner(socket: &str, path: &str, stats: &HashMap<u32, Stat>, groups: &HashMap<u32, String>) -> Process {
    // On a machine of systemd, only the kernel itself lives outside of every group.
    let (place, candidates) = match path {
        "/" => (Place::Nowhere, Vec::new()),
        path => (
            place_of(path),
            stats
                .iter()
                .filter(|(pid, _)| groups.get(pid).and_then(|text| path_of(text)) == Some(path))
                .collect(),
        ),
    };
    let mut names: Vec<&str> = candidates.iter().map(|(_, stat)| stat.name.as_str()).collect();
    names.retain(|name| !COMPANIONS.contains(name) && !SHELLS.contains(name));
    names.sort_unstable();
    names.dedup();
    let name = match (&place, names.as_slice()) {
        (Place::Unit(unit) | Place::UserUnit { unit, .. }, _) => unit.clone(),
        (_, [name]) => (*name).to_owned(),
        _ => socket.to_owned(),
    };
    let pid = u32::from(place == Place::Manager);
    Process { pid, name, place, listening: vec![socket.to_owned()], ..Process::default() }
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
    let arguments = || root.read_text(&format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let program = match path.and_then(file_name) {
        Some(name) => name.to_owned(),
        None => whole_name(&stat.name, &arguments()),
    };
    let name = if is_interpreter(&program) { script_of(&arguments()).unwrap_or(program) } else { program };
    Process { pid, name, binary, ..Process::default() }
}

/// The kernel keeps 15 bytes of a name; the rest stands in the arguments, of which nothing else is believed.
fn whole_name(command: &str, arguments: &str) -> String {
    let first = arguments.split(['\0', ' ']).next().and_then(file_name).unwrap_or_default();
    let is_longer = command.len() >= COMMAND_BYTES && first.starts_with(command);
    if is_longer { first.to_owned() } else { command.to_owned() }
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
    fn a_socket_belongs_to_the_service_of_its_group() {
        let stat = |name: &str| Stat {
            name: name.to_owned(),
            parent: 1,
            session: 1,
            terminal: 0,
            flags: 0,
            started: 0,
        };
        let session = "0::/user.slice/user-1000.slice/session-3.scope\n".to_owned();
        let stats = HashMap::from([(7, stat("nc")), (8, stat("bash")), (9, stat("sshd"))]);
        let mut groups = HashMap::from([(7, session.clone()), (8, session.clone()), (9, session.clone())]);
        let seen = |path: &str, groups: &HashMap<u32, String>| {
            let process = owner("tcp/0.0.0.0:4444", path, &stats, groups);
            (process.name, process.place)
        };
        let by_hand = Place::Session { uid: Some(1000) };
        let path = "/user.slice/user-1000.slice/session-3.scope";
        assert_eq!(seen(path, &groups), ("nc".to_owned(), by_hand.clone()));
        let unit = Place::Unit("ssh.service".to_owned());
        assert_eq!(seen("/system.slice/ssh.service", &groups), ("ssh.service".to_owned(), unit));
        assert_eq!(seen("/", &groups), ("tcp/0.0.0.0:4444".to_owned(), Place::Nowhere));
        assert_eq!(owner("tcp/[::]:23", "/init.scope", &stats, &groups).pid, 1);
        // With two programs that could be it, none is guessed.
        let stats = HashMap::from([(7, stat("nc")), (8, stat("python3"))]);
        groups.insert(8, session);
        let process = owner("tcp/0.0.0.0:4444", path, &stats, &groups);
        assert_eq!((process.name.as_str(), process.place), ("tcp/0.0.0.0:4444", by_hand));
    }

    #[test]
    fn a_name_that_the_kernel_cut_is_made_whole() {
        assert_eq!(whole_name("systemd-journal", "/lib/systemd/systemd-journald\0"), "systemd-journald");
        assert_eq!(whole_name("sshd", "sshd: /usr/sbin/sshd -D\0"), "sshd");
        assert_eq!(whole_name("nginx", "/tmp/not-nginx\0"), "nginx");
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
        let processes = read(&Root::at(folder.path()).unwrap(), &mut problems).processes;
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
        let processes = read(&Root::here(), &mut problems).processes;
        let us = processes.iter().find(|process| process.pid == std::process::id()).unwrap();
        assert!(us.listening.contains(&expected), "{us:?}");
        assert!(!us.stays);
    }
}
