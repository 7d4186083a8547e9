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

    /// A message of udev's, which it sends when it has done with a device: to read a disk's label it opened it, and only
    /// then the kernel sees that the card is out, of which it says nothing itself (set_capacity_and_notify in
    /// block/genhd.c). `None` for all that is no such word of a disk.
    /// Its header (udev_monitor_netlink_header in systemd's libudev): `libudev` and a zero, a magic number, the header's
    /// size, then where the values begin and how long they are, as 32 bits of the machine's order.
    pub(super) fn parse_settled(message: &[u8]) -> Option<Self> {
        let rest = message.strip_prefix(b"libudev\0")?;
        let number = |at: usize| Some(u32::from_ne_bytes(rest.get(at..at + 4)?.try_into().ok()?));
        let (begin, length) = (usize::try_from(number(8)?).ok()?, usize::try_from(number(12)?).ok()?);
        let values = message.get(begin..begin.checked_add(length)?)?;
        let mut event = Uevent::default();
        for part in values.split(|&byte| byte == 0).map(String::from_utf8_lossy) {
            match part.split_once('=') {
                Some(("ACTION", value)) => event.action = value.to_owned(),
                Some(("DEVPATH", value)) => event.path = value.to_owned(),
                Some(("SUBSYSTEM", value)) => event.subsystem = value.to_owned(),
                _ => {}
            }
        }
        (event.subsystem == "block").then_some(event)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of_udev(values: &[u8]) -> Vec<u8> {
        let mut message = b"libudev\0\xfe\xed\xca\xfe".to_vec();
        for number in [40, 40, u32::try_from(values.len()).unwrap(), 0, 0, 0, 0] {
            message.extend(number.to_ne_bytes());
        }
        message.extend(values);
        message
    }

    #[test]
    fn udev_tells_that_it_has_done_with_a_disk() {
        let card = of_udev(b"ACTION=change\0DEVPATH=/devices/pci0/usb1/1-1/block/sdb\0SUBSYSTEM=block\0DISK_MEDIA_CHANGE=1\0");
        let event = Uevent::parse_settled(&card).unwrap();
        assert!(event.matters() && event.action == "change", "{event:?}");
        let looped = of_udev(b"ACTION=change\0DEVPATH=/devices/virtual/block/loop0\0SUBSYSTEM=block\0");
        assert!(!Uevent::parse_settled(&looped).unwrap().matters());
        let keyboard = of_udev(b"ACTION=add\0DEVPATH=/devices/pci0/usb1/1-2\0SUBSYSTEM=usb\0");
        assert_eq!(Uevent::parse_settled(&keyboard), None);
    }

    #[test]
    fn a_message_that_is_cut_or_lies_about_its_length_is_none_of_udevs() {
        let card = of_udev(b"ACTION=change\0DEVPATH=/devices/x\0SUBSYSTEM=block\0");
        for length in 0..card.len() {
            assert_eq!(Uevent::parse_settled(&card[..length]), None);
        }
        let mut huge = card;
        huge[20..24].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(Uevent::parse_settled(&huge), None);
    }
}
