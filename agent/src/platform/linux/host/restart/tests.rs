//! Small machines that wait for a restart, or do not.

use super::*;

/// Seconds since 1970: long before the files of a test.
const BOOTED: i64 = 1_000_000_000;
const RUNNING: &str = "6.1.0-18-amd64";

fn restart(files: &[&str], booted: i64) -> Restart {
    let folder = tempfile::tempdir().unwrap();
    for path in files {
        let (path, text) = path.split_once('=').unwrap_or((path, ""));
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let booted = Timestamp::from_second(booted).unwrap();
    look(&Root::at(folder.path()).unwrap(), Some(RUNNING), Some(booted))
}

fn told(restart: &Restart) -> Vec<String> {
    restart.reasons.iter().map(|reason| format!("{} {}", reason.kind.name(), reason.name)).collect()
}

/// Long after the files of a test.
const LATER: i64 = 4_000_000_000;

#[test]
fn nothing_waits_when_nothing_came_since_the_start() {
    let seen = restart(&["boot/vmlinuz-6.1.0-18-amd64", "var/lib/dpkg/status"], LATER);
    assert_eq!(seen.pending, Some(false));
    assert_eq!(seen.installed_kernel.as_deref(), Some(RUNNING));
}

#[test]
fn a_newer_kernel_is_named() {
    let seen = restart(&["boot/vmlinuz-6.1.0-18-amd64", "boot/vmlinuz-6.1.0-20-amd64"], LATER);
    assert_eq!((seen.pending, told(&seen)), (Some(true), vec!["kernel 6.1.0-20-amd64".to_owned()]));
    assert_eq!(seen.installed_kernel.as_deref(), Some("6.1.0-20-amd64"));
}

#[test]
fn a_kernel_that_was_replaced_under_its_name_waits() {
    let seen = restart(&["boot/vmlinuz-6.1.0-18-amd64"], BOOTED);
    assert_eq!(told(&seen), ["package vmlinuz-6.1.0-18-amd64"]);
    // Debian's kernel says which package it is of: only its file's rights were changed.
    let debian = |version: &str| {
        let status = format!(
            "var/lib/dpkg/status=Package: linux-image-6.1.0-18-amd64\nStatus: install ok installed\nVersion: {version}\n"
        );
        let running = "proc/version=Linux version 6.1.0-18-amd64 (x) #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)\n";
        told(&restart(&["boot/vmlinuz-6.1.0-18-amd64", running, &status, "proc/1/stat="], BOOTED))
    };
    assert!(debian("6.1.76-1").is_empty());
    assert_eq!(debian("6.1.76-2"), ["package vmlinuz-6.1.0-18-amd64"]);
}

#[test]
fn packages_that_left_a_note_are_named() {
    let note = [
        "run/reboot-required=*** System restart required ***\n",
        "run/reboot-required.pkgs=libc6\ndbus\nlibc6\n",
    ];
    let seen = restart(&note, LATER);
    assert_eq!(
        (seen.pending, told(&seen)),
        (Some(true), vec!["package dbus".to_owned(), "package libc6".to_owned()])
    );
    assert_eq!(told(&restart(&note[..1], LATER)), ["package /run/reboot-required"]);
}

#[test]
fn without_an_installed_kernel_nothing_is_certain() {
    assert_eq!(restart(&["var/lib/dpkg/status"], LATER).pending, None);
}

#[test]
fn what_cannot_be_seen_is_not_satisfied() {
    let files = [
        "boot/x",
        "lib/modules/6.1.0-18-amd64/x",
        "var/lib/dpkg/status",
        "usr/lib/libssl.so.3",
        "proc/1/stat=1 (systemd) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0",
        "proc/7/stat=7 (viewer) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0",
    ];
    let seen = restart(&files, BOOTED);
    assert_eq!((seen.pending, told(&seen)), (None, vec!["unseen libssl.so.3".to_owned()]));
}

#[test]
fn a_library_that_was_never_there_before_is_no_doubt() {
    let files = [
        "lib/modules/6.1.0-18-amd64/x",
        "var/lib/dpkg/status",
        "usr/lib/libnew.so.1",
        "var/log/dpkg.log=d t install libnew:amd64 <none> 1\n",
        "var/lib/dpkg/info/libnew:amd64.list=/usr/lib/libnew.so.1\n",
        "proc/1/stat=1 (systemd) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0",
        "proc/7/stat=7 (viewer) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0",
    ];
    assert_eq!(restart(&files, BOOTED).pending, Some(false));
}

#[test]
fn microcode_takes_effect_with_the_next_start() {
    let files = ["var/lib/dpkg/status", "var/lib/dpkg/info/intel-microcode.list"];
    assert_eq!(told(&restart(&files, BOOTED)), ["package intel-microcode"]);
    assert!(restart(&files, LATER).reasons.is_empty());
}
