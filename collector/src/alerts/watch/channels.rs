//! Which failing channel is told over the others, once, and again when it works: pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::oversees;
use crate::alerts::channels::Recipient;
use crate::alerts::letters::{Failing, Letter, Topic};

/// One that fails and works by turns is told of once an hour at most.
const TOLD_AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// Fewer failed attempts are a hiccup.
const ATTEMPTS_MIN: u32 = 3;
/// So many are none, whatever the clock says.
const ATTEMPTS_ENOUGH: u32 = 12;

/// A channel whose last attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::alerts) struct Trouble {
    pub(in crate::alerts) failing: Failing,
    pub(in crate::alerts) attempts: u32,
    pub(in crate::alerts) permanent: bool,
}

impl Trouble {
    fn lasts(&self, after: SignedDuration, now: Timestamp) -> bool {
        let long = now.duration_since(self.failing.since) >= after;
        self.permanent || (self.attempts >= ATTEMPTS_MIN && long) || self.attempts >= ATTEMPTS_ENOUGH
    }
}

/// What was told of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChannelMemory {
    /// Its failure was told, and it has not worked since.
    failing: Option<Failing>,
    told_at: Timestamp,
}

impl ChannelMemory {
    pub(super) fn is_told(&self) -> bool {
        self.failing.is_some()
    }

    pub(super) fn shown(self, _: String) -> Option<Failing> {
        self.failing
    }
}

/// The letters, and what to remember.
pub(super) fn decide(
    troubles: &[Trouble],
    memory: &mut BTreeMap<String, ChannelMemory>,
    recipients: &[Arc<Recipient>],
    after: SignedDuration,
    now: Timestamp,
) -> Vec<Letter> {
    memory.retain(|name, _| recipients.iter().any(|recipient| recipient.name == *name));
    let (mut failing, mut mended) = (Vec::new(), Vec::new());
    for trouble in troubles.iter().filter(|trouble| trouble.lasts(after, now)) {
        let name = &trouble.failing.recipient;
        let quiet = memory.get(name).is_some_and(|known| {
            let passed = now.duration_since(known.told_at);
            known.is_told() || (!passed.is_negative() && passed < TOLD_AGAIN)
        });
        if !quiet {
            failing.push(trouble.failing.clone());
            let told = ChannelMemory { failing: Some(trouble.failing.clone()), told_at: now };
            memory.insert(name.clone(), told);
        }
    }
    for (name, known) in memory.iter_mut() {
        let works = !troubles.iter().any(|trouble| trouble.failing.recipient == *name);
        if works && known.failing.take().is_some() {
            mended.push(name.clone());
        }
    }
    if failing.is_empty() && mended.is_empty() {
        return Vec::new();
    }
    let topic = Topic::Channels { failing, mended };
    let dead =
        |recipient: &Recipient| troubles.iter().any(|trouble| trouble.failing.recipient == recipient.name);
    let alive = recipients.iter().filter(|recipient| !dead(recipient) && oversees(recipient));
    alive.map(|recipient| Letter::new(&recipient.name, topic.clone(), Vec::new(), now)).collect()
}
