//! The collector: keeps the ledger and the observations, compares the two, alerts and answers.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use daicho_rules::ledger::Ledger;
use tokio::sync::Notify;

pub mod admin;
pub mod alerts;
pub mod applications;
pub mod authority;
pub mod bookkeeping;
pub mod chronicle;
pub mod cli;
pub mod clock;
pub mod config;
pub mod evaluation;
pub mod grpc;
pub mod identity;
pub mod intake;
pub mod queries;
pub mod report;
pub mod retention;
pub mod serve;
pub mod shelves;
pub mod store;
pub mod swaps;
pub mod telemetry;

/// What the rooms share. Each room is a module with functions over this, and tasks that `serve` starts.
pub struct Collector {
    /// Everything that is kept.
    pub shelves: shelves::Shelves,
    /// The only source of time.
    pub clock: Arc<dyn clock::Clock>,
    /// The ledger's current version.
    ledger: RwLock<Books>,
    /// Held by whoever reads, decides and writes violations, notices, the ledger or the log.
    pub judging: tokio::sync::Mutex<()>,
    /// An entry waits to be taken into the log.
    pub chronicle_filled: Notify,
    /// A notice was added to the outbox.
    pub outbox_filled: Notify,
    /// Who is told, once `serve` has read the configuration: for `daicho alerts` and its test.
    pub outbox: OnceLock<Arc<alerts::Outbox>>,
    /// Which certificates are welcome.
    pub gate: identity::Gate,
    /// Writes for many at once.
    pub writer: store::writer::Writer,
    /// What the intake remembers of each endpoint.
    pub seats: intake::Seats,
    /// What each endpoint may still have kept of its events.
    pub allowances: intake::Allowances,
    /// Signs of life that are not on disk yet.
    pub heard: intake::Heard,
    /// Held by whoever changes the row of an endpoint or operator.
    pub enrolling: tokio::sync::Mutex<()>,
    /// What is to be judged.
    pub evaluation: evaluation::Agenda,
    /// Counters.
    pub metrics: telemetry::Metrics,
}

impl Collector {
    /// Opens the rooms over a store: the newest ledger, or an empty one.
    pub fn open(
        store: Arc<dyn store::Store>,
        clock: Arc<dyn clock::Clock>,
    ) -> Result<Self, store::StoreError> {
        let shelves = shelves::Shelves::new(store);
        chronicle::begin(&shelves, clock.now())?;
        let ledger = match shelves.ledger_versions()?.last() {
            Some(version) => shelves.ledger(version.number)?.unwrap_or_default(),
            None => Ledger::default(),
        };
        let in_force = applications::begin(&shelves, &ledger, clock.now())?;
        let books = Books::new(ledger, in_force);
        let gate = identity::Gate::load(&shelves)?;
        let writer = store::writer::Writer::start(Arc::clone(shelves.store())).map_err(|error| {
            store::StoreError::Failed { action: "start its writing thread", reason: error.to_string() }
        })?;
        Ok(Collector {
            gate,
            writer,
            seats: intake::Seats::default(),
            allowances: intake::Allowances::default(),
            heard: intake::Heard::default(),
            enrolling: tokio::sync::Mutex::new(()),
            evaluation: evaluation::Agenda::default(),
            metrics: telemetry::Metrics::default(),
            shelves,
            clock,
            ledger: RwLock::new(books),
            judging: tokio::sync::Mutex::new(()),
            chronicle_filled: Notify::new(),
            outbox_filled: Notify::new(),
            outbox: OnceLock::new(),
        })
    }

    /// The ledger's current version, as it is written.
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger.read().unwrap_or_else(PoisonError::into_inner).written)
    }

    /// The ledger's current version without the exceptions and media that wait for the officer: what is judged by.
    /// Its other rows are those of [`Collector::ledger`], in their places.
    pub fn ledger_in_force(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger.read().unwrap_or_else(PoisonError::into_inner).in_force)
    }

    /// Makes a version that was committed the current one, all of it in force.
    pub fn set_ledger(&self, ledger: Ledger) {
        self.set_books(ledger, None);
    }

    /// Makes a version that was committed the current one. `in_force`: without what waits; `None`: nothing waits.
    pub fn set_books(&self, ledger: Ledger, in_force: Option<Ledger>) {
        let books = Books::new(ledger, in_force);
        *self.ledger.write().unwrap_or_else(PoisonError::into_inner) = books;
    }

    /// Another part of the current version is in force now.
    pub fn set_in_force(&self, in_force: Option<Ledger>) {
        let mut books = self.ledger.write().unwrap_or_else(PoisonError::into_inner);
        books.in_force = in_force.map_or_else(|| Arc::clone(&books.written), Arc::new);
    }

    /// Asks for a judgement of an endpoint's device: something was seen, or a person decided something.
    pub fn nudge(&self, endpoint: daicho_proto::endpoint::EndpointId) {
        self.evaluation.add(endpoint);
    }

    /// Asks for a judgement of everything: the ledger changed.
    pub fn nudge_all(&self) {
        self.evaluation.add_all();
    }
}

/// The ledger as it is written, and what of it is in force.
struct Books {
    written: Arc<Ledger>,
    in_force: Arc<Ledger>,
}

impl Books {
    fn new(written: Ledger, in_force: Option<Ledger>) -> Self {
        let written = Arc::new(written);
        let in_force = in_force.map_or_else(|| Arc::clone(&written), Arc::new);
        Books { written, in_force }
    }
}
