//! Hives of real Windows 7, 8.1 and 10: the machine, its packages and what waits. Reads `../shared/data/registry`; what is
//! expected was read from the same hives by python-registry and by hand.

use daicho_agent::platform::{Platform, at_root};
use daicho_proto::facts::{Look, RestartKind};
use daicho_tests::published;
use tempfile::TempDir;

/// A disk with one hive.
fn disk(name: &str, hive: &str) -> Option<(TempDir, Box<dyn Platform>)> {
    let folder = published::disk(&published::folder()?, &[(hive, name)]);
    let platform = at_root(folder.path()).expect("a disk of Windows");
    Some((folder, platform))
}

fn seen<T>(look: Look<T>) -> T {
    let Look::Seen { value, problems } = look else { panic!("not seen") };
    // The other hives are not there, and each look says so.
    assert!(!problems.is_empty());
    value
}

#[test]
fn windows_7_is_told_from_its_software() {
    let Some((_folder, platform)) = disk("plaso-SOFTWARE-win7x86", "SOFTWARE") else { return };
    let host = seen(platform.host());
    assert_eq!(host.os_name.as_deref(), Some("Windows 7 Ultimate"));
    assert_eq!(host.os_version.as_deref(), Some("Service Pack 1"));
    assert_eq!(host.os_build.as_deref(), Some("7601.17727"));
    assert_eq!(host.os_edition.as_deref(), Some("Ultimate"));
    assert_eq!(host.machine_id.as_deref(), Some("61841625-24c4-495b-9080-eccd903b9e6f"));
    assert_eq!((host.hostname, host.restart_pending), (None, None));
    let packages = seen(platform.packages());
    let told =
        |name: &str| packages.iter().find(|package| package.name == name).map(|one| one.version.as_str());
    assert_eq!(told("Windows"), Some("7601.17727"));
    assert_eq!(told(".NET Framework"), Some("4.0.30319"));
    // Of 363 keys of whole updates 208 are installed, which are 83 updates.
    assert_eq!(packages.iter().filter(|package| package.name.starts_with("KB")).count(), 83);
    assert!(told("KB976932").is_some(), "Service Pack 1");
    // Superseded.
    assert_eq!(told("KB2079403"), None);
    assert!(matches!(platform.updates(), Look::Unreadable { .. }));
    // Its Defender looks for spyware alone.
    assert_eq!(seen(platform.antivirus()), []);
}

/// Name and renames that wait; `None`: no sign of a restart.
fn check(packed: &str, name: &str, pending: Option<bool>, file: Option<&str>) {
    let Some((_folder, platform)) = disk(packed, "SYSTEM") else { return };
    let host = seen(platform.host());
    assert_eq!(host.hostname.as_deref(), Some(name));
    assert_eq!(host.restart_pending, pending, "{:?}", host.restart_reasons);
    assert!(host.account_directories.is_empty(), "{:?}", host.account_directories);
    let files = host.restart_reasons.iter().filter(|reason| reason.kind == RestartKind::File);
    let named = file.is_none_or(|file| files.clone().any(|reason| reason.name == file));
    assert!(named && (file.is_some() || files.count() == 0), "{:?}", host.restart_reasons);
}

#[test]
fn deletions_that_wait_are_no_restart_and_replaced_drivers_are() {
    check("regipy-SYSTEM_2", "sensei", None, None);
    check("regipy-SYSTEM_B", "DESKTOP-PM6C56D", None, None);
    let library = r"C:\Program Files\7-Zip\7-zip.dll";
    check("regipy-SYSTEM_WIN_10_1709", "DESKTOP-2KGM189", Some(true), Some(library));
}
