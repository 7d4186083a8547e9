//! The folders of unit files, systemd.unit(5): which file names a unit, which links enable it, which drop-ins change it.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;

/// Where unit files lie; the first that names a unit counts.
const FOLDERS: [&str; 12] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    CONFIGURED,
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/run/systemd/generator.late",
];

/// Where the administrator's links lie: what `systemctl enable` writes.
pub(super) const CONFIGURED: &str = "/etc/systemd/system";

/// Where /lib is no link to /usr/lib (Debian before 12, where it was not merged).
const UNMERGED: &str = "/lib/systemd/system";

/// The kinds of units that are services, or start one.
const KINDS: [&str; 4] = [".service", ".socket", ".timer", ".path"];

/// Whether a unit of this name is a service, or starts one.
pub(in super::super) fn is_service(name: &str) -> bool {
    KINDS.iter().any(|kind| name.ends_with(kind))
}

/// The file that a name leads to first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) folder: &'static str,
    /// Where it leads if it is a symbolic link, as written in it.
    pub(super) link: Option<String>,
}

impl Entry {
    /// The last part of what the link names.
    pub(super) fn target(&self) -> Option<&str> {
        self.link.as_deref()?.rsplit('/').next()
    }
}

/// A link that enables a unit, or gives it another name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Link {
    pub(super) folder: &'static str,
    pub(super) name: String,
    /// The unit that it points at.
    pub(super) target: String,
    /// Whether it lies in a `.wants`, `.requires` or `.upholds`.
    pub(super) pulls: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Folders {
    pub(super) entries: BTreeMap<String, Entry>,
    pub(super) links: Vec<Link>,
    /// The drop-in files by the name of their folder, `ssh.service.d`; higher folders first.
    drop_ins: HashMap<String, Vec<String>>,
}

/// Reads the names; no unit file is opened.
pub(super) fn read(root: &Root, problems: &mut Vec<String>) -> Folders {
    let mut all = Folders::default();
    let merged = root.read_link("/lib").is_ok();
    for folder in FOLDERS.into_iter().chain((!merged).then_some(UNMERGED)) {
        let mut list = |path: &str| {
            root.list(path).unwrap_or_else(|error| {
                if error.kind() != std::io::ErrorKind::NotFound {
                    problems.push(unreadable("the folder of units", path, &error));
                }
                Vec::new()
            })
        };
        for name in list(folder) {
            let path = format!("{folder}/{name}");
            if let Some(unit) = name.strip_suffix(".d") {
                if is_service(unit) || KINDS.iter().any(|kind| kind.strip_prefix('.') == Some(unit)) {
                    let files = list(&path).into_iter().filter(|file| file.ends_with(".conf"));
                    all.drop_ins.entry(name).or_default().extend(files.map(|file| format!("{path}/{file}")));
                }
            } else if [".wants", ".requires", ".upholds"].iter().any(|end| name.ends_with(end)) {
                for name in list(&path).into_iter().filter(|name| is_service(name)) {
                    // Where it leads decides; what is no link enables by its name.
                    let link = root.read_link(&format!("{path}/{name}")).ok();
                    let target = link.as_deref().and_then(|link| link.rsplit('/').next());
                    let target = target.unwrap_or(&name).to_owned();
                    all.links.push(Link { folder, name, target, pulls: true });
                }
            } else if is_service(&name) {
                let entry = Entry { folder, link: root.read_link(&path).ok() };
                if let Some(target) = entry.target().filter(|target| *target != name && *target != "null") {
                    let target = target.to_owned();
                    all.links.push(Link { folder, name: name.clone(), target, pulls: false });
                }
                all.entries.entry(name).or_insert(entry);
            }
        }
    }
    all
}

impl Folders {
    /// The drop-ins of a unit in the order in which they are read: by file name, the most particular folder's of a name.
    pub(super) fn drop_ins(&self, name: &str) -> Vec<&str> {
        let mut seen = HashSet::new();
        let mut chosen: Vec<&str> = Vec::new();
        for folder in names_with_drop_ins(name) {
            for path in self.drop_ins.get(&format!("{folder}.d")).into_iter().flatten() {
                if seen.insert(file_name(path)) {
                    chosen.push(path);
                }
            }
        }
        chosen.sort_by_key(|path| file_name(path));
        chosen
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `a-b@c.service`, `a-b@.service`, `a-.service`, `service`.
fn names_with_drop_ins(name: &str) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    names.extend(super::template_of(name));
    let Some((stem, kind)) = name.rsplit_once('.') else { return names };
    let prefix = stem.split('@').next().unwrap_or(stem);
    let dashes: Vec<usize> = prefix.match_indices('-').map(|(at, _)| at).collect();
    let ends = dashes.into_iter().rev().map(|at| at + 1).filter(|end| *end < stem.len());
    names.extend(ends.filter_map(|end| Some(format!("{}.{kind}", stem.get(..end)?))));
    names.push(kind.to_owned());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_ins_come_from_the_name_its_template_and_its_prefixes() {
        assert_eq!(names_with_drop_ins("a-b-c.timer"), ["a-b-c.timer", "a-b-.timer", "a-.timer", "timer"]);
        assert_eq!(names_with_drop_ins("x@y-z.service"), ["x@y-z.service", "x@.service", "service"]);
    }

    #[test]
    fn a_drop_in_of_the_administrator_hides_the_vendors_of_its_name() {
        let mut folders = Folders::default();
        folders.drop_ins.insert(
            "a.service.d".to_owned(),
            ["/etc/a.service.d/50.conf", "/usr/a.service.d/10.conf", "/usr/a.service.d/50.conf"]
                .map(str::to_owned)
                .to_vec(),
        );
        folders.drop_ins.insert("service.d".to_owned(), vec!["/usr/service.d/20.conf".to_owned()]);
        assert_eq!(
            folders.drop_ins("a.service"),
            ["/usr/a.service.d/10.conf", "/usr/service.d/20.conf", "/etc/a.service.d/50.conf"]
        );
    }
}
