//! What lies where in the store: one type for each shelf, JSON but for the log, which keeps the wire's own bytes.
//!
//! Reading is free; who reads, decides and writes violations holds `Collector::judging` meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;

use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::Host;
use daicho_proto::observation::{Observation, ObservationId};
use daicho_proto::{time, wire};
use daicho_rules::ledger::Ledger;
use daicho_rules::record::{EndpointRecord, Held};
use daicho_rules::rule::{Unknown, Verdict};
use daicho_rules::violation::{State, Step, StepKind, Violation};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::identity::roles::{self, Role};
use crate::store::{Batch, Store, StoreError};

pub mod signs;

/// Entries that one scan takes at once: bounds the memory of a walk over a long shelf.
const SCAN_PAGE: usize = 1_000;

/// An enrolled endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRow {
    /// Who.
    pub id: EndpointId,
    /// When it joined.
    pub enrolled_at: Timestamp,
    /// Hints for people, told at enrolment.
    pub hostname: String,
    /// The hexadecimal serials of its certificates that are not revoked.
    pub certificates: Vec<String>,
    /// When its newest certificate ends.
    pub not_after: Timestamp,
    /// The newest root that was given with it: its SHA-256, hexadecimal.
    #[serde(default)]
    pub newest_root: Option<String>,
    /// When a person revoked it.
    pub revoked_at: Option<Timestamp>,
    /// The ledger's device for which its token was made, if a person said so.
    #[serde(default)]
    pub device: Option<String>,
    /// Why it was revoked.
    #[serde(default)]
    pub revoked_because: Option<String>,
}

impl EndpointRow {
    /// An endpoint that joined at this moment, before it has a certificate: for no device in particular.
    pub fn joined(id: EndpointId, hostname: impl Into<String>, at: Timestamp) -> Self {
        EndpointRow {
            id,
            enrolled_at: at,
            hostname: hostname.into(),
            certificates: Vec::new(),
            not_after: at,
            newest_root: None,
            revoked_at: None,
            device: None,
            revoked_because: None,
        }
    }
}

/// A person with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorRow {
    /// Who.
    pub name: String,
    /// The hexadecimal serials of the certificates that are not revoked.
    pub certificates: Vec<String>,
    /// When the newest certificate ends.
    pub not_after: Timestamp,
    /// The newest root that was given with it: its SHA-256, hexadecimal.
    #[serde(default)]
    pub newest_root: Option<String>,
    /// When a person revoked it.
    pub revoked_at: Option<Timestamp>,
    /// What the person may do. Rows of before there were roles: everything, as it was then.
    #[serde(default = "roles::of_one_person")]
    pub roles: BTreeSet<Role>,
    /// Of a head of section: the section, as in the ledger's column 部署.
    #[serde(default)]
    pub section: Option<String>,
}

/// Up to where an endpoint's observations are durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The spool's life that reports now.
    pub incarnation: u64,
    /// The newest of it that is durable.
    pub durable_to: u64,
    /// Earlier lives, oldest first: one of them that comes back is the same identity alive twice.
    #[serde(default)]
    pub former: Vec<u64>,
    /// Of which moments it told.
    #[serde(default)]
    pub told_to: ToldTo,
}

/// The latest moments of which an endpoint surely told: what comes from now on is not older, unless a clock was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is named for what is told in order")]
pub struct ToldTo {
    pub events: Option<Timestamp>,
    pub media: Option<Timestamp>,
}

/// One version of the ledger: who imported it, when, from what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerVersion {
    /// Rises by one, from 1 on.
    pub number: u64,
    /// When it was imported.
    pub imported_at: Timestamp,
    /// The operator who did.
    pub imported_by: String,
    /// The file's or folder's name, for people.
    pub source: String,
    /// A word of the operator's.
    #[serde(default)]
    pub note: Option<String>,
}

/// What every rule last said of one device. Written by the evaluation, removed with the device; questions read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceVerdicts {
    /// The ledger's device_id, or the hostname of a device that is not listed: as in [`Violation::device`].
    pub device: String,
    /// The ledger's group, where it is listed and has one.
    pub group: Option<String>,
    /// The endpoints that are linked to it; none: no agent reports for it.
    pub endpoints: Vec<EndpointId>,
    /// When it was judged.
    pub judged_at: Timestamp,
    /// In the order of `RULES`.
    pub rules: Vec<RuleVerdict>,
}

/// What one rule last said of one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleVerdict {
    /// The rule's id.
    pub rule: String,
    /// In one word.
    pub verdict: Verdict,
    /// What could not be told, also where something was found.
    pub unknowns: Vec<Unknown>,
}

/// Something that a person is to be told, as it stood then. Waits in the outbox until every channel has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Rises by one, from 1 on.
    pub number: u64,
    /// When it came to be.
    pub at: Timestamp,
    /// What happened.
    pub what: StepKind,
    /// The violation as it stood then.
    pub violation: Violation,
}

/// The store, with types.
#[derive(Clone)]
pub struct Shelves {
    store: Arc<dyn Store>,
}

impl Shelves {
    /// Puts types over a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Shelves { store }
    }

    /// The store below, for who keeps a shelf of its own.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Writes a batch; durable when it returns.
    pub fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.store.commit(batch)
    }

    /// The value at `key`, parsed.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        self.store.get(key.as_bytes())?.map(|value| parse(key.as_bytes(), &value)).transpose()
    }

    /// All values whose keys begin with `prefix`, parsed, in the order of their keys.
    pub fn all<T: DeserializeOwned>(&self, prefix: &str) -> Result<Vec<T>, StoreError> {
        let mut values = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.store.scan(prefix.as_bytes(), after.as_deref(), SCAN_PAGE)?;
            for (key, value) in &page {
                values.push(parse(key, value)?);
            }
            match page.last() {
                Some((key, _)) if page.len() == SCAN_PAGE => after = Some(key.clone()),
                _ => return Ok(values),
            }
        }
    }

    /// An endpoint.
    pub fn endpoint(&self, id: EndpointId) -> Result<Option<EndpointRow>, StoreError> {
        self.get(&format!("endpoint/{id}"))
    }

    /// All endpoints.
    pub fn endpoints(&self) -> Result<Vec<EndpointRow>, StoreError> {
        self.all("endpoint/")
    }

    /// All operators.
    pub fn operators(&self) -> Result<Vec<OperatorRow>, StoreError> {
        self.all("operator/")
    }

    /// An operator.
    pub fn operator(&self, name: &str) -> Result<Option<OperatorRow>, StoreError> {
        self.get(&format!("operator/{name}"))
    }

    /// The events and gaps that an endpoint reported, oldest first within each incarnation; `after` continues a page.
    pub fn log(
        &self,
        endpoint: EndpointId,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let page = self.store.scan(format!("log/{endpoint}/").as_bytes(), after, limit)?;
        page.into_iter().map(|(key, value)| LogEntry::parse(endpoint, key, &value)).collect()
    }

    /// The version of the agent that last reported.
    pub fn agent_version(&self, id: EndpointId) -> Result<Option<String>, StoreError> {
        self.get(&format!("record/{id}/agent_version"))
    }

    /// An endpoint's cursor.
    pub fn cursor(&self, id: EndpointId) -> Result<Option<Cursor>, StoreError> {
        self.get(&format!("cursor/{id}"))
    }

    /// What is known of an endpoint; empty where it never reported.
    pub fn record(&self, id: EndpointId) -> Result<EndpointRecord, StoreError> {
        let prefix = format!("record/{id}/");
        let mut record = EndpointRecord::default();
        // The parts lie together: one walk over them costs less than a search for each.
        for (key, value) in self.store.scan(prefix.as_bytes(), None, SCAN_PAGE)? {
            match key.strip_prefix(prefix.as_bytes()).unwrap_or_default() {
                b"host" => record.host = parse(&key, &value)?,
                b"accounts" => record.accounts = parse(&key, &value)?,
                b"packages" => record.packages = parse(&key, &value)?,
                b"updates" => record.updates = parse(&key, &value)?,
                b"antivirus" => record.antivirus = parse(&key, &value)?,
                b"services" => record.services = parse(&key, &value)?,
                b"software" => record.software = parse(&key, &value)?,
                b"media" => record.media = parse(&key, &value)?,
                b"sightings" => record.sightings = parse(&key, &value)?,
                b"gaps" => record.gaps = parse(&key, &value)?,
                b"spool_trouble" => record.spool_trouble = parse(&key, &value)?,
                b"since" => record.since = parse(&key, &value)?,
                b"last_heard" => record.last_heard = parse(&key, &value)?,
                // The agent's version, which no rule reads.
                _ => {}
            }
        }
        record.last_heard = record.last_heard.max(signs::of(self, id)?);
        Ok(record)
    }

    /// When an endpoint was last heard of, and its host: what a list shows, without the rest of its record.
    pub fn heard(&self, id: EndpointId) -> Result<(Option<Timestamp>, Option<Held<Host>>), StoreError> {
        Ok((self.last_heard(id)?, self.get(&format!("record/{id}/host"))?))
    }

    /// When an endpoint was last heard of: with its last report, or by a sign of life since.
    pub fn last_heard(&self, id: EndpointId) -> Result<Option<Timestamp>, StoreError> {
        let reported: Option<Timestamp> = self.get(&format!("record/{id}/last_heard"))?;
        Ok(reported.max(signs::of(self, id)?))
    }

    /// One violation.
    pub fn violation(&self, key: &str) -> Result<Option<Violation>, StoreError> {
        self.get(&format!("violation/{}", by_device(key)))
    }

    /// All violations of one device, resolved ones too.
    pub fn violations_of(&self, device: &str) -> Result<Vec<Violation>, StoreError> {
        let probe = daicho_rules::violation::key("", device, "");
        self.all(&format!("violation{probe}"))
    }

    /// All violations, resolved ones too.
    pub fn violations(&self) -> Result<Vec<Violation>, StoreError> {
        self.all("violation/")
    }

    /// A violation's steps, oldest first.
    pub fn history(&self, key: &str) -> Result<Vec<Step>, StoreError> {
        self.all(&format!("history/{}//", by_device(key)))
    }

    /// A violation's steps as they are kept, oldest first.
    pub fn history_lines(&self, key: &str) -> Result<Vec<Vec<u8>>, StoreError> {
        let prefix = format!("history/{}//", by_device(key));
        let (mut lines, mut after): (Vec<Vec<u8>>, Option<Vec<u8>>) = (Vec::new(), None);
        loop {
            let page = self.store.scan(prefix.as_bytes(), after.as_deref(), SCAN_PAGE)?;
            after = page.last().map(|(key, _)| key.clone());
            let full = page.len() == SCAN_PAGE;
            lines.extend(page.into_iter().map(|(_, value)| value));
            if !full {
                return Ok(lines);
            }
        }
    }

    /// At most `limit` violations that come after the one with the key `after`, by device, rule and subject.
    pub fn violations_after(&self, after: Option<&str>, limit: usize) -> Result<Vec<Violation>, StoreError> {
        let after = after.map(|key| format!("violation/{}", by_device(key)));
        let page = self.store.scan(b"violation/", after.as_deref().map(str::as_bytes), limit)?;
        page.iter().map(|(key, value)| parse(key, value)).collect()
    }

    /// What the rules last said of a device.
    pub fn verdicts_of(&self, device: &str) -> Result<Option<DeviceVerdicts>, StoreError> {
        self.get(&verdicts_key(device))
    }

    /// At most `limit` devices that come after `after`, with what the rules last said of them.
    pub fn verdicts_after(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DeviceVerdicts>, StoreError> {
        let after = after.map(verdicts_key);
        let page = self.store.scan(b"verdict/", after.as_deref().map(str::as_bytes), limit)?;
        page.iter().map(|(key, value)| parse(key, value)).collect()
    }

    /// What the rules last said of every device.
    pub fn verdicts(&self) -> Result<Vec<DeviceVerdicts>, StoreError> {
        self.all("verdict/")
    }

    /// The names of all devices of which the rules said something or of which a violation is open. Nothing else is read
    /// of either: there are tens of thousands of them.
    pub fn spoken_of(&self) -> Result<BTreeSet<String>, StoreError> {
        #[derive(Deserialize)]
        struct Judged {
            device: String,
        }
        #[derive(Deserialize)]
        struct Known {
            device: String,
            state: State,
        }
        let judged = self.all("verdict/")?.into_iter().map(|Judged { device }| device);
        let known = self.all("violation/")?.into_iter();
        let open = known.filter(|known: &Known| known.state != State::Resolved).map(|known| known.device);
        Ok(judged.chain(open).collect())
    }

    /// The ledger's versions, oldest first.
    pub fn ledger_versions(&self) -> Result<Vec<LedgerVersion>, StoreError> {
        self.all("ledger/version/")
    }

    /// One version's content.
    pub fn ledger(&self, number: u64) -> Result<Option<Ledger>, StoreError> {
        self.get(&format!("ledger/content/{number:016x}"))
    }

    /// Notices that come after `number`, oldest first.
    pub fn notices_after(&self, number: u64, limit: usize) -> Result<Vec<Notice>, StoreError> {
        let after = format!("notice/{number:016x}");
        let page = self.store.scan(b"notice/", Some(after.as_bytes()), limit)?;
        page.iter().map(|(key, value)| parse(key, value)).collect()
    }

    /// The number of the newest notice, 0 where there is none.
    pub fn last_notice(&self) -> Result<u64, StoreError> {
        Ok(self.get("meta/last_notice")?.unwrap_or(0))
    }
}

impl Batch {
    /// Writes a value as JSON.
    pub fn put_json<T: Serialize>(&mut self, key: &str, value: &T) {
        // Our own types have text keys and no failing serializer: this cannot fail.
        let json = serde_json::to_vec(value).unwrap_or_default();
        self.put(key, json);
    }

    /// Writes an endpoint.
    pub fn put_endpoint(&mut self, row: &EndpointRow) {
        self.put_json(&format!("endpoint/{}", row.id), row);
    }

    /// Writes an operator.
    pub fn put_operator(&mut self, row: &OperatorRow) {
        self.put_json(&format!("operator/{}", row.name), row);
    }

    /// Adds an event or a gap to the log: when it came, and the bytes of the wire.
    pub fn put_log(&mut self, id: ObservationId, received_at: Timestamp, wire: &[u8]) {
        let mut value = received_at.as_microsecond().to_be_bytes().to_vec();
        value.extend_from_slice(wire);
        self.put(log_key(id), value);
    }

    /// Writes a violation.
    pub fn put_violation(&mut self, violation: &Violation) {
        self.put_json(&format!("violation/{}", by_device(&violation.key)), violation);
    }

    /// Adds the step number `number` (from 0 on) to a violation's history.
    pub fn put_step(&mut self, key: &str, number: usize, step: &Step) {
        self.put_json(&format!("history/{}//{number:08x}", by_device(key)), step);
    }

    /// Forgets a violation with the `steps` steps of its history.
    pub fn remove_violation(&mut self, key: &str, steps: usize) {
        self.remove(format!("violation/{}", by_device(key)));
        for number in 0..steps {
            self.remove(format!("history/{}//{number:08x}", by_device(key)));
        }
    }

    /// Writes what the rules say of a device.
    pub fn put_verdicts(&mut self, verdicts: &DeviceVerdicts) {
        self.put_json(&verdicts_key(&verdicts.device), verdicts);
    }

    /// Forgets a device that is neither listed nor reporting any more.
    pub fn remove_verdicts(&mut self, device: &str) {
        self.remove(verdicts_key(device));
    }

    /// Adds a version of the ledger and makes it the current one.
    pub fn put_ledger(&mut self, version: &LedgerVersion, ledger: &Ledger) {
        self.put_json(&format!("ledger/version/{:016x}", version.number), version);
        self.put_json(&format!("ledger/content/{:016x}", version.number), ledger);
    }

    /// Adds a notice; its number is one more than [`Shelves::last_notice`], and `Collector::judging` is held.
    pub fn put_notice(&mut self, notice: &Notice) {
        self.put_json(&format!("notice/{:016x}", notice.number), notice);
        self.put_json("meta/last_notice", &notice.number);
    }
}

fn verdicts_key(device: &str) -> String {
    format!("verdict{}", daicho_rules::violation::key("", device, ""))
}

/// An event or gap as it was reported.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// Its place in the log, to go on from.
    pub key: Vec<u8>,
    /// Its name.
    pub id: ObservationId,
    /// When it came, by the collector's clock.
    pub received_at: Timestamp,
    /// What it said.
    pub observation: Observation,
}

impl LogEntry {
    fn parse(endpoint: EndpointId, key: Vec<u8>, value: &[u8]) -> Result<Self, StoreError> {
        let corrupt =
            |reason: String| StoreError::Corrupt { key: String::from_utf8_lossy(&key).into_owned(), reason };
        let text = String::from_utf8_lossy(&key).into_owned();
        let mut numbers = text.split('/').skip(2).map(|part| u64::from_str_radix(part, 16).ok());
        let (Some(Some(incarnation)), Some(Some(sequence))) = (numbers.next(), numbers.next()) else {
            return Err(corrupt("the key is no observation's name".to_owned()));
        };
        let Some((micros, wire)) = value.split_first_chunk::<8>() else {
            return Err(corrupt("the time is cut off".to_owned()));
        };
        let observation = wire::Observation::from_bytes(wire).and_then(Observation::try_from);
        Ok(LogEntry {
            id: ObservationId { endpoint, incarnation, sequence },
            received_at: time::from_wire(i64::from_be_bytes(*micros)),
            observation: observation.map_err(|error| corrupt(error.to_string()))?,
            key,
        })
    }
}

/// Where an event lies in the log.
pub fn log_key(id: ObservationId) -> String {
    format!("log/{}/{:016x}/{:016x}", id.endpoint, id.incarnation, id.sequence)
}

/// An event's incarnation and sequence number, and when it came; `None` of what is no event.
pub fn log_place(key: &[u8], value: &[u8]) -> Option<(u64, u64, Timestamp)> {
    let mut parts = std::str::from_utf8(key).ok()?.split('/').skip(2);
    let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
    let (incarnation, sequence) = (number()?, number()?);
    let (micros, _) = value.split_first_chunk::<8>()?;
    Some((incarnation, sequence, time::from_wire(i64::from_be_bytes(*micros))))
}

/// `rule/device/subject` as `device/rule/subject`, so that one device's violations lie together.
fn by_device(key: &str) -> String {
    let mut parts = key.splitn(3, '/');
    let (rule, device, subject) = (parts.next(), parts.next(), parts.next());
    format!("{}/{}/{}", device.unwrap_or_default(), rule.unwrap_or_default(), subject.unwrap_or_default())
}

fn parse<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|error| StoreError::Corrupt {
        key: String::from_utf8_lossy(key).into_owned(),
        reason: error.to_string(),
    })
}
