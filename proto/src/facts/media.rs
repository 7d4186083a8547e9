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
    /// The device's own release (bcdDevice, USB 2.0, 9.6.1), four hexadecimal digits.
    pub release: Option<String>,
    /// Of a record: when this connection began, where the record is of one connection.
    pub connected_at: Option<Timestamp>,
    /// Why the serial number, or its absence, does not name this one stick.
    pub serial_doubt: Option<SerialDoubt>,
    /// What antivirus records say of this use of it; `None`: nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<MediumScan>,
    /// KiB that had been written to its filesystem in its life when it was plugged in here: at least these. Only ext4
    /// counts; `None`: unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_kib: Option<u64>,
    /// KiB that had been written to it when it was unmounted here and nothing was written any more: at most these.
    /// `None`: it is in use, was pulled out, or its filesystem does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_kib: Option<u64>,
}

/// What keeps a serial number from naming one stick, beside its being missing or a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SerialDoubt {
    /// It was gone before its serial number was read: it may have one.
    Unread,
    /// Another one with the same vendor, product and serial number was plugged in at the same time.
    Shared,
}

impl Medium {
    /// Whether its serial number names this one stick: it has one that was read, that is no placeholder, and that no
    /// other one was seen to have.
    pub fn is_distinguishable(&self) -> bool {
        self.serial_doubt.is_none() && self.serial.as_deref().is_some_and(|serial| !is_placeholder(serial))
    }

    /// What a person would call it: `0781:5581:AA01`; `-` stands for what is unknown.
    pub fn subject(&self) -> String {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
        format!("{}:{}:{}", part(&self.vendor_id), part(&self.product_id), part(&self.serial))
    }
}

/// Serial numbers that a maker gave to all of a kind: Alcor's and Realtek's card readers, as many machines show them.
const SHARED_SERIALS: &[&str] = &[
    "058F63626376",
    "058F63626420",
    "058F63626476",
    "058F63666433",
    "058F63666438",
    "058F63666485",
    "20060413092100000",
    "20071114173400000",
    "20090516388200000",
    "20100201396000000",
    "201006010301",
];

/// What stands where a maker left the field as it was.
const EMPTY_WORDS: &[&str] = &[
    "NONE",
    "NULL",
    "NA",
    "SN",
    "SERIAL",
    "SERIALNUMBER",
    "UNKNOWN",
    "DEFAULTSTRING",
    "TOBEFILLEDBYOEM",
    "INVALID",
];

/// A run of counted digits that is no accident: `123456`.
const COUNTED_DIGITS_MIN: usize = 6;

/// As many equal digits are no accident: `AAAA`.
const EQUAL_DIGITS_MIN: usize = 4;

/// Whether a serial number is one that names nothing: all digits the same, digits counted up, a word for nothing, or one
/// that is known to be on many devices. The standard for sticks asks for twelve digits that are unique (Mass Storage
/// Bulk-Only Transport 1.0, 4.1.1); a short one is no placeholder for that.
pub fn is_placeholder(serial: &str) -> bool {
    let digits = serial.bytes().filter(u8::is_ascii_alphanumeric);
    let digits: Vec<u8> = digits.map(|digit| digit.to_ascii_uppercase()).collect();
    let Some(first) = digits.first() else {
        // Signs of other alphabets name something.
        return serial.is_ascii();
    };
    let equal = digits.iter().all(|digit| digit == first);
    let follows = |cycle: &[u8]| {
        let place = |digit: u8| cycle.iter().position(|other| *other == digit);
        digits.windows(2).all(|pair| match (place(pair[0]), place(pair[1])) {
            (Some(a), Some(b)) => (a + 1) % cycle.len() == b,
            _ => false,
        })
    };
    let counted =
        digits.len() >= COUNTED_DIGITS_MIN && (follows(b"0123456789") || follows(b"0123456789ABCDEF"));
    let listed = |list: &[&str]| list.iter().any(|known| known.as_bytes() == digits);
    serial.is_ascii()
        && (equal && (digits.len() >= EQUAL_DIGITS_MIN || matches!(first, b'0' | b'F'))
            || counted
            || listed(EMPTY_WORDS)
            || listed(SHARED_SERIALS))
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
            release: wire.release,
            connected_at: wire.connected_at_us.map(time::from_wire),
            serial_doubt: match wire.serial_doubt.as_str() {
                "unread" => Some(SerialDoubt::Unread),
                "shared" => Some(SerialDoubt::Shared),
                _ => None,
            },
            scan: wire.scan.map(MediumScan::from),
            written_kib: wire.written_kib,
            settled_kib: wire.settled_kib,
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
            release: medium.release,
            connected_at_us: medium.connected_at.map(time::to_wire),
            serial_doubt: match medium.serial_doubt {
                None => String::new(),
                Some(SerialDoubt::Unread) => "unread".to_owned(),
                Some(SerialDoubt::Shared) => "shared".to_owned(),
            },
            scan: medium.scan.map(wire::MediumScan::from),
            written_kib: medium.written_kib,
            settled_kib: medium.settled_kib,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_that_names_nothing_is_known_as_such() {
        for nothing in [
            "0",
            "000000000000",
            "FFFFFFFF",
            "0123456789ABCDEF",
            "0123456789abcdef",
            "123456789012",
            "1234567890",
            "ABCDEF0123456789",
            "None",
            "Default string",
            "To be filled by O.E.M.",
            "----",
            "058F63666485",
        ] {
            assert!(is_placeholder(nothing), "{nothing}");
        }
        for own in ["AA01", "1", "4C530001120523107384", "12345", "AAB", "07A80207B1289E36", "外科1"] {
            assert!(!is_placeholder(own), "{own}");
        }
    }

    #[test]
    fn only_a_serial_number_of_its_own_makes_a_stick_distinguishable() {
        let stick = |serial: Option<&str>, serial_doubt| Medium {
            serial: serial.map(str::to_owned),
            serial_doubt,
            ..Medium::default()
        };
        assert!(stick(Some("AA01"), None).is_distinguishable());
        assert!(!stick(Some("AA01"), Some(SerialDoubt::Shared)).is_distinguishable());
        assert!(!stick(Some("00000000"), None).is_distinguishable());
        assert!(!stick(None, None).is_distinguishable());
    }

    #[test]
    fn the_wire_brings_back_what_it_was_given() {
        for serial_doubt in [None, Some(SerialDoubt::Unread), Some(SerialDoubt::Shared)] {
            let medium = Medium {
                release: Some("0100".to_owned()),
                connected_at: Some(Timestamp::UNIX_EPOCH),
                serial_doubt,
                written_kib: Some(7),
                settled_kib: Some(9),
                ..Medium::default()
            };
            assert_eq!(Medium::from(wire::Medium::from(medium.clone())), medium);
        }
    }
}
