//! The configuration of dnf and zypper: which repositories are enabled, and what of them is looked past.

use crate::platform::linux::packages::patterns::matches_pattern;
use crate::platform::linux::packages::rpm::locks::fits_full;
use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;

/// Where repositories are configured; `reposdir` of dnf.conf(5), and zypper's folder.
const FOLDERS: [&str; 4] =
    ["/etc/yum.repos.d", "/etc/yum/repos.d", "/etc/distro.repos.d", "/etc/zypp/repos.d"];

/// What dnf5 lays over them.
const OVERRIDES: &str = "/etc/dnf/repos.override.d";

/// The package managers' own configuration.
const MAIN: [&str; 2] = ["/etc/dnf/dnf.conf", "/etc/yum.conf"];

/// dnf.conf(5), zypper(8).
const PRIORITY_USUAL: i32 = 99;

/// A repository that is enabled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Configured {
    pub(super) name: String,
    /// The lower counts more.
    pub(super) priority: i32,
    /// Whether module streams do not hide its packages.
    pub(super) module_hotfixes: bool,
    enabled: bool,
    excludes: Vec<String>,
    includes: Vec<String>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    pub(super) repositories: Vec<Configured>,
    excludes: Vec<String>,
}

impl Configuration {
    pub(super) fn read(root: &Root, problems: &mut Vec<String>) -> Self {
        let mut sections = Vec::new();
        for folder in FOLDERS.into_iter().chain([OVERRIDES]) {
            let files = root.list(folder).unwrap_or_default();
            for file in files.iter().filter(|file| file.ends_with(".repo")) {
                let path = format!("{folder}/{file}");
                match root.read_text(&path) {
                    Ok(text) => add(&mut sections, &text),
                    Err(error) => {
                        problems.push(unreadable("the configuration of repositories", &path, &error));
                    }
                }
            }
        }
        let mut optional = |path: &str| match root.read_text(path) {
            Ok(text) => text,
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    problems.push(unreadable("the package manager's configuration", path, &error));
                }
                String::new()
            }
        };
        let mut main = Vec::new();
        MAIN.iter().for_each(|path| add(&mut main, &optional(path)));
        let excludes = main.into_iter().filter(|section| section.name == "main");
        let excludes = excludes.flat_map(|section| section.excludes).collect();
        sections.retain(|section| section.enabled && section.name != "main");
        Configuration { repositories: sections, excludes }
    }

    /// Whether a package of a repository is looked past.
    pub(super) fn excludes(&self, repository: &Configured, name: &str, full: &str) -> bool {
        let fits = |patterns: &[String]| {
            patterns.iter().any(|pattern| matches_pattern(pattern, name) || fits_full(pattern, name, full))
        };
        fits(&self.excludes)
            || fits(&repository.excludes)
            || (!repository.includes.is_empty() && !fits(&repository.includes))
    }
}

/// Reads the sections of one file; a section that is there already is changed.
pub(super) fn add(sections: &mut Vec<Configured>, text: &str) {
    let mut current: Option<usize> = None;
    let mut last = String::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', ';'])) {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let known = sections.iter().position(|section| section.name == name);
            current = Some(known.unwrap_or_else(|| {
                sections.push(Configured {
                    name: name.to_owned(),
                    priority: PRIORITY_USUAL,
                    module_hotfixes: false,
                    enabled: true,
                    excludes: Vec::new(),
                    includes: Vec::new(),
                });
                sections.len() - 1
            }));
            last.clear();
            continue;
        }
        let Some(section) = current.and_then(|index| sections.get_mut(index)) else { continue };
        // A line that begins with a space goes on with the list above it.
        let (key, value) = match trimmed.split_once('=') {
            Some((key, value)) if !line.starts_with([' ', '\t']) => (key.trim().to_owned(), value.trim()),
            _ => (last.clone(), trimmed),
        };
        let words = value.split([',', ' ', '\t']).filter(|word| !word.is_empty()).map(str::to_owned);
        let off = ["0", "no", "false", "off"].contains(&value.to_ascii_lowercase().as_str());
        match key.as_str() {
            "enabled" => section.enabled = !off,
            "module_hotfixes" => section.module_hotfixes = !off,
            "priority" => section.priority = value.parse().unwrap_or(PRIORITY_USUAL),
            "exclude" | "excludepkgs" => section.excludes.extend(words),
            "includepkgs" => section.includes.extend(words),
            _ => {}
        }
        last = key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(text: &str) -> Vec<Configured> {
        let mut sections = Vec::new();
        add(&mut sections, text);
        sections
    }

    #[test]
    fn sections_have_their_settings() {
        let all = configured(
            "[baseos]\nname=x\nenabled = 1\n[extras]\nenabled=0\n[epel]\npriority=120\nexcludepkgs=a*,b\n  c\n# no\n[extras]\nenabled=yes\n",
        );
        let names: Vec<_> = all.iter().map(|one| (one.name.as_str(), one.priority, one.enabled)).collect();
        assert_eq!(names, [("baseos", 99, true), ("extras", 99, true), ("epel", 120, true)]);
        assert_eq!(all[2].excludes, ["a*", "b", "c"]);
    }

    #[test]
    fn a_package_is_looked_past_by_name_or_in_full() {
        let all = configured("[a]\nexclude=kernel* bash-5.1-1.el9.x86_64 zlib.i686\n[b]\nincludepkgs=htop\n");
        let configuration = Configuration::default();
        let excludes =
            |section: usize, name: &str, full: &str| configuration.excludes(&all[section], name, full);
        assert!(excludes(0, "kernel-core", "kernel-core-0:5-1.x86_64"));
        assert!(excludes(0, "bash", "bash-0:5.1-1.el9.x86_64"));
        assert!(!excludes(0, "bash", "bash-0:5.2-1.el9.x86_64"));
        assert!(excludes(0, "zlib", "zlib-0:1-1.i686") && !excludes(0, "zlib", "zlib-0:1-1.x86_64"));
        assert!(excludes(1, "bash", "bash-0:5.1-1.el9.x86_64") && !excludes(1, "htop", "htop-0:1-1.x86_64"));
    }
}
