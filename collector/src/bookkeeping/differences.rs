//! The ledger against a file against what machines report: three columns for each difference. Pure.
//!
//! Rows are compared by their normalised keys. What differs by width, case or dashes alone is told apart, and a machine
//! that nobody measured is not a machine that has nothing.

use std::sync::Arc;

use daicho_rules::ledger::Ledger;
use daicho_rules::normal;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod machines;
mod pairs;
mod told;

#[cfg(test)]
mod tests;

pub use machines::Machine;
use machines::Sights;
use pairs::Pairs;

/// Differences that are told: more are counted. A ledger that differs in more is another ledger.
const DIFFERENCES_MAX: usize = 100_000;

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The ledger in the collector.
    Ledger,
    /// The file.
    File,
    /// A machine.
    Machine,
}

/// What machines show of a row or a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Seen {
    /// No machine can tell it.
    #[default]
    NotAsked,
    /// Not all machines that it is about reported, or not all of what would tell it could be read.
    NotMeasured {
        /// How many of them did.
        measured: usize,
        /// Of how many.
        of: usize,
    },
    /// Every machine that it is about was looked at, and none has it.
    None {
        /// How many were looked at.
        measured: usize,
        /// When, by the oldest of those looks.
        at: Timestamp,
    },
    /// It was seen.
    Seen {
        /// As the machine says it.
        value: String,
        /// By which endpoint: its id, or the file's name.
        endpoint: String,
        /// When.
        at: Timestamp,
    },
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Our name of the sheet.
    pub sheet: String,
    /// What names the row.
    pub key: String,
    /// The column that differs, ours or the hospital's own; `None`: the whole row.
    pub field: Option<String>,
    /// What the ledger says; `None`: it has no such row.
    pub ledger: Option<String>,
    /// What the file says; `None`: it has no such row.
    pub file: Option<String>,
    /// What is seen.
    pub machine: Seen,
    /// Who says something that neither of the others says.
    pub only: Vec<Party>,
    /// Whether nothing differs but the writing: width, case, dashes.
    pub written_differently: bool,
    /// The device that it is about: a device_id, `group:NAME` or `*`; a hostname where it is not listed.
    pub device: Option<String>,
    /// Where the row stands in the file.
    pub row: Option<String>,
}

/// What there is to compare with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Endpoints that were looked at.
    pub endpoints: usize,
    /// Devices in use, of either side, that can have an agent.
    pub devices: usize,
    /// Those of them for which no endpoint reports: nothing is known of them.
    pub unmeasured: Vec<String>,
    /// Differences beyond those that are told.
    pub untold: usize,
}

/// A comparison: made of two ledgers, shown one machine after the other, and asked at the end.
pub struct Comparison {
    ledger: Arc<Ledger>,
    file: Arc<Ledger>,
    pairs: Pairs,
    sights: Sights,
    found: Vec<Difference>,
    untold: usize,
    now: Timestamp,
}

impl Comparison {
    /// Of the ledger in the collector and a file.
    pub fn new(ledger: Arc<Ledger>, file: Arc<Ledger>, now: Timestamp) -> Self {
        let pairs = Pairs::of(&ledger, &file);
        let sights = Sights::over(&ledger, &file);
        Comparison { ledger, file, pairs, sights, found: Vec::new(), untold: 0, now }
    }

    fn tell(&mut self, difference: Difference) {
        if self.found.len() < DIFFERENCES_MAX {
            self.found.push(difference);
        } else {
            self.untold += 1;
        }
    }

    /// Everything that differs, by sheet and row; what only machines show stands behind each sheet's rows.
    pub fn finish(mut self) -> (Vec<Difference>, Measured) {
        let alone = std::mem::take(&mut self.found);
        for difference in told::differences(&self.ledger, &self.file, &self.pairs, &self.sights) {
            self.tell(difference);
        }
        alone.into_iter().for_each(|difference| self.tell(difference));
        let place = |difference: &Difference| {
            super::plan::SHEETS.iter().position(|plan| plan.name == difference.sheet)
        };
        self.found.sort_by_key(place);
        let mut measured = self.sights.measured(&self.pairs);
        measured.untold = self.untold;
        (self.found, measured)
    }
}

/// Who says something that nobody else says; text is the same where its key is.
fn only(ledger: Option<&str>, file: Option<&str>, machine: Option<&str>) -> Vec<Party> {
    let said = [(Party::Ledger, ledger), (Party::File, file), (Party::Machine, machine)]
        .map(|(party, value)| (party, value.filter(|value| !value.is_empty())));
    let alone = said.iter().filter(|(party, value)| {
        value.is_some_and(|value| {
            let same = |(other, known): &(Party, Option<&str>)| {
                other != party && known.is_some_and(|known| normal::same(known, value))
            };
            !said.iter().any(same)
        })
    });
    alone.map(|(party, _)| *party).collect()
}
