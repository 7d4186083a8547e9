//! Packages that the administrator locked at their version: dnf's and yum's versionlock, zypper's locks.

use super::Header;
use crate::platform::linux::packages::patterns::matches_pattern;
use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;

/// The locks of dnf's plug-in, of yum's and of zypper.
const FILES: [&str; 4] = [
    "/etc/dnf/plugins/versionlock.list",
    "/etc/yum/pluginconf.d/versionlock.list",
    "/etc/dnf/versionlock.toml",
    "/etc/zypp/locks",
];

/// Patterns of packages that stay as they are.
#[derive(Debug, Default)]
pub(in crate::platform::linux) struct Locks(Vec<String>);

impl Locks {
    pub(in crate::platform::linux) fn read(root: &Root, problems: &mut Vec<String>) -> Self {
        let mut all = Vec::new();
        for path in FILES {
            match root.read_text(path) {
                Ok(text) => all.extend(locks(path, &text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => problems.push(unreadable("the list of locked packages", path, &error)),
            }
        }
        Locks(all)
    }

    /// Whether an installed package is to stay as it is.
    pub(in crate::platform::linux) fn hold(&self, header: &Header) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let Header { name, version, release, .. } = header;
        let architecture = header.architecture.as_deref().unwrap_or("noarch");
        let full = format!("{name}-{}:{version}-{release}.{architecture}", header.epoch.unwrap_or(0));
        self.0.iter().any(|lock| matches_pattern(lock, name) || fits_full(lock, name, &full))
    }
}

/// `name-epoch:version-release.architecture`, with or without the epoch, or the epoch first as yum writes it; or
/// `name.architecture`.
pub(in crate::platform::linux) fn fits_full(pattern: &str, name: &str, full: &str) -> bool {
    let Some((epoch, rest)) = full.get(name.len() + 1..).and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    let architecture = rest.rsplit_once('.').map_or("", |(_, architecture)| architecture);
    let mut forms = vec![full.to_owned(), format!("{name}.{architecture}"), format!("{epoch}:{name}-{rest}")];
    if epoch == "0" {
        forms.push(format!("{name}-{rest}"));
    }
    forms.iter().any(|form| matches_pattern(pattern, form))
}

/// The patterns that a file of locks names.
fn locks(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    if path.ends_with(".toml") {
        let names = lines.filter_map(|line| line.split_once('=')).filter(|(key, _)| key.trim() == "name");
        return names.map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned()).collect();
    }
    if path.ends_with("/locks") {
        let names = lines.filter_map(|line| line.strip_prefix("solvable_name:"));
        return names.map(|name| name.trim().to_owned()).collect();
    }
    // With `!` a version is forbidden: that is no lock of the installed one.
    lines.filter(|line| !line.starts_with('!')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_read_as_their_tools_write_them() {
        let list = "# added\nbash-0:5.1.8-9.el9.*\n!vim-0:1-1.*\n0:yum-4-1.el7.*\n";
        let zypper = "type: package\nmatch_type: glob\nsolvable_name: docker*\n";
        let toml = "version = \"1.0\"\n[[packages]]\nname = \"nginx\"\n";
        let mut all = locks(FILES[0], list);
        all.extend(locks(FILES[3], zypper));
        all.extend(locks(FILES[2], toml));
        let locks = Locks(all);
        let header = |name: &str, version: &str, release: &str| Header {
            name: name.to_owned(),
            version: version.to_owned(),
            release: release.to_owned(),
            architecture: Some("x86_64".to_owned()),
            ..Header::default()
        };
        for (name, version, release, locked) in [
            ("bash", "5.1.8", "9.el9", true),
            ("vim", "1", "1", false),
            ("yum", "4", "1.el7", true),
            ("docker-ce", "1", "1", true),
            ("nginx", "1", "1", true),
            ("zlib", "1", "1", false),
        ] {
            assert_eq!(locks.hold(&header(name, version, release)), locked, "{name}");
        }
    }
}
