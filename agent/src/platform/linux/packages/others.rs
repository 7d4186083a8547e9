//! Package managers whose databases are not read: that they are there is told, so that no package of theirs is silence.

use super::Outcome;
use crate::platform::linux::root::Root;

/// Name, and the folder that has an entry for each package.
const MANAGERS: [(&str, &str); 9] = [
    ("pacman", "/var/lib/pacman/local"),
    ("portage", "/var/db/pkg"),
    ("opkg", "/usr/lib/opkg/info"),
    ("opkg", "/var/lib/opkg/info"),
    ("xbps", "/var/db/xbps"),
    ("pkgtools", "/var/lib/pkgtools/packages"),
    ("swupd", "/usr/share/clear/bundles"),
    ("eopkg", "/var/lib/eopkg/package"),
    ("nix", "/nix/store"),
];

/// A problem for each that has packages; `None` where there is none.
pub(super) fn packages(root: &Root) -> Option<Outcome> {
    let here = MANAGERS.iter().filter(|(_, folder)| root.list(folder).is_ok_and(|names| !names.is_empty()));
    let problems: Vec<String> = here
        .map(|(name, folder)| {
            format!("the packages of {name} in {folder} are not read: list them with its own tool")
        })
        .collect();
    (!problems.is_empty()).then(|| Outcome { packages: Vec::new(), problems })
}
