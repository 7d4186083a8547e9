//! A sheet as it was found, before anybody knows what it means.

use std::collections::BTreeSet;

use jiff::civil::Date;

/// One sheet or CSV file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// The file's name, without its folder.
    pub file: String,
    /// The workbook's name for the sheet; `None` for a CSV file.
    pub sheet: Option<String>,
    /// The rows that hold something.
    pub rows: Vec<GridRow>,
    /// Columns that nobody sees, counted from 0. Not sent: the person is told where the file lies.
    pub hidden_columns: Vec<usize>,
    /// Whether nobody sees the whole sheet. Not sent either.
    pub hidden: bool,
}

impl Grid {
    /// What people call it: the sheet, else the file.
    pub fn place(&self) -> &str {
        self.sheet.as_deref().unwrap_or(&self.file)
    }

    /// What names the sheet of ours: the workbook's sheet, else the file's name without its ending.
    pub fn title(&self) -> &str {
        match &self.sheet {
            Some(sheet) => sheet,
            None => self.file.rsplit_once('.').map_or(self.file.as_str(), |(stem, _)| stem),
        }
    }
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GridRow {
    /// As Excel counts: from 1 on, empty rows too.
    pub number: u32,
    /// From column A on; rows may be of different lengths.
    pub cells: Vec<Cell>,
    /// What its looks say.
    pub marks: BTreeSet<Mark>,
}

/// What the looks of a row say, beside its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Struck through: what it names is gone.
    Struck,
    /// One value, merged across columns: a heading between rows.
    Banner,
    /// Hidden, by hand or by a filter.
    Hidden,
    /// Grey behind every cell: may mean gone, or nothing.
    Grey,
    /// Some of it is struck through.
    PartlyStruck,
}

impl GridRow {
    /// The cell in a column, counted from 0; beyond the end it is empty.
    pub fn cell(&self, column: usize) -> &Cell {
        self.cells.get(column).unwrap_or(&Cell::Empty)
    }
}

/// One cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cell {
    /// Nothing, or nothing but space.
    #[default]
    Empty,
    /// Text as written, without the space around it.
    Text(String),
    /// A number of a workbook.
    Number(f64),
    /// A date of a workbook, or a number that its format shows as one.
    Date(Date),
    /// What Excel shows where a formula failed: `#N/A`.
    Error(String),
}

impl Cell {
    /// A cell of this text.
    pub fn text(text: &str) -> Self {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}' || c == '\0');
        if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) }
    }

    /// Whether nothing stands there.
    pub fn is_empty(&self) -> bool {
        matches!(self, Cell::Empty)
    }

    /// As a person would read it.
    pub fn shown(&self) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Text(text) | Cell::Error(text) => text.clone(),
            Cell::Number(number) => shown_number(*number),
            Cell::Date(date) => date.to_string(),
        }
    }
}

/// Whole numbers without a fraction and never with an exponent.
fn shown_number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e21 { format!("{number:.0}") } else { format!("{number}") }
}
