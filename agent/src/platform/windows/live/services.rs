//! What the service control manager knows, and who waits at which port.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::{offset_of, size_of};

use windows::Win32::Foundation::{ERROR_MORE_DATA, ERROR_SERVICE_DOES_NOT_EXIST, WIN32_ERROR};
use windows::Win32::System::Services::{
    CloseServiceHandle, ENUM_SERVICE_STATUS_PROCESSW, ENUM_SERVICE_TYPE, EnumServicesStatusExW,
    OpenSCManagerW, OpenServiceW, QueryServiceStatusEx, SC_ENUM_PROCESS_INFO, SC_HANDLE, SC_MANAGER_CONNECT,
    SC_MANAGER_ENUMERATE_SERVICE, SC_STATUS_PROCESS_INFO, SERVICE_DRIVER, SERVICE_QUERY_STATUS,
    SERVICE_RUNNING, SERVICE_STATE_ALL, SERVICE_STATUS_PROCESS, SERVICE_WIN32,
};
use windows::core::{HSTRING, PCWSTR};

use super::sockets;
use crate::platform::windows::services::running::{Known, Running};

/// The most that one call of EnumServicesStatusExW takes (its documentation).
const ANSWER_BYTES: usize = 256 * 1024;

/// Some 800 services and drivers fit into one answer; as many answers mean a manager that never ends.
const ANSWERS_MAX: usize = 64;

/// A handle that is closed when it is dropped.
struct Handle(SC_HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        #[expect(
            unsafe_code,
            reason = "a handle of the service control manager is closed by its own function"
        )]
        // SAFETY: the handle came from OpenSCManagerW or OpenServiceW and is closed here alone.
        // What closing answers changes nothing.
        let _ = unsafe { CloseServiceHandle(self.0) };
    }
}

/// Asks for everything. `names`: the services of the registry, of which the manager may list less.
pub(crate) fn ask(names: &[String]) -> Running {
    let mut running = Running::default();
    match manager().and_then(|manager| list(&manager, SERVICE_WIN32 | SERVICE_DRIVER).map(|listed| (manager, listed))) {
        Ok((manager, mut listed)) => {
            let told: BTreeSet<String> = listed.iter().map(|one| one.name.to_lowercase()).collect();
            for name in names.iter().filter(|name| !told.contains(&name.to_lowercase())) {
                match one(&manager, name) {
                    Ok(known) => listed.extend(known),
                    Err(_) => drop(running.hidden.insert(name.to_lowercase())),
                }
            }
            running.services = Some(listed);
        }
        Err(error) => running.problems.push(format!(
            "the service control manager did not tell what runs: {}; what is told of services is the registry's",
            error.message()
        )),
    }
    let mut sharing: BTreeMap<u32, usize> = BTreeMap::new();
    for known in running.services.iter().flatten().filter(|known| known.pid != 0) {
        *sharing.entry(known.pid).or_default() += 1;
    }
    let shared = sharing.into_iter().filter(|(_, count)| *count > 1).map(|(pid, _)| pid).collect();
    running.sockets = sockets::read(&shared, &mut running.problems);
    running.programs = sockets::programs(&running.sockets, &mut running.problems);
    running
}

/// Whether each of these services runs; one that the manager does not have is left out.
pub(crate) fn states(names: &[String]) -> windows::core::Result<BTreeMap<String, bool>> {
    let manager = manager()?;
    let mut states = BTreeMap::new();
    for name in names {
        if let Some(known) = one(&manager, name)? {
            states.insert(name.clone(), known.state == SERVICE_RUNNING.0);
        }
    }
    Ok(states)
}

/// Every service of programs as it is now; drivers are told by no look.
pub(crate) fn now() -> std::io::Result<Vec<Known>> {
    manager().and_then(|manager| list(&manager, SERVICE_WIN32)).map_err(super::win32)
}

fn manager() -> windows::core::Result<Handle> {
    #[expect(unsafe_code, reason = "the service control manager is reached by its own functions alone")]
    // SAFETY: both names are null, which means this machine and its only database.
    let handle = unsafe {
        OpenSCManagerW(PCWSTR::null(), PCWSTR::null(), SC_MANAGER_CONNECT | SC_MANAGER_ENUMERATE_SERVICE)
    };
    handle.map(Handle)
}

/// Every one of these kinds.
fn list(manager: &Handle, kinds: ENUM_SERVICE_TYPE) -> windows::core::Result<Vec<Known>> {
    let mut all = Vec::new();
    let mut resume = 0;
    for _ in 0..ANSWERS_MAX {
        let mut buffer = vec![0_u8; ANSWER_BYTES];
        let (mut missing, mut count) = (0, 0);
        #[expect(unsafe_code, reason = "the service control manager is reached by its own functions alone")]
        // SAFETY: the handle is open, the buffer and the three numbers outlive the call.
        let result = unsafe {
            EnumServicesStatusExW(
                manager.0,
                SC_ENUM_PROCESS_INFO,
                kinds,
                SERVICE_STATE_ALL,
                Some(&mut buffer),
                &raw mut missing,
                &raw mut count,
                Some(&raw mut resume),
                PCWSTR::null(),
            )
        };
        let row = size_of::<ENUM_SERVICE_STATUS_PROCESSW>();
        let rows = buffer.chunks_exact(row).take(usize::try_from(count).unwrap_or_default());
        all.extend(rows.map(|bytes| understand(&buffer, bytes)));
        match result {
            Ok(()) => return Ok(all),
            Err(error) if error.code() == ERROR_MORE_DATA.to_hresult() && count > 0 => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// One row, whose texts lie in the same buffer.
fn understand(buffer: &[u8], row: &[u8]) -> Known {
    let base = offset_of!(ENUM_SERVICE_STATUS_PROCESSW, ServiceStatusProcess);
    Known {
        name: wide_at(buffer, word(row, offset_of!(ENUM_SERVICE_STATUS_PROCESSW, lpServiceName))),
        display_name: wide_at(buffer, word(row, offset_of!(ENUM_SERVICE_STATUS_PROCESSW, lpDisplayName))),
        kind: number(row, base + offset_of!(SERVICE_STATUS_PROCESS, dwServiceType)),
        state: number(row, base + offset_of!(SERVICE_STATUS_PROCESS, dwCurrentState)),
        pid: number(row, base + offset_of!(SERVICE_STATUS_PROCESS, dwProcessId)),
    }
}

/// One service by its name; `None`: the manager has none of that name.
fn one(manager: &Handle, name: &str) -> windows::core::Result<Option<Known>> {
    let wide = HSTRING::from(name);
    #[expect(unsafe_code, reason = "the service control manager is reached by its own functions alone")]
    // SAFETY: the manager's handle is open, and the name ends with a NUL and outlives the call.
    let opened = unsafe { OpenServiceW(manager.0, &wide, SERVICE_QUERY_STATUS) };
    let service = match opened {
        Ok(handle) => Handle(handle),
        Err(error) if error.code() == ERROR_SERVICE_DOES_NOT_EXIST.to_hresult() => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut buffer = vec![0_u8; size_of::<SERVICE_STATUS_PROCESS>()];
    let mut missing = 0;
    #[expect(unsafe_code, reason = "the service control manager is reached by its own functions alone")]
    // SAFETY: the service's handle is open, the buffer is as long as the structure and outlives the call.
    unsafe {
        QueryServiceStatusEx(service.0, SC_STATUS_PROCESS_INFO, Some(&mut buffer), &raw mut missing)?;
    };
    Ok(Some(Known {
        name: name.to_owned(),
        display_name: String::new(),
        kind: number(&buffer, offset_of!(SERVICE_STATUS_PROCESS, dwServiceType)),
        state: number(&buffer, offset_of!(SERVICE_STATUS_PROCESS, dwCurrentState)),
        pid: number(&buffer, offset_of!(SERVICE_STATUS_PROCESS, dwProcessId)),
    }))
}

/// A number of four bytes; 0 beyond the end.
pub(super) fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk());
    four.map_or(0, |four| u32::from_le_bytes(*four))
}

/// An address; 0 beyond the end.
pub(super) fn word(bytes: &[u8], at: usize) -> usize {
    let eight = bytes.get(at..).and_then(|rest| rest.first_chunk());
    eight.map_or(0, |eight| usize::from_le_bytes(*eight))
}

/// The text at an address inside of a buffer, up to its NUL; empty if the address lies elsewhere.
pub(super) fn wide_at(buffer: &[u8], address: usize) -> String {
    let place = address.checked_sub(buffer.as_ptr().addr());
    let text = place.and_then(|place| buffer.get(place..)).unwrap_or_default();
    let units = text.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    String::from_utf16_lossy(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>())
}

/// What went wrong last, as the system words it.
pub(super) fn words(code: u32) -> String {
    WIN32_ERROR(code).to_hresult().message()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_lists_what_it_runs() {
        let running = ask(&["DaichoNoSuchService".to_owned()]);
        let services = running.services.expect("the service control manager answers");
        let names: Vec<_> = services.iter().map(|one| one.name.to_lowercase()).collect();
        assert!(names.contains(&"rpcss".to_owned()), "{names:?}");
        assert!(services.iter().all(|one| !one.name.is_empty() && one.state != 0), "{services:?}");
        assert!(running.hidden.is_empty(), "{:?}", running.hidden);
    }

    #[test]
    fn a_port_of_this_process_is_told_with_its_file() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let six = std::net::TcpListener::bind("[::1]:0").ok();
        let running = ask(&[]);
        let own = std::process::id();
        let mut expected = vec![format!("tcp/{}", listener.local_addr().unwrap())];
        if socket.local_addr().unwrap().port() < sockets::CHANCE_PORT_MIN {
            expected.push(format!("udp/{}", socket.local_addr().unwrap()));
        }
        expected.extend(six.map(|six| format!("tcp/{}", six.local_addr().unwrap())));
        if running.problems.iter().any(|problem| problem.contains("does not tell whose")) {
            // Wine without sight of its own processes: nothing is claimed.
            assert!(running.sockets.iter().all(|socket| socket.pid != 0), "{:?}", running.sockets);
            return;
        }
        for address in expected {
            let found = running.sockets.iter().find(|socket| socket.address == address);
            assert_eq!(found.map(|socket| socket.pid), Some(own), "{address} {:?}", running.sockets);
        }
        let program = &running.programs[&own];
        let path = program.path.clone().unwrap();
        assert!(path.to_lowercase().ends_with(&program.name.to_lowercase()), "{program:?}");
        assert!(running.problems.is_empty(), "{:?}", running.problems);
    }

    #[test]
    fn the_file_of_a_process_is_told() {
        let own = std::process::id();
        let socket = crate::platform::windows::services::running::Socket { pid: own, ..Default::default() };
        let mut problems = Vec::new();
        let programs = sockets::programs(&[socket], &mut problems);
        let path = std::env::current_exe().unwrap();
        assert_eq!(programs[&own].path.as_deref(), path.to_str());
        assert!(path.ends_with(&programs[&own].name), "{programs:?}");
        assert!(problems.is_empty(), "{problems:?}");
    }
}
