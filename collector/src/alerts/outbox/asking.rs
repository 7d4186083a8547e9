//! What is asked of the outbox: how a recipient stands, what ails its channel, and what was told.

use super::state::{Delivery, Told, delivery_key, told_key};
use super::{PAGE, Places, wants};
use crate::Collector;
use crate::alerts::calendar::Schedule;
use crate::alerts::channels::Recipient;
use crate::alerts::config::Outside;
use crate::alerts::letters::{self, Failing};
use crate::alerts::routing::{self, Plan, Waiting};
use crate::alerts::watch::Trouble;
use crate::alerts::{Outbox, Status};
use crate::store::StoreError;

/// How far `waiting` counts: beyond it the number itself says enough.
const COUNTED_MAX: usize = 10_000;

/// How a recipient stands.
pub(in crate::alerts) fn status(
    collector: &Collector,
    outbox: &Outbox,
    recipient: &Recipient,
) -> Result<Status, StoreError> {
    let now = collector.clock.now();
    let delivery: Option<Delivery> = collector.shelves.get(&delivery_key(&recipient.name))?;
    let places = Places::of(collector)?;
    let plan = Plan { times: &recipient.times, holidays: &outbox.holidays };
    let urgent_to = delivery.as_ref().map_or(0, |delivery| delivery.urgent_to);
    let mut waiting = Waiting::after(delivery.as_ref().map_or(0, |delivery| delivery.done_to));
    loop {
        let page = collector.shelves.notices_after(waiting.seen_to, PAGE)?;
        for notice in &page {
            let told = notice.number <= urgent_to && routing::breaks_through(notice);
            waiting.add(notice, !told && wants(recipient, plan, &places, notice));
        }
        if page.len() < PAGE || waiting.wanted >= COUNTED_MAX {
            break;
        }
    }
    let sending = delivery.and_then(|delivery| delivery.sending);
    let times = &recipient.times;
    let next = |schedule: &Option<Schedule>| {
        schedule.as_ref().and_then(|schedule| schedule.next(now, &outbox.holidays))
    };
    Ok(Status {
        recipient: recipient.name.clone(),
        channel: recipient.kind,
        address: recipient.channel.address(),
        waiting: waiting.wanted.min(COUNTED_MAX),
        waiting_since: waiting.oldest().or(sending.as_ref().map(|sending| sending.at)),
        letters: letters::waiting(&collector.shelves, &recipient.name)?.len(),
        role: recipient.role,
        hours: times.hours.as_ref().map(ToString::to_string),
        skips_outside: times.outside == Outside::Skip,
        digest: times.digest.as_ref().map(ToString::to_string),
        next_digest: next(&times.digest),
        daily_word: times.daily_word.as_ref().map(ToString::to_string),
        next_daily_word: next(&times.daily_word),
        quiet_until: Some(plan.opening(now)).filter(|opening| *opening > now),
        attempts: sending.as_ref().map_or(0, |sending| sending.attempts),
        next_try: sending.as_ref().filter(|sending| sending.attempts > 0).map(|sending| sending.next_try),
        failing_since: sending.as_ref().filter(|sending| sending.attempts > 0).map(|sending| sending.at),
        failure: sending.as_ref().and_then(|sending| sending.failure.clone()),
        permanent: sending.is_some_and(|sending| sending.permanent),
    })
}

/// What ails a recipient's channel, if its last attempt failed.
pub(in crate::alerts) fn trouble(
    collector: &Collector,
    recipient: &Recipient,
) -> Result<Option<Trouble>, StoreError> {
    let delivery: Option<Delivery> = collector.shelves.get(&delivery_key(&recipient.name))?;
    let sending = delivery.and_then(|delivery| delivery.sending);
    Ok(sending.and_then(|sending| {
        let reason = sending.failure?;
        let failing = Failing { recipient: recipient.name.clone(), since: sending.at, reason };
        Some(Trouble { failing, attempts: sending.attempts, permanent: sending.permanent })
    }))
}

/// The newest entries of the log of deliveries, the newest first.
pub(in crate::alerts) fn told(collector: &Collector, limit: usize) -> Result<Vec<Told>, StoreError> {
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
