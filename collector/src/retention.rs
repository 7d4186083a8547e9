//! How long what is kept is kept: the events of machines, who was told, violations that ended. Once a day, in small steps,
//! so that whoever reports or decides meanwhile waits for none of it.
//!
//! The log itself is never cut: it is the proof. Of a violation that is forgotten it says so, and still tells its life.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use daicho_proto::endpoint::EndpointId;
use daicho_rules::violation::State;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::sync::watch;

use crate::Collector;
use crate::chronicle::{Chronicle, What};
use crate::shelves::{Shelves, log_place};
use crate::store::{Batch, StoreError};

/// After a start, agents come back first.
const FIRST_AFTER: Duration = Duration::from_secs(600);

/// A day is far less than anything is kept for.
const EVERY: Duration = Duration::from_secs(86_400);

/// Entries of one step: some milliseconds.
const STEP: usize = 500;

/// Violations of one step: each has a history, and people who decide wait meanwhile.
const VIOLATIONS_STEP: usize = 20;

/// Between two steps.
const PAUSE: Duration = Duration::from_millis(50);

/// The newest observations of an endpoint that it may send again, because it did not hear that we have them. Far more
/// than are ever on their way.
const SENT_AGAIN_MAX: u64 = 10_000;

/// What came so long before a violation was first seen may belong to it.
const BEFORE_A_VIOLATION: SignedDuration = SignedDuration::from_hours(24);

/// `[retention]`: days; 0 keeps for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What machines told as it happened: media that came and went, gaps.
    pub events_days: u32,
    /// Who was told what, when and how.
    pub deliveries_days: u32,
    /// Violations after their last step, when they are resolved.
    pub violations_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config { events_days: 1_095, deliveries_days: 1_095, violations_days: 3_650 }
    }
}

impl Config {
    /// Fewer days than these would take away what a rule or a report still asks for.
    pub const DAYS_MIN: u32 = 90;

    /// What is older may go; `None`: nothing.
    fn before(days: u32, now: Timestamp) -> Option<Timestamp> {
        (days > 0).then(|| now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).ok())?
    }
}

/// Lets go what is kept no longer, once a day, until `stop` turns true.
pub async fn run(collector: Arc<Collector>, config: Config, mut stop: watch::Receiver<bool>) {
    let mut wait = FIRST_AFTER;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        wait = EVERY;
        let passed = tokio::select! {
            passed = pass(&collector, config) => passed,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match passed {
            Ok(gone) if gone == Gone::default() => {}
            Ok(gone) => tracing::info!(?gone, "Let go what is kept no longer."),
            Err(error) => tracing::error!(error, "What is kept no longer is still there; tomorrow again."),
        }
    }
}

/// What was let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Events of machines.
    pub events: usize,
    /// Deliveries.
    pub deliveries: usize,
    /// Violations with their histories.
    pub violations: usize,
}

/// One walk over everything.
pub async fn pass(collector: &Arc<Collector>, config: Config) -> Result<Gone, String> {
    let now = collector.clock.now();
    let mut gone = Gone::default();
    if let Some(before) = Config::before(config.events_days, now) {
        gone.events = events(collector, before).await?;
    }
    if let Some(before) = Config::before(config.deliveries_days, now) {
        gone.deliveries = deliveries(collector, before).await?;
    }
    if let Some(before) = Config::before(config.violations_days, now) {
        gone.violations = violations(collector, before).await?;
    }
    Ok(gone)
}

async fn events(collector: &Collector, before: Timestamp) -> Result<usize, String> {
    let shelves = &collector.shelves;
    let needed = evidence_since(shelves).map_err(told)?;
    let mut gone = 0;
    for row in shelves.endpoints().map_err(told)? {
        let before = needed.get(&row.id).map_or(before, |since| before.min(*since));
        let cursor = shelves.cursor(row.id).map_err(told)?.unwrap_or_default();
        let prefix = format!("log/{}/", row.id);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = shelves.store().scan(prefix.as_bytes(), after.as_deref(), STEP).map_err(told)?;
            let mut batch = Batch::default();
            for (key, value) in &page {
                let Some((incarnation, sequence, received_at)) = log_place(key, value) else { continue };
                let may_come_again = incarnation == cursor.incarnation
                    && sequence.saturating_add(SENT_AGAIN_MAX) > cursor.durable_to;
                if received_at < before && !may_come_again {
                    batch.remove(key.clone());
                }
            }
            after = page.last().map(|(key, _)| key.clone());
            let whole = page.len() == STEP;
            gone += step(collector, batch).await?;
            if !whole {
                break;
            }
        }
    }
    Ok(gone)
}

/// Since when the events of an endpoint may be evidence of something that is open.
fn evidence_since(shelves: &Shelves) -> Result<BTreeMap<EndpointId, Timestamp>, StoreError> {
    let mut oldest: BTreeMap<String, Timestamp> = BTreeMap::new();
    for violation in shelves.violations()?.into_iter().filter(|one| one.state != State::Resolved) {
        let since = violation.first_seen.checked_sub(BEFORE_A_VIOLATION).unwrap_or(Timestamp::MIN);
        let kept = oldest.entry(violation.device).or_insert(since);
        *kept = (*kept).min(since);
    }
    let mut needed = BTreeMap::new();
    for verdicts in shelves.verdicts()? {
        let Some(since) = oldest.get(&verdicts.device) else { continue };
        for endpoint in verdicts.endpoints {
            let kept = needed.entry(endpoint).or_insert(*since);
            *kept = (*kept).min(*since);
        }
    }
    Ok(needed)
}

async fn deliveries(collector: &Collector, before: Timestamp) -> Result<usize, String> {
    #[derive(Deserialize)]
    struct When {
        at: Timestamp,
    }
    let mut gone = 0;
    loop {
        let page = collector.shelves.store().scan(b"told/", None, STEP).map_err(told)?;
        let mut batch = Batch::default();
        for (key, value) in &page {
            match serde_json::from_slice::<When>(value) {
                Ok(When { at }) if at < before => batch.remove(key.clone()),
                // They lie in their order; one that cannot be read is left for `verify`.
                _ => break,
            }
        }
        let whole = batch.changes.len() == STEP;
        gone += step(collector, batch).await?;
        if !whole {
            return Ok(gone);
        }
    }
}

async fn violations(collector: &Collector, before: Timestamp) -> Result<usize, String> {
    let mut gone = 0;
    let old: Vec<String> = {
        let all = collector.shelves.violations().map_err(told)?.into_iter();
        all.filter(|one| one.state == State::Resolved && one.last_seen < before).map(|one| one.key).collect()
    };
    for keys in old.chunks(VIOLATIONS_STEP) {
        let judging = collector.judging.lock().await;
        let (shelves, mut batch, mut forgotten) = (&collector.shelves, Batch::default(), Vec::new());
        for key in keys {
            // Looked at once more: it may have been opened again meanwhile, or closed by a person only now.
            let resolved =
                shelves.violation(key).map_err(told)?.is_some_and(|one| one.state == State::Resolved);
            let history = shelves.history(key).map_err(told)?;
            if resolved && history.last().is_none_or(|step| step.at < before) {
                batch.remove_violation(key, history.len());
                forgotten.push(key.clone());
            }
        }
        if !forgotten.is_empty() {
            gone += forgotten.len();
            let what = What::Forgotten { violations: forgotten };
            Chronicle::open(shelves).map_err(told)?.append(&mut batch, collector.clock.now(), "daicho", what);
            shelves.commit(batch).map_err(told)?;
        }
        drop(judging);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(gone)
}

async fn step(collector: &Collector, batch: Batch) -> Result<usize, String> {
    let count = batch.changes.len();
    if count > 0 {
        collector.writer.commit(batch).await.map_err(told)?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(count)
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
