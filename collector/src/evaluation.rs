//! Nudged or due: loads the evidence of a device, reconciles, commits violations with their notices.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use daicho_proto::endpoint::EndpointId;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};

use crate::Collector;
use crate::chronicle::What;
use crate::store::{Batch, StoreError};

mod extract;
mod judging;
pub(crate) mod links;
#[cfg(test)]
mod lives;
#[cfg(test)]
mod tests;

pub(crate) use extract::Extracts;
use judging::Job;
use links::Links;

/// Devices that are judged and committed together: a nudge waits for no more than these.
const CHUNK: usize = 32;

/// Devices of a walk over all that are judged and committed together: each commit waits for the disk once, and whoever
/// decides something meanwhile waits for one of them.
const WALKED_CHUNK: usize = 256;

/// How often the clock is looked at: dates turn and machines fall silent with no event. Failed judgements are tried again then.
const TICK: Duration = Duration::from_secs(60);

/// After a start, agents come back for this long before anybody is judged for silence: the silence may be our own.
const FIRST_PASS_AFTER: Duration = Duration::from_secs(120);

/// A judgement that failed, for a full disk mostly, is tried again after this long.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Everything is judged once in this time.
const LOOKED_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// What waits to be judged: each endpoint once, however often it reported.
#[derive(Debug, Default)]
pub struct Agenda {
    waiting: Mutex<Waiting>,
    filled: Notify,
    failure: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
struct Waiting {
    endpoints: BTreeSet<EndpointId>,
    all: bool,
}

impl Agenda {
    pub(crate) fn add(&self, endpoint: EndpointId) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).endpoints.insert(endpoint);
        self.filled.notify_one();
    }

    pub(crate) fn add_all(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).all = true;
        self.filled.notify_one();
    }

    /// How many endpoints wait.
    pub fn len(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).endpoints.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.endpoints.is_empty() && !waiting.all
    }

    /// Why the last judgement failed, until one succeeds: nothing is told of any device meanwhile.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn went(&self, failure: Option<String>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts back what failed; the next tick tries again.
    fn put_back(&self, endpoints: impl IntoIterator<Item = EndpointId>, all: bool) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.endpoints.extend(endpoints);
        waiting.all |= all;
    }
}

/// Judges what is nudged at once, and everything each hour: the hour on which a day begins in Japan is one of them.
/// Ends after the chunk under way when `stop` turns true; what then waits is judged after the next start.
pub async fn run(collector: Arc<Collector>, mut stop: watch::Receiver<bool>) {
    let mut evaluator = Evaluator::new(collector, stop.clone());
    let started = tokio::time::Instant::now();
    let mut judged_hour = None;
    while !*stop.borrow() {
        // The first look at the agenda comes at once: a nudge may have come before this task.
        if evaluator.collector.evaluation.is_empty() {
            tokio::select! {
                () = evaluator.collector.evaluation.filled.notified() => {}
                () = tokio::time::sleep(TICK) => {}
                // An error: who could stop us is gone, which is a stop too.
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
        let hour = hour_of(evaluator.collector.clock.now());
        let due = judged_hour != Some(hour) && started.elapsed() >= FIRST_PASS_AFTER;
        if !evaluator.work(due).await {
            // Stopped, or failed: what failed may do so again at once.
            tokio::select! {
                () = tokio::time::sleep(AFTER_FAILURE) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        } else if due {
            judged_hour = Some(hour);
            note(&evaluator.collector).await;
        }
    }
}

/// Notes in the log that everything was judged: a day of which it says nothing is a day on which nobody looked.
async fn note(collector: &Arc<Collector>) {
    let now = collector.clock.now();
    let counting = Arc::clone(collector);
    let counted = blocking(move || {
        let (shelves, mut heard) = (&counting.shelves, 0);
        for row in shelves.endpoints()?.iter().filter(|row| row.revoked_at.is_none()) {
            let last = counting.heard.of(row.id).or(shelves.heard(row.id)?.0);
            heard += u64::from(last.is_some_and(|at| now.duration_since(at) < LOOKED_EVERY));
        }
        Ok((shelves.verdicts()?.len() as u64, heard))
    });
    let kept = match counted.await {
        Ok((devices, heard)) => {
            let mut batch = Batch::default();
            batch.put_waiting(now, "daicho", What::Judged { devices, heard });
            collector.writer.commit(batch).await.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    match kept {
        Ok(()) => collector.chronicle_filled.notify_one(),
        Err(error) => tracing::error!(error, "It could not be noted that everything was judged."),
    }
}

fn hour_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3_600)
}

/// The links between endpoints and ledger, and what is still to do of a walk over all devices.
pub struct Evaluator {
    collector: Arc<Collector>,
    links: Links,
    /// The ledger in force, sorted for judging; kept until it changes.
    extracts: Option<Arc<Extracts>>,
    rest: VecDeque<Job>,
    stop: watch::Receiver<bool>,
}

impl Evaluator {
    /// One that made no link yet; it rests between two chunks once `stop` is true.
    pub fn new(collector: Arc<Collector>, stop: watch::Receiver<bool>) -> Self {
        Evaluator { collector, links: Links::default(), extracts: None, rest: VecDeque::new(), stop }
    }

    /// Does what waits, and everything where `everything` is due. False: something failed and waits for the next tick.
    pub async fn work(&mut self, everything: bool) -> bool {
        let mut waiting = self.collector.evaluation.take();
        waiting.all |= everything;
        loop {
            let outcome = self.step(&waiting).await;
            if let Err(error) = outcome {
                tracing::error!(%error, "Evaluation failed; it is tried again within a minute.");
                self.collector.evaluation.went(Some(error.to_string()));
                let all = waiting.all || !self.rest.is_empty();
                self.rest.clear();
                self.collector.evaluation.put_back(waiting.endpoints, all);
                // Links may be half made: the next time makes them anew.
                self.links = Links::default();
                return false;
            }
            self.collector.evaluation.went(None);
            waiting = self.collector.evaluation.take();
            let done = self.rest.is_empty() && waiting.endpoints.is_empty() && !waiting.all;
            if done || *self.stop.borrow() {
                return done;
            }
        }
    }

    /// Judges what was nudged, then one chunk of the rest.
    async fn step(&mut self, waiting: &Waiting) -> Result<(), StoreError> {
        if waiting.all || !self.links.are_of(&self.collector.ledger()) {
            let collector = Arc::clone(&self.collector);
            let made = blocking(move || {
                let links = Links::make(&collector)?;
                let jobs = judging::all_jobs(&collector, &links)?;
                Ok((links, jobs))
            });
            // The ledger is sorted meanwhile; `judge` asks for it again.
            let (made, sorted) = tokio::join!(made, self.extracts());
            sorted?;
            let (links, jobs) = made?;
            (self.links, self.rest) = (links, jobs.into());
        } else if !waiting.endpoints.is_empty() {
            let mut jobs = Vec::new();
            for endpoint in &waiting.endpoints {
                for label in self.links.refresh(&self.collector, *endpoint)? {
                    if !jobs.iter().any(|job: &Job| job.device == label) {
                        jobs.push(judging::job(&self.collector, &self.links, label)?);
                    }
                }
            }
            for chunk in jobs.chunks(CHUNK) {
                self.judge(chunk.to_vec()).await?;
            }
        }
        let chunk: Vec<Job> = self.rest.drain(..self.rest.len().min(WALKED_CHUNK)).collect();
        if chunk.is_empty() { Ok(()) } else { self.judge(chunk).await }
    }

    /// The ledger in force, sorted.
    async fn extracts(&mut self) -> Result<Arc<Extracts>, StoreError> {
        let ledger = self.collector.ledger_in_force();
        match &self.extracts {
            Some(extracts) if extracts.are_of(&ledger) => Ok(Arc::clone(extracts)),
            _ => {
                self.extracts = None;
                let made = Arc::new(blocking(move || Ok(Extracts::of(ledger))).await?);
                self.extracts = Some(Arc::clone(&made));
                Ok(made)
            }
        }
    }

    async fn judge(&mut self, jobs: Vec<Job>) -> Result<(), StoreError> {
        let collector = Arc::clone(&self.collector);
        // Sorted before anybody has to wait, and anew in the rare case that the ledger changes just then.
        let mut extracts = self.extracts().await?;
        let judging = Arc::clone(&self.collector);
        let _judging = judging.judging.lock().await;
        if !extracts.are_of(&self.collector.ledger_in_force()) {
            extracts = self.extracts().await?;
        }
        if !self.links.are_of(&self.collector.ledger()) {
            // The ledger changed meanwhile: what was prepared is of the old one.
            self.collector.evaluation.put_back([], true);
            return Ok(());
        }
        let span = tracing::info_span!("evaluation", devices = jobs.len());
        let notices =
            blocking(move || span.in_scope(|| judging::judge(&collector, &extracts, &jobs))).await?;
        if notices > 0 {
            self.collector.outbox_filled.notify_one();
        }
        Ok(())
    }
}

/// Rules and disk take milliseconds: not on a thread that answers requests.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(StoreError::Failed { action: "judge", reason: format!("a rule or the store gave up: {error}") })
    })
}
