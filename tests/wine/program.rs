//! The program itself: small, of no other library than every supported Windows has, and silent about who built it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use daicho_tests::wine::{AGENT, Wine};

/// A budget of the design.
const BYTES_MAX: u64 = 6 * 1024 * 1024;

/// What Windows 10 and Server 2016 have, Server Core and IoT editions as well. A library that is not in this list may
/// keep the program from starting: look for it at run time instead.
const LIBRARIES: &[&str] = &[
    "advapi32.dll",
    "api-ms-win-core-synch-l1-2-0.dll",
    "api-ms-win-core-winrt-error-l1-1-0.dll",
    "bcrypt.dll",
    "bcryptprimitives.dll",
    "cfgmgr32.dll",
    "crypt32.dll",
    "iphlpapi.dll",
    "kernel32.dll",
    "msvcrt.dll",
    "netapi32.dll",
    "ntdll.dll",
    "ole32.dll",
    "oleaut32.dll",
    "psapi.dll",
    "secur32.dll",
    "setupapi.dll",
    "shell32.dll",
    "user32.dll",
    "userenv.dll",
    "version.dll",
    "ws2_32.dll",
    "wtsapi32.dll",
];

#[test]
fn the_program_is_small_needs_only_windows_and_tells_nothing_of_its_builder() {
    let Some(pc) = Wine::open() else { return };
    let path = pc.place(AGENT);
    let bytes = fs::read(&path).expect("it lies there");
    println!("agent.exe: {} bytes", bytes.len());
    assert!(bytes.len() as u64 <= BYTES_MAX, "{} bytes", bytes.len());

    let dump = Command::new("x86_64-w64-mingw32-objdump").arg("-p").arg(&path).output().expect("binutils");
    let dump = String::from_utf8_lossy(&dump.stdout).into_owned();
    let imports = dump.lines().filter_map(|line| line.trim().strip_prefix("DLL Name: "));
    let imports: BTreeSet<String> = imports.map(str::to_lowercase).collect();
    println!("imports: {imports:?}");
    assert!(imports.contains("kernel32.dll"), "objdump shows imports");
    let unknown: Vec<_> = imports.iter().filter(|name| !LIBRARIES.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?} may be missing on a supported Windows");

    for mark in [env!("CARGO_MANIFEST_DIR"), "/.cargo/registry", "/home/", "/root/"] {
        let found = bytes.windows(mark.len()).filter(|window| *window == mark.as_bytes()).count();
        assert_eq!(found, 0, "{mark} is in the program");
    }
}
