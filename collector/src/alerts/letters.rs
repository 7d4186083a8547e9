//! What is told beside the news of violations: reminders, escalations, the end of maintenance, failing channels, what
//! ends soon, the daily word. Each is written whole when it is decided, so that a retry or a restart says the same.

use std::collections::BTreeMap;

use daicho_rules::rule::Severity;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::channels::{Capacity, Message, Occasion};
use super::daily_word::DailyWord;
use super::ending::Ending;
use super::pile::Pile;
use crate::shelves::{Notice, Shelves};
use crate::store::{Batch, StoreError};

/// Violations that a letter lists; the rest is counted, and `daicho violations` lists it.
const LISTED_MAX: usize = 30;
/// Letters that wait for one recipient: a server that is dead for months must not fill the disk. The oldest goes first;
/// what it told of is still in `daicho violations`, and reminders tell it again.
const WAITING_MAX: usize = 200;

/// A letter that waits; at `letter/RECIPIENT//NUMBER`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Rises over all recipients.
    pub number: u64,
    /// To whom: our name for the recipient.
    pub recipient: String,
    /// When it was decided.
    pub at: Timestamp,
    /// What it is about.
    pub topic: Topic,
    /// The violations that it lists.
    pub notices: Vec<Notice>,
    /// How many there are in all, by article.
    pub counts: BTreeMap<u8, usize>,
    /// How many are not listed.
    pub more: usize,
}

/// What a letter is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// All is well, or what is not.
    DailyWord(Box<DailyWord>),
    /// Still open after days.
    Reminder,
    /// Nobody acknowledged within these hours.
    Escalation {
        /// Hours.
        after_hours: u32,
    },
    /// Maintenance is over, and this is still open.
    MaintenanceOver,
    /// Channels of the alerts that fail, and that work again.
    Channels {
        /// Those that fail.
        failing: Vec<Failing>,
        /// Names of those that work again.
        mended: Vec<String>,
    },
    /// Exceptions, permits and certificates that end soon.
    Ending {
        /// The first of them.
        endings: Vec<Ending>,
        /// How many more.
        more: usize,
    },
}

/// A channel that fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// Our name for the recipient.
    pub recipient: String,
    /// Since when.
    pub since: Timestamp,
    /// What the server said.
    pub reason: String,
}

impl Topic {
    /// Its name, as in the webhook's schema and the names of templates.
    pub fn name(&self) -> &'static str {
        match self {
            Topic::DailyWord(_) => "daily_word",
            Topic::Reminder => "reminder",
            Topic::Escalation { .. } => "escalation",
            Topic::MaintenanceOver => "maintenance_over",
            Topic::Channels { .. } => "channels",
            Topic::Ending { .. } => "ending",
        }
    }

    /// A newer letter of the topic says all that an older one says that has not gone out.
    fn supersedes(&self, older: &Topic) -> bool {
        matches!(
            (self, older),
            (Topic::DailyWord(_), Topic::DailyWord(_)) | (Topic::Reminder, Topic::Reminder)
        )
    }
}

impl Letter {
    /// A letter to `recipient`; its number is given when it is put.
    pub(super) fn new(recipient: &str, topic: Topic, notices: Vec<Notice>, at: Timestamp) -> Self {
        let mut pile = Pile::new(Capacity::Digest(LISTED_MAX));
        notices.into_iter().for_each(|notice| pile.add(notice));
        let message = pile.into_message(String::new(), Occasion::News, at, 0);
        let Message { notices, counts, more, .. } = message;
        Letter { number: 0, recipient: recipient.to_owned(), at, topic, notices, counts, more }
    }

    /// Whether it waits neither for hours nor for anything else of the recipient.
    pub(super) fn is_urgent(&self) -> bool {
        match &self.topic {
            Topic::Escalation { .. } | Topic::MaintenanceOver => {
                self.notices.iter().any(|notice| notice.violation.severity == Severity::High)
            }
            Topic::Channels { failing, .. } => !failing.is_empty(),
            Topic::DailyWord(_) | Topic::Reminder | Topic::Ending { .. } => false,
        }
    }

    /// As it is handed over.
    pub(super) fn message(&self) -> Message {
        Message {
            id: format!("{}.letter-{}.{}", self.recipient, self.number, self.at.as_millisecond()),
            occasion: Occasion::Letter(self.topic.clone()),
            at: self.at,
            sent_at: self.at,
            notices: self.notices.clone(),
            counts: self.counts.clone(),
            more: self.more,
        }
    }
}

/// The letters that wait for a recipient, the oldest first.
pub(super) fn waiting(shelves: &Shelves, recipient: &str) -> Result<Vec<Letter>, StoreError> {
    shelves.all(&format!("letter/{recipient}//"))
}

/// One of them.
pub(super) fn get(shelves: &Shelves, recipient: &str, number: u64) -> Result<Option<Letter>, StoreError> {
    shelves.get(&key(recipient, number))
}

/// Takes a letter away that was accepted.
pub(super) fn remove(batch: &mut Batch, recipient: &str, number: u64) {
    batch.remove(key(recipient, number));
}

/// Puts letters, numbered. Only the watch does: one at a time.
pub(super) fn put(shelves: &Shelves, batch: &mut Batch, letters: Vec<Letter>) -> Result<(), StoreError> {
    if letters.is_empty() {
        return Ok(());
    }
    let mut last: u64 = shelves.get("meta/last_letter")?.unwrap_or(0);
    for mut letter in letters {
        last += 1;
        letter.number = last;
        let waiting = waiting(shelves, &letter.recipient)?;
        let full = (waiting.len() + 1).saturating_sub(WAITING_MAX);
        for (index, old) in waiting.iter().enumerate() {
            if index < full || letter.topic.supersedes(&old.topic) {
                tracing::info!(recipient = %old.recipient, letter = old.number, "Letter given up for a newer one.");
                remove(batch, &old.recipient, old.number);
            }
        }
        batch.put_json(&key(&letter.recipient, letter.number), &letter);
    }
    batch.put_json("meta/last_letter", &last);
    Ok(())
}

/// Drops the letters of a recipient that is configured no longer.
pub(super) fn forget(shelves: &Shelves, batch: &mut Batch, recipient: &str) -> Result<(), StoreError> {
    for letter in waiting(shelves, recipient)? {
        remove(batch, recipient, letter.number);
    }
    Ok(())
}

fn key(recipient: &str, number: u64) -> String {
    format!("letter/{recipient}//{number:016x}")
}
