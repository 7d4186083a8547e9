//! One recipient's way through the notices: a cursor, a message under way, retries, and the log of what was told.
//!
//! The range of a message is committed before it is handed over and the cursor right after the server accepted it.
//! Between these two a crash leaves us not knowing: the same range is then sent again, with the same identity
//! (Message-ID, Idempotency-Key, `notice` in the structured data) and the same text, so that the receiver can tell.
//! Nothing is told twice in any other case.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use daicho_rules::violation::{State, StepKind};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tracing::{Instrument, error, info, info_span, warn};

use super::Outbox;
use super::channels::{Capacity, Failure, Message, Occasion, Recipient};
use super::config::Outside;
use super::letters::{self, Letter, Topic};
use super::pile::Pile;
use super::routing::{self, Due, Pace, Plan, Waiting, later};
use crate::Collector;
use crate::shelves::Notice;
use crate::store::{Batch, StoreError};

mod asking;
mod places;
mod state;

pub(super) use asking::{status, told, trouble};
pub(super) use places::{Places, RECORDS};
pub use state::{Delivery, Outcome, Sending, Told};
use state::{delivery_key, told_key};

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
/// Looks again even if no nudge came, in case one was lost.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// The pause after the store failed.
const STORE_PAUSE: SignedDuration = SignedDuration::from_secs(5);

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
            // Hours may have ended since it was first tried.
            let opening = if self.may_go_any_time(sending)? { now } else { self.plan().opening(now) };
            if now < opening {
                return Ok(Wait::Until(opening));
            }
            return self.hand_over(delivery).await;
        }
        if self.waiting.seen_to < delivery.done_to {
            self.waiting = Waiting::after(delivery.done_to);
        }
        let (capacity, mut to, mut following) = (self.recipient.channel.capacity(), None, 0);
        let places = self.places()?;
        let mut before = Waiting::after(delivery.done_to);
        if let Capacity::Batch(_) = capacity {
            self.waiting = before.clone();
        }
        loop {
            let page = self.collector.shelves.notices_after(self.waiting.seen_to, PAGE)?;
            for notice in &page {
                let wanted = self.wants(&places, notice) && !self.told_at_once(&delivery, notice);
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
        let due = self.waiting.due(&self.pace, self.plan(), now);
        let first = due.filter(|due| due.at <= now || to.is_some());
        if let Some(Due { urgent_only, .. }) = first {
            if self.waiting.is_urgent() {
                self.pace.urgent_went(now);
            }
            let to = to.unwrap_or(self.waiting.seen_to);
            delivery.sending = Some(Sending { urgent_only, ..Sending::first(false, to, now, following) });
            self.save(&delivery)?;
            return self.hand_over(delivery).await;
        }
        if due.is_none() && self.waiting.seen_to > delivery.done_to {
            delivery.done_to = self.waiting.seen_to;
            self.save(&delivery)?;
        }
        let mut wait = due.map_or(Wait::News, |due| Wait::Until(due.at));
        for letter in letters::waiting(&self.collector.shelves, &self.recipient.name)? {
            let opening = if self.goes_any_time(&letter) { now } else { self.plan().opening(now) };
            if opening <= now {
                let to = delivery.done_to;
                delivery.sending =
                    Some(Sending { letter: Some(letter.number), ..Sending::first(false, to, now, 0) });
                self.save(&delivery)?;
                return self.hand_over(delivery).await;
            }
            wait = match wait {
                Wait::Until(at) => Wait::Until(at.min(opening)),
                _ => Wait::Until(opening),
            };
        }
        Ok(wait)
    }

    /// Whether the message under way waits for no hours: what is urgent, and what was begun by a start.
    fn may_go_any_time(&self, sending: &Sending) -> Result<bool, StoreError> {
        Ok(match sending.letter {
            Some(number) => letters::get(&self.collector.shelves, &self.recipient.name, number)?
                .is_none_or(|letter| self.goes_any_time(&letter)),
            None => sending.start || sending.urgent_only || !self.plan().holds(),
        })
    }

    /// Whether a letter waits for no hours: an escalation is for whoever it names, whatever the hour.
    fn goes_any_time(&self, letter: &Letter) -> bool {
        let times = &self.recipient.times;
        let breaks = matches!(letter.topic, Topic::Escalation { .. })
            || (times.urgent && times.outside == Outside::Wait);
        letter.is_urgent() && breaks
    }

    /// Whether a notice did not wait for its turn and was told already.
    fn told_at_once(&self, delivery: &Delivery, notice: &Notice) -> bool {
        notice.number <= delivery.urgent_to && routing::breaks_through(notice)
    }

    fn plan(&self) -> Plan<'_> {
        Plan { times: &self.recipient.times, holidays: &self.outbox.holidays }
    }

    /// A new recipient, or one that lagged too far behind, is told everything that is open, once.
    async fn begin(&mut self) -> Result<Delivery, StoreError> {
        let _judging = self.collector.judging.lock().await;
        let to = self.collector.shelves.last_notice()?;
        let now = self.collector.clock.now();
        let sending = Sending::first(true, to, now, 0);
        let recipient = self.recipient.name.clone();
        let mut delivery = Delivery { recipient, done_to: to, urgent_to: to, sending: None };
        let anything = !self.pile(&sending, &delivery)?.is_empty();
        delivery.sending = anything.then_some(sending);
        self.save(&delivery)?;
        self.waiting = Waiting::after(to);
        info!(anything, "Recipient begins with everything open.");
        Ok(delivery)
    }

    /// Hands the message under way over, and commits what came of it.
    async fn hand_over(&mut self, mut delivery: Delivery) -> Result<Wait, StoreError> {
        let Some(mut sending) = delivery.sending.take() else { return Ok(Wait::Not) };
        self.waiting = Waiting::after(delivery.done_to);
        let (mut message, first) = match self.message(&sending, &delivery)? {
            Some(message) => message,
            None => {
                sending.accepted(&mut delivery);
                self.save(&delivery)?;
                return Ok(Wait::Not);
            }
        };
        message.sent_at = self.collector.clock.now();
        let result = self.recipient.channel.deliver(&message).await;
        let at = self.collector.clock.now();
        let mut batch = Batch::default();
        let entry = match &result {
            Ok(answer) => {
                info!(notices = told_of(&message), answer, "Alert accepted.");
                sending.accepted(&mut delivery);
                if let Some(number) = sending.letter {
                    letters::remove(&mut batch, &delivery.recipient, number);
                }
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
        batch.put_json(&delivery_key(&delivery.recipient), &delivery);
        self.commit_told(batch, entry).await?;
        Ok(Wait::Not)
    }

    /// The message under way, and its first notice; `None`: there is nothing left to tell.
    fn message(&self, sending: &Sending, delivery: &Delivery) -> Result<Option<(Message, u64)>, StoreError> {
        if let Some(number) = sending.letter {
            let letter = letters::get(&self.collector.shelves, &self.recipient.name, number)?;
            return Ok(letter.map(|letter| (letter.message(), 0)));
        }
        let pile = self.pile(sending, delivery)?;
        if pile.is_empty() {
            return Ok(None);
        }
        let first = match (sending.start, sending.urgent_only) {
            (true, _) => 0,
            (false, true) => delivery.done_to.max(delivery.urgent_to) + 1,
            (false, false) => delivery.done_to + 1,
        };
        let mark = if sending.urgent_only { "u" } else { "" };
        let (to, at) = (sending.to, sending.at.as_millisecond());
        let id = format!("{}.{mark}{first}-{to}.{at}", self.recipient.name);
        let occasion = if sending.start { Occasion::Start } else { Occasion::News };
        Ok(Some((pile.into_message(id, occasion, sending.at, sending.following), first)))
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
    fn pile(&self, sending: &Sending, delivery: &Delivery) -> Result<Pile, StoreError> {
        let mut pile = Pile::new(self.recipient.channel.capacity());
        let places = self.places()?;
        if sending.start {
            for violation in self.collector.shelves.violations()? {
                let notice = Notice { number: 0, at: sending.at, what: StepKind::Opened, violation };
                if notice.violation.state == State::Open && self.wants(&places, &notice) {
                    pile.add(notice);
                }
            }
            return Ok(pile);
        }
        // Who reads a day later is told what is over meanwhile as over, and nothing twice.
        let ends = if self.plan().holds() { self.ends(sending, delivery, &places)? } else { Ends::new() };
        self.each_of(sending, delivery, |mut notice| {
            if !self.holds(sending, delivery, &places, &notice) {
                return;
            }
            if let Some(end) = ends.get(&notice.violation.key) {
                if end.last != notice.number {
                    return;
                }
                notice.what = end.over.unwrap_or(notice.what);
            }
            pile.add(notice);
        })?;
        Ok(pile)
    }

    /// Every notice in the range of the message under way.
    fn each_of(
        &self,
        sending: &Sending,
        delivery: &Delivery,
        mut visit: impl FnMut(Notice),
    ) -> Result<(), StoreError> {
        let mut after = delivery.done_to;
        while after < sending.to {
            let page = self.collector.shelves.notices_after(after, PAGE)?;
            let Some(last) = page.last().map(|notice| notice.number) else { break };
            after = last;
            page.into_iter().take_while(|notice| notice.number <= sending.to).for_each(&mut visit);
        }
        Ok(())
    }

    /// Whether the message under way tells of a notice in its range.
    fn holds(&self, sending: &Sending, delivery: &Delivery, places: &Places, notice: &Notice) -> bool {
        (!sending.urgent_only || routing::breaks_through(notice))
            && !self.told_at_once(delivery, notice)
            && self.wants(places, notice)
    }

    /// What became of each violation within the range. The same range says the same, however often it is tried.
    fn ends(&self, sending: &Sending, delivery: &Delivery, places: &Places) -> Result<Ends, StoreError> {
        let mut ends = Ends::new();
        self.each_of(sending, delivery, |notice| {
            let over = matches!(notice.what, StepKind::Resolved | StepKind::Closed);
            let wanted = self.holds(sending, delivery, places, &notice);
            let (number, what) = (notice.number, notice.what);
            let end = ends.entry(notice.violation.key).or_insert(End { last: number, over: None });
            end.over = over.then_some(what);
            if wanted {
                end.last = number;
            }
        })?;
        Ok(ends)
    }

    fn wants(&self, places: &Places, notice: &Notice) -> bool {
        wants(&self.recipient, self.plan(), places, notice)
    }

    fn places(&self) -> Result<Places, StoreError> {
        Places::of(&self.collector)
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

/// What became of a violation within a range of notices.
struct End {
    /// The last notice of it that is told.
    last: u64,
    /// How it ended, if it did.
    over: Option<StepKind>,
}

/// By the violation's key.
type Ends = BTreeMap<String, End>;

fn wants(recipient: &Recipient, plan: Plan<'_>, places: &Places, notice: &Notice) -> bool {
    let mut place = places.place(&notice.violation.device, notice.at);
    // A log of another system is a record and wakes nobody.
    place.maintained &= recipient.kind != RECORDS;
    !plan.skips(notice.at) && routing::wants(&recipient.filter, notice, place)
}

fn told_of(message: &Message) -> usize {
    message.counts.values().sum()
}

/// Drops the state of recipients that are configured no longer: if one comes back, it begins anew.
pub(super) fn forget_strangers(collector: &Collector, outbox: &Outbox) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    for delivery in collector.shelves.all::<Delivery>("delivery/")? {
        if !outbox.recipients.iter().any(|recipient| recipient.name == delivery.recipient) {
            info!(recipient = %delivery.recipient, "Recipient is configured no longer.");
            batch.remove(delivery_key(&delivery.recipient));
            letters::forget(&collector.shelves, &mut batch, &delivery.recipient)?;
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

#[cfg(test)]
mod tests;
