//! Clocks that drift, jump and run backwards. The true time is the world's; nobody inside can read it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use daicho_collector::clock::Clock;
use jiff::Timestamp;

/// True time zero of a hospital: 2026-11-18T07:06:40Z.
const BEGINNING_US: i64 = 1_795_000_000_000_000;

/// Microseconds since the beginning, for everybody's clock to be wrong about.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrueTime(Arc<AtomicI64>);

impl TrueTime {
    /// Microseconds since the beginning.
    pub(crate) fn us(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// It becomes later.
    pub(crate) fn advance_to(&self, us: i64) {
        self.0.store(us, Ordering::Relaxed);
    }
}

/// The clock of one machine.
#[derive(Debug)]
pub(crate) struct Wall {
    time: TrueTime,
    /// How much it is ahead, leaving its drift aside.
    ahead_us: AtomicI64,
    /// What it gains in a million microseconds.
    drift: AtomicI64,
}

impl Wall {
    /// A clock that is right.
    pub(crate) fn new(time: &TrueTime) -> Self {
        Wall { time: time.clone(), ahead_us: AtomicI64::new(0), drift: AtomicI64::new(0) }
    }

    /// Sets it wrong: ahead by so much, and gaining so much in a million microseconds from now on.
    pub(crate) fn set(&self, ahead_us: i64, drift: i64) {
        self.ahead_us.store(ahead_us - self.time.us() / 1_000_000 * drift, Ordering::Relaxed);
        self.drift.store(drift, Ordering::Relaxed);
    }

    /// Sets it right.
    pub(crate) fn set_right(&self) {
        self.set(0, 0);
    }
}

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let time = self.time.us();
        let drifted = time / 1_000_000 * self.drift.load(Ordering::Relaxed);
        let shown = BEGINNING_US + time + drifted + self.ahead_us.load(Ordering::Relaxed);
        Timestamp::from_microsecond(shown).expect("a few decades around today")
    }
}
