//! Which exceptions, permits and certificates that end soon are told: twice each, authorities more often. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{PEOPLE, oversees};
use crate::alerts::channels::Recipient;
use crate::alerts::ending::Ending;
use crate::alerts::letters::{Letter, Topic};
use crate::alerts::outbox::Places;
use crate::alerts::routing;

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
    let due = due(endings, memory, now);
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

/// Of which a word is to be said now.
fn due<'a>(endings: &'a [Ending], memory: &mut BTreeMap<String, u8>, now: Timestamp) -> Vec<&'a Ending> {
    memory.retain(|key, _| endings.iter().any(|ending| ending.key() == *key));
    let mut due = Vec::new();
    for ending in endings {
        let left = ending.ends_at.duration_since(now);
        let passed = ending.kind.words().iter().filter(|before| left <= **before).count();
        let word = u8::try_from(passed + 1).unwrap_or(u8::MAX);
        let told = memory.entry(ending.key()).or_default();
        if *told < word {
            *told = word;
            due.push(ending);
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::alerts::ending::EndingKind;

    /// How many words are said of something that ends in a year, looked at each day.
    fn words(kind: EndingKind) -> usize {
        let begin: Timestamp = "2026-11-18T00:00:00Z".parse().unwrap();
        let year = SignedDuration::from_hours(24 * 365);
        let ending = Ending { ends_at: begin + year, kind, name: "a".to_owned(), place: None };
        let mut memory = BTreeMap::new();
        let mut said = 0;
        for day in 0..365 {
            let now = begin + SignedDuration::from_hours(24 * day);
            said += due(std::slice::from_ref(&ending), &mut memory, now).len();
        }
        said
    }

    #[test]
    fn an_end_is_told_twice_and_that_of_an_authority_again_and_again() {
        assert_eq!(words(EndingKind::Server), 2);
        assert_eq!(words(EndingKind::Root), 7);
    }
}
