//! Which sheet is this, and which column is which: from what people wrote, or as a mapping says.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use daicho_rules::text::Text;

use super::fault::{Fault, Faults, shown};
use super::grid::Grid;
use super::layout::WHOLE_SHEET;
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

/// A row of headings, or two of which the upper spans columns of the lower: 利用期間 over 開始 and 終了.
#[derive(Clone, Debug, Default)]
struct Titles {
    /// The last row of them, as an index into the grid's rows.
    row: usize,
    /// For each column what it may be called, the most telling first; the first is shown.
    names: BTreeMap<usize, Vec<String>>,
}

impl Titles {
    fn of_one(grid: &Grid, row: usize) -> Self {
        let cells = grid.rows[row].cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty());
        Titles { row, names: cells.map(|(column, cell)| (column, vec![cell.shown()])).collect() }
    }

    fn of_two(grid: &Grid, row: usize) -> Option<Self> {
        let (upper, lower) = (grid.rows.get(row)?, grid.rows.get(row + 1)?);
        let mut names = BTreeMap::new();
        let mut group = String::new();
        for column in 0..upper.cells.len().max(lower.cells.len()) {
            let (above, below) = (upper.cell(column).shown(), lower.cell(column).shown());
            if !above.is_empty() {
                group.clone_from(&above);
            }
            let called = match (above.is_empty(), below.is_empty()) {
                (true, true) => continue,
                (false, true) => vec![above],
                _ if group.is_empty() || group == below => vec![below],
                _ => vec![format!("{group} {below}"), format!("{group}{below}"), below],
            };
            names.insert(column, called);
        }
        Some(Titles { row: row + 1, names })
    }

    fn shown(&self, column: usize) -> String {
        self.names.get(&column).and_then(|names| names.first()).cloned().unwrap_or_default()
    }
}

/// The headings near the top in which most of our columns are named, and how many are.
fn best(grid: &Grid, plan: &'static SheetPlan, by_hand: &BTreeMap<String, String>) -> (Titles, usize) {
    let count = |titles: &Titles| {
        let mut fields: Vec<&str> = matched(titles, plan, by_hand).iter().map(|found| found.0).collect();
        fields.sort_unstable();
        fields.dedup();
        fields.len()
    };
    let mut best = (Titles::default(), 0);
    // One row before two, and the first of equally good ones: rows below a heading can repeat it, rows above are titles.
    for (index, _) in grid.rows.iter().take(HEADING_ROWS_MAX).enumerate() {
        for titles in [Some(Titles::of_one(grid, index)), Titles::of_two(grid, index)].into_iter().flatten() {
            let fields = count(&titles);
            if fields > best.1 || best.0.names.is_empty() {
                best = (titles, fields);
            }
        }
    }
    // A row alone that names as much as the two is the heading, and the one above it a title.
    let lower = grid.rows.get(best.0.row).map(|_| Titles::of_one(grid, best.0.row));
    match lower {
        Some(lower) if count(&lower) == best.1 => (lower, best.1),
        _ => best,
    }
}

/// The fields that a grid's headings name, each with its heading, and how many headings there are.
pub fn survey(
    grid: &Grid,
    plan: &'static SheetPlan,
    mapping: &Mapping,
) -> (Vec<(&'static str, String)>, usize) {
    let empty = BTreeMap::new();
    let (titles, _) = best(grid, plan, mapping.get(grid.title()).unwrap_or(&empty));
    let mut found: BTreeMap<&'static str, (usize, String)> = BTreeMap::new();
    for (field, rank, column) in matched(&titles, plan, &empty) {
        let known = found.entry(field).or_insert((rank, titles.shown(column)));
        if rank < known.0 {
            *known = (rank, titles.shown(column));
        }
    }
    let fields = found.into_iter().map(|(field, (_, heading))| (field, heading)).collect();
    (fields, titles.names.len())
}

/// Finds the headings.
pub fn find(grid: &Grid, plan: &'static SheetPlan, mapping: &Mapping, faults: &mut Faults) -> Headings {
    let empty = BTreeMap::new();
    let by_hand = mapping.get(grid.title()).or_else(|| mapping.get(plan.name)).unwrap_or(&empty);
    let (names, count) = best(grid, plan, by_hand);
    let index = names.row;
    let at = Fault {
        file: grid.file.clone(),
        sheet: Some(grid.sheet.clone().unwrap_or_else(|| plan.name.to_owned())),
        row: Some(grid.rows.get(index).map_or(1, |row| row.number)),
        ..Fault::default()
    };
    for (heading, field) in by_hand.iter().filter(|(heading, _)| *heading != WHOLE_SHEET) {
        let known = plan.column(field).is_some() || field == EXTRA;
        let there = || names.names.values().flatten().any(|name| heading_key(name) == heading_key(heading));
        if !known || !there() {
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
    let fields = assign(&names, plan, by_hand, &at, faults);
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
    let titles: BTreeMap<usize, String> =
        names.names.keys().map(|column| (*column, names.shown(*column))).collect();
    let passwords = passwords::columns(grid, index);
    // A password column is none of ours, whatever a mapping says.
    let fields = fields.into_iter().filter(|(_, column)| !passwords.contains(column)).collect();
    Headings { row: index, fields, titles, passwords }
}

/// Gives each field its column, the best heading first; two headings that are equally good are a fault.
fn assign(
    titles: &Titles,
    plan: &'static SheetPlan,
    by_hand: &BTreeMap<String, String>,
    at: &Fault,
    faults: &mut Faults,
) -> BTreeMap<&'static str, usize> {
    let mut candidates = matched(titles, plan, by_hand);
    candidates.sort_by_key(|(_, rank, column)| (*rank, *column));
    let mut fields: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
    for (field, rank, column) in candidates {
        match fields.get(field) {
            None if fields.values().any(|(_, taken)| *taken == column) => {}
            None => {
                fields.insert(field, (rank, column));
            }
            Some((best, first)) if *best == rank => faults.add(Fault {
                column: Some(titles.shown(*first)),
                value: Some(shown(&titles.shown(column))),
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

/// For each heading the fields that it may name, with its rank among the field's headings.
type KnownHeadings = BTreeMap<String, Vec<(&'static str, usize)>>;

/// By sheet: folded once, for a workbook may have hundreds of sheets.
static KNOWN: LazyLock<BTreeMap<&'static str, KnownHeadings>> = LazyLock::new(|| {
    let of_plan = |plan: &SheetPlan| {
        let mut known = KnownHeadings::new();
        for column in plan.columns {
            let ours = std::iter::once((0, column.field));
            for (rank, heading) in column.headings.iter().copied().enumerate().chain(ours) {
                let fields = known.entry(heading_key(heading)).or_default();
                if fields.iter().all(|(field, _)| *field != column.field) {
                    fields.push((column.field, rank));
                }
            }
        }
        known
    };
    SHEETS.iter().map(|plan| (plan.name, of_plan(plan))).collect()
});

/// The fields that headings name: field, rank of the heading, column.
fn matched(
    titles: &Titles,
    plan: &'static SheetPlan,
    by_hand: &BTreeMap<String, String>,
) -> Vec<(&'static str, usize, usize)> {
    let mut found = Vec::new();
    for (index, names) in &titles.names {
        for heading in names.iter().map(|name| heading_key(name)) {
            let before = found.len();
            let told =
                by_hand.iter().find(|(title, _)| *title != WHOLE_SHEET && heading_key(title) == heading);
            if let Some((_, field)) = told {
                if let Some(column) = plan.column(field) {
                    found.push((column.field, 0, *index));
                }
                break;
            }
            let known = KNOWN.get(plan.name).and_then(|known| known.get(&heading));
            for (field, rank) in known.into_iter().flatten() {
                if !by_hand.values().any(|told| told == field) {
                    found.push((*field, rank + 1, *index));
                }
            }
            if found.len() > before {
                break;
            }
        }
    }
    found
}

/// A heading without its marks and remarks: `※機器ID（必須）` is `機器id`.
pub(super) fn heading_key(text: &str) -> String {
    let folded = fold(text);
    let bare = folded.split_once('(').map_or(folded.as_str(), |(before, _)| before);
    let bare: String = bare.chars().filter(|c| !matches!(c, '※' | '*' | ':' | '★' | '●' | '.')).collect();
    if bare.is_empty() { folded } else { bare }
}
