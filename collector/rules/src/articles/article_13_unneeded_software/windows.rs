//! What is a part of Windows: a stock name counts only for what lies where Windows keeps its programs, and runs as the
//! machine.

use daicho_proto::facts::{Host, Service, ServiceManager};

use crate::catalogue;
use crate::normal;

/// Folders, below any drive, in which only administrators write.
const KEPT: [&str; 4] = [
    "\\windows\\",
    "\\program files\\",
    "\\program files (x86)\\",
    "\\programdata\\microsoft\\windows defender\\",
];

/// Folders among them in which everybody may write.
const OPEN: [&str; 6] = [
    "\\windows\\temp\\",
    "\\windows\\tasks\\",
    "\\windows\\tracing\\",
    "\\windows\\system32\\tasks\\",
    "\\windows\\system32\\spool\\drivers\\color\\",
    "\\windows\\system32\\spool\\printers\\",
];

/// Programs that only run what they are told to.
const RUNNERS: [&str; 8] =
    ["rundll32", "regsvr32", "powershell", "pwsh", "cmd", "wscript", "cscript", "mshta"];

/// The machine's own accounts; the rest of `NT SERVICE\\name` is the service's.
const OWN: [&str; 4] = ["localsystem", "nt authority\\*", "nt service\\*", ".\\localsystem"];

/// Whether Windows' names and folders are meant.
pub(super) fn is_told_by_windows(service: &Service, host: Option<&Host>) -> bool {
    service.manager == ServiceManager::Windows
        || host.and_then(|host| host.os_id.as_deref()).is_some_and(|id| id == "windows")
}

/// Whether it is a part of a stock Windows. What runs others' files (rundll32.exe, a shell) is one when that file is, or
/// under its whole name: a pattern of names excuses no script.
pub(super) fn is_stock(service: &Service, host: Option<&Host>) -> bool {
    // Of whom a task or a Run key is does not matter: the program is one that only an administrator can change.
    let as_machine = service.manager != ServiceManager::Windows
        || service.user.as_deref().is_none_or(|user| OWN.iter().any(|own| normal::pattern_covers(own, user)));
    let kept = [&service.binary, &service.library].into_iter().flatten().all(|path| is_kept(path));
    if !as_machine || !kept || service.container.is_some() {
        return false;
    }
    let windows = Host { os_id: Some("windows".to_owned()), ..Host::default() };
    let host = host.filter(|host| host.os_id.as_deref() == Some("windows")).unwrap_or(&windows);
    let name = service.name.split_once('#').filter(|_| service.name.starts_with("task:"));
    let name = name.map_or(service.name.as_str(), |(name, _)| name);
    let runs_others = service.binary.as_deref().is_some_and(is_runner) && service.library.is_none();
    catalogue::stock_service(name, Some(host)).is_some_and(|stock| !runs_others || !stock.name.contains('*'))
}

/// A bare name is looked for in Windows' own folders first.
fn is_kept(path: &str) -> bool {
    let path = path.to_lowercase().replace('/', "\\");
    if !path.contains(['\\', ':']) {
        return true;
    }
    let Some((drive, below)) = path.split_once(':') else { return false };
    drive.len() == 1
        && !below.split('\\').any(|part| part == "..")
        && KEPT.iter().any(|folder| below.starts_with(folder))
        && !OPEN.iter().any(|folder| below.starts_with(folder))
}

fn is_runner(path: &str) -> bool {
    let name = path.rsplit(['\\', '/']).next().unwrap_or(path).to_lowercase();
    RUNNERS.contains(&name.strip_suffix(".exe").unwrap_or(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_windows_own_only_where_nobody_else_writes() {
        for path in [
            "C:\\Windows\\System32\\svchost.exe",
            "d:/WINDOWS/system32/x.dll",
            "C:\\Program Files (x86)\\Microsoft\\EdgeUpdate\\x.exe",
            "rundll32.exe",
        ] {
            assert!(is_kept(path), "{path}");
        }
        for path in [
            "C:\\Users\\a\\svchost.exe",
            "C:\\Windows\\Temp\\x.exe",
            "C:\\Windows\\..\\Users\\x.exe",
            "C:\\ProgramData\\x.exe",
            "\\\\server\\windows\\x.exe",
            "\\windows\\x.exe",
            "C:windows\\x.exe",
            "%TEMP%\\x.exe",
        ] {
            assert!(!is_kept(path), "{path}");
        }
    }
}
