//! dpkg: /var/lib/dpkg/status, and status.d of images that carry no dpkg themselves.

use std::io::{self, Read};

use daicho_proto::facts::Package;

use super::{Outcome, unreadable};
use crate::platform::linux::root::Root;
use crate::platform::linux::stanzas;

const STATUS: &str = "/var/lib/dpkg/status";
const STATUS_FOLDER: &str = "/var/lib/dpkg/status.d";

/// A package whose files are on disk.
#[derive(Debug, Default, PartialEq)]
pub(in crate::platform::linux) struct Installed {
    pub(in crate::platform::linux) package: Package,
    /// An installation or removal broke off: some of its files may be missing, or be of another version.
    pub(in crate::platform::linux) broken: bool,
}

/// The packages, or `None` where dpkg has no database.
pub(super) fn packages(root: &Root) -> Option<Outcome> {
    let (installed, mut problems) = read(root)?;
    problems.extend(installed.iter().filter(|one| one.broken).map(|one| {
        let Package { name, version, .. } = &one.package;
        format!(
            "dpkg broke off while installing or removing {name} {version}: which of its files are there is not certain"
        )
    }));
    Some(Outcome { packages: installed.into_iter().map(|one| one.package).collect(), problems })
}

/// What is installed, and what could not be read; `None` where dpkg has no database.
pub(in crate::platform::linux) fn read(root: &Root) -> Option<(Vec<Installed>, Vec<String>)> {
    let mut installed = Vec::new();
    let mut problems = Vec::new();
    let mut found = false;
    let mut lists = vec![(STATUS.to_owned(), false)];
    match root.list(STATUS_FOLDER) {
        Ok(names) => {
            let names = names.iter().filter(|name| !name.ends_with(".md5sums"));
            lists.extend(names.map(|name| (format!("{STATUS_FOLDER}/{name}"), true)));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => problems.push(unreadable("dpkg's folder", STATUS_FOLDER, &error)),
    }
    for (path, whole) in lists {
        match root.open(&path).and_then(|file| parse(file, whole, &mut installed)) {
            Ok(()) => found = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => problems.push(unreadable("dpkg's list", &path, &error)),
        }
    }
    found |= !problems.is_empty();
    if !found && root.exists("/var/lib/dpkg/info") {
        problems.push(format!("dpkg's list {STATUS} is missing although dpkg's other files are there"));
        found = true;
    }
    found.then_some((installed, problems))
}

/// Reads one list. `whole`: every paragraph is an installed package, even without a state, as in status.d.
fn parse(source: impl Read, whole: bool, installed: &mut Vec<Installed>) -> io::Result<()> {
    let mut broken = 0;
    stanzas::for_each(source, |stanza| match package(stanza, whole) {
        Ok(found) => installed.extend(found),
        Err(NoPackage) => broken += 1,
    })?;
    if broken > 0 {
        let reason = format!("{broken} of its paragraphs have no name, no state or no version");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(())
}

/// A paragraph that is none of a package.
struct NoPackage;

fn package(stanza: &[u8], whole: bool) -> Result<Option<Installed>, NoPackage> {
    let mut one = Installed::default();
    one.package.manager = "dpkg".to_owned();
    let mut state = whole.then_some(&b"installed"[..]);
    for (field, value) in stanzas::fields(stanza) {
        match field {
            b"Package" => one.package.name = stanzas::text(value),
            b"Version" => one.package.version = stanzas::text(value),
            b"Architecture" => one.package.architecture = Some(stanzas::text(value)),
            b"Source" => source(&mut one.package, &stanzas::text(value)),
            b"Status" => {
                let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                one.package.held = words.next() == Some(b"hold");
                one.broken = words.next() == Some(b"reinstreq");
                state = words.next();
            }
            _ => {}
        }
    }
    let Some(state) = state else { return Err(NoPackage) };
    if matches!(state, b"not-installed" | b"config-files") {
        return Ok(None);
    }
    one.broken |= state == b"half-installed";
    one.package.state = Some(stanzas::text(state)).filter(|state| state != "installed");
    // An unknown state counts as well: what may be on disk is not to be missed.
    if one.package.name.is_empty() || one.package.version.is_empty() {
        return Err(NoPackage);
    }
    if one.package.source_version.as_ref() == Some(&one.package.version) {
        one.package.source_version = None;
    }
    Ok(Some(one))
}

/// `Source: name` or `Source: name (version)`, deb-src-control(5).
fn source(package: &mut Package, value: &str) {
    let (name, version) = match value.split_once(' ') {
        Some((name, version)) => (name, Some(version.trim_matches(['(', ')', ' ']).to_owned())),
        None => (value, None),
    };
    package.source_name = Some(name.to_owned());
    package.source_version = version;
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: &str = "\
Package: openssl
Status: install ok installed
Architecture: amd64
Multi-Arch: foreign
Source: openssl (3.0.1-1)
Version: 1:3.0.2-1

Package: openssl
Status: hold ok installed
Architecture: i386
Version: 1:3.0.2-1

Package: removed
Status: deinstall ok config-files
Version: 1.0

Package: purged
Status: unknown ok not-installed

Package: broken
Status: install reinstreq half-installed
Version: 2.0

Package: waiting
Status: install ok triggers-pending
Version: 3.0
";

    fn names(text: &str, whole: bool) -> io::Result<Vec<String>> {
        let mut installed = Vec::new();
        parse(text.as_bytes(), whole, &mut installed)?;
        Ok(installed.into_iter().map(|one| one.package.name).collect())
    }

    #[test]
    fn only_states_with_files_on_disk_count() {
        assert_eq!(names(STATES, false).unwrap(), ["openssl", "openssl", "broken", "waiting"]);
    }

    #[test]
    fn source_epoch_hold_and_architecture_are_kept() {
        let mut installed = Vec::new();
        parse(STATES.as_bytes(), false, &mut installed).unwrap();
        let package = &installed[0].package;
        assert_eq!(package.version, "1:3.0.2-1");
        assert_eq!(package.source_name.as_deref(), Some("openssl"));
        assert_eq!(package.source_version.as_deref(), Some("3.0.1-1"));
        assert_eq!(installed[1].package.architecture.as_deref(), Some("i386"));
        assert!(installed[1].package.held && !installed[0].package.held);
        assert!(installed[2].broken && !installed[3].broken);
        assert_eq!(installed[0].package.state, None);
        assert_eq!(installed[2].package.state.as_deref(), Some("half-installed"));
        assert_eq!(installed[3].package.state.as_deref(), Some("triggers-pending"));
    }

    #[test]
    fn a_package_that_must_be_installed_again_is_broken_whatever_its_state() {
        let text = "Package: x\nStatus: install reinstreq unpacked\nVersion: 1\n";
        let mut installed = Vec::new();
        parse(text.as_bytes(), false, &mut installed).unwrap();
        assert!(installed[0].broken);
        assert_eq!(installed[0].package.state.as_deref(), Some("unpacked"));
    }

    #[test]
    fn a_paragraph_without_state_is_told_not_skipped() {
        assert!(names("Package: x\nVersion: 1\n", false).is_err());
        assert_eq!(names("Package: x\nVersion: 1\n", true).unwrap(), ["x"]);
    }
}
