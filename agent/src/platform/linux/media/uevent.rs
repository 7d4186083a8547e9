//! The kernel's word that a device came or went (Documentation/core-api/kobject.rst, uevents). Pure.

use std::collections::BTreeMap;

/// One uevent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Uevent {
    pub(super) action: String,
    /// Below /sys.
    pub(super) path: String,
    pub(super) subsystem: String,
    values: BTreeMap<String, String>,
}

impl Uevent {
    /// A message of the kernel's: `add@/devices/...`, then `KEY=value`, each ended by a zero. udev's own messages and
    /// what is no message at all are `None`.
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        let mut parts = message.split(|&byte| byte == 0).map(String::from_utf8_lossy);
        let header = parts.next()?;
        let (action, path) = header.split_once('@')?;
        let mut event = Uevent { action: action.to_owned(), path: path.to_owned(), ..Uevent::default() };
        for part in parts {
            if let Some((key, value)) = part.split_once('=') {
                event.values.insert(key.to_owned(), value.to_owned());
            }
        }
        event.subsystem = event.values.get("SUBSYSTEM")?.clone();
        Some(event)
    }

    /// Whether it can change what is known of media. Loops, device mappers and containers' networks cannot: the mounts
    /// above them are told by mountinfo.
    pub(super) fn matters(&self) -> bool {
        matches!(self.subsystem.as_str(), "usb" | "block" | "net" | "mmc" | "scsi")
            && !self.path.starts_with("/devices/virtual/")
    }

    /// A USB device as a whole, not one of its interfaces.
    pub(super) fn is_usb_device(&self) -> bool {
        self.subsystem == "usb" && self.values.get("DEVTYPE").is_some_and(|kind| kind == "usb_device")
    }

    /// Vendor and product (`PRODUCT=781/5581/100`, hexadecimal without leading zeros).
    pub(super) fn product(&self) -> Option<(u16, u16)> {
        let mut numbers = self.values.get("PRODUCT")?.split('/').map(|part| u16::from_str_radix(part, 16));
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    }

    /// Class, subclass and protocol of a USB interface (`INTERFACE=8/6/80`, decimal).
    pub(super) fn interface(&self) -> Option<(u8, u8, u8)> {
        let mut numbers = self.values.get("INTERFACE")?.split('/').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}
