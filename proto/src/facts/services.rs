//! Services, and programs that listen without one (regulation, Article 13).

use serde::{Deserialize, Serialize};

use crate::wire;

/// One service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// The unit's, script's, Windows service's or program's name, never its display name. What belongs to somebody else
    /// than the machine begins with whose it is: `tanaka:sync.service` (a unit of a user), `docker:web` (a container),
    /// `cron:tanaka:backup.sh` (a job).
    pub name: String,
    /// Who runs it.
    pub manager: ServiceManager,
    /// Whether it runs now.
    pub running: Option<bool>,
    /// Whether it starts by itself.
    pub start: StartMode,
    /// The manager's description.
    pub description: Option<String>,
    /// The program's path, without what it is told (its arguments may hold passwords).
    pub binary: Option<String>,
    /// `tcp/0.0.0.0:22`, `udp/[::]:123`; sorted.
    pub listening: Vec<String>,
    /// The manager's own words for how it is: `active (running)`, `failed (failed)`, `crashed`.
    pub state: Option<String>,
    /// The manager's own word for how it starts. systemctl(1): `enabled-runtime`, `linked`, `generated`, `indirect`, ...;
    /// Windows: `delayed`, `trigger`, of a scheduled task when: `boot`, `logon`, `time`, ...
    pub file_state: Option<String>,
    /// Its other names.
    pub aliases: Vec<String>,
    /// What it starts, if it only starts something else: the units of a socket, a timer or a path.
    pub triggers: Vec<String>,
    /// What describes it: a unit file, a script, a crontab, a key of the registry.
    pub source: Option<String>,
    /// The container that it is, or that it runs in: `docker:0123456789ab`.
    pub container: Option<String>,
    /// The user who runs it, where that is not the machine: the owner of a session, of a user's unit, of a crontab. Of a
    /// Windows service the account that it logs on with, the machine's own ones too: `LocalSystem`.
    pub user: Option<String>,
    /// What the program is made to run: the library that svchost.exe or rundll32.exe loads, an interpreter's script.
    pub library: Option<String>,
}

/// Who runs a service. `Process`: nobody does; it was started by hand or by a machine without a manager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum ServiceManager {
    Systemd,
    Openrc,
    Sysv,
    Windows,
    #[default]
    Process,
}

impl ServiceManager {
    const NAMES: [(ServiceManager, &'static str); 5] = [
        (ServiceManager::Systemd, "systemd"),
        (ServiceManager::Openrc, "openrc"),
        (ServiceManager::Sysv, "sysv"),
        (ServiceManager::Windows, "windows"),
        (ServiceManager::Process, "process"),
    ];

    /// The name in the observation document.
    pub fn name(self) -> &'static str {
        name_of(&Self::NAMES, &self)
    }
}

/// Whether a service starts by itself. `Manual`: only when asked, such as a Windows service started by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum StartMode {
    Enabled,
    Disabled,
    Static,
    Masked,
    Manual,
    #[default]
    Unknown,
}

impl StartMode {
    const NAMES: [(StartMode, &'static str); 6] = [
        (StartMode::Enabled, "enabled"),
        (StartMode::Disabled, "disabled"),
        (StartMode::Static, "static"),
        (StartMode::Masked, "masked"),
        (StartMode::Manual, "manual"),
        (StartMode::Unknown, "unknown"),
    ];

    /// The name in the observation document.
    pub fn name(self) -> &'static str {
        name_of(&Self::NAMES, &self)
    }
}

fn name_of<T: PartialEq>(names: &[(T, &'static str)], wanted: &T) -> &'static str {
    names.iter().find(|(value, _)| value == wanted).map_or("unknown", |(_, name)| name)
}

fn named<T: Copy + Default>(names: &[(T, &'static str)], text: &str) -> T {
    names.iter().find(|(_, name)| *name == text).map_or_else(T::default, |(value, _)| *value)
}

// === the wire ===

impl From<wire::Service> for Service {
    fn from(wire: wire::Service) -> Self {
        Service {
            name: wire.name,
            manager: named(&ServiceManager::NAMES, &wire.manager),
            running: wire.running,
            start: named(&StartMode::NAMES, &wire.start),
            description: wire.description,
            binary: wire.binary,
            listening: wire.listening,
            state: wire.state,
            file_state: wire.file_state,
            aliases: wire.aliases,
            triggers: wire.triggers,
            source: wire.source,
            container: wire.container,
            user: wire.user,
            library: wire.library,
        }
    }
}

impl From<Service> for wire::Service {
    fn from(service: Service) -> Self {
        wire::Service {
            name: service.name,
            manager: service.manager.name().to_owned(),
            running: service.running,
            start: service.start.name().to_owned(),
            description: service.description,
            binary: service.binary,
            listening: service.listening,
            state: service.state,
            file_state: service.file_state,
            aliases: service.aliases,
            triggers: service.triggers,
            source: service.source,
            container: service.container,
            user: service.user,
            library: service.library,
        }
    }
}
