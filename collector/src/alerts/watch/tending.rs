//! What is still to be told of one open violation: pure.

use daicho_rules::rule::Severity;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Rules;

/// Reminders come at an hour of the day, a little earlier or later: a day is over when it nearly is.
const SLACK: SignedDuration = SignedDuration::from_hours(1);

/// What was told of an open violation; at `tended/KEY`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tended {
    pub(super) key: String,
    /// When it was last opened.
    pub(super) opened_at: Timestamp,
    /// From when on nobody has heeded it: its opening, or the end of the last maintenance.
    since: Timestamp,
    /// Its opening was not told, because of maintenance.
    held: bool,
    /// Its device is under maintenance.
    maintained: bool,
    /// When it was last told.
    reminded_at: Timestamp,
    /// The steps of the escalation that were taken.
    escalated: Vec<String>,
}

/// A violation that is open or being worked on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) key: &'a str,
    pub(super) severity: Severity,
    /// Nobody acknowledged it.
    pub(super) unheeded: bool,
    pub(super) opened_at: Timestamp,
    /// Its device is under maintenance now.
    pub(super) maintained: bool,
    /// Its device was when it was opened.
    pub(super) opened_in_maintenance: bool,
}

/// Why it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tell {
    MaintenanceOver,
    /// After so many hours.
    Escalation(u32),
    Reminder,
}

/// What to remember of it, and what to tell. `reminding`: the hour of reminders is there. `escalating`: the last
/// escalation was long enough ago.
pub(super) fn tend(
    before: Option<Tended>,
    seen: Seen<'_>,
    rules: &Rules,
    reminding: bool,
    escalating: bool,
    now: Timestamp,
) -> (Tended, Vec<Tell>) {
    let mut tended = before.unwrap_or_else(|| Tended {
        key: seen.key.to_owned(),
        opened_at: seen.opened_at,
        since: seen.opened_at,
        held: seen.opened_in_maintenance,
        maintained: false,
        reminded_at: seen.opened_at,
        escalated: Vec::new(),
    });
    // What a clock that was set back makes lie ahead was just now.
    tended.since = tended.since.min(now);
    tended.reminded_at = tended.reminded_at.min(now);
    let mut tells = Vec::new();
    if seen.maintained {
        tended.maintained = true;
        return (tended, tells);
    }
    if std::mem::take(&mut tended.maintained) || tended.held {
        tended.since = now;
    }
    if std::mem::take(&mut tended.held) {
        tells.push(Tell::MaintenanceOver);
        tended.reminded_at = now;
    }
    let days = rules.reminders.as_ref().and_then(|reminders| reminders.days(seen.severity));
    if let Some(days) = days.filter(|_| reminding) {
        let wait = SignedDuration::from_hours(24 * i64::from(days)) - SLACK;
        if now.duration_since(tended.reminded_at) >= wait {
            tells.push(Tell::Reminder);
            tended.reminded_at = now;
        }
    }
    if seen.unheeded && escalating {
        for step in rules.escalation.iter().filter(|step| seen.severity >= step.severity_min) {
            let passed = now.duration_since(tended.since);
            let late = passed >= SignedDuration::from_hours(step.after_hours.into());
            if late && !tended.escalated.contains(&step.label()) {
                tended.escalated.push(step.label());
                tells.push(Tell::Escalation(step.after_hours));
            }
        }
    }
    (tended, tells)
}
