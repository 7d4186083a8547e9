//! How an .ods sheet looks (OASIS OpenDocument 1.3 part 3, chapters 9, 16 and 19): what is merged, hidden and struck
//! through, and the zeros in front of a number. Its parser tells none of it.

use std::collections::BTreeMap;
use std::io::Cursor;

use quick_xml::events::BytesStart;

use super::{Happened, Look, Merge, Seen, attribute, each};
use crate::bookkeeping::limits::{CELLS_MAX, ROWS_MAX};

/// Styles inherit from styles: deeper than anybody's, and the end of a circle.
const PARENTS_MAX: usize = 16;

/// The looks of each sheet, by its name.
pub fn sheets(bytes: &[u8]) -> Result<BTreeMap<String, Seen>, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let mut document = Document::default();
    for part in ["styles.xml", "content.xml"] {
        each(&mut archive, part, |event| document.hear(&event))?;
    }
    if document.too_many {
        Err("its repeated rows unfold to too many cells".to_owned())
    } else {
        Ok(document.sheets)
    }
}

/// What a style says itself; what it leaves out, its parent says.
#[derive(Default)]
struct Style {
    parent: Option<String>,
    struck: Option<bool>,
    number: Option<String>,
}

#[derive(Default)]
struct Document {
    styles: BTreeMap<(String, String), Style>,
    style: Option<(String, String)>,
    /// Digits that a number's style fills up with zeros.
    zeros: BTreeMap<String, usize>,
    number_style: Option<String>,
    sheets: BTreeMap<String, Seen>,
    depth: usize,
    body: Option<usize>,
    sheet: Option<Sheet>,
    cells_left: Option<usize>,
    too_many: bool,
}

#[derive(Default)]
struct Sheet {
    name: String,
    seen: Seen,
    columns: u32,
    /// First and last column of each run of columns, and the style of its cells.
    column_styles: Vec<(u32, u32, String)>,
    row: u32,
    repeated: u32,
    hidden: bool,
    row_style: Option<String>,
    column: u32,
    filled: Vec<Filled>,
    cell: Option<Open>,
}

/// A cell while it is read.
#[derive(Default)]
struct Open {
    depth: usize,
    repeated: u32,
    look: Look,
    spans: (u32, u32),
    has_value: bool,
    paragraphs: usize,
    in_note: usize,
    /// Whether each open span is struck through.
    runs: Vec<bool>,
    text: bool,
    any_struck: bool,
    kept: String,
}

/// A cell that holds something.
struct Filled {
    column: u32,
    repeated: u32,
    look: Look,
    spans: (u32, u32),
    left: Option<String>,
}

impl Document {
    fn hear(&mut self, event: &Happened<'_, '_>) {
        match event {
            Happened::Begins(name, tag) => {
                self.depth += 1;
                self.begins(name, tag);
            }
            Happened::Ends(name) => {
                self.ends(name);
                self.depth = self.depth.saturating_sub(1);
            }
            Happened::Says(text) => {
                if let Some(cell) = self.sheet.as_mut().and_then(|sheet| sheet.cell.as_mut()) {
                    cell.say(text);
                }
            }
        }
    }

    fn begins(&mut self, name: &str, tag: &BytesStart<'_>) {
        match name {
            "style" => {
                let key = |name| attribute(tag, name).unwrap_or_default();
                let style = (key("style:family"), key("style:name"));
                let own = Style {
                    parent: attribute(tag, "style:parent-style-name"),
                    struck: None,
                    number: attribute(tag, "style:data-style-name"),
                };
                self.styles.insert(style.clone(), own);
                self.style = Some(style);
            }
            "text-properties" => {
                let line = attribute(tag, "style:text-line-through-style")
                    .or_else(|| attribute(tag, "style:text-line-through-type"));
                let style = self.style.as_ref().and_then(|style| self.styles.get_mut(style));
                if let (Some(line), Some(style)) = (line, style) {
                    style.struck = Some(line != "none");
                }
            }
            "number-style" => self.number_style = attribute(tag, "style:name"),
            "number" => {
                let digits =
                    attribute(tag, "number:min-integer-digits").and_then(|digits| digits.parse().ok());
                let whole = attribute(tag, "number:decimal-places").is_none_or(|places| places == "0");
                if let (Some(name), Some(digits), true) = (&self.number_style, digits, whole) {
                    // Excel shows no more than 15 digits of a number.
                    self.zeros.insert(name.clone(), usize::min(digits, 15));
                }
            }
            "spreadsheet" => self.body = Some(self.depth),
            "table" if self.sheet.is_none() && self.body.is_some_and(|body| self.depth == body + 1) => {
                self.sheet = Some(Sheet {
                    name: attribute(tag, "table:name").unwrap_or_default(),
                    ..Sheet::default()
                });
            }
            _ => self.begins_in_sheet(name, tag),
        }
    }

    fn begins_in_sheet(&mut self, name: &str, tag: &BytesStart<'_>) {
        let depth = self.depth;
        let Some(mut sheet) = self.sheet.take() else { return };
        match (name, &mut sheet.cell) {
            ("span" | "a", Some(cell)) => {
                let style = attribute(tag, "text:style-name");
                let own = style.is_some_and(|style| self.is_struck("text", &style));
                let struck = own || cell.runs.last().copied().unwrap_or_default();
                cell.runs.push(struck);
            }
            (name, Some(cell)) => cell.begins(name, tag),
            ("table-column", None) => {
                let (first, count) = (sheet.columns, count(tag, "table:number-columns-repeated"));
                let last = first.saturating_add(count - 1);
                sheet.columns = last.saturating_add(1);
                if is_hidden(tag) {
                    sheet.seen.structure.hidden.push((first as usize, last as usize));
                }
                if let Some(style) = attribute(tag, "table:default-cell-style-name") {
                    sheet.column_styles.push((first, last, style));
                }
            }
            ("table-row", None) => {
                sheet.repeated = count(tag, "table:number-rows-repeated");
                sheet.hidden = is_hidden(tag);
                sheet.row_style = attribute(tag, "table:default-cell-style-name");
                sheet.column = 0;
            }
            ("table-cell" | "covered-table-cell", None) => {
                let style = attribute(tag, "table:style-name").or_else(|| sheet.default_style());
                let has_value =
                    ["office:value", "office:date-value", "office:time-value", "office:boolean-value"]
                        .iter()
                        .chain(&["office:string-value", "table:formula"])
                        .any(|name| attribute(tag, name).is_some());
                sheet.cell = Some(Open {
                    depth,
                    repeated: count(tag, "table:number-columns-repeated"),
                    look: style.map(|style| self.look(&style)).unwrap_or_default(),
                    spans: (
                        count(tag, "table:number-rows-spanned"),
                        count(tag, "table:number-columns-spanned"),
                    ),
                    has_value,
                    ..Open::default()
                });
            }
            _ => {}
        }
        self.sheet = Some(sheet);
    }

    fn ends(&mut self, name: &str) {
        match name {
            "style" => self.style = None,
            "number-style" => self.number_style = None,
            "table" if self.body.is_some_and(|body| self.depth == body + 1) => {
                if let Some(sheet) = self.sheet.take() {
                    self.sheets.insert(sheet.name, sheet.seen);
                }
            }
            _ => {}
        }
        let Some(sheet) = &mut self.sheet else { return };
        match (name, &mut sheet.cell) {
            (_, Some(cell)) if cell.depth == self.depth => sheet.end_cell(),
            ("annotation", Some(cell)) => cell.in_note = cell.in_note.saturating_sub(1),
            ("span" | "a", Some(cell)) => _ = cell.runs.pop(),
            ("table-row", None) => {
                let left = self.cells_left.get_or_insert(CELLS_MAX);
                self.too_many |= !sheet.end_row(left);
            }
            _ => {}
        }
    }

    fn of_style<T>(&self, family: &str, name: &str, says: impl Fn(&Style) -> Option<T>) -> Option<T> {
        let mut key = (family.to_owned(), name.to_owned());
        for _ in 0..PARENTS_MAX {
            let style = self.styles.get(&key)?;
            if let Some(said) = says(style) {
                return Some(said);
            }
            key.1 = style.parent.clone()?;
        }
        None
    }

    fn is_struck(&self, family: &str, name: &str) -> bool {
        self.of_style(family, name, |style| style.struck).unwrap_or_default()
    }

    fn look(&self, name: &str) -> Look {
        let number = self.of_style("table-cell", name, |style| style.number.clone());
        let zeros = number.and_then(|number| self.zeros.get(&number).copied()).unwrap_or_default();
        Look { struck: self.is_struck("table-cell", name), zeros, ..Look::default() }
    }
}

impl Sheet {
    fn default_style(&self) -> Option<String> {
        let column = self.column;
        let of_column =
            || self.column_styles.iter().find(|(first, last, _)| (*first..=*last).contains(&column));
        self.row_style.clone().or_else(|| of_column().map(|(_, _, style)| style.clone()))
    }

    fn end_cell(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        if cell.text || cell.has_value {
            self.filled.push(Filled {
                column: self.column,
                repeated: cell.repeated,
                look: cell.look,
                spans: cell.spans,
                left: cell.any_struck.then_some(cell.kept),
            });
        }
        self.column = self.column.saturating_add(cell.repeated);
    }

    /// Writes the row down as often as it stands there; false when that is too often.
    fn end_row(&mut self, cells_left: &mut usize) -> bool {
        let filled = std::mem::take(&mut self.filled);
        let first = self.row;
        self.row = first.saturating_add(self.repeated);
        if filled.is_empty() {
            return true;
        }
        // Rows beyond the last that a ledger may have are refused by whoever reads the cells.
        for row in first..self.row.min(ROWS_MAX + 1) {
            if self.hidden {
                self.seen.structure.hidden_rows.insert(row + 1);
            }
            for cell in &filled {
                let Some(left) = cells_left.checked_sub(cell.repeated as usize) else { return false };
                *cells_left = left;
                self.seen.write(row, cell);
            }
        }
        true
    }
}

impl Seen {
    fn write(&mut self, row: u32, cell: &Filled) {
        for column in cell.column..cell.column.saturating_add(cell.repeated) {
            if cell.look.struck || cell.look.zeros > 0 {
                self.looks.insert((row, column), cell.look);
            }
            if let Some(left) = &cell.left {
                self.structure.left.insert((row, column), left.clone());
            }
            if cell.spans != (1, 1) {
                let last = (row.saturating_add(cell.spans.0 - 1), column.saturating_add(cell.spans.1 - 1));
                self.structure.merges.push(Merge { first: (row, column), last });
            }
        }
    }
}

impl Open {
    fn begins(&mut self, name: &str, tag: &BytesStart<'_>) {
        match name {
            "annotation" => self.in_note += 1,
            "p" if self.in_note == 0 => {
                if self.paragraphs > 0 {
                    self.say("\n");
                }
                self.paragraphs += 1;
            }
            "s" => {
                let spaces = attribute(tag, "text:c").and_then(|count| count.parse().ok()).unwrap_or(1_usize);
                self.say(&" ".repeat(spaces.min(100)));
            }
            "tab" => self.say("\t"),
            "line-break" => self.say("\n"),
            _ => {}
        }
    }

    fn say(&mut self, text: &str) {
        if self.in_note > 0 || self.paragraphs == 0 {
            return;
        }
        self.text = true;
        if self.runs.last().copied().unwrap_or_default() {
            self.any_struck = true;
        } else {
            self.kept.push_str(text);
        }
    }
}

fn is_hidden(tag: &BytesStart<'_>) -> bool {
    attribute(tag, "table:visibility").is_some_and(|visibility| visibility != "visible")
}

/// How often something is repeated or how far it reaches: once if that is not said.
fn count(tag: &BytesStart<'_>, name: &str) -> u32 {
    attribute(tag, name).and_then(|count| count.parse::<u32>().ok()).unwrap_or(1).max(1)
}
