//! apt: the lists below /var/lib/apt/lists, and the choice that apt itself would make from them, apt_preferences(5).
//!
//! `as_of` is the date that the archive itself signed (`Date` of its InRelease file), the oldest of the security
//! archives: a time of fetching would not show that a mirror stands still, and the main archive of a stable release
//! may rightly be months old. Without a security archive it is that of the archive with the most of the packages.

use std::collections::HashMap;
use std::io;

use daicho_proto::facts::Update;
use daicho_proto::versions::{Manager, compare};

use super::{Outcome, lists};
use crate::platform::linux::packages::dpkg::Installed;
use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;
use crate::platform::linux::stanzas;

mod archive;
mod preferences;
mod sources;
mod unlisted;

use archive::Archive;
use preferences::Preferences;

const LISTS: &str = "/var/lib/apt/lists";

const NO_LISTS: &str = "there are no package lists in /var/lib/apt/lists: run `apt-get update`";

/// A version that a list offers.
struct Offer {
    version: String,
    /// Index of the archive's list.
    list: usize,
    /// The share of machines that it is offered to, where it is not offered to all.
    phased_percent: Option<u32>,
}

/// What waits for the packages that are installed.
pub(super) fn look(root: &Root, installed: &[Installed]) -> Outcome {
    let names = match root.list(LISTS) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Outcome::unreadable(NO_LISTS.to_owned());
        }
        Err(error) => return Outcome::unreadable(unreadable("the folder", LISTS, &error)),
    };
    let mut problems = Vec::new();
    let archives = read_archives(root, &names, &mut problems);
    let wanted = Wanted::of(installed);
    let packed: Vec<&String> = names.iter().filter(|name| is_list(name)).collect();
    let (configured, packed) = configured(root, wanted.native, packed, &mut problems);
    let mut offers: Vec<Vec<Offer>> = std::iter::repeat_with(Vec::new).take(installed.len()).collect();
    let mut lists = Vec::new();
    for name in packed {
        let list = lists.len();
        lists.push(Archive::of_list(&archives, lists::plain_name(name)));
        let path = format!("{LISTS}/{name}");
        let read = root.open(&path).and_then(|file| lists::open(file, name));
        let scanned = read.and_then(|source| {
            scan(source, &wanted, |index, version, phased_percent| {
                offers[index].push(Offer { version, list, phased_percent });
            })
        });
        if let Err(error) = scanned {
            problems.push(unreadable("the package list", &path, &error));
        }
    }
    if lists.is_empty() {
        problems.insert(0, NO_LISTS.to_owned());
        return Outcome { problems, ..Outcome::default() };
    }
    if !configured {
        problems.push(format!(
            "no source of packages is configured in /etc/apt/sources.list or /etc/apt/sources.list.d: what the lists in \
             {LISTS} tell may be out of date, add the distribution's archives"
        ));
    }
    problems.extend(archive::gaps(&archives, &lists));
    let preferences = Preferences::read(root, &mut problems);
    let mut pending = Vec::new();
    for (one, offers) in installed.iter().zip(&offers) {
        match choose(one, offers, &lists, &preferences) {
            Ok(update) => pending.extend(update),
            Err(problem) => problems.push(problem),
        }
    }
    let hits = offers.iter().flatten().map(|offer| offer.list);
    let as_of = archive::as_of(&archives, &lists, hits);
    if as_of.is_none() {
        problems.push(format!("the date of the package lists in {LISTS} is not known: run `apt-get update`"));
    }
    let unlisted = unlisted::packages(installed, &offers);
    Outcome { pending: Some(pending), unlisted, as_of, problems }
}

fn is_list(name: &str) -> bool {
    let name = lists::plain_name(name);
    name.ends_with("_Packages") || name == "Packages"
}

/// The lists that apt itself would use: those of the sources that are configured. What a source left behind that is gone
/// tells nothing any more. Without any source all of them are taken, and it is told.
fn configured<'a>(
    root: &Root,
    native: Option<&str>,
    packed: Vec<&'a String>,
    problems: &mut Vec<String>,
) -> (bool, Vec<&'a String>) {
    let sources = sources::read(root, native.unwrap_or("all"), problems);
    if sources.is_empty() {
        return (false, packed);
    }
    let plain: Vec<&str> = packed.iter().map(|name| lists::plain_name(name)).collect();
    problems.extend(sources.iter().filter_map(|source| source.gap(&plain)));
    let counts = |name: &&String| sources.iter().any(|source| source.holds(lists::plain_name(name)));
    (true, packed.into_iter().filter(counts).collect())
}

fn read_archives(root: &Root, names: &[String], problems: &mut Vec<String>) -> Vec<Archive> {
    let mut archives = Vec::new();
    for name in names {
        let Some(prefix) = name.strip_suffix("_InRelease").or_else(|| name.strip_suffix("_Release")) else {
            continue;
        };
        let path = format!("{LISTS}/{name}");
        match root.open(&path).and_then(|file| Archive::parse(prefix, file)) {
            Ok(archive) => archives.push(archive),
            Err(error) => problems.push(unreadable("the release file", &path, &error)),
        }
    }
    archives
}

/// The installed packages by name, and the machine's own architecture.
struct Wanted<'a> {
    by_name: HashMap<&'a [u8], Vec<usize>>,
    architectures: Vec<&'a str>,
    native: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn of(installed: &'a [Installed]) -> Self {
        let mut by_name: HashMap<&[u8], Vec<usize>> = HashMap::with_capacity(installed.len());
        for (index, one) in installed.iter().enumerate() {
            by_name.entry(one.package.name.as_bytes()).or_default().push(index);
        }
        let architecture = |one: &'a Installed| one.package.architecture.as_deref().unwrap_or("all");
        let dpkg = installed.iter().find(|one| one.package.name == "dpkg");
        Wanted {
            by_name,
            architectures: installed.iter().map(architecture).collect(),
            native: dpkg.map(architecture),
        }
    }

    /// Whether a package of architecture `offered` takes the place of the installed one: `all` stands for the
    /// machine's own.
    fn fits(&self, index: usize, offered: &str) -> bool {
        let plain = |name| if name == "all" { self.native.unwrap_or("all") } else { name };
        plain(self.architectures[index]) == plain(offered) || self.native.is_none()
    }
}

fn scan(
    source: impl io::Read,
    wanted: &Wanted<'_>,
    mut offer: impl FnMut(usize, String, Option<u32>),
) -> io::Result<()> {
    stanzas::for_each(source, |stanza| {
        let stanza = stanza.trim_ascii_start();
        let Some(rest) = stanza.strip_prefix(b"Package: ") else { return };
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let Some(indexes) = wanted.by_name.get(rest[..end].trim_ascii()) else { return };
        let (mut version, mut architecture, mut phased) = (None, None, None);
        for (field, value) in stanzas::fields(&rest[end..]) {
            match field {
                b"Version" => version = Some(value),
                b"Architecture" => architecture = Some(value),
                b"Phased-Update-Percentage" => phased = std::str::from_utf8(value).ok(),
                _ => {}
            }
        }
        let phased = phased.and_then(|percent| percent.parse().ok()).filter(|percent| *percent < 100);
        let Some(version) = version.map(stanzas::text) else { return };
        let architecture = architecture.map_or_else(|| "all".to_owned(), stanzas::text);
        for index in indexes.iter().filter(|index| wanted.fits(**index, &architecture)) {
            offer(*index, version.clone(), phased);
        }
    })
}

/// The update that waits for one package: what apt would install, or a security update that pins keep from it.
fn choose(
    one: &Installed,
    offers: &[Offer],
    lists: &[Archive],
    preferences: &Preferences,
) -> Result<Option<Update>, String> {
    let package = &one.package;
    let order = |a: &str, b: &str| compare(Manager::Dpkg, a, b).map_err(|error| error.to_string());
    let priority = |offer: &Offer| preferences.priority(package, &offer.version, &lists[offer.list]);
    let mut here = preferences::PRIORITY_INSTALLED;
    let mut chosen: Option<(i32, &Offer)> = None;
    let mut newest_security: Option<&Offer> = None;
    for offer in offers {
        match order(&offer.version, &package.version)? {
            std::cmp::Ordering::Less => continue,
            std::cmp::Ordering::Equal => {
                here = here.max(priority(offer));
                continue;
            }
            std::cmp::Ordering::Greater => {}
        }
        let newer_than = |other: &Offer| order(&offer.version, &other.version);
        if lists[offer.list].security
            && newest_security.map_or(Ok(true), |other| newer_than(other).map(std::cmp::Ordering::is_gt))?
        {
            newest_security = Some(offer);
        }
        let priority = priority(offer);
        let better = match chosen {
            None => priority > 0,
            // Of the same version in two archives, the security archive is the one to name.
            Some((best, other)) => match priority.cmp(&best).then(newer_than(other)?) {
                std::cmp::Ordering::Equal => lists[offer.list].security,
                order => order.is_gt(),
            },
        };
        if better {
            chosen = Some((priority, offer));
        }
    }
    let chosen = chosen.filter(|(priority, _)| *priority >= here).map(|(_, offer)| offer);
    // A pin may keep a security update away; it waits none the less.
    let mut held = package.held;
    let update = match (chosen, newest_security) {
        (Some(chosen), Some(security)) if order(&security.version, &chosen.version)?.is_gt() => {
            held = true;
            security
        }
        (Some(chosen), _) => chosen,
        (None, Some(security)) => {
            held = true;
            security
        }
        (None, None) => return Ok(None),
    };
    // What security archives mended between the two versions is mended by the newer one as well.
    let mends =
        offers.iter().filter(|offer| lists[offer.list].security).try_fold(false, |found, offer| {
            let newer = order(&offer.version, &package.version)?.is_gt();
            Ok::<_, String>(found || (newer && order(&offer.version, &update.version)?.is_le()))
        })?;
    let archive = &lists[update.list];
    Ok(Some(Update {
        manager: "dpkg".to_owned(),
        name: package.name.clone(),
        installed_version: Some(package.version.clone()),
        available_version: Some(update.version.clone()),
        security: if mends { Some(true) } else { archive.tells_security.then_some(false) },
        origin: archive.title(),
        architecture: package.architecture.clone(),
        held,
        phased_percent: update.phased_percent,
    }))
}

#[cfg(test)]
mod tests;
