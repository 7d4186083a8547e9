//! What truly happened, and what therefore must be so: written apart from the code under test.

use std::collections::{BTreeMap, BTreeSet};

use daicho_collector::chronicle::verifying;
use daicho_collector::shelves::{Cursor, log_key};
use daicho_collector::store::Store as _;
use daicho_proto::facts::Fact;
use daicho_proto::observation::ObservationId;
use daicho_proto::wire::ReportRequest;
use daicho_proto::wire::observation::Fact as Wire;
use daicho_rules::violation::{State, Violation, key};

use super::machine::PEOPLE;
use super::misfortune::Harm;
use super::world::World;

const UNLISTED: &str = "08.unlisted_account";
const UNAPPROVED: &str = "11.unapproved_use";
const OUTSIDE: &str = "11.taken_outside";
const SILENT: &str = "04.silent_device";

/// What became of an event, as far as the machine knows.
#[derive(Clone, Debug)]
struct Event {
    machine: usize,
    /// The agent had it on its disk: it must never be lost.
    taken: bool,
}

/// The oracle.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    events: BTreeMap<String, Event>,
    /// By machine: who ever had an account there.
    ever: Vec<[bool; 4]>,
    /// By machine: the newest look that the collector showed.
    versions: Vec<Option<u64>>,
    /// By machine: its disk, or the collector's, lost what it had. Events may be missing if a gap tells so.
    excused: Vec<bool>,
    /// By machine: its disk spoiled a record. If that was the word that something had left, it is told again.
    spoiled: Vec<bool>,
    /// Silence is counted by the collector's clock, and how long a stick was not seen.
    pub(crate) collector_clock_was_wrong: bool,
    /// A backup of the collector.
    pub(crate) backup: Option<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Oracle {
    pub(crate) fn new(machines: usize) -> Self {
        Oracle {
            ever: vec![[false; 4]; machines],
            versions: vec![None; machines],
            excused: vec![false; machines],
            spoiled: vec![false; machines],
            ..Oracle::default()
        }
    }

    pub(crate) fn was_there(&mut self, machine: usize, accounts: &[bool; 4]) {
        for (ever, now) in self.ever[machine].iter_mut().zip(accounts) {
            *ever |= now;
        }
    }

    pub(crate) fn arrived(&mut self, machine: usize, serial: &str) {
        self.events.insert(serial.to_owned(), Event { machine, taken: false });
    }

    pub(crate) fn taken(&mut self, serial: &str) {
        if let Some(event) = self.events.get_mut(serial) {
            event.taken = true;
        }
    }

    pub(crate) fn excuse(&mut self, machine: usize) {
        self.excused[machine] = true;
    }

    pub(crate) fn spoiled(&mut self, machine: usize) {
        (self.excused[machine], self.spoiled[machine]) = (true, true);
    }

    pub(crate) fn forget_version(&mut self, machine: usize) {
        self.versions[machine] = None;
    }

    pub(crate) fn serials(&self) -> impl Iterator<Item = &str> {
        self.events.keys().map(String::as_str)
    }

    /// Whatever was only in a machine's memory came to its disk.
    pub(crate) fn drained(&mut self, held: &mut Vec<String>) {
        for serial in held.drain(..) {
            self.taken(&serial);
        }
    }
}

impl World {
    /// What the collector says that it has survives a power cut at this moment.
    pub(crate) fn check_acknowledged(&self, machine: usize, report: &ReportRequest, durable_to: u64) {
        let endpoint = self.machines[machine].endpoint;
        if durable_to == 0 {
            return;
        }
        let cursor = self.house.disk.durable(&format!("cursor/{endpoint}"));
        let cursor: Option<Cursor> = cursor.and_then(|kept| serde_json::from_slice(&kept).ok());
        let covers =
            |cursor: &Cursor| cursor.incarnation == report.incarnation && cursor.durable_to >= durable_to;
        assert!(
            cursor.as_ref().is_some_and(covers),
            "acknowledged and not durable: {} to {durable_to} of machine {machine}, and {cursor:?}",
            report.incarnation
        );
        for observation in report.observations.iter().filter(|one| one.sequence <= durable_to) {
            if !matches!(observation.fact, Some(Wire::MediumEvent(_) | Wire::Gap(_))) {
                continue;
            }
            let (incarnation, sequence) = (report.incarnation, observation.sequence);
            let kept = self.house.disk.durable(&log_key(ObservationId { endpoint, incarnation, sequence }));
            assert!(
                kept.is_some_and(|kept| kept.ends_with(&observation.to_bytes())),
                "acknowledged and not durable: event {sequence} of machine {machine}"
            );
        }
    }

    /// An older look never takes a newer one's place.
    pub(crate) fn check_record(&mut self, machine: usize) {
        let Some(version) = self.shown(machine).map(|(version, _)| version) else { return };
        let newest = self.oracle.versions[machine].unwrap_or_default();
        assert!(
            version >= newest,
            "machine {machine} was seen in state {newest}, and now in {version} again"
        );
        assert!(version <= self.machines[machine].truth.version, "machine {machine} never was in {version}");
        self.oracle.versions[machine] = Some(version);
    }

    /// The newest look at a machine's accounts, as the collector has it: which state it was, and who was there.
    fn shown(&self, machine: usize) -> Option<(u64, BTreeSet<String>)> {
        let record = self.house.shelves().record(self.machines[machine].endpoint).ok()?;
        let accounts = record.accounts?;
        let accounts = accounts.look.value()?;
        let always = accounts.iter().find(|account| account.name == "always")?;
        let people = accounts.iter().filter(|account| account.name != "always");
        let version = always.full_name.as_ref()?.parse().ok()?;
        Some((version, people.map(|account| account.name.clone()).collect()))
    }

    /// Nothing is open that nothing speaks for.
    pub(crate) fn check_open(&self) {
        let Some(ledger) = self.house.ledger() else { return };
        for violation in self.house.shelves().violations().expect("the disk reads") {
            let place = self.machines.iter().position(|machine| machine.label == violation.device);
            // Of a machine that is silent, by a wrong clock too, nothing is known: what was right stays.
            let was_right = violation.state == State::Resolved || self.oracle.collector_clock_was_wrong;
            let possible = match (violation.rule.as_str(), place) {
                (UNLISTED, Some(machine)) => {
                    let person = PEOPLE.iter().position(|name| *name == violation.subject);
                    let there = person.is_some_and(|person| self.oracle.ever[machine][person]);
                    let listed = ledger.accounts.iter().any(|row| row.account == violation.subject);
                    there && (!listed || was_right)
                }
                (UNAPPROVED, Some(machine)) => {
                    let serial = violation.subject.rsplit(':').next().unwrap_or_default();
                    let approved = ledger.media.iter().any(|row| row.serial.as_deref() == Some(serial));
                    let event = self.oracle.events.get(serial);
                    let used = event.is_some_and(|event| event.machine == machine);
                    used && (!approved || was_right)
                }
                (SILENT, Some(machine)) => {
                    // A question alone is not judged before the hour.
                    let never = self.oracle.versions[machine].is_none();
                    never || was_right
                }
                // Nobody waits for thirty days here: what a machine's wrong clock tells is no reason.
                (OUTSIDE, Some(_)) => self.oracle.collector_clock_was_wrong,
                _ => false,
            };
            if !possible {
                let verdicts = self.house.shelves().verdicts_of(&violation.device);
                let shown = place.and_then(|machine| self.shown(machine));
                panic!(
                    "a false alarm: {} is {:?}; shown is {shown:?}, {verdicts:?}, {violation:#?}",
                    violation.key, violation.state
                );
            }
        }
    }

    /// The faults stopped long ago: everything is as it truly was.
    pub(crate) fn check_end(&mut self) {
        self.break_at_end();
        for machine in 0..self.machines.len() {
            self.check_agent(machine);
            self.check_log(machine);
        }
        self.check_violations();
        let verdict = verifying::of_store(&self.house.shelves(), &[]).expect("the disk reads");
        let verdict = verdict.expect("there is a log");
        assert!(verdict.is_sound(), "the log does not verify: {:#?}", verdict.breaks);
    }

    fn check_agent(&self, machine: usize) {
        let one = &self.machines[machine];
        let life = one.life.as_ref().unwrap_or_else(|| panic!("agent {machine} does not run"));
        let spool = life.keeper.spool().unwrap_or_else(|| panic!("agent {machine} has no spool"));
        let waiting = spool.waiting();
        let waits = waiting.events + waiting.inventories + waiting.outgoing + life.keeper.held();
        assert_eq!(waits, 0, "machine {machine} still has something to send: {waiting:?}, {:?}", life.line);
        let people = PEOPLE.iter().zip(one.truth.accounts).filter(|(_, there)| *there);
        let people: BTreeSet<String> = people.map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(self.shown(machine), Some((one.truth.version, people)), "machine {machine} as last seen");
    }

    /// Each event is there once, and each that is missing was given up by somebody who said so.
    fn check_log(&mut self, machine: usize) {
        let shelves = self.house.shelves();
        let endpoint = self.machines[machine].endpoint;
        let (mut counted, mut gaps) = (BTreeMap::<String, u64>::new(), 0);
        for entry in shelves.log(endpoint, None, usize::MAX).expect("the disk reads") {
            match entry.observation.fact {
                Fact::MediumEvent(event) => {
                    *counted.entry(event.medium.serial.unwrap_or_default()).or_default() += 1;
                }
                Fact::Gap(gap) => gaps += gap.lost,
                _ => {}
            }
        }
        let (mut missing, mut there) = (0, 0);
        for (serial, event) in self.oracle.events.iter().filter(|(_, event)| event.machine == machine) {
            let times = counted.remove(serial).unwrap_or_default();
            assert!(times <= 1 || self.oracle.spoiled[machine], "event {serial} is counted {times} times");
            missing += u64::from(times == 0 && event.taken);
            there += times;
        }
        assert!(counted.is_empty(), "events that never were: {counted:?}");
        if missing > 0 {
            let excused = self.oracle.excused[machine] && gaps > 0;
            assert!(excused, "{missing} events of machine {machine} are lost, and gaps tell of {gaps}");
            self.count("machines whose loss was told");
        }
        let uses = shelves.record(endpoint).expect("the disk reads").sightings;
        let twice: Vec<_> = uses.iter().filter(|sighting| sighting.uses > 1).collect();
        assert!(twice.is_empty() || self.oracle.spoiled[machine], "counted twice: {twice:#?}");
        if !self.oracle.excused[machine] {
            assert_eq!(uses.len() as u64, there, "media of machine {machine} that are remembered");
        }
    }

    /// What is open is what ledger, accounts and events say.
    fn check_violations(&self) {
        let ledger = self.house.ledger().expect("the collector is at work");
        let mut expected = BTreeSet::new();
        for one in &self.machines {
            for (name, there) in PEOPLE.iter().zip(one.truth.accounts) {
                if there && !ledger.accounts.iter().any(|row| row.account == *name) {
                    expected.insert(key(UNLISTED, &one.label, name));
                }
            }
            for entry in self.house.shelves().log(one.endpoint, None, usize::MAX).expect("the disk reads") {
                let Fact::MediumEvent(event) = entry.observation.fact else { continue };
                let serial = event.medium.serial.unwrap_or_default();
                if !ledger.media.iter().any(|row| row.serial.as_ref() == Some(&serial)) {
                    expected.insert(key(UNAPPROVED, &one.label, &format!("0781:5581:{serial}")));
                }
            }
        }
        let all = self.house.shelves().violations().expect("the disk reads");
        // What the collector's own clock made of a stick stays, where a machine's was wrong too: nobody can tell any more.
        let unsure = |rule: &str| rule == OUTSIDE && self.oracle.collector_clock_was_wrong;
        let open =
            all.iter().filter(|violation| violation.state != State::Resolved && !unsure(&violation.rule));
        let open: BTreeSet<String> = open.map(|violation| violation.key.clone()).collect();
        let missing: Vec<_> = expected.difference(&open).collect();
        let wrong: Vec<_> = open.difference(&expected).collect();
        assert!(missing.is_empty() && wrong.is_empty(), "not opened: {missing:?}; not resolved: {wrong:?}");
        for violation in &all {
            let steps = self.house.shelves().history(&violation.key).expect("the disk reads");
            assert!(!steps.is_empty(), "{} has no history", violation.key);
        }
    }

    // === broken on purpose ===

    pub(crate) fn raise_false_alarm(&self) {
        self.harm_violation(
            UNLISTED,
            |_| true,
            |violation| {
                let subject = "nobody".to_owned();
                let key = key(UNLISTED, &violation.device, &subject);
                Violation { key, subject, state: State::Open, ..violation }
            },
        );
    }

    fn break_at_end(&self) {
        let is_open = |violation: &Violation| violation.state != State::Resolved;
        let disk = &self.house.disk;
        match self.harm {
            Some(Harm::LosesViolation) => self.harm_violation(UNAPPROVED, is_open, |violation| Violation {
                state: State::Resolved,
                ..violation
            }),
            Some(Harm::LeavesOpen) => {
                self.harm_violation(
                    UNAPPROVED,
                    |one| !is_open(one),
                    |violation| Violation { state: State::Open, ..violation },
                );
            }
            Some(Harm::AltersLog) => {
                let entries = disk.scan(b"chronicle/entry/", None, 2).expect("the disk reads");
                let (key, mut value) = entries.into_iter().next_back().expect("the log has entries");
                let last = value.len() - 2;
                value[last] ^= 1;
                disk.restore(key, Some(value));
            }
            _ => {}
        }
    }

    fn harm_violation(
        &self,
        rule: &str,
        fits: impl Fn(&Violation) -> bool,
        harm: impl FnOnce(Violation) -> Violation,
    ) {
        let all = self.house.disk.scan(b"violation/", None, usize::MAX).unwrap_or_default();
        let parsed = all
            .into_iter()
            .filter_map(|(place, value)| Some((place, serde_json::from_slice::<Violation>(&value).ok()?)));
        if let Some((mut place, before)) = parsed.into_iter().find(|(_, one)| one.rule == rule && fits(one)) {
            let key = before.key.clone();
            let harmed = harm(before);
            if harmed.key != key {
                place.extend_from_slice(b"-nobody");
            }
            self.house.disk.restore(place, Some(serde_json::to_vec(&harmed).expect("our own type")));
        }
    }
}
