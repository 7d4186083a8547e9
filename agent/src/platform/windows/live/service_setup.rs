//! Making, changing, asking, stopping and removing the agent's own service. No other service is touched.

use std::io;
use std::time::Duration;

use windows::Win32::Foundation::{
    ERROR_INVALID_LEVEL, ERROR_NOT_SUPPORTED, ERROR_SERVICE_ALREADY_RUNNING,
    ERROR_SERVICE_CANNOT_ACCEPT_CTRL, ERROR_SERVICE_DOES_NOT_EXIST, ERROR_SERVICE_EXISTS,
    ERROR_SERVICE_NOT_ACTIVE, WIN32_ERROR,
};
use windows::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows::Win32::System::Services::{
    ChangeServiceConfig2W, ChangeServiceConfigW, ControlService, CreateServiceW, DeleteService,
    OpenSCManagerW, OpenServiceW, QUERY_SERVICE_CONFIGW, QueryServiceConfigW, QueryServiceStatusEx,
    SC_ACTION, SC_ACTION_RESTART, SC_HANDLE, SC_MANAGER_CONNECT, SC_MANAGER_CREATE_SERVICE,
    SC_STATUS_PROCESS_INFO, SERVICE_ALL_ACCESS, SERVICE_AUTO_START, SERVICE_CONFIG,
    SERVICE_CONFIG_DELAYED_AUTO_START_INFO, SERVICE_CONFIG_DESCRIPTION, SERVICE_CONFIG_FAILURE_ACTIONS,
    SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, SERVICE_CONFIG_PRESHUTDOWN_INFO,
    SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, SERVICE_CONFIG_SERVICE_SID_INFO, SERVICE_CONTROL_STOP,
    SERVICE_DELAYED_AUTO_START_INFO, SERVICE_DEMAND_START, SERVICE_DESCRIPTIONW, SERVICE_DISABLED,
    SERVICE_ERROR_NORMAL, SERVICE_FAILURE_ACTIONS_FLAG, SERVICE_FAILURE_ACTIONSW, SERVICE_PRESHUTDOWN_INFO,
    SERVICE_QUERY_CONFIG, SERVICE_QUERY_STATUS, SERVICE_REQUIRED_PRIVILEGES_INFOW, SERVICE_RUNNING,
    SERVICE_SID_INFO, SERVICE_SID_TYPE_UNRESTRICTED, SERVICE_START_PENDING, SERVICE_STATUS,
    SERVICE_STATUS_PROCESS, SERVICE_STOP_PENDING, SERVICE_STOPPED, SERVICE_WIN32_OWN_PROCESS, StartServiceW,
};
use windows::Win32::System::Threading::GetCurrentProcessId;
use windows::core::{HSTRING, Owned, PCWSTR, PWSTR};

use super::win32;
use crate::service::plan::{
    DESCRIPTION, DISPLAY_NAME, FAILURES_FORGOTTEN_AFTER, NAME, PRESHUTDOWN_TIME_MAX, PRIVILEGES,
    RESTART_DELAYS, Standing, listed,
};

/// How often a service that stops is asked whether it has.
const STOP_ASKED_EVERY: Duration = Duration::from_millis(200);

/// The service, opened.
pub(crate) struct Service(Owned<SC_HANDLE>);

/// Makes the service, or changes the one that is there to what it should be. Answers which settings this system does not
/// know.
pub(crate) fn install(command_line: &str) -> io::Result<(Service, Vec<&'static str>)> {
    let manager = manager(SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE)?;
    let (name, shown, command) =
        (HSTRING::from(NAME), HSTRING::from(DISPLAY_NAME), HSTRING::from(command_line));
    #[expect(unsafe_code, reason = "the crate has no safe function for it")]
    // SAFETY: the manager is open, the texts end with a zero and outlive the call, and the handle is nobody else's.
    let created = unsafe {
        CreateServiceW(
            *manager,
            &name,
            &shown,
            SERVICE_ALL_ACCESS,
            SERVICE_WIN32_OWN_PROCESS,
            SERVICE_AUTO_START,
            SERVICE_ERROR_NORMAL,
            &command,
            PCWSTR::null(),
            None,
            PCWSTR::null(),
            // LocalSystem.
            PCWSTR::null(),
            PCWSTR::null(),
        )
        .map(|handle| Service(Owned::new(handle)))
        .map_err(win32)
    };
    let service = match created {
        Ok(service) => service,
        Err(error) if is(&error, ERROR_SERVICE_EXISTS) => {
            let service = open(SERVICE_ALL_ACCESS)?.ok_or_else(|| code(ERROR_SERVICE_DOES_NOT_EXIST))?;
            service.change(&command, &shown)?;
            service
        }
        Err(error) => return Err(error),
    };
    let unknown = service.settle()?;
    Ok((service, unknown))
}

/// The service, for reading how it is; `None`: there is none.
pub(crate) fn find() -> io::Result<Option<Service>> {
    open(SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG)
}

/// The service, for removing it; `None`: there is none.
pub(crate) fn find_to_remove() -> io::Result<Option<Service>> {
    open(SERVICE_ALL_ACCESS)
}

impl Service {
    /// Starts it; one that runs already is left alone.
    pub(crate) fn start(&self) -> io::Result<()> {
        #[expect(unsafe_code, reason = "the crate has no safe function for it")]
        // SAFETY: the service is open.
        let started = unsafe { StartServiceW(*self.0, None) }.map_err(win32);
        started.or_else(|error| if is(&error, ERROR_SERVICE_ALREADY_RUNNING) { Ok(()) } else { Err(error) })
    }

    /// Tells it to stop and waits until it has, but no longer than this. Answers whether it has.
    pub(crate) fn stop(&self, longest: Duration) -> io::Result<bool> {
        let until = std::time::Instant::now() + longest;
        let mut told = Ok(());
        while self.status()?.dwCurrentState != SERVICE_STOPPED {
            if std::time::Instant::now() >= until {
                // Why it did not listen, if that is why it did not stop.
                return told.map(|()| false);
            }
            // One that starts does not listen yet, and is told again.
            told = self.control_stop();
            std::thread::sleep(STOP_ASKED_EVERY);
        }
        Ok(true)
    }

    fn control_stop(&self) -> io::Result<()> {
        let mut status = SERVICE_STATUS::default();
        #[expect(unsafe_code, reason = "the crate has no safe function for it")]
        // SAFETY: the service is open, and the status lives on this stack.
        let told = unsafe { ControlService(*self.0, SERVICE_CONTROL_STOP, &raw mut status) }.map_err(win32);
        match told {
            // It has stopped, or is about to.
            Err(error)
                if is(&error, ERROR_SERVICE_NOT_ACTIVE) || is(&error, ERROR_SERVICE_CANNOT_ACCEPT_CTRL) =>
            {
                Ok(())
            }
            told => told,
        }
    }

    /// Removes it from the database, at once or when the last handle to it is closed.
    pub(crate) fn delete(&self) -> io::Result<()> {
        #[expect(unsafe_code, reason = "the crate has no safe function for it")]
        // SAFETY: the service is open.
        unsafe { DeleteService(*self.0) }.map_err(win32)
    }

    /// How it is.
    pub(crate) fn standing(&self) -> io::Result<Standing> {
        let status = self.status()?;
        let mut standing = Standing {
            installed: true,
            state: Some(match status.dwCurrentState {
                SERVICE_RUNNING => "running",
                SERVICE_STOPPED => "stopped",
                SERVICE_START_PENDING => "starting",
                SERVICE_STOP_PENDING => "stopping",
                _ => "other",
            }),
            process_id: Some(status.dwProcessId).filter(|process| *process != 0),
            exit_code: Some(status.dwWin32ExitCode),
            ..Standing::default()
        };
        let mut needed = 0;
        // Windows never needs more (QueryServiceConfig: 8 KB), and the structure wants to be aligned.
        let mut room = vec![0u64; 8 * 1024 / 8];
        #[expect(unsafe_code, reason = "the crate has no safe function for it")]
        // SAFETY: the service is open; the room is aligned and as long as told; the texts point into it, end with a
        // zero, and are copied while it is there.
        unsafe {
            let config = room.as_mut_ptr().cast::<QUERY_SERVICE_CONFIGW>();
            QueryServiceConfigW(*self.0, Some(config), 8 * 1024, &raw mut needed).map_err(win32)?;
            let text = |text: PWSTR| (!text.is_null()).then(|| String::from_utf16_lossy(text.as_wide()));
            standing.start = Some(match (*config).dwStartType {
                SERVICE_AUTO_START => "enabled",
                SERVICE_DEMAND_START => "manual",
                SERVICE_DISABLED => "disabled",
                _ => "other",
            });
            standing.command = text((*config).lpBinaryPathName);
            standing.account = text((*config).lpServiceStartName);
        }
        Ok(standing)
    }

    fn status(&self) -> io::Result<SERVICE_STATUS_PROCESS> {
        let mut status = SERVICE_STATUS_PROCESS::default();
        let mut needed = 0;
        #[expect(unsafe_code, reason = "the crate takes bytes where Windows writes a structure")]
        // SAFETY: the service is open; the bytes are those of the structure, which holds numbers alone.
        unsafe {
            let bytes = std::slice::from_raw_parts_mut(
                (&raw mut status).cast::<u8>(),
                size_of::<SERVICE_STATUS_PROCESS>(),
            );
            QueryServiceStatusEx(*self.0, SC_STATUS_PROCESS_INFO, Some(bytes), &raw mut needed)
                .map_err(win32)?;
        }
        Ok(status)
    }

    fn change(&self, command: &HSTRING, shown: &HSTRING) -> io::Result<()> {
        #[expect(unsafe_code, reason = "the crate has no safe function for it")]
        // SAFETY: the service is open; the texts end with a zero and outlive the call.
        unsafe {
            ChangeServiceConfigW(
                *self.0,
                SERVICE_WIN32_OWN_PROCESS,
                SERVICE_AUTO_START,
                SERVICE_ERROR_NORMAL,
                command,
                PCWSTR::null(),
                None,
                PCWSTR::null(),
                &HSTRING::from("LocalSystem"),
                PCWSTR::null(),
                shown,
            )
        }
        .map_err(win32)
    }

    /// All that `CreateService` does not take.
    fn settle(&self) -> io::Result<Vec<&'static str>> {
        let description = HSTRING::from(DESCRIPTION);
        let mut privileges = listed(PRIVILEGES);
        let mut restarts =
            RESTART_DELAYS.map(|delay| SC_ACTION { Type: SC_ACTION_RESTART, Delay: milliseconds(delay) });
        let description = SERVICE_DESCRIPTIONW { lpDescription: PWSTR(description.as_ptr().cast_mut()) };
        let privileges =
            SERVICE_REQUIRED_PRIVILEGES_INFOW { pmszRequiredPrivileges: PWSTR(privileges.as_mut_ptr()) };
        let restart = SERVICE_FAILURE_ACTIONSW {
            dwResetPeriod: u32::try_from(FAILURES_FORGOTTEN_AFTER.as_secs()).unwrap_or(u32::MAX),
            cActions: u32::try_from(restarts.len()).unwrap_or(0),
            lpsaActions: restarts.as_mut_ptr(),
            ..SERVICE_FAILURE_ACTIONSW::default()
        };
        // Also when it says by itself that it failed.
        let always = SERVICE_FAILURE_ACTIONS_FLAG { fFailureActionsOnNonCrashFailures: true.into() };
        // Others first: the machine's own work at its start is not to wait for us.
        let delayed = SERVICE_DELAYED_AUTO_START_INFO { fDelayedAutostart: true.into() };
        // A name of its own, to which an administrator may give rights or none.
        let identity = SERVICE_SID_INFO { dwServiceSidType: SERVICE_SID_TYPE_UNRESTRICTED };
        let shutdown = SERVICE_PRESHUTDOWN_INFO { dwPreshutdownTimeout: milliseconds(PRESHUTDOWN_TIME_MAX) };
        let unknown = [
            self.set("description", SERVICE_CONFIG_DESCRIPTION, &description)?,
            self.set("required privileges", SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, &privileges)?,
            self.set("recovery", SERVICE_CONFIG_FAILURE_ACTIONS, &restart)?,
            self.set("recovery after errors", SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &always)?,
            self.set("delayed start", SERVICE_CONFIG_DELAYED_AUTO_START_INFO, &delayed)?,
            self.set("service SID", SERVICE_CONFIG_SERVICE_SID_INFO, &identity)?,
            self.set("preshutdown", SERVICE_CONFIG_PRESHUTDOWN_INFO, &shutdown)?,
        ];
        Ok(unknown.into_iter().flatten().collect())
    }

    /// Answers the setting's name where this system does not know it (Wine knows some).
    fn set<T>(
        &self,
        name: &'static str,
        level: SERVICE_CONFIG,
        info: &T,
    ) -> io::Result<Option<&'static str>> {
        #[expect(unsafe_code, reason = "the crate has no safe function for it")]
        // SAFETY: the service is open; `info` is the structure of this level, and lives, as all that it points to does,
        // in `settle`.
        let done = unsafe { ChangeServiceConfig2W(*self.0, level, Some((&raw const *info).cast())) };
        match done.map_err(win32) {
            Ok(()) => Ok(None),
            Err(error) if is(&error, ERROR_INVALID_LEVEL) || is(&error, ERROR_NOT_SUPPORTED) => {
                Ok(Some(name))
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether the program that started this one is called like the service control manager. Who only has the name is found
/// out by the dispatcher; so nobody waits there who was started by a person.
pub(crate) fn is_parent() -> io::Result<bool> {
    let mut entry = PROCESSENTRY32W {
        dwSize: u32::try_from(size_of::<PROCESSENTRY32W>()).unwrap_or(0),
        ..PROCESSENTRY32W::default()
    };
    let mut processes = Vec::new();
    #[expect(unsafe_code, reason = "the standard library does not know parents")]
    // SAFETY: the snapshot is open while it is walked and closed at the end; the entry tells its own size.
    let own = unsafe {
        let snapshot = Owned::new(CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0).map_err(win32)?);
        let mut more = Process32FirstW(*snapshot, &raw mut entry);
        while more.is_ok() {
            let name = entry.szExeFile.split(|unit| *unit == 0).next().unwrap_or_default();
            let name = String::from_utf16_lossy(name);
            processes.push((entry.th32ProcessID, entry.th32ParentProcessID, name));
            more = Process32NextW(*snapshot, &raw mut entry);
        }
        GetCurrentProcessId()
    };
    let parent = processes.iter().find(|(process, ..)| *process == own).map(|(_, parent, _)| *parent);
    Ok(processes
        .iter()
        .any(|(process, _, name)| Some(*process) == parent && name.eq_ignore_ascii_case("services.exe")))
}

fn manager(rights: u32) -> io::Result<Owned<SC_HANDLE>> {
    #[expect(unsafe_code, reason = "the crate has no safe function for it")]
    // SAFETY: this machine, its one database; the handle is nobody else's.
    unsafe {
        OpenSCManagerW(PCWSTR::null(), PCWSTR::null(), rights).map(|handle| Owned::new(handle)).map_err(win32)
    }
}

fn open(rights: u32) -> io::Result<Option<Service>> {
    let manager = manager(SC_MANAGER_CONNECT)?;
    #[expect(unsafe_code, reason = "the crate has no safe function for it")]
    // SAFETY: the manager is open, the name ends with a zero, and the handle is nobody else's.
    let opened = unsafe {
        OpenServiceW(*manager, &HSTRING::from(NAME), rights)
            .map(|handle| Service(Owned::new(handle)))
            .map_err(win32)
    };
    match opened {
        Ok(service) => Ok(Some(service)),
        Err(error) if is(&error, ERROR_SERVICE_DOES_NOT_EXIST) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is(error: &io::Error, code: WIN32_ERROR) -> bool {
    error.raw_os_error() == Some(code.0.cast_signed())
}

fn code(code: WIN32_ERROR) -> io::Error {
    io::Error::from_raw_os_error(code.0.cast_signed())
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
