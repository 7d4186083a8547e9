//! Programs that bring everything with them: snaps, flatpaks, AppImages.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use daicho_proto::facts::Software;
use memchr::memmem;

use super::{OPT, list, unreadable};
use crate::platform::linux::people::Person;
use crate::platform::linux::root::Root;

/// Below a home: where people keep programs that they fetched.
const HOME_FOLDERS: [&str; 9] = [
    "",
    "/Applications",
    "/Downloads",
    "/Desktop",
    "/ダウンロード",
    "/デスクトップ",
    "/アプリケーション",
    "/.local/bin",
    "/bin",
];

/// What other snaps stand on; they are no programs, and the first snap brings them: `snap list` notes them as `base`,
/// `core` and `snapd`.
const BASES: [&str; 4] = ["core", "bare", "snapd", "lxd-agent"];

/// Snaps whose file is there. The version stands in the mounted snap, else the revision must do.
pub(super) fn snaps(root: &Root, problems: &mut Vec<String>) -> Vec<Software> {
    let mut revisions: BTreeMap<String, u64> = BTreeMap::new();
    for file in list(root, "/var/lib/snapd/snaps", problems) {
        let Some((name, revision)) = file.strip_suffix(".snap").and_then(|stem| stem.rsplit_once('_')) else {
            continue;
        };
        // A local snap has a revision `x1`.
        let revision = revision.trim_start_matches('x').parse().unwrap_or(0);
        let newest = revisions.entry(name.to_owned()).or_default();
        *newest = revision.max(*newest);
    }
    let each = revisions.into_iter().filter_map(|(name, revision)| {
        let described = ["/snap", "/var/lib/snapd/snap"]
            .iter()
            .find_map(|folder| root.read_text(&format!("{folder}/{name}/current/meta/snap.yaml")).ok());
        let value = |key: &str| described.as_deref().and_then(|text| value_of(text, key));
        let is_core = |name: &str| name.strip_prefix("core").is_some_and(|year| year.parse::<u8>().is_ok());
        let kind = value("type");
        let is_base = matches!(kind.as_deref(), Some("base" | "os" | "snapd" | "kernel" | "gadget"));
        if is_base || (kind.is_none() && (is_core(&name) || BASES.contains(&name.as_str()))) {
            return None;
        }
        Some(Software {
            version: value("version").or_else(|| Some(format!("revision {revision}"))),
            source: Some("snap".to_owned()),
            path: Some(format!("/var/lib/snapd/snaps/{name}_{revision}.snap")),
            name,
            ..Software::default()
        })
    });
    each.collect()
}

/// `version: '131.0-1'` of a snap.yaml.
fn value_of(text: &str, key: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(value.trim().trim_matches(['\'', '"']).to_owned()).filter(|value| !value.is_empty())
}

/// Flatpaks that have an active version: the machine's, and each person's own.
pub(super) fn flatpaks(root: &Root, people: &[Person], problems: &mut Vec<String>) -> Vec<Software> {
    let of_all = ("/var/lib/flatpak/app".to_owned(), None);
    let own = people
        .iter()
        .map(|person| (format!("{}/.local/share/flatpak/app", person.home), Some(person.name.clone())));
    let mut found = Vec::new();
    for (folder, user) in std::iter::once(of_all).chain(own) {
        let names = root.list(&folder).unwrap_or_else(|error| {
            told(&folder, &error, problems);
            Vec::new()
        });
        for name in names {
            let active = format!("{folder}/{name}/current/active");
            if root.exists(&format!("{active}/metadata")) {
                let deployed = root.read(&format!("{active}/deploy")).unwrap_or_default();
                found.push(Software {
                    name,
                    version: deployed_version(&deployed),
                    source: Some("flatpak".to_owned()),
                    path: Some(active),
                    user: user.clone(),
                    ..Software::default()
                });
            }
        }
    }
    found
}

/// The version in flatpak's record of a deployment, a dictionary of GVariant: the name, a zero, zeros up to a multiple
/// of eight, the text, a zero, a zero and its type `s`.
fn deployed_version(bytes: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"appdata-version\0";
    let at = memmem::find(bytes, KEY)? + KEY.len();
    let rest = bytes.get(at..)?;
    let text = rest.get(rest.iter().take(8).position(|byte| *byte != 0)?..)?;
    let text = text.get(..text.iter().position(|byte| *byte == 0)?)?;
    let text = std::str::from_utf8(text).ok()?;
    (text.len() <= 64 && text.chars().all(|letter| letter.is_ascii_graphic())).then(|| text.to_owned())
}

/// AppImages below /opt and /usr/local/bin, and in people's homes.
pub(super) fn app_images(root: &Root, people: &[Person], problems: &mut Vec<String>) -> Vec<Software> {
    let in_homes = people.iter().flat_map(|person| {
        HOME_FOLDERS.iter().map(|folder| (format!("{}{folder}", person.home), Some(person.name.clone())))
    });
    let of_all = [OPT, "/usr/local/bin"].map(|folder| (folder.to_owned(), None));
    let mut found = Vec::new();
    for (folder, user) in of_all.into_iter().chain(in_homes) {
        let names = root.list(&folder).unwrap_or_else(|error| {
            // /opt and /usr/local are told where they are looked at.
            if user.is_some() {
                told(&folder, &error, problems);
            }
            Vec::new()
        });
        for name in names {
            let Some((stem, end)) = name.rsplit_once('.') else { continue };
            if end.eq_ignore_ascii_case("appimage") {
                found.push(Software {
                    name: stem.to_owned(),
                    source: Some("appimage".to_owned()),
                    path: Some(format!("{folder}/{name}")),
                    user: user.clone(),
                    ..Software::default()
                });
            }
        }
    }
    found
}

/// A home that is not there, or is a file, holds nothing; one that cannot be read may.
fn told(folder: &str, error: &std::io::Error, problems: &mut Vec<String>) {
    if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
        problems.push(unreadable("the folder", folder, error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_flatpak_stands_in_its_record() {
        let record = b"xx\0appdata-name\0\0\0\0GIMP\0\0sappdata-version\0\0\0\0\0\x002.10.38\0\0s";
        assert_eq!(deployed_version(record).as_deref(), Some("2.10.38"));
        assert_eq!(deployed_version(b"appdata-version\0"), None);
        assert_eq!(deployed_version(b"appdata-version\0\0\0\xff\xfe\0"), None);
    }
}
