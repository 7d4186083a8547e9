//! Programs that bring everything with them: snaps, flatpaks, AppImages.

use std::collections::BTreeMap;

use daicho_proto::facts::Software;

use super::{Found, OPT, list};
use crate::platform::linux::root::Root;

/// Below a home: where people keep programs that they fetched.
const HOME_FOLDERS: [&str; 7] =
    ["", "/Applications", "/Downloads", "/Desktop", "/ダウンロード", "/デスクトップ", "/.local/bin"];

/// Homes that are looked into; more accounts than that have theirs on a server.
const HOMES_MAX: usize = 200;

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
    let each = revisions.into_iter().map(|(name, revision)| {
        let described = ["/snap", "/var/lib/snapd/snap"]
            .iter()
            .find_map(|folder| root.read_text(&format!("{folder}/{name}/current/meta/snap.yaml")).ok());
        let version = described.as_deref().and_then(version_of);
        Software {
            name,
            version: version.or_else(|| Some(format!("revision {revision}"))),
            ..Software::default()
        }
    });
    each.collect()
}

/// `version: '131.0-1'` of a snap.yaml.
fn version_of(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("version:"))?;
    Some(value.trim().trim_matches(['\'', '"']).to_owned()).filter(|value| !value.is_empty())
}

/// Flatpaks of the whole machine that have an active version.
pub(super) fn flatpaks(root: &Root, problems: &mut Vec<String>) -> Vec<Software> {
    const APPS: &str = "/var/lib/flatpak/app";
    let names = list(root, APPS, problems).into_iter();
    let active = names.filter(|name| root.exists(&format!("{APPS}/{name}/current/active/metadata")));
    active.map(|name| Software { name, ..Software::default() }).collect()
}

/// AppImages below /opt and in people's homes.
pub(super) fn app_images(root: &Root) -> Vec<Software> {
    let homes = root
        .list("/home")
        .unwrap_or_default()
        .into_iter()
        .take(HOMES_MAX)
        .map(|name| format!("/home/{name}"));
    let people = homes.chain(["/root".to_owned()]);
    let in_homes = people.flat_map(|home| HOME_FOLDERS.map(|folder| format!("{home}{folder}")));
    let folders = [OPT.to_owned(), "/usr/local/bin".to_owned()].into_iter().chain(in_homes);
    let mut found: Vec<Found> = Vec::new();
    for folder in folders {
        // Homes that we may not enter, or that are not there, hold nothing that we could name.
        for name in root.list(&folder).unwrap_or_default() {
            let Some((stem, end)) = name.rsplit_once('.') else { continue };
            if end.eq_ignore_ascii_case("appimage") {
                let program = Software { name: stem.to_owned(), ..Software::default() };
                found.push((format!("{folder}/{name}"), program));
            }
        }
    }
    found.into_iter().map(|(_, program)| program).collect()
}
