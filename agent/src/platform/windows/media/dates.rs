//! When a device was installed, came and left, as Windows keeps it beside the device.

use std::io;

use daicho_proto::facts::Medium;
use jiff::{SignedDuration, Timestamp};

use super::nodes::Node;
use crate::platform::windows::filetime;
use crate::platform::windows::registry::{Hive, Registry, Value};

/// The properties of a device that are times (devpkey.h): `DEVPKEY_Device_InstallDate` is number 64 of them (hexadecimal),
/// `FirstInstallDate` 65; `LastArrivalDate` 66 and `LastRemovalDate` 67 since Windows 8.
const TIMES: &str = "{83da6326-97a6-4088-9453-a1923f573b29}";

/// `DEVPKEY_Device_BusReportedDeviceDesc`: what the device calls itself.
const REPORTED: &str = "{540b947e-8b40-45bc-a8a2-6a0b894cbda2}";

/// The drivers of a new device are there within this time: its first installation and its first arrival are one use.
const INSTALLATION: SignedDuration = SignedDuration::from_mins(2);

/// What Windows remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dates {
    /// When it was first installed on this machine.
    pub(crate) installed: Option<Timestamp>,
    /// When it last came: plugged in, or there when the machine started.
    pub(crate) arrived: Option<Timestamp>,
    /// When it last left.
    pub(crate) removed: Option<Timestamp>,
}

impl Dates {
    /// Reads them; live, only the system itself may.
    pub(super) fn read(registry: &dyn Registry, node: &Node) -> io::Result<Self> {
        let time = |number| read_time(registry, node, number);
        Ok(Dates { installed: time(0x65)?.or(time(0x64)?), arrived: time(0x66)?, removed: time(0x67)? })
    }

    /// Takes from another one what is missing here.
    pub(super) fn or(self, other: Dates) -> Dates {
        Dates {
            installed: self.installed.or(other.installed),
            arrived: self.arrived.or(other.arrived),
            removed: self.removed.or(other.removed),
        }
    }

    /// When it was last there, as far as was written down.
    pub(super) fn last(self) -> Option<Timestamp> {
        [self.arrived, self.removed, self.installed].into_iter().flatten().max()
    }

    /// Writes them beside the record of a medium.
    pub(super) fn tell(self, medium: &mut Medium) {
        let is_one = |a: Timestamp, b: Timestamp| a.duration_since(b).abs() < INSTALLATION;
        medium.connected_at = self.arrived;
        medium.last_seen = self.last();
        medium.first_seen = match (self.installed, self.arrived) {
            (Some(installed), Some(arrived)) if is_one(installed, arrived) => Some(arrived),
            (installed, arrived) => installed.into_iter().chain(arrived).min(),
        };
    }
}

fn read_time(registry: &dyn Registry, node: &Node, number: u32) -> io::Result<Option<Timestamp>> {
    let count = match property(registry, node, TIMES, number)? {
        Some(Value::Bytes(bytes)) => bytes.try_into().map(u64::from_le_bytes).unwrap_or_default(),
        Some(Value::Number(count)) => count,
        _ => 0,
    };
    Ok(filetime(count))
}

/// What the device calls itself, in its descriptor.
pub(super) fn reported_name(registry: &dyn Registry, node: &Node) -> Option<String> {
    let text = match property(registry, node, REPORTED, 4).ok()?? {
        Value::Text(text) => text,
        Value::Bytes(bytes) => {
            let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            String::from_utf16_lossy(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>())
        }
        _ => return None,
    };
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// A property of a device: the nameless value of its key; on Windows 7 `Data` one key below.
fn property(registry: &dyn Registry, node: &Node, group: &str, number: u32) -> io::Result<Option<Value>> {
    let group = format!("{}\\Properties\\{group}", node.path());
    if let Some(value) = registry.value(&Hive::System, &format!("{group}\\{number:04X}"), "")? {
        return Ok(Some(value));
    }
    registry.value(&Hive::System, &format!("{group}\\{number:08X}\\00000000"), "Data")
}
