//! Grids, faults and versions on the wire and back, for both ends.

use daicho_proto::time::{from_wire, to_wire};
use daicho_proto::wire as w;
use daicho_rules::text::Text;
use serde::Serialize;
use tonic::Status;

use crate::bookkeeping::grid::{Cell, Grid, GridRow, Mark};
use crate::bookkeeping::importing::Submission;
use crate::bookkeeping::limits::{CELLS_MAX, COLUMNS_MAX, ROWS_MAX};
use crate::bookkeeping::merging::Settled;
use crate::bookkeeping::reading::Opened;
use crate::bookkeeping::{Fault, Mapping};
use crate::shelves::LedgerVersion;

/// A value of ours as JSON.
pub fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, Status> {
    serde_json::to_vec(value)
        .map_err(|error| Status::internal(format!("the answer cannot be written: {error}")))
}

/// A version for the wire.
pub fn version_to_wire(version: LedgerVersion) -> w::LedgerVersion {
    w::LedgerVersion {
        number: version.number,
        imported_at_us: to_wire(version.imported_at),
        imported_by: version.imported_by,
        source: version.source,
        note: version.note,
    }
}

/// A version from the wire.
pub fn version_from_wire(wire: w::LedgerVersion) -> LedgerVersion {
    LedgerVersion {
        number: wire.number,
        imported_at: from_wire(wire.imported_at_us),
        imported_by: wire.imported_by,
        source: wire.source,
        note: wire.note,
    }
}

/// A fault for the wire.
pub fn fault_to_wire(fault: Fault) -> w::LedgerFault {
    w::LedgerFault {
        file: fault.file,
        sheet: fault.sheet,
        row: fault.row,
        column: fault.column,
        value: fault.value,
        expected_ja: fault.expected.ja,
        expected_en: fault.expected.en,
    }
}

/// A fault from the wire.
pub fn fault_from_wire(wire: w::LedgerFault) -> Fault {
    Fault {
        file: wire.file,
        sheet: wire.sheet,
        row: wire.row,
        column: wire.column,
        value: wire.value,
        expected: Text::new(wire.expected_ja, wire.expected_en),
    }
}

/// A grid for the wire.
pub fn grid_to_wire(grid: Grid) -> w::LedgerGrid {
    let cell = |cell: Cell| {
        use w::ledger_cell::Value;
        let value = match cell {
            Cell::Empty => None,
            Cell::Text(text) => Some(Value::Text(text)),
            Cell::Number(number) => Some(Value::Number(number)),
            Cell::Date(date) => Some(Value::Date(date.to_string())),
            Cell::Error(error) => Some(Value::Error(error)),
        };
        w::LedgerCell { value }
    };
    let row = |row: GridRow| w::LedgerGridRow {
        number: row.number,
        cells: row.cells.into_iter().map(cell).collect(),
        struck: row.marks.contains(&Mark::Struck),
        banner: row.marks.contains(&Mark::Banner),
    };
    w::LedgerGrid { file: grid.file, sheet: grid.sheet, rows: grid.rows.into_iter().map(row).collect() }
}

/// An import from the wire: as big as a file may be, and no bigger.
pub fn submission(wire: w::LedgerImportRequest) -> Result<Submission, Text> {
    let settled = Settled { mine: wire.take_mine, theirs: wire.take_theirs };
    let rows = || wire.grids.iter().flat_map(|grid| &grid.rows);
    let cells: usize = rows().map(|row| row.cells.len()).sum();
    let too_big = cells > CELLS_MAX
        || wire.grids.iter().any(|grid| grid.rows.len() > ROWS_MAX as usize)
        || rows().any(|row| row.cells.len() > COLUMNS_MAX);
    if too_big {
        return Err(Text::new(
            format!(
                "台帳が大きすぎます（全体で {CELLS_MAX} セル、1 シート {ROWS_MAX} 行、{COLUMNS_MAX} 列まで）。"
            ),
            format!(
                "the ledger is too big: at most {CELLS_MAX} cells, {ROWS_MAX} rows in a sheet, {COLUMNS_MAX} columns"
            ),
        ));
    }
    let mapping = match wire.mapping_json.as_str() {
        "" => Mapping::new(),
        text => serde_json::from_str(text).map_err(|error| {
            Text::new(
                format!("対応付けを読み取れません（{error}）。"),
                format!("the mapping cannot be read ({error})"),
            )
        })?,
    };
    let grids: Vec<Grid> = wire.grids.into_iter().map(grid_from_wire).collect();
    let files = grids.iter().map(|grid| grid.file.clone()).collect();
    Ok(Submission {
        opened: Opened { files, grids, ..Opened::default() },
        mapping,
        source: wire.source,
        note: wire.note.filter(|note| !note.trim().is_empty()),
        based_on: wire.based_on,
        merge: wire.merge.then_some(settled),
    })
}

fn grid_from_wire(wire: w::LedgerGrid) -> Grid {
    let cell = |cell: w::LedgerCell| {
        use w::ledger_cell::Value;
        match cell.value {
            None => Cell::Empty,
            Some(Value::Text(text)) => Cell::text(&text),
            Some(Value::Number(number)) => Cell::Number(number),
            // What is no date stays text, and the column that wants one tells.
            Some(Value::Date(text)) => text.parse().map_or_else(|_| Cell::text(&text), Cell::Date),
            Some(Value::Error(error)) => Cell::Error(error),
        }
    };
    let rows = wire.rows.into_iter().map(|row| {
        let marks = [(row.struck, Mark::Struck), (row.banner, Mark::Banner)];
        GridRow {
            number: row.number,
            cells: row.cells.into_iter().map(cell).collect(),
            marks: marks.into_iter().filter(|(there, _)| *there).map(|(_, mark)| mark).collect(),
        }
    });
    Grid { file: wire.file, sheet: wire.sheet, rows: rows.collect(), ..Grid::default() }
}
