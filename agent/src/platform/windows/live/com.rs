//! COM, on the thread that asks: begun before the first object, ended after the last.

use windows::Win32::System::Com::{
    CLSCTX_INPROC_SERVER, COINIT_MULTITHREADED, CoCreateInstance, CoInitializeEx, CoUninitialize,
};
use windows::core::{GUID, Interface};

/// COM on this thread. Objects that were made by it must go before it.
pub(crate) struct Com(());

impl Com {
    pub(crate) fn begin() -> windows::core::Result<Self> {
        #[expect(unsafe_code, reason = "COM has no safe beginning")]
        // SAFETY: no COM was begun on this thread, which is our own; each success is matched by one end, below.
        unsafe {
            CoInitializeEx(None, COINIT_MULTITHREADED).ok()?;
        }
        Ok(Com(()))
    }

    /// An object of a class whose code is loaded into this program.
    pub(crate) fn make<T: Interface>(&self, class: &GUID) -> windows::core::Result<T> {
        #[expect(unsafe_code, reason = "COM makes objects by number")]
        // SAFETY: COM was begun on this thread; the interface's own identity is what is asked for.
        unsafe {
            CoCreateInstance(class, None, CLSCTX_INPROC_SERVER)
        }
    }
}

impl Drop for Com {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "COM has no safe end")]
        // SAFETY: it was begun once for this value.
        unsafe {
            CoUninitialize();
        }
    }
}
