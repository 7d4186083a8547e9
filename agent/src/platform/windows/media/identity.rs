//! What the names in Windows' tree of devices say: vendor, product, serial number, interface classes. Pure.

use daicho_proto::facts::MediumKind;

use super::nodes::Node;
use crate::platform::media::kind::{self, Interface, Traits};

/// The class of network adapters (devguid.h, `GUID_DEVCLASS_NET`).
const CLASS_NETWORK: &str = "{4d36e972-e325-11ce-bfc1-08002be10318}";

/// The class of phones, cameras and players (devguid.h, `GUID_DEVCLASS_WPD`).
const CLASS_PORTABLE: &str = "{eec5ad98-8080-425f-922a-dabf3de3f69a}";

/// The driver of phones that speak MTP or PTP.
const MTP_SERVICE: &str = "WUDFWpdMtp";

/// What Windows 8 and later puts before the serial number of a device that can speak UASP, so that its drivers for the
/// slower and the faster way are not mixed up. The device itself tells what stands behind it.
const UASP_MARKS: [&str; 2] = ["MSFT20", "MSFT30"];

/// Names are compared whatever their case: the functions of Windows answer in capitals, the registry keeps both.
pub(super) fn folded(name: &str) -> String {
    name.to_uppercase()
}

/// Vendor and product of `VID_0781&PID_5581`, in lower case.
pub(super) fn numbers(device: &str) -> Option<(String, String)> {
    let digits = |name: &str| {
        let mut parts = device.split('&').filter_map(|part| part.get(..4).zip(part.get(4..)));
        let (_, digits) = parts.find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        let is_number = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_number.then(|| digits.to_lowercase())
    };
    Some((digits("VID_")?, digits("PID_")?))
}

/// The serial number in a device's instance name. Where the device has none, Windows makes a name up from the port, with
/// `&` as its second character: that names a socket and no stick.
pub(super) fn serial(instance: &str) -> Option<String> {
    if instance.chars().nth(1) == Some('&') {
        return None;
    }
    let behind = UASP_MARKS.iter().find_map(|mark| instance.strip_prefix(mark));
    let own = behind.filter(|rest| !rest.is_empty()).unwrap_or(instance).trim();
    (!own.is_empty()).then(|| own.to_owned())
}

/// The serial number in the instance name of a disk below `USBSTOR`: the device's, and `&` with the number of the disk.
pub(super) fn disk_serial(instance: &str) -> Option<String> {
    serial(instance.rsplit_once('&').map_or(instance, |(serial, _)| serial))
}

/// What a disk says of itself (SCSI INQUIRY), out of `Disk&Ven_SanDisk&Prod_Cruzer&Rev_1.20`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DiskNames {
    /// `Disk`, `CdRom`, `SFloppy`.
    pub(super) kind: String,
    pub(super) vendor: Option<String>,
    pub(super) product: Option<String>,
}

/// Reads the names; blanks and what no name may hold were written as `_`.
pub(super) fn disk_names(device: &str) -> DiskNames {
    let mut names = DiskNames::default();
    for (at, part) in device.split('&').enumerate() {
        let text = |rest: &str| {
            let text = rest.replace('_', " ");
            (!text.trim().is_empty()).then(|| text.trim().to_owned())
        };
        match part.split_once('_') {
            _ if at == 0 => names.kind = part.to_owned(),
            Some((name, rest)) if name.eq_ignore_ascii_case("Ven") => names.vendor = text(rest),
            Some((name, rest)) if name.eq_ignore_ascii_case("Prod") => names.product = text(rest),
            _ => {}
        }
    }
    names
}

/// Whether a disk's name says that it reads discs.
pub(super) fn is_optical(device: &str) -> bool {
    disk_names(device).kind.eq_ignore_ascii_case("CdRom")
}

/// The device's own release (bcdDevice), out of `USB\VID_0781&PID_5530&REV_0120`.
pub(super) fn release(hardware_ids: &[String]) -> Option<String> {
    let parts = hardware_ids.iter().flat_map(|id| id.split('&'));
    let mut digits = parts.filter_map(|part| part.strip_prefix("REV_"));
    digits.find(|digits| digits.len() == 4).map(str::to_lowercase)
}

/// The instance that a link names: `\\?\USB#VID_0781&PID_5581#AA01#{a5dcbf10-...}` is `USB\VID_0781&PID_5581\AA01`.
/// The registry writes `\??\` or `_??_` before it.
pub(super) fn instance_of_link(link: &str) -> Option<String> {
    let rest = ["\\\\?\\", "\\??\\", "_??_"].iter().find_map(|prefix| link.strip_prefix(prefix))?;
    let (path, _) = rest.rsplit_once("#{")?;
    (path.matches('#').count() == 2).then(|| path.replace('#', "\\"))
}

/// The words for people in a value: what stands behind the last `;` of `@disk.inf,%disk_devdesc%;Disk drive`.
pub(super) fn plain_text(text: &str) -> Option<String> {
    let words = if text.starts_with('@') { text.rsplit_once(';')?.1 } else { text };
    (!words.trim().is_empty()).then(|| words.trim().to_owned())
}

/// What a USB device is: its own node, those of its functions, and the disks below it.
pub(super) fn kind_of(device: &Node, functions: &[&Node], disks: &[&Node]) -> Option<MediumKind> {
    let is_composite = !functions.is_empty();
    let all = || std::iter::once(device).chain(functions.iter().copied());
    let speaks = functions.iter().copied().chain((!is_composite).then_some(device));
    let traits = Traits {
        device_class: device_class(&device.compatible_ids),
        interfaces: speaks.filter_map(interface).collect(),
        disks: disks.iter().map(|disk| kind::Disk { is_optical: is_optical(&disk.device) }).collect(),
        known_player: all().any(is_portable),
    };
    // What never told its descriptors (a broken cable, a socket that failed) has these numbers, and no files.
    let is_told = numbers(&device.device).is_some_and(|(vendor, _)| vendor != "0000");
    kind::kind_of(&traits).filter(|_| is_told)
}

fn is_portable(node: &Node) -> bool {
    node.service.as_deref().is_some_and(|service| service.eq_ignore_ascii_case(MTP_SERVICE))
        || node.class.eq_ignore_ascii_case(CLASS_PORTABLE)
}

/// The class that a device or function says, out of `USB\Class_08&SubClass_06&Prot_50`.
fn interface(node: &Node) -> Option<Interface> {
    let has_network = node.class.eq_ignore_ascii_case(CLASS_NETWORK);
    let names_mtp = node.compatible_ids.iter().any(|id| id.eq_ignore_ascii_case("USB\\MS_COMP_MTP"));
    let class = node.compatible_ids.iter().find_map(|id| classes(id, "USB\\Class_"));
    let known = has_network || names_mtp;
    // Its driver's class tells, where its own does not.
    let class = class.or(known.then_some((0xff, 0, 0)))?;
    Some(Interface {
        class,
        name: names_mtp.then(|| "MTP".to_owned()),
        has_driver: node.service.is_some(),
        has_network,
        ..Interface::default()
    })
}

fn device_class(compatible_ids: &[String]) -> u8 {
    const HUB: u8 = 9;
    // Windows' own driver names its hubs `USB\USB20_HUB` and `USB\USB30_HUB`, in place of their class.
    if compatible_ids.iter().any(|id| id.to_ascii_uppercase().ends_with("_HUB")) {
        return HUB;
    }
    let class = compatible_ids.iter().find_map(|id| classes(id, "USB\\DevClass_"));
    let hub = compatible_ids.iter().find_map(|id| classes(id, "USB\\Class_")).filter(|class| class.0 == HUB);
    class.or(hub).unwrap_or_default().0
}

fn classes(id: &str, prefix: &str) -> Option<(u8, u8, u8)> {
    let head = id.get(..prefix.len()).filter(|head| head.eq_ignore_ascii_case(prefix))?;
    let mut parts = id[head.len()..].split('&');
    let number = |text: &str| u8::from_str_radix(text, 16).ok();
    let class = number(parts.next()?)?;
    let mut next = |name: &str| {
        let part = parts.next().unwrap_or_default();
        let named = part.split_once('_').filter(|(own, _)| own.eq_ignore_ascii_case(name));
        named.and_then(|(_, digits)| number(digits)).unwrap_or_default()
    };
    Some((class, next("SubClass"), next("Prot")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_that_windows_made_up_is_none() {
        assert_eq!(serial("4C530001120523107384").as_deref(), Some("4C530001120523107384"));
        assert_eq!(serial("6&38b8d1b3&0&2"), None);
        assert_eq!(serial("外&1"), None);
        assert_eq!(serial("A"), Some("A".to_owned()));
        assert_eq!(serial(""), None);
        assert_eq!(disk_serial("AA951D0000007252&0").as_deref(), Some("AA951D0000007252"));
        assert_eq!(disk_serial("6&1a2b3c&0&_&1"), None);
    }

    #[test]
    fn a_uasp_drive_has_the_serial_number_that_it_tells() {
        assert_eq!(serial("MSFT30160087320341700000F9").as_deref(), Some("160087320341700000F9"));
        assert_eq!(serial("MSFT30").as_deref(), Some("MSFT30"));
        assert_eq!(serial("MSFT7").as_deref(), Some("MSFT7"));
    }

    #[test]
    fn names_of_devices_are_taken_apart() {
        let numbered = |device| numbers(device).map(|(vendor, product)| format!("{vendor}:{product}"));
        assert_eq!(numbered("VID_0E0F&PID_0003&MI_01").as_deref(), Some("0e0f:0003"));
        assert_eq!(numbered("vid_0781&pid_558C").as_deref(), Some("0781:558c"));
        assert_eq!(numbered("ROOT_HUB30"), None);
        assert_eq!(numbered("VID_外科&PID_1"), None);
        let names = disk_names("Disk&Ven_PHD_3.0&Prod_Silicon-Power&Rev_");
        assert_eq!(names.vendor.as_deref(), Some("PHD 3.0"));
        assert_eq!(names.product.as_deref(), Some("Silicon-Power"));
        assert!(is_optical("CdRom&Ven_PLDS&Prod_DVD"));
        let link = "_??_USBSTOR#Disk&Ven_A&Prod_B&Rev_1#S&0#{53f56307-b6bf-11d0-94f2-00a0c91efb8b}";
        assert_eq!(instance_of_link(link).as_deref(), Some("USBSTOR\\Disk&Ven_A&Prod_B&Rev_1\\S&0"));
        assert_eq!(instance_of_link("\\\\?\\Volume{629458e4}"), None);
        assert_eq!(classes("USB\\Class_08&SubClass_06&Prot_62", "USB\\Class_"), Some((8, 6, 0x62)));
        assert_eq!(plain_text("@disk.inf,%d%;Disk drive").as_deref(), Some("Disk drive"));
    }
}
