//! Debian's order: deb-version(7).

use std::cmp::Ordering;

use super::{compare_numbers, split_while};

/// A version in its three parts.
pub(super) struct Version<'a> {
    epoch: u32,
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Version<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("it is empty");
        }
        if text.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
            return Err("there is a space within");
        }
        if !text.is_ascii() {
            return Err("a version is written in ASCII");
        }
        let (epoch, rest) = match text.split_once(':') {
            None => (0, text),
            Some((epoch, rest)) => (epoch_of(epoch)?, rest),
        };
        if rest.is_empty() {
            return Err("nothing follows the colon");
        }
        let (upstream, revision) = match rest.rsplit_once('-') {
            None => (rest, ""),
            Some((_, "")) => return Err("nothing follows the last hyphen"),
            Some(("", _)) => return Err("nothing precedes the hyphen"),
            Some(parts) => parts,
        };
        Ok(Version { epoch, upstream: upstream.as_bytes(), revision: revision.as_bytes() })
    }

    pub(super) fn compare(&self, other: &Version<'_>) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(self.upstream, other.upstream))
            .then_with(|| compare_part(self.revision, other.revision))
    }
}

/// dpkg keeps an epoch in an `int`.
const EPOCH_MAX: u32 = i32::MAX as u32;

fn epoch_of(text: &str) -> Result<u32, &'static str> {
    let number = text.parse::<u32>().map_err(|_| "the epoch is no number from 0 to 2147483647")?;
    if number > EPOCH_MAX {
        return Err("the epoch is no number from 0 to 2147483647");
    }
    Ok(number)
}

/// Text and numbers in turn; a missing revision equals `0`.
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (a_text, a_rest) = split_while(a, |byte| !byte.is_ascii_digit());
        let (b_text, b_rest) = split_while(b, |byte| !byte.is_ascii_digit());
        let (a_number, a_next) = split_while(a_rest, |byte| byte.is_ascii_digit());
        let (b_number, b_next) = split_while(b_rest, |byte| byte.is_ascii_digit());
        match compare_text(a_text, b_text).then_with(|| compare_numbers(a_number, b_number)) {
            Ordering::Equal => (a, b) = (a_next, b_next),
            decided => return decided,
        }
    }
    Ordering::Equal
}

/// A tilde sorts before the end, the end before letters, letters before everything else.
fn compare_text(a: &[u8], b: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        None => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    (0..a.len().max(b.len()))
        .map(|at| weight(a.get(at)).cmp(&weight(b.get(at))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
