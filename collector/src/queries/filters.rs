//! Which violations are asked for.

use daicho_rules::ledger::Ledger;
use daicho_rules::normal;
use daicho_rules::rule::Severity;
use daicho_rules::violation::{State, Violation};
use jiff::Timestamp;

/// All that are given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Any of these articles; none: all.
    pub articles: Vec<u8>,
    /// A device_id or hostname, in any width and case.
    pub device: Option<String>,
    /// A group of the ledger.
    pub group: Option<String>,
    /// Any of these; none: all but resolved.
    pub states: Vec<State>,
    /// Any of these; none: all.
    pub severities: Vec<Severity>,
    /// What is new since then: first seen, or happened again; of what is resolved, what ended since then.
    pub since: Option<Timestamp>,
    /// A key, or the short form of one.
    pub key: Option<String>,
    /// A rule's id.
    pub rule: Option<String>,
}

impl Filters {
    /// Whether a violation is asked for.
    pub fn admit(&self, violation: &Violation, ledger: &Ledger) -> bool {
        let state = if self.states.is_empty() {
            violation.state != State::Resolved
        } else {
            self.states.contains(&violation.state)
        };
        state
            && (self.severities.is_empty() || self.severities.contains(&violation.severity))
            && self.since.is_none_or(|since| news_at(violation) >= since)
            && self.key.as_deref().is_none_or(|key| names(key, violation))
            && self.admit_rule(&violation.rule)
            && self.admit_device(&violation.device, ledger)
    }

    /// Whether what a rule says is asked for.
    pub fn admit_rule(&self, rule: &str) -> bool {
        let article = rule.split('.').next().and_then(|number| number.parse::<u8>().ok());
        (self.articles.is_empty() || article.is_some_and(|article| self.articles.contains(&article)))
            && self.rule.as_deref().is_none_or(|wanted| wanted == rule)
    }

    /// Whether what concerns a device is asked for.
    pub fn admit_device(&self, device: &str, ledger: &Ledger) -> bool {
        let named = self.device.as_deref().is_none_or(|wanted| normal::key(wanted) == normal::key(device));
        named && self.group.as_deref().is_none_or(|wanted| is_in_group(device, wanted, ledger))
    }
}

fn is_in_group(device: &str, wanted: &str, ledger: &Ledger) -> bool {
    let group = ledger.device(device).and_then(|row| row.group.as_deref());
    group.is_some_and(|group| normal::key(group) == normal::key(wanted))
}

/// When something last happened to a violation that a person may not know of yet.
fn news_at(violation: &Violation) -> Timestamp {
    match violation.state {
        State::Resolved => violation.closed.as_ref().map_or(violation.last_seen, |closed| closed.at),
        State::Open | State::Acknowledged | State::Excepted => {
            violation.occurred_at.map_or(violation.first_seen, |at| at.max(violation.first_seen))
        }
    }
}

/// Hexadecimal digits of a short key in tables: with 10 000 open violations two share them once in 86 lists.
pub const SHORT_KEY_DIGITS: usize = 8;

/// Fewer digits than these are no short key: they would fit many.
const SHORT_KEY_DIGITS_MIN: usize = 6;

/// The short form of a key, for people: the first digits of its SHA-256. It stays the same as long as the key does.
pub fn short_key(key: &str) -> String {
    let mut digits = digest(key);
    digits.truncate(SHORT_KEY_DIGITS);
    digits
}

/// Whether `asked` is this violation's key or a short form of it.
pub fn names(asked: &str, violation: &Violation) -> bool {
    let is_short = asked.len() >= SHORT_KEY_DIGITS_MIN && asked.bytes().all(|byte| byte.is_ascii_hexdigit());
    asked == violation.key || (is_short && digest(&violation.key).starts_with(&asked.to_ascii_lowercase()))
}

fn digest(key: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    data_encoding::HEXLOWER.encode(digest.as_ref())
}
