//! What a USB device is, by its interface classes (usb.org, defined class codes) and by what the kernel put below it;
//! never by its name. Pure.

use daicho_proto::facts::MediumKind;

/// One interface of a USB device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::platform) struct Interface {
    pub(in crate::platform) number: u8,
    /// Class, subclass, protocol.
    pub(in crate::platform) class: (u8, u8, u8),
    /// iInterface, the device's own word for it.
    pub(in crate::platform) name: Option<String>,
    pub(in crate::platform) has_driver: bool,
    /// A network interface of the kernel lies below.
    pub(in crate::platform) has_network: bool,
    /// Its endpoints are those of PTP and MTP: bulk in, bulk out, interrupt in.
    pub(in crate::platform) transfers_like_ptp: bool,
}

/// A disk below a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::platform) struct Disk {
    pub(in crate::platform) is_optical: bool,
}

/// What is known of a USB device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::platform) struct Traits {
    pub(in crate::platform) device_class: u8,
    pub(in crate::platform) interfaces: Vec<Interface>,
    pub(in crate::platform) disks: Vec<Disk>,
    /// libmtp's or udev's rules know this model.
    pub(in crate::platform) known_player: bool,
}

const HUB: u8 = 0x09;
const VENDOR: u8 = 0xff;

/// What one interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Storage,
    /// A drive for discs, before its SCSI type is known.
    Drive,
    Phone,
    Network,
    /// The maker's own class: name, endpoints and what lies below may tell.
    Vendor,
    /// Carries no files.
    Quiet,
}

/// The table of what each class is (class, subclass, protocol), and why.
fn says(class: (u8, u8, u8)) -> Says {
    match class {
        // Mass storage: Bulk-Only (protocol 50), UAS (62), CBI of floppy drives (00 and 01), in any of its command sets
        // (SCSI 06, UFI 04, SFF-8070i 05); 02 is the set of discs (MMC-2). Card readers are storage with one disk a slot.
        (0x08, 0x02, _) => Says::Drive,
        (0x08, _, _) => Says::Storage,
        // Still image: PTP, and MTP that follows it. Cameras hand their card out as phones do.
        (0x06, 0x01, _) => Says::Phone,
        // Android's debug bridge and boot loader copy files in and out; so does Apple's multiplexer. A phone that offers
        // no more than these is one all the same. The accessory protocol (ff/ff/00, two endpoints) moves none.
        (VENDOR, 0x42, 0x01 | 0x03) | (VENDOR, 0xfe, 0x02) => Says::Phone,
        // OBEX (CDC WMC 1.1) sends objects: older phones' way to copy files.
        (0x02, 0x0b, _) => Says::Phone,
        // Network: CDC's ECM, EEM, NCM and MBIM (a modem that carries packets), and RNDIS in its three spellings: what
        // adapters are, and what phones are that share their connection (tethering).
        (0x02, 0x06 | 0x0c | 0x0d | 0x0e, _)
        | (0x02, 0x02, 0xff)
        | (0xe0, 0x01, 0x03)
        | (0xef, 0x04, 0x01) => Says::Network,
        // Wireless cards, most modems and many adapters have a class of their maker's.
        (VENDOR, _, _) => Says::Vendor,
        // The rest carries no files, and is none of Article 11's devices:
        // 01 sound; 03 keyboards, mice, barcode readers, UPSs; 07 printers and scanners; 09 hubs; 0b smart cards;
        // 0d content security; 0e cameras for pictures of a room; 0f health devices; 10 audio and video; 11 and 12 ports
        // of type C; 02 and 0a serial lines: an abstract control model (02/02) claims a telephone's commands by habit
        // (analysers, microcontrollers); a modem that carries packets says so as above or has a network interface;
        // e0 Bluetooth: it is in most notebooks, and what it talks to is not to be seen here; ef and fe: composite devices'
        // glue, firmware updates, infrared bridges, measuring devices; dc diagnosis.
        _ => Says::Quiet,
    }
}

/// What the device is, if it could carry files in or out; of a composite device what weighs most: disks, files of a
/// phone, a network. `None`: nothing of it does. `Other`: it does not say what it is.
pub(in crate::platform) fn kind_of(device: &Traits) -> Option<MediumKind> {
    if device.device_class == HUB {
        return None;
    }
    if device.disks.iter().any(|disk| !disk.is_optical) {
        return Some(MediumKind::Storage);
    }
    if !device.disks.is_empty() {
        return Some(MediumKind::Optical);
    }
    let said: Vec<Says> = device.interfaces.iter().map(of_interface).collect();
    if said.contains(&Says::Storage) {
        return Some(MediumKind::Storage);
    }
    if said.contains(&Says::Drive) {
        return Some(MediumKind::Optical);
    }
    if device.known_player || said.contains(&Says::Phone) {
        return Some(MediumKind::Phone);
    }
    if said.contains(&Says::Network) {
        return Some(MediumKind::Network);
    }
    let silent = said.is_empty() && matches!(device.device_class, 0 | 0xef | VENDOR);
    silent.then_some(MediumKind::Other)
}

/// The class, and for the maker's own what else there is to see: MTP says its name (Microsoft's OS descriptor names it
/// too, but reading that asks the device; udev's record tells whether libmtp did), or it has PTP's endpoints and no driver.
fn of_interface(interface: &Interface) -> Says {
    let said = says(interface.class);
    let named = interface.name.as_deref().is_some_and(|name| matches!(name.trim(), "MTP" | "PTP"));
    let like_ptp = matches!(interface.class, (VENDOR, 0xff, 0)) && interface.transfers_like_ptp;
    match said {
        Says::Vendor if named || like_ptp && !interface.has_driver => Says::Phone,
        // A network interface of the kernel lies below, whatever the class.
        Says::Vendor | Says::Quiet if interface.has_network => Says::Network,
        said => said,
    }
}

/// The interfaces of one configuration, out of `descriptors` of sysfs: the device's and its configurations' as they were
/// read (USB 2.0, 9.6). `configuration` 0: the first one.
#[cfg(any(target_os = "linux", test))]
pub(in crate::platform) fn parse_descriptors(bytes: &[u8], configuration: u8) -> Vec<Interface> {
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
        check(&[(0xff, 0xff, 0), (0xff, 0x42, 1)], Some(Phone));
        check(&[(8, 4, 0)], Some(Storage));
        check(&[(8, 2, 0x50), (8, 6, 0x50)], Some(Storage));
        check(&[(2, 0x0e, 0), (0x0a, 0, 2)], Some(Network));
        check(&[(0xef, 4, 1), (0x0a, 0, 0)], Some(Network));
        check(&[(0xe0, 1, 3), (6, 1, 1)], Some(Phone));
        check(&[(6, 1, 1), (8, 6, 0x50)], Some(Storage));
        check(&[(2, 6, 0), (10, 0, 0)], Some(Network));
        check(&[(2, 0x0d, 0)], Some(Network));
        check(&[(0xe0, 1, 3)], Some(Network));
        check(&[(0xe0, 1, 1)], None);
        check(&[(2, 2, 1)], None);
        for quiet in [1, 3, 7, 9, 0x0a, 0x0b, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0xdc, 0xe0, 0xfe, 0xff] {
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
