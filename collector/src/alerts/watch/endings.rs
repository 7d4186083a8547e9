//! Which exceptions, permits and certificates that end soon are told: twice each, and no more. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{PEOPLE, oversees};
use crate::alerts::channels::Recipient;
use crate::alerts::ending::Ending;
use crate::alerts::letters::{Letter, Topic};
use crate::alerts::outbox::Places;
use crate::alerts::routing;

/// The second and last word on it.
const LAST_WORD: SignedDuration = SignedDuration::from_hours(3 * 24);
/// What one letter lists.
const LISTED_MAX: usize = 50;

/// The letters, and what to remember.
pub(super) fn decide(
    endings: &[Ending],
    memory: &mut BTreeMap<String, u8>,
    recipients: &[Arc<Recipient>],
    places: &Places,
    now: Timestamp,
) -> Vec<Letter> {
    memory.retain(|key, _| endings.iter().any(|ending| ending.key() == *key));
    let mut due = Vec::new();
    for ending in endings {
        let word = if ending.ends_at.duration_since(now) <= LAST_WORD { 2 } else { 1 };
        let told = memory.entry(ending.key()).or_default();
        if *told < word {
            *told = word;
            due.push(ending);
        }
    }
    let people = recipients.iter().filter(|recipient| recipient.kind == PEOPLE);
    let letters = people.filter_map(|recipient| {
        let own = |ending: &&&Ending| {
            let in_section = |device: &str| {
                let place = places.place(device, now);
                place.section.is_some() && routing::in_own_section(&recipient.filter, place)
            };
            oversees(recipient) || ending.place.as_deref().is_some_and(in_section)
        };
        let mut endings: Vec<Ending> = due.iter().filter(own).map(|ending| (*ending).clone()).collect();
        if endings.is_empty() {
            return None;
        }
        let more = endings.len().saturating_sub(LISTED_MAX);
        endings.truncate(LISTED_MAX);
        Some(Letter::new(&recipient.name, Topic::Ending { endings, more }, Vec::new(), now))
    });
    letters.collect()
}
