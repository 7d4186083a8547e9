//! Workbooks of the old form (.xls) and of LibreOffice (.ods) as grids. Their parser holds whole sheets; what they unfold
//! to was counted before.

use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{Data, Ods, Range, Reader, SheetType, SheetVisible, Xls};
use daicho_rules::text::Text;
use jiff::civil::Date;

use super::comma_separated::too_big;
use super::fault::{Fault, Faults};
use super::grid::{Cell, Grid, GridRow};
use super::limits::{CELL_BYTES_MAX, COLUMNS_MAX, CONTENT_CELLS_MAX, ROWS_MAX};
use super::looks::{self, Look, Seen};
use super::workbook::unreadable;
use super::{compound, dates, records};

/// Names of the stream that holds an old workbook.
const WORKBOOK: [&str; 2] = ["Workbook", "Book"];

/// Reads a compound file: an .xls, or told that it has a password.
pub fn open_xls(file: &str, bytes: &[u8]) -> Result<Vec<Grid>, Faults> {
    let streams =
        compound::streams(bytes).ok_or_else(|| unreadable(file, "its chains of sectors are damaged"))?;
    if streams.iter().any(|stream| stream.name == compound::ENCRYPTED) {
        return Err(has_password(file));
    }
    let workbook = streams.iter().find(|stream| WORKBOOK.contains(&stream.name.as_str()));
    let stream = workbook.ok_or_else(|| unreadable(file, "it holds no workbook of its own"))?;
    let cells = records::cells(&stream.content);
    let cells = cells.ok_or_else(|| unreadable(file, "it holds no workbook of its own"))?;
    if cells > CONTENT_CELLS_MAX {
        let expected = Text::new(
            format!("空欄も含めて {CONTENT_CELLS_MAX} セル以内の表。使っていない行や列を削除してください"),
            format!(
                "at most {CONTENT_CELLS_MAX} cells, empty ones between filled ones too; delete rows and columns that nobody uses"
            ),
        );
        return Err(Fault::of_file(file, expected).into());
    }
    let workbook = Xls::new(Cursor::new(bytes)).map_err(|error| match error {
        calamine::XlsError::Password => has_password(file),
        error => unreadable(file, &error.to_string()),
    })?;
    // What is struck through is gone: whoever cannot see it must not take it for an approval.
    let looks = looks::old_workbook::sheets(&stream.content)
        .ok_or_else(|| unreadable(file, "what is struck through in it cannot be told"))?;
    sheets(file, workbook, looks)
}

/// Reads an .ods.
pub fn open_ods(file: &str, bytes: &[u8]) -> Result<Vec<Grid>, Faults> {
    let workbook = Ods::new(Cursor::new(bytes)).map_err(|error| match error {
        calamine::OdsError::Password => has_password(file),
        error => unreadable(file, &error.to_string()),
    })?;
    let looks = looks::open_document::sheets(bytes).map_err(|reason| unreadable(file, &reason))?;
    sheets(file, workbook, looks)
}

fn has_password(file: &str) -> Faults {
    let expected = Text::new(
        "パスワードのないブック。パスワード付きです。Excel で開き、パスワードを外して保存し直してください",
        "a workbook without a password; open it in Excel and save it again without one",
    );
    Fault::of_file(file, expected).into()
}

fn sheets<'a, R>(file: &str, mut workbook: R, mut looks: BTreeMap<String, Seen>) -> Result<Vec<Grid>, Faults>
where
    R: Reader<Cursor<&'a [u8]>>,
    R::Error: std::fmt::Display,
{
    let sheets = workbook.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let sheets: Vec<(String, bool)> =
        sheets.map(|sheet| (sheet.name.clone(), sheet.visible != SheetVisible::Visible)).collect();
    let mut grids = Vec::new();
    for (name, hidden) in sheets {
        let range = workbook.worksheet_range(&name).map_err(|error| unreadable(file, &error.to_string()))?;
        let mut seen = looks
            .remove(&name.replace('\0', ""))
            .ok_or_else(|| unreadable(file, "what is struck through in it cannot be told"))?;
        let rows = rows(file, &range, &mut seen)?;
        let hidden_columns = seen.structure.hidden_columns();
        grids.push(Grid { file: file.to_owned(), sheet: Some(name), rows, hidden_columns, hidden });
    }
    Ok(grids)
}

fn rows(file: &str, range: &Range<Data>, seen: &mut Seen) -> Result<Vec<GridRow>, Faults> {
    let Some(first) = range.start() else { return Ok(Vec::new()) };
    let mut rows: BTreeMap<u32, looks::Row> = BTreeMap::new();
    for (row, column, value) in range.used_cells() {
        // Counted from the first filled cell; both within the file's own bounds.
        let at = (
            first.0.saturating_add(u32::try_from(row).unwrap_or(u32::MAX)),
            first.1.saturating_add(u32::try_from(column).unwrap_or(u32::MAX)),
        );
        let look = seen.look(at);
        let (cell, look) = seen.structure.amend(at, look.shown(read_cell(value, look)), look);
        if cell.is_empty() {
            continue;
        }
        let number = at.0.saturating_add(1);
        let too_long = matches!(&cell, Cell::Text(text) if text.len() > CELL_BYTES_MAX);
        if at.1 as usize >= COLUMNS_MAX || number > ROWS_MAX || too_long {
            return Err(too_big(file, number).into());
        }
        rows.entry(number).or_default().put(at.1 as usize, cell, look);
    }
    Ok(seen.structure.finish(rows))
}

fn read_cell(value: &Data, look: Look) -> Cell {
    match value {
        Data::Empty => Cell::Empty,
        Data::String(text) => Cell::text(text),
        Data::Int(number) => look.whole(*number),
        Data::Float(number) => Cell::Number(*number),
        Data::Bool(value) => Cell::text(if *value { "TRUE" } else { "FALSE" }),
        Data::Error(error) => Cell::Error(error.to_string()),
        Data::DateTimeIso(text) => dates::parse(text).map_or_else(|| Cell::text(text), Cell::Date),
        Data::DurationIso(text) => Cell::text(text),
        Data::DateTime(when) => {
            let (year, month, day, ..) = when.to_ymd_hms_milli();
            let day =
                Some(when.as_f64()).filter(|serial| (1.0..2_958_466.0).contains(serial)).and_then(|_| {
                    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?)
                        .ok()
                });
            day.map_or(Cell::Number(when.as_f64()), Cell::Date)
        }
    }
}
