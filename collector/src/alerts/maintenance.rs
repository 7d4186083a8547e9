//! Maintenance windows: planned work on a device or group, during which alerts of it wait. Violations go on meanwhile.
//!
//! A window is a decision of a person: it is kept with who and why, and told in the log. Whether a notice waits is
//! decided by the time at which it came to be, so that a restart or a late message changes nothing.

use daicho_rules::ledger::{Ledger, Scope};
use daicho_rules::normal;
use daicho_rules::text::Text;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Collector;
use crate::chronicle::{Chronicle, What};
use crate::queries::QueryError;
use crate::shelves::Shelves;
use crate::store::{Batch, StoreError};

/// Windows that have not ended: more of them is a plan that nobody oversees.
const OPEN_MAX: usize = 200;
/// Characters of a reason.
const REASON_CHARACTERS_MAX: usize = 500;
/// How long an ended window is kept on its shelf; the log keeps it for ever.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);
/// How far in the past a window may begin: what was done in the last hour may be entered afterwards.
const LATE_MAX: SignedDuration = SignedDuration::from_hours(1);

/// A window; at `maintenance/NUMBER`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Rises by one, from 1 on.
    pub number: u64,
    /// A device or a group.
    pub scope: Scope,
    /// From when on alerts wait.
    pub from: Timestamp,
    /// Up to when.
    pub until: Timestamp,
    /// What is being done.
    pub reason: String,
    /// Who said so.
    pub by: String,
    /// When.
    pub added_at: Timestamp,
    /// Who ended it early, and when.
    pub ended: Option<Ended>,
}

/// An early end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
}

impl Window {
    /// When it ends, or ended.
    pub fn end(&self) -> Timestamp {
        self.ended.as_ref().map_or(self.until, |ended| ended.at.min(self.until))
    }

    /// Whether alerts of the device wait at `at`. `group`: the device's in the ledger.
    pub fn covers(&self, device: &str, group: Option<&str>, at: Timestamp) -> bool {
        let meant = match &self.scope {
            Scope::All => false,
            Scope::Group(name) => group.is_some_and(|group| normal::same(group, name)),
            Scope::Device(name) => normal::same(device, name),
        };
        meant && self.from <= at && at < self.end()
    }

    /// `SV-01`, `group:radiology`.
    pub fn place(&self) -> String {
        match &self.scope {
            Scope::All => "*".to_owned(),
            Scope::Group(name) => format!("group:{name}"),
            Scope::Device(name) => name.clone(),
        }
    }
}

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// A device or a group.
    pub scope: Scope,
    /// From when on; `None`: now.
    pub from: Option<Timestamp>,
    /// Up to when.
    pub until: Timestamp,
    /// What is being done.
    pub reason: String,
    /// Who asks.
    pub by: String,
}

/// The window, or the sentence that says why not.
pub fn plan(
    wanted: Wanted,
    known: &[Window],
    ledger: &Ledger,
    days_max: u32,
    now: Timestamp,
) -> Result<Window, Text> {
    let refuse = |ja: String, en: String| Err(Text::new(ja, en));
    let Wanted { scope, from, until, reason, by } = wanted;
    let from = from.unwrap_or(now);
    let reason = reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > REASON_CHARACTERS_MAX {
        return refuse(
            format!(
                "保守の理由（--reason）を {REASON_CHARACTERS_MAX} 文字以内で書いてください。何も変更していません。"
            ),
            format!(
                "a maintenance window needs a reason of at most {REASON_CHARACTERS_MAX} characters; nothing was changed"
            ),
        );
    }
    if until <= from || until <= now {
        return refuse(
            "保守の終わり（--until）が始まりより前か、もう過ぎています。何も変更していません。".to_owned(),
            "the window would end before it begins, or has ended already; nothing was changed".to_owned(),
        );
    }
    if until.duration_since(from) > SignedDuration::from_hours(24 * i64::from(days_max)) {
        return refuse(
            format!(
                "保守の期間は最長 {days_max} 日です（設定 maintenance_days_max）。何も変更していません。"
            ),
            format!("a window lasts at most {days_max} days (maintenance_days_max); nothing was changed"),
        );
    }
    if now.duration_since(from) > LATE_MAX {
        return refuse(
            "保守の始まり（--from）は 1 時間前までさかのぼれます。何も変更していません。".to_owned(),
            "a window may begin at most one hour ago; nothing was changed".to_owned(),
        );
    }
    let there = match &scope {
        Scope::All => false,
        Scope::Device(name) => ledger.device(name).is_some(),
        Scope::Group(name) => {
            let mut groups = ledger.devices.iter().filter_map(|device| device.group.as_ref());
            groups.any(|group| normal::same(group, name))
        }
    };
    if !there {
        return refuse(
            "その機器またはグループは台帳にありません。`daicho devices` で確かめてください。何も変更していません。".to_owned(),
            "the ledger has no such device or group, see `daicho devices`; nothing was changed".to_owned(),
        );
    }
    if known.iter().filter(|window| now < window.end()).count() >= OPEN_MAX {
        return refuse(
            format!(
                "終わっていない保守が {OPEN_MAX} 件あります。先に `daicho maintenance end` で終えてください。"
            ),
            format!("{OPEN_MAX} windows have not ended yet: end some with `daicho maintenance end` first"),
        );
    }
    let number = known.iter().map(|window| window.number).max().unwrap_or(0) + 1;
    Ok(Window { number, scope, from, until, reason, by, added_at: now, ended: None })
}

/// The window, ended now; or the sentence that says why not.
pub fn end(number: u64, by: &str, known: &[Window], now: Timestamp) -> Result<Window, Text> {
    match known.iter().find(|window| window.number == number) {
        Some(window) if now < window.end() => {
            Ok(Window { ended: Some(Ended { at: now, by: by.to_owned() }), ..window.clone() })
        }
        Some(_) => Err(Text::new(
            format!("保守 {number} はすでに終わっています。"),
            format!("maintenance window {number} has ended already"),
        )),
        None => Err(Text::new(
            format!("保守 {number} はありません。`daicho maintenance list` で確かめてください。"),
            format!("there is no maintenance window {number}; see `daicho maintenance list`"),
        )),
    }
}

/// Keeps a new window, and tells the log.
pub async fn add(collector: &Collector, wanted: Wanted, days_max: u32) -> Result<Window, QueryError> {
    decide(collector, "added", |known, now| plan(wanted, known, &collector.ledger(), days_max, now)).await
}

/// Ends a window before its time, and tells the log.
pub async fn end_now(collector: &Collector, number: u64, by: &str) -> Result<Window, QueryError> {
    decide(collector, "ended", |known, now| end(number, by, known, now)).await
}

async fn decide(
    collector: &Collector,
    decision: &str,
    decide: impl FnOnce(&[Window], Timestamp) -> Result<Window, Text>,
) -> Result<Window, QueryError> {
    let _judging = collector.judging.lock().await;
    let (shelves, now) = (&collector.shelves, collector.clock.now());
    let known = windows(shelves)?;
    let window = decide(&known, now).map_err(QueryError::Refused)?;
    let mut batch = Batch::default();
    put(&mut batch, &window, &known, now);
    let by = window.ended.as_ref().map_or(&window.by, |ended| &ended.by).clone();
    let details = [
        ("number", window.number.to_string()),
        ("from", window.from.to_string()),
        ("until", window.end().to_string()),
    ];
    let what = What::Decision {
        on: "maintenance".to_owned(),
        subject: window.place(),
        decision: decision.to_owned(),
        note: Some(window.reason.clone()),
        details: details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    };
    Chronicle::open(shelves)?.append(&mut batch, now, &by, what);
    shelves.commit(batch)?;
    // What waits for nothing any more is told at once.
    collector.outbox_filled.notify_one();
    Ok(window)
}

/// All windows on the shelf, the oldest first.
pub fn windows(shelves: &Shelves) -> Result<Vec<Window>, StoreError> {
    shelves.all("maintenance/")
}

/// Writes a window, and drops those that ended long ago.
pub fn put(batch: &mut Batch, window: &Window, known: &[Window], now: Timestamp) {
    for old in known.iter().filter(|old| now.duration_since(old.end()) > KEPT) {
        batch.remove(key(old.number));
    }
    batch.put_json(&key(window.number), window);
}

fn key(number: u64) -> String {
    format!("maintenance/{number:016x}")
}

#[cfg(test)]
mod tests;
