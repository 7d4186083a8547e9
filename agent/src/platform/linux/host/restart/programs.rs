//! Programs that run on with code whose file was replaced: their own, or a library's.
//!
//! Where the kernel shows what a program has mapped (/proc/PID/maps, to those who may trace it: proc(5)), that is the
//! answer. Elsewhere it is inferred: a library in the list of those that the program's file asks for, put in its place
//! after the program started, is there in an older version. What a program loads later by itself (plug-ins, modules of
//! an interpreter) is not in that list, so that finding nothing this way proves nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use daicho_proto::facts::{RestartKind, RestartReason};

use super::{elf, fresh};
use crate::platform::linux::root::Root;
use crate::platform::linux::services::places::{Place, path_of, place_of};

/// `USER_HZ`: the unit of times in /proc on every architecture of today.
const TICKS_PER_SECOND: i64 = 100;

/// PF_KTHREAD of the kernel's `sched.h`.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// A table of mappings that is longer is read so far: a program with some 40 000 mappings.
const MAPS_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// More libraries than any program asks for: who asks for more goes in circles.
const LIBRARIES_MAX: usize = 512;

/// Libraries that a reason names when it cannot be seen who uses them.
const UNSEEN_MAX: usize = 3;

/// Where the system's programs and libraries lie: what is mapped from elsewhere and gone is a program's own affair.
const SYSTEM: [&str; 6] = ["/usr/", "/lib/", "/lib64/", "/bin/", "/sbin/", "/opt/"];

/// What the path of a control group has where a unit of this machine runs a container: its files are its image's.
const PAYLOADS: [&str; 2] = ["/libpod-payload-", "/payload"];

/// What runs with replaced code.
#[derive(Debug, Default)]
pub(super) struct Programs {
    pub(super) old: Vec<RestartReason>,
    /// Replaced libraries of which it cannot be seen whether they are still in use.
    pub(super) unseen: Vec<RestartReason>,
}

/// Looks at the services and daemons; what belongs to somebody's session ends with it.
pub(super) fn look(root: &Root, booted: i64) -> Programs {
    let mut files = Files::read(root);
    let mut old: BTreeMap<String, String> = BTreeMap::new();
    let mut unseen = BTreeSet::new();
    if !root.exists("/proc/1/stat") {
        // Other users' processes are hidden from us (`hidepid`, proc(5)): none of them can be said to be up to date.
        unseen.extend(files.newer_than(booted).map(str::to_owned));
    }
    for pid in root.list("/proc").unwrap_or_default().iter().filter_map(|name| name.parse::<u32>().ok()) {
        let Some(process) = Process::read(root, pid, booted) else { continue };
        match mapped(root, pid) {
            Some(gone) => {
                if let Some(detail) = gone {
                    old.entry(process.name).or_insert(detail);
                }
            }
            // Process 1 takes new code in without a new start (daemon-reexec), which its times do not show.
            None if pid == 1 => {}
            None => match files.replaced_under(&process, &program(root, pid)) {
                Some(detail) => {
                    old.entry(process.name).or_insert(detail);
                }
                None => unseen.extend(files.newer_than(process.started).map(str::to_owned)),
            },
        }
    }
    if !unseen.is_empty() {
        let fresh = fresh::libraries(root);
        unseen.retain(|name| !fresh.contains(name));
    }
    let old = old.into_iter().map(|(name, detail)| RestartReason {
        kind: RestartKind::Program,
        name,
        detail: Some(detail),
    });
    let unseen = unseen.into_iter().take(UNSEEN_MAX).map(|name| RestartReason {
        kind: RestartKind::Unseen,
        name,
        detail: None,
    });
    Programs { old: old.collect(), unseen: unseen.collect() }
}

/// A service's or daemon's process.
#[derive(Debug)]
struct Process {
    /// The unit's name, else the program's.
    name: String,
    /// Seconds since 1970.
    started: i64,
}

impl Process {
    /// `None`: a thread of the kernel, a container's, one of somebody's session, or gone.
    fn read(root: &Root, pid: u32, booted: i64) -> Option<Self> {
        let stat = root.read_text(&format!("/proc/{pid}/stat")).ok()?;
        let groups = root.read_text(&format!("/proc/{pid}/cgroup")).unwrap_or_default();
        Process::parse(&stat, &groups, booted)
    }

    fn parse(stat: &str, groups: &str, booted: i64) -> Option<Self> {
        let (open, close) = (stat.find('(')?, stat.rfind(')')?);
        let fields: Vec<&str> = stat.get(close + 1..)?.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        let group = path_of(groups).unwrap_or("/");
        if number(6)? & KERNEL_THREAD != 0 || PAYLOADS.iter().any(|part| group.contains(part)) {
            return None;
        }
        let terminal = fields.get(4)? != &"0";
        let unit = match place_of(group) {
            Place::Unit(unit) | Place::UserUnit { unit, .. } | Place::OpenRc(unit) => Some(unit),
            Place::Manager => None,
            Place::Nowhere if !terminal => None,
            Place::Nowhere | Place::Session { .. } | Place::Container { .. } => return None,
        };
        let started = booted.checked_add(i64::try_from(number(19)?).ok()? / TICKS_PER_SECOND)?;
        let name = unit.or_else(|| stat.get(open + 1..close).map(str::to_owned))?;
        Some(Process { name, started })
    }
}

/// What the kernel says that a process has mapped and that is gone. `None`: the kernel does not let us see.
fn mapped(root: &Root, pid: u32) -> Option<Option<String>> {
    let mut bytes = Vec::new();
    root.open(&format!("/proc/{pid}/maps")).ok()?.take(MAPS_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let program = root.read_link(&format!("/proc/{pid}/exe")).unwrap_or_default();
    // A process that is ending, or a thread of the kernel: nothing is mapped.
    Some(gone(&String::from_utf8_lossy(&bytes), &program))
}

/// The first library that is mapped for running and gone, or `program` for the program's own file.
fn gone(maps: &str, program: &str) -> Option<String> {
    if program.ends_with(" (deleted)") && SYSTEM.iter().any(|folder| program.starts_with(folder)) {
        return Some("program".to_owned());
    }
    let mut gone: Vec<&str> = maps
        .lines()
        .filter_map(|line| {
            let path = line.get(line.find('/')?..)?.strip_suffix(" (deleted)")?;
            let runs = line.split_ascii_whitespace().nth(1)?.contains('x');
            (runs && SYSTEM.iter().any(|folder| path.starts_with(folder))).then_some(path)
        })
        .filter_map(|path| path.rsplit('/').next())
        .collect();
    gone.sort_unstable();
    gone.first().map(|name| (*name).to_owned())
}

/// The file of a process's program: what the kernel says, else the first path in its own words.
fn program(root: &Root, pid: u32) -> Option<String> {
    if let Ok(path) = root.read_link(&format!("/proc/{pid}/exe")) {
        return Some(path);
    }
    let words = root.read_text(&format!("/proc/{pid}/cmdline")).ok()?;
    let path = words.split(['\0', ' ']).find(|word| word.starts_with('/'))?;
    SYSTEM.iter().any(|folder| path.starts_with(folder)).then(|| path.to_owned())
}

/// The system's libraries, by file name.
struct Files<'a> {
    root: &'a Root,
    /// Path, and when the file came to its place.
    libraries: HashMap<String, (String, i64)>,
    /// What each file asks for, as far as it was looked up.
    needed: HashMap<String, Vec<String>>,
}

impl<'a> Files<'a> {
    fn read(root: &'a Root) -> Self {
        let mut libraries = HashMap::new();
        let mut seen = BTreeSet::new();
        let mut folders: Vec<String> =
            ["/usr/lib64", "/lib64", "/usr/lib", "/lib"].map(str::to_owned).to_vec();
        for parent in ["/usr/lib", "/lib"] {
            let names = root.list(parent).unwrap_or_default();
            folders.extend(
                names.iter().filter(|name| name.contains("-linux-")).map(|name| format!("{parent}/{name}")),
            );
        }
        for folder in folders {
            // /lib is often a link to /usr/lib.
            let Ok(metadata) = root.metadata(&folder) else { continue };
            if !seen.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            for name in root.list(&folder).unwrap_or_default() {
                let path = format!("{folder}/{name}");
                let shared = name.contains(".so");
                if let Some(metadata) = root.metadata(&path).ok().filter(|file| shared && file.is_file()) {
                    libraries.entry(name).or_insert((path, metadata.ctime()));
                }
            }
        }
        Files { root, libraries, needed: HashMap::new() }
    }

    /// Libraries that came to their place after `started`.
    fn newer_than(&self, started: i64) -> impl Iterator<Item = &str> {
        self.libraries.iter().filter(move |(_, (_, at))| *at > started).map(|(name, _)| name.as_str())
    }

    /// What of a process was replaced since it started: `program`, or the first of its libraries by name.
    fn replaced_under(&mut self, process: &Process, program: &Option<String>) -> Option<String> {
        let program = program.as_deref()?;
        let metadata = self.root.metadata(program).ok().filter(std::fs::Metadata::is_file)?;
        if metadata.ctime() > process.started {
            return Some("program".to_owned());
        }
        self.newer_than(process.started).next()?;
        let mut asked: BTreeSet<String> = BTreeSet::new();
        let mut next = vec![program.to_owned()];
        while let Some(path) = next.pop() {
            for name in self.needed(&path) {
                if asked.len() < LIBRARIES_MAX && asked.insert(name.clone()) {
                    next.extend(self.libraries.get(&name).map(|(path, _)| path.clone()));
                }
            }
        }
        asked.into_iter().find(|name| self.libraries.get(name).is_some_and(|(_, at)| *at > process.started))
    }

    fn needed(&mut self, path: &str) -> Vec<String> {
        if let Some(known) = self.needed.get(path) {
            return known.clone();
        }
        // Only a plain file is opened: the name came from a process.
        let plain = self.root.metadata(path).is_ok_and(|file| file.is_file());
        let file = self.root.open(path).ok().filter(|_| plain);
        let needed = file.and_then(|file| elf::needed(&file).ok()).unwrap_or_default();
        self.needed.insert(path.to_owned(), needed.clone());
        needed
    }
}

#[cfg(test)]
mod tests;
