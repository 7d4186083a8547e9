//! Which sheet is this, and which column is which: from what people wrote, or as a mapping says.

use std::collections::BTreeMap;

use daicho_rules::text::Text;

use super::fault::{Fault, Faults, shown};
use super::grid::{Grid, GridRow};
use super::limits::HEADING_ROWS_MAX;
use super::passwords;
use super::plan::{SHEETS, SheetPlan};
use super::words::fold;

/// A mapping by hand: sheet (our name or the file's), heading, field.
pub type Mapping = BTreeMap<String, BTreeMap<String, String>>;

/// The field of a mapping that keeps a column as the hospital's own.
pub const EXTRA: &str = "extra";

/// Where the columns of a grid are.
#[derive(Clone, Debug)]
pub struct Headings {
    /// The row, as an index into the grid's rows.
    pub row: usize,
    /// For each of our fields its column.
    pub fields: BTreeMap<&'static str, usize>,
    /// Every column with a heading, as written.
    pub titles: BTreeMap<usize, String>,
    /// Columns that hold passwords. Nobody reads their cells but to count equal ones.
    pub passwords: Vec<usize>,
}

/// The sheet that a grid's name means, with a number before it or not: `01_機器.csv`.
pub fn recognise(title: &str) -> Option<&'static SheetPlan> {
    let folded = fold(title);
    let bare = folded.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ')'));
    let called = |plan: &&SheetPlan| {
        plan.name == bare || plan.titles.iter().any(|title| fold(title) == bare || *title == folded)
    };
    SHEETS.iter().find(called)
}

/// Finds the headings: the row near the top in which most of our columns are named.
pub fn find(grid: &Grid, plan: &'static SheetPlan, mapping: &Mapping, faults: &mut Faults) -> Headings {
    let empty = BTreeMap::new();
    let by_hand = mapping.get(grid.title()).or_else(|| mapping.get(plan.name)).unwrap_or(&empty);
    let rows = grid.rows.iter().take(HEADING_ROWS_MAX).enumerate();
    // The first of equally good ones: rows below a heading can repeat it, rows above are titles.
    let best = rows
        .map(|(index, row)| (index, row, matched(row, plan, by_hand).len()))
        .rev()
        .max_by_key(|(_, _, count)| *count);
    let nothing = GridRow { number: 1, cells: Vec::new() };
    let (index, row, count) = best.unwrap_or((0, &nothing, 0));
    let at = Fault {
        file: grid.file.clone(),
        sheet: Some(grid.sheet.clone().unwrap_or_else(|| plan.name.to_owned())),
        row: Some(row.number),
        ..Fault::default()
    };
    for (heading, field) in by_hand {
        let known = plan.column(field).is_some() || field == EXTRA;
        if !known || !row.cells.iter().any(|cell| fold(&cell.shown()) == fold(heading)) {
            let fields: Vec<&str> = plan.columns.iter().map(|column| column.field).chain([EXTRA]).collect();
            let fields = fields.join(", ");
            faults.add(Fault {
                column: Some(heading.clone()),
                value: Some(shown(field)),
                expected: Text::new(
                    format!("対応付けの左に見出しの文言、右に次のいずれか: {fields}"),
                    format!("in the mapping a heading of this sheet and one of {fields}"),
                ),
                ..at.clone()
            });
        }
    }
    let fields = assign(row, plan, by_hand, &at, faults);
    for column in plan.columns.iter().filter(|column| column.required && !fields.contains_key(column.field)) {
        let heading = column.headings[0];
        faults.add(Fault {
            column: Some(column.field.to_owned()),
            expected: Text::new(
                format!("見出し「{heading}」（{}）の列", column.field),
                format!("a column headed {} or {heading}", column.field),
            ),
            // No heading at all: the whole sheet is meant, not the row that happens to come first.
            row: if count == 0 { None } else { at.row },
            ..at.clone()
        });
    }
    let filled = row.cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty());
    let titles: BTreeMap<usize, String> = filled.map(|(column, cell)| (column, cell.shown())).collect();
    let passwords = passwords::columns(grid, index);
    // A password column is none of ours, whatever a mapping says.
    let fields = fields.into_iter().filter(|(_, column)| !passwords.contains(column)).collect();
    Headings { row: index, fields, titles, passwords }
}

/// Gives each field its column, the best heading first; two headings that are equally good are a fault.
fn assign(
    row: &GridRow,
    plan: &'static SheetPlan,
    by_hand: &BTreeMap<String, String>,
    at: &Fault,
    faults: &mut Faults,
) -> BTreeMap<&'static str, usize> {
    let mut candidates = matched(row, plan, by_hand);
    candidates.sort_by_key(|(_, rank, column)| (*rank, *column));
    let mut fields: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
    for (field, rank, column) in candidates {
        match fields.get(field) {
            None if fields.values().any(|(_, taken)| *taken == column) => {}
            None => {
                fields.insert(field, (rank, column));
            }
            Some((best, first)) if *best == rank => faults.add(Fault {
                column: Some(row.cell(*first).shown()),
                value: Some(shown(&row.cell(column).shown())),
                expected: Text::new(
                    format!(
                        "{field} の列は 1 つだけ。どちらかの見出しを変えるか、--mapping で指定してください"
                    ),
                    format!("one column for {field}; rename one of the two, or say which with --mapping"),
                ),
                ..at.clone()
            }),
            Some(_) => {}
        }
    }
    fields.into_iter().map(|(field, (_, column))| (field, column)).collect()
}

/// The fields that a row names: field, rank of the heading, column.
fn matched(
    row: &GridRow,
    plan: &'static SheetPlan,
    by_hand: &BTreeMap<String, String>,
) -> Vec<(&'static str, usize, usize)> {
    let mut found = Vec::new();
    for (index, cell) in row.cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
        let heading = heading_key(&cell.shown());
        if let Some((_, field)) = by_hand.iter().find(|(title, _)| heading_key(title) == heading) {
            if let Some(column) = plan.column(field) {
                found.push((column.field, 0, index));
            }
            continue;
        }
        for column in
            plan.columns.iter().filter(|column| !by_hand.values().any(|field| field == column.field))
        {
            let rank = column.headings.iter().position(|known| heading_key(known) == heading);
            let rank = rank.or((heading_key(column.field) == heading).then_some(0));
            if let Some(rank) = rank {
                found.push((column.field, rank + 1, index));
            }
        }
    }
    found
}

/// A heading without its marks and remarks: `※機器ID（必須）` is `機器id`.
fn heading_key(text: &str) -> String {
    let folded = fold(text);
    let bare = folded.split_once('(').map_or(folded.as_str(), |(before, _)| before);
    let bare: String = bare.chars().filter(|c| !matches!(c, '※' | '*' | ':' | '★' | '●' | '.')).collect();
    if bare.is_empty() { folded } else { bare }
}
