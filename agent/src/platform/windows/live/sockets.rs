//! Who waits at which port, and which file that process runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_void;
use std::mem::{offset_of, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use windows::Win32::Foundation::{CloseHandle, ERROR_INSUFFICIENT_BUFFER, HANDLE, NO_ERROR};
use windows::Win32::NetworkManagement::IpHelper::{
    GetExtendedTcpTable, GetExtendedUdpTable, MIB_TCP6ROW_OWNER_MODULE, MIB_TCPROW_OWNER_MODULE,
    MIB_UDP6ROW_OWNER_MODULE, MIB_UDPROW_OWNER_MODULE, TCP_TABLE_OWNER_MODULE_LISTENER,
    TCPIP_OWNER_MODULE_BASIC_INFO, UDP_TABLE_OWNER_MODULE,
};
use windows::Win32::Networking::WinSock::{AF_INET, AF_INET6};
use windows::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows::Win32::System::Threading::{
    OpenProcess, PROCESS_NAME_WIN32, PROCESS_QUERY_LIMITED_INFORMATION, QueryFullProcessImageNameW,
};
use windows::core::{PCSTR, PWSTR, s, w};

use super::services::{number, wide_at, words};
use crate::platform::windows::services::running::{Program, Socket};

/// From here on Windows gives ports by chance (netsh int ipv4 show dynamicport): of UDP they are the near ends of what a
/// program asks others, and nobody waits there.
pub(super) const CHANCE_PORT_MIN: u16 = 49152;

/// A table grows between two calls; as many growths mean that it never ends.
const TRIES_MAX: usize = 8;

/// A table with more bytes has some 400 000 rows: no machine's.
const TABLE_BYTES_MAX: usize = 64 << 20;

/// The processes of one machine at once; more is somebody who plays with us.
const PROCESSES_MAX: usize = 100_000;

/// One of the four tables: its name, its rows and where in a row things lie (iphlpapi.h).
struct Table {
    name: &'static str,
    is_six: bool,
    row: usize,
    address: usize,
    port: usize,
    pid: usize,
    /// Of UDP: where the bit lies that says that the port was asked for.
    asked: Option<usize>,
    /// The function that tells which service opened it.
    owner: PCSTR,
}

fn tables() -> [Table; 4] {
    [
        Table {
            name: "tcp",
            is_six: false,
            row: size_of::<MIB_TCPROW_OWNER_MODULE>(),
            address: offset_of!(MIB_TCPROW_OWNER_MODULE, dwLocalAddr),
            port: offset_of!(MIB_TCPROW_OWNER_MODULE, dwLocalPort),
            pid: offset_of!(MIB_TCPROW_OWNER_MODULE, dwOwningPid),
            asked: None,
            owner: s!("GetOwnerModuleFromTcpEntry"),
        },
        Table {
            name: "tcp",
            is_six: true,
            row: size_of::<MIB_TCP6ROW_OWNER_MODULE>(),
            address: offset_of!(MIB_TCP6ROW_OWNER_MODULE, ucLocalAddr),
            port: offset_of!(MIB_TCP6ROW_OWNER_MODULE, dwLocalPort),
            pid: offset_of!(MIB_TCP6ROW_OWNER_MODULE, dwOwningPid),
            asked: None,
            owner: s!("GetOwnerModuleFromTcp6Entry"),
        },
        Table {
            name: "udp",
            is_six: false,
            row: size_of::<MIB_UDPROW_OWNER_MODULE>(),
            address: offset_of!(MIB_UDPROW_OWNER_MODULE, dwLocalAddr),
            port: offset_of!(MIB_UDPROW_OWNER_MODULE, dwLocalPort),
            pid: offset_of!(MIB_UDPROW_OWNER_MODULE, dwOwningPid),
            asked: Some(offset_of!(MIB_UDPROW_OWNER_MODULE, Anonymous)),
            owner: s!("GetOwnerModuleFromUdpEntry"),
        },
        Table {
            name: "udp",
            is_six: true,
            row: size_of::<MIB_UDP6ROW_OWNER_MODULE>(),
            address: offset_of!(MIB_UDP6ROW_OWNER_MODULE, ucLocalAddr),
            port: offset_of!(MIB_UDP6ROW_OWNER_MODULE, dwLocalPort),
            pid: offset_of!(MIB_UDP6ROW_OWNER_MODULE, dwOwningPid),
            asked: Some(offset_of!(MIB_UDP6ROW_OWNER_MODULE, Anonymous)),
            owner: s!("GetOwnerModuleFromUdp6Entry"),
        },
    ]
}

/// The rows of a table start here: behind their count, on an address that their times of eight bytes can lie on.
const ROWS_AT: usize = 8;

/// Every port that somebody waits at. `shared`: the processes with more than one service.
pub(super) fn read(shared: &BTreeSet<u32>, problems: &mut Vec<String>) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for table in tables() {
        let family = if table.is_six { "IPv6" } else { "IPv4" };
        match fetch(&table) {
            Ok(words) => sockets.extend(rows(&table, &words, shared)),
            // A machine without IPv6 has no such table.
            Err(code) if table.is_six && code == NOT_SUPPORTED => {}
            Err(code) => problems.push(format!(
                "which programs wait at ports ({}, {family}) could not be asked: {}",
                table.name,
                words(code)
            )),
        }
    }
    // Windows knows whose each port is. Wine may not, and tells the host's ports as well, which are not this machine's.
    let all = sockets.len();
    sockets.retain(|socket| socket.pid != 0);
    if sockets.len() < all {
        problems.push(format!("of {} ports the system does not tell whose they are", all - sockets.len()));
    }
    sockets
}

/// ERROR_NOT_SUPPORTED (winerror.h).
const NOT_SUPPORTED: u32 = 50;

/// The whole table, in words of eight bytes so that its rows lie where the system's functions want them.
fn fetch(table: &Table) -> Result<Vec<u64>, u32> {
    let family = u32::from(if table.is_six { AF_INET6.0 } else { AF_INET.0 });
    let mut size = 0_u32;
    for _ in 0..TRIES_MAX {
        let bytes = usize::try_from(size).unwrap_or(usize::MAX);
        if bytes > TABLE_BYTES_MAX {
            break;
        }
        let mut buffer = vec![0_u64; bytes.div_ceil(8)];
        let place = if buffer.is_empty() { None } else { Some(buffer.as_mut_ptr().cast::<c_void>()) };
        #[expect(unsafe_code, reason = "only the system's own functions tell who waits at a port")]
        // SAFETY: the buffer has at least `size` bytes and outlives the call; without one `size` is 0.
        let code = unsafe {
            if table.asked.is_none() {
                GetExtendedTcpTable(place, &raw mut size, false, family, TCP_TABLE_OWNER_MODULE_LISTENER, 0)
            } else {
                GetExtendedUdpTable(place, &raw mut size, false, family, UDP_TABLE_OWNER_MODULE, 0)
            }
        };
        if code == NO_ERROR.0 {
            return Ok(buffer);
        }
        if code != ERROR_INSUFFICIENT_BUFFER.0 {
            return Err(code);
        }
    }
    Err(ERROR_INSUFFICIENT_BUFFER.0)
}

fn rows(table: &Table, words: &[u64], shared: &BTreeSet<u32>) -> Vec<Socket> {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let count = usize::try_from(number(&bytes, 0)).unwrap_or_default();
    let rows = bytes.get(ROWS_AT..).unwrap_or_default().chunks_exact(table.row).take(count);
    let each = rows.enumerate().filter_map(|(index, row)| {
        let port = u16::try_from(number(row, table.port) & 0xffff).unwrap_or_default().swap_bytes();
        let asked = table.asked.is_none_or(|at| number(row, at) & 1 == 1 || port < CHANCE_PORT_MIN);
        if !asked {
            return None;
        }
        let ip = if table.is_six {
            let sixteen = row.get(table.address..).and_then(|rest| rest.first_chunk::<16>());
            IpAddr::from(Ipv6Addr::from(*sixteen?))
        } else {
            IpAddr::from(Ipv4Addr::from(number(row, table.address).to_le_bytes()))
        };
        let pid = number(row, table.pid);
        let place = words.get((ROWS_AT + index * table.row) / 8..).filter(|_| shared.contains(&pid));
        let service = place.and_then(|row| owner(table, row));
        Some(Socket { address: format!("{}/{}", table.name, SocketAddr::new(ip, port)), pid, service })
    });
    each.collect()
}

/// The service that opened a port, where the system can tell it; Wine 8 has no such function.
fn owner(table: &Table, row: &[u64]) -> Option<String> {
    /// The row, what to tell (0: TCPIP_OWNER_MODULE_INFO_BASIC), where to, how much.
    type Owner = unsafe extern "system" fn(*const c_void, i32, *mut c_void, *mut u32) -> u32;
    if row.len() * 8 < table.row {
        return None;
    }
    let mut buffer = vec![0_u64; 512];
    let mut size = u32::try_from(buffer.len() * 8).ok()?;
    #[expect(unsafe_code, reason = "a function that may be missing is looked up by its name")]
    // SAFETY: the library is loaded, because other functions of it are linked; the function has had this form since it
    // was made (iphlpapi.h), reads one row, which is whole, and writes at most `size` bytes.
    let code = unsafe {
        let library = GetModuleHandleW(w!("iphlpapi.dll")).ok()?;
        let function = GetProcAddress(library, table.owner)?;
        let function = std::mem::transmute::<unsafe extern "system" fn() -> isize, Owner>(function);
        function(row.as_ptr().cast(), 0, buffer.as_mut_ptr().cast(), &raw mut size)
    };
    if code != NO_ERROR.0 {
        return None;
    }
    let name =
        usize::try_from(*buffer.get(offset_of!(TCPIP_OWNER_MODULE_BASIC_INFO, pModuleName) / 8)?).ok()?;
    let start = buffer.as_ptr().addr();
    let bytes: Vec<u8> = buffer.iter().flat_map(|word| word.to_le_bytes()).collect();
    // The same place in the copy.
    let place = name.checked_sub(start).filter(|place| *place < bytes.len())?;
    let text = wide_at(&bytes, bytes.as_ptr().addr() + place);
    (!text.is_empty()).then_some(text)
}

/// The programs of these processes.
pub(super) fn programs(sockets: &[Socket], problems: &mut Vec<String>) -> BTreeMap<u32, Program> {
    let wanted: BTreeSet<u32> = sockets.iter().map(|socket| socket.pid).collect();
    let mut programs = match snapshot() {
        Ok(all) => all,
        Err(error) => {
            problems
                .push(format!("the names of the running programs could not be asked: {}", error.message()));
            BTreeMap::new()
        }
    };
    programs.retain(|pid, _| wanted.contains(pid));
    for pid in wanted {
        let Some(path) = path(pid) else { continue };
        let program = programs.entry(pid).or_default();
        if program.name.is_empty() {
            path.rsplit('\\').next().unwrap_or(&path).clone_into(&mut program.name);
        }
        program.path = Some(path);
    }
    programs
}

/// A handle that is closed when it is dropped.
struct Handle(HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "a handle is closed by the system's own function")]
        // SAFETY: the handle was opened in this file and is closed here alone. What closing answers changes nothing.
        let _ = unsafe { CloseHandle(self.0) };
    }
}

/// The file names of all processes.
fn snapshot() -> windows::core::Result<BTreeMap<u32, Program>> {
    #[expect(unsafe_code, reason = "only the system's own functions tell its processes")]
    // SAFETY: of a snapshot of processes no other argument is used.
    let handle = Handle(unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) }?);
    let size = u32::try_from(size_of::<PROCESSENTRY32W>()).unwrap_or_default();
    let mut entry = PROCESSENTRY32W { dwSize: size, ..PROCESSENTRY32W::default() };
    let mut all = BTreeMap::new();
    #[expect(unsafe_code, reason = "only the system's own functions tell its processes")]
    // SAFETY: the snapshot is open, and the entry says how long it is and outlives the call.
    let mut more = unsafe { Process32FirstW(handle.0, &raw mut entry) };
    while more.is_ok() && all.len() < PROCESSES_MAX {
        let units: Vec<u16> = entry.szExeFile.iter().copied().take_while(|unit| *unit != 0).collect();
        let name = String::from_utf16_lossy(&units);
        // Wine tells a whole path here.
        let name = name.rsplit('\\').next().unwrap_or(&name).to_owned();
        all.insert(entry.th32ProcessID, Program { name, path: None });
        #[expect(unsafe_code, reason = "only the system's own functions tell its processes")]
        // SAFETY: as above.
        let next = unsafe { Process32NextW(handle.0, &raw mut entry) };
        more = next;
    }
    Ok(all)
}

/// The whole path of a process's file; `None`: it ended, or the system protects it.
fn path(pid: u32) -> Option<String> {
    let mut buffer = vec![0_u16; 32_768];
    let mut size = u32::try_from(buffer.len()).ok()?;
    #[expect(unsafe_code, reason = "only the system's own functions tell its processes")]
    // SAFETY: the right asked for allows to read what a process is and nothing of its memory.
    let handle = Handle(unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, false, pid) }.ok()?);
    #[expect(unsafe_code, reason = "only the system's own functions tell its processes")]
    // SAFETY: the process's handle is open, and the buffer has `size` units and outlives the call.
    unsafe {
        QueryFullProcessImageNameW(handle.0, PROCESS_NAME_WIN32, PWSTR(buffer.as_mut_ptr()), &raw mut size)
    }
    .ok()?;
    let length = usize::try_from(size).ok()?;
    Some(String::from_utf16_lossy(buffer.get(..length)?))
}
