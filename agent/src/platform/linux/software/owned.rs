//! Which paths below /opt and /usr/local a package manager put there.

use std::collections::HashSet;
use std::io::Read as _;

use memchr::memmem;

use super::super::packages::{rpm, unreadable};
use crate::platform::linux::root::Root;

const DPKG_INFO: &str = "/var/lib/dpkg/info";

/// Every owned path and every folder above it.
pub(super) fn paths(root: &Root, problems: &mut Vec<String>) -> HashSet<String> {
    let mut owned = HashSet::new();
    let names = root.list(DPKG_INFO).unwrap_or_default();
    let (opt, local) = (memmem::Finder::new(b"\n/opt/"), memmem::Finder::new(b"\n/usr/local/"));
    let mut bytes = Vec::new();
    for name in names.iter().filter(|name| name.ends_with(".list")) {
        let path = format!("{DPKG_INFO}/{name}");
        bytes.clear();
        match root.open(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Ok(_) => {
                if opt.find(&bytes).is_some() || local.find(&bytes).is_some() {
                    let text = String::from_utf8_lossy(&bytes);
                    text.lines().filter(|line| is_outside(line)).for_each(|line| add(&mut owned, line));
                }
            }
            Err(error) => problems.push(unreadable("dpkg's list of files", &path, &error)),
        }
    }
    if let Some((headers, _)) = rpm::read(root) {
        headers.iter().flat_map(|header| &header.outside).for_each(|path| add(&mut owned, path));
    }
    owned
}

/// Whether a path is where packages of the distribution itself have nothing.
pub(in crate::platform::linux) fn is_outside(path: &str) -> bool {
    path.starts_with("/opt/") || path.starts_with("/usr/local/")
}

fn add(owned: &mut HashSet<String>, path: &str) {
    let mut path = path;
    while is_outside(path) && owned.insert(path.to_owned()) {
        path = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    }
}
