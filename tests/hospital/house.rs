//! The collector of the hospital: its own rooms, called one after the other where `serve` has tasks.

use std::sync::Arc;

use daicho_collector::Collector;
use daicho_collector::bookkeeping::importing::{self, Entry};
use daicho_collector::chronicle::What;
use daicho_collector::evaluation::Evaluator;
use daicho_collector::grpc::status_of;
use daicho_collector::identity::roles;
use daicho_collector::intake::{self, Heard};
use daicho_collector::shelves::{EndpointRow, OperatorRow, Shelves};
use daicho_collector::store::{Batch, Store as _};
use daicho_collector::{chronicle, clock::Clock as _};
use daicho_proto::endpoint::EndpointId;
use daicho_proto::wire::ReportRequest;
use daicho_rules::ledger::Ledger;
use tokio::runtime::Runtime;
use tonic::Status;

use super::clock::{TrueTime, Wall};
use super::disk::Disk;

/// Who brings ledgers.
const OFFICER: &str = "suzuki";

/// A collector, at work or not.
pub(crate) struct House {
    /// What outlives it.
    pub(crate) disk: Arc<Disk>,
    /// Its clock.
    pub(crate) clock: Arc<Wall>,
    /// How often it was started: what was on the way to an earlier one never arrives.
    pub(crate) lives: u64,
    runtime: Runtime,
    at_work: Option<Work>,
}

struct Work {
    collector: Arc<Collector>,
    evaluator: Evaluator,
}

impl House {
    /// A house that knows these endpoints, not yet started.
    pub(crate) fn new(time: &TrueTime, endpoints: &[(EndpointId, String)]) -> Self {
        let (disk, clock) = (Arc::new(Disk::default()), Arc::new(Wall::new(time)));
        let opened = Collector::open(Arc::clone(&disk) as _, Arc::clone(&clock) as _);
        drop(opened.expect("a log begins on an empty disk"));
        let now = clock.now();
        let mut batch = Batch::default();
        for (id, label) in endpoints {
            let row = EndpointRow {
                certificates: vec!["01".to_owned()],
                device: Some(label.clone()),
                ..EndpointRow::joined(*id, label.clone(), now)
            };
            batch.put_waiting(now, &format!("endpoint:{id}"), What::of_endpoint(&row));
            batch.put_endpoint(&row);
        }
        // Who brings the ledgers is the officer, too: what they approve is in force.
        let suzuki = OperatorRow {
            name: OFFICER.to_owned(),
            certificates: vec!["02".to_owned()],
            not_after: now,
            newest_root: None,
            revoked_at: None,
            roles: roles::of_one_person(),
            section: None,
        };
        batch.put_waiting(now, "administrator", What::of_operator(&suzuki));
        batch.put_operator(&suzuki);
        disk.commit(batch).expect("a disk that nothing happened to");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime of one thread");
        House { disk, clock, lives: 0, runtime, at_work: None }
    }

    /// Whether it is at work.
    pub(crate) fn is_up(&self) -> bool {
        self.at_work.is_some()
    }

    /// Starts it; not, when the disk does not let it.
    pub(crate) fn start(&mut self) -> bool {
        let opened = Collector::open(Arc::clone(&self.disk) as _, Arc::clone(&self.clock) as _);
        self.at_work = opened.ok().map(|collector| {
            let collector = Arc::new(collector);
            let stop = tokio::sync::watch::channel(false).1;
            let evaluator = Evaluator::new(Arc::clone(&collector), stop);
            collector.nudge_all();
            Work { collector, evaluator }
        });
        self.lives += 1;
        self.is_up()
    }

    /// It is gone, with all that it had in memory.
    pub(crate) fn fall(&mut self) {
        self.at_work = None;
    }

    /// A report arrives.
    pub(crate) fn take(&mut self, endpoint: EndpointId, report: ReportRequest) -> Result<u64, Status> {
        let work = self.at_work.as_ref().ok_or_else(|| Status::unavailable("nobody listens"))?;
        let taken = self.runtime.block_on(intake::take(&work.collector, endpoint, report));
        taken.map_err(|refusal| status_of(&refusal))
    }

    /// Judges what was nudged, or everything. False: it could not, or nobody is at work.
    pub(crate) fn judge(&mut self, everything: bool) -> bool {
        let Some(work) = &mut self.at_work else { return false };
        self.runtime.block_on(work.evaluator.work(everything))
    }

    /// Writes down who was heard, and takes into the log what waits for it.
    pub(crate) fn keep_house(&mut self) {
        let Some(work) = &self.at_work else { return };
        self.runtime.block_on(async {
            Heard::flush(&work.collector).await;
            // What could not be written waits for the next time.
            drop(chronicle::waiting::take(&work.collector, true).await);
        });
    }

    /// A person brings a ledger. False: it was not taken, as far as the person knows.
    pub(crate) fn import(&mut self, ledger: Ledger) -> bool {
        let Some(work) = &self.at_work else { return false };
        let entry = Entry { operator: OFFICER.to_owned(), ..Entry::default() };
        self.runtime.block_on(importing::adopt(&work.collector, ledger, entry)).is_ok()
    }

    /// The ledger that is judged by.
    pub(crate) fn ledger(&self) -> Option<Arc<Ledger>> {
        self.at_work.as_ref().map(|work| work.collector.ledger_in_force())
    }

    /// What is kept.
    pub(crate) fn shelves(&self) -> Shelves {
        Shelves::new(Arc::clone(&self.disk) as _)
    }
}
