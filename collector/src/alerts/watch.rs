//! Looks at what stands, once a minute: what is still open, what nobody acknowledged, which maintenance is over, which
//! channel fails, what ends soon, and whether the daily word is due. Reads, decides (`watch/`, pure), writes letters.
//!
//! Everything that was told is remembered in the same batch as the letters, so that a restart neither repeats nor
//! forgets. A clock that leaps ahead makes one letter of each kind, not one for each day that it skipped; one that is
//! set back makes none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use daicho_rules::violation::{State, StepKind, Violation};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::channels::Recipient;
use super::config::{Escalation, Reminders};
use super::letters::{self, Letter, Topic};
use super::outbox::{self, Places};
use super::{Outbox, daily_word, ending, maintenance, routing};
use crate::Collector;
use crate::authority::{Authority, Own};
use crate::identity::Role;
use crate::shelves::Notice;
use crate::store::{Batch, StoreError};

mod channels;
mod endings;
mod slots;
mod tending;

use channels::ChannelMemory;
pub(super) use channels::Trouble;
use slots::Slot;
use tending::{Seen, Tell, Tended};

/// How often: what has to be told within minutes is news, and news does not wait for this.
pub const PASS_EVERY: Duration = Duration::from_secs(60);
/// Escalations gather for this long after a message, so that a flood of violations is a few messages.
const ESCALATION_GATHER: SignedDuration = SignedDuration::from_mins(10);
/// Records of people's channels: reminders are for those.
const PEOPLE: &str = "email";
/// Violations read at once.
const PAGE: usize = 1_000;

/// What the hospital decided about it.
#[derive(Clone, Debug)]
pub struct Rules {
    /// `[alerts.reminders]`.
    pub reminders: Option<Reminders>,
    /// `[[alerts.escalation]]`.
    pub escalation: Vec<Escalation>,
    /// How long a channel fails before that is told.
    pub channel_failed_after: SignedDuration,
    /// The longest maintenance window, in days.
    pub maintenance_days_max: u32,
    /// How long certificates live.
    pub certificates: Certificates,
}

/// How long the certificates of our own authority live.
#[derive(Clone, Debug, Default)]
pub struct Certificates {
    /// The collector's own, as it is shown now.
    pub own: Option<Arc<Own>>,
    /// The authority above everybody.
    pub authority: Option<Arc<Authority>>,
    /// The whole life of an agent's, in days. It renews it itself when a third is left.
    pub endpoint_days: u32,
}

/// What was told, beside what is kept for each violation; at `watch/memory`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Memory {
    /// The last daily word's time, by recipient.
    daily: BTreeMap<String, Timestamp>,
    /// The last reminders' time.
    reminded: Option<Timestamp>,
    /// The last escalation.
    escalated: Option<Timestamp>,
    /// Channels that fail or did.
    channels: BTreeMap<String, ChannelMemory>,
    /// What ends soon, and how often it was told.
    endings: BTreeMap<String, u8>,
}

/// Looks once. Answers how many letters it wrote.
pub async fn pass(collector: &Arc<Collector>, outbox: &Arc<Outbox>) -> Result<usize, StoreError> {
    let _watching = outbox.watching.lock().await;
    let (collector, outbox) = (Arc::clone(collector), Arc::clone(outbox));
    let work = tokio::task::spawn_blocking(move || look(&collector, &outbox)).await;
    work.unwrap_or_else(|error| {
        Err(StoreError::Failed { action: "look at what is open", reason: error.to_string() })
    })
}

fn look(collector: &Collector, outbox: &Outbox) -> Result<usize, StoreError> {
    let (shelves, now) = (&collector.shelves, collector.clock.now());
    let known: Memory = shelves.get("watch/memory")?.unwrap_or_default();
    let mut memory = known.clone();
    let (mut letters, mut batch) = (Vec::new(), Batch::default());
    let places = Places::of(collector)?;
    let holidays = &outbox.holidays;

    let reminders = outbox.rules.reminders.as_ref();
    let reminding = match reminders.map(|reminders| slots::due(&reminders.at, memory.reminded, holidays, now))
    {
        Some(Slot::Due(slot)) => (Some(slot), true),
        Some(Slot::Moved(slot)) => (slot, false),
        None => (memory.reminded, false),
    };
    memory.reminded = reminding.0;
    letters.extend(violations(collector, outbox, &places, reminding.1, &mut memory, &mut batch)?);

    let failing = failing(collector, outbox)?;
    letters.extend(channels::decide(
        &failing,
        &mut memory.channels,
        &outbox.recipients,
        outbox.rules.channel_failed_after,
        now,
    ));
    // The end of an authority is told where nobody wants reminders, too: after it nobody gets in.
    let ending_days = match reminders {
        Some(reminders) => reminding.1.then_some(reminders.ending_days),
        None => Some(0),
    };
    if let Some(days) = ending_days {
        let endings = ending::endings(collector, &outbox.rules.certificates, now, days)?;
        letters.extend(endings::decide(&endings, &mut memory.endings, &outbox.recipients, &places, now));
    }
    letters.extend(daily_words(collector, outbox, &mut memory, now)?);

    let written = letters.len();
    letters::put(shelves, &mut batch, letters)?;
    if memory != known {
        batch.put_json("watch/memory", &memory);
    }
    if !batch.changes.is_empty() {
        shelves.commit(batch)?;
    }
    Ok(written)
}

/// The channels that fail now.
fn failing(collector: &Collector, outbox: &Outbox) -> Result<Vec<Trouble>, StoreError> {
    let mut failing = Vec::new();
    for recipient in &outbox.recipients {
        failing.extend(outbox::trouble(collector, recipient)?);
    }
    Ok(failing)
}

/// Names of the channels that were told to fail: for `daicho status`.
pub fn failing_channels(collector: &Collector) -> Result<Vec<letters::Failing>, StoreError> {
    let memory: Memory = collector.shelves.get("watch/memory")?.unwrap_or_default();
    Ok(memory.channels.into_iter().filter_map(|(name, channel)| channel.shown(name)).collect())
}

fn daily_words(
    collector: &Collector,
    outbox: &Outbox,
    memory: &mut Memory,
    now: Timestamp,
) -> Result<Vec<Letter>, StoreError> {
    let mut letters = Vec::new();
    let mut word = None;
    memory.daily.retain(|name, _| outbox.recipients.iter().any(|recipient| recipient.name == *name));
    for recipient in &outbox.recipients {
        let Some(schedule) = &recipient.times.daily_word else { continue };
        let last = memory.daily.get(&recipient.name).copied();
        let (slot, due) = match slots::due(schedule, last, &outbox.holidays, now) {
            Slot::Due(slot) => (Some(slot), true),
            Slot::Moved(slot) => (slot, false),
        };
        if let Some(slot) = slot {
            memory.daily.insert(recipient.name.clone(), slot);
        }
        if !due {
            continue;
        }
        if word.is_none() {
            let failing = memory.channels.iter().filter(|(_, channel)| channel.is_told());
            let failing = failing.map(|(name, _)| name.clone()).collect();
            let windows = maintenance::windows(&collector.shelves)?;
            let active = windows.iter().filter(|window| window.from <= now && now < window.end());
            let active = active.map(maintenance::Window::place).collect();
            word = Some(daily_word::look(collector, failing, active, now)?);
        }
        if let Some(word) = &word {
            let topic = Topic::DailyWord(Box::new(word.clone()));
            letters.push(Letter::new(&recipient.name, topic, Vec::new(), now));
        }
    }
    Ok(letters)
}

/// Reminders, escalations, and what is still open after maintenance.
fn violations(
    collector: &Collector,
    outbox: &Outbox,
    places: &Places,
    reminding: bool,
    memory: &mut Memory,
    batch: &mut Batch,
) -> Result<Vec<Letter>, StoreError> {
    let (shelves, now) = (&collector.shelves, collector.clock.now());
    let rules = &outbox.rules;
    // Ten thousand violations are not read each minute for nothing.
    if !reminding && rules.escalation.is_empty() && !places.has_windows() {
        return Ok(Vec::new());
    }
    let escalating = memory.escalated.is_none_or(|last| {
        let passed = now.duration_since(last);
        passed >= ESCALATION_GATHER || passed.is_negative()
    });
    let mut tended: BTreeMap<String, Tended> = BTreeMap::new();
    for one in shelves.all::<Tended>("tended/")? {
        tended.insert(one.key.clone(), one);
    }
    let mut told: Vec<(Tell, Notice)> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = shelves.violations_after(after.as_deref(), PAGE)?;
        after = page.last().map(|violation| violation.key.clone());
        let full = page.len() == PAGE;
        for violation in page {
            if matches!(violation.state, State::Resolved | State::Excepted) {
                continue;
            }
            let before = tended.remove(&violation.key);
            let opened_at = match &before {
                Some(before) => before.opened_at,
                None => opened_at(collector, &violation)?,
            };
            let seen = Seen {
                key: &violation.key,
                severity: violation.severity,
                unheeded: is_unheeded(&violation),
                opened_at,
                maintained: places.place(&violation.device, now).maintained,
                opened_in_maintenance: places.place(&violation.device, opened_at).maintained,
            };
            let (next, tells) = tending::tend(before.clone(), seen, rules, reminding, escalating, now);
            if before.as_ref() != Some(&next) {
                batch.put_json(&tended_key(&violation.key), &next);
            }
            for tell in tells {
                let what = StepKind::Opened;
                told.push((tell, Notice { number: 0, at: opened_at, what, violation: violation.clone() }));
            }
        }
        if !full {
            break;
        }
    }
    // What is left is open no longer.
    for key in tended.keys() {
        batch.remove(tended_key(key));
    }
    if told.iter().any(|(tell, _)| matches!(tell, Tell::Escalation(_))) {
        memory.escalated = Some(now);
    }
    Ok(address(&told, outbox, places, now))
}

/// Who is told of which.
fn address(told: &[(Tell, Notice)], outbox: &Outbox, places: &Places, now: Timestamp) -> Vec<Letter> {
    let mut letters = Vec::new();
    let tells: BTreeSet<Tell> = told.iter().map(|(tell, _)| *tell).collect();
    for recipient in &outbox.recipients {
        for tell in &tells {
            let notices = told.iter().filter(|(this, _)| this == tell).map(|(_, notice)| notice);
            let notices = notices.filter(|notice| is_for(recipient, *tell, notice, outbox, places));
            let notices: Vec<Notice> = notices.cloned().collect();
            if notices.is_empty() {
                continue;
            }
            let topic = match tell {
                Tell::MaintenanceOver => Topic::MaintenanceOver,
                Tell::Escalation(after_hours) => Topic::Escalation { after_hours: *after_hours },
                Tell::Reminder => Topic::Reminder,
            };
            letters.push(Letter::new(&recipient.name, topic, notices, now));
        }
    }
    letters
}

fn is_for(recipient: &Recipient, tell: Tell, notice: &Notice, outbox: &Outbox, places: &Places) -> bool {
    let mut place = places.place(&notice.violation.device, notice.at);
    place.maintained = false;
    match tell {
        Tell::MaintenanceOver => {
            recipient.kind != outbox::RECORDS && routing::wants(&recipient.filter, notice, place)
        }
        Tell::Reminder => {
            recipient.kind == PEOPLE
                && routing::concerns(&recipient.filter, &notice.violation, place)
                && notice.violation.severity >= recipient.filter.severity_min
        }
        Tell::Escalation(after_hours) => {
            let step = outbox.rules.escalation.iter().find(|step| step.after_hours == after_hours);
            step.is_some_and(|step| step.to.iter().any(|to| recipient.is_meant_by(to)))
                && routing::in_own_section(&recipient.filter, place)
        }
    }
}

/// Whether nobody has said a word on it.
fn is_unheeded(violation: &Violation) -> bool {
    let treatment = &violation.treatment;
    violation.state == State::Open && treatment.views.is_empty() && treatment.correction.is_none()
}

/// When it was last opened.
fn opened_at(collector: &Collector, violation: &Violation) -> Result<Timestamp, StoreError> {
    let opening =
        |what: StepKind| matches!(what, StepKind::Opened | StepKind::Reopened | StepKind::ExceptionEnded);
    let history = collector.shelves.history(&violation.key)?;
    let last = history.iter().rev().find(|step| opening(step.what));
    Ok(last.map_or(violation.first_seen, |step| step.at))
}

fn tended_key(key: &str) -> String {
    format!("tended/{key}")
}

/// Everybody but heads of section, who are told of their own section alone.
fn oversees(recipient: &Recipient) -> bool {
    recipient.role != Some(Role::SectionHead)
}

#[cfg(test)]
mod tests;
