//! How the collector is, in a few numbers.

use daicho_rules::violation::State;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::QueryError;
use crate::Collector;
use crate::alerts::ending::{self, Ending};
use crate::alerts::letters::Failing;
use crate::alerts::watch;
use crate::shelves::LedgerVersion;

/// The numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The collector's version.
    pub version: String,
    /// Its clock.
    pub now: Timestamp,
    /// Enrolled and not revoked.
    pub endpoints: usize,
    /// Of the ledger, and those that report without being in it.
    pub devices: usize,
    /// Violations that are open or acknowledged.
    pub open: usize,
    /// Devices of which some rule cannot tell.
    pub undetermined: usize,
    /// The current ledger; `None`: none was imported yet.
    pub ledger: Option<LedgerVersion>,
    /// What the store takes on disk.
    pub store_bytes: u64,
    /// Channels of the alerts that fail.
    pub failing_channels: Vec<Failing>,
    /// The log's end, to be noted elsewhere.
    pub log_head: String,
    /// The authority's certificates that are in their last year.
    pub authority_endings: Vec<Ending>,
    /// What keeps the collector from its work, one sentence each.
    pub faults: Vec<String>,
}

/// Of `DeviceVerdicts`, what is counted: the rest of 10 000 devices is not read.
#[derive(Deserialize)]
struct Judged {
    rules: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    unknowns: Vec<IgnoredAny>,
}

/// Of `Violation`, what is counted.
#[derive(Deserialize)]
struct Known {
    state: State,
}

/// Counts.
pub fn status(collector: &Collector) -> Result<Status, QueryError> {
    let shelves = &collector.shelves;
    let verdicts: Vec<Judged> = shelves.all("verdict/")?;
    let unsure = verdicts.iter().filter(|device| device.rules.iter().any(|rule| !rule.unknowns.is_empty()));
    let violations: Vec<Known> = shelves.all("violation/")?;
    let open =
        violations.iter().filter(|violation| matches!(violation.state, State::Open | State::Acknowledged));
    let now = collector.clock.now();
    let certificates = collector.outbox.get().map(|outbox| outbox.certificates());
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now,
        endpoints: shelves.endpoints()?.iter().filter(|row| row.revoked_at.is_none()).count(),
        devices: verdicts.len(),
        open: open.count(),
        undetermined: unsure.count(),
        ledger: shelves.ledger_versions()?.pop(),
        store_bytes: shelves.store().size_on_disk()?,
        failing_channels: watch::failing_channels(collector)?,
        log_head: shelves.chronicle_head()?.anchor(),
        authority_endings: certificates
            .into_iter()
            .flat_map(|known| ending::authorities(known, now))
            .collect(),
        faults: faults(collector),
    })
}

/// What keeps the collector from its work, one sentence each.
pub fn faults(collector: &Collector) -> Vec<String> {
    let mut faults = Vec::new();
    if let Err(error) = collector.shelves.store().writable() {
        faults.push(error.to_string());
    } else if let Some(failure) = collector.writer.load().failure() {
        faults.push(format!("the last commit failed: {failure}"));
    }
    if let Some(failure) = collector.evaluation.failure() {
        faults.push(format!("devices are not judged: {failure}"));
    }
    faults
}
