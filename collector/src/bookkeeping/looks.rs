//! What calamine does not tell of a sheet. Here of an .xlsx: merged ranges, hidden rows and columns, text that is half struck
//! through, formulas that nobody has calculated (ECMA-376 part 1, 18.3 and 18.4).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Cursor};

use calamine::Style;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::grid::{Cell, GridRow, Mark};
use super::limits::{CELLS_MAX, COLUMNS_MAX};

pub mod old_workbook;
pub mod open_document;

/// What a cell's style says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    struck: bool,
    grey: bool,
    /// Digits that a whole number is filled up to with zeros.
    zeros: usize,
    exponent: bool,
}

impl Look {
    /// Of a style.
    pub fn of(style: &Style) -> Self {
        let fill = style.fill.as_ref().and_then(calamine::Fill::get_color);
        let code = style.number_format.as_ref().map_or("", |format| format.format_code.as_str());
        let zeros = !code.is_empty() && code.bytes().all(|byte| byte == b'0');
        Look {
            struck: style.font.as_ref().is_some_and(calamine::Font::has_strikethrough),
            grey: fill.is_some_and(|color| {
                color.red == color.green && color.green == color.blue && (64..250).contains(&color.red)
            }),
            zeros: if zeros { code.len() } else { 0 },
            exponent: code.contains("E+"),
        }
    }

    /// A whole number as Excel shows it.
    pub fn whole(self, number: i64) -> Cell {
        Cell::Text(format!("{number:0>width$}", width = if number < 0 { 0 } else { self.zeros }))
    }

    /// A number as Excel shows it, where its format makes another text of it.
    pub fn shown(self, cell: Cell) -> Cell {
        match cell {
            Cell::Number(number)
                if self.zeros > 1 && number.fract() == 0.0 && (0.0..1e15).contains(&number) =>
            {
                Cell::Text(format!("{number:0>width$.0}", width = self.zeros))
            }
            Cell::Number(number) if self.exponent => Cell::Text(with_exponent(number)),
            cell => cell,
        }
    }
}

/// `5.00E+12`, as Excel writes it.
fn with_exponent(number: f64) -> String {
    let text = format!("{number:.2E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}E+{exponent:0>2}"),
        _ => text,
    }
}

/// A row while it is read.
#[derive(Debug, Default)]
pub struct Row {
    /// Its cells.
    pub cells: Vec<Cell>,
    filled: usize,
    struck: usize,
    grey: usize,
    partly: bool,
}

impl Row {
    /// Puts a cell that is not empty.
    pub fn put(&mut self, column: usize, cell: Cell, look: Look) {
        if self.cells.len() <= column {
            self.cells.resize(column + 1, Cell::Empty);
        }
        self.cells[column] = cell;
        self.filled += 1;
        self.struck += usize::from(look.struck);
        self.grey += usize::from(look.grey);
    }

    fn marks(&self) -> BTreeSet<Mark> {
        let mut marks = BTreeSet::new();
        // A running number beside the row is often left as it is.
        let struck = self.struck == self.filled || (self.struck >= 2 && self.struck + 1 >= self.filled);
        if struck {
            marks.insert(Mark::Struck);
        } else if self.struck > 0 || self.partly {
            marks.insert(Mark::PartlyStruck);
        }
        if self.grey == self.filled {
            marks.insert(Mark::Grey);
        }
        marks
    }
}

/// The structure of one sheet.
#[derive(Debug, Default)]
pub struct Structure {
    merges: Vec<Merge>,
    hidden_rows: BTreeSet<u32>,
    hidden: Vec<(usize, usize)>,
    /// Of texts that are struck through in part: what is left.
    left: BTreeMap<(u32, u32), String>,
    uncalculated: BTreeSet<(u32, u32)>,
    partly: BTreeSet<u32>,
}

/// What a sheet looks like whose parser tells no style either.
#[derive(Debug, Default)]
pub struct Seen {
    /// What is merged, hidden and struck through in part.
    pub structure: Structure,
    looks: BTreeMap<(u32, u32), Look>,
}

impl Seen {
    /// The look of a cell, by row and column counted from 0.
    pub fn look(&self, at: (u32, u32)) -> Look {
        self.looks.get(&at).copied().unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug)]
struct Merge {
    first: (u32, u32),
    last: (u32, u32),
}

impl Structure {
    /// A cell as it is meant: without what is struck through, and no formula taken for nothing.
    pub fn amend(&mut self, at: (u32, u32), cell: Cell, look: Look) -> (Cell, Look) {
        if self.uncalculated.contains(&at) && cell.is_empty() {
            return (Cell::Error("=?".to_owned()), look);
        }
        match self.left.get(&at) {
            Some(left) if left.trim().is_empty() => (cell, Look { struck: true, ..look }),
            Some(left) => {
                self.partly.insert(at.0);
                (Cell::text(left), look)
            }
            None => (cell, look),
        }
    }

    /// Rows with their marks; what is merged down holds for each of its rows.
    pub fn finish(&self, mut rows: BTreeMap<u32, Row>) -> Vec<GridRow> {
        // Overlapping ranges of a hostile file cost no more than its cells may.
        let mut left = CELLS_MAX;
        for merge in &self.merges {
            let column = merge.first.1 as usize;
            let Some(value) = rows.get(&(merge.first.0 + 1)).and_then(|row| row.cells.get(column)).cloned()
            else {
                continue;
            };
            if value.is_empty() || merge.last.0 <= merge.first.0 || column >= COLUMNS_MAX {
                continue;
            }
            for (_, row) in rows.range_mut(merge.first.0 + 2..=merge.last.0.saturating_add(1)) {
                left = left.saturating_sub(column + 1);
                if left == 0 {
                    break;
                }
                if row.cells.get(column).is_none_or(Cell::is_empty) {
                    row.cells.resize(row.cells.len().max(column + 1), Cell::Empty);
                    row.cells[column] = value.clone();
                }
            }
        }
        let across: BTreeSet<(u32, usize)> = self
            .merges
            .iter()
            .filter(|merge| merge.first.1 < merge.last.1)
            .map(|merge| (merge.first.0 + 1, merge.first.1 as usize))
            .collect();
        let mut done = Vec::with_capacity(rows.len());
        for (number, mut row) in rows {
            row.partly = self.partly.contains(&(number - 1));
            let mut marks = row.marks();
            let first = row.cells.iter().position(|cell| !cell.is_empty()).unwrap_or(0);
            if row.cells.iter().filter(|cell| !cell.is_empty()).count() == 1
                && across.contains(&(number, first))
            {
                marks.insert(Mark::Banner);
            }
            if self.hidden_rows.contains(&number) {
                marks.insert(Mark::Hidden);
            }
            done.push(GridRow { number, cells: row.cells, marks });
        }
        done
    }

    /// Columns that nobody sees, counted from 0.
    pub fn hidden_columns(&self) -> Vec<usize> {
        let columns = self.hidden.iter().flat_map(|(first, last)| *first..=*last);
        columns.take_while(|column| *column < COLUMNS_MAX).take(COLUMNS_MAX).collect()
    }
}

type Archive<'a> = zip::ZipArchive<Cursor<&'a [u8]>>;

/// The structure of each sheet, by its name.
pub fn structures(bytes: &[u8]) -> Result<BTreeMap<String, Structure>, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let mut targets: BTreeMap<String, String> = BTreeMap::new();
    each(&mut archive, "xl/_rels/workbook.xml.rels", |event| {
        if let Happened::Begins("Relationship", tag) = event
            && let (Some(id), Some(target)) = (attribute(tag, "Id"), attribute(tag, "Target"))
        {
            let target = target.trim_start_matches('/');
            let path = if target.starts_with("xl/") { target.to_owned() } else { format!("xl/{target}") };
            targets.insert(id, path);
        }
    })?;
    let mut sheets: Vec<(String, String)> = Vec::new();
    each(&mut archive, "xl/workbook.xml", |event| {
        if let Happened::Begins("sheet", tag) = event
            && let (Some(name), Some(id)) = (attribute(tag, "name"), attribute(tag, "r:id"))
            && let Some(path) = targets.get(&id)
        {
            sheets.push((name, path.clone()));
        }
    })?;
    let mut shared = Texts::default();
    each(&mut archive, "xl/sharedStrings.xml", |event| shared.hear(&event, "si"))?;
    let mut found = BTreeMap::new();
    for (name, path) in sheets {
        let mut sheet = Sheet::default();
        each(&mut archive, &path, |event| sheet.hear(&event, &shared.left))?;
        found.insert(name, sheet.structure);
    }
    Ok(found)
}

/// One event of XML, as far as it matters here.
enum Happened<'a, 'b> {
    Begins(&'a str, &'a BytesStart<'b>),
    Ends(&'a str),
    Says(&'a str),
}

/// Hears a part from beginning to end; a part that is not there says nothing.
fn each(archive: &mut Archive<'_>, path: &str, mut hear: impl FnMut(Happened<'_, '_>)) -> Result<(), String> {
    let Ok(part) = archive.by_name(path) else { return Ok(()) };
    let mut reader: Reader<_> = Reader::from_reader(BufReader::new(part));
    parse(&mut reader, &mut hear)
}

fn parse<R: BufRead>(reader: &mut Reader<R>, hear: &mut impl FnMut(Happened<'_, '_>)) -> Result<(), String> {
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| error.to_string())? {
            Event::Start(tag) => hear(Happened::Begins(tag.local_name().as_ref(), &tag)),
            Event::Empty(tag) => {
                hear(Happened::Begins(tag.local_name().as_ref(), &tag));
                hear(Happened::Ends(tag.local_name().as_ref()));
            }
            Event::End(tag) => hear(Happened::Ends(tag.local_name().as_ref())),
            Event::Text(text) => hear(Happened::Says(&text)),
            Event::GeneralRef(reference) => {
                let text = format!("&{};", &*reference);
                hear(Happened::Says(quick_xml::escape::unescape(&text).as_deref().unwrap_or_default()));
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.try_get_attribute(name).ok()??;
    quick_xml::escape::unescape(&found.value).ok().map(std::borrow::Cow::into_owned)
}

fn is_true(value: Option<&str>) -> bool {
    matches!(value, Some("1" | "true"))
}

/// Rich texts, one after the other; of those that are struck through in part, what is left.
#[derive(Default)]
struct Texts {
    number: usize,
    left: BTreeMap<usize, String>,
    kept: String,
    in_text: bool,
    in_reading: bool,
    run_struck: bool,
    any_struck: bool,
}

impl Texts {
    fn hear(&mut self, event: &Happened<'_, '_>, whole: &str) {
        match event {
            Happened::Begins("r", _) => self.run_struck = false,
            Happened::Begins("rPh", _) => self.in_reading = true,
            Happened::Ends("rPh") => self.in_reading = false,
            Happened::Begins("strike", tag) => {
                self.run_struck = !matches!(attribute(tag, "val").as_deref(), Some("0" | "false"));
            }
            Happened::Begins("t", _) => self.in_text = true,
            Happened::Ends("t") => self.in_text = false,
            Happened::Ends("r") => self.run_struck = false,
            Happened::Says(text) if self.in_text && !self.in_reading => {
                if self.run_struck {
                    self.any_struck = true;
                } else {
                    self.kept.push_str(text);
                }
            }
            Happened::Ends(name) if *name == whole => {
                let kept = std::mem::take(&mut self.kept);
                if std::mem::take(&mut self.any_struck) {
                    self.left.insert(self.number, kept);
                }
                self.number += 1;
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct Sheet {
    structure: Structure,
    row: u32,
    column: u32,
    shared: bool,
    text_formula: bool,
    formula: bool,
    in_value: bool,
    value: String,
    inline: Texts,
}

impl Sheet {
    fn hear(&mut self, event: &Happened<'_, '_>, shared: &BTreeMap<usize, String>) {
        self.inline.hear(event, "is");
        match event {
            Happened::Begins("row", tag) => {
                let number = attribute(tag, "r").and_then(|number| number.parse::<u32>().ok());
                self.row = number.unwrap_or(self.row + 1).max(1);
                self.column = 0;
                if is_true(attribute(tag, "hidden").as_deref()) {
                    self.structure.hidden_rows.insert(self.row);
                }
            }
            Happened::Begins("c", tag) => {
                if let Some((_, column)) = attribute(tag, "r").as_deref().and_then(position) {
                    self.column = column;
                }
                let kind = attribute(tag, "t");
                self.shared = kind.as_deref() == Some("s");
                self.text_formula = kind.as_deref() == Some("str");
                (self.formula, self.in_value) = (false, false);
                self.value.clear();
            }
            Happened::Begins("f", _) => self.formula = true,
            Happened::Begins("v", _) => self.in_value = true,
            Happened::Ends("v") => self.in_value = false,
            Happened::Says(text) if self.in_value => self.value.push_str(text),
            Happened::Ends("c") => {
                let at = (self.row.saturating_sub(1), self.column);
                if self.formula && self.value.is_empty() && !self.text_formula {
                    self.structure.uncalculated.insert(at);
                }
                let left = match self.value.parse::<usize>() {
                    Ok(index) if self.shared => shared.get(&index).cloned(),
                    _ => std::mem::take(&mut self.inline.left).pop_last().map(|(_, left)| left),
                };
                if let Some(left) = left {
                    self.structure.left.insert(at, left);
                }
                self.column += 1;
            }
            Happened::Begins("col", tag) if is_true(attribute(tag, "hidden").as_deref()) => {
                let number = |name| attribute(tag, name).and_then(|number| number.parse::<usize>().ok());
                if let (Some(first), Some(last)) = (number("min"), number("max")) {
                    self.structure.hidden.push((first.saturating_sub(1), last.saturating_sub(1)));
                }
            }
            Happened::Begins("mergeCell", tag) => {
                let range = attribute(tag, "ref");
                let ends = range.as_deref().and_then(|range| range.split_once(':'));
                if let Some((Some(first), Some(last))) =
                    ends.map(|(first, last)| (position(first), position(last)))
                {
                    self.structure.merges.push(Merge { first, last });
                }
            }
            _ => {}
        }
    }
}

/// Row and column of `B3`, counted from 0.
fn position(reference: &str) -> Option<(u32, u32)> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (letters, digits) = reference.split_at_checked(letters)?;
    let column = letters.bytes().try_fold(0_u32, |column, letter| {
        column.checked_mul(26)?.checked_add(u32::from(letter.to_ascii_uppercase() - b'A') + 1)
    })?;
    Some((digits.parse::<u32>().ok()?.checked_sub(1)?, column.checked_sub(1)?))
}
