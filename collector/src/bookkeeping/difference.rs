//! What differs between two ledgers: rows that came, went or changed, cell by cell.

use std::collections::BTreeMap;

use daicho_rules::ledger::Ledger;
use serde::Serialize;

use super::table::{Table, TableRow, tables};

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
}

/// One row that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Our name of the sheet.
    pub sheet: &'static str,
    /// What names the row: its key columns, as written.
    pub key: String,
    /// What happened.
    pub kind: ChangeKind,
    /// Where the row stands now, or stood.
    pub row: String,
    /// The cells that differ; of a row that came or went, all that hold something.
    pub fields: Vec<FieldChange>,
}

/// One cell that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Our name of the column, or the hospital's own heading.
    pub field: String,
    /// What stood there.
    pub before: String,
    /// What stands there now.
    pub after: String,
}

/// What differs. Where a row stands and in which order is no difference.
pub fn differences(before: &Ledger, after: &Ledger) -> Vec<Change> {
    let pairs = tables(before).into_iter().zip(tables(after));
    pairs.flat_map(|(before, after)| of_sheet(&before, &after)).collect()
}

fn of_sheet(before: &Table<'_>, after: &Table<'_>) -> Vec<Change> {
    let index = |rows: &[TableRow<'_>]| -> BTreeMap<Vec<String>, usize> {
        rows.iter().enumerate().map(|(index, row)| (row.key.clone(), index)).collect()
    };
    let (old, new) = (index(&before.rows), index(&after.rows));
    let mut changes = Vec::new();
    for row in &after.rows {
        let known = old.get(&row.key).map(|index| &before.rows[*index]);
        let kind = if known.is_some() { ChangeKind::Changed } else { ChangeKind::Added };
        let fields = of_row(after, known, Some(row));
        if known.is_none() || !fields.is_empty() {
            changes.push(change(after, row, kind, fields));
        }
    }
    for row in before.rows.iter().filter(|row| !new.contains_key(&row.key)) {
        changes.push(change(before, row, ChangeKind::Removed, of_row(before, Some(row), None)));
    }
    changes
}

fn change(table: &Table<'_>, row: &TableRow<'_>, kind: ChangeKind, fields: Vec<FieldChange>) -> Change {
    let key_fields = table.plan.key_fields();
    let columns = table.plan.columns.iter().zip(&row.cells);
    let key: Vec<&str> = columns
        .filter(|(column, _)| key_fields.contains(&column.field))
        .map(|(_, cell)| cell.as_str())
        .collect();
    Change { sheet: table.plan.name, key: key.join(" / "), kind, row: row.reference.to_string(), fields }
}

fn of_row(
    table: &Table<'_>,
    before: Option<&TableRow<'_>>,
    after: Option<&TableRow<'_>>,
) -> Vec<FieldChange> {
    let (before, after) = (cells(table, before), cells(table, after));
    let mut names: Vec<&String> = before.iter().chain(&after).map(|(name, _)| name).collect();
    let mut seen: Vec<&String> = Vec::new();
    names.retain(|name| {
        let first = !seen.contains(name);
        seen.push(name);
        first
    });
    let value = |cells: &[(String, String)], name: &String| {
        cells.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let changed = names.into_iter().map(|name| FieldChange {
        field: name.clone(),
        before: value(&before, name),
        after: value(&after, name),
    });
    changed.filter(|field| field.before != field.after).collect()
}

fn cells(table: &Table<'_>, row: Option<&TableRow<'_>>) -> Vec<(String, String)> {
    let Some(row) = row else { return Vec::new() };
    let ours = table.plan.columns.iter().map(|column| column.field.to_owned()).zip(row.cells.iter().cloned());
    ours.chain(row.extra.iter().cloned()).collect()
}
