//! A violation, named by its key, and its life: opened, changed, resolved, reopened, closed by a person.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::rule::{Kind, Proof, Severity};
use crate::text::Text;

mod acceptance;
mod by_people;
mod reconciling;
mod treatment;

pub use acceptance::{Accepted, AcceptedFact};
pub use by_people::{CannotAcknowledge, CannotClose, CannotTreat, acknowledge, close, consult, correct_by};
pub use reconciling::reconcile;
pub use treatment::{Asked, Correction, Stage, Treatment, View};

/// One difference between ledger and machine. Its key is (rule, device, subject): judging twice changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// See [`key`].
    pub key: String,
    /// The rule's id.
    pub rule: String,
    /// The article of the regulation.
    pub article: u8,
    /// The ledger's device_id, or the hostname of a device that is not listed.
    pub device: String,
    /// What a person would call the thing.
    pub subject: String,
    /// How urgent it is.
    pub severity: Severity,
    /// Where it is in its life.
    pub state: State,
    /// This case in one sentence.
    pub summary: Text,
    /// What ends it.
    pub remedy: Text,
    /// What led to it.
    pub evidence: Vec<Proof>,
    /// When it was first seen, also before it was last resolved.
    pub first_seen: Timestamp,
    /// When it was last seen to be so.
    pub last_seen: Timestamp,
    /// Whether it resolves by itself.
    pub kind: Kind,
    /// Of an incident: when it last happened.
    #[serde(default)]
    pub occurred_at: Option<Timestamp>,
    /// The exception that covers it now.
    #[serde(default)]
    pub exception: Option<Excepted>,
    /// Who closed it, when a person did.
    #[serde(default)]
    pub closed: Option<Closed>,
    /// What people do about it, and how far they are.
    #[serde(flatten)]
    pub treatment: Treatment,
}

impl Violation {
    /// Says in one word where it is now. Called with each change.
    fn settle(&mut self) {
        self.treatment.stage = self.treatment.stage_in(self.state);
    }
}

/// Where a violation is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum State {
    Open,
    Acknowledged,
    Excepted,
    Resolved,
}

/// The ledger's exception that covers a violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excepted {
    /// The exception's row.
    pub ledger_row: String,
    /// Why.
    pub reason: String,
    /// Who approved it.
    pub approved_by: String,
    /// The last day on which it holds.
    pub expires_on: Date,
}

/// A person's closing of an incident. It covers the uses that were known then; a newer one reopens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// One step in a violation's life, with the evidence as it stood then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When, by the collector's clock.
    pub at: Timestamp,
    /// What happened.
    pub what: StepKind,
    /// `daicho`, or the operator's name.
    pub by: String,
    /// Why, where a person or an exception gave a reason.
    pub reason: Option<String>,
    /// The summary as it stood then.
    pub summary: Text,
    /// The evidence as it stood then.
    pub evidence: Vec<Proof>,
}

/// What can happen to a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum StepKind {
    Opened,
    Changed,
    Resolved,
    Reopened,
    Acknowledged,
    Excepted,
    ExceptionEnded,
    Closed,
    Consulted,
    ToBeCorrected,
    Overdue,
}

/// The key of (rule, device, subject): `08.retired_staff/SV-01/tanaka`, with `/`, `%` and control characters escaped.
pub fn key(rule: &str, device: &str, subject: &str) -> String {
    let escape = |text: &str| {
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            if matches!(c, '/' | '%') || c.is_control() {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    escaped.push_str(&format!("%{byte:02X}"));
                }
            } else {
                escaped.push(c);
            }
        }
        escaped
    };
    format!("{rule}/{}/{}", escape(device), escape(subject))
}

/// A violation as it is to be from now on, and the step that led there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// To be stored under its key.
    pub violation: Violation,
    /// To be added to its history; `None`: only `last_seen` moved.
    pub step: Option<Step>,
}
