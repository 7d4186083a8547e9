//! Which row of the ledger is this machine? Serial, UUID, MAC, hostname, in this order; a stronger sign that
//! contradicts is never outvoted by a weaker one that fits.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use daicho_proto::facts::Host;

use crate::ledger::{Device, DeviceStatus, Ledger};
use crate::normal;

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
const COLUMNS: [&str; 4] = ["serial_number", "hardware_uuid", "mac_address", "hostname"];

/// Characters of a NetBIOS name: what Windows keeps of a longer hostname.
const NETBIOS_CHARACTERS: usize = 15;

/// Finds the row of `host`. Who asks for many machines makes one [`Linker`].
pub fn link<'a>(ledger: &'a Ledger, host: &Host) -> Link<'a> {
    Linker::new(ledger).link(host)
}

/// A ledger's rows by what names them.
#[derive(Debug)]
pub struct Linker<'a> {
    columns: [BTreeMap<String, Vec<&'a Device>>; 4],
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
        let mut columns: [BTreeMap<String, Vec<&Device>>; 4] = Default::default();
        for device in &ledger.devices {
            for (column, names) in columns.iter_mut().zip(names_of_row(device)) {
                for name in names {
                    column.entry(name).or_default().push(device);
                }
            }
        }
        Linker { columns }
    }

    /// Finds the row of `host`.
    pub fn link(&self, host: &Host) -> Link<'a> {
        let names = names_of_host(host);
        for (place, by) in COLUMNS.into_iter().enumerate() {
            let mut rows = self.fitting(place, &names);
            rows.retain(|row| contradiction(row, &names, place).is_none());
            // A scrapped machine's row speaks only where no other does.
            if rows.iter().any(|row| row.status != DeviceStatus::Retired) {
                rows.retain(|row| row.status != DeviceStatus::Retired);
            }
            match rows.as_slice() {
                [] => {}
                [device] => return Link::Listed { device, by },
                _ => return self.by_weaker_signs(&rows, place, by, &names),
            }
        }
        Link::Unlisted
    }

    /// The rows that almost fit, for the sentence that tells of an unlisted machine.
    pub fn near_misses(&self, host: &Host) -> Vec<NearMiss<'a>> {
        let names = names_of_host(host);
        let mut misses: Vec<NearMiss<'a>> = Vec::new();
        for (place, fits) in COLUMNS.into_iter().enumerate() {
            for device in self.fitting(place, &names) {
                if let Some(differs) = contradiction(device, &names, place)
                    && !misses.iter().any(|miss| miss.device.device_id == device.device_id)
                {
                    misses.push(NearMiss { device, fits, differs });
                }
            }
        }
        misses
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
        let (Some(column), Some(names)) = (self.columns.get(place), names.get(place)) else { return rows };
        for row in names.iter().filter_map(|name| column.get(name)).flatten() {
            if !rows.iter().any(|known| std::ptr::eq(*known, *row)) {
                rows.push(row);
            }
        }
        rows
    }
}

/// The strongest column before `place` in which row and machine both name something, and not the same.
fn contradiction(row: &Device, host: &[Vec<String>; 4], place: usize) -> Option<&'static str> {
    let row = names_of_row(row);
    let pairs = row.iter().zip(host).zip(COLUMNS).take(place.min(2));
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

fn names_of_host(host: &Host) -> [Vec<String>; 4] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        serial(&text(&host.serial_number)),
        uuid(&text(&host.hardware_uuid)),
        host.mac_addresses.iter().flat_map(|address| mac(address)).collect(),
        hostname(&text(&host.hostname)),
    ]
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
    if is_mac && !one_digit { vec![digits] } else { Vec::new() }
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

/// Names that say nothing of which machine it is.
const JUNK_HOSTNAMES: [&str; 4] = ["localhost", "(none)", "-", "dhcp"];

#[cfg(test)]
mod tests;
