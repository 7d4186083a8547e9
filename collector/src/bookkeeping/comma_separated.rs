//! CSV as Excel writes it, with the row numbers that Excel shows.
//!
//! Our own forty lines: the crate `csv` skips empty lines and counts physical ones, so that after the first
//! cell with a line break its numbers lead a person to the wrong row.

use daicho_rules::text::Text;

use super::export::without_guard;
use super::fault::{Fault, Faults};
use super::grid::{Cell, Grid, GridRow};
use super::limits::{CELL_BYTES_MAX, CELLS_MAX, COLUMNS_MAX, ROWS_MAX};

/// Splits a text into rows and cells. Tabs separate where the first line has tabs and no comma, as in Excel's Unicode text.
pub fn split(file: &str, text: &str) -> Result<Grid, Faults> {
    let first_line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let separator = if first_line.contains('\t') && !first_line.contains(',') { '\t' } else { ',' };
    let mut grid = Grid { file: file.to_owned(), sheet: None, rows: Vec::new() };
    let mut row = GridRow { number: 1, cells: Vec::new() };
    let mut cell = String::new();
    // Inside of quotes; and whether this cell began with one, so that a quote later on may end it.
    let (mut quoted, mut was_quoted) = (false, false);
    let mut cells_left = CELLS_MAX;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() && !was_quoted => (quoted, was_quoted) = (true, true),
            _ if quoted => cell.push(character),
            _ if character == separator => {
                row.cells.push(Cell::text(without_guard(&cell)));
                cell.clear();
                was_quoted = false;
            }
            '\r' | '\n' => {
                if character == '\r' && characters.peek() == Some(&'\n') {
                    characters.next();
                }
                row.cells.push(Cell::text(without_guard(&cell)));
                cell.clear();
                was_quoted = false;
                let number = row.number;
                cells_left = cells_left.checked_sub(row.cells.len()).ok_or_else(|| too_big(file, number))?;
                keep(&mut grid, std::mem::take(&mut row));
                row.number = number + 1;
            }
            _ => cell.push(character),
        }
        if cell.len() > CELL_BYTES_MAX || row.cells.len() > COLUMNS_MAX || row.number > ROWS_MAX {
            return Err(too_big(file, row.number).into());
        }
    }
    if quoted {
        let expected = Text::new(
            "閉じる引用符（\"）。この行より前で引用符が閉じられていません",
            "a closing quote; a quoted cell that begins at or before this row never ends",
        );
        return Err(Fault { row: Some(row.number), ..Fault::of_file(file, expected) }.into());
    }
    row.cells.push(Cell::text(without_guard(&cell)));
    keep(&mut grid, row);
    Ok(grid)
}

fn keep(grid: &mut Grid, row: GridRow) {
    if row.cells.iter().any(|cell| !cell.is_empty()) {
        grid.rows.push(row);
    }
}

/// The fault of a sheet beyond the limits.
pub(super) fn too_big(file: &str, row: u32) -> Fault {
    let expected = Text::new(
        format!(
            "{ROWS_MAX} 行、{COLUMNS_MAX} 列、全体で {CELLS_MAX} セル、1 セル {CELL_BYTES_MAX} バイト以内の表"
        ),
        format!(
            "at most {ROWS_MAX} rows, {COLUMNS_MAX} columns, {CELLS_MAX} cells and {CELL_BYTES_MAX} bytes in a cell"
        ),
    );
    Fault { row: Some(row), ..Fault::of_file(file, expected) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u32, Vec<String>)> {
        let grid = split("a.csv", text).expect("a table");
        grid.rows.iter().map(|row| (row.number, row.cells.iter().map(Cell::shown).collect())).collect()
    }

    #[test]
    fn rows_are_numbered_as_excel_numbers_them() {
        let found = rows("a,b\r\n\r\n\"x\ny\",\"he said \"\"no\"\"\"\r\nlast, 1 \r\n");
        let expected = [(1, vec!["a", "b"]), (3, vec!["x\ny", "he said \"no\""]), (4, vec!["last", "1"])];
        let expected = expected.map(|(n, cells)| (n, cells.into_iter().map(str::to_owned).collect()));
        assert_eq!(found, expected);
    }

    #[test]
    fn tabs_and_lone_carriage_returns_are_read() {
        assert_eq!(rows("a\tb\n1\t2").len(), 2);
        assert_eq!(rows("a,b\r1,2\r")[1], (2, vec!["1".to_owned(), "2".to_owned()]));
    }

    #[test]
    fn a_quote_that_never_ends_is_a_fault() {
        let faults = split("a.csv", "a,b\n\"x,y\nz").expect_err("no end");
        let fault = &faults.0[0];
        assert_eq!((fault.file.as_str(), fault.row), ("a.csv", Some(2)));
    }
}
