//! The real line in a network that is simulated: the agent's own uplink and the collector's own server, TLS and HTTP/2
//! included, over turmoil. Time is the runtime's and stands still while anybody works, so that timeouts, pings and
//! patience are lived through, too; what the hospital next door leaves out.
//!
//! What happens when comes from the seed alone. The order of what happens within one tick is the runtime's, and the keys
//! of TLS are drawn anew, so that a replay is the same storm over the same network, not the same bytes.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use tempfile::TempDir;
use turmoil::{Builder, Sim};

use crate::hospital::{Fate, PEOPLE};
use collector::{COLLECTOR, Site};
use machine::Machine;

mod collector;
mod machine;
mod oracle;

/// So fine is time.
const TICK: Duration = Duration::from_millis(50);

/// After the faults stop everything must be right within this: an hour holds whatever anybody waits for.
const CALM_MAX: Duration = Duration::from_secs(1_800);

/// Once everything was said, whoever judges has this long: it begins to judge two minutes after a start.
const JUDGED_WITHIN: Duration = Duration::from_secs(200);

/// A deliberate break, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// A machine forgets an event that it has taken.
    Forgets,
    /// A machine tells one event as two.
    Doubles,
    /// The collector's disk says that it flushed, and did not.
    DiskLies,
    /// One machine never reaches the collector again.
    CutOff,
    /// A revoked machine is still welcome.
    Welcome,
}

impl Break {
    /// All of them.
    pub(crate) const ALL: [Break; 5] =
        [Break::Forgets, Break::Doubles, Break::DiskLies, Break::CutOff, Break::Welcome];

    /// What the check says that is there to find it.
    pub(crate) fn finding(self) -> &'static str {
        match self {
            Break::Forgets => "is lost",
            Break::DiskLies => "tells of a gap that is none",
            Break::Doubles => "is there 2 times",
            Break::CutOff => "still has something to send",
            Break::Welcome => "told after it was revoked",
        }
    }
}

/// What may happen.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// A medium comes to a machine.
    Arrive(usize),
    /// Accounts of a machine change.
    Change(usize),
    /// Something goes wrong.
    Misfortune,
    /// A line is as it should be again.
    Mend(usize),
    /// An agent starts again.
    StartAgent(usize),
    /// The collector starts again.
    StartCollector,
    /// The collector's disk has room again.
    MakeRoom,
    /// A machine is revoked.
    Revoke(usize),
}

/// An event on a machine.
struct Event {
    machine: usize,
    taken: bool,
    after_revocation: bool,
}

/// How often each thing happened.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// A small hospital and its network.
pub(crate) struct Storm {
    chance: Rng,
    sim: Sim<'static>,
    site: Rc<Site>,
    machines: Vec<Rc<Machine>>,
    due: BTreeMap<(Duration, u64), Act>,
    order: u64,
    events: BTreeMap<String, Event>,
    broken: Option<Break>,
    counts: Counts,
    told: bool,
    _folder: TempDir,
}

impl Storm {
    /// Lives a seed, and panics with what was broken. `told`: prints each step.
    pub(crate) fn live(seed: u64, broken: Option<Break>, told: bool) -> Counts {
        let mut storm = Storm::new(seed, broken, told);
        let over = Duration::from_secs(storm.chance.u64(120..600));
        storm.begin();
        while storm.sim.elapsed() < over {
            storm.step();
        }
        storm.become_calm();
        let end = storm.sim.elapsed() + CALM_MAX;
        while storm.sim.elapsed() < end && storm.unsaid().is_some() {
            storm.step();
        }
        if let Some(unsaid) = storm.unsaid() {
            panic!("{unsaid}");
        }
        let judged = storm.sim.elapsed() + JUDGED_WITHIN;
        while storm.sim.elapsed() < judged {
            storm.step();
        }
        storm.check();
        let seconds = storm.sim.elapsed().as_secs();
        storm.counts.insert("seconds", seconds);
        storm.counts
    }

    fn new(seed: u64, broken: Option<Break>, told: bool) -> Self {
        let mut chance = Rng::with_seed(seed);
        // What the agent asks for its waits and names.
        fastrand::seed(chance.u64(..));
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a temporary folder");
        let mut builder = Builder::new();
        builder.rng_seed(chance.u64(..)).tick_duration(TICK).enable_random_order().tcp_capacity(1_024);
        let sim = builder.build();
        let site = Rc::new(Site::new(folder.path()));
        let count = chance.usize(1..=3);
        let machines: Vec<_> = (0..count)
            .map(|number| Rc::new(Machine::new(folder.path(), number, &site, &mut chance)))
            .collect();
        site.open(&machines);
        let mut storm = Storm {
            chance,
            sim,
            site,
            machines,
            due: BTreeMap::new(),
            order: 0,
            events: BTreeMap::new(),
            broken,
            counts: Counts::new(),
            told,
            _folder: folder,
        };
        storm.site.disk.set_lying(broken == Some(Break::DiskLies));
        let site = Rc::clone(&storm.site);
        storm.sim.host(COLLECTOR, move || collector::serve(Rc::clone(&site)));
        for machine in &storm.machines {
            let machine = Rc::clone(machine);
            storm.sim.host(machine.name.clone(), move || machine::follow(Rc::clone(&machine)));
        }
        storm
    }

    fn begin(&mut self) {
        for machine in 0..self.machines.len() {
            self.soon(30, Act::Arrive(machine));
            self.soon(60, Act::Change(machine));
            if self.broken == Some(Break::Welcome) || self.chance.u8(0..8) == 0 {
                self.soon(120, Act::Revoke(machine));
            }
        }
        self.soon(30, Act::Misfortune);
    }

    /// A tick of everybody.
    fn step(&mut self) {
        let now = self.sim.elapsed();
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let act = entry.remove();
            self.act(act);
        }
        self.sim.step().unwrap_or_else(|error| panic!("a program ended: {error}"));
        if self.site.disk.is_dead() {
            self.collector_falls(true);
        }
    }

    fn act(&mut self, act: Act) {
        if self.told {
            println!("{:>9.2} {act:?}", self.sim.elapsed().as_secs_f64());
        }
        match act {
            Act::Arrive(machine) => self.arrive(machine),
            Act::Change(machine) => {
                let which = self.chance.usize(0..PEOPLE.len());
                self.machines[machine].change(which);
                self.soon(120, Act::Change(machine));
            }
            Act::Misfortune => {
                self.misfortune();
                self.soon(40, Act::Misfortune);
            }
            Act::Mend(machine) => self.mend(machine),
            Act::StartAgent(machine) => self.start_agent(machine),
            Act::StartCollector => self.start_collector(),
            Act::MakeRoom => self.site.disk.set_full(false),
            Act::Revoke(machine) => self.revoke(machine),
        }
    }

    fn arrive(&mut self, machine: usize) {
        let burst = if self.chance.u8(0..6) == 0 { self.chance.u64(2..40) } else { 1 };
        for _ in 0..burst {
            let one = &self.machines[machine];
            let Some(serial) = one.next_serial() else { return };
            let forgets = self.broken == Some(Break::Forgets) && self.chance.u8(0..10) == 0;
            let taken = forgets || one.tell(&serial);
            if self.broken == Some(Break::Doubles) && self.chance.u8(0..10) == 0 {
                one.tell(&serial);
            }
            self.events.insert(serial, Event { machine, taken, after_revocation: one.is_revoked() });
            self.count("events");
        }
        self.soon(30, Act::Arrive(machine));
    }

    fn revoke(&mut self, machine: usize) {
        if !self.site.is_up() {
            // The person comes back later.
            return self.soon(60, Act::Revoke(machine));
        }
        let one = &self.machines[machine];
        if self.broken == Some(Break::Welcome) || self.site.revoke(one.endpoint) {
            one.revoke();
            self.count("revocations");
        } else {
            self.soon(60, Act::Revoke(machine));
        }
    }

    // === what goes wrong ===

    fn misfortune(&mut self) {
        let machine = self.chance.usize(0..self.machines.len());
        let (name, spell) = (self.machines[machine].name.clone(), self.chance.u64(1..120));
        match self.chance.u8(0..12) {
            0 | 1 => {
                self.count("lines cut");
                self.sim.partition(name, COLLECTOR);
                self.soon(spell, Act::Mend(machine));
            }
            2 => {
                self.count("lines cut in one direction");
                if self.chance.bool() {
                    self.sim.partition_oneway(name, COLLECTOR);
                } else {
                    self.sim.partition_oneway(COLLECTOR, name);
                }
                self.soon(spell, Act::Mend(machine));
            }
            3 => {
                self.count("lines that hold everything back");
                self.sim.hold(name, COLLECTOR);
                self.soon(spell, Act::Mend(machine));
            }
            4 | 5 => {
                self.count("lines that lose");
                let rate = self.chance.f64() * 0.2;
                self.sim.set_link_fail_rate(name, COLLECTOR, rate);
                self.soon(spell, Act::Mend(machine));
            }
            6 => {
                self.count("slow lines");
                let latency = Duration::from_millis(self.chance.u64(200..8_000));
                self.sim.set_link_max_message_latency(name, COLLECTOR, latency);
                self.soon(spell, Act::Mend(machine));
            }
            7 | 8 => {
                let power = self.chance.bool();
                self.agent_falls(machine, power);
            }
            9 => {
                let power = self.chance.bool();
                self.collector_falls(power);
            }
            10 => {
                let fates = [Fate::Refused, Fate::NotFlushed, Fate::DiesBefore, Fate::DiesAfter];
                let fate = fates[self.chance.usize(0..fates.len())];
                self.count("commits that fail");
                self.site.disk.doom(self.chance.u64(0..20), fate);
            }
            _ => {
                self.count("full disks");
                self.site.disk.set_full(true);
                self.soon(spell, Act::MakeRoom);
            }
        }
    }

    fn mend(&mut self, machine: usize) {
        let name = self.machines[machine].name.clone();
        self.sim.set_link_fail_rate(name.clone(), COLLECTOR, 0.0);
        self.sim.set_link_max_message_latency(name.clone(), COLLECTOR, Duration::from_millis(100));
        self.sim.release(name.clone(), COLLECTOR);
        self.sim.repair(name, COLLECTOR);
    }

    /// With the power nobody hears that it is gone; without, the system closes its connections.
    fn agent_falls(&mut self, machine: usize, power: bool) {
        let one = Rc::clone(&self.machines[machine]);
        if !one.is_up() {
            return;
        }
        self.count("agents that died");
        one.fall();
        if power {
            self.sim.partition(one.name.clone(), COLLECTOR);
        }
        self.sim.crash(one.name.clone());
        self.soon(60, Act::StartAgent(machine));
    }

    fn start_agent(&mut self, machine: usize) {
        let one = Rc::clone(&self.machines[machine]);
        if !one.is_up() {
            self.mend(machine);
            self.sim.bounce(one.name.clone());
        }
    }

    fn collector_falls(&mut self, power: bool) {
        if !self.site.is_up() {
            return;
        }
        self.count("collectors that died");
        self.site.fall();
        if power {
            for machine in &self.machines {
                self.sim.partition(machine.name.clone(), COLLECTOR);
            }
        }
        self.sim.crash(COLLECTOR);
        if power {
            let unflushed = self.site.disk.unflushed();
            self.site.disk.power_cut(self.chance.usize(0..=unflushed));
        }
        self.soon(60, Act::StartCollector);
    }

    fn start_collector(&mut self) {
        if !self.site.is_up() {
            for machine in 0..self.machines.len() {
                self.mend(machine);
            }
            self.sim.bounce(COLLECTOR);
        }
    }

    fn become_calm(&mut self) {
        if self.told {
            println!("{:>9.2} the faults stop", self.sim.elapsed().as_secs_f64());
        }
        self.due.clear();
        self.site.disk.recover();
        self.start_collector();
        for machine in 0..self.machines.len() {
            self.start_agent(machine);
            self.mend(machine);
        }
        if self.broken == Some(Break::CutOff) {
            let first = Rc::clone(&self.machines[0]);
            first.change(0);
            self.sim.partition(first.name.clone(), COLLECTOR);
        }
    }

    /// Within so many seconds, at any moment of them.
    fn soon(&mut self, seconds: u64, act: Act) {
        let wait = Duration::from_millis(self.chance.u64(0..=seconds * 1_000));
        self.order += 1;
        self.due.insert((self.sim.elapsed() + wait, self.order), act);
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}
