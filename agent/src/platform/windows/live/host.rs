//! Firmware, network adapters and the time since the start, of this machine.

use std::time::Duration;

use windows::Win32::Foundation::NO_ERROR;
use windows::Win32::NetworkManagement::IpHelper::{FreeMibTable, GetIfTable2, MIB_IF_ROW2, MIB_IF_TABLE2};
use windows::Win32::System::SystemInformation::{GetSystemFirmwareTable, GetTickCount64, RSMB};

use crate::platform::windows::host::{Interface, Running};

/// A firmware's table is some kilobytes, and its length a number of 32 bits that we do not trust.
const FIRMWARE_BYTES_MAX: u32 = 1 << 20;

/// `IF_TYPE_ETHERNET_CSMACD` and `IF_TYPE_IEEE80211` (ipifcons.h).
const TYPES: [u32; 2] = [6, 71];

/// `HardwareInterface` and `ConnectorPresent` of `MIB_IF_ROW2` (netioapi.h); a filter above an adapter has neither.
const HARDWARE: u8 = 1 | 1 << 2;

/// Asks for everything; what is not answered is a problem.
pub(in crate::platform::windows) fn ask() -> Running {
    let mut problems = Vec::new();
    let firmware = firmware();
    if firmware.is_none() {
        problems.push(
            "GetSystemFirmwareTable gave no SMBIOS table, so serial number and UUID are unknown".to_owned(),
        );
    }
    let interfaces = interfaces().unwrap_or_else(|error| {
        problems
            .push(format!("GetIfTable2 gave no network adapters, so their addresses are unknown: {error}"));
        Vec::new()
    });
    Running { firmware, interfaces, up_for: Some(up_for()), problems }
}

fn firmware() -> Option<Vec<u8>> {
    #[expect(unsafe_code, reason = "there is no safe call for the firmware's table")]
    // SAFETY: without a buffer only the size is answered.
    let size = unsafe { GetSystemFirmwareTable(RSMB, 0, None) };
    if size == 0 || size > FIRMWARE_BYTES_MAX {
        return None;
    }
    let mut table = vec![0; usize::try_from(size).ok()?];
    #[expect(unsafe_code, reason = "there is no safe call for the firmware's table")]
    // SAFETY: at most the length of the slice is written to it.
    let written = unsafe { GetSystemFirmwareTable(RSMB, 0, Some(&mut table)) };
    let written = usize::try_from(written).ok().filter(|&written| written > 0 && written <= table.len())?;
    table.truncate(written);
    Some(table)
}

fn interfaces() -> std::io::Result<Vec<Interface>> {
    let mut table: *mut MIB_IF_TABLE2 = std::ptr::null_mut();
    #[expect(unsafe_code, reason = "there is no safe call for the table of interfaces")]
    // SAFETY: the pointer lives on this stack; on success it points to a table that is ours to free.
    let result = unsafe { GetIfTable2(&raw mut table) };
    if result != NO_ERROR || table.is_null() {
        return Err(std::io::Error::from_raw_os_error(result.0.cast_signed()));
    }
    #[expect(unsafe_code, reason = "the table's length is in the table")]
    // SAFETY: the call succeeded, so `Table` begins a run of `NumEntries` rows, which is read before it is freed, once.
    let interfaces = unsafe {
        let count = usize::try_from((*table).NumEntries).unwrap_or_default();
        let rows = std::slice::from_raw_parts((&raw const (*table).Table).cast::<MIB_IF_ROW2>(), count);
        let interfaces = rows.iter().filter_map(interface).collect();
        FreeMibTable(table.cast());
        interfaces
    };
    Ok(interfaces)
}

fn interface(row: &MIB_IF_ROW2) -> Option<Interface> {
    let is_hardware = row.InterfaceAndOperStatusFlags._bitfield & HARDWARE == HARDWARE;
    if row.PhysicalAddressLength != 6 || !TYPES.contains(&row.Type) || !is_hardware {
        return None;
    }
    let permanent = <[u8; 6]>::try_from(row.PermanentPhysicalAddress.get(..6)?).ok()?;
    let now = <[u8; 6]>::try_from(row.PhysicalAddress.get(..6)?).ok()?;
    // An adapter that does not tell its own may be told a random one: those have the second bit set.
    let address = if permanent != [0; 6] { permanent } else { now };
    let random = permanent == [0; 6] && now[0] & 2 != 0;
    (!random).then(|| Interface { guid: format!("{{{:?}}}", row.InterfaceGuid), address })
}

fn up_for() -> Duration {
    #[expect(unsafe_code, reason = "there is no safe call for the time since the start")]
    // SAFETY: the function takes nothing and answers a number.
    let milliseconds = unsafe { GetTickCount64() };
    Duration::from_millis(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_started_some_time_ago() {
        let running = ask();
        assert!(running.up_for.is_some_and(|up_for| !up_for.is_zero()));
        assert!(running.interfaces.iter().all(|interface| interface.guid.len() == 38), "{running:?}");
    }
}
