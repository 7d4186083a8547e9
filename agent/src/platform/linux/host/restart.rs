//! Whether an installed update waits for a restart, and why: a note that packages leave, a newer kernel, a package that
//! takes effect with the next start, a program that runs on with code whose file was replaced.

use std::os::unix::fs::MetadataExt as _;

use daicho_proto::facts::{RestartKind, RestartReason};
use jiff::Timestamp;

use super::kernels;
use crate::platform::linux::packages::{dpkg, rpm};
use crate::platform::linux::root::Root;

pub(in crate::platform::linux) mod elf;
mod fresh;
mod programs;

/// The notes of Debian's and Ubuntu's packages, and of zypper. Where there is a list of names, it lies beside.
const NOTES: [&str; 3] = ["/run/reboot-required", "/var/run/reboot-required", "/run/reboot-needed"];

/// Packages of which a vendor says that they take effect with the next start: the list of dnf's needs-restarting,
/// without the kernels, which are compared by their releases.
const RPM_PACKAGES: [&str; 7] =
    ["dbus", "dbus-broker", "dbus-daemon", "glibc", "linux-firmware", "microcode_ctl", "systemd"];

/// The same of Debian's packages: the processor takes its microcode when the kernel starts.
const DPKG_PACKAGES: [&str; 2] = ["amd64-microcode", "intel-microcode"];

/// Files that change with each package that comes or goes.
const DATABASES: [&str; 9] = [
    "/var/lib/dpkg/status",
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/rpm/rpmdb.sqlite-wal",
    "/var/lib/rpm/Packages",
    "/var/lib/rpm/Packages.db",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite-wal",
    "/usr/lib/sysimage/rpm/Packages.db",
    "/lib/apk/db/installed",
];

/// What is known of a restart.
#[derive(Debug, Default, PartialEq)]
pub(in crate::platform::linux) struct Restart {
    /// `None`: nothing says that it waits, and nothing proves that it does not.
    pub(in crate::platform::linux) pending: Option<bool>,
    pub(in crate::platform::linux) reasons: Vec<RestartReason>,
    pub(in crate::platform::linux) installed_kernel: Option<String>,
}

/// Looks at the running machine.
pub(in crate::platform::linux) fn look(
    root: &Root,
    running: Option<&str>,
    booted: Option<Timestamp>,
) -> Restart {
    let mut reasons = noted(root);
    let (images, modules) =
        (root.list("/boot").unwrap_or_default(), root.list("/lib/modules").unwrap_or_default());
    let installed = installed_kernels(&images, &modules);
    let newest = running.and_then(|running| kernels::newest(running, installed.into_iter()));
    if let Some(newest) = newest.as_ref().filter(|newest| newest.waits) {
        reasons.push(reason(RestartKind::Kernel, newest.release));
    }
    let mut unseen = Vec::new();
    if let Some(booted) = booted.map(Timestamp::as_second) {
        reasons.extend(running.and_then(|running| replaced_kernel(root, running, booted)));
        if DATABASES.iter().any(|path| changed_at(root, path).is_some_and(|at| at > booted)) {
            reasons.extend(replaced_packages(root, booted));
            let programs = programs::look(root, booted);
            reasons.extend(programs.old);
            unseen = programs.unseen;
        }
    }
    let pending = match (reasons.is_empty(), &newest) {
        (false, _) => Some(true),
        (true, Some(_)) if unseen.is_empty() && booted.is_some() => Some(false),
        _ => None,
    };
    if reasons.is_empty() {
        reasons = unseen;
    }
    Restart { pending, reasons, installed_kernel: newest.map(|newest| newest.release.to_owned()) }
}

fn reason(kind: RestartKind, name: &str) -> RestartReason {
    RestartReason { kind, name: name.to_owned(), detail: None }
}

/// What packages noted, by their names where they wrote them.
fn noted(root: &Root) -> Vec<RestartReason> {
    let Some(note) = NOTES.iter().find(|note| root.exists(note)) else { return Vec::new() };
    let names = root.read_text(&format!("{note}.pkgs")).unwrap_or_default();
    let mut names: Vec<&str> = names.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        names.push(note);
    }
    names.into_iter().map(|name| reason(RestartKind::Package, name)).collect()
}

/// Folders of modules outlive their kernels, and an image without them cannot start: what has both counts, or where one
/// of the lists is missing, what there is.
fn installed_kernels<'a>(images: &'a [String], modules: &'a [String]) -> Vec<&'a str> {
    let images: Vec<&str> = images.iter().filter_map(|name| name.strip_prefix("vmlinuz-")).collect();
    let both: Vec<&str> =
        images.iter().copied().filter(|image| modules.iter().any(|name| name == image)).collect();
    if !both.is_empty() {
        both
    } else if modules.is_empty() {
        images
    } else {
        modules.iter().map(String::as_str).collect()
    }
}

/// A kernel that was replaced under its own name. Debian's kernel says which package it was built for (/proc/version),
/// so that a file whose rights alone were changed is told apart; elsewhere the file's time must do.
fn replaced_kernel(root: &Root, running: &str, booted: i64) -> Option<RestartReason> {
    let image = format!("vmlinuz-{running}");
    changed_at(root, &format!("/boot/{image}")).filter(|at| *at > booted)?;
    let version = root.read_text("/proc/version").unwrap_or_default();
    let built = version.split_once(" Debian ").and_then(|(_, rest)| rest.split_whitespace().next());
    let packages = dpkg::read(root).map(|(packages, _)| packages).unwrap_or_default();
    let names = [format!("linux-image-{running}"), format!("linux-image-{running}-unsigned")];
    let installed = packages.iter().map(|one| &one.package).find(|package| names.contains(&package.name));
    match (built, installed) {
        (Some(built), Some(package)) if package.version == built => None,
        _ => Some(reason(RestartKind::Package, &image)),
    }
}

/// Packages that take effect with the next start and were installed since the last one.
fn replaced_packages(root: &Root, booted: i64) -> Vec<RestartReason> {
    let installed = rpm::read(root).map(|(headers, _)| headers).unwrap_or_default();
    let since = |header: &rpm::Header| header.installed_at.is_some_and(|at| i64::from(at) > booted);
    let effective = |header: &rpm::Header| RPM_PACKAGES.contains(&header.name.as_str());
    let mut names: Vec<String> = installed
        .into_iter()
        .filter(|header| effective(header) && since(header))
        .map(|header| header.name)
        .collect();
    for name in DPKG_PACKAGES {
        let list = root.metadata(&format!("/var/lib/dpkg/info/{name}.list"));
        if list.is_ok_and(|list| list.mtime() > booted) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    names.dedup();
    names.iter().map(|name| reason(RestartKind::Package, name)).collect()
}

/// When a file came to its place or was changed: its inode's time, which no archive and no `touch` sets back.
fn changed_at(root: &Root, path: &str) -> Option<i64> {
    root.metadata(path).ok().map(|metadata| metadata.ctime())
}

#[cfg(test)]
mod tests;
