//! Libraries that came with a package that was not installed before: nothing that runs can use an older one.

use std::collections::{BTreeMap, HashSet};

use crate::platform::linux::root::Root;

/// dpkg's own record of what it did, the older part first; logrotate renames it each month.
const LOGS: [&str; 2] = ["/var/log/dpkg.log.1", "/var/log/dpkg.log"];

const LISTS: &str = "/var/lib/dpkg/info";

/// Their file names. Empty where no such record is kept: then each may have replaced another.
pub(super) fn libraries(root: &Root) -> HashSet<String> {
    let logs = LOGS.iter().filter_map(|path| root.read_text(path).ok());
    let text: String = logs.collect();
    let mut names = HashSet::new();
    for package in packages(&text) {
        let bare = package.split(':').next().unwrap_or(package);
        let list = root.read_text(&format!("{LISTS}/{package}.list"));
        let list = list.or_else(|_| root.read_text(&format!("{LISTS}/{bare}.list")));
        let files = list.unwrap_or_default();
        let files = files.lines().filter_map(|path| path.rsplit('/').next());
        names.extend(files.filter(|name| name.contains(".so")).map(str::to_owned));
    }
    names
}

/// The packages that were installed where none had been, and neither upgraded nor removed before or since.
fn packages(log: &str) -> impl Iterator<Item = &str> {
    let mut fresh: BTreeMap<&str, bool> = BTreeMap::new();
    for line in log.lines() {
        let mut words = line.split(' ').skip(2);
        let (Some(action), Some(package), old) = (words.next(), words.next(), words.next()) else { continue };
        match action {
            "install" => {
                let new = old == Some("<none>");
                fresh.entry(package).and_modify(|fresh| *fresh &= new).or_insert(new);
            }
            "upgrade" | "remove" | "purge" => {
                fresh.insert(package, false);
            }
            _ => {}
        }
    }
    fresh.into_iter().filter(|(_, fresh)| *fresh).map(|(package, _)| package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_never_there_is_fresh() {
        let log = "\
2026-11-22 20:00:00 startup archives unpack
2026-11-22 20:00:00 install libnew:amd64 <none> 1.0-1
2026-11-22 20:00:00 status half-installed libnew:amd64 1.0-1
2026-11-22 20:00:01 upgrade libold:amd64 1.0-1 1.1-1
2026-11-22 20:00:02 install libboth:amd64 <none> 1.0-1
2026-11-22 20:00:03 upgrade libboth:amd64 1.0-1 1.1-1
2026-11-22 20:00:04 remove libagain:amd64 1.0-1 <none>
2026-11-22 20:00:05 install libagain:amd64 <none> 1.1-1
2026-11-22 20:00:06 install libback:amd64 1.0-1 1.1-1
2026-11-22 20:00:07 install
";
        // Removed and installed again: a program that was not restarted between uses the old one.
        assert_eq!(packages(log).collect::<Vec<_>>(), ["libnew:amd64"]);
    }

    #[test]
    fn the_libraries_of_fresh_packages_are_known_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("var/log/dpkg.log", "d t install liba:amd64 <none> 1\nd t install b:amd64 <none> 1\n");
        write("var/lib/dpkg/info/liba:amd64.list", "/.\n/usr/lib/liba.so.1\n/usr/share/x\n");
        write("var/lib/dpkg/info/b.list", "/usr/lib/libb.so\n");
        let mut names: Vec<String> = libraries(&Root::at(folder.path()).unwrap()).into_iter().collect();
        names.sort();
        assert_eq!(names, ["liba.so.1", "libb.so"]);
    }
}
