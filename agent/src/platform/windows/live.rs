//! What only a running Windows answers. The house's unsafe code lies in this folder: each block says why it is sound,
//! and what leaves a file is safe, owned and whole.

pub(crate) mod accounts;
pub(crate) mod acl;
pub(crate) mod antivirus;
mod com;
pub(crate) mod event_log;
pub(crate) mod host;
mod limited;
pub(crate) mod locale;
pub(crate) mod media;
pub(crate) mod places;
pub(crate) mod registry;
pub(crate) mod service_manager;
pub(crate) mod service_setup;
pub(crate) mod services;
mod sockets;
pub(crate) mod updates;

/// What the crate answers with, with the number that Windows itself gave (winerror.h) where it is one of Windows'.
pub(crate) fn win32(error: windows::core::Error) -> std::io::Error {
    let code = error.code().0.cast_unsigned();
    // HRESULT_FROM_WIN32.
    if code >> 16 == 0x8007 {
        return std::io::Error::from_raw_os_error((code & 0xffff).cast_signed());
    }
    std::io::Error::other(error)
}
