//! Alerts for the wire: how each recipient stands, what was told, what a test was answered.

use daicho_proto::time::to_wire;
use daicho_proto::wire;

use super::wire::word;
use crate::Collector;
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
