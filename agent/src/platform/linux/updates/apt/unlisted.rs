//! Installed packages that no list offers, so that nobody here would hear of an update. Pure.

use std::cmp::Ordering;
use std::collections::HashMap;

use daicho_proto::facts::Package;
use daicho_proto::versions::{Manager, compare};

use super::Offer;
use crate::platform::linux::packages::dpkg::Installed;

/// Kernels carry their release in their name: a new one is another package, and the old one stays beside it.
const KERNELS: [&str; 7] = [
    "linux-image-",
    "linux-headers-",
    "linux-modules-",
    "linux-kbuild-",
    "linux-tools-",
    "linux-compiler-",
    "linux-base-",
];

/// The installed packages of which no list has this version or a newer one. A kernel beside which a newer, listed one is
/// installed does not count: the newer one is what the next start runs.
pub(super) fn packages(installed: &[Installed], offers: &[Vec<Offer>]) -> Vec<Package> {
    let mut unlisted = Vec::new();
    let mut listed_kernels: HashMap<String, Vec<&str>> = HashMap::new();
    for (one, offers) in installed.iter().zip(offers) {
        let package = &one.package;
        if !offers.iter().any(|offer| !is_older(&offer.version, &package.version)) {
            unlisted.push(package);
        } else if let Some(key) = kernel(&package.name) {
            listed_kernels.entry(key).or_default().push(&package.version);
        }
    }
    let superseded = |package: &Package| {
        let newer = kernel(&package.name).and_then(|key| listed_kernels.get(&key));
        newer.is_some_and(|versions| versions.iter().any(|version| is_older(&package.version, version)))
    };
    unlisted.into_iter().filter(|package| !superseded(package)).cloned().collect()
}

/// What is no version is not known to be older.
fn is_older(a: &str, b: &str) -> bool {
    compare(Manager::Dpkg, a, b).is_ok_and(Ordering::is_lt)
}

/// The name of a kernel's package without the numbers of its release: the same for each kernel of a flavour.
fn kernel(name: &str) -> Option<String> {
    let start = KERNELS.iter().find(|start| name.starts_with(**start))?;
    let rest = &name[start.len()..];
    rest.starts_with(|c: char| c.is_ascii_digit()).then(|| {
        let words = rest.split('-').filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
        format!("{start}{}", words.collect::<Vec<_>>().join("-"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_list_offers_is_unlisted() {
        let cases = [
            ("bash", "5.2-1", vec!["5.2-1"], true),
            ("curl", "7.88-1", vec!["7.88-2"], true),
            ("local", "2.0-1", vec![], false),
            ("rebuilt", "2.0-1+local1", vec!["2.0-1"], false),
            ("linux-image-6.1.0-18-amd64", "6.1.76-1", vec![], true),
            ("linux-image-6.1.0-20-amd64", "6.1.85-1", vec!["6.1.85-1"], true),
            ("linux-image-6.1.0-18-rt-amd64", "6.1.76-1", vec![], false),
        ];
        let installed = cases.iter().map(|(name, version, ..)| Installed {
            package: Package {
                name: (*name).to_owned(),
                version: (*version).to_owned(),
                ..Package::default()
            },
            ..Installed::default()
        });
        let offer = |version: &&str| Offer { version: (*version).to_owned(), list: 0, phased_percent: None };
        let offers = cases.iter().map(|(_, _, versions, _)| versions.iter().map(offer).collect());
        let unlisted = packages(&installed.collect::<Vec<_>>(), &offers.collect::<Vec<_>>());
        let expected = cases.iter().filter(|case| !case.3).map(|case| case.0);
        assert!(unlisted.iter().map(|package| package.name.as_str()).eq(expected), "{unlisted:?}");
    }
}
