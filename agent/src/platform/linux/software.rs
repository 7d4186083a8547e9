//! Programs beyond the package managers: snaps, flatpaks, AppImages, tools of pip and npm, and what was laid below /opt
//! and /usr/local by hand. What dpkg or rpm own is told with the packages.

use std::collections::HashSet;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use daicho_proto::facts::{Look, Software};
use daicho_proto::time::japanese_date;
use jiff::Timestamp;

use super::packages::unreadable;
use super::people;
use super::root::Root;

mod bundles;
mod folders;
mod languages;
mod owned;

/// What changes when a program is laid down outside of the package managers.
pub(super) const WATCHED: &[&str] = &[
    "/opt",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/lib/node_modules",
    "/var/lib/snapd/snaps",
    "/var/lib/flatpak/app",
];

/// Where programs lie that somebody installed by hand, hier(7).
const BY_HAND: [&str; 3] = ["/usr/local/bin", "/usr/local/sbin", "/usr/local/games"];
const OPT: &str = "/opt";
const LOCAL: &str = "/usr/local";

/// Looks at the programs.
pub(super) fn look(root: &Root) -> Look<Vec<Software>> {
    if !root.exists("/usr") {
        return Look::Unsupported;
    }
    let mut problems = Vec::new();
    let people = people::read(root, &mut problems);
    let mut software = bundles::snaps(root, &mut problems);
    software.extend(bundles::flatpaks(root, &people, &mut problems));
    software.extend(bundles::app_images(root, &people, &mut problems));
    let tools = languages::tools(root, &mut problems);
    // Who owns what is worth reading only when there is something to own.
    let is_empty = |folder: &&str| root.list(folder).is_ok_and(|names| names.is_empty());
    let owned = match [OPT].iter().chain(&BY_HAND).all(is_empty) {
        true => HashSet::new(),
        false => owned::paths(root, &mut problems),
    };
    let mut found = folders::programs(root, &owned, &mut problems);
    found.extend(by_hand(root, &tools.commands, &mut problems));
    found.retain(|(path, _)| !owned.contains(path));
    software.extend(tools.software);
    software.extend(found.into_iter().map(|(_, program)| program));
    software.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
    Look::Seen { value: software, problems }
}

/// The path and the program of it.
type Found = (String, Software);

/// Each executable file below /usr/local; a file with many names is one program.
fn by_hand(root: &Root, told: &HashSet<String>, problems: &mut Vec<String>) -> Vec<Found> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for folder in BY_HAND {
        let mut names = list(root, folder, problems);
        names.sort_by_key(String::len);
        for name in names {
            let path = format!("{folder}/{name}");
            let target = root.read_link(&path).ok().map(|target| resolved(folder, &target));
            if told.contains(&path) || target.is_some_and(|target| leads_home(&target)) {
                continue;
            }
            let Ok(metadata) = root.metadata(&path) else { continue };
            let executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
            if executable && seen.insert((metadata.dev(), metadata.ino())) {
                found.push((path.clone(), named(root, name, "local", &path)));
            }
        }
    }
    found
}

/// Where a link leads from its folder; `..` are taken as written.
fn resolved(folder: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Whether a link points at a file that is told elsewhere: a package's, one beside it, or one in a folder that is a
/// program of its own.
fn leads_home(target: &str) -> bool {
    let Some(rest) = target.strip_prefix("/usr/local/") else {
        return ["/usr/", "/opt/", "/bin/", "/sbin/", "/lib/", "/etc/alternatives/"]
            .iter()
            .any(|home| target.starts_with(home));
    };
    let first = rest.split('/').next().unwrap_or(rest);
    BY_HAND.iter().any(|folder| target.starts_with(&format!("{folder}/")))
        || !folders::STANDARD.contains(&first)
        || rest.starts_with("lib/node_modules/")
}

fn named(root: &Root, name: String, source: &str, path: &str) -> Software {
    // Below another root, the file was made when the backup was unpacked.
    let made = root.metadata(path).ok().filter(|_| root.is_live()).and_then(|data| data.created().ok());
    // Some images are packed with times of 1970.
    let made = made.and_then(|at| Timestamp::try_from(at).ok()).filter(|at| at.as_second() > 0);
    Software {
        name,
        installed_on: made.map(|at| japanese_date(at).to_string()),
        source: Some(source.to_owned()),
        path: Some(path.to_owned()),
        ..Software::default()
    }
}

fn list(root: &Root, folder: &str, problems: &mut Vec<String>) -> Vec<String> {
    root.list(folder).unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            problems.push(unreadable("the folder", folder, &error));
        }
        Vec::new()
    })
}

#[cfg(test)]
mod tests;
