//! Who may do what with a file or folder (access control lists), and whom it belongs to.

use std::fs::File;
use std::io;
use std::os::windows::io::FromRawHandle as _;
use std::path::Path;

use windows::Win32::Foundation::{CloseHandle, ERROR_SUCCESS, HANDLE, HLOCAL, LocalFree};
use windows::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, ConvertStringSidToSidW,
    GetNamedSecurityInfoW, SDDL_REVISION_1, SE_FILE_OBJECT, SetNamedSecurityInfoW,
};
use windows::Win32::Security::{
    ACL, CheckTokenMembership, DACL_SECURITY_INFORMATION, GetSecurityDescriptorDacl,
    GetSecurityDescriptorOwner, GetTokenInformation, OWNER_SECURITY_INFORMATION,
    PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES, TOKEN_QUERY,
    TOKEN_USER, TokenUser,
};
use windows::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_GENERIC_WRITE, FILE_SHARE_NONE,
};
use windows::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};
use windows::core::{BOOL, HSTRING, PWSTR};

use super::win32;
use crate::files::descriptor;

/// Makes a folder for SYSTEM and the administrators alone; nobody can enter it for a moment before.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    let descriptor = Descriptor::private(true)?;
    let attributes = descriptor.attributes();
    #[expect(unsafe_code, reason = "the standard library makes folders with what the parent passes on")]
    // SAFETY: the path ends with a zero, and the attributes point to a descriptor that lives until the call is over.
    unsafe { CreateDirectoryW(&HSTRING::from(path.as_os_str()), Some(&raw const attributes)) }.map_err(win32)
}

/// Makes a file for SYSTEM and the administrators alone, for writing; it may not be there yet.
pub(crate) fn create_file(path: &Path) -> io::Result<File> {
    let descriptor = Descriptor::private(false)?;
    let attributes = descriptor.attributes();
    #[expect(unsafe_code, reason = "the standard library makes files with what the folder passes on")]
    // SAFETY: as above; the handle is new and nobody else's, so the file may own it.
    unsafe {
        let handle = CreateFileW(
            &HSTRING::from(path.as_os_str()),
            FILE_GENERIC_WRITE.0,
            FILE_SHARE_NONE,
            Some(&raw const attributes),
            CREATE_NEW,
            FILE_ATTRIBUTE_NORMAL,
            None,
        );
        handle.map(|handle| File::from_raw_handle(handle.0)).map_err(win32)
    }
}

/// Gives what is there to the administrators, for them and SYSTEM alone. What lies in a folder and takes over its rights
/// takes over these.
pub(crate) fn protect(path: &Path, is_folder: bool) -> io::Result<()> {
    let descriptor = Descriptor::private(is_folder)?;
    let (mut owner, mut list) = (PSID::default(), std::ptr::null_mut::<ACL>());
    let (mut is_default, mut is_there) = (BOOL(0), BOOL(0));
    #[expect(unsafe_code, reason = "the standard library does not know access control lists")]
    // SAFETY: owner and list point into the descriptor, which lives until the call is over; the path ends with a zero.
    let result = unsafe {
        GetSecurityDescriptorOwner(descriptor.0, &raw mut owner, &raw mut is_default).map_err(win32)?;
        GetSecurityDescriptorDacl(descriptor.0, &raw mut is_there, &raw mut list, &raw mut is_default)
            .map_err(win32)?;
        SetNamedSecurityInfoW(
            &HSTRING::from(path.as_os_str()),
            SE_FILE_OBJECT,
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
            Some(owner),
            None,
            Some(list),
            None,
        )
    };
    if result == ERROR_SUCCESS { Ok(()) } else { Err(error_of(result.0)) }
}

/// The SID of whom a file or folder belongs to.
pub(crate) fn owner(path: &Path) -> io::Result<String> {
    let (mut owner, mut descriptor) = (PSID::default(), PSECURITY_DESCRIPTOR::default());
    #[expect(unsafe_code, reason = "the standard library does not know owners on Windows")]
    // SAFETY: the owner points into the descriptor, which is ours to release and lives until its text is made.
    unsafe {
        let result = GetNamedSecurityInfoW(
            &HSTRING::from(path.as_os_str()),
            SE_FILE_OBJECT,
            OWNER_SECURITY_INFORMATION,
            Some(&raw mut owner),
            None,
            None,
            None,
            &raw mut descriptor,
        );
        if result != ERROR_SUCCESS {
            return Err(error_of(result.0));
        }
        let _released_at_the_end = Descriptor(descriptor);
        text_of(owner)
    }
}

/// The list of a file or folder as text (SDDL).
#[cfg(test)]
pub(crate) fn describe(path: &Path) -> io::Result<String> {
    use windows::Win32::Security::Authorization::ConvertSecurityDescriptorToStringSecurityDescriptorW;
    let (mut descriptor, mut text) = (PSECURITY_DESCRIPTOR::default(), PWSTR::null());
    #[expect(unsafe_code, reason = "the standard library does not know access control lists")]
    // SAFETY: the descriptor and the text are the system's, live until they are copied, and are released once.
    unsafe {
        let result = GetNamedSecurityInfoW(
            &HSTRING::from(path.as_os_str()),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION,
            None,
            None,
            None,
            None,
            &raw mut descriptor,
        );
        if result != ERROR_SUCCESS {
            return Err(error_of(result.0));
        }
        let descriptor = Descriptor(descriptor);
        ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor.0,
            SDDL_REVISION_1,
            DACL_SECURITY_INFORMATION,
            &raw mut text,
            None,
        )
        .map_err(win32)?;
        let owned = text.to_string().map_err(io::Error::other);
        LocalFree(Some(HLOCAL(text.0.cast())));
        owned
    }
}

/// The SID of the account that this process works as.
pub(crate) fn own_account() -> io::Result<String> {
    let mut token = HANDLE::default();
    // The structure points to a SID behind it, and none is longer than 68 bytes (SECURITY_MAX_SID_SIZE).
    let mut room = [0u64; (size_of::<TOKEN_USER>() + 68).div_ceil(8)];
    let mut needed = 0;
    #[expect(unsafe_code, reason = "the standard library does not know who it works as")]
    // SAFETY: the token is open while it is asked, and is closed once. The room is aligned for the structure, and its
    // length is told; the SID points into it.
    unsafe {
        OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token).map_err(win32)?;
        let length = u32::try_from(size_of_val(&room)).unwrap_or(0);
        let told =
            GetTokenInformation(token, TokenUser, Some(room.as_mut_ptr().cast()), length, &raw mut needed);
        // A handle that was just opened can be closed.
        CloseHandle(token).ok();
        told.map_err(win32)?;
        text_of((*room.as_ptr().cast::<TOKEN_USER>()).User.Sid)
    }
}

/// Whether this process has the administrators' power: a person of theirs without it (UAC) does not count.
pub(crate) fn is_administrator() -> io::Result<bool> {
    let mut administrators = PSID::default();
    let mut is_member = BOOL(0);
    #[expect(unsafe_code, reason = "the standard library does not know groups")]
    // SAFETY: the SID is made by the system, used while it is there, and released once.
    unsafe {
        ConvertStringSidToSidW(&HSTRING::from(descriptor::ADMINISTRATORS), &raw mut administrators)
            .map_err(win32)?;
        let told = CheckTokenMembership(None, administrators, &raw mut is_member);
        LocalFree(Some(HLOCAL(administrators.0)));
        told.map_err(win32)?;
    }
    Ok(is_member.as_bool())
}

/// A descriptor that the system made, and that is ours to release.
struct Descriptor(PSECURITY_DESCRIPTOR);

impl Descriptor {
    fn private(is_folder: bool) -> io::Result<Self> {
        let own = if is_administrator()? { None } else { Some(own_account()?) };
        let text = HSTRING::from(descriptor::private(is_folder, own.as_deref()));
        let mut made = PSECURITY_DESCRIPTOR::default();
        #[expect(unsafe_code, reason = "a descriptor is made by the system")]
        // SAFETY: the text ends with a zero, and `made` lives on this stack.
        unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(&text, SDDL_REVISION_1, &raw mut made, None)
        }
        .map_err(win32)?;
        Ok(Descriptor(made))
    }

    fn attributes(&self) -> SECURITY_ATTRIBUTES {
        SECURITY_ATTRIBUTES {
            nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or(0),
            lpSecurityDescriptor: self.0.0,
            bInheritHandle: BOOL(0),
        }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "what the system made is given back to it")]
        // SAFETY: the system allocated it for us by LocalAlloc, and nobody has released it.
        unsafe {
            LocalFree(Some(HLOCAL(self.0.0)));
        }
    }
}

/// `S-1-5-18`.
#[expect(unsafe_code, reason = "a SID is a pointer")]
/// # Safety
/// `sid` points to a whole SID.
unsafe fn text_of(sid: PSID) -> io::Result<String> {
    let mut text = PWSTR::null();
    // SAFETY: the caller's SID is whole; the text is the system's, ends with a zero, and is released once.
    unsafe {
        ConvertSidToStringSidW(sid, &raw mut text).map_err(win32)?;
        let owned = text.to_string().map_err(io::Error::other);
        LocalFree(Some(HLOCAL(text.0.cast())));
        owned
    }
}

fn error_of(code: u32) -> io::Error {
    io::Error::from_raw_os_error(code.cast_signed())
}
