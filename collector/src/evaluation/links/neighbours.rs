//! What the other endpoints tell of one: names that several have, hardware that is there twice, a place taken over.

use std::collections::BTreeSet;

use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::Host;
use daicho_rules::ledger::{Device, DeviceStatus};
use daicho_rules::linking::fleet::{CLONES_MAX, COMPARED_MAX, Member, Named, living};
use daicho_rules::linking::{Linker, Shared, Surroundings, Swap, Twin, hostname_keys};
use jiff::{SignedDuration, Timestamp};

use super::{Linked, Links};
use crate::Collector;
use crate::store::StoreError;
use crate::swaps;

/// A listed machine that was heard of after another one came under its hostname is gone when it was silent for this
/// long: a new machine is set up beside the old one, and takes its place on the next day.
const GONE_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// A machine that stands where another one stood.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// The question.
    pub(crate) swap: Swap,
    /// Who stands there.
    pub(crate) endpoint: EndpointId,
    /// What it says that it is.
    pub(crate) host: Host,
    /// Since when, as far as is known.
    pub(crate) since: Timestamp,
}

impl Links {
    /// What the others tell of a device.
    pub(crate) fn surroundings(
        &self,
        collector: &Collector,
        device: &str,
    ) -> Result<Surroundings, StoreError> {
        let mut around = Surroundings { shared: Shared::nothing(), ..Surroundings::default() };
        let mut swap = None;
        for endpoint in self.endpoints(device) {
            let Some(linked) = self.device_of.get(&endpoint) else { continue };
            around.shared.extend(self.shared.of(&linked.seen.names));
            for twin in self.twins(collector, endpoint, linked)? {
                if !around.twins.contains(&twin) {
                    around.twins.push(twin);
                }
            }
            swap = swap.or(self.standing(collector, endpoint)?);
        }
        let row = self.row(device).and_then(|index| self.ledger_rows().get(index));
        if let Some(row) = row.filter(|row| swap.is_none() && row.status == DeviceStatus::InUse) {
            swap = self.standing_for(collector, row)?;
        }
        self.tell_media(collector, device, &mut around)?;
        around.swap = swap.map(|standing| standing.swap).filter(|swap| !self.declined.contains(&swap.id));
        Ok(around)
    }

    /// Every swap that the reports suggest, those too to which a person said no.
    pub(crate) fn swaps(&self, collector: &Collector) -> Result<Vec<Standing>, StoreError> {
        let mut all = Vec::new();
        for endpoint in self.device_of.keys() {
            all.extend(self.standing(collector, *endpoint)?);
        }
        Ok(all)
    }

    /// Whether something depends on who else reports.
    pub(super) fn is_crowded(&self, endpoint: EndpointId) -> bool {
        let Some(linked) = self.device_of.get(&endpoint) else { return true };
        let names = &linked.seen.names;
        let mut groups = names.hardware().filter_map(|name| self.named.get(&name));
        let mut namesakes = names.hostnames().iter().filter_map(|name| self.called.get(name));
        groups.any(|all| all.len() > 1)
            || namesakes.any(|all| all.len() > 1)
            || self.replaced(linked).is_some()
    }

    /// The devices of which another endpoint's verdict may depend on this one: its namesakes, and whose place it took.
    pub(super) fn concerned(&self, endpoint: EndpointId) -> Vec<String> {
        let Some(linked) = self.device_of.get(&endpoint) else { return Vec::new() };
        let hostnames = linked.seen.names.hostnames().iter();
        let namesakes: BTreeSet<EndpointId> = hostnames
            .filter_map(|name| self.called.get(name))
            .flatten()
            .take(COMPARED_MAX)
            .copied()
            .collect();
        let mut devices: Vec<String> =
            namesakes.into_iter().filter_map(|id| self.device(id)).map(str::to_owned).collect();
        devices.extend(self.replaced(linked).map(|broken| broken.device_id.clone()));
        devices
    }

    pub(super) fn hardware(&self, endpoint: EndpointId) -> impl Iterator<Item = Named> + use<> {
        let linked = self.device_of.get(&endpoint).cloned();
        let names: Vec<Named> = linked.iter().flat_map(|linked| linked.seen.names.hardware()).collect();
        names.into_iter()
    }

    /// Whether two machines that live beside each other have this name.
    pub(super) fn is_shared(&self, collector: &Collector, name: &Named) -> Result<bool, StoreError> {
        let Some(all) = self.named.get(name) else { return Ok(false) };
        if all.len() < 2 || all.len() > COMPARED_MAX {
            return Ok(all.len() > 1);
        }
        Ok(living(&self.members(collector, all)?).len() > 1)
    }

    fn members(
        &self,
        collector: &Collector,
        endpoints: &BTreeSet<EndpointId>,
    ) -> Result<Vec<Member<EndpointId>>, StoreError> {
        let mut members = Vec::new();
        for id in endpoints {
            let Some(linked) = self.device_of.get(id) else { continue };
            let (names, joined) = (linked.seen.names.clone(), linked.seen.joined);
            members.push(Member { id: *id, names, joined, last_heard: heard(collector, *id)? });
        }
        Ok(members)
    }

    fn twins(
        &self,
        collector: &Collector,
        endpoint: EndpointId,
        linked: &Linked,
    ) -> Result<Vec<Twin>, StoreError> {
        let groups = linked.seen.names.hardware().filter_map(|name| self.named.get(&name));
        let groups = groups.filter(|all| (2..=COMPARED_MAX).contains(&all.len()));
        let together: BTreeSet<EndpointId> = groups.flatten().copied().collect();
        let same = |id: &EndpointId| {
            let other = self.device_of.get(id)?;
            linked.seen.names.same_hardware(&other.seen.names)
        };
        let alike: BTreeSet<EndpointId> =
            together.into_iter().filter(|id| *id == endpoint || same(id).is_some()).collect();
        let members = self.members(collector, &alike)?;
        let living: Vec<EndpointId> = living(&members).into_iter().map(|member| member.id).collect();
        if !living.contains(&endpoint) || living.len() > CLONES_MAX {
            return Ok(Vec::new());
        }
        let others = living.into_iter().filter(|id| *id != endpoint);
        let twin = |id: EndpointId| {
            let hostname = self.device_of.get(&id).and_then(|other| other.seen.host.hostname.clone());
            let same = same(&id).unwrap_or_default().into_iter().map(str::to_owned).collect();
            Twin { endpoint: id.to_string(), hostname: hostname.unwrap_or_default(), same }
        };
        Ok(others.map(twin).collect())
    }

    /// The device in use under whose hostname this machine reports, although it is another one.
    fn replaced(&self, linked: &Linked) -> Option<&Device> {
        let ledger = self.ledger.as_ref()?;
        if self.said(&linked.seen).is_some() {
            return None;
        }
        let names = linked.seen.names.clone().without(&self.shared);
        let linker = Linker::over(ledger, &self.index);
        linker.replacement(&names).map(|replacement| replacement.broken)
    }

    /// The swap in which this endpoint is the one that stands there now.
    fn standing(&self, collector: &Collector, endpoint: EndpointId) -> Result<Option<Standing>, StoreError> {
        let broken = self.device_of.get(&endpoint).and_then(|linked| self.replaced(linked));
        let Some(broken) = broken else { return Ok(None) };
        Ok(self.standing_for(collector, broken)?.filter(|standing| standing.endpoint == endpoint))
    }

    /// Who stands where `broken` stood: one machine alone, and `broken` itself is not heard of any more.
    fn standing_for(&self, collector: &Collector, broken: &Device) -> Result<Option<Standing>, StoreError> {
        let keys = hostname_keys(broken.hostname.as_deref().unwrap_or_default());
        let called = keys.iter().filter_map(|key| self.called.get(key)).flatten();
        let newcomers: BTreeSet<EndpointId> = called
            .take(COMPARED_MAX)
            .filter(|id| {
                let linked = self.device_of.get(id);
                linked.and_then(|linked| self.replaced(linked)).is_some_and(|row| std::ptr::eq(row, broken))
            })
            .copied()
            .collect();
        let members = self.members(collector, &newcomers)?;
        let living = living(&members);
        let [newcomer] = living.as_slice() else { return Ok(None) };
        let Some(linked) = self.device_of.get(&newcomer.id) else { return Ok(None) };
        let now = collector.clock.now();
        for old in self.endpoints(&broken.device_id) {
            let Some(last) = heard(collector, old)? else { continue };
            let gone = now.duration_since(last) > GONE_AFTER && newcomer.last_heard > Some(last);
            if last > linked.seen.since && !gone {
                return Ok(None);
            }
        }
        let spare = self.row(&linked.device).and_then(|index| self.ledger_rows().get(index));
        let spare = spare.map(|row| row.device_id.clone());
        let id = swaps::id_of(broken, &linked.seen.host, spare.as_deref());
        let swap = Swap { id, broken: broken.device_id.clone(), newcomer: linked.device.clone(), spare };
        let (host, since) = (linked.seen.host.clone(), linked.seen.since);
        Ok(Some(Standing { swap, endpoint: newcomer.id, host, since }))
    }
}

pub(super) fn heard(collector: &Collector, endpoint: EndpointId) -> Result<Option<Timestamp>, StoreError> {
    match collector.heard.of(endpoint) {
        None => collector.shelves.last_heard(endpoint),
        heard => Ok(heard),
    }
}
