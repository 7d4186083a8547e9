//! Being a service of Windows: what the service control manager calls, and what it is told.

use std::ffi::c_void;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use windows::Win32::Foundation::{
    ERROR_CALL_NOT_IMPLEMENTED, ERROR_FAILED_SERVICE_CONTROLLER_CONNECT, ERROR_SERVICE_SPECIFIC_ERROR,
    NO_ERROR,
};
use windows::Win32::System::Services::{
    RegisterServiceCtrlHandlerExW, SERVICE_ACCEPT_PRESHUTDOWN, SERVICE_ACCEPT_SHUTDOWN, SERVICE_ACCEPT_STOP,
    SERVICE_CONTROL_INTERROGATE, SERVICE_CONTROL_PRESHUTDOWN, SERVICE_CONTROL_SHUTDOWN, SERVICE_CONTROL_STOP,
    SERVICE_RUNNING, SERVICE_START_PENDING, SERVICE_STATUS, SERVICE_STATUS_HANDLE, SERVICE_STOP_PENDING,
    SERVICE_STOPPED, SERVICE_TABLE_ENTRYW, SERVICE_WIN32_OWN_PROCESS, SetServiceStatus,
    StartServiceCtrlDispatcherW,
};
use windows::core::{HSTRING, PWSTR};

use super::win32;
use crate::service::plan::{NAME, STOP_TIME_MAX};

/// Windows waits this long for the next word of a service that starts or stops.
const WAIT_HINT: Duration = STOP_TIME_MAX.saturating_add(Duration::from_secs(5));

/// Where a service is in its life; it only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It begins.
    Starting,
    /// It works.
    Running,
    /// It was told to stop.
    Stopping,
    /// It has stopped; a number other than 0 is a failure.
    Stopped(u32),
}

/// The order to stop, and the work. A process is one service, and Windows calls it without telling what for: so these
/// lie where its functions find them.
static STOP: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();
static WORK: Mutex<Option<Box<dyn FnOnce() -> u32 + Send>>> = Mutex::new(None);
static REPORTED: Mutex<Option<(Handle, Stage)>> = Mutex::new(None);

/// The service's handle; it is a number, and may be used by every thread.
struct Handle(SERVICE_STATUS_HANDLE);

#[expect(unsafe_code, reason = "the crate cannot know that this pointer is only a number")]
// SAFETY: Windows allows SetServiceStatus on any thread, and the handle need not be closed.
unsafe impl Send for Handle {}

/// Becomes the service until it has stopped. `false`: no service control manager started this process. `work` answers 0,
/// or what went wrong; `stop` is called when the work is to end.
pub(crate) fn serve(
    stop: impl Fn() + Send + Sync + 'static,
    work: impl FnOnce() -> u32 + Send + 'static,
) -> io::Result<bool> {
    STOP.get_or_init(|| Box::new(stop));
    *WORK.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(work));
    let name = HSTRING::from(NAME);
    let table = [
        SERVICE_TABLE_ENTRYW { lpServiceName: PWSTR(name.as_ptr().cast_mut()), lpServiceProc: Some(begin) },
        SERVICE_TABLE_ENTRYW::default(),
    ];
    #[expect(unsafe_code, reason = "a service is a function that Windows calls")]
    // SAFETY: the table ends with an empty entry and outlives the call, which returns when the service has stopped.
    let served = unsafe { StartServiceCtrlDispatcherW(table.as_ptr()) }.map_err(win32);
    match served {
        Ok(()) => Ok(true),
        Err(error)
            if error.raw_os_error() == Some(ERROR_FAILED_SERVICE_CONTROLLER_CONNECT.0.cast_signed()) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Tells Windows where the service is. Nothing happens in a process that is no service, or when it was further already.
pub(crate) fn report(stage: Stage) {
    let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((handle, before)) = reported.as_mut() else { return };
    let is_over = matches!(before, Stage::Stopped(_));
    if is_over || (stage <= *before && stage != Stage::Starting) {
        return;
    }
    *before = stage;
    let (state, accepted, failure) = match stage {
        Stage::Starting => (SERVICE_START_PENDING, 0, 0),
        Stage::Running => {
            (SERVICE_RUNNING, SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN | SERVICE_ACCEPT_PRESHUTDOWN, 0)
        }
        Stage::Stopping => (SERVICE_STOP_PENDING, 0, 0),
        Stage::Stopped(failure) => (SERVICE_STOPPED, 0, failure),
    };
    let is_pending = matches!(stage, Stage::Starting | Stage::Stopping);
    let status = SERVICE_STATUS {
        dwServiceType: SERVICE_WIN32_OWN_PROCESS,
        dwCurrentState: state,
        dwControlsAccepted: accepted,
        dwWin32ExitCode: if failure == 0 { NO_ERROR.0 } else { ERROR_SERVICE_SPECIFIC_ERROR.0 },
        dwServiceSpecificExitCode: failure,
        dwCheckPoint: u32::from(is_pending),
        dwWaitHint: if is_pending { u32::try_from(WAIT_HINT.as_millis()).unwrap_or(u32::MAX) } else { 0 },
    };
    #[expect(unsafe_code, reason = "the crate has no safe function for it")]
    // SAFETY: the handle is the one that Windows gave for this service, and the status lives on this stack.
    let told = unsafe { SetServiceStatus(handle.0, &raw const status) };
    if let Err(error) = told {
        tracing::debug!(%error, ?stage, "Service control manager did not listen.");
    }
}

#[expect(unsafe_code, reason = "Windows calls this")]
/// # Safety
/// Only for the dispatcher of services; the arguments are not looked at.
unsafe extern "system" fn begin(_count: u32, _arguments: *mut PWSTR) {
    // SAFETY: the function stays, and needs no context; the name ends with a zero.
    let registered = unsafe { RegisterServiceCtrlHandlerExW(&HSTRING::from(NAME), Some(obey), None) };
    // Without a handle Windows takes the service for hanging, and restarts it: there is nobody to tell.
    let Ok(handle) = registered else { return };
    *REPORTED.lock().unwrap_or_else(PoisonError::into_inner) = Some((Handle(handle), Stage::Starting));
    report(Stage::Starting);
    let work = WORK.lock().unwrap_or_else(PoisonError::into_inner).take();
    // A panic must not leave through a function that Windows called.
    let ended = work.map(|work| std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)));
    report(Stage::Stopped(match ended {
        Some(Ok(failure)) => failure,
        _ => 1,
    }));
}

#[expect(unsafe_code, reason = "Windows calls this")]
/// # Safety
/// Only for Windows; no pointer is looked at.
unsafe extern "system" fn obey(control: u32, _: u32, _: *mut c_void, _: *mut c_void) -> u32 {
    match control {
        SERVICE_CONTROL_STOP | SERVICE_CONTROL_SHUTDOWN | SERVICE_CONTROL_PRESHUTDOWN => {
            report(Stage::Stopping);
            if let Some(stop) = STOP.get() {
                stop();
            }
            NO_ERROR.0
        }
        // Windows keeps what was reported last.
        SERVICE_CONTROL_INTERROGATE => NO_ERROR.0,
        _ => ERROR_CALL_NOT_IMPLEMENTED.0,
    }
}
