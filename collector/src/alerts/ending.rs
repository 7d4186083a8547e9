//! What ends soon: exceptions, approvals of media, certificates. Facts only; the watch decides what is told when.

use daicho_proto::time::japan;
use daicho_rules::ledger::{Ledger, Scope};
use daicho_rules::violation::{State, Violation};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::watch::Certificates;
use crate::Collector;
use crate::store::StoreError;

/// Something with an end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ending {
    /// When it ends.
    pub ends_at: Timestamp,
    /// What it is.
    pub kind: EndingKind,
    /// Which: the rule and the subject, the medium, the operator's name.
    pub name: String,
    /// The device or group that it is about, as in the ledger; `None`: none.
    pub place: Option<String>,
}

/// What can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndingKind {
    /// 例外.
    Exception,
    /// 外部記録媒体の承認.
    Medium,
    /// A date by which a violation is to be corrected.
    Correction,
    /// An operator's certificate.
    Operator,
    /// An endpoint's certificate: it should have renewed it itself.
    Endpoint,
    /// The collector's own certificate.
    Server,
    /// The issuing authority's certificate: it is made anew by itself where the root's key lies in the data folder.
    Issuing,
    /// The root's certificate: the next one has to be prepared by a person, and carried to everybody.
    Root,
}

impl EndingKind {
    /// How long before the end a word is said, the last one last. The first is said as soon as an end is listed at all.
    pub(super) fn words(self) -> &'static [SignedDuration] {
        match self {
            EndingKind::Issuing | EndingKind::Root => &AUTHORITY_WORDS,
            _ => &LAST_WORD,
        }
    }
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The second and last word on it.
const LAST_WORD: [SignedDuration; 1] = [SignedDuration::from_hours(3 * 24)];

/// After an authority's end nobody gets in. Its key may lie in a safe, and a next root reaches the last machine when that
/// has renewed: a year, and then again and again.
const AUTHORITY_DAYS: i32 = 365;
const AUTHORITY_WORDS: [SignedDuration; 6] = [
    SignedDuration::from_hours(180 * 24),
    SignedDuration::from_hours(90 * 24),
    SignedDuration::from_hours(30 * 24),
    SignedDuration::from_hours(14 * 24),
    SignedDuration::from_hours(7 * 24),
    SignedDuration::from_hours(3 * 24),
];

impl Ending {
    /// What it is known by.
    pub fn key(&self) -> String {
        let day = self.ends_at.to_zoned(japan()).date();
        format!("{:?}/{}/{}/{day}", self.kind, self.place.as_deref().unwrap_or_default(), self.name)
    }
}

/// Everything that ends after `now` and within `days`, the first first; authorities within a year, whatever `days` says.
pub(super) fn endings(
    collector: &Collector,
    certificates: &Certificates,
    now: Timestamp,
    days: u32,
) -> Result<Vec<Ending>, StoreError> {
    let mut endings = in_ledger(&collector.ledger_in_force());
    for violation in collector.shelves.violations()? {
        endings.extend(correction(&violation));
    }
    let certificate = |kind, name: String, ends_at| Ending { ends_at, kind, name, place: None };
    for row in collector.shelves.operators()?.into_iter().filter(|row| row.revoked_at.is_none()) {
        endings.push(certificate(EndingKind::Operator, row.name, row.not_after));
    }
    for row in collector.shelves.endpoints()?.into_iter().filter(|row| row.revoked_at.is_none()) {
        // An agent that works has renewed its certificate long before.
        let late = SignedDuration::from_hours(24 * i64::from(certificates.endpoint_days) / 6);
        if row.not_after.duration_since(now) <= late {
            let name = row.device.unwrap_or(row.hostname);
            endings.push(certificate(EndingKind::Endpoint, name, row.not_after));
        }
    }
    endings.extend(
        certificates
            .own
            .as_ref()
            .and_then(|own| own.not_after())
            .map(|at| certificate(EndingKind::Server, "collector".to_owned(), at)),
    );
    let last = now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX);
    endings.retain(|ending| ending.ends_at > now && ending.ends_at <= last);
    endings.extend(authorities(certificates, now));
    endings.sort();
    Ok(endings)
}

/// Issuing authority and root, within their last year.
pub fn authorities(certificates: &Certificates, now: Timestamp) -> impl Iterator<Item = Ending> {
    let standing = certificates.authority.as_ref().map(|authority| authority.standing());
    let ends = standing.map(|standing| {
        [(EndingKind::Issuing, standing.issuing.until), (EndingKind::Root, standing.root.until)]
    });
    let last = now.checked_add(DAY * AUTHORITY_DAYS).unwrap_or(Timestamp::MAX);
    let near = ends.into_iter().flatten().filter(move |(_, ends_at)| *ends_at > now && *ends_at <= last);
    near.map(|(kind, ends_at)| Ending { ends_at, kind, name: "authority".to_owned(), place: None })
}

/// The date by which an open violation is to be corrected.
fn correction(violation: &Violation) -> Option<Ending> {
    let open = !matches!(violation.state, State::Resolved | State::Excepted);
    let correction = violation.treatment.correction.as_ref().filter(|_| open)?;
    Some(Ending {
        ends_at: end_of(correction.due_on),
        kind: EndingKind::Correction,
        name: format!("{} {}（{}）", violation.rule, violation.subject, correction.who),
        place: Some(violation.device.clone()),
    })
}

/// What the ledger lets end: exceptions, and approvals of media.
fn in_ledger(ledger: &Ledger) -> Vec<Ending> {
    let place = |scope: &Scope| match scope {
        Scope::All => None,
        Scope::Group(name) => Some(format!("group:{name}")),
        Scope::Device(name) => Some(name.clone()),
    };
    let exceptions = ledger.exceptions.iter().map(|row| Ending {
        ends_at: end_of(row.expires_on),
        kind: EndingKind::Exception,
        name: format!("{} {}", row.rule, row.subject),
        place: place(&row.device),
    });
    let media = ledger.media.iter().filter_map(|row| {
        Some(Ending {
            ends_at: end_of(row.approved_until?),
            kind: EndingKind::Medium,
            name: row.media_id.clone(),
            place: place(&row.device),
        })
    });
    exceptions.chain(media).collect()
}

/// The end of a day in Japan.
fn end_of(day: Date) -> Timestamp {
    let next = day.checked_add(1.day()).unwrap_or(Date::MAX);
    next.to_zoned(japan()).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::authority::init;
    use crate::clock::{Clock as _, SystemClock};

    #[test]
    fn an_authority_is_told_of_in_its_last_year_and_whoever_signs_under_it_before_that_by_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemClock.now();
        let authority = Arc::new(init::make(folder.path(), now).unwrap());
        let standing = authority.standing();
        let certificates = Certificates { authority: Some(authority), ..Certificates::default() };
        let told = |at: Timestamp| {
            let kinds: Vec<EndingKind> = authorities(&certificates, at).map(|ending| ending.kind).collect();
            kinds
        };
        assert_eq!(told(now), []);
        assert_eq!(told(standing.issuing.until - DAY * 366), []);
        assert_eq!(told(standing.issuing.until - DAY * 365), [EndingKind::Issuing]);
        assert_eq!(told(standing.root.until - DAY), [EndingKind::Root]);
        assert_eq!(authorities(&Certificates::default(), now).count(), 0);
    }
}
