//! What is to be written where: from a workbook as it was read and the ledger as it is now. Pure.

use std::collections::{BTreeMap, BTreeSet};

use daicho_rules::ledger::Ledger;
use daicho_rules::text::Text;
use jiff::civil::Date;

use super::addresses::Spot;
use super::growth;
use super::marks::{self, Marks, Note};
use super::sheet::{Sheet, Value};
use crate::bookkeeping::export::spoken;
use crate::bookkeeping::plan::SheetPlan;
use crate::bookkeeping::reading::Reading;
use crate::bookkeeping::table::{Table, TableRow, tables};

/// What is to be done to one sheet.
#[derive(Debug, Default)]
pub struct SheetEdit {
    /// Cells.
    pub values: BTreeMap<Spot, Value>,
    /// Notes on cells.
    pub notes: BTreeMap<Spot, Vec<Note>>,
    /// Rows below the last one: the last one, and how many.
    pub added: Option<(u32, u32)>,
}

/// Something of the ledger that the workbook does not say after all.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Left {
    /// Our name of the sheet.
    pub sheet: &'static str,
    /// The row's key; empty: the whole sheet.
    pub key: String,
    /// The field or heading; empty: the whole row.
    pub field: String,
    /// What the ledger holds.
    pub value: String,
    /// Why it was not written.
    #[serde(skip)]
    pub why: Text,
}

/// Everything that is to be done.
#[derive(Debug, Default)]
pub struct Decisions {
    /// By the sheet's name.
    pub edits: BTreeMap<String, SheetEdit>,
    /// What is not done, and why.
    pub left: Vec<Left>,
    /// Cells that get another value.
    pub cells: usize,
    /// Rows that are added.
    pub rows: usize,
    /// Rows that the ledger has no more: `sheet`, key.
    pub vanished: Vec<(&'static str, String)>,
}

/// What a workbook looks like, beside what it says.
pub struct Shape<'a> {
    /// Worksheets by name: their part and its places.
    pub sheets: &'a BTreeMap<String, (String, Sheet)>,
    /// Whether days are counted from 1904.
    pub since_1904: bool,
    /// Whether words are to be Japanese where a cell does not tell.
    pub japanese: bool,
}

/// Decides.
pub fn decide(reading: &Reading, ledger: &Ledger, shape: &Shape<'_>, marks: &Marks<'_>) -> Decisions {
    let mut decisions = Decisions::default();
    for (file, now) in tables(&reading.ledger).iter().zip(tables(ledger)) {
        Decider { reading, shape, marks, file, decisions: &mut decisions }.sheet(&now);
    }
    decisions
}

/// What one row wants of a merged area.
struct Wanted {
    column: u32,
    value: Value,
    key: String,
    field: String,
    old: String,
    new: String,
}

/// By sheet and the area's first cell.
type Merged = BTreeMap<(String, Spot), Vec<Wanted>>;

struct Decider<'a> {
    reading: &'a Reading,
    shape: &'a Shape<'a>,
    marks: &'a Marks<'a>,
    file: &'a Table<'a>,
    decisions: &'a mut Decisions,
}

impl Decider<'_> {
    fn sheet(&mut self, now: &Table<'_>) {
        let plan = self.file.plan;
        if self.reading.missing.contains(&plan.name) {
            if !now.rows.is_empty() {
                let count = now.rows.len();
                self.leave(
                    "",
                    "",
                    &count.to_string(),
                    Text::new(
                        format!(
                            "このブックに {} のシートがありません（台帳には {count} 行）",
                            plan.titles[0]
                        ),
                        format!("the workbook has no sheet {}; the ledger has {count} rows of it", plan.name),
                    ),
                );
            }
            return;
        }
        let known: BTreeMap<&[String], &TableRow<'_>> =
            self.file.rows.iter().map(|row| (row.key.as_slice(), row)).collect();
        let mut shared: BTreeMap<(&str, u32), usize> = BTreeMap::new();
        for row in &self.file.rows {
            *shared.entry((row.reference.place.as_str(), row.reference.row)).or_default() += 1;
        }
        let mut added = Vec::new();
        let mut merged: Merged = BTreeMap::new();
        for row in &now.rows {
            match known.get(row.key.as_slice()) {
                Some(before) => {
                    let alone = shared[&(before.reference.place.as_str(), before.reference.row)] == 1;
                    self.row(before, row, alone, &mut merged);
                }
                None => added.push(row),
            }
        }
        self.merged(merged);
        let keys: BTreeSet<&[String]> = now.rows.iter().map(|row| row.key.as_slice()).collect();
        for row in self.file.rows.iter().filter(|row| !keys.contains(row.key.as_slice())) {
            let key = shown_key(plan, row);
            if let Some(spot) = self.key_spot(row) {
                let note = marks::vanished(self.marks, plan.name, &key);
                self.note(&row.reference.place, spot, note);
            }
            self.decisions.vanished.push((plan.name, key));
        }
        if !added.is_empty() {
            self.add(&added);
        }
    }

    /// The cells of a row that differ.
    fn row(&mut self, before: &TableRow<'_>, now: &TableRow<'_>, alone: bool, merged: &mut Merged) {
        let plan = self.file.plan;
        let key = shown_key(plan, now);
        let place = &before.reference.place;
        for (field, old, new) in differing(plan, before, now) {
            let (old, new) = (self.said(field.as_str(), &old), self.said(field.as_str(), &new));
            let Some(column) = self.column(place, &field) else {
                self.leave(
                    &key,
                    &field,
                    &new,
                    Text::new(
                        "このシートにはこの項目の列がありません",
                        "the sheet has no column for it, or two with the same heading",
                    ),
                );
                continue;
            };
            let spot = (before.reference.row, column);
            let Some((_, sheet)) = self.shape.sheets.get(place) else {
                self.leave(
                    &key,
                    &field,
                    &new,
                    Text::new("シートが見つかりません", "the sheet was not found"),
                );
                continue;
            };
            if !alone || sheet.is_formula(spot) {
                let why = if alone {
                    Text::new("セルが数式です", "the cell holds a formula")
                } else {
                    Text::new("1 行に複数の機器があります", "the row stands for several entries")
                };
                let note = marks::left(self.marks, plan.name, &key, &field, &new);
                self.note(place, spot, note);
                self.leave(&key, &field, &new, why);
                continue;
            }
            let value = self.value(sheet, spot, &old, &new);
            if let Some(area) = sheet.merge(spot) {
                let wanted = merged.entry((place.clone(), area.first)).or_default();
                wanted.push(Wanted { column, value, key: key.clone(), field, old, new });
                continue;
            }
            let note = marks::changed(self.marks, plan.name, &key, &field, &old);
            self.set(place, spot, value, note);
        }
    }

    /// A merged area takes a value only where all its rows want the same.
    fn merged(&mut self, merged: Merged) {
        let plan = self.file.plan;
        for ((place, first), wanted) in merged {
            let Some((_, sheet)) = self.shape.sheets.get(&place) else { continue };
            let area = sheet.merge(first);
            let users = self.file.rows.iter().filter(|row| {
                let column = wanted[0].column;
                row.reference.place == place
                    && area.is_some_and(|area| area.holds((row.reference.row, column)))
            });
            let alike = wanted.iter().all(|one| one.value == wanted[0].value);
            let whole = users.count() == wanted.len() && alike;
            for (number, Wanted { value, key, field, old, new, .. }) in wanted.into_iter().enumerate() {
                if !whole {
                    let note = marks::left(self.marks, plan.name, &key, &field, &new);
                    self.note(&place, first, note);
                    self.leave(
                        &key,
                        &field,
                        &new,
                        Text::new(
                            "結合されたセルで、他の行と値が分かれます",
                            "the cell is merged with other rows that keep another value",
                        ),
                    );
                } else if number == 0 {
                    let note = marks::changed(self.marks, plan.name, &key, &field, &old);
                    self.set(&place, first, value, note);
                }
            }
        }
    }

    /// Rows that the workbook does not have yet: below the last one of the sheet where they stood, or the last sheet.
    fn add(&mut self, added: &[&TableRow<'_>]) {
        let plan = self.file.plan;
        let places: Vec<&String> = self
            .reading
            .places
            .keys()
            .filter(|(name, _)| *name == plan.name)
            .map(|(_, place)| place)
            .collect();
        let mut by_place: BTreeMap<&String, Vec<&TableRow<'_>>> = BTreeMap::new();
        for row in added {
            let own = places.iter().find(|place| ***place == row.reference.place);
            let most = places.iter().max_by_key(|place| {
                self.file.rows.iter().filter(|known| known.reference.place == ***place).count()
            });
            if let Some(place) = own.or(most) {
                by_place.entry(place).or_default().push(row);
            }
        }
        for (place, rows) in by_place {
            let (Some(columns), Some((_, sheet))) =
                (self.reading.places.get(&(plan.name, place.clone())), self.shape.sheets.get(place))
            else {
                continue;
            };
            let of_place = self.file.rows.iter().filter(|row| row.reference.place == *place);
            let last_row = of_place.max_by_key(|row| row.reference.row);
            let last = last_row.map_or(columns.heading_row, |row| row.reference.row);
            let ours: Vec<u32> =
                columns.columns.values().filter_map(|column| u32::try_from(*column).ok()).collect();
            let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            let taken = (last + 1..=last.saturating_add(count))
                .find(|row| !growth::is_free(sheet, *row, last, &ours));
            if let Some(taken) = taken {
                for row in rows {
                    self.leave(&shown_key(plan, row), "", "", Text::new(
                        format!("シート「{place}」の {taken} 行目に合計や注記などがあり、行を追加できません。Excel で {last} 行目の下に空の行を {count} 行挿入し、もう一度書き出してください"),
                        format!("something stands in row {taken} of the sheet {place} already; insert {count} empty rows below row {last} in Excel, and export again"),
                    ));
                }
                continue;
            }
            for (number, row) in (last + 1..).zip(rows) {
                self.new_row(place, sheet, number, last_row, row);
            }
            let edit = self.decisions.edits.entry(place.clone()).or_default();
            edit.added = Some((last, count));
        }
    }

    fn new_row(
        &mut self,
        place: &str,
        sheet: &Sheet,
        number: u32,
        last: Option<&TableRow<'_>>,
        row: &TableRow<'_>,
    ) {
        let plan = self.file.plan;
        let key = shown_key(plan, row);
        let mut noted = false;
        for (field, new) in filled(plan, row) {
            let new = self.said(&field, &new);
            let Some(column) = self.column(place, &field) else {
                // A word that stands for nothing said needs no column.
                if !is_default(plan, &field, &new) {
                    self.leave(
                        &key,
                        &field,
                        &new,
                        Text::new(
                            "このシートにはこの項目の列がありません",
                            "the sheet has no column for it, or two with the same heading",
                        ),
                    );
                }
                continue;
            };
            let above = last.map(|last| (last.reference.row, column));
            let old = last.and_then(|last| cell_of(plan, last, &field)).unwrap_or_default();
            let value = match above {
                Some(above) => self.value(sheet, above, &old, &new),
                None => Value::Text(new),
            };
            let first = plan.key_fields().contains(&field.as_str()) && !noted;
            let edit = self.decisions.edits.entry(place.to_owned()).or_default();
            edit.values.insert((number, column), value);
            if first {
                noted = true;
                let note = marks::added(self.marks, plan.name, &key);
                self.note(place, (number, column), note);
            }
        }
        self.decisions.rows += 1;
    }

    fn set(&mut self, place: &str, spot: Spot, value: Value, note: Note) {
        self.decisions.edits.entry(place.to_owned()).or_default().values.insert(spot, value);
        self.note(place, spot, note);
        self.decisions.cells += 1;
    }

    fn note(&mut self, place: &str, spot: Spot, note: Note) {
        // A note on a merged area stands on its first cell: no other is seen.
        let spot = self
            .shape
            .sheets
            .get(place)
            .and_then(|(_, sheet)| sheet.merge(spot))
            .map_or(spot, |area| area.first);
        let edit = self.decisions.edits.entry(place.to_owned()).or_default();
        edit.notes.entry(spot).or_default().push(note);
    }

    fn leave(&mut self, key: &str, field: &str, value: &str, why: Text) {
        let (key, field, value) = (key.to_owned(), field.to_owned(), value.to_owned());
        self.decisions.left.push(Left { sheet: self.file.plan.name, key, field, value, why });
    }

    fn said(&self, field: &str, cell: &str) -> String {
        spoken(self.file.plan, field, cell, self.shape.japanese)
    }

    /// The column of a field, or of a heading that stands only once.
    fn column(&self, place: &str, field: &str) -> Option<u32> {
        let place = self.reading.places.get(&(self.file.plan.name, place.to_owned()))?;
        let ours: BTreeSet<&usize> = place.columns.values().collect();
        let column = match place.columns.get(field) {
            Some(column) => *column,
            None => {
                let mut titled =
                    place.titles.iter().filter(|(column, title)| *title == field && !ours.contains(column));
                let (column, _) = titled.next()?;
                if titled.next().is_some() {
                    return None;
                }
                *column
            }
        };
        u32::try_from(column).ok()
    }

    fn key_spot(&self, row: &TableRow<'_>) -> Option<Spot> {
        let fields = self.file.plan.key_fields();
        let column = fields.iter().find_map(|field| self.column(&row.reference.place, field))?;
        Some((row.reference.row, column))
    }

    /// A value in the form of the cell that it replaces or follows: a day as a day, a number as a number, else text.
    fn value(&self, sheet: &Sheet, like: Spot, old: &str, new: &str) -> Value {
        if new.is_empty() {
            return Value::Blank;
        }
        let like = sheet.cells.get(&like).filter(|cell| cell.numeric && !cell.blank);
        if like.is_none() {
            return Value::Text(new.to_owned());
        }
        let (was_day, day) = (old.parse::<Date>().is_ok(), new.parse::<Date>().ok());
        match day {
            Some(day) if was_day => serial(day, self.shape.since_1904)
                .map_or_else(|| Value::Text(new.to_owned()), |serial| Value::Number(serial.to_string())),
            None if is_plain_number(new) && is_plain_number(old) => Value::Number(new.to_owned()),
            _ => Value::Text(new.to_owned()),
        }
    }
}

/// A number that Excel shows as it is written: no zero in front, no more digits than it keeps.
fn is_plain_number(text: &str) -> bool {
    const DIGITS_MAX: usize = 15;
    let bare = text.strip_prefix('-').unwrap_or(text);
    !bare.is_empty()
        && bare.len() <= DIGITS_MAX
        && bare.bytes().all(|byte| byte.is_ascii_digit())
        && (bare == "0" || !bare.starts_with('0'))
}

/// A day as Excel counts: from 1899-12-30, or from 1904-01-01.
fn serial(day: Date, since_1904: bool) -> Option<i32> {
    let first = if since_1904 { jiff::civil::date(1904, 1, 1) } else { jiff::civil::date(1899, 12, 30) };
    let days = day.since(first).ok()?.get_days();
    // Before March 1900 Excel counts a day that never was.
    (days > 60 || since_1904).then_some(days)
}

/// The columns of a row that differ: field or heading, before, now.
pub fn differing(
    plan: &'static SheetPlan,
    before: &TableRow<'_>,
    now: &TableRow<'_>,
) -> Vec<(String, String, String)> {
    let mut names: Vec<String> = plan.columns.iter().map(|column| column.field.to_owned()).collect();
    for (title, _) in before.extra.iter().chain(now.extra) {
        if !names.contains(title) {
            names.push(title.clone());
        }
    }
    let both = names.into_iter().map(|name| {
        let of = |row: &TableRow<'_>| cell_of(plan, row, &name).unwrap_or_default();
        let (old, new) = (of(before), of(now));
        (name, old, new)
    });
    both.filter(|(_, old, new)| old != new).collect()
}

fn cell_of(plan: &'static SheetPlan, row: &TableRow<'_>, name: &str) -> Option<String> {
    let ours = plan.columns.iter().position(|column| column.field == name);
    match ours {
        Some(index) => row.cells.get(index).cloned(),
        None => {
            let same: Vec<&str> = row
                .extra
                .iter()
                .filter(|(title, _)| title == name)
                .map(|(_, value)| value.as_str())
                .collect();
            (!same.is_empty()).then(|| same.join("\n"))
        }
    }
}

fn filled(plan: &'static SheetPlan, row: &TableRow<'_>) -> Vec<(String, String)> {
    let ours = plan.columns.iter().map(|column| column.field.to_owned()).zip(row.cells.iter().cloned());
    let extra = row.extra.iter().cloned();
    ours.chain(extra).filter(|(_, value)| !value.is_empty()).collect()
}

/// Whether a word is what an empty cell means.
fn is_default(plan: &'static SheetPlan, field: &str, said: &str) -> bool {
    let empty = match plan.name {
        "devices" => {
            tables_of_one(&Ledger { devices: vec![Default::default()], ..Ledger::default() }, 0, field)
        }
        "staff" => tables_of_one(&Ledger { staff: vec![Default::default()], ..Ledger::default() }, 1, field),
        "accounts" => {
            tables_of_one(&Ledger { accounts: vec![Default::default()], ..Ledger::default() }, 2, field)
        }
        "media" => tables_of_one(&Ledger { media: vec![Default::default()], ..Ledger::default() }, 5, field),
        _ => None,
    };
    empty.is_some_and(|empty| {
        !empty.is_empty() && (empty == said || spoken(plan, field, &empty, true) == said)
    })
}

fn tables_of_one(ledger: &Ledger, index: usize, field: &str) -> Option<String> {
    let tables = tables(ledger);
    let table = tables.get(index)?;
    cell_of(table.plan, table.rows.first()?, field)
}

/// A row's key for people.
pub fn shown_key(plan: &'static SheetPlan, row: &TableRow<'_>) -> String {
    let cells = plan.columns.iter().zip(&row.cells);
    let keys = cells.filter(|(column, _)| plan.key_fields().contains(&column.field));
    keys.map(|(_, cell)| cell.as_str()).collect::<Vec<_>>().join(" / ")
}
