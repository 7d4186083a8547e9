//! apk: the indexes that it keeps of its repositories, apk-repositories(5). They do not say which update mends a
//! vulnerability.
//!
//! `as_of` is the time that the repository wrote into its index, the oldest of them.

use std::collections::HashMap;
use std::io::{self, Read};

use daicho_proto::facts::{Package, Update};
use daicho_proto::versions::{Manager, compare};
use jiff::Timestamp;

use super::Outcome;
use crate::platform::linux::packages::apk::{Wish, world};
use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;
use crate::platform::linux::stanzas;

const REPOSITORIES: &str = "/etc/apk/repositories";
const REPOSITORIES_FOLDER: &str = "/etc/apk/repositories.d";

/// Where indexes are kept: where the administrator wants them, else where apk does.
const CACHES: [&str; 2] = ["/etc/apk/cache", "/var/cache/apk"];

/// A block of tar, and how many are looked at before the list: signatures and a description come first.
const BLOCK_BYTES: usize = 512;
const MEMBERS_MAX: usize = 32;

/// What is skipped before the list is small: signatures of some hundred bytes.
const MEMBER_BYTES_MAX: u64 = 1024 * 1024;

/// A line of the list of repositories.
#[derive(Debug, PartialEq)]
struct Repository {
    address: String,
    /// Packages come from it only where the administrator asked for it by this name.
    tag: Option<String>,
}

/// The best offer for a package, and the repository that has it.
struct Best<'a> {
    version: String,
    repository: &'a str,
}

/// What waits for the packages that are installed.
pub(super) fn look(root: &Root, installed: &[Package]) -> Outcome {
    let mut problems = Vec::new();
    let repositories = repositories(root, &mut problems);
    let world = world(root).unwrap_or_else(|error| {
        problems.push(unreadable("apk's list of wishes", "/etc/apk/world", &error));
        Vec::new()
    });
    let mut best: HashMap<&str, Best<'_>> = HashMap::new();
    let mut dates: Vec<Option<Timestamp>> = Vec::new();
    let wanted: HashMap<&[u8], &Package> =
        installed.iter().map(|package| (package.name.as_bytes(), package)).collect();
    let mut architecture = installed.iter().filter_map(|package| package.architecture.as_deref());
    let architecture = architecture.find(|name| *name != "noarch").unwrap_or("noarch");
    for repository in &repositories {
        let Some((path, index)) = find(root, repository, architecture) else {
            problems.push(format!(
                "the repository {} is configured and there is no index of it: run `apk update`",
                repository.address
            ));
            continue;
        };
        let mut offer = |stanza: &[u8]| {
            let (mut name, mut version) = (None, None);
            for (field, value) in stanzas::fields(stanza) {
                match field {
                    b"P" => name = Some(value),
                    b"V" => version = Some(stanzas::text(value)),
                    _ => {}
                }
            }
            let Some(package) = name.and_then(|name| wanted.get(name)) else { return };
            let Some(version) = version.filter(|_| may_come_from(&world, package, repository)) else {
                return;
            };
            match best.get_mut(package.name.as_str()) {
                Some(known) if is_newer(&version, &known.version) => {
                    *known = Best { version, repository: &repository.address };
                }
                Some(_) => {}
                None => {
                    best.insert(&package.name, Best { version, repository: &repository.address });
                }
            }
        };
        match read_index(index, &mut offer) {
            Ok(date) => dates.push(date),
            Err(error) => problems.push(unreadable("apk's index", &path, &error)),
        }
    }
    if dates.is_empty() {
        problems.insert(0, "there is no index of packages in /var/cache/apk: run `apk update`".to_owned());
        return Outcome { problems, ..Outcome::default() };
    }
    // An unknown date counts as the oldest.
    let as_of = dates.into_iter().min().flatten();
    if as_of.is_none() {
        problems.push("the date of apk's indexes is not known: run `apk update`".to_owned());
    }
    let (mut pending, mut unlisted) = (Vec::new(), Vec::new());
    for package in installed {
        match best.remove(package.name.as_str()) {
            Some(best) if is_newer(&best.version, &package.version) => pending.push(update(package, best)),
            Some(best) if !is_newer(&package.version, &best.version) => {}
            _ => unlisted.push(package.clone()),
        }
    }
    Outcome { pending: Some(pending), unlisted, as_of, problems }
}

fn update(package: &Package, best: Best<'_>) -> Update {
    Update {
        manager: "apk".to_owned(),
        name: package.name.clone(),
        installed_version: Some(package.version.clone()),
        available_version: Some(best.version),
        security: None,
        origin: Some(best.repository.to_owned()),
        architecture: package.architecture.clone(),
        held: package.held,
        phased_percent: None,
    }
}

fn is_newer(a: &str, b: &str) -> bool {
    compare(Manager::Apk, a, b).is_ok_and(std::cmp::Ordering::is_gt)
}

/// A repository with a tag has only what the administrator wants from there.
fn may_come_from(world: &[Wish], package: &Package, repository: &Repository) -> bool {
    let asked =
        |tag: &String| world.iter().any(|wish| wish.name == package.name && wish.tag.as_ref() == Some(tag));
    repository.tag.as_ref().is_none_or(asked)
}

fn repositories(root: &Root, problems: &mut Vec<String>) -> Vec<Repository> {
    let mut files = vec![REPOSITORIES.to_owned()];
    let more = root.list(REPOSITORIES_FOLDER).unwrap_or_default();
    let more = more.into_iter().filter(|name| name.ends_with(".list"));
    files.extend(more.map(|name| format!("{REPOSITORIES_FOLDER}/{name}")));
    let mut repositories = Vec::new();
    for path in files {
        match root.read_text(&path) {
            Ok(text) => repositories.extend(text.lines().filter_map(repository)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => problems.push(unreadable("apk's list of repositories", &path, &error)),
        }
    }
    repositories
}

/// `[@tag] address`
fn repository(line: &str) -> Option<Repository> {
    let line = line.split('#').next()?.trim();
    let (tag, address) = match line.strip_prefix('@') {
        Some(rest) => {
            let (tag, address) = rest.split_once(char::is_whitespace)?;
            (Some(tag.to_owned()), address.trim())
        }
        None => (None, line),
    };
    let address = address.trim_end_matches('/').to_owned();
    (!address.is_empty()).then_some(Repository { address, tag })
}

/// The index of a repository: in its own folder, or kept under the first four bytes of its address's digest.
fn find(root: &Root, repository: &Repository, architecture: &str) -> Option<(String, std::fs::File)> {
    let address = &repository.address;
    let mut paths = Vec::new();
    if address.starts_with('/') {
        paths.push(format!("{address}/{architecture}/APKINDEX.tar.gz"));
    } else {
        for algorithm in [&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &ring::digest::SHA256] {
            let digest = ring::digest::digest(algorithm, address.as_bytes());
            let short = data_encoding::HEXLOWER.encode(&digest.as_ref()[..4]);
            paths.extend(CACHES.iter().map(|cache| format!("{cache}/APKINDEX.{short}.tar.gz")));
        }
    }
    paths.into_iter().find_map(|path| root.open(&path).ok().map(|file| (path, file)))
}

/// Gives out the paragraphs of an index, and when it was written.
fn read_index(source: impl Read, each: &mut dyn FnMut(&[u8])) -> io::Result<Option<Timestamp>> {
    let mut source = flate2::read::MultiGzDecoder::new(source);
    let mut head = [0; BLOCK_BYTES];
    for _ in 0..MEMBERS_MAX {
        source.read_exact(&mut head)?;
        let name = head[..100].split(|byte| *byte == 0).next().unwrap_or_default();
        let bytes = octal(&head[124..136]).ok_or(io::ErrorKind::InvalidData)?;
        if name == b"APKINDEX" {
            let seconds = octal(&head[136..148]).filter(|seconds| *seconds > 0);
            stanzas::for_each(source.take(bytes), each)?;
            let seconds = seconds.and_then(|seconds| i64::try_from(seconds).ok());
            return Ok(seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()));
        }
        if bytes > MEMBER_BYTES_MAX {
            break;
        }
        let padded = bytes.next_multiple_of(BLOCK_BYTES as u64);
        if io::copy(&mut source.by_ref().take(padded), &mut io::sink())? < padded {
            break;
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "there is no list of packages in it"))
}

/// A number as tar writes it.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}

#[cfg(test)]
mod tests;
