//! Who is told of what, and when: pure.

use std::collections::VecDeque;

use daicho_rules::normal;
use daicho_rules::rule::Severity;
use daicho_rules::violation::Violation;
use jiff::{SignedDuration, Timestamp};

use super::calendar::Holidays;
use super::config::{Config, Filter, Outside, Times};
use crate::shelves::Notice;

/// How long urgent news waits for more, from the notice on. What one look at a device finds is committed at once, so
/// this only has to cover the next device's commit; the budget from stick to mail is 300 ms.
const URGENT_GATHER: SignedDuration = SignedDuration::from_millis(30);

/// External media: a stick is pulled out again within minutes, so each of them is urgent (regulation, Article 11).
const MEDIA_ARTICLE: u8 = 11;

/// What the ledger says of a notice's device, and whether alerts of it wait.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place<'a> {
    pub(super) group: Option<&'a str>,
    /// The ledger's department.
    pub(super) section: Option<&'a str>,
    /// A maintenance window covered the device when the notice came to be.
    pub(super) maintained: bool,
}

/// Whether a recipient wants to be told.
pub(super) fn wants(filter: &Filter, notice: &Notice, place: Place<'_>) -> bool {
    filter.what.contains(&notice.what)
        && !place.maintained
        && concerns(filter, &notice.violation, place)
        && notice.violation.severity >= filter.severity_min
}

/// Whether a violation is a recipient's business: its article and its device.
pub(super) fn concerns(filter: &Filter, violation: &Violation, place: Place<'_>) -> bool {
    let among = |list: &[String], name: &str| {
        let name = normal::key(name);
        list.iter().any(|listed| normal::key(listed) == name)
    };
    let everywhere = filter.groups.is_empty() && filter.devices.is_empty() && filter.sections.is_empty();
    (filter.articles.is_empty() || filter.articles.contains(&violation.article))
        && (everywhere
            || place.group.is_some_and(|group| among(&filter.groups, group))
            || place.section.is_some_and(|section| among(&filter.sections, section))
            || among(&filter.devices, &violation.device))
        && in_own_section(filter, place)
}

/// Whether a head of section is told of a device of the own section; everybody else always is.
pub(super) fn in_own_section(filter: &Filter, place: Place<'_>) -> bool {
    let own = filter.own_section.as_deref();
    own.is_none_or(|own| place.section.is_some_and(|section| normal::same(own, section)))
}

/// Whether it should go at once.
pub(super) fn urgent(notice: &Notice) -> bool {
    use daicho_rules::violation::StepKind::{Closed, Resolved};
    let violation = &notice.violation;
    (violation.article == MEDIA_ARTICLE || violation.severity == Severity::High)
        && !matches!(notice.what, Resolved | Closed)
}

/// Whether it breaks through the hours and the digest of who is asleep.
pub(super) fn breaks_through(notice: &Notice) -> bool {
    urgent(notice) && notice.violation.severity == Severity::High
}

/// When one recipient is told, in the hospital's calendar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) times: &'a Times,
    pub(super) holidays: &'a Holidays,
}

impl Plan<'_> {
    /// Whether news may wait, so that what is urgent goes its own way.
    pub(super) fn holds(&self) -> bool {
        self.times.digest.is_some() || (self.times.hours.is_some() && self.times.outside == Outside::Wait)
    }

    /// Whether news of `at` is for somebody else, who has the other hours.
    pub(super) fn skips(&self, at: Timestamp) -> bool {
        let hours = self.times.hours.as_ref().filter(|_| self.times.outside == Outside::Skip);
        hours.is_some_and(|hours| !hours.contain(at, self.holidays))
    }

    /// From when on a message may go that may not go before `at`.
    pub(super) fn opening(&self, at: Timestamp) -> Timestamp {
        let hours = self.times.hours.as_ref();
        // Hours that do not begin within a year: better told than never.
        hours.and_then(|hours| hours.opening(at, self.holidays)).unwrap_or(at)
    }
}

/// What is to be told next, and from when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) at: Timestamp,
    /// Only what breaks through.
    pub(super) urgent_only: bool,
}

/// What waits for one recipient: grows notice by notice, in the order of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// The last notice that was looked at, wanted or not.
    pub(super) seen_to: u64,
    /// How many of them are wanted.
    pub(super) wanted: usize,
    /// When the first wanted one came to be.
    oldest: Option<Timestamp>,
    /// When the first urgent one came to be.
    urgent: Option<Timestamp>,
    /// When the first one that breaks through came to be.
    breaking: Option<Timestamp>,
}

impl Waiting {
    /// Nothing waits after `seen_to`.
    pub(super) fn after(seen_to: u64) -> Self {
        Waiting { seen_to, ..Waiting::default() }
    }

    /// Looks at the next notice.
    pub(super) fn add(&mut self, notice: &Notice, wanted: bool) {
        self.seen_to = notice.number;
        if wanted {
            self.wanted += 1;
            self.oldest.get_or_insert(notice.at);
            if urgent(notice) {
                self.urgent.get_or_insert(notice.at);
            }
            if breaks_through(notice) {
                self.breaking.get_or_insert(notice.at);
            }
        }
    }

    /// Whether something urgent is among it.
    pub(super) fn is_urgent(&self) -> bool {
        self.urgent.is_some()
    }

    /// When the first of it came to be.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.oldest
    }

    /// When it should go out; `None`: nothing is wanted.
    pub(super) fn due(&self, pace: &Pace, plan: Plan<'_>, now: Timestamp) -> Option<Due> {
        let oldest = self.oldest?;
        let soon = Self::soon(oldest, self.urgent, pace, now);
        if !plan.holds() {
            return Some(Due { at: soon, urgent_only: false });
        }
        // What a clock that was set back makes lie ahead waits as if it came now.
        let digest = plan.times.digest.as_ref();
        let gathered = digest.map_or(Some(soon), |digest| digest.next(oldest.min(now), plan.holidays));
        let all = Due { at: plan.opening(gathered.unwrap_or(soon).max(now)), urgent_only: false };
        let breaking = self.breaking.filter(|_| plan.times.urgent);
        let urgent =
            breaking.map(|first| Due { at: Self::soon(first, Some(first), pace, now), urgent_only: true });
        Some(urgent.filter(|urgent| all.at > now && urgent.at < all.at).unwrap_or(all))
    }

    /// When it should go out where nothing but its own kind is waited for.
    fn soon(oldest: Timestamp, urgent: Option<Timestamp>, pace: &Pace, now: Timestamp) -> Timestamp {
        let gathered = later(oldest, pace.digest);
        let due = match urgent.map(|urgent| later(urgent, URGENT_GATHER)) {
            Some(at_once) => at_once.max(pace.urgent_again()).min(gathered),
            None => gathered,
        };
        // A clock that was set back must not hold news for longer than the digest.
        due.min(later(now, pace.digest))
    }
}

/// How fast one recipient is told: urgent news at once, but a flood of it becomes digests.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    digest: SignedDuration,
    urgent_max: usize,
    /// When urgent messages went out, the newest `urgent_max` of them.
    urgent_sent: VecDeque<Timestamp>,
}

impl Pace {
    /// As configured.
    pub(super) fn of(config: &Config) -> Self {
        let urgent_max = usize::try_from(config.urgent_messages_max).unwrap_or(usize::MAX);
        Pace::new(SignedDuration::from_secs(config.digest_seconds.into()), urgent_max)
    }

    /// At most `urgent_max` urgent messages within `digest`.
    pub(super) fn new(digest: SignedDuration, urgent_max: usize) -> Self {
        Pace { digest, urgent_max: urgent_max.max(1), urgent_sent: VecDeque::new() }
    }

    /// An urgent message went out.
    pub(super) fn urgent_went(&mut self, at: Timestamp) {
        self.urgent_sent.push_back(at);
        while self.urgent_sent.len() > self.urgent_max {
            self.urgent_sent.pop_front();
        }
    }

    /// From when on the next urgent message may go.
    fn urgent_again(&self) -> Timestamp {
        match self.urgent_sent.front() {
            Some(first) if self.urgent_sent.len() == self.urgent_max => later(*first, self.digest),
            _ => Timestamp::MIN,
        }
    }
}

/// The first failure is tried again within this; then it doubles.
const RETRY_FIRST: SignedDuration = SignedDuration::from_secs(2);
/// A server that is mended is told within the hour, and a dead one hears from us 24 times a day.
const RETRY_MAX: SignedDuration = SignedDuration::from_hours(1);
/// The least pause: a fast refusal must not become a busy loop.
const RETRY_MIN: SignedDuration = SignedDuration::from_millis(500);

/// The pause before the next attempt, after `attempts` failed ones: exponential with full jitter, so that a mended
/// server is not met by everybody at once. `chance` lies in 0..1. What the server refused for good is tried again
/// slowly: a mailbox may be made, a rule mended.
pub(super) fn retry_after(attempts: u32, permanent: bool, chance: f64) -> SignedDuration {
    let chance = chance.clamp(0.0, 1.0);
    if permanent {
        return RETRY_MAX.mul_f64(0.5 + chance / 2.0);
    }
    let doublings = attempts.saturating_sub(1).min(20);
    let ceiling = RETRY_FIRST.checked_mul(1 << doublings).unwrap_or(RETRY_MAX).min(RETRY_MAX);
    ceiling.mul_f64(chance).max(RETRY_MIN)
}

/// `at` and a while; at the end of time, the end.
pub(super) fn later(at: Timestamp, pause: SignedDuration) -> Timestamp {
    at.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
