//! What the kernel's messages tell of USB devices that came and went. Pure.
//!
//! The forms of the messages are those of drivers/usb/core/hub.c (a device comes, its names, it goes), of dev_printk
//! (`DRIVER DEVICE: text`), of drivers/scsi/scsi_scan.c (what a disk is) and of drivers/input/input.c. A device chooses its
//! own names, and may write in them what looks like another message: what it can reach that way is to add to what is said
//! of devices, and to be taken for a keyboard, which a disk or a network interface never is.

use std::collections::BTreeMap;

use daicho_proto::facts::MediumKind;
use jiff::{SignedDuration, Timestamp};

/// Connections that are remembered of one reading, newest first: ten a day for the month that is looked at.
pub(super) const CONNECTIONS_MAX: usize = 256;

/// A string descriptor holds at most 126 characters (USB 2.0, 9.6.7).
const NAME_CHARS_MAX: usize = 126;

/// UAS announces its host without saying for which device: within this time of the device's coming.
const HOST_WITHIN: SignedDuration = SignedDuration::from_secs(10);

/// One time that a USB device was connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Connection {
    /// Bus and ports: `1-2.4`.
    pub(super) port: String,
    /// The number that the kernel gave it this time.
    pub(super) number: Option<u32>,
    pub(super) vendor_id: Option<String>,
    pub(super) product_id: Option<String>,
    pub(super) release: Option<String>,
    pub(super) serial: Option<String>,
    /// It said that it has a serial number.
    pub(super) has_serial: bool,
    pub(super) manufacturer: Option<String>,
    pub(super) product: Option<String>,
    pub(super) from: Timestamp,
    /// `None`: it was not seen to go.
    pub(super) until: Option<Timestamp>,
    nature: Nature,
}

/// What the drivers said of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Nature {
    storage: bool,
    disk: bool,
    optical: bool,
    network: bool,
    quiet: bool,
}

impl Connection {
    fn begin(port: &str, at: Timestamp) -> Self {
        Connection {
            port: port.to_owned(),
            number: None,
            vendor_id: None,
            product_id: None,
            release: None,
            serial: None,
            has_serial: false,
            manufacturer: None,
            product: None,
            from: at,
            until: None,
            nature: Nature::default(),
        }
    }

    /// What it is, by what was said of it, in the order of [`super::kind::kind_of`]. `None`: a keyboard and the like.
    /// `Other`: nothing was said.
    pub(super) fn kind(&self) -> Option<MediumKind> {
        match self.nature {
            Nature { disk: true, .. } => Some(MediumKind::Storage),
            Nature { optical: true, .. } => Some(MediumKind::Optical),
            Nature { storage: true, .. } => Some(MediumKind::Storage),
            Nature { network: true, .. } => Some(MediumKind::Network),
            Nature { quiet: true, .. } => None,
            Nature { .. } => Some(MediumKind::Other),
        }
    }
}

/// Drivers that say what an interface is: their names in messages are those of the kernel's modules.
const STORAGE_DRIVERS: &[&str] = &["usb-storage", "uas"];
/// The drivers of card readers and drives with their own commands (drivers/usb/storage): `ums-realtek`.
const STORAGE_DRIVERS_PREFIX: &str = "ums-";
/// drivers/net/usb, drivers/net/wireless; each of them makes a network interface.
const NETWORK_DRIVERS: &[&str] = &[
    "aqc111",
    "ar5523",
    "asix",
    "ath9k_htc",
    "ath6kl_usb",
    "ax88179_178a",
    "brcmfmac",
    "carl9170",
    "catc",
    "cdc_eem",
    "cdc_ether",
    "cdc_mbim",
    "cdc_ncm",
    "cdc_subset",
    "ch9200",
    "cx82310_eth",
    "dm9601",
    "gl620a",
    "hso",
    "huawei_cdc_ncm",
    "int51x1",
    "ipheth",
    "kalmia",
    "kaweth",
    "lan78xx",
    "lg-vl600",
    "mcs7830",
    "mt7601u",
    "mt76x0u",
    "mt76x2u",
    "mt7663u",
    "mt7921u",
    "mt7925u",
    "net1080",
    "p54usb",
    "pegasus",
    "plusb",
    "qmi_wwan",
    "r8152",
    "r8153_ecm",
    "r8188eu",
    "r8712u",
    "rndis_host",
    "rndis_wlan",
    "rsi_usb",
    "rt2500usb",
    "rt2800usb",
    "rt73usb",
    "rtl8150",
    "rtl8187",
    "rtl8192cu",
    "rtl8xxxu",
    "rtw_8723du",
    "rtw_8821cu",
    "rtw_8822bu",
    "rtw_8822cu",
    "sierra_net",
    "smsc75xx",
    "smsc95xx",
    "sr9700",
    "sr9800",
    "zaurus",
    "zd1201",
    "zd1211rw",
];
/// Drivers of what carries no files: hubs, input, sound, pictures of a room, printers, serial lines, Bluetooth.
const QUIET_DRIVERS: &[&str] = &[
    "btusb",
    "ch341",
    "cp210x",
    "ftdi_sio",
    "hub",
    "mct_u232",
    "pl2303",
    "snd-usb-audio",
    "snd_usb_audio",
    "usbhid",
    "usblp",
    "usbtmc",
    "usbtouchscreen",
    "uvcvideo",
];

/// Takes the kernel's messages in, oldest first.
#[derive(Debug, Default)]
pub(super) struct KernelLog {
    /// By port.
    open: BTreeMap<String, Connection>,
    done: Vec<Connection>,
    /// Of the SCSI hosts that are USB devices: their ports.
    hosts: BTreeMap<u32, String>,
    last_at: Option<Timestamp>,
}

impl KernelLog {
    /// The machine started again: whatever was in was not seen to go.
    pub(super) fn restart(&mut self) {
        let last_at = self.last_at.take();
        let ended = std::mem::take(&mut self.open).into_values();
        let ended = ended
            .map(|connection| Connection { until: last_at.map(|at| at.max(connection.from)), ..connection });
        self.done.extend(ended);
        self.hosts.clear();
        self.forget();
    }

    /// One message, without the time of the kernel's own clock.
    pub(super) fn take(&mut self, at: Timestamp, message: &str) {
        if message.starts_with("Linux version ") {
            self.restart();
        }
        self.last_at = Some(at);
        let Some((speaker, text)) = message.split_once(": ") else {
            return;
        };
        let mut words = speaker.split_ascii_whitespace();
        let (Some(driver), device) = (words.next(), words.next()) else {
            return;
        };
        match (driver, device) {
            ("usb", Some(port)) if is_port(port) => self.of_device(at, port, text),
            ("input", None) => self.of_input(text),
            ("scsi", Some(device)) => self.of_scsi(at, device, text),
            (_, Some(device)) => self.of_driver(driver, device),
            _ => {}
        }
    }

    /// Every connection, oldest first.
    pub(super) fn finish(mut self) -> Vec<Connection> {
        let open = std::mem::take(&mut self.open);
        self.done.extend(open.into_values());
        self.forget();
        self.done
    }

    fn of_device(&mut self, at: Timestamp, port: &str, text: &str) {
        if let Some(number) = announced(text) {
            self.end(port, at);
            let connection = Connection { number: Some(number), ..Connection::begin(port, at) };
            self.open.insert(port.to_owned(), connection);
        } else if text.starts_with("USB disconnect") {
            self.end(port, at);
        } else if let Some(numbers) = text.strip_prefix("New USB device found, ") {
            // A second finding without a coming: the record has a hole.
            if self.open.get(port).is_some_and(|known| known.vendor_id.is_some()) {
                self.end(port, at);
            }
            let connection = self.open.entry(port.to_owned()).or_insert_with(|| Connection::begin(port, at));
            connection.vendor_id = value(numbers, "idVendor").and_then(four_digits);
            connection.product_id = value(numbers, "idProduct").and_then(four_digits);
            connection.release = value(numbers, "bcdDevice").and_then(release);
        } else if let Some(connection) = self.open.get_mut(port) {
            let name = |text: &str| {
                let text: String = text.trim().chars().take(NAME_CHARS_MAX).collect();
                (!text.is_empty()).then_some(text)
            };
            if let Some(indices) = text.strip_prefix("New USB device strings: ") {
                connection.has_serial = value(indices, "SerialNumber").is_some_and(|index| index != "0");
            } else if let Some(product) = text.strip_prefix("Product: ") {
                connection.product = name(product);
            } else if let Some(manufacturer) = text.strip_prefix("Manufacturer: ") {
                connection.manufacturer = name(manufacturer);
            } else if let Some(serial) = text.strip_prefix("SerialNumber: ") {
                connection.serial = name(serial);
            } else if text.starts_with("Found UVC ") || text.contains(" converter now attached to ttyUSB") {
                connection.nature.quiet = true;
            }
        }
    }

    /// `input: NAME as /devices/.../1-2/1-2:1.0/...`: a keyboard, a mouse, a button. The name is the device's own.
    fn of_input(&mut self, text: &str) {
        let path = text.rsplit_once(" as /devices/").map(|(_, path)| path);
        let port = path.and_then(|path| path.split('/').find_map(interface_port));
        if let Some(connection) = port.and_then(|port| self.open.get_mut(port)) {
            connection.nature.quiet = true;
        }
    }

    /// `scsi host6: usb-storage 1-2:1.0`, `scsi host6: uas`, `scsi 6:0:0:0: Direct-Access ...`.
    fn of_scsi(&mut self, at: Timestamp, device: &str, text: &str) {
        if let Some(host) = device.strip_prefix("host").and_then(|host| host.parse().ok()) {
            let (driver, interface) = text.split_once(' ').unwrap_or((text, ""));
            let named = interface_port(interface).map(str::to_owned);
            let port = named.or_else(|| (driver == "uas").then(|| self.newest_unnamed(at)).flatten());
            self.hosts.remove(&host);
            if let Some(port) = port.filter(|port| self.open.contains_key(port)) {
                self.of_driver(driver, &format!("{port}:1.0"));
                self.hosts.insert(host, port);
            }
            return;
        }
        let host = device.split(':').next().and_then(|host| host.parse().ok());
        let port = host.and_then(|host: u32| self.hosts.get(&host));
        if let Some(connection) = port.and_then(|port| self.open.get_mut(port)) {
            connection.nature.storage = true;
            connection.nature.disk |= text.starts_with("Direct-Access") || text.starts_with("Optical Device");
            connection.nature.optical |= text.starts_with("CD-ROM") || text.starts_with("WORM");
        }
    }

    /// The one device that came just now and of which no driver has said anything.
    fn newest_unnamed(&self, at: Timestamp) -> Option<String> {
        let fresh = |it: &&Connection| {
            it.nature == Nature::default() && at.duration_since(it.from).abs() <= HOST_WITHIN
        };
        let mut fresh = self.open.values().filter(fresh);
        let first = fresh.next()?;
        fresh.next().is_none().then(|| first.port.clone())
    }

    /// `DRIVER 1-2:1.0: ...`, `DRIVER 1-2:1.0 eth1: ...`, `DRIVER 0003:046D:C31C.0001: ...` of an input device.
    fn of_driver(&mut self, driver: &str, device: &str) {
        if let Some((vendor, product)) = input_numbers(device) {
            let same = |it: &&mut Connection| {
                it.vendor_id.as_ref() == Some(&vendor) && it.product_id.as_ref() == Some(&product)
            };
            self.open.values_mut().filter(same).for_each(|it| it.nature.quiet = true);
            return;
        }
        let Some(connection) = interface_port(device).and_then(|port| self.open.get_mut(port)) else {
            return;
        };
        let nature = &mut connection.nature;
        nature.storage |= STORAGE_DRIVERS.contains(&driver) || driver.starts_with(STORAGE_DRIVERS_PREFIX);
        nature.network |= NETWORK_DRIVERS.contains(&driver);
        nature.quiet |= QUIET_DRIVERS.contains(&driver);
    }

    fn end(&mut self, port: &str, at: Timestamp) {
        if let Some(connection) = self.open.remove(port) {
            self.done.push(Connection { until: Some(at.max(connection.from)), ..connection });
            self.hosts.retain(|_, other| other != port);
            if self.done.len() >= 2 * CONNECTIONS_MAX {
                self.forget();
            }
        }
    }

    /// What never said its numbers is no device that could be named; of the rest the newest stay.
    fn forget(&mut self) {
        self.done.retain(|connection| connection.vendor_id.is_some() && connection.kind().is_some());
        self.done.sort_by_key(|connection| connection.from);
        let excess = self.done.len().saturating_sub(CONNECTIONS_MAX);
        self.done.drain(..excess);
    }
}

/// `new high-speed USB device number 5 using xhci_hcd`.
fn announced(text: &str) -> Option<u32> {
    let (speed, rest) = text.strip_prefix("new ")?.split_once("USB device number ")?;
    let number = rest.split(' ').next()?;
    (speed.len() <= 40).then(|| number.parse().ok())?
}

/// `1-2.4`: bus, then ports.
fn is_port(name: &str) -> bool {
    let digits =
        |text: &str| !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    name.split_once('-').is_some_and(|(bus, ports)| digits(bus) && ports.split('.').all(digits))
}

/// The port of an interface: `1-2` of `1-2:1.0`.
fn interface_port(name: &str) -> Option<&str> {
    let (port, interface) = name.trim_end_matches(':').split_once(':')?;
    let is_interface = interface.split_once('.').is_some_and(|(configuration, number)| {
        [configuration, number].iter().all(|part| part.parse::<u8>().is_ok())
    });
    (is_interface && is_port(port)).then_some(port)
}

/// Vendor and product of `0003:046D:C31C.0001`; bus 3 is USB (input.h, BUS_USB).
fn input_numbers(name: &str) -> Option<(String, String)> {
    let (vendor, product) = name.strip_prefix("0003:")?.split_once('.')?.0.split_once(':')?;
    Some((four_digits(vendor)?, four_digits(product)?))
}

/// The value of `key` in `a=1, b=2`.
fn value<'a>(list: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
}

fn four_digits(text: &str) -> Option<String> {
    let hexadecimal = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal.then(|| text.to_ascii_lowercase())
}

/// `1.00` as sysfs writes it: `0100`.
fn release(text: &str) -> Option<String> {
    let (major, minor) = text.split_once('.')?;
    let number = |text: &str| u8::from_str_radix(text.trim(), 16).ok();
    Some(format!("{:02x}{:02x}", number(major)?, number(minor)?))
}

#[cfg(test)]
mod tests;
