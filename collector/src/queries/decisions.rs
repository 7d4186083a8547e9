//! What a person says to a violation: it is being worked on, or this incident is over.

use daicho_rules::text::Text;
use daicho_rules::violation::{self, Change, Violation};
use jiff::Timestamp;

use super::{QueryError, violations};
use crate::Collector;
use crate::chronicle::{Chronicle, What};
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
