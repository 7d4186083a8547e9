//! What a rule is: a value with a name, an article, words for people, and a pure function of the evidence.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::ledger::RowReference;
use crate::text::Text;

/// One rule of the house, named for the breach: `08.retired_staff`.
pub struct Rule {
    /// `ARTICLE.breach`: stable, quoted by people, by ledgers and by exceptions.
    pub id: &'static str,
    /// The article of the regulation.
    pub article: u8,
    /// What the breach is, in one sentence, in Japanese and in English.
    pub summary: (&'static str, &'static str),
    /// What ends it, in one sentence, in Japanese and in English.
    pub remedy: (&'static str, &'static str),
    /// How urgent a breach is, unless a finding says otherwise.
    pub severity: Severity,
    /// Whether it ends by itself when the state is right, or by a person's word.
    pub kind: Kind,
    /// The ledger's settings that it reads, with their defaults.
    pub settings: &'static [Setting],
    /// Looks at the evidence of one device.
    pub assess: fn(&Evidence<'_>) -> Assessment,
}

impl fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id)
    }
}

/// A setting of the ledger: the hospital's decision, with the default that holds until it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key in the ledger's sheet of settings: `08.unused_days_max`.
    pub key: &'static str,
    /// What holds where the ledger says nothing.
    pub default: i64,
    /// The smallest and the largest value that make sense.
    pub range: (i64, i64),
    /// What it means, in Japanese and in English.
    pub meaning: (&'static str, &'static str),
}

/// Standing: true as long as the state lasts. Incident: it happened, and a person closes it with a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained above")]
pub enum Kind {
    Standing,
    Incident,
}

/// How urgent a violation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Severity {
    Low,
    Medium,
    High,
}

/// What a rule says of one device. Both lists may hold something: one account is wrong, of another nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assessment {
    /// What is wrong, one for each subject.
    pub findings: Vec<Finding>,
    /// What cannot be told. It neither opens nor closes a violation.
    pub unknowns: Vec<Unknown>,
    /// Subjects that were surely seen to be right, although something else is unknown.
    pub cleared: Vec<Cleared>,
}

/// An assessment in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Verdict {
    Satisfied,
    Violated,
    Undetermined,
}

impl Assessment {
    /// Everything was seen and nothing is wrong.
    pub fn satisfied() -> Self {
        Assessment::default()
    }

    /// Nothing can be told of this device.
    pub fn undetermined(reason: Text) -> Self {
        Assessment { unknowns: vec![Unknown { subject: None, reason }], ..Assessment::default() }
    }

    /// Adds something that cannot be told of one subject.
    pub fn doubt(&mut self, subject: impl Into<String>, reason: Text) {
        self.unknowns.push(Unknown { subject: Some(subject.into()), reason });
    }

    /// Adds a subject that was surely seen to be right.
    pub fn clear(&mut self, subject: impl Into<String>) {
        self.cleared.push(Cleared { subject: subject.into(), since: None, proofs: Vec::new() });
    }

    /// Makes two findings of the same subject one: the graver words, all proofs, the newest time.
    pub(crate) fn merge_same_subjects(&mut self) {
        let mut merged: Vec<Finding> = Vec::with_capacity(self.findings.len());
        let mut places = std::collections::BTreeMap::new();
        for finding in self.findings.drain(..) {
            let place = *places.entry(finding.subject.clone()).or_insert(merged.len());
            let Some(kept) = merged.get_mut(place) else {
                merged.push(finding);
                continue;
            };
            let (mut graver, lighter) = if finding.severity > kept.severity {
                (finding, kept.clone())
            } else {
                (kept.clone(), finding)
            };
            graver.occurred_at = graver.occurred_at.max(lighter.occurred_at);
            for proof in lighter.proofs {
                if !graver.proofs.contains(&proof) {
                    graver.proofs.push(proof);
                }
            }
            *kept = graver;
        }
        self.findings = merged;
    }

    /// Violated if anything was found, else undetermined if anything is unknown: silence is not compliance.
    pub fn verdict(&self) -> Verdict {
        match (self.findings.is_empty(), self.unknowns.is_empty()) {
            (false, _) => Verdict::Violated,
            (true, false) => Verdict::Undetermined,
            (true, true) => Verdict::Satisfied,
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What a person would call the thing: `tanaka`, `dpkg:openssl`, `0781:5581:AA01`.
    pub subject: String,
    /// This case in one sentence, with its names, dates and numbers.
    pub summary: Text,
    /// What ends this case.
    pub remedy: Text,
    /// How urgent this case is.
    pub severity: Severity,
    /// The observations and ledger rows that led here.
    pub proofs: Vec<Proof>,
    /// Of an incident: when it last happened. A person's closing covers what happened up to then.
    pub occurred_at: Option<Timestamp>,
}

/// A subject that was surely seen to be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// The subject.
    pub subject: String,
    /// Of an incident: every use from then on is covered by the ledger. `None` for a state.
    pub since: Option<Timestamp>,
    /// What shows that it is right.
    pub proofs: Vec<Proof>,
}

/// Something that cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// The subject that it concerns; `None` concerns the whole device.
    pub subject: Option<String>,
    /// Why, in one sentence.
    pub reason: Text,
}

/// One piece of evidence: an observed value, a ledger row, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The observed subject (`accounts`), or `ledger`.
    pub fact: String,
    /// The field of it: `last_login`, `retired_on`.
    pub field: String,
    /// Its value, as text.
    pub value: String,
    /// Where the value was read: `lastlog`, `dpkg`, `staff.csv`.
    pub source: Option<String>,
    /// When it was observed.
    pub observed_at: Option<Timestamp>,
    /// The ledger's row: `staff.csv:12`.
    pub ledger_row: Option<String>,
}

impl Proof {
    /// An observed value.
    pub fn observed(fact: &str, field: &str, value: impl Into<String>, observed_at: Timestamp) -> Self {
        Proof {
            fact: fact.to_owned(),
            field: field.to_owned(),
            value: value.into(),
            observed_at: Some(observed_at),
            ..Proof::default()
        }
    }

    /// What the ledger says.
    pub fn ledger(field: &str, value: impl Into<String>, row: &RowReference) -> Self {
        Proof {
            fact: "ledger".to_owned(),
            field: field.to_owned(),
            value: value.into(),
            source: Some(row.place.clone()),
            ledger_row: Some(row.to_string()),
            ..Proof::default()
        }
    }

    /// The same with the place where the value was read.
    pub fn read_in(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }
}
