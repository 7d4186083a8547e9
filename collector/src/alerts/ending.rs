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
}

impl Ending {
    /// What it is known by.
    pub fn key(&self) -> String {
        let day = self.ends_at.to_zoned(japan()).date();
        format!("{:?}/{}/{}/{day}", self.kind, self.place.as_deref().unwrap_or_default(), self.name)
    }
}

/// Everything that ends after `now` and within `days`, the first first.
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
    endings.sort();
    Ok(endings)
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
