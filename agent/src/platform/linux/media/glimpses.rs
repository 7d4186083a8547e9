//! What one uevent of the kernel tells by itself: a device came, and what it may be; a device is gone.

use daicho_proto::facts::{Medium, MediumEvent, MediumSeen, SerialDoubt};

use super::kind::{self, Interface, Traits};
use super::tracker::Tracker;
use super::uevent::Uevent;

impl Tracker {
    /// Takes one uevent in. What it cannot tell, the look after it does.
    pub(super) fn uevent(&mut self, event: &Uevent) -> Vec<MediumEvent> {
        match event.action.as_str() {
            "add" => {
                if let Some((path, medium)) = glimpsed(event) {
                    self.glimpse(path, medium);
                }
                Vec::new()
            }
            "remove" if event.is_usb_device() => self.remove(&event.path),
            _ => Vec::new(),
        }
    }
}

/// The device of an interface that came, if it could carry files.
fn glimpsed(event: &Uevent) -> Option<(&str, Medium)> {
    let (class, (vendor, product)) = (event.interface()?, event.product()?);
    let (device, _) = event.path.rsplit_once('/')?;
    let interface = Interface { class, has_driver: true, ..Interface::default() };
    let kind = kind::kind_of(&Traits { interfaces: vec![interface], ..Traits::default() })?;
    let medium = Medium {
        vendor_id: Some(format!("{vendor:04x}")),
        product_id: Some(format!("{product:04x}")),
        kind,
        seen: MediumSeen::Present,
        serial_doubt: Some(SerialDoubt::Unread),
        ..Medium::default()
    };
    Some((device, medium))
}
