//! The collector: keeps the ledger and the observations, compares the two, alerts and answers.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use daicho_rules::ledger::Ledger;
use tokio::sync::Notify;

pub mod alerts;
pub mod authority;
pub mod bookkeeping;
pub mod cli;
pub mod clock;
pub mod config;
pub mod evaluation;
pub mod grpc;
pub mod identity;
pub mod intake;
pub mod queries;
pub mod shelves;
pub mod store;
pub mod telemetry;

/// What the rooms share. Each room is a module with functions over this, and tasks that `serve` starts.
pub struct Collector {
    /// Everything that is kept.
    pub shelves: shelves::Shelves,
    /// The only source of time.
    pub clock: Arc<dyn clock::Clock>,
    /// The ledger's current version.
    ledger: RwLock<Arc<Ledger>>,
    /// Held by whoever reads, decides and writes violations, notices or the ledger.
    pub judging: tokio::sync::Mutex<()>,
    /// A notice was added to the outbox.
    pub outbox_filled: Notify,
    /// Who is told, once `serve` has read the configuration: for `daicho alerts` and its test.
    pub outbox: OnceLock<Arc<alerts::Outbox>>,
}

impl Collector {
    /// Opens the rooms over a store: the newest ledger, or an empty one.
    pub fn open(
        store: Arc<dyn store::Store>,
        clock: Arc<dyn clock::Clock>,
    ) -> Result<Self, store::StoreError> {
        let shelves = shelves::Shelves::new(store);
        let ledger = match shelves.ledger_versions()?.last() {
            Some(version) => shelves.ledger(version.number)?.unwrap_or_default(),
            None => Ledger::default(),
        };
        Ok(Collector {
            shelves,
            clock,
            ledger: RwLock::new(Arc::new(ledger)),
            judging: tokio::sync::Mutex::new(()),
            outbox_filled: Notify::new(),
            outbox: OnceLock::new(),
        })
    }

    /// The ledger's current version.
    pub fn ledger(&self) -> Arc<Ledger> {
        self.ledger.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a version that was committed the current one.
    pub fn set_ledger(&self, ledger: Ledger) {
        *self.ledger.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ledger);
    }
}
