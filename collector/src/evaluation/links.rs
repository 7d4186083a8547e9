//! Which device does an endpoint report for? Kept in memory, made anew when the ledger changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::Host;
use daicho_rules::ledger::Ledger;
use daicho_rules::linking::{Link, Linker};
use daicho_rules::normal;
use daicho_rules::record::Held;

use crate::Collector;
use crate::shelves::EndpointRow;
use crate::store::StoreError;

/// Endpoints and the devices for which they report: the ledger's device_id, or the hostname of one that is not listed.
#[derive(Debug, Default)]
pub(super) struct Links {
    ledger: Option<Arc<Ledger>>,
    device_of: BTreeMap<EndpointId, Linked>,
    endpoints_of: BTreeMap<String, BTreeSet<EndpointId>>,
    /// The ledger's rows by the key of their device_id: its own search is a walk.
    rows: BTreeMap<String, usize>,
}

#[derive(Clone, Debug, PartialEq)]
struct Linked {
    device: String,
    /// What the link was made from.
    host: Host,
}

impl Links {
    /// Links all endpoints that are not revoked.
    pub(super) fn make(collector: &Collector) -> Result<Self, StoreError> {
        let ledger = collector.ledger();
        let keys = ledger.devices.iter().enumerate().rev();
        let rows = keys.map(|(index, device)| (normal::key(&device.device_id), index)).collect();
        let mut links = Links { ledger: Some(Arc::clone(&ledger)), rows, ..Links::default() };
        let linker = Linker::new(&ledger);
        for row in collector.shelves.endpoints()? {
            if row.revoked_at.is_none() {
                let host = names(collector, &row)?;
                let device = links.name(&linker, &row, &host);
                links.set(row.id, Linked { device, host });
            }
        }
        Ok(links)
    }

    pub(super) fn are_of(&self, ledger: &Arc<Ledger>) -> bool {
        self.ledger.as_ref().is_some_and(|known| Arc::ptr_eq(known, ledger))
    }

    /// Looks at one endpoint again; returns the devices to judge: its own, and the one that it left.
    pub(super) fn refresh(
        &mut self,
        collector: &Collector,
        endpoint: EndpointId,
    ) -> Result<Vec<String>, StoreError> {
        let row = collector.shelves.endpoint(endpoint)?.filter(|row| row.revoked_at.is_none());
        let before = self.device_of.get(&endpoint).cloned();
        let Some(row) = row else {
            self.forget(endpoint);
            return Ok(before.map(|linked| linked.device).into_iter().collect());
        };
        let host = names(collector, &row)?;
        if let Some(before) = before.as_ref().filter(|before| before.host == host) {
            return Ok(vec![before.device.clone()]);
        }
        let ledger = collector.ledger();
        let device = self.name(&Linker::new(&ledger), &row, &host);
        self.forget(endpoint);
        self.set(endpoint, Linked { device: device.clone(), host });
        let left = before.map(|before| before.device).filter(|left| *left != device);
        if let Some(left) = &left {
            tracing::info!(%endpoint, left = ?left, now = ?device, "Endpoint reports for another device.");
        }
        Ok([Some(device), left].into_iter().flatten().collect())
    }

    /// The endpoints that report for a device.
    pub(super) fn endpoints(&self, device: &str) -> impl Iterator<Item = EndpointId> {
        self.endpoints_of.get(device).into_iter().flatten().copied()
    }

    /// The device for which an endpoint reports.
    pub(super) fn device(&self, endpoint: EndpointId) -> Option<&str> {
        self.device_of.get(&endpoint).map(|linked| linked.device.as_str())
    }

    /// Every device for which something reports.
    pub(super) fn devices(&self) -> impl Iterator<Item = &String> {
        self.endpoints_of.keys()
    }

    /// The row of a device, by its place in the ledger. A machine that was not listed yet went by its hostname, which
    /// may differ from its device_id by nothing but case: `pc-01` is not the row `PC-01`, but what that machine was.
    pub(super) fn row(&self, device: &str) -> Option<usize> {
        let rows = self.ledger.as_ref().map(|ledger| ledger.devices.as_slice()).unwrap_or_default();
        self.row_named(device).filter(|index| rows.get(*index).is_some_and(|row| row.device_id == device))
    }

    /// The row that a person or a machine means by `name`, in any width and case.
    fn row_named(&self, name: &str) -> Option<usize> {
        self.rows.get(&normal::key(name)).copied()
    }

    fn name(&self, linker: &Linker<'_>, row: &EndpointRow, host: &Host) -> String {
        let rows = self.ledger.as_ref().map(|ledger| ledger.devices.as_slice()).unwrap_or_default();
        // A person said for which device the token was: stronger than any sign.
        let said = row.device.as_ref().and_then(|id| self.row_named(id)).and_then(|index| rows.get(index));
        if let Some(device) = said {
            return device.device_id.clone();
        }
        match linker.link(host) {
            Link::Listed { device, .. } => device.device_id.clone(),
            Link::Ambiguous(_) | Link::Unlisted => {
                let name = host.hostname.clone().filter(|name| !name.trim().is_empty());
                let name = name.unwrap_or_else(|| row.id.to_string());
                // A machine that calls itself like a device that it is not must not be judged as that device.
                if self.row_named(&name).is_some() { format!("{name} ({})", row.id) } else { name }
            }
        }
    }

    fn set(&mut self, endpoint: EndpointId, linked: Linked) {
        self.endpoints_of.entry(linked.device.clone()).or_default().insert(endpoint);
        self.device_of.insert(endpoint, linked);
    }

    fn forget(&mut self, endpoint: EndpointId) {
        if let Some(before) = self.device_of.remove(&endpoint)
            && let Some(endpoints) = self.endpoints_of.get_mut(&before.device)
        {
            endpoints.remove(&endpoint);
            if endpoints.is_empty() {
                self.endpoints_of.remove(&before.device);
            }
        }
    }
}

/// What names the machine: as it reported, else as it said when it joined. What changes daily is left out.
fn names(collector: &Collector, row: &EndpointRow) -> Result<Host, StoreError> {
    let held: Option<Held<Host>> = collector.shelves.get(&format!("record/{}/host", row.id))?;
    let host = held.as_ref().and_then(|held| held.look.value());
    Ok(match host {
        Some(host) => Host {
            hostname: host.hostname.clone().or_else(|| Some(row.hostname.clone())),
            serial_number: host.serial_number.clone(),
            hardware_uuid: host.hardware_uuid.clone(),
            mac_addresses: host.mac_addresses.clone(),
            ..Host::default()
        },
        None => Host { hostname: Some(row.hostname.clone()), ..Host::default() },
    })
}
