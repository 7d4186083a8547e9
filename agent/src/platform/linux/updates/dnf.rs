//! dnf and zypper: the repositories' own metadata (repomd, primary, updateinfo) in their caches.
//!
//! `as_of` is the date of the metadata, the oldest of the repositories that tell of security advisories: a time of
//! fetching would not show that a mirror stands still. Module streams are told apart only by the first number of the
//! version, and a problem says so where a module is installed.

use std::collections::HashMap;
use std::io;

use daicho_proto::facts::Update;
use daicho_proto::versions::{Manager, compare};
use jiff::Timestamp;

use super::{Outcome, lists};
use crate::platform::linux::packages::rpm::Header;
use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;
use crate::platform::linux::stanzas;

mod metadata;

use metadata::{Label, attribute, element};

/// Where the caches of repositories lie, and where repositories are configured.
const CACHES: [(&str, &str); 3] = [
    ("/var/cache/dnf", "/etc/yum.repos.d"),
    ("/var/cache/libdnf5", "/etc/yum.repos.d"),
    ("/var/cache/zypp/raw", "/etc/zypp/repos.d"),
];

const NO_LISTS: &str = "there is no metadata of repositories in /var/cache/dnf: run `dnf makecache`";

/// One package as the newest that is installed under its name and architecture: kernels stay beside each other.
struct Wanted<'a> {
    header: &'a Header,
    label: String,
    best: Option<(String, usize)>,
    /// Labels that security advisories name.
    mended: Vec<String>,
}

/// A repository that is enabled and has metadata.
struct Repository {
    name: String,
    made_at: Option<Timestamp>,
    has_advisories: bool,
}

/// What waits for the packages that are installed.
pub(super) fn look(root: &Root, installed: &[Header]) -> Outcome {
    let mut problems = Vec::new();
    let mut wanted = newest(installed);
    let mut repositories: Vec<Repository> = Vec::new();
    for (cache, configuration) in CACHES {
        let Ok(folders) = root.list(cache) else { continue };
        let enabled = metadata::enabled(root, configuration, &mut problems);
        let mut missing = enabled.clone();
        for folder in folders {
            let path = format!("{cache}/{folder}");
            let name = metadata::repository_of(&folder);
            let Some(repomd) = read_repomd(root, &path, &mut problems) else { continue };
            if !enabled.iter().any(|one| one == name) {
                continue;
            }
            missing.retain(|one| one != name);
            let repository = repositories.len();
            repositories.push(Repository {
                name: name.to_owned(),
                made_at: repomd.made_at,
                has_advisories: repomd.updateinfo.is_some(),
            });
            let mut read = |file: &Option<String>, end: &[u8], each: &mut dyn FnMut(&[u8])| {
                let Some(file) = file else { return };
                let file = format!("{path}/{file}");
                let source = root.open(&file).and_then(|opened| lists::open(opened, &file));
                if let Err(error) = source.and_then(|source| stanzas::split(source, end, each)) {
                    problems.push(unreadable("the repository's list", &file, &error));
                }
            };
            read(&repomd.primary, b"</package>", &mut |part| offer(part, &mut wanted, repository));
            read(&repomd.updateinfo, b"</update>", &mut |part| advise(part, &mut wanted));
            if repomd.primary.is_none() {
                problems.push(format!("the metadata of the repository {name} names no list of packages"));
            }
        }
        problems.extend(missing.iter().filter(|_| !repositories.is_empty()).map(|name| {
            format!(
                "the repository {name} is enabled and its metadata was never fetched: run `dnf makecache`"
            )
        }));
    }
    if repositories.is_empty() {
        problems.insert(0, NO_LISTS.to_owned());
        return Outcome { problems, ..Outcome::default() };
    }
    if installed.iter().any(is_modular) {
        problems.push(
            "packages of module streams are installed: their updates are told by version alone".to_owned(),
        );
    }
    let mut pending: Vec<Update> =
        wanted.into_values().flatten().filter_map(|one| update(one, &repositories)).collect();
    pending.sort_by(|a, b| a.name.cmp(&b.name));
    let advised = |repository: &&Repository| repository.has_advisories;
    let as_of = if repositories.iter().any(|repository| repository.has_advisories) {
        // An unknown date counts as the oldest.
        repositories.iter().filter(advised).map(|repository| repository.made_at).min().flatten()
    } else {
        repositories.iter().filter_map(|repository| repository.made_at).max()
    };
    Outcome { pending: Some(pending), as_of, problems, ..Outcome::default() }
}

fn read_repomd(root: &Root, path: &str, problems: &mut Vec<String>) -> Option<metadata::Repomd> {
    let file = format!("{path}/repodata/repomd.xml");
    match root.read_text(&file) {
        Ok(text) => Some(metadata::Repomd::parse(&text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
        Err(error) => {
            problems.push(unreadable("the repository's metadata", &file, &error));
            None
        }
    }
}

type WantedByName<'a> = HashMap<&'a [u8], Vec<Wanted<'a>>>;

fn newest(installed: &[Header]) -> WantedByName<'_> {
    let mut wanted: WantedByName<'_> = HashMap::new();
    for header in installed {
        let label = header.label();
        let same = wanted.entry(header.name.as_bytes()).or_default();
        match same.iter_mut().find(|other| other.header.architecture == header.architecture) {
            Some(other) if is_newer(&label, &other.label) => (other.header, other.label) = (header, label),
            Some(_) => {}
            None => same.push(Wanted { header, label, best: None, mended: Vec::new() }),
        }
    }
    wanted
}

/// What is no label is never newer; rpm itself would not have built it.
fn is_newer(a: &str, b: &str) -> bool {
    compare(Manager::Rpm, a, b).is_ok_and(std::cmp::Ordering::is_gt)
}

fn is_modular(header: &Header) -> bool {
    header.module.is_some() || header.release.contains(".module")
}

/// One `<package>` of a primary list.
fn offer(part: &[u8], wanted: &mut WantedByName<'_>, repository: usize) {
    let Some(same) = element(part, b"name").and_then(|name| wanted.get_mut(name)) else { return };
    let architecture = element(part, b"arch").unwrap_or_default();
    let Some(label) = Label::of_tag(part, b"<version ", [b"epoch=\"", b"ver=\"", b"rel=\""]) else { return };
    for one in same.iter_mut().filter(|one| fits(one.header, architecture)) {
        // A module's build stands beside the usual one, and beside those of other streams.
        let modular = label.release.contains(".module");
        if modular != is_modular(one.header)
            || (modular && label.first_number() != first_number(&one.header.version))
        {
            continue;
        }
        let text = label.to_string();
        let best = one.best.as_ref().map_or(one.label.as_str(), |(best, _)| best);
        if is_newer(&text, best) {
            one.best = Some((text, repository));
        }
    }
}

/// One `<update>` of an updateinfo list.
fn advise(part: &[u8], wanted: &mut WantedByName<'_>) {
    let Some(start) = memchr::memmem::find(part, b"<update ") else { return };
    if attribute(&part[start..], b"type=\"") != Some(b"security") {
        return;
    }
    for at in memchr::memmem::find_iter(part, b"<package ") {
        let tag = &part[at..];
        let Some(same) = attribute(tag, b"name=\"").and_then(|name| wanted.get_mut(name)) else { continue };
        let architecture = attribute(tag, b"arch=\"").unwrap_or_default();
        let Some(label) = Label::of_tag(tag, b"<package ", [b"epoch=\"", b"version=\"", b"release=\""])
        else {
            continue;
        };
        for one in same.iter_mut().filter(|one| fits(one.header, architecture)) {
            let text = label.to_string();
            if is_newer(&text, &one.label) {
                one.mended.push(text);
            }
        }
    }
}

fn fits(header: &Header, architecture: &[u8]) -> bool {
    let here = header.architecture.as_deref().unwrap_or("noarch").as_bytes();
    here == architecture || here == b"noarch" || architecture == b"noarch"
}

fn first_number(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}

fn update(one: Wanted<'_>, repositories: &[Repository]) -> Option<Update> {
    let (available, repository) = one.best?;
    let repository = &repositories[repository];
    let mends = one.mended.iter().any(|label| !is_newer(label, &available));
    Some(Update {
        manager: "rpm".to_owned(),
        name: one.header.name.clone(),
        installed_version: Some(one.label),
        available_version: Some(available),
        security: if mends { Some(true) } else { repository.has_advisories.then_some(false) },
        origin: Some(repository.name.clone()),
        architecture: one.header.architecture.clone(),
        ..Update::default()
    })
}

#[cfg(test)]
mod tests;
