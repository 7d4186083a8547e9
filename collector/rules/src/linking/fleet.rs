//! What many machines together tell of each one: names that several have, hardware that is there twice, a place taken over.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{COLUMNS, Names};
use crate::record::UseWrites;
use crate::record::clock::WrongClock;

/// The columns in which a value that several machines have names nobody. A hostname is taken over by a replacement.
const HARDWARE: usize = 3;

/// Machines of one hardware that are told as clones. More than these have what their maker wrote into a whole model.
pub const CLONES_MAX: usize = 8;

/// Machines with one value of which each is compared with each: of more the value names nobody, whoever they are.
pub const COMPARED_MAX: usize = 64;

/// Values that several machines report, by column: they name nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared([BTreeSet<String>; HARDWARE]);

impl Shared {
    /// Nothing is shared.
    pub const fn nothing() -> Self {
        Shared([BTreeSet::new(), BTreeSet::new(), BTreeSet::new()])
    }

    /// Whether several machines have `name` in this column.
    pub fn has(&self, column: usize, name: &str) -> bool {
        self.0.get(column).is_some_and(|names| names.contains(name))
    }

    /// Says whether several machines have this name; true if that is news.
    pub fn set(&mut self, name: &Named, shared: bool) -> bool {
        let Some(names) = self.0.get_mut(name.column) else { return false };
        if shared { names.insert(name.key.clone()) } else { names.remove(&name.key) }
    }

    /// What of it one machine has.
    #[must_use]
    pub fn of(&self, names: &Names) -> Shared {
        let mut shared = Shared::nothing();
        for name in names.hardware().filter(|name| self.has(name.column, &name.key)) {
            shared.set(&name, true);
        }
        shared
    }

    /// The columns in which something is shared.
    pub fn columns(&self) -> Vec<&'static str> {
        self.0.iter().zip(COLUMNS).filter(|(names, _)| !names.is_empty()).map(|(_, column)| column).collect()
    }

    /// Takes another machine's in.
    pub fn extend(&mut self, other: Shared) {
        for (names, others) in self.0.iter_mut().zip(other.0) {
            names.extend(others);
        }
    }
}

/// One name of a machine's hardware.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    column: usize,
    key: String,
}

impl Names {
    /// What names the hardware: all but the hostname, with the addresses that it had before.
    pub fn hardware(&self) -> impl Iterator<Item = Named> {
        let columns = self.columns.iter().take(HARDWARE).enumerate();
        let now = columns.flat_map(|(column, names)| names.iter().map(move |key| (column, key)));
        let former = self.former_addresses.iter().map(|key| (HARDWARE - 1, key));
        now.chain(former).map(|(column, key)| Named { column, key: key.clone() })
    }

    /// The keys of the hostname.
    pub fn hostnames(&self) -> &[String] {
        &self.columns[HARDWARE]
    }

    /// The columns in which both name the same hardware; `None`: in one they name different hardware.
    fn agreement(&self, other: &Names) -> Option<Vec<&'static str>> {
        let mut same = Vec::new();
        for ((ours, theirs), column) in self.columns.iter().zip(&other.columns).zip(COLUMNS).take(HARDWARE) {
            if ours.iter().any(|name| theirs.contains(name)) {
                same.push(column);
            } else if !ours.is_empty() && !theirs.is_empty() {
                return None;
            }
        }
        Some(same)
    }

    /// Whether the two are surely different hardware.
    pub fn contradicts(&self, other: &Names) -> bool {
        self.agreement(other).is_none()
    }

    /// The columns by which two machines have one hardware: two at least, and none that differs. One alone is what a
    /// maker wrote into a whole model.
    pub fn same_hardware(&self, other: &Names) -> Option<Vec<&'static str>> {
        self.agreement(other).filter(|same| same.len() > 1)
    }
}

/// One endpoint among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<Id> {
    /// Who.
    pub id: Id,
    /// What names it.
    pub names: Names,
    /// When it was enrolled.
    pub joined: Timestamp,
    /// When it was last heard of.
    pub last_heard: Option<Timestamp>,
}

/// Those that live beside each other. One that said nothing since another one joined on hardware that may be the same
/// was replaced by it: a machine that was set up again.
pub fn living<Id>(members: &[Member<Id>]) -> Vec<&Member<Id>> {
    let replaced = |old: &Member<Id>| {
        members.iter().any(|new| {
            new.joined > old.joined
                && old.last_heard.is_none_or(|heard| heard < new.joined)
                && old.names.agreement(&new.names).is_some()
        })
    };
    members.iter().filter(|member| !replaced(member)).collect()
}

/// What the other machines tell of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Surroundings {
    /// Its names that several machines have.
    #[serde(skip)]
    pub shared: Shared,
    /// Other endpoints with the hardware of this one.
    pub twins: Vec<Twin>,
    /// It stands where another one stood, or another one stands where it stood.
    pub swap: Option<Swap>,
    /// Whether the other devices were asked what media they saw.
    pub asked: bool,
    /// What other devices saw of the media that it saw and that the ledger permits somewhere.
    pub media: Vec<Elsewhere>,
    /// Of the devices on which a suspicious medium may be used, the one that was heard of least lately.
    pub quiet: Vec<Quiet>,
}

/// What another device saw of a medium.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub struct Elsewhere {
    /// The medium, as it is called: [`daicho_proto::facts::Medium::subject`].
    pub medium: String,
    pub device: String,
    pub present: bool,
    pub last_at: Timestamp,
    /// When its connections there began.
    pub connections: Vec<Timestamp>,
    pub writes: Vec<UseWrites>,
    /// The clock by which `last_at` was told is known to have been wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong_clock: Option<WrongClock>,
}

/// The most silent of the devices on which a medium may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub struct Quiet {
    pub medium: String,
    pub device: String,
    /// `None`: no agent ever reported from it.
    pub last_heard: Option<Timestamp>,
}

impl Surroundings {
    /// Nothing is known of any other machine.
    pub const ALONE: &'static Surroundings = &Surroundings {
        shared: Shared::nothing(),
        twins: Vec::new(),
        swap: None,
        asked: false,
        media: Vec::new(),
        quiet: Vec::new(),
    };
}

/// Another endpoint that says that it is this hardware.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub struct Twin {
    pub endpoint: String,
    pub hostname: String,
    /// The columns in which both are the same.
    pub same: Vec<String>,
}

/// A swap that a person is asked about (予備機交換).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Swap {
    /// The name by which it is settled: `daicho swap accept ID`.
    pub id: String,
    /// The device_id of the machine that stood there.
    pub broken: String,
    /// What the machine is called that stands there now.
    pub newcomer: String,
    /// Its device_id, where it is a spare of the ledger.
    pub spare: Option<String>,
}
