//! Disks by their numbers, and volumes with what they are mounted at. Handles have no right to read or write (access 0):
//! such a one mounts no file system, locks nothing, and lets a medium go.

use std::mem::size_of;

use windows::Win32::Foundation::{
    CloseHandle, ERROR_MORE_DATA, ERROR_NO_MEDIA_IN_DRIVE, ERROR_NOT_READY, HANDLE,
};
use windows::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAGS_AND_ATTRIBUTES, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
    FindFirstVolumeW, FindNextVolumeW, FindVolumeClose, GetVolumePathNamesForVolumeNameW, OPEN_EXISTING,
};
use windows::Win32::System::IO::DeviceIoControl;
use windows::Win32::System::Ioctl::{
    IOCTL_STORAGE_CHECK_VERIFY2, IOCTL_STORAGE_GET_DEVICE_NUMBER, STORAGE_DEVICE_NUMBER,
};
use windows::core::HSTRING;

use crate::platform::windows::media::plugged::{Filling, Volume};

/// `\\?\Volume{...}\` has 49 characters.
const NAME_CHARACTERS: usize = 64;

/// More volumes than a machine has.
const VOLUMES_MAX: usize = 1024;

/// Places that one volume is mounted at, in characters.
const MOUNTS_MAX: usize = 1 << 16;

/// A handle that is closed when it is dropped.
pub(super) struct Open(HANDLE);

impl Drop for Open {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "there is no safe call that opens a device without any right")]
        // SAFETY: the handle came from CreateFileW and is closed here alone. What closing answers changes nothing.
        let _ = unsafe { CloseHandle(self.0) };
    }
}

/// Opens a device or volume without any right to it. `None`: it is gone, or nobody may.
pub(super) fn open(path: &str) -> Option<Open> {
    let shared = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    let path = HSTRING::from(path);
    #[expect(unsafe_code, reason = "there is no safe call that opens a device without any right")]
    // SAFETY: the path ends in NUL and lives as long as the call.
    let handle =
        unsafe { CreateFileW(&path, 0, shared, None, OPEN_EXISTING, FILE_FLAGS_AND_ATTRIBUTES(0), None) };
    handle.ok().map(Open)
}

/// Type and number of the disk.
pub(super) fn number(disk: &Open) -> Option<(u32, u32)> {
    let mut number = STORAGE_DEVICE_NUMBER::default();
    let mut written = 0;
    let size = u32::try_from(size_of::<STORAGE_DEVICE_NUMBER>()).ok()?;
    #[expect(unsafe_code, reason = "there is no safe call that asks a device")]
    // SAFETY: at most `size` bytes, which is what the structure has, are written to it; any bytes are numbers.
    let answered = unsafe {
        DeviceIoControl(
            disk.0,
            IOCTL_STORAGE_GET_DEVICE_NUMBER,
            None,
            0,
            Some((&raw mut number).cast()),
            size,
            Some(&raw mut written),
            None,
        )
    };
    (answered.is_ok() && written == size).then_some((number.DeviceType, number.DeviceNumber))
}

/// Whether a disc or card lies in it, and the how-many-th.
pub(super) fn filling(drive: &Open) -> Filling {
    let mut count = 0_u32;
    let mut written = 0;
    #[expect(unsafe_code, reason = "there is no safe call that asks a device")]
    // SAFETY: at most four bytes, which is what the number has, are written to it.
    let answered = unsafe {
        DeviceIoControl(
            drive.0,
            IOCTL_STORAGE_CHECK_VERIFY2,
            None,
            0,
            Some((&raw mut count).cast()),
            4,
            Some(&raw mut written),
            None,
        )
    };
    let empty = [ERROR_NOT_READY, ERROR_NO_MEDIA_IN_DRIVE].map(|error| error.to_hresult());
    match answered {
        Ok(()) => Filling::Filled(count),
        Err(error) if empty.contains(&error.code()) => Filling::Empty,
        Err(_) => Filling::Unasked,
    }
}

/// All volumes that there are now.
pub(super) fn all() -> Vec<Volume> {
    let mut name = [0_u16; NAME_CHARACTERS];
    #[expect(unsafe_code, reason = "there is no safe call for the list of volumes")]
    // SAFETY: at most as many characters are written as the buffer has.
    let Ok(list) = (unsafe { FindFirstVolumeW(&mut name) }) else {
        return Vec::new();
    };
    let mut volumes = Vec::new();
    while volumes.len() < VOLUMES_MAX {
        let text = String::from_utf16_lossy(name.split(|unit| *unit == 0).next().unwrap_or_default());
        // The path without its last backslash is the device; with it, its file system.
        let device = open(text.trim_end_matches('\\'));
        volumes.push(Volume { mounts: mounts(&text), number: device.as_ref().and_then(number) });
        #[expect(unsafe_code, reason = "there is no safe call for the list of volumes")]
        // SAFETY: the list is open until the loop ends; at most as many characters are written as the buffer has.
        let next = unsafe { FindNextVolumeW(list, &mut name) };
        if next.is_err() {
            break;
        }
    }
    #[expect(unsafe_code, reason = "there is no safe call for the list of volumes")]
    // SAFETY: the list was opened above and is closed here alone. What closing answers changes nothing.
    let _ = unsafe { FindVolumeClose(list) };
    volumes
}

/// Letters and folders, without their last backslash.
fn mounts(volume: &str) -> Vec<String> {
    let volume = HSTRING::from(volume);
    let mut places = vec![0_u16; 512];
    loop {
        let mut length = 0;
        #[expect(unsafe_code, reason = "there is no safe call for where a volume is mounted")]
        // SAFETY: the name ends in NUL; at most as many characters are written as the buffer has.
        let answered =
            unsafe { GetVolumePathNamesForVolumeNameW(&volume, Some(&mut places), &raw mut length) };
        match answered {
            Ok(()) => break,
            Err(error) if error.code() == ERROR_MORE_DATA.to_hresult() && places.len() < MOUNTS_MAX => {
                places = vec![0_u16; MOUNTS_MAX];
            }
            Err(_) => return Vec::new(),
        }
    }
    let texts = places.split(|unit| *unit == 0).take_while(|text| !text.is_empty());
    texts.map(|text| String::from_utf16_lossy(text).trim_end_matches('\\').to_owned()).collect()
}
