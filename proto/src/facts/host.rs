//! The machine itself: what names it, what it runs, whether it waits for a restart.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{time, wire};

/// One machine. `None` is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    /// As the system calls itself, without domain unless it does.
    pub hostname: Option<String>,
    /// `ID` of os-release(5), or `windows`.
    pub os_id: Option<String>,
    /// `PRETTY_NAME` or the product's name, for people.
    pub os_name: Option<String>,
    /// `VERSION_ID`, or the Windows display version.
    pub os_version: Option<String>,
    /// Windows build and UBR (`19045.5011`); `VERSION_CODENAME` or `BUILD_ID` elsewhere.
    pub os_build: Option<String>,
    /// `EditionID` of Windows, and the kind of installation where it is no client's: `EnterpriseS`, `ServerStandard (Server
    /// Core)`. Long-term editions are supported for longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_edition: Option<String>,
    /// The running kernel's release.
    pub kernel: Option<String>,
    /// machine-id(5) or MachineGuid.
    pub machine_id: Option<String>,
    /// SMBIOS UUID, lower case.
    pub hardware_uuid: Option<String>,
    /// SMBIOS serial number, as the maker wrote it.
    pub serial_number: Option<String>,
    /// Of physical interfaces, lower case with colons, sorted.
    pub mac_addresses: Vec<String>,
    /// When the running system started.
    pub boot_time: Option<Timestamp>,
    /// Whether an installed update waits for a restart.
    pub restart_pending: Option<bool>,
    /// Why it waits, or why that is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restart_reasons: Vec<RestartReason>,
    /// The newest installed kernel of the running one's flavour: the one that the next start runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed_kernel: Option<String>,
    /// Who else than this machine says who may enter and do what: `passwd: sss`, `sudoers: ldap` (nsswitch.conf(5));
    /// `domain: hosp.local`, `domain controller: hosp.local`, `entra: TENANT` of Windows. Those
    /// accounts are the directory's and are not among this machine's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub account_directories: Vec<String>,
}

/// One reason for a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestartReason {
    /// What kind of thing `name` is.
    pub kind: RestartKind,
    /// The kernel's release, the package, the service or program, the library.
    pub name: String,
    /// What was replaced under a service or program: a library's file name, or `program` for its own file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The kinds of reasons for a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartKind {
    /// A newer kernel is installed than the one that runs.
    Kernel,
    /// A package was replaced that takes effect with the next start, or that asked for one itself.
    Package,
    /// A service or program still runs code whose file was replaced since it started.
    Program,
    /// A library was replaced, and whether something still uses the old one cannot be seen.
    Unseen,
    /// The system itself was updated, and a sign of it that is named waits for the next start.
    System,
    /// A file that the next start puts in the place of another.
    File,
    /// A new name of the computer, or a domain that it joins: no update, so it alone makes no restart pending.
    Identity,
    /// A kind that this version does not know.
    #[default]
    #[serde(other)]
    Other,
}

impl RestartKind {
    const NAMES: [(RestartKind, &'static str); 8] = [
        (RestartKind::Kernel, "kernel"),
        (RestartKind::Package, "package"),
        (RestartKind::Program, "program"),
        (RestartKind::Unseen, "unseen"),
        (RestartKind::System, "system"),
        (RestartKind::File, "file"),
        (RestartKind::Identity, "identity"),
        (RestartKind::Other, "other"),
    ];

    /// The name in the observation document.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("other", |(_, name)| name)
    }

    fn named(name: &str) -> Self {
        Self::NAMES.iter().find(|(_, known)| *known == name).map_or(RestartKind::Other, |(kind, _)| *kind)
    }
}

// === the wire ===

impl From<wire::Host> for Host {
    fn from(wire: wire::Host) -> Self {
        Host {
            hostname: wire.hostname,
            os_id: wire.os_id,
            os_name: wire.os_name,
            os_version: wire.os_version,
            os_build: wire.os_build,
            os_edition: wire.os_edition,
            kernel: wire.kernel,
            machine_id: wire.machine_id,
            hardware_uuid: wire.hardware_uuid,
            serial_number: wire.serial_number,
            mac_addresses: wire.mac_addresses,
            boot_time: wire.boot_time_us.map(time::from_wire),
            restart_pending: wire.restart_pending,
            restart_reasons: wire.restart_reasons.into_iter().map(RestartReason::from).collect(),
            installed_kernel: wire.installed_kernel,
            account_directories: wire.account_directories,
        }
    }
}

impl From<Host> for wire::Host {
    fn from(host: Host) -> Self {
        wire::Host {
            hostname: host.hostname,
            os_id: host.os_id,
            os_name: host.os_name,
            os_version: host.os_version,
            os_build: host.os_build,
            os_edition: host.os_edition,
            kernel: host.kernel,
            machine_id: host.machine_id,
            hardware_uuid: host.hardware_uuid,
            serial_number: host.serial_number,
            mac_addresses: host.mac_addresses,
            boot_time_us: host.boot_time.map(time::to_wire),
            restart_pending: host.restart_pending,
            restart_reasons: host.restart_reasons.into_iter().map(wire::RestartReason::from).collect(),
            installed_kernel: host.installed_kernel,
            account_directories: host.account_directories,
        }
    }
}

impl From<wire::RestartReason> for RestartReason {
    fn from(wire: wire::RestartReason) -> Self {
        RestartReason { kind: RestartKind::named(&wire.kind), name: wire.name, detail: wire.detail }
    }
}

impl From<RestartReason> for wire::RestartReason {
    fn from(reason: RestartReason) -> Self {
        wire::RestartReason { kind: reason.kind.name().to_owned(), name: reason.name, detail: reason.detail }
    }
}
