//! Revocation: an endpoint or an operator is no longer welcome, from the next request on.

use daicho_rules::normal;

use super::{ADMINISTRATOR, Done, House, OrderError};
use crate::chronicle::What;
use crate::shelves::EndpointRow;
use crate::store::Batch;

pub(super) async fn revoke(house: &House, who: &str, reason: &str) -> Result<Done, OrderError> {
    if reason.trim().is_empty() {
        return Err(OrderError::Wrong("a revocation needs a reason, e.g. --reason \"stolen\"".to_owned()));
    }
    if let Some(name) = who.strip_prefix("operator:") {
        return revoke_operator(house, name, reason).await;
    }
    let collector = &house.collector;
    let _one_at_a_time = collector.enrolling.lock().await;
    let mut row = find(house, who)?;
    row.certificates.clear();
    row.revoked_at = Some(collector.clock.now());
    row.revoked_because = Some(reason.to_owned());
    let mut batch = Batch::default();
    batch.put_endpoint(&row);
    let (hostname, because) = (row.hostname.clone(), reason.to_owned());
    let what = What::EndpointRevoked { endpoint: row.id, hostname, reason: because };
    batch.put_waiting(collector.clock.now(), ADMINISTRATOR, what);
    collector.writer.commit(batch).await?;
    collector.chronicle_filled.notify_one();
    collector.gate.set_endpoint(&row);
    collector.nudge(row.id);
    tracing::warn!(endpoint = %row.id, hostname = ?row.hostname, reason, "Endpoint revoked.");
    Ok(Done::Revoked { who: format!("{} ({})", row.id, row.hostname.escape_debug()) })
}

async fn revoke_operator(house: &House, name: &str, reason: &str) -> Result<Done, OrderError> {
    let collector = &house.collector;
    let _one_at_a_time = collector.enrolling.lock().await;
    let row = collector.shelves.operator(name)?.filter(|row| row.revoked_at.is_none());
    let Some(mut row) = row else {
        return Err(OrderError::Wrong(format!(
            "no operator {name:?} has a certificate that could be revoked"
        )));
    };
    row.certificates.clear();
    row.revoked_at = Some(collector.clock.now());
    let mut batch = Batch::default();
    batch.put_operator(&row);
    let what = What::OperatorRevoked { name: name.to_owned(), reason: reason.to_owned() };
    batch.put_waiting(collector.clock.now(), ADMINISTRATOR, what);
    collector.writer.commit(batch).await?;
    collector.chronicle_filled.notify_one();
    collector.gate.set_operator(&row);
    tracing::warn!(operator = name, reason, "Operator revoked.");
    Ok(Done::Revoked { who: format!("operator:{name}") })
}

/// The one endpoint that `who` names: by its id, its hostname, or the ledger's device.
fn find(house: &House, who: &str) -> Result<EndpointRow, OrderError> {
    let collector = &house.collector;
    let wanted = normal::key(who);
    let verdicts = collector.shelves.verdicts()?;
    let of_device: Vec<_> = verdicts
        .iter()
        .filter(|verdict| normal::key(&verdict.device) == wanted)
        .flat_map(|verdict| verdict.endpoints.iter().copied())
        .collect();
    let fits = |row: &EndpointRow| {
        row.id.to_string() == wanted
            || normal::key(&row.hostname) == wanted
            || row.device.as_ref().is_some_and(|device| normal::key(device) == wanted)
            || of_device.contains(&row.id)
    };
    let rows = collector.shelves.endpoints()?.into_iter();
    let mut found: Vec<EndpointRow> = rows.filter(|row| row.revoked_at.is_none() && fits(row)).collect();
    match (found.len(), found.pop()) {
        (1, Some(row)) => Ok(row),
        (0, _) | (_, None) => Err(OrderError::Wrong(format!(
            "no endpoint that could be revoked is called {who:?}; `daicho devices` lists them"
        ))),
        (_, Some(last)) => {
            let ids: Vec<String> = found.iter().chain([&last]).map(|row| row.id.to_string()).collect();
            Err(OrderError::Wrong(format!(
                "{who:?} fits several endpoints, name one by its id: {}",
                ids.join(", ")
            )))
        }
    }
}
