//! The deviations that the ledger accepts, and for how long.

use daicho_proto::time::japanese_date;
use daicho_rules::ledger::Exception;
use daicho_rules::violation::State;

use super::QueryError;
use crate::Collector;

/// An exception as it stands today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionStanding {
    /// The ledger's row.
    pub exception: Exception,
    /// By the Japanese calendar: 0 on its last day, below 0 when it is over.
    pub days_left: i64,
    /// Violations that it covers now.
    pub covers: usize,
}

/// The ledger's exceptions, the one that ends first on top.
pub fn exceptions(collector: &Collector) -> Result<Vec<ExceptionStanding>, QueryError> {
    let today = japanese_date(collector.clock.now());
    let ledger = collector.ledger();
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
        .map(|exception| ExceptionStanding {
            exception: exception.clone(),
            days_left: i64::from((exception.expires_on - today).get_days()),
            covers: covering(&exception.row.to_string()),
        })
        .collect();
    standing.sort_by_key(|row| row.days_left);
    Ok(standing)
}
