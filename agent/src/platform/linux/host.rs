//! Host of a Linux machine: `read` touches the machine, `parse` is pure.

use std::io;

use daicho_proto::facts::{Host, Look};
use jiff::Timestamp;
use sysinfo::System;

use super::root::Root;
use crate::platform::makers::identity;
use restart::Restart;

mod kernels;
mod os_release;
pub(super) mod restart;

/// What changes when the host does.
/// A package that comes may bring a library that running programs have in another version.
pub(super) const WATCHED: &[&str] = &[
    "/boot",
    "/etc/hostname",
    "/run/reboot-required",
    "/var/lib/dpkg",
    "/var/lib/rpm",
    "/usr/lib/sysimage/rpm",
    "/lib/apk/db",
];

/// Looks at the machine itself. Below another root there is no running kernel: what only it knows is unknown.
pub(super) fn look(root: &Root) -> Look<Host> {
    let mut problems = Vec::new();
    let release = read_os_release(root, &mut problems);
    let live = root.is_live();
    let kernel = if live { System::kernel_version() } else { None };
    let restart = if live { restart::look(root, kernel.as_deref(), boot_time()) } else { Restart::default() };
    let etc_hostname = || root.read_text("/etc/hostname").ok().and_then(|text| parse_hostname(&text));
    let host = Host {
        hostname: if live { System::host_name().filter(|name| !name.is_empty()) } else { etc_hostname() },
        os_id: release.id,
        os_name: release.pretty_name.or(release.name),
        os_version: release.version_id,
        os_build: release.version_codename.or(release.build_id),
        os_edition: None,
        machine_id: read_line(root, "/etc/machine-id", &mut problems).and_then(|id| parse_machine_id(&id)),
        hardware_uuid: read_line(root, "/sys/class/dmi/id/product_uuid", &mut problems)
            .and_then(|uuid| identity(&uuid))
            .map(|uuid| uuid.to_lowercase()),
        serial_number: read_line(root, "/sys/class/dmi/id/product_serial", &mut problems)
            .or_else(|| read_line(root, "/proc/device-tree/serial-number", &mut problems))
            .and_then(|serial| identity(&serial)),
        mac_addresses: read_mac_addresses(root, &mut problems),
        boot_time: if live { boot_time() } else { None },
        restart_pending: restart.pending,
        restart_reasons: restart.reasons,
        installed_kernel: restart.installed_kernel,
        account_directories: super::accounts::directories(root),
        kernel,
    };
    Look::Seen { value: host, problems }
}

fn read_os_release(root: &Root, problems: &mut Vec<String>) -> os_release::OsRelease {
    let text = root.read_text("/etc/os-release").or_else(|_| root.read_text("/usr/lib/os-release"));
    match text {
        Ok(text) => os_release::parse(&text),
        Err(error) => {
            problems.push(format!("neither /etc/os-release nor /usr/lib/os-release could be read: {error}"));
            os_release::OsRelease::default()
        }
    }
}

/// The first line of a small file. One that is not there is no problem: machines differ in what they have.
fn read_line(root: &Root, path: &str, problems: &mut Vec<String>) -> Option<String> {
    match root.read_text(path) {
        Ok(text) => {
            // Device trees end their strings with a zero.
            let line = text.lines().next().unwrap_or_default().trim_end_matches('\0').trim().to_owned();
            (!line.is_empty()).then_some(line)
        }
        Err(error) => {
            if !is_absent(&error) {
                problems.push(format!("{path} could not be read: {error}"));
            }
            None
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// hostname(5): the first word that is no comment.
fn parse_hostname(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.next()?.split_whitespace().next().map(str::to_owned)
}

/// machine-id(5): 32 hexadecimal digits; `uninitialized` and nothing at all are images that never started.
fn parse_machine_id(text: &str) -> Option<String> {
    let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && text.bytes().any(|byte| byte != b'0')).then(|| text.to_lowercase())
}

/// Addresses of interfaces with a device behind them, below no USB bus: a dock's or a dongle's address names the dock.
fn read_mac_addresses(root: &Root, problems: &mut Vec<String>) -> Vec<String> {
    let interfaces = match root.list("/sys/class/net") {
        Ok(names) => names,
        Err(error) => {
            if !is_absent(&error) {
                problems.push(format!("/sys/class/net could not be listed: {error}"));
            }
            return Vec::new();
        }
    };
    let mut addresses = Vec::new();
    for interface in interfaces {
        let folder = format!("/sys/class/net/{interface}");
        if !root.exists(&format!("{folder}/device")) {
            continue;
        }
        let through_usb = root.read_link(&folder).is_ok_and(|target| target.contains("/usb"));
        // NET_ADDR_PERM is 0; a random or stolen address names nothing for long.
        let kind = root.read_text(&format!("{folder}/addr_assign_type")).unwrap_or_default();
        let of_bond = root.read_text(&format!("{folder}/bonding_slave/perm_hwaddr")).ok();
        let permanent = of_bond.is_some() || matches!(kind.trim(), "0" | "");
        let address = of_bond.or_else(|| root.read_text(&format!("{folder}/address")).ok());
        if let Some(address) = address.and_then(|text| parse_mac(&text)).filter(|_| permanent && !through_usb)
        {
            addresses.push(address);
        }
    }
    addresses.sort();
    addresses.dedup();
    addresses
}

/// Six bytes, not all zero.
fn parse_mac(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let bytes =
        text.split(':').filter(|part| part.len() == 2 && u8::from_str_radix(part, 16).is_ok()).count();
    (text.len() == 17 && bytes == 6 && text != "00:00:00:00:00:00").then_some(text)
}

fn boot_time() -> Option<Timestamp> {
    let seconds = i64::try_from(System::boot_time()).ok()?;
    Timestamp::from_second(seconds).ok().filter(|&at| at > Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_never_started_has_no_machine_id() {
        assert_eq!(parse_machine_id("uninitialized"), None);
        assert_eq!(parse_machine_id(""), None);
        assert_eq!(
            parse_machine_id("3D1219C7c4c5404aaa1f6d2a48adfda4").as_deref(),
            Some("3d1219c7c4c5404aaa1f6d2a48adfda4")
        );
    }

    #[test]
    fn another_root_has_files_and_no_running_kernel() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            (
                "usr/lib/os-release",
                "ID=debian\nPRETTY_NAME=\"Debian 12\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n",
            ),
            ("etc/hostname", "# set by hand\nsv01\n"),
            ("etc/machine-id", "uninitialized\n"),
            ("run/reboot-required", ""),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let look = look(&Root::at(folder.path()).unwrap());
        let host = look.value().unwrap();
        assert!(look.is_complete());
        assert_eq!(host.hostname.as_deref(), Some("sv01"));
        assert_eq!((host.os_id.as_deref(), host.os_build.as_deref()), (Some("debian"), Some("bookworm")));
        assert_eq!((&host.machine_id, &host.kernel, &host.boot_time), (&None, &None, &None));
        assert_eq!(host.restart_pending, None);
    }

    #[test]
    fn this_machine_has_a_name_a_kernel_and_a_boot() {
        let look = look(&Root::here());
        let host = look.value().unwrap();
        assert!(host.hostname.is_some() && host.kernel.is_some() && host.boot_time.is_some(), "{host:?}");
    }
}
