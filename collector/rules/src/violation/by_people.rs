//! What a person does to a violation: says that it was seen, or closes an incident with a reason.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::{Asked, Change, Closed, Correction, State, Step, StepKind, View, Violation};
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
        until: Date,
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

/// Why nobody can be consulted on a violation, or no date be set for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotTreat {
    /// It has ended already, or an exception covers it.
    #[error(transparent)]
    NotOpen(#[from] CannotAcknowledge),
    /// A view without words is none.
    #[error("a view needs words")]
    NoWords,
    /// Nobody answers for the correction.
    #[error("a correction needs somebody who does it")]
    Nobody,
    /// The day is over, or too far away.
    #[error("{day} is not between today and {latest}")]
    Day {
        /// What was asked for.
        day: Date,
        /// The last day that can be set.
        latest: Date,
    },
}

impl CannotTreat {
    /// The sentence for people.
    pub fn text(&self) -> Text {
        match self {
            CannotTreat::NotOpen(error) => error.text(),
            CannotTreat::NoWords => Text::new(
                "意見を書いてください（--note）。言葉のない相談は記録として認められません。",
                "Say what your view is (--note). A consultation without words is no evidence.",
            ),
            CannotTreat::Nobody => {
                Text::new("だれが是正するのか書いてください（--who）。", "Say who is to correct it (--who).")
            }
            CannotTreat::Day { day, latest } => Text::new(
                format!(
                    "是正の期限{day}は、今日から{latest}までの日にしてください。それより長くなるときは例外を申請してください。"
                ),
                format!(
                    "The date {day} has to be between today and {latest}; for longer, apply for an exception."
                ),
            ),
        }
    }
}

/// The furthest day by which a correction can be promised: what takes longer is an exception, and wants approval.
const CORRECTION_DAYS_MAX: i64 = 366;

/// Keeps the view of somebody who was consulted (Article 13(2)); a later view of the same person takes the place of the
/// earlier one, which stays in the history.
pub fn consult(violation: &Violation, view: View) -> Result<Change, CannotTreat> {
    let mut new = acknowledge(violation, &view.by, "", view.at)?.violation;
    let note = view.note.trim().to_owned();
    if note.is_empty() {
        return Err(CannotTreat::NoWords);
    }
    let (by, at) = (view.by.clone(), view.at);
    new.treatment.views.retain(|known| (known.role, &known.by) != (view.role, &view.by));
    let role = match (view.role, &view.section) {
        (Asked::Officer, _) => "安全管理責任者 / officer".to_owned(),
        (Asked::SectionHead, Some(section)) => format!("所属長（{section}） / head of section ({section})"),
        (Asked::SectionHead, None) => "所属長 / head of section".to_owned(),
    };
    new.treatment.views.push(View { note: note.clone(), ..view });
    Ok(said(new, StepKind::Consulted, &by, Some(format!("{role}: {note}")), at))
}

/// Sets the day by which a violation is to be corrected. A new day takes the place of the one before.
pub fn correct_by(violation: &Violation, correction: Correction) -> Result<Change, CannotTreat> {
    let mut new = acknowledge(violation, &correction.by, "", correction.at)?.violation;
    let today = daicho_proto::time::japanese_date(correction.at);
    let latest = today.saturating_add(CORRECTION_DAYS_MAX.days());
    let day = correction.due_on;
    if day < today || day > latest {
        return Err(CannotTreat::Day { day, latest });
    }
    let who = correction.who.trim().to_owned();
    if who.is_empty() {
        return Err(CannotTreat::Nobody);
    }
    let note = correction.note.as_deref().map(str::trim).filter(|note| !note.is_empty()).map(str::to_owned);
    let (by, at) = (correction.by.clone(), correction.at);
    let words = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    let reason = format!("期限 {day}（{who}） / due on {day} ({who}){words}");
    new.treatment.correction = Some(Correction { who, note, overdue: false, ..correction });
    Ok(said(new, StepKind::ToBeCorrected, &by, Some(reason), at))
}

fn said(mut violation: Violation, what: StepKind, by: &str, reason: Option<String>, at: Timestamp) -> Change {
    violation.settle();
    let (summary, evidence) = (violation.summary.clone(), violation.evidence.clone());
    Change { violation, step: Some(Step { at, what, by: by.to_owned(), reason, summary, evidence }) }
}
