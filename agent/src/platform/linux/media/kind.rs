//! What a USB device is, by its interface classes (usb.org, defined class codes) and by what the kernel put below it;
//! never by its name. Pure.

use daicho_proto::facts::MediumKind;

/// One interface of a USB device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) number: u8,
    /// Class, subclass, protocol.
    pub(super) class: (u8, u8, u8),
    /// iInterface, the device's own word for it.
    pub(super) name: Option<String>,
    pub(super) has_driver: bool,
    /// A network interface of the kernel lies below.
    pub(super) has_network: bool,
    /// Its endpoints are those of PTP and MTP: bulk in, bulk out, interrupt in.
    pub(super) transfers_like_ptp: bool,
}

/// A disk below a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) is_optical: bool,
}

/// What is known of a USB device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Traits {
    pub(super) device_class: u8,
    pub(super) interfaces: Vec<Interface>,
    pub(super) disks: Vec<Disk>,
    /// libmtp's or udev's rules know this model.
    pub(super) known_player: bool,
}

const HUB: u8 = 0x09;
const STILL_IMAGE: u8 = 0x06;
const MASS_STORAGE: u8 = 0x08;
const VENDOR: u8 = 0xff;

/// Subclass of CD drives that are not told apart by their SCSI type yet (Mass Storage Class overview, MMC-2).
const MASS_STORAGE_OPTICAL: u8 = 0x02;

/// What the device is, if it could carry files in or out. `None`: a keyboard, mouse, hub, sound, camera for pictures of a
/// room, printer, card terminal, Bluetooth or fingerprint reader. `Other`: it does not say what it is.
pub(super) fn kind_of(device: &Traits) -> Option<MediumKind> {
    if device.device_class == HUB {
        return None;
    }
    let any = |is: fn(&Interface) -> bool| device.interfaces.iter().any(is);
    if device.disks.iter().any(|disk| !disk.is_optical) {
        return Some(MediumKind::Storage);
    }
    if !device.disks.is_empty() {
        return Some(MediumKind::Optical);
    }
    if any(|interface| interface.class.0 == MASS_STORAGE) {
        let optical = device.interfaces.iter().filter(|interface| interface.class.0 == MASS_STORAGE);
        let optical = optical.into_iter().all(|interface| interface.class.1 == MASS_STORAGE_OPTICAL);
        return Some(if optical { MediumKind::Optical } else { MediumKind::Storage });
    }
    if device.known_player || any(is_phone) {
        return Some(MediumKind::Phone);
    }
    if any(is_network) {
        return Some(MediumKind::Network);
    }
    let silent = device.interfaces.is_empty() && matches!(device.device_class, 0 | 0xef | VENDOR);
    silent.then_some(MediumKind::Other)
}

/// PTP and MTP (still image, or the vendor's own class with MTP's name or its set of endpoints and no driver). Android
/// and many players choose the latter.
fn is_phone(interface: &Interface) -> bool {
    let named = interface.name.as_deref().is_some_and(|name| matches!(name.trim(), "MTP" | "PTP"));
    match interface.class {
        (STILL_IMAGE, 1, _) => true,
        (VENDOR, 0xff, 0) => named || interface.transfers_like_ptp && !interface.has_driver,
        (VENDOR, _, _) => named,
        _ => false,
    }
}

/// CDC Ethernet (ECM, EEM, MBIM, NCM), RNDIS in its three spellings, or anything with a network interface below.
fn is_network(interface: &Interface) -> bool {
    let class = matches!(
        interface.class,
        (0x02, 0x06 | 0x0c | 0x0d | 0x0e, _) | (0x02, 0x02, 0xff) | (0xe0, 0x01, 0x03) | (0xef, 0x04, 0x01)
    );
    class || interface.has_network
}

/// The interfaces of one configuration, out of `descriptors` of sysfs: the device's and its configurations' as they were
/// read (USB 2.0, 9.6). `configuration` 0: the first one.
pub(super) fn parse_descriptors(bytes: &[u8], configuration: u8) -> Vec<Interface> {
    const CONFIGURATION: u8 = 2;
    const INTERFACE: u8 = 4;
    const ENDPOINT: u8 = 5;
    let mut interfaces: Vec<(Interface, [usize; 3])> = Vec::new();
    let mut rest = bytes;
    let mut configurations = 0;
    let mut wanted = false;
    let mut alternate = false;
    while let [length, kind, ..] = *rest {
        let length = usize::from(length);
        if length < 2 || length > rest.len() {
            break;
        }
        let (descriptor, after) = rest.split_at(length);
        rest = after;
        match (kind, descriptor) {
            (CONFIGURATION, [_, _, _, _, _, value, ..]) => {
                configurations += 1;
                wanted = *value == configuration || configuration == 0 && configurations == 1;
            }
            (INTERFACE, [_, _, number, setting, _, class, subclass, protocol, ..]) if wanted => {
                alternate = *setting != 0;
                if !alternate {
                    let class = (*class, *subclass, *protocol);
                    interfaces.push((Interface { number: *number, class, ..Interface::default() }, [0; 3]));
                }
            }
            (ENDPOINT, [_, _, address, attributes, ..]) if wanted && !alternate => {
                if let Some((_, [bulk_in, bulk_out, interrupt_in])) = interfaces.last_mut() {
                    match (attributes & 3, address & 0x80 != 0) {
                        (2, true) => *bulk_in += 1,
                        (2, false) => *bulk_out += 1,
                        (3, true) => *interrupt_in += 1,
                        // Any other makes it something else.
                        _ => *bulk_in += 2,
                    }
                }
            }
            _ => {}
        }
    }
    let finish =
        |(interface, endpoints)| Interface { transfers_like_ptp: endpoints == [1, 1, 1], ..interface };
    interfaces.into_iter().map(finish).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(classes: &[(u8, u8, u8)]) -> Traits {
        let interface =
            |class: &(u8, u8, u8)| Interface { class: *class, has_driver: true, ..Interface::default() };
        Traits { interfaces: classes.iter().map(interface).collect(), ..Traits::default() }
    }

    #[test]
    fn classes_tell_what_moves_files() {
        use MediumKind::{Network, Optical, Phone, Storage};
        let check =
            |classes: &[(u8, u8, u8)], kind| assert_eq!(kind_of(&device(classes)), kind, "{classes:x?}");
        check(&[(8, 6, 0x50)], Some(Storage));
        check(&[(8, 6, 0x62)], Some(Storage));
        check(&[(3, 1, 1), (8, 6, 0x50)], Some(Storage));
        check(&[(8, 2, 0x50)], Some(Optical));
        check(&[(6, 1, 1)], Some(Phone));
        check(&[(6, 1, 1), (0xff, 0xfe, 2)], Some(Phone));
        check(&[(2, 6, 0), (10, 0, 0)], Some(Network));
        check(&[(2, 0x0d, 0)], Some(Network));
        check(&[(0xe0, 1, 3)], Some(Network));
        check(&[(0xe0, 1, 1)], None);
        check(&[(2, 2, 1)], None);
        for quiet in [1, 3, 7, 0x0b, 0x0e, 0xfe, 0xff] {
            check(&[(quiet, 0, 0)], None);
        }
    }

    #[test]
    fn what_lies_below_tells_more_than_the_class() {
        let mut reader = device(&[(0xff, 6, 0x50)]);
        reader.disks = vec![Disk { is_optical: false }];
        assert_eq!(kind_of(&reader), Some(MediumKind::Storage));
        let mut drive = device(&[(8, 6, 0x50)]);
        drive.disks = vec![Disk { is_optical: true }];
        assert_eq!(kind_of(&drive), Some(MediumKind::Optical));
        // A dongle that brings its driver on a CD and a card slot.
        drive.disks.push(Disk { is_optical: false });
        assert_eq!(kind_of(&drive), Some(MediumKind::Storage));
        let mut adapter = device(&[(0xff, 0xff, 0)]);
        adapter.interfaces[0].has_network = true;
        assert_eq!(kind_of(&adapter), Some(MediumKind::Network));
    }

    #[test]
    fn a_vendors_own_class_is_a_phone_by_its_name_or_its_endpoints() {
        let mut phone = device(&[(0xff, 0xff, 0)]);
        assert_eq!(kind_of(&phone), None);
        phone.interfaces[0].name = Some("MTP".to_owned());
        assert_eq!(kind_of(&phone), Some(MediumKind::Phone));
        let mut phone = device(&[(0xff, 0xff, 0)]);
        phone.interfaces[0].transfers_like_ptp = true;
        assert_eq!(kind_of(&phone), None, "a driver holds it: it is something else");
        phone.interfaces[0].has_driver = false;
        assert_eq!(kind_of(&phone), Some(MediumKind::Phone));
    }

    #[test]
    fn a_device_that_does_not_say_what_it_is_is_not_passed_over() {
        assert_eq!(kind_of(&Traits::default()), Some(MediumKind::Other));
        assert_eq!(kind_of(&Traits { device_class: HUB, ..Traits::default() }), None);
    }

    #[test]
    fn no_descriptor_makes_the_parser_panic() {
        let mut chance = fastrand::Rng::with_seed(11);
        let seed = [9, 2, 39, 0, 1, 1, 0, 192, 250, 9, 4, 0, 0, 3, 255, 255, 0, 5, 7, 5, 129, 2, 0, 2, 0];
        for _ in 0..5_000 {
            let mut bytes = seed;
            for _ in 0..4 {
                bytes[chance.usize(..seed.len())] = chance.u8(..);
            }
            parse_descriptors(&bytes[..chance.usize(..=seed.len())], chance.u8(..3));
        }
    }
}
