//! What runs and listens now, joined with what the registry tells. Only a running Windows answers (`live/`); putting the
//! two together is pure.

use std::collections::{BTreeMap, BTreeSet};

use daicho_proto::facts::{Service, ServiceManager};

use super::registered::{Services, plain, template};

/// A service or driver as the service control manager knows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) display_name: String,
    /// The bits of SERVICE_STATUS_PROCESS.dwServiceType.
    pub(crate) kind: u32,
    /// SERVICE_STATUS_PROCESS.dwCurrentState.
    pub(crate) state: u32,
    /// 0: none.
    pub(crate) pid: u32,
}

/// A port that somebody waits at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Socket {
    /// `tcp/0.0.0.0:135`.
    pub(crate) address: String,
    pub(crate) pid: u32,
    /// Which service opened it, where several share the process and the system can tell.
    pub(crate) service: Option<String>,
}

/// A process that waits at a port.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// The file's name.
    pub(crate) name: String,
    /// Its whole path; `None`: the system does not tell, as of protected processes.
    pub(crate) path: Option<String>,
}

/// What the machine answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running {
    /// `None`: the service control manager did not answer.
    pub(crate) services: Option<Vec<Known>>,
    /// Names that it did not list and denied knowledge of, or hides: nobody can say whether they run.
    pub(crate) hidden: BTreeSet<String>,
    pub(crate) sockets: Vec<Socket>,
    /// By pid: those of `sockets`.
    pub(crate) programs: BTreeMap<u32, Program>,
    pub(crate) problems: Vec<String>,
}

const DRIVER: u32 = 0x0b;
const WIN32: u32 = 0x30;
const INSTANCE: u32 = 0x80;
/// SERVICE_STOPPED; every other state has a process.
const STOPPED: u32 = 1;

/// The number that Windows always gives to its kernel.
const KERNEL: u32 = 4;

impl Running {
    /// Whether a driver is loaded; `None`: not known.
    pub(super) fn driver(&self, name: &str) -> Option<bool> {
        let known = self.services.as_ref()?;
        let is_it = |one: &&Known| one.kind & DRIVER != 0 && one.name.eq_ignore_ascii_case(name);
        Some(known.iter().find(is_it).is_some_and(|one| one.state != STOPPED))
    }

    /// Tells each service whether it runs and where it listens; answers the programs that listen and are none.
    pub(super) fn join(&self, services: &mut Services) -> Vec<Service> {
        let by_pid = self.tell_states(services);
        let mut others: BTreeMap<(String, Option<String>), Service> = BTreeMap::new();
        for socket in &self.sockets {
            let sharing = by_pid.get(&socket.pid).map_or(&[][..], Vec::as_slice);
            let meant = socket.service.as_ref().map(|name| template(name).to_lowercase());
            let exact = sharing.iter().find(|name| Some(*name) == meant.as_ref());
            // Which of them it is cannot be told: it is one of those, and each is told with it.
            let owners = exact.map_or(sharing, std::slice::from_ref);
            for name in owners {
                if let Some(service) = services.get_mut(name) {
                    service.listening.push(socket.address.clone());
                }
            }
            if owners.is_empty() {
                let program = self.program(socket.pid);
                let entry = others.entry((program.name.clone(), program.path.clone()));
                let service = entry.or_insert_with(|| Service {
                    name: program.name,
                    manager: ServiceManager::Process,
                    running: Some(true),
                    binary: program.path,
                    ..Service::default()
                });
                service.listening.push(socket.address.clone());
            }
        }
        others.into_values().collect()
    }

    /// The names of the services in each process.
    fn tell_states(&self, services: &mut Services) -> BTreeMap<u32, Vec<String>> {
        let mut by_pid: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        let Some(known) = &self.services else { return by_pid };
        for (name, service) in services.iter_mut() {
            // What the manager does not know does not run; it reads the registry at the start of the machine only.
            service.running = (!self.hidden.contains(name)).then_some(false);
        }
        for one in known.iter().filter(|one| one.kind & WIN32 != 0) {
            let is_instance = one.kind & INSTANCE != 0;
            let name = if is_instance { template(&one.name) } else { &one.name };
            let service = services.entry(name.to_lowercase()).or_insert_with(|| Service {
                name: name.to_owned(),
                manager: ServiceManager::Windows,
                ..Service::default()
            });
            let runs = one.state != STOPPED;
            // Of a service that each person has an own one of, one that runs is enough.
            if runs || service.running != Some(true) {
                service.running = Some(runs);
                service.state = state(one.state).map(str::to_owned);
            }
            let title = if is_instance { template(&one.display_name) } else { &one.display_name };
            service.description = plain(title).or(service.description.take());
            if one.pid != 0 && runs {
                by_pid.entry(one.pid).or_default().push(name.to_lowercase());
            }
        }
        for names in by_pid.values_mut() {
            names.sort();
            names.dedup();
        }
        by_pid
    }

    /// Its name without `.exe`; the ledger and the catalogue know programs of all systems by that.
    fn program(&self, pid: u32) -> Program {
        if pid == KERNEL {
            return Program { name: "System".to_owned(), path: None };
        }
        let Some(program) = self.programs.get(&pid) else {
            return Program { name: "unknown".to_owned(), path: None };
        };
        let lower = program.name.to_ascii_lowercase();
        let stem = lower.strip_suffix(".exe").map_or(program.name.len(), str::len);
        let name = program.name.get(..stem).unwrap_or(&program.name).to_owned();
        Program { name, path: program.path.clone() }
    }
}

/// The manager's words, as `sc query` has them.
fn state(number: u32) -> Option<&'static str> {
    Some(match number {
        1 => "stopped",
        2 => "start pending",
        3 => "stop pending",
        4 => "running",
        5 => "continue pending",
        6 => "pause pending",
        7 => "paused",
        _ => return None,
    })
}
