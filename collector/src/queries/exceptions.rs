//! The deviations that the ledger accepts, and for how long.

use std::collections::BTreeSet;

use daicho_proto::time::japanese_date;
use daicho_rules::ledger::Exception;
use daicho_rules::violation::State;

use super::QueryError;
use crate::Collector;
use crate::applications::{self, Row};
use crate::chronicle::Digest;

/// An exception as it stands today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionStanding {
    /// The ledger's row.
    pub exception: Exception,
    /// By the Japanese calendar: 0 on its last day, below 0 when it is over.
    pub days_left: i64,
    /// Violations that it covers now.
    pub covers: usize,
    /// Whether it is in force.
    pub state: Standing,
}

/// Whether a row of exceptions is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    InForce,
    /// It waits for the officer.
    Waiting,
    /// The officer refused it.
    Refused,
    /// Its last day is over.
    Ended,
}

impl Standing {
    /// The word of the wire and of JSON.
    pub fn name(self) -> &'static str {
        match self {
            Standing::InForce => "in_force",
            Standing::Waiting => "waiting",
            Standing::Refused => "refused",
            Standing::Ended => "ended",
        }
    }
}

/// The ledger's exceptions, the one that ends first on top.
pub fn exceptions(collector: &Collector) -> Result<Vec<ExceptionStanding>, QueryError> {
    let today = japanese_date(collector.clock.now());
    let (ledger, in_force) = (collector.ledger(), collector.ledger_in_force());
    let refused = applications::all(&collector.shelves)?;
    let refused: BTreeSet<Digest> = refused
        .iter()
        .filter(|one| one.state == applications::Standing::Refused && one.imported_with.is_some())
        .map(|one| one.row.meaning())
        .collect();
    let state = |exception: &Exception, days_left: i64| match exception {
        _ if days_left < 0 => Standing::Ended,
        row if in_force.exceptions.contains(row) => Standing::InForce,
        row if refused.contains(&Row::Exceptions(row.clone()).meaning()) => Standing::Refused,
        _ => Standing::Waiting,
    };
    let excepted: Vec<_> = collector.shelves.violations()?;
    let covering = |row: &str| {
        let by_it = |violation: &&daicho_rules::violation::Violation| {
            violation.state == State::Excepted
                && violation.exception.as_ref().is_some_and(|exception| exception.ledger_row == row)
        };
        excepted.iter().filter(by_it).count()
    };
    let mut standing: Vec<ExceptionStanding> = ledger
        .exceptions
        .iter()
        .map(|exception| {
            let days_left = i64::from((exception.expires_on - today).get_days());
            ExceptionStanding {
                exception: exception.clone(),
                days_left,
                covers: covering(&exception.row.to_string()),
                state: state(exception, days_left),
            }
        })
        .collect();
    standing.sort_by_key(|row| row.days_left);
    Ok(standing)
}
