//! Programs that have a folder of their own: below /opt, and beside the standard folders of /usr/local.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt as _;

use super::{Found, LOCAL, OPT, list, named};
use crate::platform::linux::root::Root;

/// The folders of /usr/local itself: hier(7) and the Filesystem Hierarchy Standard, 4.9.
pub(super) const STANDARD: [&str; 13] = [
    "bin", "sbin", "games", "lib", "lib32", "lib64", "libexec", "include", "share", "man", "src", "etc",
    "var",
];

/// How far a folder is searched for a first file: a program's lie at most so deep (`jre/lib/amd64/server/`).
const DEPTH_MAX: usize = 5;

/// Entries that are looked at for it; the first file ends the search.
const ENTRIES_MAX: usize = 2000;

/// Each folder that holds a file. Of a folder that a package made, what lies in it and is not the package's, and can be
/// executed: a program may hide beside another, and what a package's program writes there is none.
pub(super) fn programs(root: &Root, owned: &HashSet<String>, problems: &mut Vec<String>) -> Vec<Found> {
    let mut found = Vec::new();
    let standard = |name: &String| STANDARD.contains(&name.as_str());
    let local = list(root, LOCAL, problems).into_iter().filter(|name| !standard(name));
    let local = local.map(|name| ("local", format!("{LOCAL}/{name}"), name));
    let opt = list(root, OPT, problems).into_iter().map(|name| ("opt", format!("{OPT}/{name}"), name));
    for (source, path, name) in opt.chain(local) {
        if !owned.contains(&path) {
            if holds(root, &path, &|_| true) && !name.to_ascii_lowercase().ends_with(".appimage") {
                found.push((path.clone(), named(root, name, source, &path)));
            }
            continue;
        }
        // A package's file, or an odd one.
        if !root.metadata(&path).is_ok_and(|data| data.is_dir()) {
            continue;
        }
        for inner in list(root, &path, problems) {
            let inside = format!("{path}/{inner}");
            if !owned.contains(&inside) && holds(root, &inside, &|mode| mode & 0o111 != 0) {
                found.push((inside.clone(), named(root, format!("{name}/{inner}"), source, &inside)));
            }
        }
    }
    found
}

/// Whether a file of such a mode lies at the path or below it. Links are not followed: they lead to somebody else's.
fn holds(root: &Root, path: &str, fits: &dyn Fn(u32) -> bool) -> bool {
    let mut waiting = vec![(path.to_owned(), 0)];
    let mut entries = 0;
    while let Some((path, depth)) = waiting.pop() {
        entries += 1;
        let Ok(metadata) = root.metadata(&path) else { continue };
        if metadata.is_file() && fits(metadata.permissions().mode()) {
            return true;
        }
        if !metadata.is_dir()
            || depth >= DEPTH_MAX
            || entries > ENTRIES_MAX
            || (depth > 0 && root.read_link(&path).is_ok())
        {
            continue;
        }
        // What we may not enter is there for somebody.
        let Ok(names) = root.list(&path) else { return true };
        waiting.extend(names.into_iter().map(|name| (format!("{path}/{name}"), depth + 1)));
    }
    entries > ENTRIES_MAX
}
