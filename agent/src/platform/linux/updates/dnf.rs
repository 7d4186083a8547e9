//! dnf and zypper: the repositories' own metadata (repomd, primary, updateinfo, modules) in their caches, and the choice
//! that dnf itself would make from them: priorities, exclusions, locks and module streams, dnf.conf(5).
//!
//! `as_of` is the date of the metadata, the oldest of the repositories that tell of security advisories: a time of
//! fetching would not show that a mirror stands still. A repository of few of the machine's packages may rightly be
//! quiet for months: of it, the time of the last fetching counts.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use daicho_proto::facts::{Package, Update};
use daicho_proto::versions::{Manager, compare};
use jiff::Timestamp;

use super::{Outcome, lists};
use crate::platform::linux::packages::rpm::Header;
use crate::platform::linux::packages::rpm::locks::Locks;
use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;
use crate::platform::linux::stanzas;

mod metadata;
mod modules;
mod repositories;

use metadata::{Label, Repomd, attribute, element};
use modules::Modules;
use repositories::{Configuration, Configured};

/// Where the caches of repositories lie.
const CACHES: [&str; 3] = ["/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/zypp/raw"];

const NO_LISTS: &str =
    "there is no metadata of repositories in /var/cache/dnf: run `dnf makecache` (SUSE: `zypper refresh`)";

/// A machine whose system is one image is not updated by packages.
const IMAGE_MARK: &str = "/run/ostree-booted";

/// One package as the newest that is installed under its name and architecture: kernels stay beside each other.
struct Wanted<'a> {
    header: &'a Header,
    label: String,
    offers: Vec<Offer>,
    /// Labels that security advisories name.
    mended: Vec<String>,
}

/// A package that a repository offers in its place.
struct Offer {
    label: String,
    repository: usize,
    /// The administrator told the package manager to look past it.
    excluded: bool,
    /// The name of the package, where it is another that takes the installed one's place.
    renamed: Option<String>,
}

/// A repository that is enabled and has metadata.
struct Repository<'a> {
    configured: &'a Configured,
    folder: String,
    repomd: Repomd,
    /// When the package manager last looked whether there is a newer one.
    fetched_at: Option<Timestamp>,
}

/// What waits for the packages that are installed.
pub(super) fn look(root: &Root, installed: &[Header]) -> Outcome {
    if root.exists(IMAGE_MARK) {
        return Outcome::unreadable(
            "this machine is updated as a whole image: look for a pending one with `rpm-ostree status`"
                .to_owned(),
        );
    }
    let mut problems = Vec::new();
    let configuration = Configuration::read(root, &mut problems);
    let repositories = read_repositories(root, &configuration, &mut problems);
    if repositories.is_empty() {
        problems.insert(0, NO_LISTS.to_owned());
        return Outcome { problems, ..Outcome::default() };
    }
    let mut wanted = newest(installed);
    let mut modules = Modules::read(root, &mut problems);
    let mut read =
        |repository: &Repository<'_>, file: &Option<String>, end: &[u8], each: &mut dyn FnMut(&[u8])| {
            let Some(file) = file else { return };
            let file = format!("{}/{file}", repository.folder);
            let source = root.open(&file).and_then(|opened| lists::open(opened, &file));
            if let Err(error) = source.and_then(|source| stanzas::split(source, end, each)) {
                problems.push(unreadable("the repository's list", &file, &error));
            }
        };
    for repository in &repositories {
        let mut document = modules::Document::default();
        read(repository, &repository.repomd.modules, b"\n", &mut |line| {
            modules.line(line, &mut document, |name| wanted.contains_key(name));
        });
    }
    let mut unexplained = false;
    for (index, repository) in repositories.iter().enumerate() {
        let place = Place { configuration: &configuration, repository, index, modules: &modules };
        read(repository, &repository.repomd.primary, b"</package>", &mut |part| {
            unexplained |= place.offer(part, &mut wanted) == Some(Unexplained);
        });
        read(repository, &repository.repomd.updateinfo, b"</update>", &mut |part| advise(part, &mut wanted));
    }
    for repository in repositories.iter().filter(|repository| repository.repomd.primary.is_none()) {
        let name = &repository.configured.name;
        problems.push(format!("the metadata of the repository {name} names no list of packages"));
    }
    if unexplained {
        problems.push(
            "packages of module streams are offered that no list of modules explains: their updates are told by \
             version alone"
                .to_owned(),
        );
    }
    let as_of = as_of(&repositories, &wanted);
    if as_of.is_none() {
        problems.push("the date of the repositories' metadata is not known: run `dnf makecache`".to_owned());
    }
    let locks = Locks::read(root, &mut problems);
    let mut pending = Vec::new();
    let mut unlisted = Vec::new();
    for one in wanted.into_values().flatten() {
        let held = locks.hold(one.header);
        if !one.offers.iter().any(|offer| offer.renamed.is_some() || !is_newer(&one.label, &offer.label)) {
            unlisted.push(Package { held, ..one.header.clone().into_package() });
        }
        pending.extend(update(&one, &repositories, held));
    }
    pending.sort_by(|a, b| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
    unlisted.sort_by(|a, b| a.name.cmp(&b.name));
    Outcome { pending: Some(pending), unlisted, as_of, problems }
}

/// The enabled repositories that have metadata, each once: where an address changed, the newest counts.
fn read_repositories<'a>(
    root: &Root,
    configuration: &'a Configuration,
    problems: &mut Vec<String>,
) -> Vec<Repository<'a>> {
    let mut found: Vec<Repository<'a>> = Vec::new();
    for cache in CACHES {
        for folder in root.list(cache).unwrap_or_default() {
            let name = metadata::repository_of(&folder);
            let path = format!("{cache}/{folder}");
            let Some(configured) = configuration.repositories.iter().find(|one| one.name == name) else {
                continue;
            };
            let Some(repomd) = read_repomd(root, &path, problems) else { continue };
            let fetched_at = root.metadata(&format!("{path}/repodata/repomd.xml")).ok();
            let fetched_at = fetched_at.and_then(|file| Timestamp::from_second(file.mtime()).ok());
            let repository = Repository { configured, folder: path, repomd, fetched_at };
            match found.iter_mut().find(|other| other.configured.name == name) {
                Some(other) if other.repomd.made_at < repository.repomd.made_at => *other = repository,
                Some(_) => {}
                None => found.push(repository),
            }
        }
    }
    if !found.is_empty() {
        let missing = |one: &&Configured| !found.iter().any(|other| other.configured.name == one.name);
        problems.extend(configuration.repositories.iter().filter(missing).map(|one| {
            let name = &one.name;
            format!(
                "the repository {name} is enabled and its metadata was never fetched: run `dnf makecache`"
            )
        }));
    }
    found
}

fn read_repomd(root: &Root, path: &str, problems: &mut Vec<String>) -> Option<Repomd> {
    let file = format!("{path}/repodata/repomd.xml");
    match root.read_text(&file) {
        Ok(text) => Some(Repomd::parse(&text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
        Err(error) => {
            problems.push(unreadable("the repository's metadata", &file, &error));
            None
        }
    }
}

/// A repository of fewer of the installed packages than one in so many is a small one.
const SMALL_SHARE: usize = 10;

/// An unknown date counts as the oldest.
fn as_of(repositories: &[Repository<'_>], wanted: &WantedByName<'_>) -> Option<Timestamp> {
    let mut counts = vec![0_usize; repositories.len()];
    for one in wanted.values().flatten() {
        let mut of: Vec<usize> = one.offers.iter().map(|offer| offer.repository).collect();
        of.sort_unstable();
        of.dedup();
        of.into_iter().for_each(|repository| counts[repository] += 1);
    }
    let all = wanted.values().flatten().count();
    let dates =
        repositories.iter().zip(counts).filter(|(repository, _)| repository.repomd.updateinfo.is_some());
    let dates = dates.map(|(repository, count)| {
        let made_at = repository.repomd.made_at;
        let small = count * SMALL_SHARE < all;
        if small && made_at.is_some() { made_at.max(repository.fetched_at) } else { made_at }
    });
    let dates: Vec<Option<Timestamp>> = dates.collect();
    if !dates.is_empty() {
        dates.into_iter().min().flatten()
    } else {
        repositories.iter().filter_map(|repository| repository.repomd.made_at).max()
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
            None => same.push(Wanted { header, label, offers: Vec::new(), mended: Vec::new() }),
        }
    }
    wanted
}

/// What is no label is never newer; rpm itself would not have built it.
fn is_newer(a: &str, b: &str) -> bool {
    compare(Manager::Rpm, a, b).is_ok_and(std::cmp::Ordering::is_gt)
}

/// A package of a module stream that no list of modules names.
#[derive(Debug, PartialEq)]
struct Unexplained;

/// Where a package is offered, and what decides whether it counts.
struct Place<'a> {
    configuration: &'a Configuration,
    repository: &'a Repository<'a>,
    index: usize,
    modules: &'a Modules,
}

impl Place<'_> {
    /// One `<package>` of a primary list.
    fn offer(&self, part: &[u8], wanted: &mut WantedByName<'_>) -> Option<Unexplained> {
        let name = element(part, b"name")?;
        let replaced: Vec<&[u8]> = metadata::obsoletes(part)
            .filter(|entry| wanted.contains_key(entry.0))
            .map(|entry| entry.0)
            .collect();
        if !wanted.contains_key(name) && replaced.is_empty() {
            return None;
        }
        let architecture = String::from_utf8_lossy(element(part, b"arch").unwrap_or_default()).into_owned();
        let label = Label::of_tag(part, b"<version ", [b"epoch=\"", b"ver=\"", b"rel=\""])?;
        let text_name = String::from_utf8_lossy(name).into_owned();
        let full = label.full_name(&text_name, &architecture);
        let hotfix = self.repository.configured.module_hotfixes;
        let mut unexplained = None;
        match self.modules.stream_of(&full) {
            _ if hotfix => {}
            Some((module, stream)) if !self.modules.is_active(module, stream) => return None,
            Some(_) => {}
            // The usual build of what a chosen stream has its own of.
            None if !label.is_modular() && self.modules.hides(&text_name) => return None,
            // dnf looks past it; what is installed of such a stream goes by its version.
            None if label.is_modular() => {
                let installed = wanted.get(name).into_iter().flatten().any(|one| is_modular(one.header));
                unexplained = Some(installed.then_some(Unexplained)?);
            }
            None => {}
        }
        let excluded = self.configuration.excludes(self.repository.configured, &text_name, &full);
        let offer = |renamed| Offer { label: label.to_string(), repository: self.index, excluded, renamed };
        for one in wanted.get_mut(name).into_iter().flatten() {
            let same_stream = unexplained.is_none()
                || (is_modular(one.header) && label.first_number() == first_number(&one.header.version));
            if fits(one.header, architecture.as_bytes()) && same_stream {
                one.offers.push(offer(None));
            }
        }
        if !wanted.contains_key(name) {
            for (old, condition) in metadata::obsoletes(part) {
                for one in wanted.get_mut(old).into_iter().flatten() {
                    if fits(one.header, architecture.as_bytes()) && condition.holds(&one.label) {
                        one.offers.push(offer(Some(text_name.clone())));
                    }
                }
            }
        }
        unexplained
    }
}

fn is_modular(header: &Header) -> bool {
    header.module.is_some() || header.release.contains(".module")
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

/// The update that dnf would install, or a security update that an exclusion keeps from it.
fn update(one: &Wanted<'_>, repositories: &[Repository<'_>], locked: bool) -> Option<Update> {
    let priority = |offer: &Offer| repositories[offer.repository].configured.priority;
    // Of the repositories that have a package, those with the best priority alone count, dnf.conf(5).
    let best = one.offers.iter().filter(|offer| !offer.excluded).map(priority).min();
    let newest_of = |offers: &mut dyn Iterator<Item = &Offer>| -> Option<usize> {
        let newer = offers.filter(|offer| offer.renamed.is_some() || is_newer(&offer.label, &one.label));
        let newest = newer.reduce(|best, offer| {
            let wins = match (best.renamed.is_some(), offer.renamed.is_some()) {
                // A package that is still offered under its name is the one to take.
                (true, false) => true,
                (false, true) => false,
                _ => is_newer(&offer.label, &best.label),
            };
            if wins { offer } else { best }
        })?;
        one.offers.iter().position(|offer| std::ptr::eq(offer, newest))
    };
    let chosen =
        newest_of(&mut one.offers.iter().filter(|offer| !offer.excluded && Some(priority(offer)) == best));
    let mends = |index: usize| {
        let offer = &one.offers[index];
        offer.renamed.is_none() && one.mended.iter().any(|label| !is_newer(label, &offer.label))
    };
    let excluded = newest_of(&mut one.offers.iter()).filter(|index| mends(*index));
    let (index, held) = match (chosen, excluded) {
        (Some(chosen), _) if mends(chosen) => (chosen, locked),
        (_, Some(excluded)) => (excluded, true),
        (Some(chosen), None) => (chosen, locked),
        (None, None) => return None,
    };
    let security = mends(index);
    let offer = &one.offers[index];
    let repository = &repositories[offer.repository];
    let name = &repository.configured.name;
    Some(Update {
        manager: "rpm".to_owned(),
        name: one.header.name.clone(),
        installed_version: Some(one.label.clone()),
        available_version: Some(offer.label.clone()),
        security: match &offer.renamed {
            // Advisories name the new package, and nobody says what of it mends the old.
            Some(_) => None,
            None if security => Some(true),
            None => repository.repomd.updateinfo.is_some().then_some(false),
        },
        origin: Some(match &offer.renamed {
            Some(renamed) => format!("{name} ({renamed})"),
            None => name.clone(),
        }),
        architecture: one.header.architecture.clone(),
        held,
        phased_percent: None,
    })
}

#[cfg(test)]
mod tests;
