//! The maker's table in the firmware (SMBIOS, DMTF DSP0134): serial number and UUID. Pure, for any bytes.

use crate::platform::makers::identity;

/// Structures that are looked at: a table has some hundred.
const STRUCTURES_MAX: usize = 10_000;

/// What the table says of the system (type 1).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct System {
    /// Lower case, with hyphens.
    pub(super) uuid: Option<String>,
    pub(super) serial_number: Option<String>,
}

/// Understands what `GetSystemFirmwareTable('RSMB')` answers: a header of eight bytes (`RawSMBIOSData`) and the table.
pub(super) fn parse(raw: &[u8]) -> Option<System> {
    let (header, table) = raw.split_at_checked(8)?;
    let version = (header[1], header[2]);
    let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    let mut rest = table.get(..usize::try_from(length).ok()?).unwrap_or(table);
    for _ in 0..STRUCTURES_MAX {
        let (&kind, &length) = (rest.first()?, rest.get(1)?);
        let formatted = rest.get(..usize::from(length)).filter(|formatted| formatted.len() >= 4)?;
        let strings = &rest[formatted.len()..];
        if kind == 1 {
            return Some(System {
                uuid: formatted.get(8..24).and_then(|bytes| uuid(bytes, version)),
                serial_number: formatted
                    .get(7)
                    .and_then(|&number| string(strings, number))
                    .and_then(|text| identity(&text)),
            });
        }
        // The strings end with an empty one; where there are none, two zeros stand.
        let end = strings.windows(2).position(|pair| pair == [0, 0])?;
        rest = &strings[end + 2..];
    }
    None
}

/// The string of this number, counted from 1; 0: none.
fn string(strings: &[u8], number: u8) -> Option<String> {
    let text = strings.split(|&byte| byte == 0).nth(usize::from(number).checked_sub(1)?)?;
    Some(String::from_utf8_lossy(text).trim().to_owned())
}

/// Since SMBIOS 2.6 the first three fields are little-endian; before, all were written as they are read, and Linux tells
/// them so. All zeros or all ones: the maker gave none.
fn uuid(bytes: &[u8], version: (u8, u8)) -> Option<String> {
    let bytes = bytes.try_into().ok()?;
    let uuid =
        if version >= (2, 6) { uuid::Uuid::from_bytes_le(bytes) } else { uuid::Uuid::from_bytes(bytes) };
    identity(&uuid.hyphenated().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with a BIOS structure before the system's.
    fn table(version: (u8, u8), serial: &str, uuid: [u8; 16]) -> Vec<u8> {
        let mut table = vec![0, 6, 0, 0, 1, 2];
        table.extend(b"LENOVO\0N2JET\0\0");
        table.extend([1, 27, 1, 0, 1, 2, 3, 4]);
        table.extend(uuid);
        table.extend([6, 0, 0]);
        table.extend(format!("LENOVO\020N4\0ThinkPad\0{serial}\0\0").bytes());
        table.extend([127, 4, 2, 0, 0, 0]);
        let mut raw = vec![0, version.0, version.1, 0];
        raw.extend(u32::try_from(table.len()).unwrap().to_le_bytes());
        raw.extend(table);
        raw
    }

    const UUID: [u8; 16] = [0, 17, 34, 51, 68, 85, 102, 119, 136, 153, 170, 187, 204, 221, 238, 255];

    #[test]
    fn the_systems_structure_names_the_machine() {
        let system = parse(&table((3, 2), "PF0ABC12 ", UUID)).unwrap();
        assert_eq!(system.uuid.as_deref(), Some("33221100-5544-7766-8899-aabbccddeeff"));
        assert_eq!(system.serial_number.as_deref(), Some("PF0ABC12"));
        let old = parse(&table((2, 4), "VMware-56 4d", UUID)).unwrap();
        assert_eq!(old.uuid.as_deref(), Some("00112233-4455-6677-8899-aabbccddeeff"));
    }

    #[test]
    fn what_a_maker_left_blank_names_nothing() {
        let blank = parse(&table((3, 0), "To be filled by O.E.M.", [0xff; 16])).unwrap();
        assert_eq!(blank, System::default());
    }

    #[test]
    fn no_bytes_make_the_table_panic() {
        let mut chance = fastrand::Rng::with_seed(1);
        let whole = table((3, 2), "PF0ABC12", UUID);
        for length in 0..whole.len() {
            parse(&whole[..length]);
        }
        for _ in 0..20_000 {
            let mut bytes = whole.clone();
            for _ in 0..chance.usize(1..8) {
                let at = chance.usize(..bytes.len());
                bytes[at] = chance.u8(..);
            }
            parse(&bytes);
        }
    }
}
