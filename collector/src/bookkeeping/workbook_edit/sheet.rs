//! Where rows and cells stand in a worksheet's part (ECMA-376 part 1, 18.3.1), and how they are changed in place.

use std::collections::BTreeMap;
use std::ops::Range;

use super::addresses::{Area, LAST, Spot, address, spot};
use super::markup::{self, Damaged, Splices, Step, Tag, escaped};

/// A worksheet's places.
#[derive(Debug, Default)]
pub struct Sheet {
    /// The prefix of every element, with its colon.
    pub prefix: String,
    /// Rows that are there.
    pub rows: BTreeMap<u32, RowSpan>,
    /// Cells that are there.
    pub cells: BTreeMap<Spot, CellSpan>,
    /// Merged areas.
    pub merges: Vec<Area>,
    /// Where one formula fills several cells: arrays and data tables.
    pub formula_areas: Vec<Area>,
    /// Areas that grow with the rows: filters, conditional formats, validations; where they are written, and what.
    pub growing: Vec<(Range<usize>, String)>,
    /// The area that the sheet says it uses.
    pub dimension: Option<(Range<usize>, Area)>,
    /// The relationship of the drawing that shows comments.
    pub comment_drawing: Option<String>,
    /// Where the element for that drawing belongs.
    pub comment_drawing_at: usize,
    /// Where another merged area is written, and the count of them.
    pub merge_end: Option<usize>,
    /// The count that the list of merged areas says.
    pub merge_count: Option<Range<usize>>,
    /// Formats of whole columns: first, last, style.
    columns: Vec<(u32, u32, String)>,
    data: Range<usize>,
}

/// A row.
#[derive(Clone, Debug)]
pub struct RowSpan {
    /// Its opening tag.
    pub tag: Range<usize>,
    /// Whether it closes itself.
    pub empty: bool,
    /// Where its closing tag begins.
    pub close: usize,
}

/// A cell.
#[derive(Clone, Debug)]
pub struct CellSpan {
    /// The whole element.
    pub span: Range<usize>,
    /// Where its style's number is written.
    pub style: Option<Range<usize>>,
    /// Whether it holds a number.
    pub numeric: bool,
    /// Whether it holds a formula.
    pub formula: bool,
    /// Whether nothing stands in it.
    pub blank: bool,
}

/// What is to stand in a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, whatever it looks like.
    Text(String),
    /// A number, as written in XML.
    Number(String),
    /// Nothing.
    Blank,
}

/// Elements of a worksheet that come behind the drawing of comments (18.3.1.99).
const BEHIND: [&str; 9] = [
    "legacyDrawingHF",
    "drawingHF",
    "picture",
    "oleObjects",
    "controls",
    "webPublishItems",
    "tableParts",
    "extLst",
    "legacyDrawing",
];

impl Sheet {
    /// Finds the places of a part.
    pub fn find(text: &str) -> Result<Self, Damaged> {
        let mut finder = Finder::default();
        markup::walk(text, |step| finder.step(step))?;
        let mut sheet = finder.sheet;
        if sheet.data == (0..0) {
            return Err(Damaged("it has no rows".to_owned()));
        }
        if sheet.comment_drawing_at == 0 {
            sheet.comment_drawing_at = finder.root_end;
        }
        Ok(sheet)
    }

    /// Whether a cell is filled by a formula.
    pub fn is_formula(&self, spot: Spot) -> bool {
        self.cells.get(&spot).is_some_and(|cell| cell.formula)
            || self.formula_areas.iter().any(|area| area.holds(spot))
    }

    /// The merged area around a cell.
    pub fn merge(&self, spot: Spot) -> Option<Area> {
        self.merges.iter().find(|area| area.holds(spot)).copied()
    }

    /// Writes cells: those that are there keep their style, new ones take that of `styles`, else of their row or column.
    pub fn write(
        &self,
        text: &str,
        values: &BTreeMap<Spot, Value>,
        styles: &BTreeMap<Spot, String>,
        new_rows: &BTreeMap<u32, String>,
        splices: &mut Splices,
    ) {
        let mut rows: BTreeMap<u32, Vec<(Spot, &Value)>> = BTreeMap::new();
        for (spot, value) in values {
            rows.entry(spot.0).or_default().push((*spot, value));
        }
        for (number, cells) in rows {
            let Some(row) = self.rows.get(&number) else {
                let attributes = new_rows.get(&number).map(String::as_str).unwrap_or_default();
                let made: String =
                    cells.iter().map(|(spot, value)| self.cell(*spot, value, styles.get(spot))).collect();
                let prefix = &self.prefix;
                let element = format!("<{prefix}row r=\"{number}\"{attributes}>{made}</{prefix}row>");
                self.put_row(number, element, splices);
                continue;
            };
            let mut inside = String::new();
            for (spot, value) in cells {
                if let Some(cell) = self.cells.get(&spot) {
                    let own = cell.style.clone().and_then(|style| text.get(style)).map(str::to_owned);
                    let style = own.or_else(|| styles.get(&spot).cloned());
                    splices.replace(cell.span.clone(), self.cell(spot, value, style.as_ref()));
                    continue;
                }
                let style = styles.get(&spot).cloned().or_else(|| self.inherited(text, row, spot.1));
                let made = self.cell(spot, value, style.as_ref());
                let next = self.cells.range(spot..=(number, LAST.1)).next();
                match next {
                    Some((_, next)) => splices.replace(next.span.start..next.span.start, made),
                    None if row.empty => inside.push_str(&made),
                    None => splices.replace(row.close..row.close, made),
                }
            }
            if row.empty && !inside.is_empty() {
                let end = row.tag.end;
                splices.replace(end - 2..end, format!(">{inside}</{}row>", self.prefix));
            }
        }
    }

    fn put_row(&self, number: u32, element: String, splices: &mut Splices) {
        let at = self.rows.range(number..).next().map_or(self.data.end, |(_, row)| row.tag.start);
        splices.replace(at..at, element);
    }

    fn cell(&self, spot: Spot, value: &Value, style: Option<&String>) -> String {
        let (prefix, at) = (&self.prefix, address(spot));
        let style = style.map(|style| format!(" s=\"{}\"", escaped(style))).unwrap_or_default();
        match value {
            Value::Blank => format!("<{prefix}c r=\"{at}\"{style}/>"),
            Value::Number(number) => {
                format!("<{prefix}c r=\"{at}\"{style}><{prefix}v>{}</{prefix}v></{prefix}c>", escaped(number))
            }
            Value::Text(text) => format!(
                "<{prefix}c r=\"{at}\"{style} t=\"inlineStr\"><{prefix}is><{prefix}t xml:space=\"preserve\">{}</{prefix}t></{prefix}is></{prefix}c>",
                escaped(text)
            ),
        }
    }

    /// The style of a cell that is not written: that of its row, else of its column.
    fn inherited(&self, text: &str, row: &RowSpan, column: u32) -> Option<String> {
        let raw = text.get(row.tag.clone())?;
        let full = raw[1..].split([' ', '\t', '\r', '\n', '/', '>']).next()?;
        let tag = Tag { full, name: "row", span: row.tag.clone(), empty: row.empty, raw };
        let own = tag.attribute("customFormat").is_some_and(|flag| flag == "1" || flag == "true");
        if own && let Some(style) = tag.attribute("s") {
            return Some(style);
        }
        let of_column = self.columns.iter().find(|(first, last, _)| (*first..=*last).contains(&column));
        of_column.map(|(.., style)| style.clone())
    }
}

/// The state of one walk through a worksheet.
#[derive(Default)]
struct Finder {
    sheet: Sheet,
    row: u32,
    column: u32,
    cell: Option<(Spot, CellSpan)>,
    in_value: bool,
    root_end: usize,
    depth: usize,
}

impl Finder {
    fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Open(tag) => {
                self.open(&tag);
                if !tag.empty {
                    self.depth += 1;
                }
            }
            Step::Close(name, span) => {
                self.depth = self.depth.saturating_sub(1);
                self.close(name, span);
            }
            Step::Text(text) => {
                if self.in_value
                    && !text.trim().is_empty()
                    && let Some((_, cell)) = &mut self.cell
                {
                    cell.blank = false;
                }
            }
        }
    }

    fn open(&mut self, tag: &Tag<'_>) {
        let sheet = &mut self.sheet;
        if self.depth == 0 {
            tag.prefix().clone_into(&mut sheet.prefix);
        }
        if self.depth == 1 && BEHIND.contains(&tag.name) && sheet.comment_drawing_at == 0 {
            sheet.comment_drawing_at = tag.span.start;
        }
        match tag.name {
            "legacyDrawing" if self.depth == 1 => {
                sheet.comment_drawing = tag.attribute("r:id").or_else(|| tag.attribute("id"));
            }
            "dimension" => {
                let area = tag.attribute("ref").as_deref().and_then(Area::parse);
                sheet.dimension = tag.attribute_span("ref").zip(area);
            }
            "col" => {
                let number = |name: &str| tag.attribute(name)?.parse::<u32>().ok()?.checked_sub(1);
                if let (Some(first), Some(last), Some(style)) =
                    (number("min"), number("max"), tag.attribute("style"))
                {
                    sheet.columns.push((first, last, style));
                }
            }
            "row" => {
                let written = tag.attribute("r").and_then(|row| row.parse().ok());
                self.row = written.unwrap_or(self.row + 1);
                self.column = 0;
                let row = RowSpan { tag: tag.span.clone(), empty: tag.empty, close: tag.span.end };
                sheet.rows.insert(self.row, row);
            }
            "c" => {
                let at = tag.attribute("r").as_deref().and_then(spot).unwrap_or((self.row, self.column));
                self.column = at.1 + 1;
                let kind = tag.attribute("t");
                let cell = CellSpan {
                    span: tag.span.clone(),
                    style: tag.attribute_span("s"),
                    numeric: kind.is_none_or(|kind| kind == "n"),
                    formula: false,
                    blank: true,
                };
                if tag.empty {
                    sheet.cells.insert(at, cell);
                } else {
                    self.cell = Some((at, cell));
                }
            }
            "f" => {
                if let Some((_, cell)) = &mut self.cell {
                    cell.formula = true;
                    cell.blank = false;
                }
                let kind = tag.attribute("t");
                if matches!(kind.as_deref(), Some("array" | "dataTable")) {
                    sheet.formula_areas.extend(tag.attribute("ref").as_deref().and_then(Area::parse));
                }
            }
            "v" | "t" if !tag.empty && self.cell.is_some() => self.in_value = true,
            "mergeCells" => sheet.merge_count = tag.attribute_span("count"),
            "mergeCell" => sheet.merges.extend(tag.attribute("ref").as_deref().and_then(Area::parse)),
            "autoFilter" => {
                sheet.growing.extend(tag.attribute_span("ref").zip(tag.attribute("ref")));
            }
            "conditionalFormatting" | "dataValidation" => {
                sheet.growing.extend(tag.attribute_span("sqref").zip(tag.attribute("sqref")));
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str, span: Range<usize>) {
        match name {
            "v" | "t" => self.in_value = false,
            "c" => {
                if let Some((at, mut cell)) = self.cell.take() {
                    cell.span.end = span.end;
                    self.sheet.cells.insert(at, cell);
                }
            }
            "row" => {
                if let Some(row) = self.sheet.rows.get_mut(&self.row) {
                    row.close = span.start;
                }
            }
            "sheetData" => self.sheet.data = span.start..span.start,
            "mergeCells" => self.sheet.merge_end = Some(span.start),
            _ if self.depth == 0 => self.root_end = span.start,
            _ => {}
        }
    }
}
