//! Whether an update waits for a restart: the signs that Windows and its installers leave in the registry.

use daicho_proto::facts::{RestartKind, RestartReason};

use super::super::reading::Reading;
use super::super::registry::{Hive, Value};

const CURRENT_VERSION: &str = "Microsoft\\Windows\\CurrentVersion";
const SESSION_MANAGER: &str = "CurrentControlSet\\Control\\Session Manager";

/// Keys whose being there is the sign. All but the last are of Windows' own updates.
const KEYS: &[(&str, &str)] = &[
    ("Component Based Servicing\\RebootPending", "Component Based Servicing: RebootPending"),
    ("Component Based Servicing\\RebootInProgress", "Component Based Servicing: RebootInProgress"),
    ("WindowsUpdate\\Auto Update\\RebootRequired", "Windows Update: RebootRequired"),
    ("..\\..\\ServerManager\\CurrentRebootAttempts", "Server Manager: CurrentRebootAttempts"),
];

/// Files that are named as waiting to be replaced: an installer can list thousands.
const FILES_SHOWN_MAX: usize = 8;

/// Whether a restart waits, and why.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Restart {
    pub(super) pending: Option<bool>,
    pub(super) reasons: Vec<RestartReason>,
}

/// Looks at all signs. Some of them are never written to disk, so a disk alone does not prove that none was there.
pub(super) fn look(reading: &mut Reading<'_>, live: bool) -> Restart {
    let failures_before = reading.failures;
    let mut reasons = updates(reading);
    reasons.extend(files(reading));
    let waits = !reasons.is_empty();
    let whole = reading.failures == failures_before;
    // A new name is no update: it is told, and breaches nothing.
    reasons.extend(names(reading));
    let pending = if waits { Some(true) } else { (live && whole).then_some(false) };
    Restart { pending, reasons }
}

fn reason(kind: RestartKind, name: impl Into<String>, detail: Option<String>) -> RestartReason {
    RestartReason { kind, name: name.into(), detail }
}

/// The signs of Windows' own updates.
fn updates(reading: &mut Reading<'_>) -> Vec<RestartReason> {
    let mut reasons = Vec::new();
    let mut sign = |name: &str| reasons.push(reason(RestartKind::System, name, None));
    for (key, name) in KEYS {
        let path = match key.strip_prefix("..\\..\\") {
            Some(beside) => format!("Microsoft\\{beside}"),
            None => format!("{CURRENT_VERSION}\\{key}"),
        };
        if reading.keys(&Hive::Software, &path).is_some() {
            sign(name);
        }
    }
    // The key itself may stay behind: what is below it waits.
    let packages = format!("{CURRENT_VERSION}\\Component Based Servicing\\PackagesPending");
    if reading.keys(&Hive::Software, &packages).is_some_and(|keys| !keys.is_empty()) {
        sign("Component Based Servicing: PackagesPending");
    }
    if reading
        .number(&Hive::Software, "Microsoft\\Updates", "UpdateExeVolatile")
        .is_some_and(|flags| flags != 0)
    {
        sign("Update.exe: UpdateExeVolatile");
    }
    let once = format!("{CURRENT_VERSION}\\RunOnce");
    if reading.value(&Hive::Software, &once, "DVDRebootSignal").is_some() {
        sign("RunOnce: DVDRebootSignal");
    }
    reasons
}

/// Files that the next start puts in the place of others.
fn files(reading: &mut Reading<'_>) -> Vec<RestartReason> {
    let mut replaced = Vec::new();
    for name in ["PendingFileRenameOperations", "PendingFileRenameOperations2"] {
        if let Some(Value::Texts(entries)) = reading.value(&Hive::System, SESSION_MANAGER, name) {
            replaced.extend(replacements(&entries));
        }
    }
    replaced.sort();
    replaced.dedup();
    let more = replaced.len().saturating_sub(FILES_SHOWN_MAX);
    replaced.truncate(FILES_SHOWN_MAX);
    let mut reasons: Vec<_> = replaced
        .into_iter()
        .map(|path| reason(RestartKind::File, path, Some("PendingFileRenameOperations".to_owned())))
        .collect();
    if more > 0 {
        reasons.push(reason(RestartKind::File, format!("+{more}"), None));
    }
    reasons
}

/// The files that are replaced, of pairs of a source and a target, where `!` before a target says that it is there
/// already and no target says that the source is deleted (MoveFileEx, `MOVEFILE_DELAY_UNTIL_REBOOT`).
///
/// Only code counts, for the old runs until then. A deletion waits for no update: browsers and installers leave such of
/// their own temporary files all the time. Neither does a file of data that is swapped, or one below a temporary folder.
/// A reader of the registry may have left the empty targets out.
fn replacements(entries: &[String]) -> Vec<String> {
    let paired = entries.iter().any(String::is_empty);
    let targets = entries.iter().enumerate().filter_map(|(at, entry)| match entry.strip_prefix('!') {
        Some(target) => Some(target),
        None => (paired && at % 2 == 1 && !entry.is_empty()).then_some(entry.as_str()),
    });
    let plain = targets.map(|target| target.strip_prefix("\\??\\").unwrap_or(target));
    plain.filter(|path| is_code(path) && !is_temporary(path)).map(str::to_owned).collect()
}

/// How files end that Windows loads as programs.
const CODE: &[&str] = &["ax", "cpl", "dll", "drv", "efi", "exe", "ocx", "scr", "sys", "tsp"];

fn is_code(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| CODE.iter().any(|code| ending.eq_ignore_ascii_case(code)))
}

fn is_temporary(path: &str) -> bool {
    let path = path.to_lowercase();
    ["\\temp\\", "\\tmp\\", "\\config.msi\\"].iter().any(|folder| path.contains(folder))
}

/// A new name of the computer, or a domain that it is joining or leaving.
fn names(reading: &mut Reading<'_>) -> Option<RestartReason> {
    let mut name = |which: &str| {
        let path = format!("CurrentControlSet\\Control\\ComputerName\\{which}");
        reading.text(&Hive::System, &path, "ComputerName")
    };
    let (now, next) = (name("ActiveComputerName"), name("ComputerName"));
    if let (Some(now), Some(next)) = (now, next)
        && !now.eq_ignore_ascii_case(&next)
    {
        return Some(reason(RestartKind::Identity, next, Some("ComputerName".to_owned())));
    }
    let netlogon = reading.values(&Hive::System, "CurrentControlSet\\Services\\Netlogon");
    let sign = ["JoinDomain", "AvoidSpnSet"]
        .into_iter()
        .find(|sign| netlogon.iter().any(|(name, _)| name.eq_ignore_ascii_case(sign)))?;
    Some(reason(RestartKind::Identity, "Netlogon", Some(sign.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_is_replaced_waits() {
        let check = |entries: &[&str], replaced: &[&str]| {
            let entries = entries.iter().map(|&entry| entry.to_owned()).collect::<Vec<_>>();
            assert_eq!(replacements(&entries), replaced);
        };
        let new = "\\??\\C:\\Windows\\System32\\SET1.tmp";
        check(&[new, "!\\??\\C:\\Windows\\System32\\a.dll"], &["C:\\Windows\\System32\\a.dll"]);
        check(&["\\??\\C:\\Users\\a\\AppData\\Local\\Temp\\x", ""], &[]);
        check(&["\\??\\C:\\a.dll", "", new, "\\??\\C:\\a.dll"], &["C:\\a.dll"]);
        // Two deletions, as a reader tells them that leaves empty texts out.
        check(&["\\??\\C:\\a.dll", "\\??\\C:\\b.dll"], &[]);
        check(&[new, "!\\??\\C:\\Windows\\Temp\\b.dll", new, ""], &[]);
        check(&[new, "!\\??\\C:\\Windows\\AppCompat\\Programs\\Amcache.hve"], &[]);
        check(&[], &[]);
    }
}
