//! The log's first entries: of a new store one that says so, of an older store what stood in it then.

use jiff::Timestamp;

use super::{Because, Chronicle, Digest, HEAD, What};
use crate::shelves::Shelves;
use crate::store::{self, Batch, StoreError};

/// Who begins a log.
const DAICHO: &str = "daicho";

/// Begins the log of a store that has none. Nobody else writes meanwhile.
pub fn begin(shelves: &Shelves, now: Timestamp) -> Result<(), StoreError> {
    if shelves.get::<super::Head>(HEAD)?.is_some() {
        return Ok(());
    }
    let (versions, violations) = (shelves.ledger_versions()?, shelves.violations()?);
    let (verdicts, endpoints, operators) = (shelves.verdicts()?, shelves.endpoints()?, shelves.operators()?);
    let is_new = versions.is_empty() && violations.is_empty() && endpoints.is_empty() && operators.is_empty();
    let because = match store::format_before_log(shelves.store().as_ref())? {
        true if !is_new => Because::OlderStore,
        _ if is_new => Because::NewStore,
        _ => Because::LogLost,
    };
    let mut chronicle = Chronicle::open(shelves)?;
    let mut batch = Batch::default();
    let mut add = |what| chronicle.append(&mut batch, now, DAICHO, what);
    add(What::Begun { because, version: env!("CARGO_PKG_VERSION").to_owned() });
    for version in versions {
        let ledger = shelves.ledger(version.number)?.unwrap_or_default();
        add(What::of_ledger(&version, &ledger));
    }
    for row in &operators {
        add(What::of_operator(row));
        if row.revoked_at.is_some() {
            add(What::OperatorRevoked { name: row.name.clone(), reason: String::new() });
        }
    }
    for row in &endpoints {
        add(What::of_endpoint(row));
        if row.revoked_at.is_some() {
            let (hostname, reason) = (row.hostname.clone(), row.revoked_because.clone());
            add(What::EndpointRevoked { endpoint: row.id, hostname, reason: reason.unwrap_or_default() });
        }
    }
    for violation in violations {
        let (steps, history) = history_digest(shelves, &violation.key, usize::MAX)?;
        add(What::ViolationTaken { steps, history, violation: Box::new(violation) });
    }
    for device in &verdicts {
        if let Some(what) = What::of_verdicts(None, device) {
            add(what);
        }
    }
    store::put_format(&mut batch);
    shelves.commit(batch)?;
    match because {
        Because::NewStore => {}
        Because::OlderStore => tracing::info!("Log begun with what stood in the store."),
        Because::LogLost => tracing::error!("The store's log is gone; a new one was begun, and says so."),
    }
    Ok(())
}

/// How many of the first `limit` steps a violation's history has, and the digest of them.
pub(super) fn history_digest(
    shelves: &Shelves,
    key: &str,
    limit: usize,
) -> Result<(u64, Digest), StoreError> {
    let mut bytes = Vec::new();
    let mut steps = 0;
    for line in shelves.history_lines(key)?.into_iter().take(limit) {
        bytes.extend_from_slice(&line);
        bytes.push(b'\n');
        steps += 1;
    }
    Ok((steps, Digest::of(&bytes)))
}
