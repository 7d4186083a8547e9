//! The ways to tell. One file for each, listed in [`CHANNELS`].

use std::pin::Pin;

use jiff::Timestamp;

use super::config::{Common, Config, ConfigError, Filter, Times};
use super::letters::Topic;
use super::routing::Pace;
use crate::identity::Role;
use crate::shelves::Notice;

pub mod email;
pub mod syslog;
pub mod webhook;

/// A way to tell.
#[derive(Debug)]
pub struct Kind {
    /// Its key in `[alerts]`.
    pub name: &'static str,
    /// Everyone who is told this way.
    pub recipients: fn(&Config) -> Result<Vec<Recipient>, ConfigError>,
}

/// Every way to tell. One that is written and not listed fails the house's own test.
pub static CHANNELS: &[Kind] = &[email::KIND, webhook::KIND, syslog::KIND];

/// Someone who is told.
pub struct Recipient {
    /// Our name for it; names its cursor in the store.
    pub name: String,
    /// [`Kind::name`].
    pub kind: &'static str,
    /// Its name in the configuration: several addresses may share it.
    pub group: String,
    /// Who it is.
    pub role: Option<Role>,
    /// What it is told.
    pub filter: Filter,
    /// When.
    pub times: Times,
    /// How fast.
    pub(super) pace: Pace,
    /// How.
    pub channel: Box<dyn Channel>,
}

impl Recipient {
    fn new(
        name: String,
        kind: &'static str,
        common: Common<'_>,
        config: &Config,
        channel: Box<dyn Channel>,
    ) -> Self {
        let mut filter = common.tell.clone();
        // Of the section alone, whatever else is asked for.
        filter.own_section = common.section.map(str::to_owned);
        let (group, role, times) = (common.name.to_owned(), common.role, common.times.clone());
        Recipient { name, group, kind, role, filter, times, pace: Pace::of(config), channel }
    }

    /// Whether an escalation that names `to` means this one.
    pub(super) fn is_meant_by(&self, to: &str) -> bool {
        self.group == to || self.role.is_some_and(|role| role.name() == to)
    }
}

/// An answer that comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries messages to one recipient.
pub trait Channel: Send + Sync {
    /// Where they go to, for people: no secret in it.
    fn address(&self) -> String;

    /// How many notices one message holds.
    fn capacity(&self) -> Capacity;

    /// Hands one message over and says what the server answered. Returns `Ok` only once the server has accepted it.
    fn deliver<'a>(&'a self, message: &'a Message) -> Later<'a, Result<String, Failure>>;
}

/// How many notices one message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// For people: lists this many, the most urgent first, and says how many more there are.
    Digest(usize),
    /// For machines: never leaves one out; what does not fit follows in the next message.
    Batch(usize),
}

/// What is told at once. The same range of notices makes the same message, however often it is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The same for the same recipient and notices: a receiver may drop what it has seen.
    pub id: String,
    /// Why it is sent.
    pub occasion: Occasion,
    /// When it was first tried.
    pub at: Timestamp,
    /// When this attempt is made: the one part that differs from attempt to attempt.
    pub sent_at: Timestamp,
    /// What it lists, most urgent first.
    pub notices: Vec<Notice>,
    /// How many there are in all, by article.
    pub counts: std::collections::BTreeMap<u8, usize>,
    /// Notices of this message that are not listed, or that follow in the next one.
    pub more: usize,
}

/// Why a message is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Something happened.
    News,
    /// The recipient is new: everything that is open.
    Start,
    /// An operator asked for it.
    Test {
        /// Who.
        asked_by: String,
    },
    /// Something beside the news.
    Letter(Topic),
}

impl Occasion {
    /// Its name, as in the webhook's schema and the names of templates.
    pub fn name(&self) -> &'static str {
        match self {
            Occasion::News => "news",
            Occasion::Start => "start",
            Occasion::Test { .. } => "test",
            Occasion::Letter(topic) => topic.name(),
        }
    }
}

impl Message {
    /// A message without notices.
    pub fn empty(id: String, occasion: Occasion, at: Timestamp) -> Self {
        Message { id, occasion, at, sent_at: at, notices: Vec::new(), counts: Default::default(), more: 0 }
    }
}

/// Why a message was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The server refuses it for good, as far as it says.
    pub permanent: bool,
    /// What was tried, what the answer was, what to do.
    pub reason: String,
}

impl Failure {
    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Failure { permanent: false, reason: reason.into() }
    }

    pub(super) fn permanent(reason: impl Into<String>) -> Self {
        Failure { permanent: true, reason: reason.into() }
    }
}

/// The error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
