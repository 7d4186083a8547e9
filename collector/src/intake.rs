//! Takes observations in: parse, order, append, acknowledge once durable.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::{Fact, Gap, GapCause};
use daicho_proto::observation::{Malformed, Observation, ObservationId};
use daicho_proto::spool_trouble::SpoolTrouble;
use daicho_proto::wire;
use daicho_rules::record::EndpointRecord;
use daicho_rules::record::clock::Told;
use jiff::Timestamp;

use crate::Collector;
use crate::chronicle::refusals::Attempt;
use crate::shelves::{Cursor, ToldTo};
use crate::store::writer::NotWritten;
use crate::store::{Batch, StoreError};

mod allowance;
mod heard;
pub use allowance::Allowances;
use allowance::Events;
pub use heard::{Heard, keep_heard};

/// Observations of one report: more than an agent ever sends at once, few enough to be parsed in some milliseconds.
pub const REPORT_OBSERVATIONS_MAX: usize = 20_000;

/// Earlier incarnations that are remembered: an endpoint whose spool is lost more often has another problem.
const FORMER_MAX: usize = 64;

/// Endpoints whose cursor and media are kept in memory. The rest are read from the store when they report.
const SEATS_MAX: usize = 20_000;

/// Characters of an agent's version that are kept: what is longer is no version.
const VERSION_CHARACTERS_MAX: usize = 64;

/// What the caller is told to wait when too much is going on, in milliseconds.
pub const RETRY_AFTER_MS: u64 = 1_000;

/// Why a report was not taken. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It cannot be understood.
    #[error("report cannot be understood: {0}")]
    Malformed(String),
    /// Something before it is missing.
    #[error("report begins at observation {got}, expected {expected}; send from there on")]
    Hole {
        /// What is to come next.
        expected: u64,
        /// What came.
        got: u64,
    },
    /// An incarnation that had ended is back, or its numbers carry other events than before: two machines share one identity.
    #[error("two machines report as endpoint {0}; enrol the copy again")]
    Conflict(EndpointId),
    /// Too much is going on.
    #[error("the collector is busy; try again in a moment")]
    Busy,
    /// It told more events than a machine does.
    #[error("endpoint {endpoint} tells more events than a machine does; look what it is, or revoke it")]
    TooMuch {
        /// Who.
        endpoint: EndpointId,
        /// After how long it may ask again.
        wait: std::time::Duration,
    },
    /// The store could not take it, or could not be read.
    #[error("{0}")]
    Store(String),
}

impl From<Malformed> for Refusal {
    fn from(error: Malformed) -> Self {
        Refusal::Malformed(error.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Refusal::Store(error.to_string())
    }
}

impl From<NotWritten> for Refusal {
    fn from(error: NotWritten) -> Self {
        match error {
            NotWritten::Busy => Refusal::Busy,
            NotWritten::Store(_) | NotWritten::Stopping => Refusal::Store(error.to_string()),
        }
    }
}

/// What is remembered of each endpoint between two reports; one report of an endpoint at a time.
#[derive(Debug, Default)]
pub struct Seats {
    seats: Mutex<BTreeMap<EndpointId, Arc<tokio::sync::Mutex<Option<Seat>>>>>,
}

/// Cursor and the parts of the record that events add to; inventories only pass through.
#[derive(Clone, Debug)]
struct Seat {
    cursor: Option<Cursor>,
    record: EndpointRecord,
    agent_version: Option<String>,
    /// What it saw of ours it saw since then.
    enrolled_at: Option<Timestamp>,
}

impl Seats {
    fn of(&self, endpoint: EndpointId) -> Arc<tokio::sync::Mutex<Option<Seat>>> {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if seats.len() >= SEATS_MAX && !seats.contains_key(&endpoint) {
            // Who holds its seat is in the middle of a report.
            seats.retain(|_, seat| Arc::strong_count(seat) > 1);
        }
        Arc::clone(seats.entry(endpoint).or_default())
    }
}

/// Takes a report in, and answers up to where its incarnation is durable.
pub async fn take(
    collector: &Collector,
    endpoint: EndpointId,
    report: wire::ReportRequest,
) -> Result<u64, Refusal> {
    let received_at = collector.clock.now();
    if report.observations.len() > REPORT_OBSERVATIONS_MAX {
        let count = report.observations.len();
        return Err(Refusal::Malformed(format!(
            "it holds {count} observations, expected at most {REPORT_OBSERVATIONS_MAX}"
        )));
    }
    let incarnation = report.incarnation;
    let told = Told { received_at, agent_time_us: report.agent_time_us };
    let trouble = SpoolTrouble::from_wire(report.spool_trouble());
    let mut agent_version = report.agent_version;
    if let Some((end, _)) = agent_version.char_indices().nth(VERSION_CHARACTERS_MAX) {
        agent_version.truncate(end);
    }
    let observations = parse(report.observations, &agent_version)?;
    let seat = collector.seats.of(endpoint);
    let mut seat = seat.lock().await;
    // Taken out, and put back once durable: after a failure the store is asked anew.
    let mut current = match seat.take() {
        Some(current) => current,
        None => load(collector, endpoint)?,
    };
    let order = match order(current.cursor.as_ref(), endpoint, incarnation, &observations) {
        Ok(order) => order,
        Err(refusal) => {
            *seat = Some(current);
            return Err(refusal);
        }
    };
    if let Err(refusal) = same_events(collector, endpoint, incarnation, &observations[..order.known]) {
        *seat = Some(current);
        return Err(refusal);
    }
    let events = events(&observations[order.known..]);
    if let Err(wait) = collector.allowances.covers(endpoint, events, received_at) {
        *seat = Some(current);
        let (who, method) = (Some(format!("endpoint:{endpoint}")), "Intake/Report".to_owned());
        collector.gate.refusals.add(Attempt { who, method, needed: Vec::new(), address: None });
        return Err(Refusal::TooMuch { endpoint, wait });
    }
    collector.heard.note(endpoint, received_at);
    if trouble != current.record.spool_trouble {
        tracing::warn!(%endpoint, ?trouble, "What the agent's disk takes has changed.");
        let committed = collector.writer.commit(of_trouble(endpoint, trouble)).await;
        collector.nudge(endpoint);
        committed?;
        current.record.spool_trouble = trouble;
    }
    if order.known == observations.len() {
        let durable_to = order.durable_to;
        *seat = Some(current);
        if durable_to > 0 && collector.writer.load().failure().is_some() {
            // What is known may not be on disk yet: an empty batch is a flush.
            collector.writer.commit(Batch::default()).await?;
        }
        return Ok(durable_to);
    }
    let taken = observations.len() - order.known;
    let mut batch = Batch::default();
    let fresh = observations.into_iter().skip(order.known);
    let cursor = advance(current.cursor.take(), incarnation, order.durable_to + taken as u64);
    let told_to = fold(&mut current, cursor.told_to, (endpoint, incarnation), fresh, told, &mut batch);
    let cursor = Cursor { told_to, ..cursor };
    batch.put_json(&format!("cursor/{endpoint}"), &cursor);
    batch.put_json(&format!("record/{endpoint}/last_heard"), &received_at);
    if !agent_version.is_empty() && current.agent_version.as_ref() != Some(&agent_version) {
        batch.put_json(&format!("record/{endpoint}/agent_version"), &agent_version);
        current.agent_version = Some(agent_version);
    }
    let durable_to = cursor.durable_to;
    current.cursor = Some(cursor);
    let committed = collector.writer.commit(batch).await;
    // Also after a failure: it may be there and not flushed. Then the agent hears that it is known, and nobody else would
    // ask for a judgement.
    collector.nudge(endpoint);
    committed?;
    collector.allowances.count(endpoint, events, received_at);
    *seat = Some(current);
    drop(seat);
    collector.metrics.observations.inc_by(taken as u64);
    collector.metrics.reports.inc();
    tracing::info!(taken, durable_to, "Observations taken in.");
    Ok(durable_to)
}

/// How many of them are kept as events, and their bytes together.
fn events(observations: &[Parsed]) -> Events {
    let events = observations.iter().filter(|(observation, _)| observation.fact.inventory().is_none());
    events.fold(Events::default(), |sum, (_, wire)| Events {
        count: sum.count + 1,
        bytes: sum.bytes + wire.to_bytes().len() as u64,
    })
}

fn of_trouble(endpoint: EndpointId, trouble: Option<SpoolTrouble>) -> Batch {
    let (mut batch, key) = (Batch::default(), format!("record/{endpoint}/spool_trouble"));
    match trouble {
        Some(trouble) => batch.put_json(&key, &trouble),
        None => batch.remove(key),
    }
    batch
}

type Parsed = (Observation, wire::Observation);

fn parse(observations: Vec<wire::Observation>, agent_version: &str) -> Result<Vec<Parsed>, Refusal> {
    let mut parsed: Vec<Parsed> = Vec::with_capacity(observations.len());
    for wire in observations {
        if let Some((before, _)) = parsed.last()
            && before.sequence.checked_add(1) != Some(wire.sequence)
        {
            return Err(Refusal::Malformed(format!(
                "observation {} is followed by {}, expected the next number",
                before.sequence, wire.sequence
            )));
        }
        let (sequence, observed_at_us, kept) = (wire.sequence, wire.observed_at_us, wire.clone());
        match Observation::try_from(wire) {
            Ok(observation) => parsed.push((observation, kept)),
            // What a newer agent tells beyond our words is a hole in what we know, and holds up nothing behind it.
            Err(Malformed::NoFact { .. } | Malformed::Event(_))
                if is_newer(agent_version, env!("CARGO_PKG_VERSION")) =>
            {
                let observation = unknown(sequence, observed_at_us, agent_version);
                parsed.push((observation.clone(), observation.into()));
            }
            Err(malformed) => return Err(malformed.into()),
        }
    }
    Ok(parsed)
}

fn unknown(sequence: u64, observed_at_us: i64, agent_version: &str) -> Observation {
    let at = daicho_proto::time::from_wire(observed_at_us);
    let reason = format!("version {agent_version} of the agent tells what this collector does not know");
    let cause = GapCause::NewerAgent;
    let gap = Gap { lost: 1, reason, since: at, until: at, cause, at_least: false };
    Observation { sequence, observed_at: at, fact: Fact::Gap(gap) }
}

/// Whether one version comes after another, by the numbers in front; what has none is not newer.
fn is_newer(theirs: &str, ours: &str) -> bool {
    let numbers = |version: &str| {
        let front = version.split(['-', '+', '~']).next().unwrap_or_default();
        front.split('.').map(str::parse::<u64>).collect::<Result<Vec<_>, _>>().ok()
    };
    matches!((numbers(theirs), numbers(ours)), (Some(theirs), Some(ours)) if theirs > ours)
}

fn load(collector: &Collector, endpoint: EndpointId) -> Result<Seat, StoreError> {
    let shelves = &collector.shelves;
    let record = EndpointRecord {
        sightings: shelves.get(&format!("record/{endpoint}/sightings"))?.unwrap_or_default(),
        gaps: shelves.get(&format!("record/{endpoint}/gaps"))?.unwrap_or_default(),
        since: shelves.get(&format!("record/{endpoint}/since"))?.unwrap_or_default(),
        spool_trouble: shelves.get(&format!("record/{endpoint}/spool_trouble"))?,
        ..EndpointRecord::default()
    };
    Ok(Seat {
        cursor: shelves.cursor(endpoint)?,
        record,
        agent_version: shelves.agent_version(endpoint)?,
        enrolled_at: shelves.endpoint(endpoint)?.map(|row| row.enrolled_at),
    })
}

/// How a report lies to what is known.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    /// How many of its observations are known already.
    known: usize,
    /// The newest that is durable before it.
    durable_to: u64,
}

fn order(
    cursor: Option<&Cursor>,
    endpoint: EndpointId,
    incarnation: u64,
    observations: &[Parsed],
) -> Result<Order, Refusal> {
    let durable_to = match cursor {
        Some(cursor) if cursor.incarnation == incarnation => cursor.durable_to,
        Some(cursor) if cursor.former.contains(&incarnation) => return Err(Refusal::Conflict(endpoint)),
        _ => 0,
    };
    let Some((first, _)) = observations.first() else { return Ok(Order { known: 0, durable_to }) };
    let expected = durable_to.checked_add(1).ok_or(Refusal::Conflict(endpoint))?;
    if first.sequence > expected {
        return Err(Refusal::Hole { expected, got: first.sequence });
    }
    if first.sequence == 0 {
        return Err(Refusal::Malformed("observation 0, expected numbers from 1 on".to_owned()));
    }
    let known = usize::try_from(expected - first.sequence).unwrap_or(usize::MAX).min(observations.len());
    Ok(Order { known, durable_to })
}

/// Events that come again must be the ones that are kept: else a copy of the machine reports under the same name.
fn same_events(
    collector: &Collector,
    endpoint: EndpointId,
    incarnation: u64,
    known: &[Parsed],
) -> Result<(), Refusal> {
    for (observation, wire) in known {
        if observation.fact.inventory().is_some() {
            continue;
        }
        let id = ObservationId { endpoint, incarnation, sequence: observation.sequence };
        let key = crate::shelves::log_key(id);
        let kept = collector.shelves.store().get(key.as_bytes())?;
        if kept.is_none_or(|kept| kept.get(8..) != Some(wire.to_bytes().as_slice())) {
            tracing::warn!(%endpoint, %id, "The same observation came with another content: two machines share one identity.");
            return Err(Refusal::Conflict(endpoint));
        }
    }
    Ok(())
}

fn advance(cursor: Option<Cursor>, incarnation: u64, durable_to: u64) -> Cursor {
    let (mut former, mut told_to) = (Vec::new(), ToldTo::default());
    if let Some(cursor) = cursor {
        (former, told_to) = (cursor.former, cursor.told_to);
        if cursor.incarnation != incarnation {
            former.push(cursor.incarnation);
            let excess = former.len().saturating_sub(FORMER_MAX);
            former.drain(..excess);
        }
    }
    Cursor { incarnation, durable_to, former, told_to }
}

/// Folds observations into the record, and writes the parts that changed, and the events, into the batch. `told_to`: of
/// which moments the endpoint surely told already. Answers these as they are afterwards.
fn fold(
    seat: &mut Seat,
    mut told_to: ToldTo,
    (endpoint, incarnation): (EndpointId, u64),
    fresh: impl Iterator<Item = Parsed>,
    told: Told,
    batch: &mut Batch,
) -> ToldTo {
    let received_at = told.received_at;
    let (mut media_changed, mut gaps_changed) = (false, false);
    let since = seat.record.since.clone();
    for (observation, wire) in fresh {
        if observation.fact.inventory().is_none() {
            let id = ObservationId { endpoint, incarnation, sequence: observation.sequence };
            batch.put_log(id, received_at, &wire.to_bytes());
        }
        match &observation.fact {
            Fact::Media(_) | Fact::MediumEvent(_) => media_changed = true,
            Fact::Gap(_) => gaps_changed = true,
            _ => {}
        }
        let observed_at = observation.observed_at;
        let mut own = None;
        // Each of these tells in order. Between them there is none: what waits of an inventory comes after the events.
        let told_to = match &observation.fact {
            Fact::MediumEvent(_) => &mut told_to.events,
            Fact::Media(_) => &mut told_to.media,
            _ => &mut own,
        };
        let wrong_clock = told.wrong_clock(observed_at, (*told_to).max(seat.enrolled_at));
        *told_to = (*told_to).max(Some(observed_at.min(received_at)));
        seat.record.fold(endpoint, incarnation, observation, received_at, wrong_clock);
    }
    let record = &mut seat.record;
    let part = |name: &str| format!("record/{endpoint}/{name}");
    // Each inventory leaves the memory here; the store has it.
    put_part(batch, &part("host"), record.host.take());
    put_part(batch, &part("accounts"), record.accounts.take());
    put_part(batch, &part("packages"), record.packages.take());
    put_part(batch, &part("updates"), record.updates.take());
    put_part(batch, &part("antivirus"), record.antivirus.take());
    put_part(batch, &part("services"), record.services.take());
    put_part(batch, &part("software"), record.software.take());
    put_part(batch, &part("media"), record.media.take());
    put_part(batch, &part("sightings"), media_changed.then_some(&record.sightings));
    put_part(batch, &part("gaps"), gaps_changed.then_some(&record.gaps));
    put_part(batch, &part("since"), (record.since != since).then_some(&record.since));
    told_to
}

fn put_part<T: serde::Serialize>(batch: &mut Batch, key: &str, part: Option<T>) {
    if let Some(part) = part {
        batch.put_json(key, &part);
    }
}

#[cfg(test)]
mod tests;
