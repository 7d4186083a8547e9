//! Questions and answers between their own types and the wire's. The command uses the same functions backwards.

use daicho_proto::time::{from_wire, to_wire};
use daicho_proto::wire;
use daicho_rules::rule::{Kind, Proof, Severity, Unknown};
use daicho_rules::text::Text;
use daicho_rules::violation::{Closed, Excepted, State, Step, StepKind, Violation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::queries::filters::Filters;
use crate::queries::violations::Undetermined;

mod treatment;

/// What the wire carried and this version does not know: the other side is newer, or broken.
#[derive(Debug, thiserror::Error)]
#[error("{field} {value:?} is not known to this version; use a daicho of the collector's version")]
pub struct Unreadable {
    field: &'static str,
    value: String,
}

/// The word that an enum has in JSON, on the command line and on the wire.
pub fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        // Only called with enums that have no payload.
        _ => String::new(),
    }
}

/// The value of such a word.
pub fn named<T: DeserializeOwned>(field: &'static str, word: &str) -> Result<T, Unreadable> {
    let value = serde_json::Value::String(word.to_owned());
    serde_json::from_value(value).map_err(|_| Unreadable { field, value: word.to_owned() })
}

fn words<T: Serialize>(values: &[T]) -> Vec<String> {
    values.iter().map(word).collect()
}

fn all_named<T: DeserializeOwned>(field: &'static str, words: &[String]) -> Result<Vec<T>, Unreadable> {
    words.iter().map(|word| named(field, word)).collect()
}

/// A sentence for the wire.
pub fn text_to_wire(text: Text) -> wire::Text {
    wire::Text { ja: text.ja, en: text.en }
}

/// A sentence from the wire; one that is missing is empty.
pub fn text(wire: Option<wire::Text>) -> Text {
    wire.map_or_else(Text::default, |text| Text::new(text.ja, text.en))
}

/// Filters for the wire.
pub fn filters_to_wire(filters: &Filters) -> wire::Filters {
    wire::Filters {
        articles: filters.articles.iter().copied().map(u32::from).collect(),
        device: filters.device.clone(),
        group: filters.group.clone(),
        states: words(&filters.states),
        severities: words(&filters.severities),
        since_us: filters.since.map(to_wire),
        key: filters.key.clone(),
        rule: filters.rule.clone(),
    }
}

/// Filters from the wire.
pub fn filters(wire: Option<wire::Filters>) -> Result<Filters, Unreadable> {
    let wire = wire.unwrap_or_default();
    let article = |number: u32| {
        u8::try_from(number).map_err(|_| Unreadable { field: "article", value: number.to_string() })
    };
    Ok(Filters {
        articles: wire.articles.into_iter().map(article).collect::<Result<_, _>>()?,
        device: wire.device,
        group: wire.group,
        states: all_named::<State>("state", &wire.states)?,
        severities: all_named::<Severity>("severity", &wire.severities)?,
        since: wire.since_us.map(from_wire),
        key: wire.key,
        rule: wire.rule,
    })
}

/// A violation for the wire.
pub fn violation_to_wire(violation: Violation) -> wire::Violation {
    wire::Violation {
        severity: word(&violation.severity),
        state: word(&violation.state),
        kind: word(&violation.kind),
        key: violation.key,
        rule: violation.rule,
        article: violation.article.into(),
        device: violation.device,
        subject: violation.subject,
        summary: Some(text_to_wire(violation.summary)),
        remedy: Some(text_to_wire(violation.remedy)),
        evidence: violation.evidence.into_iter().map(proof_to_wire).collect(),
        first_seen_us: to_wire(violation.first_seen),
        last_seen_us: to_wire(violation.last_seen),
        occurred_at_us: violation.occurred_at.map(to_wire),
        exception: violation.exception.map(|exception| wire::Excepted {
            ledger_row: exception.ledger_row,
            reason: exception.reason,
            approved_by: exception.approved_by,
            expires_on: exception.expires_on.to_string(),
        }),
        closed: violation.closed.map(|closed| wire::Closed {
            by: closed.by,
            reason: closed.reason,
            at_us: to_wire(closed.at),
        }),
        stage: word(&violation.treatment.stage),
        views: violation.treatment.views.into_iter().map(treatment::view_to_wire).collect(),
        correction: violation.treatment.correction.map(treatment::correction_to_wire),
        accepted: violation.treatment.accepted.map(treatment::accepted_to_wire),
    }
}

/// A violation from the wire.
pub fn violation(wire: wire::Violation) -> Result<Violation, Unreadable> {
    let article = wire.article;
    let excepted = |exception: wire::Excepted| {
        let day = exception.expires_on;
        Ok(Excepted {
            ledger_row: exception.ledger_row,
            reason: exception.reason,
            approved_by: exception.approved_by,
            expires_on: day.parse().map_err(|_| Unreadable { field: "expires_on", value: day })?,
        })
    };
    let closed =
        |closed: wire::Closed| Closed { by: closed.by, reason: closed.reason, at: from_wire(closed.at_us) };
    Ok(Violation {
        severity: named::<Severity>("severity", &wire.severity)?,
        state: named::<State>("state", &wire.state)?,
        kind: named::<Kind>("kind", &wire.kind)?,
        key: wire.key,
        rule: wire.rule,
        article: u8::try_from(article)
            .map_err(|_| Unreadable { field: "article", value: article.to_string() })?,
        device: wire.device,
        subject: wire.subject,
        summary: text(wire.summary),
        remedy: text(wire.remedy),
        evidence: wire.evidence.into_iter().map(proof).collect(),
        first_seen: from_wire(wire.first_seen_us),
        last_seen: from_wire(wire.last_seen_us),
        occurred_at: wire.occurred_at_us.map(from_wire),
        exception: wire.exception.map(excepted).transpose()?,
        closed: wire.closed.map(closed),
        treatment: treatment::treatment(&wire.stage, wire.views, wire.correction, wire.accepted)?,
    })
}

fn proof_to_wire(proof: Proof) -> wire::Proof {
    let Proof { fact, field, value, source, observed_at, ledger_row } = proof;
    wire::Proof { fact, field, value, source, observed_at_us: observed_at.map(to_wire), ledger_row }
}

fn proof(wire: wire::Proof) -> Proof {
    let wire::Proof { fact, field, value, source, observed_at_us, ledger_row } = wire;
    Proof { fact, field, value, source, observed_at: observed_at_us.map(from_wire), ledger_row }
}

/// A step for the wire.
pub fn step_to_wire(step: Step) -> wire::Step {
    wire::Step {
        at_us: to_wire(step.at),
        what: word(&step.what),
        by: step.by,
        reason: step.reason,
        summary: Some(text_to_wire(step.summary)),
        evidence: step.evidence.into_iter().map(proof_to_wire).collect(),
    }
}

/// A step from the wire.
pub fn step(wire: wire::Step) -> Result<Step, Unreadable> {
    Ok(Step {
        at: from_wire(wire.at_us),
        what: named::<StepKind>("step", &wire.what)?,
        by: wire.by,
        reason: wire.reason,
        summary: text(wire.summary),
        evidence: wire.evidence.into_iter().map(proof).collect(),
    })
}

/// What cannot be told, for the wire.
pub fn undetermined_to_wire(told: Undetermined) -> wire::Undetermined {
    wire::Undetermined {
        rule: told.rule,
        device: told.device,
        subject: told.unknown.subject,
        reason: Some(text_to_wire(told.unknown.reason)),
    }
}

/// What cannot be told, from the wire.
pub fn undetermined(wire: wire::Undetermined) -> Undetermined {
    let unknown = Unknown { subject: wire.subject, reason: text(wire.reason) };
    Undetermined { rule: wire.rule, device: wire.device, unknown }
}
