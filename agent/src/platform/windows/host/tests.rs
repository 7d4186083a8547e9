//! A machine is what its registry says, and what only its running kernel knows.

use std::path::Path;

use daicho_proto::facts::RestartKind;

use super::*;
use crate::platform::windows::disk::Disk;
use crate::platform::windows::registry::text::TextRegistry;

const CLIENT: &str = include_str!("../../../../fixtures/windows/windows-10-22h2.reg");

fn machine(text: &str, live: bool) -> Machine {
    Machine { registry: Box::new(TextRegistry::parse(text)), disk: Disk::at(Path::new("/nonexistent")), live }
}

fn interface(guid: &str, last: u8) -> Interface {
    Interface { guid: guid.to_owned(), address: [0x54, 0xe1, 0xad, 0, 0, last] }
}

fn host(text: &str, live: bool, running: Running) -> Host {
    let now = "2026-11-22T12:00:00.25Z".parse().unwrap();
    let look = see(&machine(text, live), running, now);
    assert!(look.is_complete(), "{:?}", look.problems());
    look.value().unwrap().clone()
}

#[test]
fn a_running_machine_is_told_whole() {
    let interfaces = vec![
        interface("{11111111-1111-1111-1111-111111111111}", 1),
        interface("{22222222-2222-2222-2222-222222222222}", 2),
        interface("{33333333-3333-3333-3333-333333333333}", 3),
    ];
    let up_for = Some(Duration::from_millis(3_600_900));
    let host = host(CLIENT, true, Running { interfaces, up_for, ..Running::default() });
    assert_eq!(host.hostname.as_deref(), Some("nurse-station-042"));
    assert_eq!(host.os_name.as_deref(), Some("Windows 10 Pro"));
    assert_eq!(host.os_version.as_deref(), Some("22H2"));
    assert_eq!(host.os_build.as_deref(), Some("19045.5011"));
    assert_eq!(host.os_edition.as_deref(), Some("Professional"));
    assert_eq!(host.machine_id.as_deref(), Some("61841625-24c4-495b-9080-eccd903b9e6f"));
    assert_eq!(host.mac_addresses, ["54:e1:ad:00:00:01", "54:e1:ad:00:00:03"]);
    assert_eq!(host.boot_time.unwrap().to_string(), "2026-11-22T11:00:00Z");
    assert_eq!((host.restart_pending, host.restart_reasons), (Some(false), vec![]));
    let entra = "entra: 8a6c3a5e-0000-4000-8000-000000000001";
    assert_eq!(host.account_directories, ["domain: hosp.local", entra]);
}

#[test]
fn a_disk_does_not_tell_what_only_a_kernel_knows() {
    let host = host(CLIENT, false, Running::default());
    assert_eq!(host.os_build.as_deref(), Some("19045.5011"));
    assert_eq!((host.boot_time, host.restart_pending, host.hardware_uuid), (None, None, None));
}

#[test]
fn each_sign_of_a_restart_is_told() {
    let check = |sign: &str, pending: bool, kind: RestartKind, name: &str| {
        let host = host(&format!("{CLIENT}\n{sign}"), true, Running::default());
        assert_eq!(host.restart_pending, Some(pending), "{sign}");
        assert_eq!(host.restart_reasons.len(), 1, "{sign}");
        assert_eq!((host.restart_reasons[0].kind, host.restart_reasons[0].name.as_str()), (kind, name));
    };
    let windows = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion";
    let servicing = format!("{windows}\\Component Based Servicing");
    let system = RestartKind::System;
    check(&format!("[{servicing}\\RebootPending]"), true, system, "Component Based Servicing: RebootPending");
    check(
        &format!("[{servicing}\\RebootInProgress]"),
        true,
        system,
        "Component Based Servicing: RebootInProgress",
    );
    check(
        &format!("[{servicing}\\PackagesPending\\x]"),
        true,
        system,
        "Component Based Servicing: PackagesPending",
    );
    let required = format!("[{windows}\\WindowsUpdate\\Auto Update\\RebootRequired]");
    check(&required, true, system, "Windows Update: RebootRequired");
    let signal = format!("[{windows}\\RunOnce]\n\"DVDRebootSignal\"=\"1\"");
    check(&signal, true, system, "RunOnce: DVDRebootSignal");
    let volatile = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Updates]\n\"UpdateExeVolatile\"=dword:00000002";
    check(volatile, true, system, "Update.exe: UpdateExeVolatile");
    let roles = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\ServerManager\\CurrentRebootAttempts]";
    check(roles, true, system, "Server Manager: CurrentRebootAttempts");
    let join = "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Netlogon]\n\"JoinDomain\"=\"x\"";
    check(join, false, RestartKind::Identity, "Netlogon");
    let files = "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Session Manager]\n\"PendingFileRenameOperations2\"=hex(7):\
        61,00,00,00,21,00,43,00,3a,00,5c,00,62,00,2e,00,44,00,4c,00,4c,00,00,00,00,00";
    check(files, true, RestartKind::File, "C:\\b.DLL");
}

#[test]
fn a_new_name_waits_and_is_no_update() {
    let renamed = CLIENT.replacen("\"NURSE-STATION-0\"", "\"OLD-NAME\"", 1);
    let host = host(&renamed, true, Running::default());
    assert_eq!(host.restart_pending, Some(false));
    assert_eq!(host.restart_reasons[0].name, "NURSE-STATION-0");
}

#[test]
fn a_registry_that_says_nothing_is_not_seen() {
    let look = see(&machine("", false), Running::default(), Timestamp::UNIX_EPOCH);
    assert_eq!((look.value(), look.problems().len()), (None, 1));
}
