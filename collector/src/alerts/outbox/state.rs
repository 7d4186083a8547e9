//! What is kept of a recipient: where it stands, the message under way, and the log of what it was told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a recipient stands; at `delivery/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The recipient's name.
    pub recipient: String,
    /// The last notice that it was told or did not want.
    pub done_to: u64,
    /// Up to here, what was too urgent to wait was told already.
    #[serde(default)]
    pub urgent_to: u64,
    /// The message under way.
    pub sending: Option<Sending>,
}

/// A message under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    /// It holds everything open, not a range of notices.
    pub start: bool,
    /// It holds only what is too urgent to wait.
    #[serde(default)]
    pub urgent_only: bool,
    /// It is this letter, and holds no range of notices.
    #[serde(default)]
    pub letter: Option<u64>,
    /// Its last notice.
    pub to: u64,
    /// When it was first tried.
    pub at: Timestamp,
    /// Notices that wait behind it already.
    pub following: usize,
    /// Failed attempts.
    pub attempts: u32,
    /// When it is tried again.
    pub next_try: Timestamp,
    /// Why the last attempt failed.
    pub failure: Option<String>,
    /// The server refused it for good.
    #[serde(default)]
    pub permanent: bool,
}

/// One entry of the log of deliveries; at `told/NUMBER`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Rises by one, from 1 on.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// To whom: our name for the recipient.
    pub recipient: String,
    /// `email`, `webhook` or `syslog`.
    pub channel: String,
    /// Where to.
    pub address: String,
    /// The message's identity.
    pub message_id: String,
    /// The first notice that it may hold; 0 for a digest of everything open.
    pub first_notice: u64,
    /// The last one.
    pub last_notice: u64,
    /// How many notices it told of, listed or only counted.
    pub notices: usize,
    /// The keys of the listed violations, the first [`TOLD_KEYS_MAX`] of them.
    pub keys: Vec<String>,
    /// Failed attempts before this one.
    pub attempts: u32,
    /// Whether it was accepted.
    pub outcome: Outcome,
    /// What the server said.
    pub answer: String,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Outcome {
    Accepted,
    Failed,
    Refused,
}

impl Sending {
    pub(super) fn first(start: bool, to: u64, at: Timestamp, following: usize) -> Self {
        Sending {
            start,
            urgent_only: false,
            letter: None,
            to,
            at,
            following,
            attempts: 0,
            next_try: at,
            failure: None,
            permanent: false,
        }
    }

    /// What it held was told, or was nothing.
    pub(super) fn accepted(&self, delivery: &mut Delivery) {
        if self.letter.is_some() {
            return;
        }
        if self.urgent_only {
            delivery.urgent_to = self.to.max(delivery.urgent_to);
        } else {
            delivery.done_to = self.to.max(delivery.done_to);
        }
    }
}

pub(super) fn delivery_key(recipient: &str) -> String {
    format!("delivery/{recipient}")
}

pub(super) fn told_key(number: u64) -> String {
    format!("told/{number:016x}")
}
