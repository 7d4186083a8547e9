//! What a person does to a violation: says that it was seen, or closes an incident with a reason.

use jiff::Timestamp;

use super::{Change, Closed, State, Step, StepKind, Violation};
use crate::rule::Kind;
use crate::text::Text;

/// Why a violation cannot be closed by a person's word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotClose {
    /// It describes a state, and ends when the state does.
    #[error("violation describes a state and ends by itself: {}", .remedy.en)]
    Standing {
        /// What ends it.
        remedy: Text,
    },
    /// It has ended already.
    #[error("violation is resolved already")]
    AlreadyResolved,
    /// A closing without a reason is no evidence.
    #[error("closing needs a reason")]
    NoReason,
}

impl CannotClose {
    /// The sentence for people.
    pub fn text(&self) -> Text {
        match self {
            CannotClose::Standing { remedy } => Text::new(
                format!("これは機器の状態についての違反で、状態が直れば自動的に解消します。{}", remedy.ja),
                format!(
                    "This violation describes a state and ends by itself when the state is right. {}",
                    remedy.en
                ),
            ),
            CannotClose::AlreadyResolved => {
                Text::new("この違反はすでに解消しています。", "This violation is resolved already.")
            }
            CannotClose::NoReason => Text::new(
                "理由を書いてください。理由のない終了は記録として認められません。",
                "Give a reason. A closing without a reason is no evidence.",
            ),
        }
    }
}

/// Why a violation cannot be acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotAcknowledge {
    /// It has ended already.
    #[error("violation is resolved already")]
    AlreadyResolved,
    /// The ledger's exception covers it: nobody waits for a word.
    #[error("an exception of the ledger covers the violation until {until}")]
    Excepted {
        /// The exception's last day.
        until: jiff::civil::Date,
    },
}

impl CannotAcknowledge {
    /// The sentence for people.
    pub fn text(&self) -> Text {
        match self {
            CannotAcknowledge::AlreadyResolved => CannotClose::AlreadyResolved.text(),
            CannotAcknowledge::Excepted { until } => Text::new(
                format!("この違反は台帳の例外として{until}まで認められています。確認は要りません。"),
                format!(
                    "An exception of the ledger covers this violation until {until}. Nothing is to be acknowledged."
                ),
            ),
        }
    }
}

/// Closes an incident: `by` answers for it, with a reason. Covers the uses that are known now.
pub fn close(violation: &Violation, by: &str, reason: &str, now: Timestamp) -> Result<Change, CannotClose> {
    if violation.kind == Kind::Standing {
        return Err(CannotClose::Standing { remedy: violation.remedy.clone() });
    }
    if violation.state == State::Resolved {
        return Err(CannotClose::AlreadyResolved);
    }
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(CannotClose::NoReason);
    }
    let mut new = violation.clone();
    new.state = State::Resolved;
    new.exception = None;
    new.closed = Some(Closed { by: by.to_owned(), reason: reason.to_owned(), at: now });
    Ok(said(new, StepKind::Closed, by, Some(reason.to_owned()), now))
}

/// Notes that a person has seen a violation and works on it. The note may be empty.
pub fn acknowledge(
    violation: &Violation,
    by: &str,
    note: &str,
    now: Timestamp,
) -> Result<Change, CannotAcknowledge> {
    match (violation.state, &violation.exception) {
        (State::Resolved, _) => return Err(CannotAcknowledge::AlreadyResolved),
        (State::Excepted, Some(exception)) => {
            return Err(CannotAcknowledge::Excepted { until: exception.expires_on });
        }
        (State::Open | State::Acknowledged | State::Excepted, _) => {}
    }
    let mut new = violation.clone();
    new.state = State::Acknowledged;
    let note = note.trim();
    let note = (!note.is_empty()).then(|| note.to_owned());
    Ok(said(new, StepKind::Acknowledged, by, note, now))
}

fn said(violation: Violation, what: StepKind, by: &str, reason: Option<String>, at: Timestamp) -> Change {
    let (summary, evidence) = (violation.summary.clone(), violation.evidence.clone());
    Change { violation, step: Some(Step { at, what, by: by.to_owned(), reason, summary, evidence }) }
}
