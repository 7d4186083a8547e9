//! Windows' event log: what an administrator reads in the Event Viewer, under the source `Daicho`.

use std::io;

use windows::Win32::System::EventLog::{
    DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE, EVENTLOG_WARNING_TYPE,
    RegisterEventSourceW, ReportEventW,
};
use windows::core::{HSTRING, PCWSTR};
use windows_registry::LOCAL_MACHINE;

use super::registry::NOT_FOUND;
use super::win32;
use crate::service::plan::{EVENT_MESSAGES, EVENT_SOURCE, Severity};

/// Where Windows looks up how the events of a source are written.
fn key() -> String {
    format!(r"SYSTEM\CurrentControlSet\Services\EventLog\Application\{EVENT_SOURCE}")
}

/// Makes the source known.
pub(crate) fn register() -> io::Result<()> {
    let key = LOCAL_MACHINE.create(key()).map_err(win32)?;
    key.set_expand_string("EventMessageFile", EVENT_MESSAGES).map_err(win32)?;
    // Information, warning and error (EVENTLOG_*_TYPE).
    key.set_u32("TypesSupported", 7).map_err(win32)
}

/// Forgets the source; what it told stays in the log.
pub(crate) fn forget() -> io::Result<()> {
    match LOCAL_MACHINE.remove_tree(key()) {
        Err(error) if !NOT_FOUND.contains(&error.code().0.cast_unsigned()) => Err(win32(error)),
        _ => Ok(()),
    }
}

/// Tells one event.
pub(crate) fn report(severity: Severity, number: u32, text: &str) -> io::Result<()> {
    let text = HSTRING::from(text);
    let severity = match severity {
        Severity::Information => EVENTLOG_INFORMATION_TYPE,
        Severity::Warning => EVENTLOG_WARNING_TYPE,
        Severity::Error => EVENTLOG_ERROR_TYPE,
    };
    #[expect(unsafe_code, reason = "the event log has no safe function")]
    // SAFETY: the handle is open while it is used and closed once; the text ends with a zero and outlives the call.
    unsafe {
        let log = RegisterEventSourceW(PCWSTR::null(), &HSTRING::from(EVENT_SOURCE)).map_err(win32)?;
        let told = ReportEventW(log, severity, 0, number, None, 0, Some(&[PCWSTR(text.as_ptr())]), None);
        DeregisterEventSource(log).ok();
        told.map_err(win32)
    }
}
