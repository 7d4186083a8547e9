//! Entries that were written with what they record, and wait to be taken into the chain.
//!
//! Who enrols or renews does not wait for the judge: a thousand machines may come back at once. The entry is durable in
//! the same batch; only its number comes later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{Chronicle, What};
use crate::Collector;
use crate::shelves::Shelves;
use crate::store::{Batch, StoreError};

/// Where they wait.
const WAITING: &str = "chronicle/waiting/";

/// Between two looks at what waits: a thousand enrolments make one batch.
const PAUSE: Duration = Duration::from_millis(200);

/// Refusals are written at once, and then no more than once in this time: who knocks ten thousand times fills no disk.
const REFUSALS_EVERY: Duration = Duration::from_secs(60);

/// Entries that are taken in one batch.
const TAKEN_MAX: usize = 1_000;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// When, by the collector's clock.
    pub at: Timestamp,
    /// `daicho`, or the person's name.
    pub by: String,
    /// What was decided or changed.
    pub what: What,
}

impl Batch {
    /// Leaves an entry for the log, in the same batch as what it records. For whoever does not hold
    /// `Collector::judging`; then [`crate::Collector::chronicle_filled`] is to be notified.
    pub fn put_waiting(&mut self, at: Timestamp, by: &str, what: What) {
        // Two entries of one microsecond lie side by side; after a restart the time has moved on.
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let (micros, count) = (at.as_microsecond(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let key = format!("{WAITING}{micros:016x}/{count:016x}");
        self.put_json(&key, &Waiting { at, by: by.to_owned(), what });
    }
}

impl Shelves {
    /// What waits to be taken into the chain, oldest first.
    pub fn chronicle_waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        self.all(WAITING)
    }
}

/// Takes what waits into the chain, until `stop` turns true.
pub async fn run(collector: Arc<Collector>, mut stop: watch::Receiver<bool>) {
    let mut refusals_at: Option<tokio::time::Instant> = None;
    loop {
        // What was refused within the last minute goes into the log before the end, too.
        let refusals = *stop.borrow() || refusals_at.is_none_or(|at| at.elapsed() >= REFUSALS_EVERY);
        match take(&collector, refusals).await {
            Ok(true) => refusals_at = Some(tokio::time::Instant::now()),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "Entries for the log wait; it is tried again."),
        }
        if *stop.borrow() {
            return;
        }
        tokio::select! {
            () = collector.chronicle_filled.notified() => {}
            () = collector.gate.refusals.filled.notified() => {}
            () = tokio::time::sleep(REFUSALS_EVERY) => {}
            // An error: who could stop us is gone, which is a stop too.
            _ = stop.wait_for(|stop| *stop) => return,
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Takes what waits into the chain, and the refused attempts if `refusals`. True: there were some of those.
pub async fn take(collector: &Arc<Collector>, refusals: bool) -> Result<bool, StoreError> {
    let refused = if refusals { collector.gate.refusals.take(collector.clock.now()) } else { Vec::new() };
    let some = !refused.is_empty();
    let _judging = collector.judging.lock().await;
    let work = Arc::clone(collector);
    let done = tokio::task::spawn_blocking(move || {
        let mut chronicle = Chronicle::open(&work.shelves)?;
        loop {
            let page = work.shelves.store().scan(WAITING.as_bytes(), None, TAKEN_MAX)?;
            if page.is_empty() {
                break;
            }
            let mut batch = Batch::default();
            for (key, value) in page {
                let waiting: Waiting =
                    serde_json::from_slice(&value).map_err(|error| StoreError::Corrupt {
                        key: String::from_utf8_lossy(&key).into_owned(),
                        reason: error.to_string(),
                    })?;
                chronicle.append(&mut batch, waiting.at, &waiting.by, waiting.what);
                batch.remove(key);
            }
            work.shelves.commit(batch)?;
        }
        let mut batch = Batch::default();
        for waiting in refused {
            chronicle.append(&mut batch, waiting.at, &waiting.by, waiting.what);
        }
        if batch.changes.is_empty() { Ok(()) } else { work.shelves.commit(batch) }
    });
    done.await.unwrap_or_else(|error| {
        Err(StoreError::Failed { action: "write the log", reason: format!("the store gave up: {error}") })
    })?;
    Ok(some)
}

/// Equal ones once, with how often.
pub(super) type Counted<K> = BTreeMap<K, u64>;
