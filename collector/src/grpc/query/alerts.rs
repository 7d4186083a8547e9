//! Alerts for the wire: how each recipient stands, what was told, what a test was answered.

use daicho_proto::time::{from_wire, to_wire};
use daicho_proto::wire;
use daicho_rules::ledger::Scope;
use daicho_rules::text::Language;

use super::wire::word;
use crate::Collector;
use crate::alerts::maintenance::{Wanted, Window};
use crate::alerts::preview::Preview;
use crate::alerts::{self, Outbox, TestAnswer, Told};
use crate::store::StoreError;

/// Every recipient, and the last `limit` entries of the log of deliveries.
pub(super) fn standing(
    collector: &Collector,
    outbox: &Outbox,
    limit: usize,
) -> Result<wire::AlertsAnswer, StoreError> {
    let recipients = alerts::status(collector, outbox)?.into_iter().map(|status| wire::AlertRecipient {
        recipient: status.recipient,
        channel: status.channel.to_owned(),
        address: status.address,
        waiting: status.waiting as u64,
        waiting_since_us: status.waiting_since.map(to_wire),
        attempts: status.attempts,
        next_try_us: status.next_try.map(to_wire),
        failure: status.failure,
        permanent: status.permanent,
        letters: status.letters as u64,
        role: status.role.map(|role| role.name().to_owned()).unwrap_or_default(),
        hours: status.hours.unwrap_or_default(),
        skips_outside: status.skips_outside,
        digest: status.digest.unwrap_or_default(),
        next_digest_us: status.next_digest.map(to_wire),
        daily_word: status.daily_word.unwrap_or_default(),
        next_daily_word_us: status.next_daily_word.map(to_wire),
        quiet_until_us: status.quiet_until.map(to_wire),
    });
    Ok(wire::AlertsAnswer {
        recipients: recipients.collect(),
        told: alerts::told(collector, limit)?.into_iter().map(told).collect(),
    })
}

fn told(told: Told) -> wire::Told {
    wire::Told {
        outcome: word(&told.outcome),
        number: told.number,
        at_us: to_wire(told.at),
        recipient: told.recipient,
        channel: told.channel,
        address: told.address,
        message_id: told.message_id,
        notices: told.notices as u64,
        keys: told.keys,
        attempts: told.attempts,
        answer: told.answer,
    }
}

/// What one recipient's server said to a test.
pub(super) fn tested(answer: TestAnswer) -> wire::AlertTest {
    let TestAnswer { recipient, channel, address, accepted, answer } = answer;
    wire::AlertTest { recipient, channel: channel.to_owned(), address, accepted, answer }
}

/// A text as it would be sent now.
pub(super) fn previewed(preview: Preview) -> wire::AlertPreview {
    let Preview { occasion, language, subject, body } = preview;
    let language = if language == Language::English { "en" } else { "ja" };
    wire::AlertPreview { occasion: occasion.to_owned(), language: language.to_owned(), subject, body }
}

/// Every window.
pub(super) fn maintenance(collector: &Collector) -> Result<wire::MaintenanceAnswer, StoreError> {
    let windows = alerts::maintenance::windows(&collector.shelves)?;
    Ok(wire::MaintenanceAnswer { windows: windows.into_iter().map(window).collect() })
}

/// What a person asks for; `None`: neither or both of device and group.
pub(super) fn wanted(request: wire::MaintenanceAddRequest, by: &str) -> Option<Wanted> {
    let scope = match (request.device, request.group) {
        (Some(device), None) => Scope::Device(device),
        (None, Some(group)) => Scope::Group(group),
        _ => return None,
    };
    let (from, until) = (request.from_us.map(from_wire), from_wire(request.until_us));
    Some(Wanted { scope, from, until, reason: request.reason, by: by.to_owned() })
}

/// One window.
pub(super) fn window(window: Window) -> wire::MaintenanceWindow {
    wire::MaintenanceWindow {
        number: window.number,
        place: window.place(),
        from_us: to_wire(window.from),
        until_us: to_wire(window.until),
        reason: window.reason,
        by: window.by,
        added_at_us: to_wire(window.added_at),
        ended_at_us: window.ended.as_ref().map(|ended| to_wire(ended.at)),
        ended_by: window.ended.map(|ended| ended.by),
    }
}
