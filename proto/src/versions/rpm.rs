//! RPM's order of labels, `[epoch:]version[-release]`: rpm-version(7).

use std::cmp::Ordering;

use super::{compare_numbers, split_while};

/// A label in its three parts.
pub(super) struct Label<'a> {
    epoch: &'a [u8],
    version: &'a [u8],
    release: Option<&'a [u8]>,
}

impl<'a> Label<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        // A colon ends an epoch only when nothing but digits stand before it; an empty epoch is 0.
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
            _ => ("", text),
        };
        let (version, release) = match rest.rsplit_once('-') {
            Some((version, release)) => (version, Some(release)),
            None => (rest, None),
        };
        if version.is_empty() {
            return Err("the version is empty");
        }
        if release == Some("") {
            return Err("nothing follows the last hyphen");
        }
        let may_stand =
            |letter: char| !letter.is_ascii() || letter.is_ascii_alphanumeric() || "._+~^-".contains(letter);
        if !rest.chars().all(may_stand) || rest.chars().any(char::is_whitespace) {
            return Err("it has characters that no rpm may bear");
        }
        Ok(Label {
            epoch: epoch.as_bytes(),
            version: version.as_bytes(),
            release: release.map(str::as_bytes),
        })
    }

    /// A label without a release is older than the same with one.
    pub(super) fn compare(&self, other: &Label<'_>) -> Ordering {
        compare_numbers(self.epoch, other.epoch)
            .then_with(|| compare_part(self.version, other.version))
            .then_with(|| match (self.release, other.release) {
                (Some(a), Some(b)) => compare_part(a, b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            })
    }
}

/// Runs of digits or letters in turn; whatever else stands between them only separates, but for `~` and `^`.
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let separates = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'~' && byte != b'^';
    if a == b {
        return Ordering::Equal;
    }
    loop {
        a = split_while(a, separates).1;
        b = split_while(b, separates).1;
        // A tilde sorts before everything, even the end.
        match (a.first() == Some(&b'~'), b.first() == Some(&b'~')) {
            (true, true) => {
                (a, b) = (&a[1..], &b[1..]);
                continue;
            }
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        // A caret sorts behind the end and before everything else.
        match (a.first() == Some(&b'^'), b.first() == Some(&b'^')) {
            (true, true) => {
                (a, b) = (&a[1..], &b[1..]);
                continue;
            }
            (true, false) => return if b.is_empty() { Ordering::Greater } else { Ordering::Less },
            (false, true) => return if a.is_empty() { Ordering::Less } else { Ordering::Greater },
            (false, false) => {}
        }
        let Some(first) = a.first().filter(|_| !b.is_empty()) else {
            // The one that still has something is newer.
            return (!a.is_empty()).cmp(&!b.is_empty());
        };
        let numeric = first.is_ascii_digit();
        let fits = |byte: u8| if numeric { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() };
        let (a_run, a_rest) = split_while(a, fits);
        let (b_run, b_rest) = split_while(b, fits);
        if b_run.is_empty() {
            // Numbers are newer than letters.
            return if numeric { Ordering::Greater } else { Ordering::Less };
        }
        match if numeric { compare_numbers(a_run, b_run) } else { a_run.cmp(b_run) } {
            Ordering::Equal => (a, b) = (a_rest, b_rest),
            decided => return decided,
        }
    }
}
