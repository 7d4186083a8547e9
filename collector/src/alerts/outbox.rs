//! One recipient's way through the notices: a cursor, a message under way, retries, and the log of what was told.
//!
//! The range of a message is committed before it is handed over and the cursor right after the server accepted it.
//! Between these two a crash leaves us not knowing: the same range is then sent again, with the same identity
//! (Message-ID, Idempotency-Key, `notice` in the structured data) and the same text, so that the receiver can tell.
//! Nothing is told twice in any other case.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use daicho_rules::normal;
use daicho_rules::violation::{State, StepKind};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::{Instrument, error, info, info_span, warn};

use super::channels::{Capacity, Failure, Message, Occasion, Recipient};
use super::pile::Pile;
use super::routing::{self, Pace, Waiting, later};
use super::{Outbox, Status};
use crate::Collector;
use crate::shelves::Notice;
use crate::store::{Batch, StoreError};

/// Notices read at once: bounds the memory of a walk over a long outbox.
const PAGE: usize = 1_000;
/// A recipient that lags behind by more begins anew with a digest of everything open: at 2 KB each, a server that is
/// dead for good must not fill the disk (200 MB).
const NOTICES_MAX: u64 = 100_000;
/// Notices kept after everybody has them, so that the log of deliveries can be looked into: about a month's worth.
const NOTICES_KEPT: u64 = 10_000;
/// Entries of the log of deliveries: one for each message and recipient, a year at 25 a day.
const TOLD_KEPT: u64 = 10_000;
/// Keys named in one entry of that log.
const TOLD_KEYS_MAX: usize = 200;
/// How far `waiting` counts: beyond it the number itself says enough.
const COUNTED_MAX: usize = 10_000;
/// Looks again even if no nudge came, in case one was lost.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// The pause after the store failed.
const STORE_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// Where a recipient stands; at `delivery/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The recipient's name.
    pub recipient: String,
    /// The last notice that it was told or did not want.
    pub done_to: u64,
    /// The message under way.
    pub sending: Option<Sending>,
}

/// A message under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    /// It holds everything open, not a range of notices.
    pub start: bool,
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

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nothing: there is more to do.
    Not,
    /// For this time or news.
    Until(Timestamp),
    /// For news.
    News,
}

/// Tells one recipient.
pub(super) struct Teller {
    collector: Arc<Collector>,
    outbox: Arc<Outbox>,
    recipient: Arc<Recipient>,
    pace: Pace,
    waiting: Waiting,
}

impl Teller {
    pub(super) fn new(collector: Arc<Collector>, outbox: Arc<Outbox>, recipient: Arc<Recipient>) -> Self {
        let pace = recipient.pace.clone();
        Teller { collector, outbox, recipient, pace, waiting: Waiting::default() }
    }

    pub(super) async fn run(mut self, mut news: watch::Receiver<()>, mut stopped: watch::Receiver<bool>) {
        let span = info_span!("delivery", recipient = %self.recipient.name);
        while !*stopped.borrow() {
            news.mark_unchanged();
            let now = self.collector.clock.now();
            let until = match self.turn().instrument(span.clone()).await {
                Ok(Wait::Not) => continue,
                Ok(Wait::Until(until)) => until.min(later(now, LOOK_AGAIN)),
                Ok(Wait::News) => later(now, LOOK_AGAIN),
                Err(error) => {
                    error!(parent: &span, %error, "Alerts cannot use the store.");
                    later(now, STORE_PAUSE)
                }
            };
            let pause = Duration::try_from(until.duration_since(self.collector.clock.now()));
            tokio::select! {
                _ = stopped.changed() => {}
                _ = news.changed() => {}
                () = tokio::time::sleep(pause.unwrap_or_default()) => {}
            }
        }
    }

    /// Does the next thing there is to do: begins, gathers, hands over.
    pub(super) async fn turn(&mut self) -> Result<Wait, StoreError> {
        let mut delivery = match self.load()? {
            Some(delivery) => delivery,
            None => self.begin().await?,
        };
        if let Some(sending) = &delivery.sending {
            let now = self.collector.clock.now();
            // A clock that was set back must not hold a retry for longer than the longest pause.
            let next_try = sending.next_try.min(later(now, SignedDuration::from_hours(1)));
            if now < next_try {
                return Ok(Wait::Until(next_try));
            }
            return self.hand_over(delivery).await;
        }
        if self.waiting.seen_to < delivery.done_to {
            self.waiting = Waiting::after(delivery.done_to);
        }
        let (capacity, mut to, mut following) = (self.recipient.channel.capacity(), None, 0);
        let groups = self.groups();
        let mut before = Waiting::after(delivery.done_to);
        if let Capacity::Batch(_) = capacity {
            self.waiting = before.clone();
        }
        loop {
            let page = self.collector.shelves.notices_after(self.waiting.seen_to, PAGE)?;
            for notice in &page {
                let wanted = self.wants(&groups, notice);
                match capacity {
                    Capacity::Batch(most) if wanted && before.wanted >= most => {
                        to.get_or_insert(self.waiting.seen_to);
                        following += 1;
                    }
                    _ => before.add(notice, wanted),
                }
                self.waiting.add(notice, wanted);
            }
            if page.len() < PAGE || to.is_some() {
                break;
            }
        }
        let now = self.collector.clock.now();
        let Some(due) = self.waiting.due(&self.pace, now) else {
            if self.waiting.seen_to > delivery.done_to {
                delivery.done_to = self.waiting.seen_to;
                self.save(&delivery)?;
            }
            return Ok(Wait::News);
        };
        if now < due && to.is_none() {
            return Ok(Wait::Until(due));
        }
        if self.waiting.is_urgent() {
            self.pace.urgent_went(now);
        }
        let to = to.unwrap_or(self.waiting.seen_to);
        delivery.sending = Some(Sending::first(false, to, now, following));
        self.save(&delivery)?;
        self.hand_over(delivery).await
    }

    /// A new recipient, or one that lagged too far behind, is told everything that is open, once.
    async fn begin(&mut self) -> Result<Delivery, StoreError> {
        let _judging = self.collector.judging.lock().await;
        let to = self.collector.shelves.last_notice()?;
        let now = self.collector.clock.now();
        let sending = Sending::first(true, to, now, 0);
        let anything = !self.pile(&Sending { start: true, ..sending.clone() }, to)?.is_empty();
        let recipient = self.recipient.name.clone();
        let delivery = Delivery { recipient, done_to: to, sending: anything.then_some(sending) };
        self.save(&delivery)?;
        self.waiting = Waiting::after(to);
        info!(anything, "Recipient begins with everything open.");
        Ok(delivery)
    }

    /// Hands the message under way over, and commits what came of it.
    async fn hand_over(&mut self, mut delivery: Delivery) -> Result<Wait, StoreError> {
        let Some(mut sending) = delivery.sending.take() else { return Ok(Wait::Not) };
        let pile = self.pile(&sending, delivery.done_to)?;
        self.waiting = Waiting::after(sending.to.max(delivery.done_to));
        if pile.is_empty() {
            delivery.done_to = sending.to.max(delivery.done_to);
            self.save(&delivery)?;
            return Ok(Wait::Not);
        }
        let first = if sending.start { 0 } else { delivery.done_to + 1 };
        let id = format!("{}.{first}-{}.{}", self.recipient.name, sending.to, sending.at.as_millisecond());
        let occasion = if sending.start { Occasion::Start } else { Occasion::News };
        let mut message = pile.into_message(id, occasion, sending.at, sending.following);
        message.sent_at = self.collector.clock.now();
        let result = self.recipient.channel.deliver(&message).await;
        let at = self.collector.clock.now();
        let entry = match &result {
            Ok(answer) => {
                info!(notices = told_of(&message), answer, "Alert accepted.");
                delivery.done_to = sending.to.max(delivery.done_to);
                Some(self.entry(&message, &sending, first, at, Outcome::Accepted, answer))
            }
            Err(Failure { permanent, reason }) => {
                sending.attempts += 1;
                let pause = routing::retry_after(sending.attempts, *permanent, (self.outbox.chance)());
                sending.next_try = later(at, pause);
                warn!(
                    attempts = sending.attempts,
                    permanent, reason, "Alert not accepted, tried again later."
                );
                let outcome = if *permanent { Outcome::Refused } else { Outcome::Failed };
                // The same failure again and again is one line of the log; the attempts are counted beside it.
                let news = sending.failure.as_ref() != Some(reason);
                let entry = news.then(|| self.entry(&message, &sending, first, at, outcome, reason));
                sending.failure = Some(reason.clone());
                sending.permanent = *permanent;
                delivery.sending = Some(sending);
                entry
            }
        };
        let mut batch = Batch::default();
        batch.put_json(&delivery_key(&delivery.recipient), &delivery);
        self.commit_told(batch, entry).await?;
        Ok(Wait::Not)
    }

    fn entry(
        &self,
        message: &Message,
        sending: &Sending,
        first: u64,
        at: Timestamp,
        outcome: Outcome,
        answer: &str,
    ) -> Told {
        let keys = message.notices.iter().take(TOLD_KEYS_MAX);
        Told {
            number: 0,
            at,
            recipient: self.recipient.name.clone(),
            channel: self.recipient.kind.to_owned(),
            address: self.recipient.channel.address(),
            message_id: message.id.clone(),
            first_notice: first,
            last_notice: sending.to,
            notices: told_of(message),
            keys: keys.map(|notice| notice.violation.key.clone()).collect(),
            attempts: sending.attempts,
            outcome,
            answer: answer.to_owned(),
        }
    }

    /// Commits `batch` and with it an entry of the log, whose number is the next one.
    async fn commit_told(&self, mut batch: Batch, entry: Option<Told>) -> Result<(), StoreError> {
        let shelves = &self.collector.shelves;
        let Some(mut entry) = entry else { return shelves.commit(batch) };
        let mut last = self.outbox.last_told.lock().await;
        entry.number = match *last {
            Some(last) => last + 1,
            None => shelves.get::<u64>("meta/last_told")?.unwrap_or(0) + 1,
        };
        batch.put_json(&told_key(entry.number), &entry);
        batch.put_json("meta/last_told", &entry.number);
        if let Some(old) = entry.number.checked_sub(TOLD_KEPT) {
            batch.remove(told_key(old));
        }
        shelves.commit(batch)?;
        *last = Some(entry.number);
        Ok(())
    }

    /// What the message under way holds.
    fn pile(&self, sending: &Sending, done_to: u64) -> Result<Pile, StoreError> {
        let mut pile = Pile::new(self.recipient.channel.capacity());
        let groups = self.groups();
        if sending.start {
            for violation in self.collector.shelves.violations()? {
                let notice = Notice { number: 0, at: sending.at, what: StepKind::Opened, violation };
                if notice.violation.state == State::Open && self.wants(&groups, &notice) {
                    pile.add(notice);
                }
            }
            return Ok(pile);
        }
        let mut after = done_to;
        while after < sending.to {
            let page = self.collector.shelves.notices_after(after, PAGE)?;
            let Some(last) = page.last().map(|notice| notice.number) else { break };
            after = last;
            for notice in page.into_iter().take_while(|notice| notice.number <= sending.to) {
                if self.wants(&groups, &notice) {
                    pile.add(notice);
                }
            }
        }
        Ok(pile)
    }

    fn wants(&self, groups: &Groups, notice: &Notice) -> bool {
        let group = groups.get(&normal::key(&notice.violation.device));
        routing::wants(&self.recipient.filter, notice, group.map(String::as_str))
    }

    fn groups(&self) -> Groups {
        groups(&self.collector, &self.recipient)
    }

    /// The recipient's state; `None` where it is new or has lagged too far behind to be told step by step.
    fn load(&self) -> Result<Option<Delivery>, StoreError> {
        let shelves = &self.collector.shelves;
        let delivery: Option<Delivery> = shelves.get(&delivery_key(&self.recipient.name))?;
        let last = shelves.last_notice()?;
        Ok(delivery.filter(|delivery| {
            let lag = last.saturating_sub(delivery.done_to);
            if lag > NOTICES_MAX {
                warn!(lag, "Recipient lags too far behind and begins anew.");
            }
            lag <= NOTICES_MAX
        }))
    }

    fn save(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.put_json(&delivery_key(&delivery.recipient), delivery);
        self.collector.shelves.commit(batch)
    }
}

impl Sending {
    fn first(start: bool, to: u64, at: Timestamp, following: usize) -> Self {
        Sending { start, to, at, following, attempts: 0, next_try: at, failure: None, permanent: false }
    }
}

/// Device (by its key) to group.
type Groups = BTreeMap<String, String>;

/// Empty where the filter asks for no group: ten thousand devices are not folded for nothing.
fn groups(collector: &Collector, recipient: &Recipient) -> Groups {
    if recipient.filter.groups.is_empty() {
        return Groups::new();
    }
    let ledger = collector.ledger();
    let grouped = ledger.devices.iter().filter_map(|device| Some((device, device.group.as_ref()?)));
    grouped.map(|(device, group)| (normal::key(&device.device_id), group.clone())).collect()
}

fn told_of(message: &Message) -> usize {
    message.counts.values().sum()
}

fn delivery_key(recipient: &str) -> String {
    format!("delivery/{recipient}")
}

fn told_key(number: u64) -> String {
    format!("told/{number:016x}")
}

/// Drops the state of recipients that are configured no longer: if one comes back, it begins anew.
pub(super) fn forget_strangers(collector: &Collector, outbox: &Outbox) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    for delivery in collector.shelves.all::<Delivery>("delivery/")? {
        if !outbox.recipients.iter().any(|recipient| recipient.name == delivery.recipient) {
            info!(recipient = %delivery.recipient, "Recipient is configured no longer.");
            batch.remove(delivery_key(&delivery.recipient));
        }
    }
    if batch.changes.is_empty() { Ok(()) } else { collector.shelves.commit(batch) }
}

/// Drops notices that everybody has, and those beyond [`NOTICES_MAX`].
pub(super) fn prune(collector: &Collector, outbox: &Outbox) -> Result<(), StoreError> {
    let shelves = &collector.shelves;
    let last = shelves.last_notice()?;
    let mut done_to = last;
    for recipient in &outbox.recipients {
        let delivery: Option<Delivery> = shelves.get(&delivery_key(&recipient.name))?;
        done_to = done_to.min(delivery.map_or(0, |delivery| delivery.done_to));
    }
    let bound = done_to.saturating_sub(NOTICES_KEPT).max(last.saturating_sub(NOTICES_MAX));
    loop {
        let page = shelves.notices_after(0, PAGE)?;
        let mut batch = Batch::default();
        for notice in page.iter().take_while(|notice| notice.number <= bound) {
            batch.remove(format!("notice/{:016x}", notice.number));
        }
        let dropped = batch.changes.len();
        if dropped > 0 {
            shelves.commit(batch)?;
            info!(dropped, "Old notices dropped.");
        }
        if dropped < PAGE {
            return Ok(());
        }
    }
}

pub(super) fn status(collector: &Collector, recipient: &Recipient) -> Result<Status, StoreError> {
    let delivery: Option<Delivery> = collector.shelves.get(&delivery_key(&recipient.name))?;
    let groups = groups(collector, recipient);
    let mut waiting = Waiting::after(delivery.as_ref().map_or(0, |delivery| delivery.done_to));
    loop {
        let page = collector.shelves.notices_after(waiting.seen_to, PAGE)?;
        for notice in &page {
            let group = groups.get(&normal::key(&notice.violation.device));
            let wanted = routing::wants(&recipient.filter, notice, group.map(String::as_str));
            waiting.add(notice, wanted);
        }
        if page.len() < PAGE || waiting.wanted >= COUNTED_MAX {
            break;
        }
    }
    let sending = delivery.and_then(|delivery| delivery.sending);
    Ok(Status {
        recipient: recipient.name.clone(),
        channel: recipient.kind,
        address: recipient.channel.address(),
        waiting: waiting.wanted.min(COUNTED_MAX),
        waiting_since: waiting.oldest().or(sending.as_ref().map(|sending| sending.at)),
        attempts: sending.as_ref().map_or(0, |sending| sending.attempts),
        next_try: sending.as_ref().filter(|sending| sending.attempts > 0).map(|sending| sending.next_try),
        failure: sending.as_ref().and_then(|sending| sending.failure.clone()),
        permanent: sending.is_some_and(|sending| sending.permanent),
    })
}

pub(super) fn told(collector: &Collector, limit: usize) -> Result<Vec<Told>, StoreError> {
    let last: u64 = collector.shelves.get("meta/last_told")?.unwrap_or(0);
    let mut entries = Vec::new();
    for number in (1..=last).rev().take(limit) {
        match collector.shelves.get(&told_key(number))? {
            Some(entry) => entries.push(entry),
            None => break,
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests;
