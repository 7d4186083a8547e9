//! Which row of the ledger is this machine? Serial, UUID, MAC, hostname, in this order; a stronger sign that
//! contradicts is never outvoted by a weaker one that fits.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use daicho_proto::facts::Host;

use crate::ledger::{Device, DeviceStatus, Ledger};
use crate::normal;

pub mod fleet;

pub use fleet::{Elsewhere, Quiet, Shared, Surroundings, Swap, Twin};

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link<'a> {
    /// One row, found by this column.
    Listed {
        /// The row.
        device: &'a Device,
        /// `serial_number`, `hardware_uuid`, `mac_address` or `hostname`.
        by: &'static str,
    },
    /// Several rows fit equally well; nothing is guessed.
    Ambiguous(Vec<&'a Device>),
    /// No row fits.
    Unlisted,
}

/// The columns that name a machine, strongest first.
const COLUMNS: [&str; 4] = ["serial_number", "hardware_uuid", "mac_address", HOSTNAME];

/// So many of them, the first, are the machine's own for life.
const HARDWARE_COLUMNS: usize = 2;

/// The weakest of them: the machine that stands in for another one takes it over.
const HOSTNAME: &str = "hostname";

/// Characters of a NetBIOS name: what Windows keeps of a longer hostname.
const NETBIOS_CHARACTERS: usize = 15;

/// Finds the row of `host`. Who asks for many machines makes one [`Linker`].
pub fn link<'a>(ledger: &'a Ledger, host: &Host) -> Link<'a> {
    Linker::new(ledger).link(host)
}

/// A ledger's rows by what names them.
#[derive(Debug)]
pub struct Linker<'a> {
    devices: &'a [Device],
    index: Cow<'a, Index>,
}

/// The places of a ledger's rows by what names them: made once for a version of the ledger.
#[derive(Clone, Debug, Default)]
pub struct Index {
    columns: [BTreeMap<String, Vec<usize>>; 4],
}

impl Index {
    /// Reads the ledger once.
    pub fn of(ledger: &Ledger) -> Self {
        let mut index = Index::default();
        for (place, device) in ledger.devices.iter().enumerate() {
            for (column, names) in index.columns.iter_mut().zip(names_of_row(device)) {
                for name in names {
                    column.entry(name).or_default().push(place);
                }
            }
        }
        index
    }
}

/// What names a machine, as keys, by column. What makers, people and networks leave in its place is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    columns: [Vec<String>; 4],
    /// Addresses that it had before: those of a dock or adapter that went away.
    former_addresses: Vec<String>,
}

/// A machine that stands where another one stood: under its hostname, with another serial number or UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement<'a> {
    /// The row of the machine that stood there, in use.
    pub broken: &'a Device,
    /// The row of the machine that stands there now, a spare; `None`: it has no row.
    pub spare: Option<&'a Device>,
}

/// A row that a weaker sign points at and a stronger one rules out: a machine that was swapped, or a typing error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss<'a> {
    /// The row.
    pub device: &'a Device,
    /// The column that fits.
    pub fits: &'static str,
    /// The column that contradicts.
    pub differs: &'static str,
}

impl<'a> Linker<'a> {
    /// Reads the ledger once.
    pub fn new(ledger: &'a Ledger) -> Self {
        Linker { devices: &ledger.devices, index: Cow::Owned(Index::of(ledger)) }
    }

    /// Over an index of this very ledger.
    pub fn over(ledger: &'a Ledger, index: &'a Index) -> Self {
        Linker { devices: &ledger.devices, index: Cow::Borrowed(index) }
    }

    /// Finds the row of `host`.
    pub fn link(&self, host: &Host) -> Link<'a> {
        self.link_names(&Names::of(host, &[]))
    }

    /// Finds the row of the machine with these names.
    pub fn link_names(&self, names: &Names) -> Link<'a> {
        let names = &names.columns;
        for (place, by) in COLUMNS.into_iter().enumerate() {
            let mut rows = self.fitting(place, names);
            rows.retain(|row| contradiction(row, names, place).is_none());
            // A scrapped machine's row speaks only where no other does.
            if rows.iter().any(|row| row.status != DeviceStatus::Retired) {
                rows.retain(|row| row.status != DeviceStatus::Retired);
            }
            match rows.as_slice() {
                [] => {}
                [device] => return Link::Listed { device, by },
                _ => return self.by_weaker_signs(&rows, place, by, names),
            }
        }
        Link::Unlisted
    }

    /// The rows that almost fit, for the sentence that tells of an unlisted machine.
    pub fn near_misses(&self, host: &Host) -> Vec<NearMiss<'a>> {
        self.near_misses_of(&Names::of(host, &[]))
    }

    /// The rows that almost fit these names.
    pub fn near_misses_of(&self, names: &Names) -> Vec<NearMiss<'a>> {
        let names = &names.columns;
        let mut misses: Vec<NearMiss<'a>> = Vec::new();
        for (place, fits) in COLUMNS.into_iter().enumerate() {
            for device in self.fitting(place, names) {
                if let Some(differs) = contradiction(device, names, place)
                    && !misses.iter().any(|miss| miss.device.device_id == device.device_id)
                {
                    misses.push(NearMiss { device, fits, differs });
                }
            }
        }
        misses
    }

    /// Whose place the machine with these names has taken (予備機交換): it has the hostname of one device in use and
    /// another serial number or UUID, and it is a spare or has no row. Of two such devices neither is guessed.
    pub fn replacement(&self, names: &Names) -> Option<Replacement<'a>> {
        let spare = match self.link_names(names) {
            Link::Listed { device, by } if device.status == DeviceStatus::Spare && by != HOSTNAME => {
                Some(device)
            }
            Link::Unlisted => None,
            Link::Listed { .. } | Link::Ambiguous(_) => return None,
        };
        let misses = self.near_misses_of(names);
        let mut places = misses.iter().filter(|miss| {
            miss.fits == HOSTNAME
                && miss.device.status == DeviceStatus::InUse
                && spare.is_none_or(|spare| spare.device_id != miss.device.device_id)
        });
        match (places.next(), places.next()) {
            (Some(miss), None) => Some(Replacement { broken: miss.device, spare }),
            _ => None,
        }
    }

    /// Several rows share a name (clones, a lot of one serial): a weaker sign may still tell one of them apart.
    fn by_weaker_signs(
        &self,
        rows: &[&'a Device],
        place: usize,
        by: &'static str,
        names: &[Vec<String>; 4],
    ) -> Link<'a> {
        let mut left = rows.to_vec();
        for weaker in place + 1..COLUMNS.len() {
            let fitting = self.fitting(weaker, names);
            let both: Vec<&Device> = left
                .iter()
                .copied()
                .filter(|row| fitting.iter().any(|fit| std::ptr::eq(*fit, *row)))
                .collect();
            match both.as_slice() {
                [] => {}
                [device] => return Link::Listed { device, by },
                _ => left = both,
            }
        }
        Link::Ambiguous(left)
    }

    fn fitting(&self, place: usize, names: &[Vec<String>; 4]) -> Vec<&'a Device> {
        let mut rows: Vec<&Device> = Vec::new();
        let (Some(column), Some(names)) = (self.index.columns.get(place), names.get(place)) else {
            return rows;
        };
        let places = names.iter().filter_map(|name| column.get(name)).flatten();
        for row in places.filter_map(|place| self.devices.get(*place)) {
            if !rows.iter().any(|known| std::ptr::eq(*known, row)) {
                rows.push(row);
            }
        }
        rows
    }
}

/// What proves that the machine with these names is not the one of a row: the strongest of serial number and UUID in which
/// both name something, and not the same. `None`: nothing does.
pub fn differs(row: &Device, names: &Names) -> Option<&'static str> {
    contradiction(row, &names.columns, HARDWARE_COLUMNS)
}

/// The strongest column before `place` in which row and machine both name something, and not the same.
fn contradiction(row: &Device, host: &[Vec<String>; 4], place: usize) -> Option<&'static str> {
    let row = names_of_row(row);
    let pairs = row.iter().zip(host).zip(COLUMNS).take(place.min(HARDWARE_COLUMNS));
    let mut differing = pairs.filter(|((row, host), _)| {
        !row.is_empty() && !host.is_empty() && !row.iter().any(|name| host.contains(name))
    });
    differing.next().map(|(_, column)| column)
}

fn names_of_row(device: &Device) -> [Vec<String>; 4] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let macs = text(&device.mac_address);
    let separators = [',', '、', '，', ';', '/', '\n', '\r', ' ', '　'];
    [
        serial(&text(&device.serial_number)),
        uuid(&text(&device.hardware_uuid)),
        macs.split(separators).flat_map(mac).collect(),
        hostname(&text(&device.hostname)),
    ]
}

/// The keys of a hostname as a row has it.
pub fn hostname_keys(hostname: &str) -> Vec<String> {
    self::hostname(hostname)
}

impl Names {
    /// What names this machine, and the addresses that it had before.
    pub fn of(host: &Host, former_addresses: &[String]) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let columns = [
            serial(&text(&host.serial_number)),
            uuid(&text(&host.hardware_uuid)),
            host.mac_addresses.iter().flat_map(|address| mac(address)).collect(),
            hostname(&text(&host.hostname)),
        ];
        let former = former_addresses.iter().flat_map(|address| mac(address)).collect();
        Names { columns, former_addresses: former }
    }

    /// These names without what several machines have.
    #[must_use]
    pub fn without(mut self, shared: &Shared) -> Self {
        for (place, names) in self.columns.iter_mut().enumerate() {
            names.retain(|name| !shared.has(place, name));
        }
        self
    }
}

fn serial(text: &str) -> Vec<String> {
    let key = normal::key(text);
    let letters: Vec<char> = key.chars().filter(|c| c.is_alphanumeric()).collect();
    // `00000000`, `FFFF`, `xxxx`: a row of one character is nobody's serial.
    let one_character = letters.windows(2).all(|pair| pair.first() == pair.last());
    if letters.is_empty() || one_character || JUNK.contains(&key.as_str()) { Vec::new() } else { vec![key] }
}

/// A UUID in both orders of its first three fields: SMBIOS changed its mind in version 2.6.
fn uuid(text: &str) -> Vec<String> {
    let key = normal::key(text);
    let digits: String = key.chars().filter(char::is_ascii_hexdigit).collect();
    let others = key.chars().any(|c| !c.is_ascii_hexdigit() && !matches!(c, '-' | '{' | '}' | ' '));
    let one_digit = digits.as_bytes().windows(2).all(|pair| pair.first() == pair.last());
    if digits.len() != 32 || others || one_digit || JUNK.contains(&key.as_str()) {
        return Vec::new();
    }
    let swap = |field: &str| -> String {
        let bytes: Vec<&str> = (0..field.len()).step_by(2).filter_map(|at| field.get(at..at + 2)).collect();
        bytes.into_iter().rev().collect()
    };
    let (a, b, c, rest) = (&digits[..8], &digits[8..12], &digits[12..16], &digits[16..]);
    let swapped = format!("{}{}{}{rest}", swap(a), swap(b), swap(c));
    vec![digits, swapped]
}

/// Twelve hexadecimal digits, however they are separated.
fn mac(text: &str) -> Vec<String> {
    let digits: String = normal::key(text).chars().filter(|c| !matches!(c, ':' | '-' | '.' | ' ')).collect();
    let is_mac = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let one_digit = digits.as_bytes().windows(2).all(|pair| pair.first() == pair.last());
    if is_mac && !one_digit && !is_nobodys(&digits) { vec![digits] } else { Vec::new() }
}

/// Addresses that name no machine: a group's, those that software makes up (Wi-Fi that hides, bridges, tunnels), and
/// those that every copy of a program has. IEEE 802-2014, 8.2: the two lowest bits of the first byte.
fn is_nobodys(digits: &str) -> bool {
    let first = digits.get(..2).and_then(|byte| u8::from_str_radix(byte, 16).ok()).unwrap_or_default();
    let made_up = first & 0b10 != 0 && !KEPT_ADDRESSES.iter().any(|prefix| digits.starts_with(prefix));
    first & 1 != 0 || made_up || JUNK_ADDRESSES.iter().any(|junk| digits.starts_with(junk))
}

/// Without domain, cut where Windows cuts.
fn hostname(text: &str) -> Vec<String> {
    let key = normal::key(text);
    let name: String = key.split('.').next().unwrap_or_default().chars().take(NETBIOS_CHARACTERS).collect();
    if name.is_empty() || JUNK_HOSTNAMES.contains(&name.as_str()) { Vec::new() } else { vec![name] }
}

/// What makers leave in SMBIOS, and people in cells, where a serial or UUID should be.
static JUNK: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let lines = include_str!("../data/junk_serials.txt").lines();
    lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

/// Addresses, or how they begin, that every copy of a program has.
static JUNK_ADDRESSES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let lines = include_str!("../data/junk_addresses.txt").lines();
    let lines = lines.map(|line| line.split('#').next().unwrap_or_default().trim().replace(':', ""));
    lines.filter(|line| !line.is_empty()).collect()
});

/// Made up once for each virtual machine and kept for its life: libvirt, and Xen's older tools.
const KEPT_ADDRESSES: [&str; 2] = ["525400", "aa0000"];

/// Names that say nothing of which machine it is.
const JUNK_HOSTNAMES: [&str; 4] = ["localhost", "(none)", "-", "dhcp"];

#[cfg(test)]
mod tests;
