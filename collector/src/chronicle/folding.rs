//! How everything stood at some moment, by the log alone: what a report at any date rests on, and what `verify` compares
//! the shelves with.

use std::collections::{BTreeMap, BTreeSet};

use daicho_proto::endpoint::EndpointId;
use daicho_rules::violation::{Step, Violation};
use jiff::Timestamp;

use super::what::history_step;
use super::{Digest, Entry, What};
use crate::applications;
use crate::identity::Role;
use crate::shelves::{LedgerVersion, RuleVerdict, Shelves};
use crate::store::StoreError;

/// How everything stood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The violations by key, resolved ones too.
    pub violations: BTreeMap<String, Life>,
    /// What the rules said of each device.
    pub devices: BTreeMap<String, Said>,
    /// The ledger's versions with the digests of their contents, oldest first.
    pub ledgers: Vec<(LedgerVersion, Digest)>,
    /// Who had which certificates, by name.
    pub people: BTreeMap<String, Person>,
    /// The machines that were enrolled, and whether their certificates were welcome no longer.
    pub endpoints: BTreeMap<EndpointId, bool>,
    /// SHA-256 of each application as it is kept, by its number.
    pub applications: BTreeMap<String, String>,
    /// SHA-256 of each approval as it is kept, by what it allows.
    pub approvals: BTreeMap<Digest, Digest>,
}

/// A person with a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// What the person might do.
    pub roles: BTreeSet<Role>,
    /// Of which section, of a head of section.
    pub section: Option<String>,
    /// Whether no certificate of that name was welcome any more.
    pub revoked: bool,
}

/// A violation and what the log knows of its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// As it stood after its last step.
    pub violation: Violation,
    /// Steps of before the log, and the digest of them.
    pub before: Option<(u64, Digest)>,
    /// The steps since the log began, oldest first.
    pub steps: Vec<Step>,
}

/// What the rules said of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The ledger's group.
    pub group: Option<String>,
    /// By rule.
    pub rules: BTreeMap<String, RuleVerdict>,
    /// When something of it last changed.
    pub at: Timestamp,
}

impl Standing {
    /// How everything stood at `until`.
    pub fn at(shelves: &Shelves, until: Timestamp) -> Result<Self, StoreError> {
        let mut standing = Standing::default();
        shelves.chronicle_until(until, |entry| standing.take(entry))?;
        Ok(standing)
    }

    /// Goes on by one entry.
    pub fn take(&mut self, entry: &Entry) {
        match &entry.what {
            What::ViolationTaken { steps, history, violation } => {
                let life = Life {
                    violation: (**violation).clone(),
                    before: Some((*steps, *history)),
                    steps: Vec::new(),
                };
                self.violations.insert(violation.key.clone(), life);
            }
            What::ViolationStep { step, reason, violation } => {
                let step = history_step(entry.at, &entry.by, *step, reason.as_deref(), violation);
                match self.violations.get_mut(&violation.key) {
                    Some(life) => {
                        life.violation.clone_from(violation);
                        life.steps.push(step);
                    }
                    None => {
                        let life = Life { violation: (**violation).clone(), before: None, steps: vec![step] };
                        self.violations.insert(violation.key.clone(), life);
                    }
                }
            }
            What::Verdicts { device, group, rules, silent } => {
                let said = self.devices.entry(device.clone()).or_default();
                said.group.clone_from(group);
                said.at = entry.at;
                said.rules.extend(rules.iter().map(|rule| (rule.rule.clone(), rule.clone())));
                said.rules.retain(|rule, _| !silent.contains(rule));
            }
            What::DeviceCeased { device } => {
                self.devices.remove(device);
            }
            What::Forgotten { violations } => {
                self.violations.retain(|key, _| !violations.contains(key));
            }
            What::LedgerVersion { version, digest } => self.ledgers.push((version.clone(), *digest)),
            What::OperatorCertificate { name, roles, section, .. } => {
                let person = Person { roles: roles.clone(), section: section.clone(), revoked: false };
                self.people.insert(name.clone(), person);
            }
            What::OperatorRevoked { name, .. } => {
                self.people.entry(name.clone()).or_default().revoked = true;
            }
            What::EndpointJoined { endpoint, .. } => {
                self.endpoints.insert(*endpoint, false);
            }
            What::EndpointRevoked { endpoint, .. } => {
                self.endpoints.insert(*endpoint, true);
            }
            What::Application { number, details, .. } => {
                let digest = details.get(applications::DIGEST).cloned().unwrap_or_default();
                self.applications.insert(number.clone(), digest);
            }
            What::Approvals { given, ended } => {
                self.approvals.retain(|meaning, _| !ended.contains(meaning));
                self.approvals.extend(given);
            }
            What::Begun { .. }
            | What::Decision { .. }
            | What::Refused { .. }
            | What::Judged { .. }
            | What::Note { .. }
            | What::Unknown => {}
        }
    }
}
