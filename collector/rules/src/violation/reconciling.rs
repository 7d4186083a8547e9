//! What was known of a device, and what the rules say now: the steps from one to the other.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::acceptance::{Cover, cover};
use super::{Accepted, Change, Excepted, State, Step, StepKind, Treatment, Violation, key};
use crate::articles::Judged;
use crate::evidence::Evidence;
use crate::ledger::DeviceStatus;
use crate::rule::{Assessment, Cleared, Finding, Kind, Proof, Rule, Unknown};
use crate::text::Text;

/// Who is named in the steps that nobody but the rules took.
const DAICHO: &str = "daicho";

/// Compares what is known of `device` with what the rules say now. Pure: the same arguments give the same changes, and
/// with the changes applied the second call gives none.
///
/// - A finding opens, changes or reopens the violation of its key. *Changed* is a change of severity or of the evidence
///   but for its time, so that a daily look at the same state is no news.
/// - A standing violation resolves when its rule no longer finds the subject and nothing unknown covers it.
/// - An incident stays until a person closes it, unless the ledger now approves every use since it happened.
/// - An exception of the ledger covers a violation up to and including its last day in Japan.
pub fn reconcile(
    known: &[Violation],
    device: &str,
    judged: &[Judged],
    evidence: &Evidence<'_>,
) -> Vec<Change> {
    let by_key: BTreeMap<&str, &Violation> =
        known.iter().map(|violation| (violation.key.as_str(), violation)).collect();
    let mut changes = Vec::new();
    let mut found = BTreeSet::new();
    for Judged { rule, assessment } in judged {
        for finding in &assessment.findings {
            let key = key(rule.id, device, &finding.subject);
            if found.contains(&key) {
                continue;
            }
            let now = Now { rule, device, finding, evidence };
            changes.extend(match by_key.get(key.as_str()) {
                None => Some(now.opens(&key, None)),
                Some(old) if old.state == State::Resolved => now.reopens(old),
                Some(old) => now.continues(old),
            });
            found.insert(key);
        }
    }
    let missing = known.iter().filter(|old| old.state != State::Resolved && !found.contains(&old.key));
    changes.extend(missing.filter_map(|old| ends(old, judged, evidence)));
    changes
}

/// A finding, and all that its violation needs to know.
struct Now<'a> {
    rule: &'static Rule,
    device: &'a str,
    finding: &'a Finding,
    evidence: &'a Evidence<'a>,
}

impl Now<'_> {
    fn opens(&self, key: &str, accepted: Option<&Accepted>) -> Change {
        let finding = self.finding;
        let (rule, subject) = (self.rule.id, &finding.subject);
        let Cover { exception, accepted, lapsed } =
            cover(self.evidence, rule, subject, (finding.severity, &finding.proofs), accepted);
        let violation = Violation {
            key: key.to_owned(),
            rule: self.rule.id.to_owned(),
            article: self.rule.article,
            device: self.device.to_owned(),
            subject: finding.subject.clone(),
            severity: finding.severity,
            state: if exception.is_some() { State::Excepted } else { State::Open },
            summary: finding.summary.clone(),
            remedy: finding.remedy.clone(),
            evidence: finding.proofs.clone(),
            first_seen: self.seen_at(),
            last_seen: self.seen_at(),
            kind: self.rule.kind,
            occurred_at: finding.occurred_at,
            exception,
            closed: None,
            treatment: Treatment { accepted, ..Treatment::default() },
        };
        let what = if violation.exception.is_some() { StepKind::Excepted } else { StepKind::Opened };
        step(violation, what, lapsed, self.evidence.now)
    }

    fn reopens(&self, old: &Violation) -> Option<Change> {
        // A person closed what was known; only a use that was not known then is news.
        if old.closed.is_some() && self.finding.occurred_at <= old.occurred_at {
            return None;
        }
        let mut change = self.opens(&old.key, old.treatment.accepted.as_ref());
        change.violation.first_seen = old.first_seen;
        change.violation.last_seen = old.last_seen.max(change.violation.last_seen);
        if let Some(step) = &mut change.step
            && step.what == StepKind::Opened
        {
            step.what = StepKind::Reopened;
        }
        Some(change)
    }

    fn continues(&self, old: &Violation) -> Option<Change> {
        let finding = self.finding;
        let mut new = Violation {
            severity: finding.severity,
            summary: finding.summary.clone(),
            remedy: finding.remedy.clone(),
            evidence: finding.proofs.clone(),
            last_seen: old.last_seen.max(self.seen_at()),
            occurred_at: old.occurred_at.max(finding.occurred_at),
            kind: self.rule.kind,
            ..old.clone()
        };
        let worse = new.severity > old.severity || new.occurred_at > old.occurred_at;
        if old.state == State::Acknowledged && worse {
            new.state = State::Open;
            // What was said was said of something lighter; the history keeps it.
            new.treatment.views.clear();
        }
        if let Some((what, lapsed)) = apply_exception(&mut new, self.evidence) {
            return Some(step(new, what, lapsed, self.evidence.now));
        }
        if falls_overdue(&mut new, self.evidence) {
            return Some(step(new, StepKind::Overdue, None, self.evidence.now));
        }
        let material = new.severity != old.severity
            || new.occurred_at != old.occurred_at
            || essence(&new.evidence) != essence(&old.evidence);
        if material {
            return Some(step(new, StepKind::Changed, None, self.evidence.now));
        }
        new.settle();
        (new != *old).then_some(Change { violation: new, step: None })
    }

    /// When the machine was last seen to be so; the collector's time where nothing was observed.
    fn seen_at(&self) -> Timestamp {
        let observed = self.finding.proofs.iter().filter_map(|proof| proof.observed_at).max();
        observed.map_or(self.evidence.now, |at| at.min(self.evidence.now))
    }
}

/// What becomes of an unresolved violation that no rule finds now.
fn ends(old: &Violation, judged: &[Judged], evidence: &Evidence<'_>) -> Option<Change> {
    let mut new = old.clone();
    let assessment = judged.iter().find(|judged| judged.rule.id == old.rule).map(|judged| &judged.assessment);
    let ended = match (old.kind, assessment) {
        (Kind::Standing, Some(assessment)) => surely_right(old, assessment),
        (Kind::Incident, Some(assessment)) => approved_since(old, assessment),
        // A scrapped machine is no longer judged; of one in use, a rule that is missing says nothing.
        (Kind::Standing, None) if is_scrapped(evidence) && judged.is_empty() => {
            let device = evidence.device.map(|device| &device.row).cloned().unwrap_or_default();
            Some(vec![Proof::ledger("status", "retired", &device)])
        }
        (_, None) => None,
    };
    if let Some(proofs) = ended {
        new.state = State::Resolved;
        new.exception = None;
        if !proofs.is_empty() {
            new.evidence = proofs;
        }
        return Some(step(new, StepKind::Resolved, None, evidence.now));
    }
    if let Some((what, lapsed)) = apply_exception(&mut new, evidence) {
        return Some(step(new, what, lapsed, evidence.now));
    }
    if falls_overdue(&mut new, evidence) {
        return Some(step(new, StepKind::Overdue, None, evidence.now));
    }
    new.settle();
    (new != *old).then_some(Change { violation: new, step: None })
}

fn surely_right(old: &Violation, assessment: &Assessment) -> Option<Vec<Proof>> {
    if let Some(cleared) = cleared(old, assessment) {
        return Some(cleared.proofs.clone());
    }
    let covered = |subject: &Option<String>| subject.as_ref().is_none_or(|subject| *subject == old.subject);
    let unknown = assessment.unknowns.iter().any(|unknown| covered(&unknown.subject));
    (!unknown).then(Vec::new)
}

fn approved_since(old: &Violation, assessment: &Assessment) -> Option<Vec<Proof>> {
    let cleared = cleared(old, assessment)?;
    let covers = matches!((cleared.since, old.occurred_at), (Some(since), Some(at)) if since <= at);
    covers.then(|| cleared.proofs.clone())
}

/// What shows the subject to be right, unless something of that very subject is unknown too: of two sticks that nobody
/// can tell apart, one may be right.
fn cleared<'a>(old: &Violation, assessment: &'a Assessment) -> Option<&'a Cleared> {
    let doubted = |unknown: &Unknown| unknown.subject.as_ref() == Some(&old.subject);
    if assessment.unknowns.iter().any(doubted) {
        return None;
    }
    assessment.cleared.iter().find(|cleared| cleared.subject == old.subject)
}

fn is_scrapped(evidence: &Evidence<'_>) -> bool {
    evidence.device.is_some_and(|device| device.status == DeviceStatus::Retired)
}

/// Puts an unresolved violation under the ledger's exception, or takes it out; tells which and why, if it is news.
fn apply_exception(violation: &mut Violation, evidence: &Evidence<'_>) -> Option<(StepKind, Option<Text>)> {
    let found = (violation.severity, violation.evidence.as_slice());
    let accepted = violation.treatment.accepted.as_ref();
    let Cover { exception, accepted, lapsed } =
        cover(evidence, &violation.rule, &violation.subject, found, accepted);
    let same_terms = match (&violation.treatment.accepted, &accepted) {
        (Some(old), Some(new)) => old.terms == new.terms,
        (_, _) => true,
    };
    violation.treatment.accepted = accepted;
    let before = std::mem::replace(&mut violation.exception, exception);
    match (before, &violation.exception) {
        (None, None) => None,
        (Some(_), None) => {
            violation.state = State::Open;
            Some((StepKind::ExceptionEnded, lapsed))
        }
        // The row's number moves with every row above it: that alone is no news.
        (Some(old), Some(new))
            if same_terms && (Excepted { ledger_row: new.ledger_row.clone(), ..old.clone() }) == *new =>
        {
            None
        }
        (_, Some(_)) => {
            violation.state = State::Excepted;
            // It is accepted as it is: nobody has to correct it meanwhile.
            violation.treatment.correction = None;
            Some((StepKind::Excepted, None))
        }
    }
}

/// Notes that the day by which an unresolved violation was to be corrected has passed; false: it has not, or was told.
fn falls_overdue(violation: &mut Violation, evidence: &Evidence<'_>) -> bool {
    let today = evidence.today();
    let waits = matches!(violation.state, State::Open | State::Acknowledged);
    match &mut violation.treatment.correction {
        Some(correction) if waits && !correction.overdue && correction.due_on < today => {
            correction.overdue = true;
            true
        }
        _ => false,
    }
}

/// Evidence without its time.
fn essence(proofs: &[Proof]) -> Vec<Proof> {
    proofs.iter().map(|proof| Proof { observed_at: None, ledger_row: None, ..proof.clone() }).collect()
}

fn step(mut violation: Violation, what: StepKind, why: Option<Text>, at: Timestamp) -> Change {
    violation.settle();
    let due = violation.treatment.correction.as_ref().filter(|_| what == StepKind::Overdue);
    let due = due.map(|correction| {
        let (day, who) = (correction.due_on, &correction.who);
        format!("期限 {day}（{who}） / due on {day} ({who})")
    });
    let why = why.map(|text| format!("{} / {}", text.ja, text.en));
    let reason =
        due.or(why).or_else(|| violation.exception.as_ref().map(|exception| exception.reason.clone()));
    let (summary, evidence): (Text, Vec<Proof>) = (violation.summary.clone(), violation.evidence.clone());
    let step = Step { at, what, by: DAICHO.to_owned(), reason, summary, evidence };
    Change { violation, step: Some(step) }
}

#[cfg(test)]
mod tests;
