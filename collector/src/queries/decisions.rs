//! What a person says to a violation: it is being worked on, or this incident is over.

use daicho_rules::normal;
use daicho_rules::text::Text;
use daicho_rules::violation::{self, Asked, Change, Correction, View, Violation};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{QueryError, violations};
use crate::Collector;
use crate::chronicle::{Chronicle, What};
use crate::identity::{Operator, Role};
use crate::store::Batch;

/// Characters of a reason or note: a page. It is kept forever in the history.
const WORDS_CHARACTERS_MAX: usize = 2_000;

/// Closes an incident for `operator`, with a reason.
pub async fn close(
    collector: &Collector,
    key: &str,
    operator: &str,
    reason: &str,
) -> Result<Violation, QueryError> {
    check_length(reason)?;
    decide(collector, key, |violation, now| {
        violation::close(violation, operator, reason, now).map_err(|error| error.text())
    })
    .await
}

/// Says that `operator` has seen a violation and that somebody works on it. The note may be empty.
pub async fn acknowledge(
    collector: &Collector,
    key: &str,
    operator: &str,
    note: &str,
) -> Result<Violation, QueryError> {
    check_length(note)?;
    decide(collector, key, |violation, now| {
        violation::acknowledge(violation, operator, note, now).map_err(|error| error.text())
    })
    .await
}

/// Keeps the view of `operator`, who was consulted (Article 13(2)): the officer on any device, a head of section on
/// those of the section.
pub async fn consult(
    collector: &Collector,
    key: &str,
    operator: &Operator,
    note: &str,
) -> Result<Violation, QueryError> {
    check_length(note)?;
    decide(collector, key, |violation, at| {
        let role = asked(collector, violation, operator)?;
        let section = operator.section.clone().filter(|_| role == Asked::SectionHead);
        let view = View { role, by: operator.name.clone(), section, note: note.to_owned(), at };
        violation::consult(violation, view).map_err(|error| error.text())
    })
    .await
}

/// As whom Article 13(2) has the operator consulted on this violation.
fn asked(collector: &Collector, violation: &Violation, operator: &Operator) -> Result<Asked, Text> {
    let ledger = collector.ledger();
    let department = ledger.device(&violation.device).and_then(|device| device.department.as_deref());
    let of_section = match (department, operator.section.as_deref()) {
        (Some(department), Some(section)) => normal::same(department, section),
        _ => false,
    };
    if operator.is(Role::SectionHead) && of_section {
        return Ok(Asked::SectionHead);
    }
    if operator.is(Role::Officer) {
        return Ok(Asked::Officer);
    }
    let (device, section) = (&violation.device, operator.section.as_deref().unwrap_or("-"));
    let department = department.unwrap_or("-");
    Err(Text::new(
        format!(
            "機器 {device} の部署は台帳では「{department}」です。「{section}」の所属長は相談の相手ではありません。その部署の所属長か安全管理責任者に相談してください。"
        ),
        format!(
            "The ledger's section of device {device} is {department:?}, not {section:?}; its own head of section or the officer is to be consulted."
        ),
    ))
}

/// Sets the day by which a violation is to be corrected, and who does it.
pub async fn correct_by(
    collector: &Collector,
    key: &str,
    operator: &str,
    (due_on, who, note): (Date, &str, Option<&str>),
) -> Result<Violation, QueryError> {
    check_length(who)?;
    check_length(note.unwrap_or_default())?;
    decide(collector, key, |violation, at| {
        let (who, note, by) = (who.to_owned(), note.map(str::to_owned), operator.to_owned());
        let correction = Correction { due_on, who, note, by, at, overdue: false };
        violation::correct_by(violation, correction).map_err(|error| error.text())
    })
    .await
}

/// Reads, decides and writes, with nobody else judging meanwhile.
async fn decide(
    collector: &Collector,
    key: &str,
    decision: impl FnOnce(&Violation, Timestamp) -> Result<Change, Text>,
) -> Result<Violation, QueryError> {
    let _judging = collector.judging.lock().await;
    let known = violations::violation(collector, key)?;
    let change = decision(&known, collector.clock.now()).map_err(QueryError::Refused)?;
    let mut batch = Batch::default();
    if let Some((at, by, what)) = What::of_change(&change) {
        Chronicle::open(&collector.shelves)?.append(&mut batch, at, &by, what);
    }
    let Change { violation, step } = change;
    batch.put_violation(&violation);
    if let Some(step) = &step {
        batch.put_step(&violation.key, collector.shelves.history(&violation.key)?.len(), step);
    }
    collector.shelves.commit(batch)?;
    Ok(violation)
}

fn check_length(words: &str) -> Result<(), QueryError> {
    let length = words.chars().count();
    if length <= WORDS_CHARACTERS_MAX {
        return Ok(());
    }
    Err(QueryError::Refused(Text::new(
        format!(
            "理由やメモは{WORDS_CHARACTERS_MAX}文字までです（{length}文字ありました）。何も変更していません。"
        ),
        format!(
            "a reason or note has at most {WORDS_CHARACTERS_MAX} characters, this one has {length}; nothing was changed"
        ),
    )))
}
