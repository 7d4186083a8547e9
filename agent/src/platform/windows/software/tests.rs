//! Windows documents of programs, from registries written as text.

use super::*;
use crate::platform::windows::disk::Disk;
use crate::platform::windows::registry::text::TextRegistry;

const REGISTRY: &str = include_str!("../../../../fixtures/windows/software.reg");

fn seen(text: &str, disk: &std::path::Path) -> Look<Vec<Software>> {
    let registry = Box::new(TextRegistry::parse(text));
    look(&Machine { registry, disk: Disk::at(disk), live: false })
}

#[test]
fn programs_are_told_once_and_parts_and_updates_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let look = seen(REGISTRY, folder.path());
    assert!(look.is_complete(), "{look:?}");
    let told: Vec<_> = look
        .value()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            format!(
                "{}|{}|{}|{}|{}|{}",
                one.name,
                text(&one.version),
                text(&one.publisher),
                text(&one.installed_on),
                text(&one.source),
                text(&one.user)
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "7-Zip 23.01 (x64)|23.01|Igor Pavlov||setup|",
            "AnyDesk|ad 7.0|AnyDesk Software GmbH||setup|tanaka",
            "Microsoft.WindowsCalculator|10.2103.8.0|8wekyb3d8bbwe||appx|",
            "Old Setup|3.1|||setup|",
            "SpotifyAB.SpotifyMusic|1.200.1.0|zpdnekdrzrea0||appx|",
            "電子カルテクライアント|5.1.0|医療ソフト株式会社|2024-03-05|msi|",
        ]
    );
}

#[test]
fn the_telnet_client_is_told_when_it_is_switched_on() {
    let folder = tempfile::tempdir().unwrap();
    let system = folder.path().join("Windows/System32");
    std::fs::create_dir_all(&system).unwrap();
    std::fs::write(system.join("telnet.exe"), "MZ").unwrap();
    let has = |look: &Look<Vec<Software>>| look.value().unwrap().iter().any(|one| one.name == "TelnetClient");
    assert!(!has(&seen(REGISTRY, folder.path())), "a disk that is not whole tells nothing");
    std::fs::write(system.join("ntdll.dll"), "MZ").unwrap();
    assert!(has(&seen(REGISTRY, folder.path())));
    std::fs::remove_file(system.join("telnet.exe")).unwrap();
    assert!(!has(&seen(REGISTRY, folder.path())));
}

#[test]
fn a_registry_without_windows_in_it_is_unreadable_and_not_empty() {
    let folder = tempfile::tempdir().unwrap();
    let look = seen("[HKEY_LOCAL_MACHINE\\SOFTWARE\\Other]\n", folder.path());
    assert!(matches!(look, Look::Unreadable { .. }), "{look:?}");
}
