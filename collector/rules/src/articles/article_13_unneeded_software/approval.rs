//! Does the ledger approve this service or program on this device?

use crate::catalogue::bare;
use crate::evidence::Evidence;
use crate::ledger::ApprovedProgram;
use crate::normal;

/// The row that speaks of it: an approved one before a draft. `Some((row, false))` is a draft: nobody approved it yet.
pub(super) fn row<'a>(
    evidence: &Evidence<'_>,
    rows: &'a [ApprovedProgram],
    name: &str,
) -> Option<(&'a ApprovedProgram, bool)> {
    let covers = |row: &&ApprovedProgram| {
        row.device.covers(evidence.device)
            && (normal::pattern_covers(&row.name, name)
                || normal::pattern_covers(bare(&row.name), bare(name)))
    };
    let by_somebody =
        |row: &ApprovedProgram| row.approved_by.as_deref().is_some_and(|by| !by.trim().is_empty());
    let mut covering: Vec<&ApprovedProgram> = rows.iter().filter(covers).collect();
    covering.sort_by_key(|row| !by_somebody(row));
    covering.first().map(|row| (*row, by_somebody(row)))
}
