//! What was so on a day: for each article the state of every device, what was open, excepted, not to be told, and what
//! ended in the period, with its evidence. Made of the log alone, so that it can be made again at any time.
//!
//! A device that was not measured never counts as good (domain of the regulation: silence is not compliance).

use std::collections::BTreeMap;

use daicho_rules::rule::{Proof, Severity};
use daicho_rules::text::Text;
use daicho_rules::violation::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::shelves::LedgerVersion;

pub mod comma_separated;
pub mod html;
pub mod making;
pub mod past;
mod reading;
pub mod words;
pub mod workbook;

/// The articles that Daicho looks at. Of the others a person has to give account.
pub const ARTICLES: [u8; 5] = [4, 8, 9, 11, 13];

/// The articles of chapters 3 and 4 of the regulation that no machine shows.
pub const BY_PEOPLE: [u8; 9] = [5, 6, 7, 10, 12, 14, 15, 16, 17];

/// A report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The moment of which it speaks.
    pub as_of: Timestamp,
    /// What ended is told from this moment on.
    pub since: Timestamp,
    /// When it was made.
    pub made_at: Timestamp,
    /// By whom.
    pub made_by: String,
    /// The ledger that held then; `None`: none had been imported.
    pub ledger: Option<LedgerVersion>,
    /// The last entry of the log that it rests on: `daicho verify --head` checks it.
    pub log: Option<LogHead>,
    /// When the log begins: of what was before, nothing is known.
    pub log_begins: Option<Timestamp>,
    /// When the collector last judged, at or before `as_of`.
    pub judged_at: Option<Timestamp>,
    /// Why nothing counts as measured, where that is so: the collector was not running then.
    pub not_running: Option<Text>,
    /// Every device of the ledger and every one that reported, by name.
    pub devices: Vec<DeviceState>,
    /// What was open, acknowledged or excepted, the gravest first.
    pub standing: Vec<Standing>,
    /// What ended in the period, the newest first.
    pub ended: Vec<Ended>,
}

/// The end of the log that a report rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHead {
    /// The entry's number.
    pub number: u64,
    /// Its hash, hexadecimal.
    pub hash: String,
}

/// How a device stood under an article or a rule, the worst first: the worst of its rules is an article's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standard {
    /// 違反: something is open.
    Violated,
    /// 未測定: nobody looked, or not lately.
    NotMeasured,
    /// 判定できない: it was looked at, and it cannot be told.
    Undetermined,
    /// 例外承認中: what is wrong was accepted until a day.
    Excepted,
    /// 適合.
    Satisfied,
}

/// All of them, in the order of columns.
pub const STANDARDS: [Standard; 5] = [
    Standard::Violated,
    Standard::Excepted,
    Standard::Undetermined,
    Standard::NotMeasured,
    Standard::Satisfied,
];

/// A device on that day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceState {
    /// The ledger's device_id, or the hostname of one that is not listed.
    pub device: String,
    /// Whether the ledger listed it.
    pub listed: bool,
    /// The ledger's words: `in_use`, `spare`, `retired`; `None` where it is not listed.
    pub status: Option<String>,
    /// The ledger's host name.
    pub hostname: Option<String>,
    /// The ledger's section.
    pub department: Option<String>,
    /// The ledger's place.
    pub location: Option<String>,
    /// When its rules were last judged with a look of its agent, at or before that moment.
    pub articles: BTreeMap<u8, Standard>,
    /// Each rule, in the order of the regulation.
    pub rules: Vec<RuleState>,
}

/// A rule on a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleState {
    /// The rule's id.
    pub rule: String,
    /// How it stood.
    pub state: Standard,
    /// Why it could not be told, or was not measured.
    pub reasons: Vec<Text>,
}

/// A violation that had not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Its key.
    pub key: String,
    /// The rule's id.
    pub rule: String,
    /// The article.
    pub article: u8,
    /// The device.
    pub device: String,
    /// What it is about.
    pub subject: String,
    /// How urgent.
    pub severity: Severity,
    /// Open, acknowledged or excepted.
    pub state: State,
    /// In one sentence.
    pub summary: Text,
    /// Since when it was so, without a break.
    pub opened_at: Timestamp,
    /// The last thing that a person or an exception said of it: who, and why.
    pub word: Option<(String, String)>,
    /// What it rested on.
    pub evidence: Vec<Proof>,
}

/// A violation that ended in the period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its key.
    pub key: String,
    /// The rule's id.
    pub rule: String,
    /// The article.
    pub article: u8,
    /// The device.
    pub device: String,
    /// What it was about.
    pub subject: String,
    /// In one sentence.
    pub summary: Text,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// `daicho` where the state became right by itself, else the person who closed it.
    pub by: String,
    /// Why, where a person closed it.
    pub reason: Option<String>,
    /// What showed that it is right.
    pub evidence: Vec<Proof>,
}

impl Report {
    /// For each state the number of devices in use (and of those that are not listed) under an article.
    pub fn counts(&self, article: u8) -> BTreeMap<Standard, usize> {
        let mut counts = BTreeMap::new();
        for device in self.devices.iter().filter(|device| device.counts()) {
            if let Some(state) = device.articles.get(&article) {
                *counts.entry(*state).or_default() += 1;
            }
        }
        counts
    }
}

impl DeviceState {
    /// Whether it belongs to the sums: spares in the cupboard and scrapped machines do not.
    pub fn counts(&self) -> bool {
        self.status.as_deref().is_none_or(|status| status == "in_use")
    }
}
