//! The version order of each package manager, as that manager itself decides it. Pure, and shared by both sides.

use std::cmp::Ordering;

mod apk;
mod dpkg;
mod rpm;
mod windows;

/// Whose order applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Manager {
    Dpkg,
    Rpm,
    Apk,
    Windows,
}

impl Manager {
    /// By its name in the observation document and in the ledger: `dpkg`, `rpm`, `apk`, `windows`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "dpkg" => Some(Manager::Dpkg),
            "rpm" => Some(Manager::Rpm),
            "apk" => Some(Manager::Apk),
            "windows" => Some(Manager::Windows),
            _ => None,
        }
    }

    /// Its name in the observation document.
    pub fn name(self) -> &'static str {
        match self {
            Manager::Dpkg => "dpkg",
            Manager::Rpm => "rpm",
            Manager::Apk => "apk",
            Manager::Windows => "windows",
        }
    }
}

/// A text that the manager would not take for a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no version of {}: {reason}", manager.name())]
pub struct NotAVersion {
    /// Whose rules it breaks.
    pub manager: Manager,
    /// The text.
    pub text: String,
    /// Which rule, in a few words.
    pub reason: &'static str,
}

/// How `a` stands to `b` in the manager's own order. White space around a version does not count.
///
/// What is no version, is refused, never guessed at:
/// - dpkg: what `dpkg --compare-versions` calls an error: nothing at all, spaces within, an epoch that is no number
///   from 0 to 2147483647, nothing behind a colon, nothing before or behind the last hyphen. What it only warns of
///   (a letter first, an underscore) is compared as it compares it; characters outside of ASCII are refused here.
/// - rpm: an empty version or release, and ASCII characters that no rpm may bear (allowed: letters, digits, `._+~^`,
///   and hyphens between version and release).
/// - apk: no digit first; or a piece outside of apk's grammar, where the order would hang on that piece.
/// - windows: anything but digits with single dots between them.
pub fn compare(manager: Manager, a: &str, b: &str) -> Result<Ordering, NotAVersion> {
    let refuse = |text: &str, reason| NotAVersion { manager, text: text.to_owned(), reason };
    let (a, b) = (a.trim(), b.trim());
    match manager {
        Manager::Dpkg => {
            let left = dpkg::Version::parse(a).map_err(|reason| refuse(a, reason))?;
            let right = dpkg::Version::parse(b).map_err(|reason| refuse(b, reason))?;
            Ok(left.compare(&right))
        }
        Manager::Rpm => {
            let left = rpm::Label::parse(a).map_err(|reason| refuse(a, reason))?;
            let right = rpm::Label::parse(b).map_err(|reason| refuse(b, reason))?;
            Ok(left.compare(&right))
        }
        Manager::Apk => match apk::compare(a, b) {
            Ok(order) => Ok(order),
            Err(apk::Fault::Left(reason)) => Err(refuse(a, reason)),
            Err(apk::Fault::Right(reason)) => Err(refuse(b, reason)),
        },
        Manager::Windows => {
            windows::check(a).map_err(|reason| refuse(a, reason))?;
            windows::check(b).map_err(|reason| refuse(b, reason))?;
            Ok(windows::compare(a, b))
        }
    }
}

/// Two runs of ASCII digits as numbers of any length; no digits are 0.
fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (without_zeros(a), without_zeros(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

/// Splits off the longest start whose bytes all fit.
fn split_while(text: &[u8], fits: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| fits(**byte)).count())
}

#[cfg(test)]
mod tests;
