//! What machines show of the rows, and what they show that no row knows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use daicho_proto::facts::{Host, Look};
use daicho_rules::articles;
use daicho_rules::evidence::Evidence;
use daicho_rules::ledger::{Device, DeviceKind, DeviceStatus, Ledger, Scope};
use daicho_rules::linking::{Index, Link, Linker, Surroundings};
use daicho_rules::normal;
use daicho_rules::record::{EndpointRecord, Held};
use jiff::Timestamp;

use super::pairs::{ON_DEVICES, Pairs, bare, scope_key};
use super::{Comparison, Difference, Measured, Party, Seen};
use crate::bookkeeping::proposal::DRAFTED;
use crate::evaluation::Extracts;

/// Devices without an endpoint that are named: more are counted.
const UNMEASURED_MAX: usize = 1_000;

/// One machine.
#[derive(Clone, Debug)]
pub struct Machine<'a> {
    /// The ledger's device for which it reports; `None`: it is not listed there.
    pub device: Option<&'a str>,
    /// What to call it.
    pub name: &'a str,
    /// Who looked: the endpoint's id, or the file's name.
    pub endpoint: &'a str,
    /// What is known of it.
    pub record: &'a EndpointRecord,
}

/// What was seen of a device itself.
pub(super) struct Itself {
    pub(super) host: Host,
    pub(super) endpoint: String,
    pub(super) at: Timestamp,
}

/// A row that was seen: what the machine says, which endpoint, when.
#[derive(Clone)]
pub(super) struct Sight {
    pub(super) value: String,
    pub(super) privileged: Option<bool>,
    pub(super) endpoint: String,
    pub(super) at: Timestamp,
}

/// Everything that was seen of the rows.
pub(super) struct Sights {
    extracts: Extracts,
    of_file: Arc<Index>,
    rows: [HashMap<String, usize>; 2],
    /// Devices in use that can have an agent, by scope.
    expected: HashMap<String, BTreeSet<String>>,
    /// Devices of which all of a sheet's subject could be read, by sheet and scope.
    measured: HashMap<(&'static str, String), HashMap<String, Timestamp>>,
    pub(super) hosts: BTreeMap<usize, Vec<Itself>>,
    pub(super) seen: HashMap<usize, Sight>,
    endpoints: usize,
}

impl Sights {
    pub(super) fn over(ledger: &Arc<Ledger>, file: &Arc<Ledger>) -> Self {
        let rows = [ledger, file].map(|side| {
            let keys = side.devices.iter().enumerate().rev();
            keys.map(|(index, row)| (normal::key(&row.device_id), index)).collect()
        });
        let mut expected: HashMap<String, BTreeSet<String>> = HashMap::new();
        for row in ledger.devices.iter().chain(&file.devices) {
            if row.status == DeviceStatus::InUse && row.kind != DeviceKind::Network {
                for scope in scopes(Some(row)) {
                    expected.entry(scope).or_default().insert(normal::key(&row.device_id));
                }
            }
        }
        Sights {
            extracts: Extracts::of(Arc::clone(ledger)),
            of_file: Arc::new(Index::of(file)),
            rows,
            expected,
            measured: HashMap::new(),
            hosts: BTreeMap::new(),
            seen: HashMap::new(),
            endpoints: 0,
        }
    }

    /// What is to be said of a row about accounts or programs.
    pub(super) fn of_row(&self, at: usize, sheet: &'static str, scope: &str) -> Seen {
        if let Some(sight) = self.seen.get(&at) {
            return sight.told();
        }
        let looks = self.measured.get(&(sheet, scope.to_owned()));
        let expected = self.expected.get(scope).into_iter().flatten();
        let times: Vec<Option<Timestamp>> =
            expected.map(|device| looks.and_then(|looks| looks.get(device)).copied()).collect();
        let (of, measured) = (times.len(), times.iter().flatten().count());
        match times.iter().flatten().min() {
            Some(at) if measured == of => Seen::None { measured, at: *at },
            _ => Seen::NotMeasured { measured, of },
        }
    }

    pub(super) fn measured(&self, pairs: &Pairs) -> Measured {
        let all = self.expected.get(&scope_key(&Scope::All)).cloned().unwrap_or_default();
        let silent = |device: &&String| pairs.device(device).is_none_or(|at| !self.hosts.contains_key(&at));
        let shown = |device: &String| {
            pairs.device(device).map_or_else(|| device.clone(), |at| pairs.all[at].shown.clone())
        };
        Measured {
            endpoints: self.endpoints,
            devices: all.len(),
            unmeasured: all.iter().filter(silent).take(UNMEASURED_MAX).map(shown).collect(),
            untold: 0,
        }
    }
}

impl Sight {
    fn told(&self) -> Seen {
        Seen::Seen { value: self.value.clone(), endpoint: self.endpoint.clone(), at: self.at }
    }
}

/// The names of one subject, and whether they are all.
struct Names {
    sheet: &'static str,
    /// By key: as the machine writes it, and whether it administers the machine.
    names: BTreeMap<String, (String, Option<bool>)>,
    complete: bool,
    at: Timestamp,
}

impl Names {
    fn of<T>(
        sheet: &'static str,
        held: Option<&Held<Vec<T>>>,
        name: impl Fn(&T) -> (Vec<&String>, Option<bool>),
    ) -> Option<Self> {
        let held = held?;
        let Look::Seen { value, problems } = &held.look else { return None };
        let mut names = BTreeMap::new();
        for one in value {
            let (all, privileged) = name(one);
            for name in all {
                names.insert(bare(name), (name.clone(), privileged));
            }
        }
        Some(Names { sheet, names, complete: problems.is_empty(), at: held.observed_at })
    }

    /// The name that a row's name covers.
    fn covered(&self, row: &str, called: &[String]) -> Option<&(String, Option<bool>)> {
        let own = row
            .rsplit_once(['\\', '¥'])
            .filter(|(before, _)| *before == "." || called.iter().any(|name| name == before));
        let row = own.map_or(row, |(_, name)| name);
        if row.contains('*') {
            return self
                .names
                .iter()
                .find(|(name, _)| normal::pattern_covers(row, name))
                .map(|(_, seen)| seen);
        }
        self.names.get(row)
    }
}

impl Comparison {
    /// Looks at one machine.
    pub fn look(&mut self, machine: &Machine<'_>) {
        self.sights.endpoints += 1;
        let record = machine.record;
        let host = record.host.as_ref().and_then(|held| held.look.value()).cloned().unwrap_or_default();
        let at = record.host.as_ref().map(|held| held.observed_at).or(record.last_heard).unwrap_or(self.now);
        let (ledger, file) = (Arc::clone(&self.ledger), Arc::clone(&self.file));
        let index = Arc::clone(&self.sights.of_file);
        let row_of = |side: usize, id: &str| self.sights.rows[side].get(&normal::key(id)).copied();
        let ours = machine.device.and_then(|id| row_of(0, id)).and_then(|row| ledger.devices.get(row));
        let theirs = machine.device.and_then(|id| row_of(1, id)).and_then(|row| file.devices.get(row));
        let theirs = theirs.or_else(|| match Linker::over(&file, &index).link(&host) {
            Link::Listed { device, .. } => Some(device),
            Link::Ambiguous(_) | Link::Unlisted => None,
        });
        let listed = ours.or(theirs).and_then(|row| self.pairs.device(&row.device_id));
        match listed {
            Some(pair) => {
                let itself = Itself { host: host.clone(), endpoint: machine.endpoint.to_owned(), at };
                self.sights.hosts.entry(pair).or_default().push(itself);
            }
            None => {
                let seen = Sight {
                    value: told_host(&host),
                    privileged: None,
                    endpoint: machine.endpoint.to_owned(),
                    at,
                };
                self.alone("devices", machine.name, machine.name, &seen);
            }
        }
        let mut called = vec![normal::key(machine.name)];
        called.extend(host.hostname.as_deref().map(normal::key));
        let mut about = scopes(ours);
        about.extend(scopes(theirs));
        for (sheet, seen) in self.subjects(machine, &about, &called) {
            self.drafts(machine, ours, sheet, seen.as_ref(), &about, &called);
        }
        self.media(machine, ours);
    }

    /// Marks the rows that are seen on a machine.
    fn subjects(
        &mut self,
        machine: &Machine<'_>,
        about: &BTreeSet<String>,
        called: &[String],
    ) -> Vec<(&'static str, Option<Names>)> {
        let record = machine.record;
        let [accounts, services, software] = ON_DEVICES;
        let subjects = [
            (
                accounts,
                Names::of(accounts, record.accounts.as_ref(), |account| {
                    (vec![&account.name], account.privileged)
                }),
            ),
            (
                services,
                Names::of(services, record.services.as_ref(), |service| {
                    (std::iter::once(&service.name).chain(&service.aliases).collect(), None)
                }),
            ),
            (software, Names::of(software, record.software.as_ref(), |program| (vec![&program.name], None))),
        ];
        for names in subjects.iter().filter_map(|(_, names)| names.as_ref()) {
            for scope in about {
                if names.complete {
                    let known = self.sights.measured.entry((names.sheet, scope.clone())).or_default();
                    let own = called.first().cloned().into_iter().chain(machine.device.map(normal::key));
                    known.extend(own.map(|device| (device, names.at)));
                }
                for at in self.pairs.scoped(names.sheet, scope) {
                    let pair = &self.pairs.all[*at];
                    if self.sights.seen.contains_key(at) {
                        continue;
                    }
                    if let Some((value, privileged)) = names.covered(&pair.name, called) {
                        let sight = Sight {
                            value: value.clone(),
                            privileged: *privileged,
                            endpoint: machine.endpoint.to_owned(),
                            at: names.at,
                        };
                        self.sights.seen.insert(*at, sight);
                    }
                }
            }
        }
        subjects.into_iter().collect()
    }

    /// Tells what a rule finds that neither side has a row for. What is every system's own, no rule finds.
    fn drafts(
        &mut self,
        machine: &Machine<'_>,
        ours: Option<&Device>,
        sheet: &'static str,
        names: Option<&Names>,
        about: &BTreeSet<String>,
        called: &[String],
    ) {
        let Some(names) = names else { return };
        for subject in self.findings(machine, ours, sheet) {
            let covers = |at: &usize| {
                let row = &self.pairs.all[*at].name;
                let one = names.names.get(&bare(&subject)).cloned().unwrap_or_default();
                let only = Names {
                    sheet,
                    names: BTreeMap::from([(bare(&subject), one)]),
                    complete: true,
                    at: names.at,
                };
                only.covered(row, called).is_some()
            };
            if about.iter().any(|scope| self.pairs.scoped(sheet, scope).iter().any(covers)) {
                continue;
            }
            let seen = Sight {
                value: subject.clone(),
                privileged: None,
                endpoint: machine.endpoint.to_owned(),
                at: names.at,
            };
            self.alone(sheet, machine.name, &format!("{} / {subject}", machine.name), &seen);
        }
    }

    fn media(&mut self, machine: &Machine<'_>, ours: Option<&Device>) {
        let mut unknown: BTreeMap<String, Sight> = BTreeMap::new();
        for sighting in &machine.record.sightings {
            let medium = &sighting.medium;
            let sight = Sight {
                value: medium.subject(),
                privileged: None,
                endpoint: machine.endpoint.to_owned(),
                at: sighting.last_at,
            };
            let names = [&medium.vendor_id, &medium.product_id, &medium.serial].map(Option::as_deref);
            let rows: Vec<usize> = self.pairs.media(names).collect();
            if rows.is_empty() {
                unknown.insert(medium.subject(), sight.clone());
            }
            for at in rows {
                let known = self.sights.seen.entry(at).or_insert_with(|| sight.clone());
                if known.at < sight.at {
                    *known = sight.clone();
                }
            }
        }
        if unknown.is_empty() {
            return;
        }
        for subject in self.findings(machine, ours, "media") {
            if let Some(sight) = unknown.remove(&subject) {
                self.alone("media", machine.name, &subject, &sight);
            }
        }
    }

    /// Subjects for which the rules ask a row of this sheet.
    fn findings(&self, machine: &Machine<'_>, ours: Option<&Device>, sheet: &str) -> Vec<String> {
        let record = machine.record;
        self.sights.extracts.with(ours, std::iter::once(record), |ledger| {
            let surroundings = Surroundings::ALONE;
            let evidence =
                Evidence { record: Some(record), device: ours, ledger, now: self.now, surroundings };
            let judged = articles::judge(&evidence).into_iter();
            let asked = judged.filter(|one| DRAFTED.contains(&(one.rule.id, sheet)));
            asked.flat_map(|one| one.assessment.findings).map(|finding| finding.subject).collect()
        })
    }

    /// Tells what only a machine shows.
    fn alone(&mut self, sheet: &str, device: &str, key: &str, seen: &Sight) {
        self.tell(Difference {
            sheet: sheet.to_owned(),
            key: key.to_owned(),
            field: None,
            ledger: None,
            file: None,
            machine: seen.told(),
            only: vec![Party::Machine],
            written_differently: false,
            device: Some(device.to_owned()),
            row: None,
        });
    }
}

/// The scopes of rows that are about a device.
fn scopes(device: Option<&Device>) -> BTreeSet<String> {
    let mut scopes = BTreeSet::from([scope_key(&Scope::All)]);
    if let Some(device) = device {
        scopes.insert(scope_key(&Scope::Device(device.device_id.clone())));
        scopes.extend(device.group.clone().map(|group| scope_key(&Scope::Group(group))));
    }
    scopes
}

/// What names a machine, on one line.
pub(super) fn told_host(host: &Host) -> String {
    let macs = Some(host.mac_addresses.join(" ")).filter(|macs| !macs.is_empty());
    let parts = [
        ("hostname", &host.hostname),
        ("serial_number", &host.serial_number),
        ("hardware_uuid", &host.hardware_uuid),
        ("mac_address", &macs),
    ];
    let told = parts.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
    told.collect::<Vec<_>>().join(", ")
}
