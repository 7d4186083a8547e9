//! What the registry must say for a package to be told.

use std::path::Path;

use super::*;
use crate::platform::windows::disk::Disk;
use crate::platform::windows::registry::text::TextRegistry;

fn machine(text: &str) -> Machine {
    Machine {
        registry: Box::new(TextRegistry::parse(text)),
        disk: Disk::at(Path::new("/nonexistent")),
        live: false,
    }
}

#[test]
fn an_update_counts_when_it_is_installed_and_once() {
    let look = look(&machine(include_str!("../../../../fixtures/windows/windows-10-22h2.reg")));
    assert!(look.is_complete(), "{:?}", look.problems());
    let told = look.value().unwrap().iter().map(|package| {
        let architecture = package.architecture.as_deref().unwrap_or("-");
        format!("{} {} {} {architecture}", package.manager, package.name, package.version)
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "windows Windows 19045.5011 amd64",
            "windows .NET Framework 4.8.04084 -",
            "windows Microsoft Defender 4.18.24090.11 -",
            "windows DotNetRollup 10.0.4757.1 amd64",
            "windows KB5011048 10.0.9166.1 amd64",
            "windows RollupFix 19041.5011.1.22 amd64",
        ]
    );
}

#[test]
fn a_windows_without_a_build_is_not_seen() {
    assert_eq!(look(&machine("")).value(), None);
}

#[test]
fn only_an_update_as_a_whole_is_named() {
    let whole = identity("Package_for_KB2079403_RTM~31bf3856ad364e35~x86~~6.1.1.0").unwrap();
    assert_eq!(whole, Identity { name: "KB2079403", architecture: "x86", version: "6.1.1.0" });
    let part = "Package_10_for_KB2545698~31bf3856ad364e35~x86~~6.1.1.3";
    for none in [
        part,
        "Microsoft-Windows-Foundation~31bf3856ad364e35~amd64~~10.0.1",
        "Package_for_KB1~~",
        "Package_for_",
    ] {
        assert_eq!(identity(none), None, "{none}");
    }
}
