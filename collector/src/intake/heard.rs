//! When each endpoint was last heard: in memory at once, on disk with its next data or after some minutes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use daicho_proto::endpoint::EndpointId;
use jiff::Timestamp;

use crate::Collector;
use crate::shelves::signs;
use crate::store::Batch;

/// Signs of life are written together this often: a power cut makes an endpoint that had nothing to report look five
/// minutes more silent, where silence is counted in days.
const FLUSH_INTERVAL: Duration = Duration::from_secs(300);

/// Signs of life that are not on disk yet.
#[derive(Debug, Default)]
pub struct Heard {
    waiting: Mutex<BTreeMap<EndpointId, Timestamp>>,
}

impl Heard {
    /// An endpoint gave a sign of life.
    pub fn note(&self, endpoint: EndpointId, at: Timestamp) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(endpoint, at);
    }

    /// When an endpoint was last heard, if that is not on disk yet. It counts before what is on the disk, also where that is
    /// later: our own clock may have been ahead meanwhile.
    pub fn of(&self, endpoint: EndpointId) -> Option<Timestamp> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get(&endpoint).copied()
    }

    /// Writes what waits.
    pub async fn flush(collector: &Collector) {
        let waiting =
            std::mem::take(&mut *collector.heard.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if waiting.is_empty() {
            return;
        }
        let mut batch = Batch::default();
        let written = match signs::put(&collector.shelves, &mut batch, &waiting) {
            Ok(()) => collector.writer.commit(batch).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = written {
            tracing::warn!(%error, endpoints = waiting.len(), "Signs of life not written; they wait for the next time.");
            let mut again = collector.heard.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for (endpoint, at) in waiting {
                again.entry(endpoint).or_insert(at);
            }
        }
    }
}

/// Writes signs of life now and then, for ever.
pub async fn keep_heard(collector: &Collector) {
    loop {
        tokio::time::sleep(FLUSH_INTERVAL).await;
        Heard::flush(collector).await;
    }
}
