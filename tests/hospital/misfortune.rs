//! What goes wrong, by chance; and what is broken on purpose, to see that the oracle finds it.

use fastrand::Rng;

use super::disk::Fate;
use super::happening::Happening;
use super::world::World;

/// A deliberate break. Each must be found by one of the oracle's checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// The collector's disk says that it flushed, and did not.
    DiskLies,
    /// The collector acknowledges one observation more than it has.
    SaysTooMuch,
    /// The agent forgets an event that it has taken.
    Forgets,
    /// The agent tells one event as two.
    Doubles,
    /// The agent tells an older look as the newest.
    OldLook,
    /// Nothing is judged.
    NeverJudges,
    /// A violation is opened that nothing speaks for.
    FalseAlarm,
    /// An open violation is lost.
    LosesViolation,
    /// A violation stays open that nothing speaks for any more.
    LeavesOpen,
    /// An entry of the log is altered.
    AltersLog,
    /// One machine never reaches the collector again.
    CutOff,
}

impl Harm {
    /// All of them.
    pub(crate) const ALL: [Harm; 11] = [
        Harm::DiskLies,
        Harm::SaysTooMuch,
        Harm::Forgets,
        Harm::Doubles,
        Harm::OldLook,
        Harm::NeverJudges,
        Harm::FalseAlarm,
        Harm::LosesViolation,
        Harm::LeavesOpen,
        Harm::AltersLog,
        Harm::CutOff,
    ];

    /// What the check says that is there to find it.
    pub(crate) fn finding(self) -> &'static str {
        match self {
            Harm::DiskLies | Harm::SaysTooMuch => "acknowledged and not durable",
            Harm::Forgets => "are lost",
            Harm::Doubles => "is counted 2 times",
            Harm::OldLook => "again",
            Harm::NeverJudges | Harm::LosesViolation => "not opened: [\"",
            Harm::FalseAlarm => "a false alarm",
            Harm::LeavesOpen => "not resolved: [\"",
            Harm::AltersLog => "the log does not verify",
            Harm::CutOff => "still has something to send",
        }
    }
}

/// How bad the network is.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// Of a thousand messages.
    lost: u16,
    doubled: u16,
    late: u16,
    /// The longest delay of a late one, in seconds: longer than anybody waits for an answer.
    late_s_max: u64,
    /// Misfortunes come as often as this, at the least.
    pub(crate) misfortune_every_s: u64,
}

impl Network {
    /// A bad one.
    pub(crate) fn of(chance: &mut Rng) -> Self {
        Network {
            lost: [0, 20, 200][chance.usize(0..3)],
            doubled: [0, 50, 300][chance.usize(0..3)],
            late: [0, 50, 300][chance.usize(0..3)],
            late_s_max: [5, 60, 600][chance.usize(0..3)],
            misfortune_every_s: [300, 900, 3_600][chance.usize(0..3)],
        }
    }

    /// One without a fault.
    pub(crate) fn quiet() -> Self {
        Network { lost: 0, doubled: 0, late: 0, late_s_max: 0, misfortune_every_s: 0 }
    }

    /// How often a message arrives.
    pub(crate) fn copies(&self, chance: &mut Rng) -> u32 {
        if chance.u16(0..1_000) < self.lost {
            return 0;
        }
        1 + u32::from(chance.u16(0..1_000) < self.doubled)
    }

    /// How long it takes.
    pub(crate) fn delay_us(&self, chance: &mut Rng) -> i64 {
        if chance.u16(0..1_000) < self.late {
            return chance.i64(0..=i64::try_from(self.late_s_max).expect("minutes") * 1_000_000);
        }
        chance.i64(200..50_000)
    }
}

impl World {
    /// One thing goes wrong.
    pub(crate) fn misfortune(&mut self) {
        let machine = self.chance.usize(0..self.machines.len());
        let soon = self.chance.u64(0..12);
        match self.chance.u8(0..100) {
            0..20 => {
                self.count("agents doomed in an operation");
                let power = self.chance.bool();
                self.machines[machine].doomed = Some((soon, power));
            }
            20..25 => {
                if self.machines[machine].life.is_some() {
                    self.machines[machine].fall();
                    self.died(machine);
                }
            }
            25..45 => {
                self.count("collectors doomed in a commit");
                let fate = [Fate::DiesBefore, Fate::DiesAfter][self.chance.usize(0..2)];
                self.house.disk.doom(soon, fate);
            }
            45..50 if self.house.is_up() => self.house_falls(),
            50..60 => {
                self.count("commits that fail");
                let fate = [Fate::NotFlushed, Fate::Refused][self.chance.usize(0..2)];
                self.house.disk.doom(soon, fate);
            }
            60..65 => {
                self.count("full disks");
                self.house.disk.set_full(true);
                self.soon(1_800, Happening::Mended { machine: None });
            }
            65..77 => {
                self.count("partitions");
                let all = self.chance.u8(0..3) == 0;
                for one in 0..self.machines.len() {
                    if all || one == machine {
                        self.machines[one].cut_off = true;
                        self.soon(3_600, Happening::Mended { machine: Some(one) });
                    }
                }
            }
            77..90 => self.wrong_clock(machine),
            90..93 => {
                self.count("folders in the way");
                self.machines[machine].block(true);
                self.soon(1_800, Happening::Mended { machine: Some(machine) });
            }
            93..96 => self.spoil(machine),
            _ => self.restore(),
        }
    }

    pub(crate) fn mended(&mut self, machine: Option<usize>) {
        match machine {
            None => self.house.disk.set_full(false),
            Some(machine) => {
                self.machines[machine].cut_off = false;
                self.machines[machine].block(false);
            }
        }
    }

    fn wrong_clock(&mut self, machine: usize) {
        self.count("wrong clocks");
        let second = 1_000_000;
        let span = [second, 3_600 * second, 40 * 86_400 * second, 3_650 * 86_400 * second];
        let span = span[self.chance.usize(0..span.len())];
        let (ahead, drift) = (self.chance.i64(-span..=span), self.chance.i64(-500..=500));
        if self.chance.u8(0..4) == 0 {
            self.oracle.collector_clock_was_wrong = true;
            self.house.clock.set(ahead, drift);
        } else {
            self.machines[machine].clock.set(ahead, drift);
        }
    }

    /// A byte of a spool's file goes bad while its agent is down.
    fn spoil(&mut self, machine: usize) {
        if self.machines[machine].life.is_some() {
            self.machines[machine].fall();
            self.died(machine);
        }
        if self.machines[machine].spoil(&mut self.chance) {
            self.count("spoiled spools");
            self.oracle.spoiled(machine);
        }
    }

    /// The collector comes back from a backup of some hours ago.
    fn restore(&mut self) {
        let Some(backup) = self.oracle.backup.take() else {
            self.oracle.backup = Some(self.house.disk.backup());
            return;
        };
        self.count("backups restored");
        self.house_falls();
        self.house.disk.put_back(&backup);
        for machine in 0..self.machines.len() {
            self.oracle.excuse(machine);
            self.oracle.forget_version(machine);
        }
    }
}
