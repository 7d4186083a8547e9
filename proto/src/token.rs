//! What an enrolment token looks like: `daicho1-<secret>-<fingerprint>`, made by the collector, typed on the endpoint.

use std::fmt;
use std::str::FromStr;

/// A one-time permission to join, and by which authority: whoever holds it knows whom to trust before the first word.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentToken {
    /// The one-time secret: lower-case base32 without padding (RFC 4648, section 6), opaque to the endpoint.
    pub secret: String,
    /// The root certificate that the collector must show.
    pub root: Fingerprint,
}

/// The SHA-256 of a certificate's DER.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// The first part of every token of this form.
const PREFIX: &str = "daicho1";

/// Secrets shorter than 80 bits could be guessed; longer than 64 signs nobody prints.
const SECRET_SIGNS: std::ops::RangeInclusive<usize> = 16..=64;

/// A text that is no token. It does not repeat the text: part of it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not of the form daicho1-SECRET-FINGERPRINT")]
pub struct NoToken;

/// A text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 64 hexadecimal digits")]
pub struct NoFingerprint;

impl fmt::Display for EnrolmentToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PREFIX}-{}-{}", self.secret, self.root)
    }
}

impl fmt::Debug for EnrolmentToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EnrolmentToken").field("root", &self.root).finish_non_exhaustive()
    }
}

impl FromStr for EnrolmentToken {
    type Err = NoToken;

    fn from_str(text: &str) -> Result<Self, NoToken> {
        let mut parts = text.trim().split('-');
        let (Some(PREFIX), Some(secret), Some(root), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoToken);
        };
        let is_base32 = |sign: u8| sign.is_ascii_lowercase() || (b'2'..=b'7').contains(&sign);
        if !SECRET_SIGNS.contains(&secret.len()) || !secret.bytes().all(is_base32) {
            return Err(NoToken);
        }
        Ok(EnrolmentToken { secret: secret.to_owned(), root: root.parse().map_err(|_| NoToken)? })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    /// Upper or lower case, with or without the colons that other tools print.
    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let digits: Vec<u8> = text
            .trim()
            .chars()
            .filter(|sign| *sign != ':')
            .map(|sign| sign.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(NoFingerprint))
            .collect::<Result<_, _>>()?;
        let bytes: Vec<u8> =
            digits.chunks(2).map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit)).collect();
        if digits.len() != 64 {
            return Err(NoFingerprint);
        }
        bytes.try_into().map(Fingerprint).map_err(|_| NoFingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_printing_and_typing() {
        let token = EnrolmentToken { secret: "abcdefgh234567xy".to_owned(), root: Fingerprint([0xa5; 32]) };
        assert_eq!(format!(" {token}\n").parse(), Ok(token));
    }

    #[test]
    fn what_is_no_token_is_refused_and_not_repeated() {
        let hex = Fingerprint([1; 32]);
        for text in [
            String::new(),
            "daicho1-abcdefgh234567xy".to_owned(),
            format!("daicho2-abcdefgh234567xy-{hex}"),
            format!("daicho1-short-{hex}"),
            format!("daicho1-ABCDEFGH234567XY-{hex}"),
            format!("daicho1-abcdefgh234567xy-{hex}-more"),
            "daicho1-abcdefgh234567xy-0102".to_owned(),
        ] {
            assert_eq!(text.parse::<EnrolmentToken>(), Err(NoToken), "{text:?}");
        }
        let token = EnrolmentToken { secret: "abcdefgh234567xy".to_owned(), root: hex };
        assert!(!format!("{token:?}").contains("abcdefgh"));
    }

    #[test]
    fn a_fingerprint_is_read_with_colons_and_capitals() {
        let text = vec!["AB"; 32].join(":");
        assert_eq!(text.parse(), Ok(Fingerprint([0xab; 32])));
        assert_eq!("ab".repeat(31).parse::<Fingerprint>(), Err(NoFingerprint));
        assert_eq!("あ".repeat(64).parse::<Fingerprint>(), Err(NoFingerprint));
    }
}
