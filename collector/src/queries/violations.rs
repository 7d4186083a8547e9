//! What is open, what cannot be told, what is in order, and how it came to be.

use daicho_rules::rule::{Unknown, Verdict};
use daicho_rules::text::Text;
use daicho_rules::violation::{State, Step, Violation};

use super::filters::{self, Filters};
use super::{Page, QueryError};
use crate::Collector;

/// Violations in one page: with their evidence some 2 KB each, far below the 4 MB of a gRPC message.
pub const PAGE_MAX: usize = 500;

/// Devices in one page of verdicts: with 15 rules and a sentence for each unknown some 3 KB each.
const DEVICES_PAGE: usize = 300;

/// Violations that are read from the store at once while looking for those asked for.
const READ_AHEAD: usize = 1_000;

/// What a rule cannot tell of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undetermined {
    /// The rule's id.
    pub rule: String,
    /// The device.
    pub device: String,
    /// What concerns one subject or the whole device.
    pub unknown: Unknown,
}

/// What the rules say of devices, apart from violations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// What could not be told.
    pub undetermined: Vec<Undetermined>,
    /// (rule, device) that were seen to be in order.
    pub satisfied: Vec<(String, String)>,
}

/// The violations that `filters` admit, by device, rule and subject; at most `limit` of them (0: [`PAGE_MAX`]).
pub fn violations(
    collector: &Collector,
    filters: &Filters,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<Violation>, QueryError> {
    let limit = if limit == 0 { PAGE_MAX } else { limit.min(PAGE_MAX) };
    let ledger = collector.ledger();
    let mut items = Vec::new();
    let mut after = after.map(str::to_owned);
    loop {
        let read = collector.shelves.violations_after(after.as_deref(), READ_AHEAD)?;
        let exhausted = read.len() < READ_AHEAD;
        for violation in read {
            after = Some(violation.key.clone());
            if filters.admit(&violation, &ledger) {
                items.push(violation);
                if items.len() == limit {
                    return Ok(Page { items, next: after });
                }
            }
        }
        if exhausted {
            return Ok(Page { items, next: None });
        }
    }
}

/// What the rules could not tell and what they found in order, for the devices after `after`.
pub fn verdicts(
    collector: &Collector,
    filters: &Filters,
    after: Option<&str>,
) -> Result<(Verdicts, Option<String>), QueryError> {
    let ledger = collector.ledger();
    let devices = collector.shelves.verdicts_after(after, DEVICES_PAGE)?;
    let next = (devices.len() == DEVICES_PAGE).then(|| devices.last().map(|last| last.device.clone()));
    let mut verdicts = Verdicts::default();
    for device in devices.iter().filter(|device| filters.admit_device(&device.device, &ledger)) {
        // An incident that waits for a person is not in order, even when nothing new was found.
        let kept = collector.shelves.violations_of(&device.device)?;
        let waits = |rule: &str| {
            kept.iter().any(|violation| violation.rule == rule && violation.state != State::Resolved)
        };
        for said in device.rules.iter().filter(|said| filters.admit_rule(&said.rule)) {
            if said.verdict == Verdict::Satisfied && !waits(&said.rule) {
                verdicts.satisfied.push((said.rule.clone(), device.device.clone()));
            }
            verdicts.undetermined.extend(said.unknowns.iter().map(|unknown| Undetermined {
                rule: said.rule.clone(),
                device: device.device.clone(),
                unknown: unknown.clone(),
            }));
        }
    }
    Ok((verdicts, next.flatten()))
}

/// The violation that a key, or the short form of one, names.
pub fn violation(collector: &Collector, key: &str) -> Result<Violation, QueryError> {
    let key = key.trim();
    if let Some(violation) = collector.shelves.violation(key)? {
        return Ok(violation);
    }
    let all = collector.shelves.violations()?;
    let mut named: Vec<Violation> =
        all.into_iter().filter(|violation| filters::names(key, violation)).collect();
    match (named.pop(), named.len()) {
        (Some(violation), 0) => Ok(violation),
        (Some(_), others) => Err(QueryError::Refused(Text::new(
            format!(
                "番号 {key} に当てはまる違反が{}件あります。--format json で表示されるキーを指定してください。",
                others + 1
            ),
            format!(
                "{} violations answer to {key}; name one by its key, as --format json shows it",
                others + 1
            ),
        ))),
        (None, _) => Err(QueryError::NotFound(Text::new(
            format!(
                "番号またはキー {key} の違反はありません。`daicho violations` の番号を指定してください。"
            ),
            format!(
                "there is no violation {key}; name one by its number in `daicho violations` or by its key"
            ),
        ))),
    }
}

/// A violation and its steps, oldest first.
pub fn history(collector: &Collector, key: &str) -> Result<(Violation, Vec<Step>), QueryError> {
    let violation = violation(collector, key)?;
    let steps = collector.shelves.history(&violation.key)?;
    Ok((violation, steps))
}
