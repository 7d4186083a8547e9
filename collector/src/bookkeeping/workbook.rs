//! An .xlsx workbook as grids. Streams its cells: a sheet with one cell in its last corner costs one cell.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, ExcelDateTime, ExcelDateTimeType, Reader, SheetType, SheetVisible, Xlsx};
use daicho_rules::text::Text;
use jiff::civil::Date;

use super::archive;
use super::comma_separated::too_big;
use super::compound;
use super::fault::{Fault, Faults};
use super::grid::{Cell, Grid};
use super::limits::{CELL_BYTES_MAX, CELLS_MAX, COLUMNS_MAX, ROWS_MAX};
use super::looks::{self, Look};
use super::other_workbooks;

/// Reads all sheets.
pub fn open(file: &str, bytes: &[u8]) -> Result<Vec<Grid>, Faults> {
    // What a file is, its first bytes say: people rename an .xls to .xlsx and back.
    let compound = bytes.starts_with(compound::SIGNATURE);
    if !compound {
        archive::check(file, bytes)?;
    }
    // The parser is not ours and the file may be hostile: its panic is one more way of being unreadable.
    let read = catch_unwind(AssertUnwindSafe(|| {
        if compound {
            other_workbooks::open_xls(file, bytes)
        } else if archive::is_open_document(bytes) {
            other_workbooks::open_ods(file, bytes)
        } else {
            read_sheets(file, bytes)
        }
    }));
    read.unwrap_or_else(|_| Err(unreadable(file, "parser gave up")))
}

/// The fault of a workbook that cannot be parsed.
pub(super) fn unreadable(file: &str, reason: &str) -> Faults {
    Fault::of_file(
        file,
        Text::new(
            format!("読み取れる .xlsx（{reason}）。Excel で開けるか確かめ、.xlsx で保存し直してください"),
            format!("a readable .xlsx ({reason}); see whether Excel opens it, and save it again as .xlsx"),
        ),
    )
    .into()
}

fn read_sheets(file: &str, bytes: &[u8]) -> Result<Vec<Grid>, Faults> {
    let mut workbook: Xlsx<_> =
        Xlsx::new(Cursor::new(bytes)).map_err(|error| unreadable(file, &error.to_string()))?;
    let since_1904 = workbook.has_1904_epoch();
    let sheets = workbook.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let names: Vec<(String, bool)> =
        sheets.map(|sheet| (sheet.name.clone(), sheet.visible != SheetVisible::Visible)).collect();
    let mut structures = looks::structures(bytes).map_err(|reason| unreadable(file, &reason))?;
    let mut cells_left = CELLS_MAX;
    let mut grids = Vec::new();
    for (name, hidden) in names {
        let of_sheet = |faults: Faults| {
            let faults = faults.0.into_iter();
            Faults(faults.map(|fault| Fault { sheet: Some(name.clone()), ..fault }).collect())
        };
        let mut structure = structures.remove(&name).unwrap_or_default();
        let mut rows: BTreeMap<u32, looks::Row> = BTreeMap::new();
        let mut cells = workbook
            .worksheet_cells_reader(&name)
            .map_err(|error| of_sheet(unreadable(file, &error.to_string())))?;
        let looks: Vec<Look> = cells.styles().iter().map(Look::of).collect();
        while let Some((found, style)) =
            cells.next_cell_with_style_id().map_err(|error| of_sheet(unreadable(file, &error.to_string())))?
        {
            let (row, column) = found.get_position();
            let look = looks.get(style).copied().unwrap_or_default();
            let cell = look.shown(read_cell(found.get_value(), since_1904));
            let (cell, look) = structure.amend((row, column), cell, look);
            if cell.is_empty() {
                continue;
            }
            let number = row.saturating_add(1);
            let too_long = matches!(&cell, Cell::Text(text) if text.len() > CELL_BYTES_MAX);
            if number > ROWS_MAX || column as usize >= COLUMNS_MAX || too_long {
                return Err(of_sheet(too_big(file, number).into()));
            }
            let row = rows.entry(number).or_default();
            // A row costs its whole length: empty cells before the last one take room too.
            cells_left = cells_left
                .checked_sub((column as usize + 1).saturating_sub(row.cells.len()))
                .ok_or_else(|| of_sheet(too_big(file, number).into()))?;
            row.put(column as usize, cell, look);
        }
        let rows = structure.finish(rows);
        let hidden_columns = structure.hidden_columns();
        grids.push(Grid { file: file.to_owned(), sheet: Some(name.clone()), rows, hidden_columns, hidden });
    }
    Ok(grids)
}

fn read_cell(value: &DataRef<'_>, since_1904: bool) -> Cell {
    match value {
        DataRef::Empty => Cell::Empty,
        DataRef::String(text) => Cell::text(text),
        DataRef::SharedString(text) => Cell::text(text),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::text(text),
        DataRef::Int(number) => Cell::text(&number.to_string()),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::Bool(value) => Cell::text(if *value { "TRUE" } else { "FALSE" }),
        DataRef::Error(error) => Cell::Error(error.to_string()),
        DataRef::DateTime(when) => match excel_date(when.as_f64(), since_1904) {
            Some(date) => Cell::Date(date),
            None => Cell::Number(when.as_f64()),
        },
    }
}

/// The day of an Excel serial: days since 1899-12-30, or since 1904-01-01 in workbooks that say so.
fn excel_date(serial: f64, since_1904: bool) -> Option<Date> {
    if !(1.0..2_958_466.0).contains(&serial) {
        return None;
    }
    let when = ExcelDateTime::new(serial, ExcelDateTimeType::DateTime, since_1904);
    let (year, month, day, ..) = when.to_ymd_hms_milli();
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_both_epochs_are_read() {
        assert_eq!(excel_date(46_158.0, false).map(|date| date.to_string()).as_deref(), Some("2026-05-16"));
        assert_eq!(excel_date(44_696.0, true).map(|date| date.to_string()).as_deref(), Some("2026-05-16"));
        assert_eq!(excel_date(0.0, false), None);
        assert_eq!(excel_date(f64::NAN, false), None);
    }
}
