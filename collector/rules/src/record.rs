//! The fold of one endpoint's observations: what is known of it now, and which media were ever used on it.

use std::collections::BTreeMap;

use daicho_proto::document::Document;
use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::{
    Account, Antivirus, Fact, Gap, Host, Look, Medium, MediumAction, MediumKind, MediumScan, MediumSeen,
    Package, SerialDoubt, Service, Software, Update, Updates,
};
use daicho_proto::observation::{Observation, ObservationId};
use daicho_proto::spool_trouble::SpoolTrouble;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub mod clock;
pub mod hardware;
mod writes;

use clock::WrongClock;
use hardware::Hardware;
pub use writes::UseWrites;

/// Media that one endpoint remembers. The oldest that is gone makes room: a year of a new stick each day fits.
pub const SIGHTINGS_MAX: usize = 400;

/// Gaps that one endpoint remembers: enough to show that something is wrong, few enough to read.
pub const GAPS_MAX: usize = 32;

/// Connections that one medium remembers. The first is always kept with `first_at`.
pub const CONNECTIONS_MAX: usize = 64;

/// Two tellings of one connection differ by less: the kernel's event, the inventory and the journal each have a clock.
pub(crate) const SAME_CONNECTION_SECONDS: i64 = 10;

/// What is known of one endpoint. A subject that is `None` was never reported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is named for its subject")]
pub struct EndpointRecord {
    pub host: Option<Held<Host>>,
    pub accounts: Option<Held<Vec<Account>>>,
    pub packages: Option<Held<Vec<Package>>>,
    pub updates: Option<Held<Updates>>,
    pub antivirus: Option<Held<Vec<Antivirus>>>,
    pub services: Option<Held<Vec<Service>>>,
    pub software: Option<Held<Vec<Software>>>,
    /// The last inventory of media.
    pub media: Option<Held<Vec<Medium>>>,
    /// Every medium ever seen here, one entry each, from inventories and events.
    pub sightings: Vec<Sighting>,
    /// What the agent had to give up.
    pub gaps: Vec<Gap>,
    /// Why the agent reports nothing now, where its disk takes nothing.
    pub spool_trouble: Option<SpoolTrouble>,
    /// Since when a state lasts that one look cannot date.
    pub since: Since,
    /// When the collector last heard of it, by the collector's clock.
    pub last_heard: Option<Timestamp>,
}

/// Since when states last that a single look cannot date: the first look that saw them, by the endpoint's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Since {
    /// By [`Since::update_key`]: since when a security update waits for this installed version.
    pub security_updates: BTreeMap<String, Timestamp>,
    /// Since when an update waits for a restart.
    pub restart_pending: Option<Timestamp>,
    /// On what it ran, and since when.
    pub hardware: Hardware,
}

impl Since {
    /// The installed version, and not the offered one: a newer offer does not start the clock again.
    pub fn update_key(update: &Update) -> String {
        format!("{}:{}={}", update.manager, update.name, update.installed_version.as_deref().unwrap_or("-"))
    }

    fn see_updates(&mut self, pending: &[Update], complete: bool, observed_at: Timestamp) {
        let known = std::mem::take(&mut self.security_updates);
        for update in pending.iter().filter(|update| update.security == Some(true)) {
            let key = Since::update_key(update);
            let since = known.get(&key).copied().unwrap_or(observed_at).min(observed_at);
            self.security_updates.insert(key, since);
        }
        if !complete {
            for (key, since) in known {
                self.security_updates.entry(key).or_insert(since);
            }
        }
    }

    fn see_host(&mut self, host: &Host, observed_at: Timestamp) {
        self.hardware.see(host, observed_at);
        match host.restart_pending {
            Some(true) => {
                let restarted = |since: &Timestamp| host.boot_time.is_some_and(|boot| boot > *since);
                let since = self.restart_pending.filter(|since| !restarted(since));
                self.restart_pending = Some(since.unwrap_or(observed_at).min(observed_at));
            }
            Some(false) => self.restart_pending = None,
            None => {}
        }
    }
}

/// A look, with its time and name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held<T> {
    /// What was seen, or why not.
    pub look: Look<T>,
    /// By the endpoint's clock.
    pub observed_at: Timestamp,
    /// `None` for a document that was read from a file.
    pub observation: Option<ObservationId>,
}

/// One medium's use on one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The medium as it was last seen.
    pub medium: Medium,
    /// When it was first seen on this endpoint.
    pub first_at: Timestamp,
    /// When its last connection began: the newest use.
    pub attached_at: Timestamp,
    /// When it was last seen.
    pub last_at: Timestamp,
    /// Whether it is plugged in now, as far as is known.
    pub present: bool,
    /// Known from the system's records only: nobody saw it live.
    pub found_afterwards: bool,
    /// When each of its newest connections began, oldest first.
    #[serde(default)]
    pub connections: Vec<Timestamp>,
    /// Those of them that only the system's records told.
    #[serde(default)]
    pub recorded: Vec<Timestamp>,
    /// How many connections were seen.
    pub uses: u64,
    /// What antivirus records say of its newest uses, oldest first: one for each first mount of a connection.
    #[serde(default)]
    pub scans: Vec<UseScan>,
    /// What was written to it, by its newest uses of which its filesystem tells, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<UseWrites>,
    /// The observation that told of the last connection.
    pub observation: Option<ObservationId>,
    /// The clock by which `last_at` was told is known to have been wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong_clock: Option<WrongClock>,
}

/// What antivirus records say of one use of a medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UseScan {
    /// When the use began: the first mount.
    pub since: Timestamp,
    /// What the records said when they were last asked.
    pub scan: MediumScan,
    /// When that was.
    pub observed_at: Timestamp,
    /// Whether the medium was taken away since.
    pub ended: bool,
}

impl Sighting {
    /// Whether the connection that began then is known from the system's records only: nobody saw it live.
    pub fn is_from_records(&self, connected_at: Timestamp) -> bool {
        self.recorded.contains(&connected_at) || self.found_afterwards && connected_at == self.attached_at
    }
}

impl EndpointRecord {
    /// Takes a document in, heard when it was observed.
    pub fn take_document(&mut self, document: Document) {
        let observed_at = document.observed_at;
        for fact in document.into_facts() {
            self.take(fact, observed_at, None, None);
        }
        self.last_heard = Some(observed_at);
    }

    /// Takes one observation in. Taking the same one twice changes nothing: the intake lets each pass once.
    /// `wrong_clock`: what is known against the clock by which it was observed.
    pub fn fold(
        &mut self,
        endpoint: EndpointId,
        incarnation: u64,
        observation: Observation,
        received_at: Timestamp,
        wrong_clock: Option<WrongClock>,
    ) {
        let id = ObservationId { endpoint, incarnation, sequence: observation.sequence };
        self.take(observation.fact, observation.observed_at, Some(id), wrong_clock);
        self.last_heard = Some(received_at);
    }

    fn take(
        &mut self,
        fact: Fact,
        observed_at: Timestamp,
        observation: Option<ObservationId>,
        wrong_clock: Option<WrongClock>,
    ) {
        fn held<T>(
            look: Look<T>,
            observed_at: Timestamp,
            observation: Option<ObservationId>,
        ) -> Option<Held<T>> {
            Some(Held { look, observed_at, observation })
        }
        match fact {
            Fact::Host(look) => {
                if let Some(host) = look.value() {
                    self.since.see_host(host, observed_at);
                }
                self.host = held(look, observed_at, observation);
            }
            Fact::Accounts(look) => self.accounts = held(look, observed_at, observation),
            Fact::Packages(look) => self.packages = held(look, observed_at, observation),
            Fact::Updates(look) => {
                if let Some(updates) = look.value() {
                    self.since.see_updates(&updates.pending, look.is_complete(), observed_at);
                }
                self.updates = held(look, observed_at, observation);
            }
            Fact::Antivirus(look) => self.antivirus = held(look, observed_at, observation),
            Fact::Services(look) => self.services = held(look, observed_at, observation),
            Fact::Software(look) => self.software = held(look, observed_at, observation),
            Fact::Media(look) => {
                if let Some(media) = look.value() {
                    self.sight_all(media, look.is_complete(), observed_at, observation, wrong_clock);
                }
                self.media = held(look, observed_at, observation);
            }
            Fact::MediumEvent(event) => {
                let present = event.action != MediumAction::Left;
                let begins = event.action == MediumAction::Arrived;
                self.sight(&event.medium, (present, begins), observed_at, observation, wrong_clock);
            }
            Fact::Gap(gap) => {
                self.gaps.push(gap);
                let excess = self.gaps.len().saturating_sub(GAPS_MAX);
                self.gaps.drain(..excess);
            }
        }
    }

    fn sight_all(
        &mut self,
        media: &[Medium],
        complete: bool,
        observed_at: Timestamp,
        observation: Option<ObservationId>,
        wrong_clock: Option<WrongClock>,
    ) {
        for medium in media {
            let present = medium.seen == MediumSeen::Present;
            self.sight(medium, (present, false), observed_at, observation, wrong_clock);
        }
        if complete {
            let here = |known: &Medium| {
                media.iter().any(|medium| medium.seen == MediumSeen::Present && same_medium(known, medium))
            };
            for sighting in &mut self.sightings {
                sighting.present = sighting.present && here(&sighting.medium);
            }
        }
    }

    fn sight(
        &mut self,
        medium: &Medium,
        (present, begins): (bool, bool),
        observed_at: Timestamp,
        observation: Option<ObservationId>,
        wrong_clock: Option<WrongClock>,
    ) {
        let from_record = medium.seen == MediumSeen::Record;
        let told = if from_record {
            medium.connected_at.or(medium.last_seen).or(medium.first_seen)
        } else {
            medium.first_seen
        };
        let attached_at = told.unwrap_or(observed_at);
        let last_at = if from_record { medium.last_seen.unwrap_or(attached_at) } else { observed_at };
        let known = self.sightings.iter_mut().find(|sighting| same_medium(&sighting.medium, medium));
        let Some(sighting) = known else {
            // Once two were seen to have it, a serial number names no third one either.
            let is_shared =
                medium.serial.is_some() && self.sightings.iter().any(|it| shares_serial(&it.medium, medium));
            let shared = is_shared.then_some(SerialDoubt::Shared);
            self.make_room();
            let first_at = medium.first_seen.unwrap_or(attached_at).min(attached_at);
            let mut connections = vec![first_at, attached_at];
            connections.dedup();
            self.sightings.push(Sighting {
                medium: Medium { serial_doubt: medium.serial_doubt.or(shared), ..medium.clone() },
                first_at,
                attached_at,
                last_at,
                present,
                found_afterwards: from_record,
                recorded: if from_record { connections.clone() } else { Vec::new() },
                uses: connections.len() as u64,
                connections,
                scans: medium
                    .scan
                    .as_ref()
                    .and_then(|scan| UseScan::of(scan, present, observed_at))
                    .into_iter()
                    .collect(),
                writes: UseWrites::of(medium, attached_at, observed_at).into_iter().collect(),
                observation,
                wrong_clock,
            });
            return;
        };
        if let Some(scan) = medium.scan.as_ref().and_then(|scan| UseScan::of(scan, present, observed_at)) {
            sighting.take_scan(scan);
        }
        // A stick that stays in and tells no time is the same use, look after look.
        let lasts = told.is_none() && !begins && (from_record || sighting.present);
        // One that was seen to go and comes again is used again, however soon.
        let again = begins && !sighting.present && !sighting.found_afterwards;
        let told_before =
            |at: &Timestamp| (at.as_second() - attached_at.as_second()).abs() < SAME_CONNECTION_SECONDS;
        let forgotten = sighting.connections.len() == CONNECTIONS_MAX
            && sighting.connections.first().is_some_and(|oldest| attached_at < *oldest);
        if !lasts && !forgotten && (again || !sighting.connections.iter().any(told_before)) {
            sighting.uses += 1;
            sighting.connections.push(attached_at);
            sighting.connections.sort_unstable();
            let excess = sighting.connections.len().saturating_sub(CONNECTIONS_MAX);
            let forgotten: Vec<Timestamp> = sighting.connections.drain(..excess).collect();
            sighting.recorded.retain(|at| !forgotten.contains(at));
            if from_record {
                sighting.recorded.push(attached_at);
            }
            sighting.first_at = sighting.first_at.min(attached_at);
            if attached_at > sighting.attached_at {
                sighting.attached_at = attached_at;
                sighting.observation = observation;
                sighting.found_afterwards = from_record;
            }
        }
        // What a clock that was right tells of now takes the place of what a wrong one told, also of a later time.
        let righted = sighting.wrong_clock.is_some() && wrong_clock.is_none() && !from_record;
        if last_at >= sighting.last_at || righted {
            (sighting.last_at, sighting.wrong_clock) = (last_at, wrong_clock);
            let remembered = std::mem::replace(&mut sighting.medium, medium.clone());
            let kept = &mut sighting.medium;
            kept.filesystem_uuid = kept.filesystem_uuid.take().or(remembered.filesystem_uuid);
            kept.label = kept.label.take().or(remembered.label);
            kept.release = kept.release.take().or(remembered.release);
            // Records do not always tell what a thing is.
            if from_record && kept.kind == MediumKind::Other {
                kept.kind = remembered.kind;
            }
            kept.serial_doubt = kept.serial_doubt.or(remembered.serial_doubt);
        }
        // Once two were seen to have it, the serial number names neither, also when one of them is gone.
        if medium.serial_doubt == Some(SerialDoubt::Shared) {
            sighting.medium.serial_doubt = medium.serial_doubt;
        }
        if let Some(writes) = UseWrites::of(medium, sighting.attached_at, observed_at) {
            sighting.take_writes(writes);
        }
        // What the records remember says nothing about whether it is plugged in now.
        if !from_record {
            sighting.present = present;
        }
    }

    fn make_room(&mut self) {
        if self.sightings.len() >= SIGHTINGS_MAX {
            let oldest = self.sightings.iter().enumerate().filter(|(_, sighting)| !sighting.present);
            if let Some((index, _)) = oldest.min_by_key(|(_, sighting)| sighting.last_at) {
                self.sightings.remove(index);
            }
        }
    }
}

impl UseScan {
    /// A use whose beginning nobody saw has no name: nothing can be said of it.
    fn of(scan: &MediumScan, present: bool, observed_at: Timestamp) -> Option<Self> {
        Some(UseScan { since: scan.since?, scan: scan.clone(), observed_at, ended: !present })
    }
}

impl Sighting {
    fn take_scan(&mut self, new: UseScan) {
        match self.scans.iter_mut().find(|known| known.since == new.since) {
            Some(known) if known.observed_at <= new.observed_at => {
                *known = UseScan { ended: known.ended || new.ended, ..new };
            }
            Some(_) => {}
            None => {
                self.scans.push(new);
                self.scans.sort_unstable_by_key(|scan| scan.since);
                let excess = self.scans.len().saturating_sub(CONNECTIONS_MAX);
                self.scans.drain(..excess);
            }
        }
    }
}

/// The same stick, as far as can be told: its serial, or where that names nothing its filesystem and release.
fn same_medium(a: &Medium, b: &Medium) -> bool {
    fn agree<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
        a.is_none() || b.is_none() || a == b
    }
    let unread = |medium: &Medium| medium.serial_doubt == Some(SerialDoubt::Unread);
    a.vendor_id == b.vendor_id
        && a.product_id == b.product_id
        && a.serial == b.serial
        && unread(a) == unread(b)
        && same_kind(a, b)
        && (a.is_distinguishable()
            || agree(&a.filesystem_uuid, &b.filesystem_uuid) && agree(&a.release, &b.release))
}

/// Whether one is known to share its serial number, and the other one has it.
fn shares_serial(known: &Medium, medium: &Medium) -> bool {
    known.serial_doubt == Some(SerialDoubt::Shared)
        && known.vendor_id == medium.vendor_id
        && known.product_id == medium.product_id
        && known.serial == medium.serial
}

/// A drive is storage by its class, and optical once its disk is there; records do not always tell.
fn same_kind(a: &Medium, b: &Medium) -> bool {
    let drive = |kind| matches!(kind, MediumKind::Storage | MediumKind::Optical);
    let vague = |medium: &Medium| medium.seen == MediumSeen::Record && medium.kind == MediumKind::Other;
    a.kind == b.kind || drive(a.kind) && drive(b.kind) || vague(a) || vague(b)
}

#[cfg(test)]
mod tests;
