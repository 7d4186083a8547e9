//! Orders about the authority: how old it is, and who signs next.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ADMINISTRATOR, Done, House, OrderError};
use crate::authority::Standing;
use crate::chronicle::What;
use crate::store::Batch;

/// What is wanted of the authority.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "wanted")]
pub enum Wanted {
    /// Nothing: how does it stand?
    Status,
    /// A new issuing authority under the same root.
    Rotate {
        /// Where the root's key lies, if not in the data folder.
        root_key: Option<PathBuf>,
    },
    /// The next root, trusted from now on.
    PrepareRoot,
    /// The next root signs.
    FinishRoot {
        /// Where its key lies, if not in the data folder.
        root_key: Option<PathBuf>,
        /// Even where some do not have it yet.
        force: bool,
    },
}

/// How the authority stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Lives.
    pub standing: Standing,
    /// When the collector's own certificate ends, where one serves.
    pub server_until: Option<Timestamp>,
    /// Where a next root is prepared: the machines that did not renew since, and the people without a new identity.
    pub without_next_root: Vec<String>,
}

/// Does what is wanted and answers how it stands then.
pub(super) async fn act(house: &House, wanted: Wanted) -> Result<Done, OrderError> {
    let now = house.collector.clock.now();
    let authority = &house.authority;
    let _one_at_a_time = house.collector.enrolling.lock().await;
    let decision = match wanted {
        Wanted::Status => None,
        Wanted::Rotate { root_key } => {
            authority.rotate(root_key.as_deref(), now)?;
            Some("rotate")
        }
        Wanted::PrepareRoot => {
            authority.prepare_root(now)?;
            Some("prepare-root")
        }
        Wanted::FinishRoot { root_key, force } => {
            let without = without_next_root(house)?;
            if !force && !without.is_empty() {
                return Err(OrderError::Wrong(format!(
                    "{} do not have the next root yet: {}; wait until they have renewed, or lock them out with --force",
                    without.len(),
                    without.join(", ")
                )));
            }
            authority.finish_root(root_key.as_deref(), now)?;
            Some("finish-root")
        }
    };
    if let Some(decision) = decision {
        let mut batch = Batch::default();
        let what = What::Decision {
            on: "authority".to_owned(),
            subject: format!("generation {}", authority.standing().generation),
            decision: decision.to_owned(),
            note: None,
            details: std::collections::BTreeMap::new(),
        };
        batch.put_waiting(now, ADMINISTRATOR, what);
        house.collector.writer.commit(batch).await?;
        house.collector.chronicle_filled.notify_one();
        tracing::info!(decision, "The authority changed.");
    }
    let own = house.own.get();
    if let Some(own) = own {
        let renewed =
            crate::authority::own::renew_if_due(own, &house.data, authority, &house.config.names, now);
        renewed.map_err(|error| OrderError::Wrong(error.to_string()))?;
    }
    Ok(Done::Authority(Box::new(Report {
        standing: authority.standing(),
        server_until: own.and_then(|own| own.not_after()),
        without_next_root: without_next_root(house)?,
    })))
}

/// Whoever got certificates last before the next root was made.
fn without_next_root(house: &House) -> Result<Vec<String>, OrderError> {
    if house.authority.standing().next_root.is_none() {
        return Ok(Vec::new());
    }
    let newest = Some(house.authority.newest_root());
    let shelves = &house.collector.shelves;
    let mut names = Vec::new();
    for row in shelves.endpoints()?.into_iter().filter(|row| row.revoked_at.is_none()) {
        if row.newest_root != newest {
            names.push(row.device.unwrap_or(row.hostname));
        }
    }
    for row in shelves.operators()?.into_iter().filter(|row| row.revoked_at.is_none()) {
        if row.newest_root != newest {
            names.push(format!("operator:{}", row.name));
        }
    }
    Ok(names)
}
