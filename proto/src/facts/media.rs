//! External media and devices (regulation, Article 11): what is plugged in, and what the records remember.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::MediumScan;
use crate::{time, wire};

/// One medium or device. A missing serial is unknown, never guessed: two such sticks cannot be told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Medium {
    /// USB vendor, four lower-case hexadecimal digits.
    pub vendor_id: Option<String>,
    /// USB product, four lower-case hexadecimal digits.
    pub product_id: Option<String>,
    /// The serial number as the device tells it.
    pub serial: Option<String>,
    /// The manufacturer's name, as the device tells it.
    pub manufacturer: Option<String>,
    /// The product's name, as the device tells it.
    pub product: Option<String>,
    /// What it is, by its interface classes and not by its name.
    pub kind: MediumKind,
    /// The filesystem's UUID, of its first filesystem.
    pub filesystem_uuid: Option<String>,
    /// The filesystem's label.
    pub label: Option<String>,
    /// Where it is mounted now, or the drive letters.
    pub mounts: Vec<String>,
    /// Plugged in now, or known from the system's records only.
    pub seen: MediumSeen,
    /// When it was first seen on this machine (of a present one: when this connection began).
    pub first_seen: Option<Timestamp>,
    /// When it was last seen.
    pub last_seen: Option<Timestamp>,
    /// What antivirus records say of this use of it; `None`: nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<MediumScan>,
}

impl Medium {
    /// What a person would call it: `0781:5581:AA01`; `-` stands for what is unknown.
    pub fn subject(&self) -> String {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
        format!("{}:{}:{}", part(&self.vendor_id), part(&self.product_id), part(&self.serial))
    }
}

/// What a medium is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum MediumKind {
    Storage,
    Phone,
    Optical,
    Network,
    #[default]
    Other,
}

impl MediumKind {
    /// The name in the observation document.
    pub fn name(self) -> &'static str {
        match self {
            MediumKind::Storage => "storage",
            MediumKind::Phone => "phone",
            MediumKind::Optical => "optical",
            MediumKind::Network => "network",
            MediumKind::Other => "other",
        }
    }
}

/// How a medium is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediumSeen {
    /// Plugged in now.
    #[default]
    Present,
    /// From the system's records (journal, USBSTOR): found afterwards.
    Record,
}

/// A medium came, went, or was mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediumEvent {
    /// What happened.
    pub action: MediumAction,
    /// The medium as it was then.
    pub medium: Medium,
}

/// What can happen to a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum MediumAction {
    Arrived,
    Left,
    Mounted,
    Unmounted,
}

// === the wire ===

impl From<wire::Medium> for Medium {
    fn from(wire: wire::Medium) -> Self {
        Medium {
            vendor_id: wire.vendor_id,
            product_id: wire.product_id,
            serial: wire.serial,
            manufacturer: wire.manufacturer,
            product: wire.product,
            kind: match wire.kind.as_str() {
                "storage" => MediumKind::Storage,
                "phone" => MediumKind::Phone,
                "optical" => MediumKind::Optical,
                "network" => MediumKind::Network,
                _ => MediumKind::Other,
            },
            filesystem_uuid: wire.filesystem_uuid,
            label: wire.label,
            mounts: wire.mounts,
            seen: if wire.seen == "record" { MediumSeen::Record } else { MediumSeen::Present },
            first_seen: wire.first_seen_us.map(time::from_wire),
            last_seen: wire.last_seen_us.map(time::from_wire),
            scan: wire.scan.map(MediumScan::from),
        }
    }
}

impl From<Medium> for wire::Medium {
    fn from(medium: Medium) -> Self {
        wire::Medium {
            vendor_id: medium.vendor_id,
            product_id: medium.product_id,
            serial: medium.serial,
            manufacturer: medium.manufacturer,
            product: medium.product,
            kind: medium.kind.name().to_owned(),
            filesystem_uuid: medium.filesystem_uuid,
            label: medium.label,
            mounts: medium.mounts,
            seen: match medium.seen {
                MediumSeen::Present => "present".to_owned(),
                MediumSeen::Record => "record".to_owned(),
            },
            first_seen_us: medium.first_seen.map(time::to_wire),
            last_seen_us: medium.last_seen.map(time::to_wire),
            scan: medium.scan.map(wire::MediumScan::from),
        }
    }
}

/// A medium event without its medium, or with an action that nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("medium event lacks its {0}")]
pub struct IncompleteEvent(&'static str);

impl TryFrom<wire::MediumEvent> for MediumEvent {
    type Error = IncompleteEvent;

    fn try_from(wire: wire::MediumEvent) -> Result<Self, IncompleteEvent> {
        let action = match wire.action() {
            wire::MediumAction::Arrived => MediumAction::Arrived,
            wire::MediumAction::Left => MediumAction::Left,
            wire::MediumAction::Mounted => MediumAction::Mounted,
            wire::MediumAction::Unmounted => MediumAction::Unmounted,
            wire::MediumAction::Unspecified => return Err(IncompleteEvent("action")),
        };
        let medium = wire.medium.ok_or(IncompleteEvent("medium"))?.into();
        Ok(MediumEvent { action, medium })
    }
}

impl From<MediumEvent> for wire::MediumEvent {
    fn from(event: MediumEvent) -> Self {
        let action = match event.action {
            MediumAction::Arrived => wire::MediumAction::Arrived,
            MediumAction::Left => wire::MediumAction::Left,
            MediumAction::Mounted => wire::MediumAction::Mounted,
            MediumAction::Unmounted => wire::MediumAction::Unmounted,
        };
        wire::MediumEvent { action: action.into(), medium: Some(event.medium.into()) }
    }
}
