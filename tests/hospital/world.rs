//! The hospital's life: one queue of what happens next, and what then follows from it.

use std::cell::RefCell;
use std::collections::BinaryHeap;
use std::collections::btree_map::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use daicho_collector::clock::Clock as _;
use daicho_proto::wire::ReportRequest;
use daicho_rules::ledger::{ApprovedAccount, ApprovedMedium, Device, Ledger};
use fastrand::Rng;
use tempfile::TempDir;

use super::clock::TrueTime;
use super::happening::{Entry, Happening};

use super::house::House;
use super::machine::{Line, Machine, PEOPLE, SUBJECTS, arrival};
use super::misfortune::{Harm, Network};
use super::oracle::Oracle;

/// After the faults stop everything must be right within this.
const CALM: Duration = Duration::from_secs(2 * 3_600);

/// The agent asks its disk again this often. (Its own pace is 5 s; nothing hangs on the difference.)
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(45);

/// Arrivals of media on one machine: as many as its record remembers apart.
const EVENTS_MAX: u64 = 60;

thread_local! {
    /// The agent asks a plain function for new incarnations.
    static FRESH: RefCell<Rng> = const { RefCell::new(Rng::with_seed(0)) };
}

/// A new incarnation.
pub(crate) fn fresh() -> u64 {
    FRESH.with_borrow_mut(|chance| chance.u64(..))
}

/// As the queue counts.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).expect("hours")
}

/// What one seed came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Of everything that happened, in order.
    pub(crate) trace: u64,
    /// How often each thing happened.
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

/// A hospital.
pub(crate) struct World {
    pub(crate) chance: Rng,
    pub(crate) machines: Vec<Machine>,
    pub(crate) house: House,
    pub(crate) network: Network,
    pub(crate) oracle: Oracle,
    pub(crate) harm: Option<Harm>,
    pub(crate) calm: bool,
    pub(crate) requests: u64,
    time: TrueTime,
    queue: BinaryHeap<Entry>,
    order: u64,
    judge_due: bool,
    trace: DefaultHasher,
    told: bool,
    counts: BTreeMap<&'static str, u64>,
    _folder: TempDir,
}

impl World {
    /// Lives a whole seed, and panics with what was broken. `told`: prints each step.
    pub(crate) fn live(seed: u64, harm: Option<Harm>, told: bool) -> Account {
        let mut world = World::new(seed, harm, told);
        world.begin();
        let end = loop {
            let Some(entry) = world.queue.pop() else { break world.now() };
            world.time.advance_to(entry.at);
            if let Happening::Calm = entry.what {
                world.become_calm();
                break world.now() + micros(CALM);
            }
            world.happen(entry.what);
        };
        while let Some(entry) = world.queue.pop().filter(|entry| entry.at <= end) {
            world.time.advance_to(entry.at);
            world.happen(entry.what);
        }
        world.time.advance_to(end);
        world.check_end();
        let trace = world.trace.finish();
        Account { trace, counts: world.counts }
    }

    fn new(seed: u64, harm: Option<Harm>, told: bool) -> Self {
        let mut chance = Rng::with_seed(seed);
        FRESH.set(chance.fork());
        // A disk of memory where there is one: the agent flushes each event.
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a temporary folder");
        let time = TrueTime::default();
        let count = if chance.u8(0..20) == 0 { chance.usize(6..=20) } else { chance.usize(1..=4) };
        let machines: Vec<Machine> =
            (0..count).map(|number| Machine::new(folder.path(), number, &time)).collect();
        let rows: Vec<_> = machines.iter().map(|machine| (machine.endpoint, machine.label.clone())).collect();
        World {
            house: House::new(&time, &rows),
            network: Network::of(&mut chance),
            oracle: Oracle::new(count),
            machines,
            chance,
            harm,
            calm: false,
            requests: 0,
            time,
            queue: BinaryHeap::new(),
            order: 0,
            judge_due: false,
            trace: DefaultHasher::new(),
            told,
            counts: BTreeMap::new(),
            _folder: folder,
        }
    }

    fn begin(&mut self) {
        self.house.disk.set_lying(self.harm == Some(Harm::DiskLies));
        assert!(self.house.start(), "a collector over an empty disk starts");
        self.import();
        let hour = Duration::from_secs(3_600);
        for machine in 0..self.machines.len() {
            self.soon(600, Happening::StartAgent { machine });
            self.soon(3_600, Happening::Change { machine });
            self.soon(3_600, Happening::Arrival { machine });
        }
        self.after(Duration::from_secs(30), Happening::KeepHouse);
        self.after(hour, Happening::Judge { everything: true });
        self.soon(1_800, Happening::Misfortune);
        self.soon(7_200, Happening::Import);
        let hours = self.chance.u32(1..=3);
        self.after(hour * hours, Happening::Calm);
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::StartAgent { machine } => self.start_agent(machine),
            Happening::Look { machine, life, again } if self.is_of(machine, life) => {
                self.look(machine);
                if again {
                    let wait = self.chance.u64(1_800..3_600);
                    self.after(Duration::from_secs(wait), Happening::Look { machine, life, again });
                }
            }
            Happening::Housekeeping { machine, life } if self.is_of(machine, life) => {
                self.mend(machine);
                self.after(HOUSEKEEPING_EVERY, Happening::Housekeeping { machine, life });
            }
            Happening::Change { machine } => self.change(machine),
            Happening::Arrival { machine } => self.arrival(machine),
            Happening::Again { machine, life, timer } if self.is_timer(machine, life, timer) => {
                self.speak(machine);
            }
            Happening::SignOfLife { machine, life, timer }
                if self.is_timer(machine, life, timer) && self.line(machine) == Some(Line::Calm) =>
            {
                self.sign_of_life(machine);
            }
            Happening::TooLate { machine, life, request } if self.awaits(machine, life, request) => {
                self.count("answers too late");
                let why = daicho_agent::uplink::trouble::Trouble::Unreachable("too late".to_owned());
                self.trouble(machine, &why);
            }
            Happening::Reaches { machine, life, request, house, report } => {
                self.reaches(machine, (life, request, house), &report);
            }
            Happening::Answer { machine, life, request, house, answer }
                if house == self.house.lives && self.awaits(machine, life, request) =>
            {
                self.hear(machine, answer);
            }
            Happening::StartHouse => self.start_house(),
            Happening::Judge { everything } => self.judge(everything),
            Happening::KeepHouse => {
                self.house.keep_house();
                self.house_may_fall();
                self.after(Duration::from_secs(30), Happening::KeepHouse);
            }
            Happening::Import if !self.calm => {
                self.import();
                self.soon(7_200, Happening::Import);
            }
            Happening::Misfortune if !self.calm => {
                self.misfortune();
                let often = self.network.misfortune_every_s;
                self.soon(often, Happening::Misfortune);
            }
            Happening::Mended { machine } => self.mended(machine),
            Happening::LastLedger => self.last_ledger(),
            // Of a life that is over, or of a time that is.
            _ => {}
        }
    }

    // === the machines ===

    fn start_agent(&mut self, machine: usize) {
        if self.machines[machine].life.is_some() {
            return;
        }
        self.count("agents started");
        if !self.machines[machine].start(&mut self.chance) {
            return self.died(machine);
        }
        let life = self.machines[machine].lives;
        self.note(|| format!("agent {machine} starts"));
        self.after(Duration::ZERO, Happening::Look { machine, life, again: true });
        self.after(HOUSEKEEPING_EVERY, Happening::Housekeeping { machine, life });
        self.speak(machine);
    }

    /// The agent ended in the middle of something; somebody starts it again.
    pub(crate) fn died(&mut self, machine: usize) {
        self.note(|| format!("agent {machine} died"));
        self.count("agents that died");
        let wait = if self.calm { 5 } else { 1_200 };
        self.soon(wait, Happening::StartAgent { machine });
    }

    fn look(&mut self, machine: usize) {
        for subject in SUBJECTS {
            let now = self.machines[machine].clock.now();
            let mut truth = self.machines[machine].truth.clone();
            if self.harm == Some(Harm::OldLook) && truth.version > 1 && self.chance.bool() {
                truth.version -= 1;
            }
            let fact = truth.look(subject);
            let chance = &mut self.chance;
            if self.machines[machine].operate(chance, |keeper| keeper.record(fact, now, now)).is_none() {
                return self.died(machine);
            }
        }
        if self.line(machine) == Some(Line::Calm) {
            self.speak(machine);
        }
    }

    /// Everything is looked at within so many seconds.
    pub(crate) fn look_soon(&mut self, machine: usize, seconds: u64) {
        let life = self.machines[machine].lives;
        self.soon(seconds, Happening::Look { machine, life, again: false });
    }

    fn mend(&mut self, machine: usize) {
        let now = self.machines[machine].clock.now();
        let Some(mended) = self.machines[machine].operate(&mut self.chance, |keeper| keeper.mend(now)) else {
            return self.died(machine);
        };
        if mended {
            self.look(machine);
        }
        self.settle_held(machine);
    }

    fn change(&mut self, machine: usize) {
        if self.calm {
            return;
        }
        let truth = &mut self.machines[machine].truth;
        let one = self.chance.usize(0..PEOPLE.len());
        truth.accounts[one] = !truth.accounts[one];
        truth.version += 1;
        self.oracle.was_there(machine, &truth.accounts);
        self.note(|| format!("machine {machine} changes"));
        self.look_soon(machine, 5);
        self.soon(3_600, Happening::Change { machine });
    }

    fn arrival(&mut self, machine: usize) {
        if self.calm || self.machines[machine].events >= EVENTS_MAX {
            return;
        }
        let burst = if self.chance.u8(0..6) == 0 { self.chance.u64(2..9) } else { 1 };
        for _ in 0..burst {
            if self.machines[machine].life.is_some() {
                self.one_arrival(machine);
            }
        }
        if self.line(machine) == Some(Line::Calm) {
            self.speak(machine);
        }
        self.soon(2_400, Happening::Arrival { machine });
    }

    fn one_arrival(&mut self, machine: usize) {
        let number = self.machines[machine].events;
        self.machines[machine].events += 1;
        let serial = format!("S{machine:03}{number:04}");
        self.count("events");
        self.note(|| format!("medium {serial} arrives"));
        self.oracle.arrived(machine, &serial);
        if self.harm == Some(Harm::Forgets) && self.chance.u8(0..10) == 0 {
            return self.oracle.taken(&serial);
        }
        let times = if self.harm == Some(Harm::Doubles) && self.chance.u8(0..10) == 0 { 2 } else { 1 };
        for _ in 0..times {
            let (now, fact) = (self.machines[machine].clock.now(), arrival(&serial));
            let chance = &mut self.chance;
            let held = self.machines[machine].operate(chance, |keeper| {
                keeper.record(fact, now, now);
                keeper.held()
            });
            match held {
                None => return self.died(machine),
                Some(0) => self.oracle.taken(&serial),
                Some(_) => {
                    self.count("events held in memory");
                    self.machines[machine].held.push(serial.clone());
                }
            }
        }
    }

    /// What was only in memory is on the disk by now, if it is.
    fn settle_held(&mut self, machine: usize) {
        let life = self.machines[machine].life.as_ref();
        if life.is_some_and(|life| life.keeper.held() == 0) {
            self.oracle.drained(&mut self.machines[machine].held);
        }
    }

    // === the network ===

    /// A report leaves a machine.
    pub(crate) fn send(&mut self, machine: usize, report: &ReportRequest) {
        self.requests += 1;
        let (life, request, house) = (self.machines[machine].lives, self.requests, self.house.lives);
        self.note(|| {
            let first = report.observations.first().map(|observation| observation.sequence);
            format!(
                "{machine} sends {request}: {:x} {first:?} {}",
                report.incarnation,
                report.observations.len()
            )
        });
        for _ in 0..self.network.copies(&mut self.chance) {
            let delay = self.network.delay_us(&mut self.chance);
            let report = Box::new(report.clone());
            self.at(self.now() + delay, Happening::Reaches { machine, life, request, house, report });
        }
    }

    fn reaches(&mut self, machine: usize, name: (u64, u64, u64), report: &ReportRequest) {
        let (life, request, house) = name;
        // Of a connection to a collector that is gone nothing arrives.
        if house != self.house.lives || !self.house.is_up() {
            return;
        }
        self.count("reports");
        let endpoint = self.machines[machine].endpoint;
        let mut answer = self.house.take(endpoint, report.clone());
        if self.house_may_fall() {
            return;
        }
        match &mut answer {
            Ok(durable_to) => {
                if self.harm == Some(Harm::SaysTooMuch) && !report.observations.is_empty() {
                    *durable_to += 1;
                }
                self.check_acknowledged(machine, report, *durable_to);
                self.check_record(machine);
            }
            Err(status) => {
                let code = status.code();
                self.note(|| format!("refused: {code:?}"));
                self.count("reports refused");
            }
        }
        self.note(|| format!("answer to {request} of {machine}: {:?}", answer.as_ref().ok()));
        if !self.judge_due {
            self.judge_due = true;
            self.soon(2, Happening::Judge { everything: false });
        }
        for _ in 0..self.network.copies(&mut self.chance) {
            let delay = self.network.delay_us(&mut self.chance);
            let answer = answer.clone();
            self.at(self.now() + delay, Happening::Answer { machine, life, request, house, answer });
        }
    }

    // === the collector ===

    fn start_house(&mut self) {
        if self.house.is_up() {
            return;
        }
        self.count("collectors started");
        let up = self.house.start();
        self.note(|| format!("collector starts: {up}"));
        if !up {
            self.house_falls();
        }
    }

    fn judge(&mut self, everything: bool) {
        self.judge_due &= everything;
        let judged = self.harm != Some(Harm::NeverJudges) && self.house.judge(everything);
        if everything {
            self.after(Duration::from_secs(3_600), Happening::Judge { everything });
        }
        if self.house_may_fall() {
            return;
        }
        if judged {
            self.count("judgements");
            if self.harm == Some(Harm::FalseAlarm) {
                self.raise_false_alarm();
            }
            self.check_open();
        } else if !self.judge_due {
            self.judge_due = true;
            self.after(Duration::from_secs(60), Happening::Judge { everything: false });
        }
    }

    /// Whether the power went at the collector; then it starts again some time.
    pub(crate) fn house_may_fall(&mut self) -> bool {
        let dead = self.house.disk.is_dead();
        if dead {
            self.house_falls();
        }
        dead
    }

    /// The collector is gone. Of what was not flushed any part from the oldest on may be left.
    pub(crate) fn house_falls(&mut self) {
        self.note(|| "collector falls".to_owned());
        self.count("collectors that died");
        self.house.fall();
        let unflushed = self.house.disk.unflushed();
        self.house.disk.power_cut(self.chance.usize(0..=unflushed));
        let wait = if self.calm { 30 } else { 1_200 };
        self.soon(wait, Happening::StartHouse);
    }

    /// A ledger: every machine, some of the people, some of the media.
    fn ledger(&mut self) -> Ledger {
        let devices = self.machines.iter().map(|machine| Device {
            device_id: machine.label.clone(),
            hostname: Some(machine.label.clone()),
            ..Device::default()
        });
        let devices = devices.collect();
        let people = PEOPLE.iter().filter(|_| self.chance.bool()).chain(&["always"]);
        let accounts = people
            .map(|name| ApprovedAccount { account: (*name).to_owned(), ..ApprovedAccount::default() })
            .collect();
        let share = self.chance.u8(0..=2);
        let serials = self.oracle.serials();
        let media = serials.filter(|_| self.chance.u8(0..4) < share).map(|serial| ApprovedMedium {
            media_id: format!("USB-{serial}"),
            vendor_id: Some("0781".to_owned()),
            product_id: Some("5581".to_owned()),
            serial: Some(serial.to_owned()),
            approved_by: Some("事務長".to_owned()),
            ..ApprovedMedium::default()
        });
        let media = media.collect();
        Ledger { devices, accounts, media, ..Ledger::default() }
    }

    fn import(&mut self) -> bool {
        if !self.house.is_up() {
            return false;
        }
        let ledger = self.ledger();
        let done = self.house.import(ledger);
        self.note(|| format!("ledger brought: {done}"));
        if self.house_may_fall() {
            return false;
        }
        if !self.judge_due {
            self.judge_due = true;
            self.soon(2, Happening::Judge { everything: false });
        }
        self.count("ledgers");
        done
    }

    fn last_ledger(&mut self) {
        if !self.import() {
            self.after(Duration::from_secs(60), Happening::LastLedger);
        }
    }

    fn become_calm(&mut self) {
        self.note(|| "the faults stop".to_owned());
        self.calm = true;
        self.network = Network::quiet();
        self.house.disk.recover();
        self.house.clock.set_right();
        for machine in 0..self.machines.len() {
            let one = &mut self.machines[machine];
            one.clock.set_right();
            one.cut_off = self.harm == Some(Harm::CutOff) && machine == 0;
            one.doomed = None;
            one.block(false);
            self.soon(60, Happening::StartAgent { machine });
        }
        self.soon(60, Happening::StartHouse);
        self.after(Duration::from_secs(300), Happening::LastLedger);
    }

    // === time ===

    /// True time.
    pub(crate) fn now(&self) -> i64 {
        self.time.us()
    }

    pub(crate) fn at(&mut self, at: i64, what: Happening) {
        self.order += 1;
        self.queue.push(Entry { at, order: self.order, what });
    }

    pub(crate) fn after(&mut self, wait: Duration, what: Happening) {
        self.at(self.now() + micros(wait), what);
    }

    /// Within so many seconds, at any moment of them.
    pub(crate) fn soon(&mut self, seconds: u64, what: Happening) {
        let wait = self.chance.u64(0..=seconds * 1_000_000);
        self.after(Duration::from_micros(wait), what);
    }

    /// Writes a line into the trace.
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        let line = line();
        (self.now(), &line).hash(&mut self.trace);
        if self.told {
            println!("{:>12.3} {line}", Duration::from_micros(self.now().unsigned_abs()).as_secs_f64());
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
        self.note(|| what.to_owned());
    }

    fn is_of(&self, machine: usize, life: u64) -> bool {
        self.machines[machine].life.is_some() && self.machines[machine].lives == life
    }

    fn is_timer(&self, machine: usize, life: u64, timer: u64) -> bool {
        self.is_of(machine, life)
            && self.machines[machine].life.as_ref().is_some_and(|one| one.timer == timer)
    }

    fn awaits(&self, machine: usize, life: u64, request: u64) -> bool {
        self.is_of(machine, life)
            && matches!(self.line(machine), Some(Line::Waiting { request: awaited, .. }) if awaited == request)
    }

    fn line(&self, machine: usize) -> Option<Line> {
        self.machines[machine].life.as_ref().map(|life| life.line)
    }
}
