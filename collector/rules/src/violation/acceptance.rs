//! What an exception accepted. It accepts the facts as they were then: an account that has become privileged since, a
//! service from another binary, an older version, is another matter, and a person decides anew.

use std::cmp::Ordering;

use daicho_proto::versions::{self, Manager};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Excepted;
use crate::evidence::Evidence;
use crate::ledger::Exception;
use crate::normal;
use crate::rule::{Proof, Severity};
use crate::text::Text;

/// What an exception accepted when it first covered a violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// What the row of the ledger says, without its place: another row, or a row that was approved anew, accepts anew.
    pub terms: String,
    /// How urgent it was.
    pub severity: Severity,
    /// The facts.
    pub facts: Vec<AcceptedFact>,
}

/// One of the facts that were accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AcceptedFact {
    /// `accounts.privileged`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The package manager, where it has a say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// When a fact is no longer what was accepted.
#[derive(Clone, Copy)]
enum Lapse {
    /// With every other value: what the thing is.
    Other,
    /// When this comes true.
    Becomes(&'static str),
    /// With an older version.
    Older,
}

/// The facts of a finding. What is not here (a time, a count, a new version at the vendor's) may change under an exception;
/// so may what is no longer told.
static FACTS: &[(&str, Lapse)] = &[
    ("accounts.privileged", Lapse::Becomes("true")),
    ("accounts.interactive", Lapse::Becomes("true")),
    ("services.binary", Lapse::Other),
    ("services.library", Lapse::Other),
    ("services.user", Lapse::Other),
    ("services.container", Lapse::Other),
    ("software.publisher", Lapse::Other),
    ("software.version", Lapse::Older),
    ("updates.installed_version", Lapse::Older),
    ("packages.version", Lapse::Older),
    ("host.os_id", Lapse::Other),
    ("host.os_version", Lapse::Other),
    ("host.serial_number", Lapse::Other),
    ("host.hardware_uuid", Lapse::Other),
    ("media.vendor_id:product_id:serial", Lapse::Other),
    ("media.filesystem_uuid", Lapse::Other),
];

/// What the ledger's exceptions say of a violation now.
pub(super) struct Cover {
    /// The exception that covers it.
    pub(super) exception: Option<Excepted>,
    /// What is accepted, also where it no longer covers.
    pub(super) accepted: Option<Accepted>,
    /// Why a row that fits does not cover.
    pub(super) lapsed: Option<Text>,
}

/// Looks for the exception that covers a subject today; of several the one that holds longest. `accepted`: what was
/// accepted before.
pub(super) fn cover(
    evidence: &Evidence<'_>,
    rule: &str,
    subject: &str,
    (severity, proofs): (Severity, &[Proof]),
    accepted: Option<&Accepted>,
) -> Cover {
    let Some(row) = holding(evidence, rule, subject) else {
        return Cover { exception: None, accepted: accepted.cloned(), lapsed: None };
    };
    let now = Accepted { terms: terms(row), severity, facts: facts(proofs) };
    let accepted = accepted.filter(|accepted| accepted.terms == now.terms).cloned();
    let changed = accepted.as_ref().map(|accepted| changed(accepted, &now)).unwrap_or_default();
    if !changed.is_empty() {
        let list = changed.join(", ");
        let lapsed = Text::new(
            format!("例外を認めたときと事実が変わりました（{list}）"),
            format!("the facts are no longer those that the exception accepted ({list})"),
        );
        return Cover { exception: None, accepted, lapsed: Some(lapsed) };
    }
    let exception = Excepted {
        ledger_row: row.row.to_string(),
        reason: row.reason.clone(),
        approved_by: row.approved_by.clone(),
        expires_on: row.expires_on,
    };
    Cover { exception: Some(exception), accepted: accepted.or(Some(now)), lapsed: None }
}

fn holding<'a>(evidence: &Evidence<'a>, rule: &str, subject: &str) -> Option<&'a Exception> {
    let today: Date = evidence.today();
    let holding = evidence.ledger.exceptions.iter().filter(|row| {
        normal::same(&row.rule, rule)
            && today <= row.expires_on
            && row.device.covers(evidence.device)
            && normal::pattern_covers(&row.subject, subject)
    });
    holding.reduce(|best, row| if row.expires_on > best.expires_on { row } else { best })
}

fn terms(row: &Exception) -> String {
    let Exception { rule, device, subject, reason, measure, approved_by, expires_on, .. } = row;
    let measure = measure.as_deref().unwrap_or_default();
    [rule, &device.to_string(), subject, reason, measure, approved_by, &expires_on.to_string()].join(" | ")
}

fn facts(proofs: &[Proof]) -> Vec<AcceptedFact> {
    let named = proofs.iter().map(|proof| (format!("{}.{}", proof.fact, proof.field), proof));
    let mut facts: Vec<AcceptedFact> = named
        .filter_map(|(name, proof)| {
            let (_, lapse) = FACTS.iter().find(|(known, _)| *known == name)?;
            let source = proof.source.clone().filter(|_| matches!(lapse, Lapse::Older));
            Some(AcceptedFact { name, value: proof.value.clone(), source })
        })
        .collect();
    facts.sort();
    facts.dedup();
    facts
}

/// What is graver than what was accepted, each in a few words.
fn changed(accepted: &Accepted, now: &Accepted) -> Vec<String> {
    let mut changed = Vec::new();
    for fact in &now.facts {
        let before: Vec<&AcceptedFact> = accepted.facts.iter().filter(|old| old.name == fact.name).collect();
        if before.iter().any(|old| old.value == fact.value) {
            continue;
        }
        let lapse = FACTS.iter().find(|(known, _)| *known == fact.name).map(|(_, lapse)| *lapse);
        let lapsed = match lapse {
            Some(Lapse::Becomes(value)) => fact.value == value,
            Some(Lapse::Older) => before.is_empty() || !before.iter().any(|old| is_newer(fact, old)),
            Some(Lapse::Other) | None => true,
        };
        if lapsed {
            let old: Vec<&str> = before.iter().map(|old| old.value.as_str()).collect();
            let old = if old.is_empty() { "-".to_owned() } else { old.join(" / ") };
            changed.push(format!("{}: {old} → {}", fact.name, fact.value));
        }
    }
    if changed.is_empty() && now.severity > accepted.severity {
        let word = |severity| match severity {
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
        };
        changed.push(format!("severity: {} → {}", word(accepted.severity), word(now.severity)));
    }
    changed
}

/// Whether `now` is the same thing in a version that is surely not older. `name version` is how several packages of one
/// source are told apart.
fn is_newer(now: &AcceptedFact, old: &AcceptedFact) -> bool {
    let split = |text: &str| -> (String, String) {
        let (name, version) = text.rsplit_once(' ').unwrap_or(("", text));
        (name.to_owned(), version.to_owned())
    };
    let ((name, version), (old_name, old_version)) = (split(&now.value), split(&old.value));
    let manager = now.source.as_deref().and_then(Manager::parse).unwrap_or(Manager::Windows);
    let order = versions::compare(manager, &version, &old_version);
    name == old_name && order.is_ok_and(|order| order != Ordering::Less)
}

#[cfg(test)]
mod tests;
