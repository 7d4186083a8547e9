//! From when to when a certificate holds, and what that means where a clock may be wrong.

use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};

/// The validity of a certificate (RFC 5280, 4.1.2.5), to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// The first second.
    pub from: Timestamp,
    /// The last second.
    pub until: Timestamp,
}

impl Life {
    /// Reads it from a certificate, DER. `None`: it is no certificate, or its times are none.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let second = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
        let validity = parsed.validity();
        Some(Life { from: second(validity.not_before)?, until: second(validity.not_after)? })
    }

    /// Whether it holds: it has begun and has not ended.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && now <= self.until
    }

    /// A third is left, or it has not begun: the clock stood later when it was made.
    pub fn is_to_be_renewed(&self, now: Timestamp) -> bool {
        let (from, until) = (self.from.as_second(), self.until.as_second());
        now < self.from || (until - now.as_second()) * 3 < until - from
    }

    /// The moment at which an agent's certificate is checked. One that has not begun was made by us when our clock stood
    /// later: its serial says that it is ours, so its first second counts. One that ended counts as in its last second
    /// for as long as the hospital's `grace`. Either may do nothing but be renewed.
    pub fn checked_at(&self, now: Timestamp, grace: SignedDuration) -> Timestamp {
        let last = self.until.checked_add(grace).unwrap_or(Timestamp::MAX);
        if now > self.until && now <= last { self.until } else { now.max(self.from) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const LIFE: (i64, i64) = (100, 190);

    fn life() -> Life {
        Life { from: second(LIFE.0), until: second(LIFE.1) }
    }

    #[test]
    fn it_is_renewed_when_a_third_is_left_and_when_the_clock_went_back() {
        assert!(!life().is_to_be_renewed(second(160)));
        assert!(life().is_to_be_renewed(second(161)));
        assert!(life().is_to_be_renewed(second(99)));
    }

    #[test]
    fn before_its_begin_and_within_the_grace_it_counts_and_not_after() {
        let grace = SignedDuration::from_secs(10);
        for (now, checked) in
            [(50, 100), (100, 100), (150, 150), (190, 190), (191, 190), (200, 190), (201, 201)]
        {
            assert_eq!(life().checked_at(second(now), grace), second(checked), "{now}");
        }
    }
}
