//! CSV as Excel writes it, with the row numbers that Excel shows.
//!
//! Our own forty lines: the crate `csv` skips empty lines and counts physical ones, so that after the first
//! cell with a line break its numbers lead a person to the wrong row.

use daicho_rules::text::Text;

use super::export::without_guard;
use super::fault::{Fault, Faults};
use super::grid::{Cell, Grid, GridRow};
use super::limits::{CELL_BYTES_MAX, CELLS_MAX, COLUMNS_MAX, ROWS_MAX};

/// Characters at the top of a file that say what separates its cells.
const SAMPLE_CHARACTERS: usize = 8_192;

/// Splits a text into rows and cells.
pub fn split(file: &str, text: &str) -> Result<Grid, Faults> {
    let separator = separator(text);
    let mut grid = Grid { file: file.to_owned(), ..Grid::default() };
    let mut row = GridRow { number: 1, ..GridRow::default() };
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
                row.cells.push(cell_of(&cell));
                cell.clear();
                was_quoted = false;
            }
            '\r' | '\n' => {
                if character == '\r' && characters.peek() == Some(&'\n') {
                    characters.next();
                }
                row.cells.push(cell_of(&cell));
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
    row.cells.push(cell_of(&cell));
    keep(&mut grid, row);
    Ok(grid)
}

/// Tabs, as in Excel's Unicode text, or commas: whichever stands more often at the top of the file.
fn separator(text: &str) -> char {
    let sample = text.chars().take(SAMPLE_CHARACTERS);
    let (tabs, commas) = sample.fold((0, 0), |(tabs, commas), character| match character {
        '\t' => (tabs + 1, commas),
        ',' => (tabs, commas + 1),
        _ => (tabs, commas),
    });
    if tabs > commas { '\t' } else { ',' }
}

/// A cell without what exports put around it for Excel's sake: our guard against formulas, or `="00123"`.
fn cell_of(text: &str) -> Cell {
    let bare = without_guard(text);
    if bare.len() != text.len() {
        return Cell::text(bare);
    }
    let trimmed = text.trim();
    let kept = trimmed.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    match kept.filter(|kept| !kept.contains('"')) {
        Some(kept) => Cell::text(kept),
        None if is_error(trimmed) => Cell::Error(trimmed.to_owned()),
        None => Cell::text(text),
    }
}

/// What Excel saves where a formula has failed, and where a column was too narrow for its number.
fn is_error(text: &str) -> bool {
    const ERRORS: [&str; 9] =
        ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"];
    ERRORS.contains(&text) || (text.len() >= 4 && text.bytes().all(|byte| byte == b'#'))
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
    fn what_excel_is_told_by_a_cell_is_no_part_of_it() {
        let grid = split("a.csv", "=\"00123\",\"=\"\"5E12\"\"\",#N/A,'=\"x\",a=\"b\"\n").expect("a table");
        let text = |text: &str| Cell::Text(text.to_owned());
        let expected =
            [text("00123"), text("5E12"), Cell::Error("#N/A".to_owned()), text("=\"x\""), text("a=\"b\"")];
        assert_eq!(grid.rows[0].cells, expected);
    }

    #[test]
    fn a_quote_that_never_ends_is_a_fault() {
        let faults = split("a.csv", "a,b\n\"x,y\nz").expect_err("no end");
        let fault = &faults.0[0];
        assert_eq!((fault.file.as_str(), fault.row), ("a.csv", Some(2)));
    }
}
