//! What goes into one message: folds any number of notices into a short list and a count of the rest.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::channels::{Capacity, Message, Occasion};
use crate::shelves::Notice;

/// Grows notice by notice and never holds more than twice what is listed.
#[derive(Debug)]
pub(super) struct Pile {
    listed_max: usize,
    listed: Vec<Notice>,
    counts: BTreeMap<u8, usize>,
}

impl Pile {
    pub(super) fn new(capacity: Capacity) -> Self {
        let (Capacity::Digest(listed_max) | Capacity::Batch(listed_max)) = capacity;
        Pile { listed_max, listed: Vec::new(), counts: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, notice: Notice) {
        *self.counts.entry(notice.violation.article).or_default() += 1;
        self.listed.push(notice);
        if self.listed.len() >= self.listed_max.saturating_mul(2).max(1) {
            self.shorten();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The message; `following` notices are left for the next one.
    pub(super) fn into_message(
        mut self,
        id: String,
        occasion: Occasion,
        at: Timestamp,
        following: usize,
    ) -> Message {
        self.shorten();
        let total: usize = self.counts.values().sum();
        let more = total - self.listed.len() + following;
        Message { id, occasion, at, sent_at: at, notices: self.listed, counts: self.counts, more }
    }

    /// The most urgent first, then by article and device, so that like stands by like.
    fn shorten(&mut self) {
        self.listed.sort_by(|a, b| {
            let rank = |notice: &Notice| {
                let violation = &notice.violation;
                (std::cmp::Reverse(violation.severity), violation.article)
            };
            let like = |notice: &Notice| {
                let violation = &notice.violation;
                (violation.rule.clone(), violation.device.clone(), violation.subject.clone(), notice.number)
            };
            rank(a).cmp(&rank(b)).then_with(|| like(a).cmp(&like(b)))
        });
        self.listed.truncate(self.listed_max);
    }
}
