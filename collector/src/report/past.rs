//! The house as it was at a moment: a fold of the log up to then. Pure.

use std::collections::{BTreeMap, BTreeSet};

use daicho_rules::rule::{Unknown, Verdict};
use daicho_rules::violation::{State, StepKind, Violation};
use jiff::Timestamp;

/// What was known at a moment.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// When the log begins.
    pub begins: Option<Timestamp>,
    /// When something was last judged.
    pub judged_at: Option<Timestamp>,
    /// The ledger's version that held.
    pub ledger: Option<u64>,
    /// What each rule said, by device and rule.
    pub verdicts: BTreeMap<String, BTreeMap<String, Told>>,
    /// Every violation that ever was, by its key.
    pub violations: BTreeMap<String, Life>,
}

/// What a rule said of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// In one word.
    pub verdict: Verdict,
    /// What it could not tell.
    pub unknowns: Vec<Unknown>,
}

/// A violation's life up to then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// As it stood after its last step.
    pub violation: Violation,
    /// When it was opened, or opened again.
    pub opened_at: Timestamp,
    /// When it ended, where it had.
    pub ended_at: Option<Timestamp>,
    /// The last word of a person or an exception since it was opened: who, and why.
    pub word: Option<(String, String)>,
    /// Who took the last step: `daicho` or a person.
    pub by: String,
    /// Whether a person ended it.
    pub closed: bool,
}

impl Past {
    /// Something was written at this moment.
    pub fn written(&mut self, at: Timestamp) {
        self.begins.get_or_insert(at);
    }

    /// A rule said something of a device.
    pub fn told(&mut self, at: Timestamp, device: &str, rule: &str, told: Told) {
        self.judged(at);
        self.verdicts.entry(device.to_owned()).or_default().insert(rule.to_owned(), told);
    }

    /// A rule says nothing of a device any more.
    pub fn silent(&mut self, device: &str, rule: &str) {
        if let Some(rules) = self.verdicts.get_mut(device) {
            rules.remove(rule);
        }
    }

    /// The collector judged everything, or something.
    pub fn judged(&mut self, at: Timestamp) {
        self.judged_at = self.judged_at.max(Some(at));
    }

    /// A device is neither listed nor reporting any more.
    pub fn gone(&mut self, device: &str) {
        self.verdicts.remove(device);
    }

    /// A violation that was there before the log was.
    pub fn taken(&mut self, violation: &Violation) {
        let ended = violation.state == State::Resolved;
        let life = Life {
            opened_at: violation.first_seen,
            ended_at: ended.then_some(violation.last_seen),
            word: violation.closed.as_ref().map(|closed| (closed.by.clone(), closed.reason.clone())),
            by: violation.closed.as_ref().map_or("daicho", |closed| &closed.by).to_owned(),
            closed: violation.closed.is_some(),
            violation: violation.clone(),
        };
        self.violations.insert(violation.key.clone(), life);
    }

    /// A step in a violation's life: how it stands after it, when, by whom and why.
    pub fn step(
        &mut self,
        at: Timestamp,
        by: &str,
        what: StepKind,
        reason: Option<&str>,
        violation: &Violation,
    ) {
        let life = self.violations.entry(violation.key.clone()).or_insert_with(|| Life {
            violation: violation.clone(),
            opened_at: at,
            ended_at: None,
            word: None,
            by: by.to_owned(),
            closed: false,
        });
        life.violation.clone_from(violation);
        by.clone_into(&mut life.by);
        if matches!(what, StepKind::Opened | StepKind::Reopened) {
            life.opened_at = at;
            life.word = None;
        }
        life.ended_at = (violation.state == State::Resolved).then_some(at);
        life.closed = what == StepKind::Closed;
        if let Some(reason) = reason {
            life.word = Some((by.to_owned(), reason.to_owned()));
        }
    }

    /// What had not ended.
    pub fn standing(&self) -> impl Iterator<Item = (&String, &Life)> {
        self.violations.iter().filter(|(_, life)| life.violation.state != State::Resolved)
    }

    /// Every device of which something was said.
    pub fn devices(&self) -> BTreeSet<&str> {
        let judged = self.verdicts.keys().map(String::as_str);
        judged.chain(self.standing().map(|(_, life)| life.violation.device.as_str())).collect()
    }
}
