//! Which device does an endpoint report for? Kept in memory, made anew when the ledger changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::Host;
use daicho_rules::ledger::{Device, Ledger};
use daicho_rules::linking::fleet::{COMPARED_MAX, Named};
use daicho_rules::linking::{self, Index, Link, Linker, Names, Shared};
use daicho_rules::normal;
use daicho_rules::record::{Held, Since};
use jiff::Timestamp;

use crate::Collector;
use crate::shelves::EndpointRow;
use crate::store::StoreError;

mod carried;
mod neighbours;

use carried::Carried;
pub(crate) use neighbours::Standing;

/// Endpoints and the devices for which they report: the ledger's device_id, or the hostname of one that is not listed.
#[derive(Debug, Default)]
pub(crate) struct Links {
    ledger: Option<Arc<Ledger>>,
    index: Index,
    device_of: BTreeMap<EndpointId, Linked>,
    endpoints_of: BTreeMap<String, BTreeSet<EndpointId>>,
    /// The ledger's rows by the key of their device_id: its own search is a walk.
    rows: BTreeMap<String, usize>,
    /// Endpoints by each name of their hardware, and by their hostname.
    named: BTreeMap<Named, BTreeSet<EndpointId>>,
    called: BTreeMap<String, BTreeSet<EndpointId>>,
    /// Names that several machines have.
    shared: Shared,
    /// Swaps to which a person said no.
    declined: BTreeSet<String>,
    /// Endpoints whose machine was swapped out, and when: not there until they are heard of again.
    left: BTreeMap<EndpointId, Timestamp>,
    /// Permitted media, and who saw them.
    carried: Carried,
}

#[derive(Clone, Debug)]
struct Linked {
    device: String,
    seen: Seen,
}

/// What a link is made from.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    host: Host,
    names: Names,
    joined: Timestamp,
    /// Since when it runs on its present hardware.
    since: Timestamp,
    /// The device for which a person made its token.
    said: Option<String>,
}

impl Links {
    /// Links all endpoints that are not revoked.
    pub(crate) fn make(collector: &Collector) -> Result<Self, StoreError> {
        let ledger = collector.ledger();
        let keys = ledger.devices.iter().enumerate().rev();
        let rows = keys.map(|(index, device)| (normal::key(&device.device_id), index)).collect();
        let declined = crate::swaps::declined(collector)?.into_iter().map(|declined| declined.id).collect();
        let index = Index::of(&ledger);
        let left = crate::swaps::left(collector)?;
        let carried = Carried::of(&ledger);
        let mut links =
            Links { carried, ledger: Some(ledger), index, rows, declined, left, ..Links::default() };
        for row in collector.shelves.endpoints()? {
            if links.is_there(collector, &row)? {
                let seen = Seen::of(collector, &row)?;
                links.set(row.id, Linked { device: String::new(), seen });
                links.carried.see(collector, row.id)?;
            }
        }
        let crowded: Vec<Named> =
            links.named.iter().filter(|(_, all)| all.len() > 1).map(|(name, _)| name.clone()).collect();
        for name in crowded {
            let shared = links.is_shared(collector, &name)?;
            links.shared.set(&name, shared);
        }
        let all: Vec<EndpointId> = links.device_of.keys().copied().collect();
        links.link_anew(&all);
        Ok(links)
    }

    pub(super) fn are_of(&self, ledger: &Arc<Ledger>) -> bool {
        self.ledger.as_ref().is_some_and(|known| Arc::ptr_eq(known, ledger))
    }

    /// Looks at one endpoint again; returns the devices to judge: its own, the one that it left, and those of which
    /// its neighbours tell something else now.
    pub(super) fn refresh(
        &mut self,
        collector: &Collector,
        endpoint: EndpointId,
    ) -> Result<Vec<String>, StoreError> {
        let row = match collector.shelves.endpoint(endpoint)? {
            Some(row) if self.is_there(collector, &row)? => Some(row),
            _ => None,
        };
        let before = self.device_of.get(&endpoint).cloned();
        let holders = match row {
            Some(_) => self.carried.see(collector, endpoint)?,
            None => self.carried.forget(endpoint),
        };
        let holders: Vec<String> =
            holders.into_iter().filter_map(|id| self.device(id)).map(str::to_owned).collect();
        let seen = row.map(|row| Seen::of(collector, &row)).transpose()?;
        let same = before.as_ref().map(|linked| &linked.seen) == seen.as_ref();
        let mut devices: Vec<String> = before.iter().map(|linked| linked.device.clone()).collect();
        devices.extend(holders);
        let mut once = BTreeSet::new();
        devices.retain(|device| once.insert(device.clone()));
        if same && !self.is_crowded(endpoint) {
            return Ok(devices);
        }
        devices.extend(self.concerned(endpoint));
        let mut names: BTreeSet<Named> = self.hardware(endpoint).collect();
        self.forget(endpoint);
        if let Some(seen) = seen {
            // The device is the one before until it is linked anew, so that its leaving is noticed.
            let device = before.as_ref().map(|linked| linked.device.clone()).unwrap_or_default();
            self.set(endpoint, Linked { device, seen });
        }
        names.extend(self.hardware(endpoint));
        let mut affected = BTreeSet::from([endpoint]);
        for name in names {
            let news = self.is_shared(collector, &name).map(|shared| self.shared.set(&name, shared))?;
            let all = self.named.get(&name).into_iter().flatten();
            if news || !same {
                affected.extend(all.take(COMPARED_MAX));
            }
        }
        let affected: Vec<EndpointId> = affected.into_iter().collect();
        devices.extend(self.link_anew(&affected));
        devices.extend(self.concerned(endpoint));
        devices.extend(affected.iter().filter_map(|id| self.device(*id)).map(str::to_owned));
        let mut once = BTreeSet::new();
        devices.retain(|device| !device.is_empty() && once.insert(device.clone()));
        Ok(devices)
    }

    /// The endpoints that report for a device.
    pub(crate) fn endpoints(&self, device: &str) -> impl Iterator<Item = EndpointId> {
        self.endpoints_of.get(device).into_iter().flatten().copied()
    }

    /// The device for which an endpoint reports.
    pub(crate) fn device(&self, endpoint: EndpointId) -> Option<&str> {
        self.device_of.get(&endpoint).map(|linked| linked.device.as_str())
    }

    /// Every device for which something reports.
    pub(super) fn devices(&self) -> impl Iterator<Item = &String> {
        self.endpoints_of.keys()
    }

    /// The row of a device, by its place in the ledger. A machine that was not listed yet went by its hostname, which
    /// may differ from its device_id by nothing but case: `pc-01` is not the row `PC-01`, but what that machine was.
    pub(crate) fn row(&self, device: &str) -> Option<usize> {
        self.row_named(device)
            .filter(|index| self.ledger_rows().get(*index).is_some_and(|row| row.device_id == device))
    }

    /// The row that a person or a machine means by `name`, in any width and case.
    fn row_named(&self, name: &str) -> Option<usize> {
        self.rows.get(&normal::key(name)).copied()
    }

    /// Whether an endpoint is neither revoked nor what is left of a machine that was swapped out.
    fn is_there(&self, collector: &Collector, row: &EndpointRow) -> Result<bool, StoreError> {
        let Some(left) = self.left.get(&row.id) else { return Ok(row.revoked_at.is_none()) };
        Ok(row.revoked_at.is_none() && neighbours::heard(collector, row.id)? > Some(*left))
    }

    fn ledger_rows(&self) -> &[Device] {
        self.ledger.as_ref().map(|ledger| ledger.devices.as_slice()).unwrap_or_default()
    }

    /// Gives these endpoints their devices; returns the devices that were left.
    fn link_anew(&mut self, endpoints: &[EndpointId]) -> Vec<String> {
        let Some(ledger) = self.ledger.clone() else { return Vec::new() };
        let mut left = Vec::new();
        for endpoint in endpoints {
            let Some(linked) = self.device_of.get(endpoint).cloned() else { continue };
            let device = self.name(&Linker::over(&ledger, &self.index), *endpoint, &linked.seen);
            if device == linked.device {
                continue;
            }
            if !linked.device.is_empty() {
                tracing::info!(%endpoint, left = ?linked.device, now = ?device, "Endpoint reports for another device.");
                left.push(linked.device);
            }
            self.forget(*endpoint);
            self.set(*endpoint, Linked { device, seen: linked.seen });
        }
        left
    }

    /// The row for which a person made the token: stronger than any sign, but not than a proof. A machine whose serial
    /// number or UUID is another one than the row's is not judged as that device, whatever its token was for.
    fn said(&self, seen: &Seen) -> Option<&Device> {
        let index = seen.said.as_ref().and_then(|id| self.row_named(id))?;
        let names = seen.names.clone().without(&self.shared);
        self.ledger_rows().get(index).filter(|row| linking::differs(row, &names).is_none())
    }

    fn name(&self, linker: &Linker<'_>, endpoint: EndpointId, seen: &Seen) -> String {
        if let Some(device) = self.said(seen) {
            return device.device_id.clone();
        }
        match linker.link_names(&seen.names.clone().without(&self.shared)) {
            Link::Listed { device, .. } => device.device_id.clone(),
            Link::Ambiguous(_) | Link::Unlisted => {
                let name = seen.host.hostname.clone().filter(|name| !name.trim().is_empty());
                let name = name.unwrap_or_else(|| endpoint.to_string());
                // A machine that calls itself like a device that it is not must not be judged as that device.
                if self.row_named(&name).is_some() { format!("{name} ({endpoint})") } else { name }
            }
        }
    }

    fn set(&mut self, endpoint: EndpointId, linked: Linked) {
        for name in linked.seen.names.hardware() {
            self.named.entry(name).or_default().insert(endpoint);
        }
        for name in linked.seen.names.hostnames() {
            self.called.entry(name.clone()).or_default().insert(endpoint);
        }
        if !linked.device.is_empty() {
            self.endpoints_of.entry(linked.device.clone()).or_default().insert(endpoint);
        }
        self.device_of.insert(endpoint, linked);
    }

    fn forget(&mut self, endpoint: EndpointId) {
        let Some(before) = self.device_of.remove(&endpoint) else { return };
        for name in before.seen.names.hardware() {
            take_out(&mut self.named, &name, endpoint);
        }
        for name in before.seen.names.hostnames() {
            take_out(&mut self.called, name, endpoint);
        }
        take_out(&mut self.endpoints_of, &before.device, endpoint);
    }
}

fn take_out<Key: Ord>(of: &mut BTreeMap<Key, BTreeSet<EndpointId>>, key: &Key, endpoint: EndpointId) {
    if let Some(endpoints) = of.get_mut(key) {
        endpoints.remove(&endpoint);
        if endpoints.is_empty() {
            of.remove(key);
        }
    }
}

impl Seen {
    /// What names the machine: as it reported, else as it said when it joined. What changes daily is left out.
    fn of(collector: &Collector, row: &EndpointRow) -> Result<Self, StoreError> {
        let held: Option<Held<Host>> = collector.shelves.get(&format!("record/{}/host", row.id))?;
        let since: Option<Since> = collector.shelves.get(&format!("record/{}/since", row.id))?;
        let hardware = since.unwrap_or_default().hardware;
        let host = match held.as_ref().and_then(|held| held.look.value()) {
            Some(host) => Host {
                hostname: host.hostname.clone().or_else(|| Some(row.hostname.clone())),
                serial_number: host.serial_number.clone(),
                hardware_uuid: host.hardware_uuid.clone(),
                mac_addresses: host.mac_addresses.clone(),
                ..Host::default()
            },
            None => Host { hostname: Some(row.hostname.clone()), ..Host::default() },
        };
        Ok(Seen {
            names: Names::of(&host, &hardware.addresses),
            host,
            joined: row.enrolled_at,
            since: hardware.since().unwrap_or(row.enrolled_at).max(row.enrolled_at),
            said: row.device.clone(),
        })
    }
}
