//! Pending updates, as the machine's own package lists tell: nothing is fetched, the network is left alone.

use daicho_proto::facts::{Look, Package, Update, Updates};
use jiff::Timestamp;

use super::packages;
use super::root::Root;

mod apk;
mod apt;
mod dnf;
pub(super) mod lists;

/// What changes when package lists are fetched. What is installed is watched with the packages.
pub(super) const WATCHED: &[&str] = &[
    "/var/lib/apt/lists",
    "/etc/apt",
    "/etc/apt/preferences.d",
    "/etc/apt/sources.list.d",
    "/etc/yum.repos.d",
    "/var/cache/dnf",
    "/var/cache/libdnf5",
    "/var/cache/zypp/raw",
    "/var/cache/apk",
];

/// Packages that are told one by one: with more of them a source is missing, which is one thing to mend.
const UNLISTED_MAX: usize = 200;

/// What one package manager's lists tell.
#[derive(Debug, Default)]
struct Outcome {
    /// `None`: there are no lists that could tell.
    pending: Option<Vec<Update>>,
    /// What no list offers.
    unlisted: Vec<Package>,
    as_of: Option<Timestamp>,
    problems: Vec<String>,
}

impl Outcome {
    fn unreadable(problem: String) -> Self {
        Outcome { problems: vec![problem], ..Outcome::default() }
    }
}

/// Looks at the lists of every package manager that has packages here. The oldest of them says how old all are.
pub(super) fn look(root: &Root) -> Look<Updates> {
    let mut outcomes = Vec::new();
    if let Some((installed, problems)) = packages::dpkg::read(root) {
        if !problems.is_empty() {
            // What is installed and not seen has no update either.
            outcomes.push(Outcome { problems, ..Outcome::default() });
        }
        if !installed.is_empty() {
            outcomes.push(apt::look(root, &installed));
        }
    }
    if let Some((installed, problems)) = packages::rpm::read(root) {
        if !problems.is_empty() {
            outcomes.push(Outcome { problems, ..Outcome::default() });
        }
        if !installed.is_empty() {
            outcomes.push(dnf::look(root, &installed));
        }
    }
    if let Some(installed) = packages::apk::packages(root) {
        if !installed.problems.is_empty() {
            outcomes.push(Outcome { problems: installed.problems, ..Outcome::default() });
        }
        if !installed.packages.is_empty() {
            outcomes.push(apk::look(root, &installed.packages));
        }
    }
    combine(outcomes)
}

fn combine(outcomes: Vec<Outcome>) -> Look<Updates> {
    if outcomes.is_empty() {
        return Look::Unsupported;
    }
    let mut problems = Vec::new();
    let mut pending = None;
    let mut unlisted = Vec::new();
    let mut as_of: Option<Option<Timestamp>> = None;
    for outcome in outcomes {
        problems.extend(outcome.problems);
        unlisted.extend(outcome.unlisted);
        if let Some(updates) = outcome.pending {
            pending.get_or_insert_with(Vec::new).extend(updates);
            // `None`, an unknown age, counts as the oldest.
            as_of = Some(as_of.map_or(outcome.as_of, |oldest| oldest.min(outcome.as_of)));
        }
    }
    if unlisted.len() > UNLISTED_MAX {
        problems.push(format!(
            "{} installed packages are in no package list, and the first {UNLISTED_MAX} are told: a source of packages \
             may be missing from the configuration",
            unlisted.len()
        ));
        unlisted.truncate(UNLISTED_MAX);
    }
    match pending {
        Some(pending) => {
            Look::Seen { value: Updates { as_of: as_of.flatten(), pending, unlisted }, problems }
        }
        None => Look::Unreadable { problems },
    }
}
