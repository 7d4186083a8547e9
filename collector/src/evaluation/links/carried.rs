//! Which permitted media which endpoints saw: what one device must know of the others to tell where a medium is.

use std::collections::{BTreeMap, BTreeSet};

use daicho_proto::endpoint::EndpointId;
use daicho_rules::ledger::{ApprovedMedium, DeviceKind, DeviceStatus, Ledger};
use daicho_rules::linking::fleet::COMPARED_MAX;
use daicho_rules::linking::{Elsewhere, Quiet, Surroundings};
use daicho_rules::normal;
use daicho_rules::record::Sighting;

use super::{Links, neighbours};
use crate::Collector;
use crate::store::StoreError;

/// Permitted media by who saw them. Of 10 000 devices few see a medium that the ledger names.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// The serial numbers that the ledger names, as keys.
    serials: BTreeSet<String>,
    /// A row permits any serial number.
    any: bool,
    seen_by: BTreeMap<EndpointId, BTreeMap<String, Elsewhere>>,
    carriers: BTreeMap<String, BTreeSet<EndpointId>>,
}

impl Carried {
    pub(super) fn of(ledger: &Ledger) -> Self {
        let serials = ledger.media.iter().filter_map(|row| row.serial.as_deref()).map(normal::key);
        let serials: BTreeSet<String> = serials.collect();
        Carried { any: serials.contains("*"), serials, ..Carried::default() }
    }

    /// Looks at what an endpoint saw; returns the others that saw one of the media of which it tells something new.
    pub(super) fn see(
        &mut self,
        collector: &Collector,
        endpoint: EndpointId,
    ) -> Result<BTreeSet<EndpointId>, StoreError> {
        if self.serials.is_empty() {
            return Ok(BTreeSet::new());
        }
        let sightings: Option<Vec<Sighting>> =
            collector.shelves.get(&format!("record/{endpoint}/sightings"))?;
        let permitted = |sighting: &Sighting| {
            let key = sighting.medium.serial.as_deref().map(normal::key);
            sighting.medium.is_distinguishable()
                && (self.any || key.is_some_and(|key| self.serials.contains(&key)))
        };
        let sightings = sightings.into_iter().flatten().filter(permitted);
        let seen: BTreeMap<String, Elsewhere> =
            sightings.map(|sighting| (sighting.medium.subject(), elsewhere(sighting))).collect();
        let before = self.seen_by.get(&endpoint);
        // That one that stays in was seen once more says nothing to the others.
        let same = |old: &Elsewhere, new: &Elsewhere| {
            (old.present, &old.connections) == (new.present, &new.connections)
                && last_settled(old) == last_settled(new)
                && old.wrong_clock == new.wrong_clock
        };
        let told = |medium: &str| before.and_then(|before| before.get(medium));
        let news = seen.iter().filter(|(medium, new)| told(medium).is_none_or(|old| !same(old, new)));
        let news: Vec<String> = news.map(|(medium, _)| medium.clone()).collect();
        let mut others = BTreeSet::new();
        for medium in news {
            let carriers = self.carriers.entry(medium).or_default();
            others.extend(carriers.iter().take(COMPARED_MAX).filter(|other| **other != endpoint));
            carriers.insert(endpoint);
        }
        if !seen.is_empty() {
            self.seen_by.insert(endpoint, seen);
        }
        Ok(others)
    }

    /// Forgets an endpoint that is gone; returns the others that saw its media.
    pub(super) fn forget(&mut self, endpoint: EndpointId) -> BTreeSet<EndpointId> {
        let mut others = BTreeSet::new();
        for medium in self.seen_by.remove(&endpoint).unwrap_or_default().into_keys() {
            let Some(carriers) = self.carriers.get_mut(&medium) else { continue };
            carriers.remove(&endpoint);
            others.extend(carriers.iter().take(COMPARED_MAX));
        }
        others
    }
}

fn last_settled(seen: &Elsewhere) -> Option<(u64, Option<u64>)> {
    seen.writes.last().map(|writes| (writes.before_kib, writes.settled_kib))
}

fn elsewhere(sighting: Sighting) -> Elsewhere {
    Elsewhere {
        medium: sighting.medium.subject(),
        device: String::new(),
        present: sighting.present,
        last_at: sighting.last_at,
        connections: sighting.connections,
        writes: sighting.writes,
        wrong_clock: sighting.wrong_clock,
    }
}

impl Links {
    /// Adds what the other devices saw of a device's media.
    pub(super) fn tell_media(
        &self,
        collector: &Collector,
        device: &str,
        around: &mut Surroundings,
    ) -> Result<(), StoreError> {
        around.asked = true;
        let own: BTreeSet<EndpointId> = self.endpoints(device).collect();
        let media = own.iter().filter_map(|endpoint| self.carried.seen_by.get(endpoint)).flatten();
        for (medium, seen) in media {
            let carriers = self.carried.carriers.get(medium).into_iter().flatten();
            let mut all = vec![seen.clone()];
            for other in carriers.filter(|other| !own.contains(other)) {
                let known = self.carried.seen_by.get(other).and_then(|known| known.get(medium));
                let Some((known, device)) = known.zip(self.device(*other)) else { continue };
                all.push(Elsewhere { device: device.to_owned(), ..known.clone() });
            }
            if seems_written_elsewhere(seen, &all) {
                around.quiet.extend(self.most_quiet(collector, medium)?);
            }
            around.media.extend(all.into_iter().skip(1));
        }
        Ok(())
    }

    /// Of the devices on which a medium may be used, the one that was heard of least lately. It walks over the ledger: only
    /// where something is suspicious.
    fn most_quiet(&self, collector: &Collector, medium: &str) -> Result<Option<Quiet>, StoreError> {
        let Some(ledger) = &self.ledger else { return Ok(None) };
        let serial = normal::key(medium.splitn(3, ':').nth(2).unwrap_or_default());
        let names = |row: &&ApprovedMedium| {
            let key = row.serial.as_deref().map(normal::key);
            key.is_some_and(|key| key == serial || key == "*")
        };
        let rows: Vec<&ApprovedMedium> = ledger.media.iter().filter(names).collect();
        let mut most: Option<Quiet> = None;
        for device in ledger.devices.iter().filter(|device| device.status == DeviceStatus::InUse) {
            // No agent is expected on these, and nothing mounts a stick there.
            if device.kind == DeviceKind::Network || !rows.iter().any(|row| row.device.covers(Some(device))) {
                continue;
            }
            let mut last_heard = None;
            for endpoint in self.endpoints(&device.device_id) {
                last_heard = last_heard.max(neighbours::heard(collector, endpoint)?);
            }
            if most.as_ref().is_none_or(|most| last_heard < most.last_heard) {
                let device = device.device_id.clone();
                most = Some(Quiet { medium: medium.to_owned(), device, last_heard });
            }
        }
        Ok(most)
    }
}

/// Whether more had been written before a use than there was after some use before it.
fn seems_written_elsewhere(seen: &Elsewhere, all: &[Elsewhere]) -> bool {
    seen.writes.iter().any(|now| {
        let earlier = all.iter().flat_map(|seen| &seen.writes);
        let settled = earlier.filter(|then| then.attached_at < now.attached_at);
        settled.filter_map(|then| then.settled_kib).any(|settled| now.before_kib > settled)
    })
}
