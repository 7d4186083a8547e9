//! What an entry of the log can say. Kinds are only ever added: what was written once has to be readable for ever.

use std::collections::{BTreeMap, BTreeSet};

use daicho_proto::endpoint::EndpointId;
use daicho_rules::ledger::Ledger;
use daicho_rules::text::Text;
use daicho_rules::violation::{Change, Step, StepKind, Violation};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Digest;
use crate::identity::Role;
use crate::shelves::{DeviceVerdicts, EndpointRow, LedgerVersion, OperatorRow, RuleVerdict};

/// What was decided or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// The log begins here.
    Begun {
        /// Why here.
        because: Because,
        /// The program that began it.
        version: String,
    },
    /// A step in a violation's life: opened, changed, acknowledged, consulted, excepted, resolved, closed, ...
    ViolationStep {
        /// Which.
        step: StepKind,
        /// Why, where somebody gave a reason.
        reason: Option<String>,
        /// The violation after it, with the evidence as it stood then.
        violation: Box<Violation>,
    },
    /// A violation that was there before the log was.
    ViolationTaken {
        /// Steps of its history until then.
        steps: u64,
        /// SHA-256 of those steps as they are kept, each with a newline.
        history: Digest,
        /// The violation as it stood.
        violation: Box<Violation>,
    },
    /// What the rules say of a device, where it is something else than before.
    Verdicts {
        /// The device, as in [`Violation::device`].
        device: String,
        /// Its group in the ledger.
        group: Option<String>,
        /// The rules that say something else than before.
        rules: Vec<RuleVerdict>,
        /// The rules that no longer say anything.
        silent: Vec<String>,
    },
    /// A device is neither listed nor reporting any more: no rule says anything of it from here on.
    DeviceCeased {
        /// Which.
        device: String,
    },
    /// A version of the ledger became the current one.
    LedgerVersion {
        /// Its number, who brought it, when, from what.
        version: LedgerVersion,
        /// SHA-256 of its content as it is kept.
        digest: Digest,
    },
    /// A person decided something that is not a violation's step.
    Decision {
        /// On what: a word of the room that asks, `swap`, `application`, `alerts.acknowledge`.
        on: String,
        /// On which one.
        subject: String,
        /// What was decided.
        decision: String,
        /// The person's reason.
        note: Option<String>,
        /// What else belongs to it, by name.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        details: BTreeMap<String, String>,
    },
    /// Somebody applied for something, such as an exception or the use of a medium.
    Application {
        /// The application's number.
        number: String,
        /// For what.
        subject: String,
        /// Where it is: `submitted`, `approved`, `refused`, `withdrawn`.
        step: String,
        /// The reason given.
        note: Option<String>,
        /// The application's fields, by name.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        details: BTreeMap<String, String>,
    },
    /// Violations that had long been resolved are kept no longer: their rows and histories are gone, their lives stay in
    /// the entries before this one.
    Forgotten {
        /// Their keys.
        violations: Vec<String>,
    },
    /// The officer's approvals of rows of the ledger (exceptions, external media) began or ended.
    Approvals {
        /// SHA-256 of each new approval as it is kept, by what its row allows.
        given: BTreeMap<Digest, Digest>,
        /// What is allowed no longer.
        ended: BTreeSet<Digest>,
    },
    /// Somebody asked for what he may not do. The entry's `by` is who.
    Refused {
        /// Service and method.
        method: String,
        /// One of these roles would have been needed; none: no certificate that is welcome here.
        needed: Vec<Role>,
        /// From where.
        address: Option<String>,
        /// The same within that minute.
        times: u64,
    },
    /// A person was given a certificate.
    OperatorCertificate {
        /// Who.
        name: String,
        /// With which roles.
        roles: BTreeSet<Role>,
        /// Of which section, of a head of section.
        section: Option<String>,
        /// The certificate's serial, hexadecimal.
        serial: String,
        /// When it ends.
        not_after: Timestamp,
    },
    /// A person's certificates are no longer welcome.
    OperatorRevoked {
        /// Who.
        name: String,
        /// Why.
        reason: String,
    },
    /// A machine was enrolled.
    EndpointJoined {
        /// Its identity.
        endpoint: EndpointId,
        /// What it calls itself.
        hostname: String,
        /// The ledger's device for which its token was made.
        device: Option<String>,
    },
    /// A machine's certificates are no longer welcome.
    EndpointRevoked {
        /// Its identity.
        endpoint: EndpointId,
        /// What it calls itself.
        hostname: String,
        /// Why.
        reason: String,
    },
    /// Every device was judged: each hour, so that the log proves that the collector was at work.
    Judged {
        /// How many devices.
        devices: u64,
        /// Enrolled endpoints that were heard within the hour before.
        heard: u64,
    },
    /// Something else that whoever reads the log later has to know.
    Note {
        /// In words.
        text: Text,
    },
    /// A kind of a newer program. Its line is kept and hashed as it is.
    #[serde(other)]
    Unknown,
}

/// Why a log begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// The store is new.
    NewStore,
    /// The store is older than the log: what stood in it then follows, as it stood.
    OlderStore,
    /// The store had a log and it is gone. What stands in it follows, and nothing before can be proved.
    LogLost,
}

impl What {
    /// A violation's step, if the change has one; with the step's time and who took it.
    pub fn of_change(change: &Change) -> Option<(Timestamp, String, What)> {
        let step = change.step.as_ref()?;
        let what = What::ViolationStep {
            step: step.what,
            reason: step.reason.clone(),
            violation: Box::new(change.violation.clone()),
        };
        Some((step.at, step.by.clone(), what))
    }

    /// What changed between two verdicts on a device; `None`: nothing.
    pub fn of_verdicts(before: Option<&DeviceVerdicts>, now: &DeviceVerdicts) -> Option<What> {
        let old = before.map(|before| before.rules.as_slice()).unwrap_or_default();
        let rules: Vec<RuleVerdict> = now.rules.iter().filter(|said| !old.contains(said)).cloned().collect();
        let speaks = |rule: &str| now.rules.iter().any(|said| said.rule == rule);
        let silent: Vec<String> =
            old.iter().map(|said| &said.rule).filter(|rule| !speaks(rule)).cloned().collect();
        let same_group = before.is_some_and(|before| before.group == now.group);
        if same_group && rules.is_empty() && silent.is_empty() {
            return None;
        }
        Some(What::Verdicts { device: now.device.clone(), group: now.group.clone(), rules, silent })
    }

    /// A version of the ledger, with the digest of its content as [`crate::store::Batch::put_ledger`] keeps it.
    pub fn of_ledger(version: &LedgerVersion, ledger: &Ledger) -> What {
        // The same bytes as `put_json` writes.
        let content = serde_json::to_vec(ledger).unwrap_or_default();
        What::LedgerVersion { version: version.clone(), digest: Digest::of(&content) }
    }

    /// The newest certificate of a person.
    pub fn of_operator(row: &OperatorRow) -> What {
        What::OperatorCertificate {
            name: row.name.clone(),
            roles: row.roles.clone(),
            section: row.section.clone(),
            serial: row.certificates.last().cloned().unwrap_or_default(),
            not_after: row.not_after,
        }
    }

    /// A machine that was enrolled.
    pub fn of_endpoint(row: &EndpointRow) -> What {
        What::EndpointJoined { endpoint: row.id, hostname: row.hostname.clone(), device: row.device.clone() }
    }
}

/// The step of a violation's history that an entry stands for.
pub(super) fn history_step(
    at: Timestamp,
    by: &str,
    what: StepKind,
    reason: Option<&str>,
    violation: &Violation,
) -> Step {
    Step {
        at,
        what,
        by: by.to_owned(),
        reason: reason.map(str::to_owned),
        summary: violation.summary.clone(),
        evidence: violation.evidence.clone(),
    }
}
