//! Workbooks of the old form (.xls) and of LibreOffice (.ods) as grids. Their parser holds whole sheets; what they unfold
//! to was counted before.

use std::io::Cursor;

use calamine::{Data, Ods, Range, Reader, SheetType, Xls};
use daicho_rules::text::Text;
use jiff::civil::Date;

use super::comma_separated::too_big;
use super::fault::{Fault, Faults};
use super::grid::{Cell, Grid, GridRow};
use super::limits::{CELL_BYTES_MAX, COLUMNS_MAX, CONTENT_CELLS_MAX, ROWS_MAX};
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
    let cells = workbook.and_then(|stream| records::cells(&stream.content));
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
    sheets(file, workbook)
}

/// Reads an .ods.
pub fn open_ods(file: &str, bytes: &[u8]) -> Result<Vec<Grid>, Faults> {
    let workbook = Ods::new(Cursor::new(bytes)).map_err(|error| match error {
        calamine::OdsError::Password => has_password(file),
        error => unreadable(file, &error.to_string()),
    })?;
    sheets(file, workbook)
}

fn has_password(file: &str) -> Faults {
    let expected = Text::new(
        "パスワードのないブック。パスワード付きです。Excel で開き、パスワードを外して保存し直してください",
        "a workbook without a password; open it in Excel and save it again without one",
    );
    Fault::of_file(file, expected).into()
}

fn sheets<'a, R>(file: &str, mut workbook: R) -> Result<Vec<Grid>, Faults>
where
    R: Reader<Cursor<&'a [u8]>>,
    R::Error: std::fmt::Display,
{
    let sheets = workbook.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let names: Vec<String> = sheets.map(|sheet| sheet.name.clone()).collect();
    let mut grids = Vec::new();
    for name in names {
        let range = workbook.worksheet_range(&name).map_err(|error| unreadable(file, &error.to_string()))?;
        let rows = rows(file, &range)?;
        grids.push(Grid {
            file: file.to_owned(),
            sheet: Some(name),
            rows,
            looks_unread: true,
            ..Grid::default()
        });
    }
    Ok(grids)
}

fn rows(file: &str, range: &Range<Data>) -> Result<Vec<GridRow>, Faults> {
    let Some((first_row, first_column)) = range.start() else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    for (number, found) in (first_row.saturating_add(1)..).zip(range.rows()) {
        let mut cells = vec![Cell::Empty; first_column as usize];
        cells.extend(found.iter().map(read_cell));
        while cells.last().is_some_and(Cell::is_empty) {
            cells.pop();
        }
        let too_long = |cell: &Cell| matches!(cell, Cell::Text(text) if text.len() > CELL_BYTES_MAX);
        if cells.len() > COLUMNS_MAX || cells.iter().any(too_long) || (number > ROWS_MAX && !cells.is_empty())
        {
            return Err(too_big(file, number).into());
        }
        if !cells.is_empty() {
            rows.push(GridRow { number, cells, ..GridRow::default() });
        }
    }
    Ok(rows)
}

fn read_cell(value: &Data) -> Cell {
    match value {
        Data::Empty => Cell::Empty,
        Data::String(text) => Cell::text(text),
        Data::Int(number) => Cell::text(&number.to_string()),
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
