//! What people do about a violation, for the wire and back.

use daicho_proto::time::{from_wire, to_wire};
use daicho_proto::wire;
use daicho_rules::rule::Severity;
use daicho_rules::violation::{Accepted, AcceptedFact, Asked, Correction, Stage, Treatment, View};

use super::{Unreadable, named, word};

pub(super) fn view_to_wire(view: View) -> wire::View {
    let View { role, by, section, note, at } = view;
    wire::View { role: word(&role), by, section, note, at_us: to_wire(at) }
}

pub(super) fn correction_to_wire(correction: Correction) -> wire::Correction {
    let Correction { due_on, who, note, by, at, overdue } = correction;
    wire::Correction { due_on: due_on.to_string(), who, note, by, at_us: to_wire(at), overdue }
}

pub(super) fn accepted_to_wire(accepted: Accepted) -> wire::Accepted {
    let fact = |fact: AcceptedFact| {
        let AcceptedFact { name, value, source } = fact;
        wire::AcceptedFact { name, value, source }
    };
    wire::Accepted {
        terms: accepted.terms,
        severity: word(&accepted.severity),
        facts: accepted.facts.into_iter().map(fact).collect(),
    }
}

/// A treatment from the wire; a collector of before there was one says nothing of it.
pub(super) fn treatment(
    stage: &str,
    views: Vec<wire::View>,
    correction: Option<wire::Correction>,
    accepted: Option<wire::Accepted>,
) -> Result<Treatment, Unreadable> {
    let view = |view: wire::View| {
        let wire::View { role, by, section, note, at_us } = view;
        Ok(View { role: named::<Asked>("role", &role)?, by, section, note, at: from_wire(at_us) })
    };
    let promised = |correction: wire::Correction| {
        let wire::Correction { due_on, who, note, by, at_us, overdue } = correction;
        let due_on = due_on.parse().map_err(|_| Unreadable { field: "due_on", value: due_on })?;
        Ok(Correction { due_on, who, note, by, at: from_wire(at_us), overdue })
    };
    let fact = |fact: wire::AcceptedFact| {
        let wire::AcceptedFact { name, value, source } = fact;
        AcceptedFact { name, value, source }
    };
    let known = |accepted: wire::Accepted| {
        let severity = named::<Severity>("severity", &accepted.severity)?;
        let facts = accepted.facts.into_iter().map(fact).collect();
        Ok(Accepted { terms: accepted.terms, severity, facts })
    };
    Ok(Treatment {
        stage: if stage.is_empty() { Stage::default() } else { named("stage", stage)? },
        views: views.into_iter().map(view).collect::<Result<_, _>>()?,
        correction: correction.map(promised).transpose()?,
        accepted: accepted.map(known).transpose()?,
    })
}
