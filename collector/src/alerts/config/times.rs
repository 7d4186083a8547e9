//! When a recipient is told, what is told again, and to whom next: `times`, `[alerts.reminders]`, `[[alerts.escalation]]`.

use daicho_proto::time::japan;
use daicho_rules::rule::Severity;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;

use super::super::calendar::{Holidays, Hours, Schedule};
use super::ConfigError;
use crate::identity::Role;

/// When a recipient is told. Empty: everything, as soon as it happens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Times {
    /// The hours in which it is told.
    pub hours: Option<Hours>,
    /// What becomes of news outside of them.
    pub outside: Outside,
    /// News of high severity waits neither for the hours nor for the digest.
    pub urgent: bool,
    /// All other news waits for this time and comes as one message.
    pub digest: Option<Schedule>,
    /// When the daily word comes; never without it.
    pub daily_word: Option<Schedule>,
}

impl Default for Times {
    fn default() -> Self {
        Times { hours: None, outside: Outside::Wait, urgent: true, digest: None, daily_word: None }
    }
}

/// What becomes of news outside of a recipient's hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// It waits until the hours begin.
    #[default]
    Wait,
    /// It is for somebody else, who has the hours `not ...`.
    Skip,
}

impl Times {
    /// `waits`: the channel is for people and can hold news back.
    pub(super) fn check(&self, place: &str, waits: bool, holidays: &Holidays) -> Result<(), ConfigError> {
        let wrong = |key: &str, reason: String| Err(ConfigError::new(format!("{place}.times.{key}"), reason));
        if self.hours.is_none() && self.outside == Outside::Skip {
            return wrong("outside", "needs hours: without them there is no outside".to_owned());
        }
        if !waits && self.digest.is_some() {
            return wrong(
                "digest",
                "digests are for mail: a program is told as soon as it happens".to_owned(),
            );
        }
        if !waits && self.hours.is_some() && self.outside == Outside::Wait {
            return wrong("outside", "a program does not wait: write outside = \"skip\"".to_owned());
        }
        // Any day will do, and for hours of holidays the days before the last of them.
        let last = holidays.last().and_then(|last| last.checked_sub(2.days()).ok()?.to_zoned(japan()).ok());
        let some_days = [Some(Timestamp::UNIX_EPOCH), last.map(|day| day.timestamp())];
        if let Some(hours) = &self.hours {
            let mut opening = some_days.into_iter().flatten().map(|day| hours.opening(day, holidays));
            if !opening.any(|opening| opening.is_some()) {
                return wrong("hours", format!("{hours} never begin"));
            }
        }
        Ok(())
    }
}

/// `[alerts.reminders]`: what is still open is told again. Nobody is reminded without this part.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reminders {
    /// When: one message for everything that is due.
    pub at: Schedule,
    /// After how many days, and again after as many; 0: never.
    pub high_days: u32,
    /// As above.
    pub medium_days: u32,
    /// As above.
    pub low_days: u32,
    /// How many days before its end an exception, a permit or a certificate is told of; 0: never.
    pub ending_days: u32,
}

impl Default for Reminders {
    fn default() -> Self {
        Reminders { at: nine_o_clock(), high_days: 1, medium_days: 7, low_days: 30, ending_days: 14 }
    }
}

/// When there is no other word on it.
fn nine_o_clock() -> Schedule {
    // A text of ours: the tests read it.
    Schedule::daily(9, 0)
}

impl Reminders {
    /// After how many days something of this severity is told again; `None`: never.
    pub fn days(&self, severity: Severity) -> Option<u32> {
        let days = match severity {
            Severity::High => self.high_days,
            Severity::Medium => self.medium_days,
            Severity::Low => self.low_days,
        };
        (days > 0).then_some(days)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let all = [
            ("high_days", self.high_days),
            ("medium_days", self.medium_days),
            ("low_days", self.low_days),
            ("ending_days", self.ending_days),
        ];
        match all.into_iter().find(|(_, days)| *days > 365) {
            Some((key, days)) => {
                let reason = format!("{days} is more than a year: write 0 to 365, 0 for never");
                Err(ConfigError::new(format!("reminders.{key}"), reason))
            }
            None => Ok(()),
        }
    }
}

/// `[[alerts.escalation]]`: who is told next when nobody acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// How many hours after it was opened.
    pub after_hours: u32,
    /// The least severity.
    #[serde(default = "high")]
    pub severity_min: Severity,
    /// Names or roles of recipients.
    pub to: Vec<String>,
}

fn high() -> Severity {
    Severity::High
}

impl Escalation {
    /// What the store knows this step by.
    pub fn label(&self) -> String {
        format!("{}h", self.after_hours)
    }

    /// `known`: names and roles of all recipients.
    pub(super) fn check(&self, known: &[(&str, Option<Role>)]) -> Result<(), ConfigError> {
        let wrong = |key: &str, reason: String| Err(ConfigError::new(format!("escalation.{key}"), reason));
        if !(1..=8_760).contains(&self.after_hours) {
            return wrong(
                "after_hours",
                format!("{} must lie between 1 and 8760 (a year)", self.after_hours),
            );
        }
        if self.to.is_empty() {
            return wrong("to", "name at least one recipient or role".to_owned());
        }
        let meant = |to: &str, name: &str, role: Option<Role>| {
            to == name || role.is_some_and(|role| role.name() == to)
        };
        match self.to.iter().find(|to| !known.iter().any(|(name, role)| meant(to, name, *role))) {
            Some(nobody) => wrong("to", format!("{nobody:?} is the name or role of no recipient")),
            None => Ok(()),
        }
    }
}

/// Who a recipient is, as far as routing is concerned.
pub(super) fn check_role(place: &str, role: Option<Role>, section: Option<&str>) -> Result<(), ConfigError> {
    match (role, section.map(str::trim)) {
        (Some(Role::SectionHead), None | Some("")) => {
            let reason = "a section_head needs the section, as in the ledger's column 部署";
            Err(ConfigError::new(format!("{place}.section"), reason))
        }
        (Some(Role::SectionHead), Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => {
            let reason = "is only for role = \"section_head\"; others have tell.sections";
            Err(ConfigError::new(format!("{place}.section"), reason))
        }
    }
}
