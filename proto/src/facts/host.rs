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
            kernel: wire.kernel,
            machine_id: wire.machine_id,
            hardware_uuid: wire.hardware_uuid,
            serial_number: wire.serial_number,
            mac_addresses: wire.mac_addresses,
            boot_time: wire.boot_time_us.map(time::from_wire),
            restart_pending: wire.restart_pending,
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
            kernel: host.kernel,
            machine_id: host.machine_id,
            hardware_uuid: host.hardware_uuid,
            serial_number: host.serial_number,
            mac_addresses: host.mac_addresses,
            boot_time_us: host.boot_time.map(time::to_wire),
            restart_pending: host.restart_pending,
        }
    }
}
