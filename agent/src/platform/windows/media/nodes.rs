//! Windows' tree of devices (`SYSTEM\CurrentControlSet\Enum`): every device that was ever installed, present or not.

use std::io;

use crate::platform::windows::registry::{Hive, Registry, Value};

/// Where the tree lies.
pub(super) const ENUM: &str = "CurrentControlSet\\Enum";

/// The parts of it that media are in. `SWD\WPDBUSENUM` (Windows 8) and `WpdBusEnumRoot\UMB` (Windows 7) hold the volumes
/// that Explorer shows as portable devices, with their labels.
const ENUMERATORS: &[&str] = &["USB", "USBSTOR", "SCSI", "IDE", "SD", "SWD", "WpdBusEnumRoot"];

/// Of `SWD`, software's own devices: only these are about media.
const PORTABLE_BUS: &str = "WPDBUSENUM";

/// Devices that are read: a ward's PC of ten years has some hundreds.
const NODES_MAX: usize = 16_384;

/// The container of all that is built into the machine itself.
const MACHINE_CONTAINER: &str = "{00000000-0000-0000-ffff-ffffffffffff}";

/// One device or function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) enumerator: &'static str,
    /// What it is: `VID_0781&PID_5581`, `Disk&Ven_SanDisk&Prod_Cruzer&Rev_1.20`.
    pub(super) device: String,
    /// Which one: a serial number, or a name that Windows made up.
    pub(super) instance: String,
    /// What groups all functions of one thing (Windows 7 and later); `None`: the machine itself, or not told.
    pub(super) container: Option<String>,
    /// Built into the machine.
    pub(super) is_fixed: bool,
    pub(super) service: Option<String>,
    pub(super) class: String,
    pub(super) hardware_ids: Vec<String>,
    pub(super) compatible_ids: Vec<String>,
    pub(super) friendly_name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) manufacturer: Option<String>,
    /// What the instance names of its functions begin with.
    pub(super) prefix: Option<String>,
}

impl Node {
    /// The name of the instance, as Windows' functions take it.
    pub(super) fn id(&self) -> String {
        format!("{}\\{}\\{}", self.enumerator, self.device, self.instance)
    }

    /// Its key below the registry's `SYSTEM`.
    pub(super) fn path(&self) -> String {
        format!("{ENUM}\\{}", self.id())
    }

    /// One function of a device that has several (`&MI_01`).
    pub(super) fn is_function(&self) -> bool {
        self.device.to_ascii_uppercase().contains("&MI_")
    }
}

/// All devices.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    pub(super) all: Vec<Node>,
    pub(super) problems: Vec<String>,
}

impl Nodes {
    /// Reads the tree; `None`: there is none.
    pub(super) fn read(registry: &dyn Registry) -> io::Result<Option<Self>> {
        let Some(present) = registry.keys(&Hive::System, ENUM)? else { return Ok(None) };
        let mut nodes = Nodes::default();
        for enumerator in ENUMERATORS {
            if present.iter().any(|name| name.eq_ignore_ascii_case(enumerator))
                && let Err(error) = nodes.read_enumerator(registry, enumerator)
            {
                nodes
                    .problems
                    .push(format!("the devices in SYSTEM\\{ENUM}\\{enumerator} could not be read: {error}"));
            }
        }
        Ok(Some(nodes))
    }

    fn read_enumerator(&mut self, registry: &dyn Registry, enumerator: &'static str) -> io::Result<()> {
        let top = format!("{ENUM}\\{enumerator}");
        for device in registry.keys(&Hive::System, &top)?.unwrap_or_default() {
            if enumerator == "SWD" && !device.eq_ignore_ascii_case(PORTABLE_BUS) {
                continue;
            }
            for instance in registry.keys(&Hive::System, &format!("{top}\\{device}"))?.unwrap_or_default() {
                if self.all.len() == NODES_MAX {
                    let sentence =
                        format!("more than {NODES_MAX} devices in SYSTEM\\{ENUM}: the rest was not read");
                    if !self.problems.contains(&sentence) {
                        self.problems.push(sentence);
                    }
                    return Ok(());
                }
                let path = format!("{top}\\{device}\\{instance}");
                // One that cannot be read hides none of the others.
                match registry.values(&Hive::System, &path) {
                    Ok(values) => {
                        self.all.push(node(enumerator, device.clone(), instance, values.unwrap_or_default()));
                    }
                    Err(error) => {
                        self.problems.push(format!("the device SYSTEM\\{path} could not be read: {error}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Those of one part of the tree.
    pub(super) fn of(&self, enumerator: &str) -> impl Iterator<Item = &Node> {
        self.all.iter().filter(move |node| node.enumerator == enumerator)
    }
}

fn node(enumerator: &'static str, device: String, instance: String, values: Vec<(String, Value)>) -> Node {
    let mut node = Node { enumerator, device, instance, ..Node::default() };
    for (name, value) in values {
        match (name.to_ascii_lowercase().as_str(), value) {
            ("containerid", Value::Text(text)) => {
                node.is_fixed = text.eq_ignore_ascii_case(MACHINE_CONTAINER);
                node.container = (!node.is_fixed && !text.is_empty()).then(|| text.to_lowercase());
            }
            ("service", Value::Text(text)) => node.service = Some(text).filter(|text| !text.is_empty()),
            ("classguid", Value::Text(text)) => node.class = text,
            ("hardwareid", Value::Texts(texts)) => node.hardware_ids = texts,
            ("compatibleids", Value::Texts(texts)) => node.compatible_ids = texts,
            ("friendlyname", Value::Text(text)) => node.friendly_name = super::identity::plain_text(&text),
            ("devicedesc", Value::Text(text)) => node.description = super::identity::plain_text(&text),
            // A name that the driver's file gives to all of a kind is no maker's.
            ("mfg", Value::Text(text)) if !text.starts_with('@') => {
                node.manufacturer = super::identity::plain_text(&text);
            }
            ("parentidprefix", Value::Text(text)) => node.prefix = Some(text).filter(|text| !text.is_empty()),
            _ => {}
        }
    }
    node
}
