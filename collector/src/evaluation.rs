//! Nudged or due: loads the evidence of a device, reconciles, commits violations with their notices.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use daicho_proto::endpoint::EndpointId;
use tokio::sync::Notify;

/// What waits to be judged: each endpoint once, however often it reported.
#[derive(Debug, Default)]
pub struct Agenda {
    waiting: Mutex<Waiting>,
    filled: Notify,
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
}
