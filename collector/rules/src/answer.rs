//! The answer of `check` and `violations`: violations, what is undetermined, what is satisfied.

use std::collections::BTreeMap;

use daicho_proto::document::Document;
use daicho_proto::facts::Host;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::articles::{Judged, judge};
use crate::evidence::Evidence;
use crate::ledger::{Device, Ledger};
use crate::linking::{Link, Linker, Surroundings};
use crate::record::EndpointRecord;
use crate::rule::Verdict;
use crate::text::Language;
use crate::violation::{State, Violation, reconcile};

/// What is wrong, what cannot be told, what is right. Nothing is left out: each rule of each device is in one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What is wrong, the article's order.
    pub violations: Vec<Violation>,
    /// What cannot be told, and why.
    pub undetermined: Vec<Undetermined>,
    /// What was seen to be right.
    pub satisfied: Vec<Satisfied>,
}

/// A rule that cannot tell of a device, or of one subject of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Undetermined {
    /// The rule's id.
    pub rule: String,
    /// The device.
    pub device: String,
    /// Why, in one sentence.
    pub reason: String,
    /// The subject, where it is only one that nothing can be told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// A rule that a device keeps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Satisfied {
    /// The rule's id.
    pub rule: String,
    /// The device.
    pub device: String,
}

impl Answer {
    /// The answer on one device: its violations as they are kept, and what the rules say of the rest.
    pub fn of(device: &str, violations: Vec<Violation>, judged: &[Judged], language: Language) -> Self {
        let mut answer = Answer { violations, ..Answer::default() };
        for Judged { rule, assessment } in judged {
            for unknown in &assessment.unknowns {
                answer.undetermined.push(Undetermined {
                    rule: rule.id.to_owned(),
                    device: device.to_owned(),
                    reason: unknown.reason.in_language(language).to_owned(),
                    subject: unknown.subject.clone(),
                });
            }
            // An incident that waits for a person is not 'satisfied', even when nothing new was found.
            let waits =
                |violation: &Violation| violation.rule == rule.id && violation.state != State::Resolved;
            if assessment.verdict() == Verdict::Satisfied && !answer.violations.iter().any(waits) {
                answer.satisfied.push(Satisfied { rule: rule.id.to_owned(), device: device.to_owned() });
            }
        }
        answer
    }

    /// Adds the answer on other devices.
    pub fn append(&mut self, other: Answer) {
        self.violations.extend(other.violations);
        self.undetermined.extend(other.undetermined);
        self.satisfied.extend(other.satisfied);
    }

    /// Puts everything into the order of the articles, then devices, then subjects.
    pub fn sort(&mut self) {
        self.violations
            .sort_by(|a, b| (&a.rule, &a.device, &a.subject).cmp(&(&b.rule, &b.device, &b.subject)));
        self.undetermined.sort();
        self.satisfied.sort();
    }

    /// Whether something is wrong that no exception covers: exit status 1.
    pub fn is_violated(&self) -> bool {
        self.violations.iter().any(|violation| matches!(violation.state, State::Open | State::Acknowledged))
    }
}

/// Judges documents against a ledger, with no server and no history. Only machines with a document are judged: of the
/// others a folder of files tells nothing. `04.silent_device` judges the age of the document itself. Documents of the
/// same machine are taken in the order of their times.
pub fn check(ledger: &Ledger, mut documents: Vec<Document>, now: Timestamp, language: Language) -> Answer {
    documents.sort_by_key(|document| document.observed_at);
    let linker = Linker::new(ledger);
    let mut machines: BTreeMap<(String, String), (Option<&Device>, EndpointRecord)> = BTreeMap::new();
    for document in documents {
        let host = document.host.clone().unwrap_or_default();
        let row = match linker.link(&host) {
            Link::Listed { device, .. } => Some(device),
            Link::Ambiguous(_) | Link::Unlisted => None,
        };
        let mut name = device_name(row, &host);
        // A machine that calls itself like a device that it is not must not be judged as that device.
        if row.is_none() && ledger.device(&name).is_some() {
            name.push_str(" (unlisted)");
        }
        // Two machines of one name, none of them listed, stay two.
        let apart = if row.is_some() { String::new() } else { signs(&host) };
        let (_, record) = machines.entry((name, apart)).or_insert_with(|| (row, EndpointRecord::default()));
        record.take_document(document);
    }
    let mut answer = Answer::default();
    for ((name, _), (device, record)) in &machines {
        let evidence = Evidence {
            record: Some(record),
            device: *device,
            ledger,
            now,
            surroundings: Surroundings::ALONE,
        };
        let judged = judge(&evidence);
        let changes = reconcile(&[], name, &judged, &evidence);
        let violations = changes.into_iter().map(|change| change.violation).collect();
        answer.append(Answer::of(name, violations, &judged, language));
    }
    answer.sort();
    answer
}

/// What people call a device: its ID in the ledger, else what it calls itself.
pub fn device_name(row: Option<&Device>, host: &Host) -> String {
    let hints = [&host.hostname, &host.serial_number, &host.machine_id];
    match row {
        Some(device) => device.device_id.clone(),
        None => hints
            .into_iter()
            .flatten()
            .find(|hint| !hint.trim().is_empty())
            .map_or_else(|| "unknown".to_owned(), Clone::clone),
    }
}

fn signs(host: &Host) -> String {
    format!(
        "{:?} {:?} {:?} {:?}",
        host.machine_id, host.serial_number, host.hardware_uuid, host.mac_addresses
    )
}

#[cfg(test)]
mod tests;
