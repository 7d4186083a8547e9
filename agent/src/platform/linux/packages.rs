//! Installed packages: dpkg, rpm and apk, each from its own database on disk.

use std::io;

use daicho_proto::facts::{Look, Package};

use super::root::Root;

pub(super) mod apk;
pub(super) mod dpkg;
mod others;
pub(super) mod patterns;
pub(super) mod rpm;

/// What changes when a package comes or goes.
pub(super) const WATCHED: &[&str] =
    &["/var/lib/dpkg", "/var/lib/rpm", "/usr/lib/sysimage/rpm", "/lib/apk/db"];

/// Looks at every package manager that has a database here. A machine without any is one that we cannot tell of.
pub(super) fn look(root: &Root) -> Look<Vec<Package>> {
    let sources: [Source<'_>; 4] = [
        ("dpkg", &dpkg::packages),
        ("rpm", &rpm::packages),
        ("apk", &apk::packages),
        ("another package manager", &others::packages),
    ];
    gather(root, &sources)
}

/// One package manager: `None` where it has no database.
type Source<'a> = (&'a str, &'a dyn Fn(&Root) -> Option<Outcome>);

/// The packages that a database told of, and what it could not tell.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) packages: Vec<Package>,
    pub(super) problems: Vec<String>,
}

fn gather(root: &Root, sources: &[Source<'_>]) -> Look<Vec<Package>> {
    let mut found = Vec::new();
    let mut packages = Vec::new();
    let mut problems = Vec::new();
    for (manager, read) in sources {
        if let Some(outcome) = read(root) {
            found.push(*manager);
            packages.extend(outcome.packages);
            problems.extend(outcome.problems);
        }
    }
    if found.is_empty() {
        return Look::Unsupported;
    }
    if packages.is_empty() {
        // No running system has no package at all: the database was emptied, or is not the one in use.
        if problems.is_empty() {
            problems.push(format!("the package database of {} lists no package at all", found.join(" and ")));
        }
        return Look::Unreadable { problems };
    }
    Look::Seen { value: packages, problems }
}

/// The sentence for a file that is there and cannot be read.
pub(super) fn unreadable(what: &str, path: &str, error: &io::Error) -> String {
    format!("{what} {path} could not be read: {error}")
}

#[cfg(test)]
mod tests;
