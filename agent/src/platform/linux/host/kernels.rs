//! The installed kernels beside the running one. Pure.

use std::cmp::Ordering;

/// The newest installed kernel that the next start may run, and whether it is newer than the running one.
#[derive(Debug, PartialEq)]
pub(super) struct Newest<'a> {
    pub(super) release: &'a str,
    pub(super) waits: bool,
}

/// Only kernels of the same flavour compare: `6.1.0-18-amd64` with `6.1.0-20-amd64`, not with `6.1.0-20-rt-amd64`.
/// `None`: the running one is not among them (a container, a kernel from elsewhere), so the installed ones say nothing
/// of it.
pub(super) fn newest<'a>(running: &str, installed: impl Iterator<Item = &'a str>) -> Option<Newest<'a>> {
    let flavour = flavour(running);
    let same = installed.filter(|release| self::flavour(release) == flavour);
    let release = same.max_by(|a, b| compare(a, b))?;
    // After an update cleaned the running kernel away, a newer one of its flavour still tells.
    match compare(release, running) {
        Ordering::Less => None,
        order => Some(Newest { release, waits: order.is_gt() }),
    }
}

/// The words of a release: `amd64`, `generic`, `rt-amd64`. The numbers in a word belong to it (`el9_4`, `x86_64`) and are
/// left out, so that a minor release of the system makes no new flavour; marks of a backport make none either.
fn flavour(release: &str) -> String {
    let words = pieces(release)
        .filter(|piece| !begins_with_digit(piece) && !BACKPORTS.iter().any(|mark| piece.starts_with(mark)));
    let bare = words.map(|word| word.replace(|c: char| c.is_ascii_digit() || c == '_', ""));
    bare.collect::<Vec<_>>().join("-")
}

const BACKPORTS: &[&str] = &["bpo", "deb", "rc"];

/// Numbers as numbers, in their order; a release that goes on is the newer one.
fn compare(a: &str, b: &str) -> Ordering {
    let numbers = |release: &str| {
        let numbers = pieces(release).filter(|piece| begins_with_digit(piece));
        let digits =
            numbers.map(|number| number.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
        // Without leading zeros the longer is the larger, and equally long ones compare as text.
        let bare = digits.map(|digits| digits.trim_start_matches('0').to_owned());
        bare.map(|digits| (digits.len(), digits)).collect::<Vec<_>>()
    };
    numbers(a).cmp(&numbers(b))
}

fn pieces(release: &str) -> impl Iterator<Item = &str> {
    release.split(['.', '-', '+', '~']).filter(|piece| !piece.is_empty())
}

fn begins_with_digit(piece: &str) -> bool {
    piece.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_kernel_of_the_same_flavour_waits() {
        let check = |running: &str, installed: &[&str], waits: Option<bool>| {
            let told = newest(running, installed.iter().copied());
            assert_eq!(told.map(|newest| newest.waits), waits, "{running} of {installed:?}");
        };
        check("6.1.0-18-amd64", &["6.1.0-9-amd64", "6.1.0-18-amd64"], Some(false));
        check("6.1.0-18-amd64", &["6.1.0-18-amd64", "6.1.0-20-amd64"], Some(true));
        check("6.1.0-9-amd64", &["6.1.0-9-amd64", "6.1.0-18-amd64"], Some(true));
        check("6.1.0-18-amd64", &["6.1.0-18-amd64", "6.1.0-20-rt-amd64"], Some(false));
        check("6.1.0-18-amd64", &["6.1.0-20-amd64"], Some(true));
        check("6.1.0-18-amd64", &["6.1.0-18-amd64", "6.12.9+bpo-amd64"], Some(true));
        check("5.15.0-119-generic", &["5.15.0-119-generic", "6.8.0-40-generic"], Some(true));
        check(
            "5.14.0-427.el9.x86_64",
            &["5.14.0-427.el9.x86_64", "5.14.0-427.13.1.el9_4.x86_64"],
            Some(true),
        );
        check("5.14.0-427.el9.x86_64", &["5.14.0-427.el9.x86_64", "5.14.0-427.5.1.el9_4.x86_64"], Some(true));
        check(
            "5.14.0-503.el9.x86_64",
            &["5.14.0-427.13.1.el9_4.x86_64", "5.14.0-503.el9.x86_64"],
            Some(false),
        );
        check("4.18.0-553.el8_10.x86_64", &["4.18.0-553.22.1.el8_10.x86_64"], Some(true));
        check("6.18.44-cloud", &[], None);
        check("6.18.44-cloud", &["6.1.0-18-amd64"], None);
    }
}
