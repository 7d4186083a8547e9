//! What an endpoint says, all the way: taken in, judged by every rule beside the example's ledger, shown and reported. A
//! rule that gives up would leave the other machines unjudged, too.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use daicho_collector::Collector;
use daicho_collector::bookkeeping::example;
use daicho_collector::bookkeeping::importing::{self, Entry};
use daicho_collector::clock::Clock;
use daicho_collector::evaluation::Evaluator;
use daicho_collector::intake;
use daicho_collector::queries::{QueryError, devices};
use daicho_collector::report::html;
use daicho_collector::report::making::{self, Asked};
use daicho_collector::shelves::EndpointRow;
use daicho_collector::store::memory::MemoryStore;
use daicho_collector::store::{Batch, Entry as Kept, Store as _, StoreError};
use daicho_proto::endpoint::EndpointId;
use daicho_proto::wire;
use daicho_rules::text::Language;
use jiff::{SignedDuration, Timestamp};
use prost::Message as _;
use tokio::runtime::{Builder, Runtime};

use crate::central::input;

/// Entries of the store that are read at once: all of a small house.
const KEPT_MAX: usize = 100_000;

/// A day on which the example's rows are in force, so that a hostile fact meets each of them.
struct Day;

impl Clock for Day {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_795_000_000).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Words of a device on which a rule gave up.
const GAVE_UP: &str = "gave up while it judged";

/// What an agent sends, whatever its numbers are: they are set right, or little of it would be taken.
pub fn report(root: &Path) {
    let Ok(mut report) = wire::ReportRequest::decode(input(root).as_slice()) else { return };
    report.incarnation = 1;
    for (sequence, observation) in (1..).zip(&mut report.observations) {
        observation.sequence = sequence;
    }
    let collector = house();
    let id = endpoint();
    if runtime().block_on(intake::take(&collector, id, report)).is_err() {
        return;
    }
    judge(&collector);
    show(&collector).expect("what was taken can be shown");
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_current_thread().build().expect("a runtime of one thread"))
}

fn endpoint() -> EndpointId {
    EndpointId(uuid::Uuid::from_u128(7))
}

fn judge(collector: &Arc<Collector>) {
    let stop = tokio::sync::watch::channel(false).1;
    let mut evaluator = Evaluator::new(Arc::clone(collector), stop);
    assert!(runtime().block_on(evaluator.work(true)), "somebody gave up");
    for device in collector.shelves.verdicts().expect("memory can be read") {
        let mut reasons =
            device.rules.iter().flat_map(|said| &said.unknowns).map(|unknown| &unknown.reason.en);
        assert!(!reasons.any(|reason| reason.contains(GAVE_UP)), "a rule gave up on {}", device.device);
    }
}

fn show(collector: &Collector) -> Result<(), QueryError> {
    for summary in devices::devices(collector, None, None)?.items {
        drop(devices::device(collector, &summary.device)?);
    }
    let asked = Asked { as_of: None, since: None, by: "suzuki".to_owned() };
    html::page(&making::make(collector, asked)?, Language::Japanese);
    Ok(())
}

/// A collector of its own, as it was before anything was said.
fn house() -> Arc<Collector> {
    static BEFORE: OnceLock<Vec<Kept>> = OnceLock::new();
    let before = BEFORE.get_or_init(|| begin().expect("the example's house stands in memory"));
    let (store, mut batch) = (MemoryStore::default(), Batch::default());
    for (key, value) in before {
        batch.put(key.clone(), value.clone());
    }
    store.commit(batch).expect("memory takes everything");
    Arc::new(Collector::open(Arc::new(store), Arc::new(Day)).expect("a house that was closed well"))
}

/// A house with the example's ledger, all of it judged, and one endpoint that has not said anything.
fn begin() -> Result<Vec<Kept>, StoreError> {
    let store = Arc::new(MemoryStore::default());
    let collector = Arc::new(Collector::open(Arc::clone(&store) as _, Arc::new(Day))?);
    let row = EndpointRow::joined(endpoint(), "sv-01", Day.now() - SignedDuration::from_hours(24));
    let mut batch = Batch::default();
    batch.put_endpoint(&row);
    store.commit(batch)?;
    let ledger = example::ledger().expect("the example is sound");
    let adopted = runtime().block_on(importing::adopt(&collector, ledger, Entry::default()));
    adopted.expect("the first ledger is taken");
    judge(&collector);
    store.scan(b"", None, KEPT_MAX)
}
