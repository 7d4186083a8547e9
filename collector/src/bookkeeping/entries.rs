//! Which rows of a sheet are entries, and what they mean: sums and notes left out, 〃 resolved, two devices in one
//! row taken apart.

use std::collections::BTreeMap;

use daicho_rules::ledger::{Device, DeviceStatus};
use daicho_rules::text::Text;

use super::fault::Faults;
use super::grid::{Cell, Grid, GridRow, Mark};
use super::headings::Headings;
use super::plan::SheetPlan;
use super::remarks::Remark;
use super::row_reader::RowReader;
use super::words::{self, fold};

/// A sheet whose headings are known.
#[derive(Clone, Copy, Debug)]
pub struct Sheet<'a> {
    /// The sheet of ours.
    pub plan: &'static SheetPlan,
    /// The grid.
    pub grid: &'a Grid,
    /// Its headings.
    pub headings: &'a Headings,
}

/// What begins a row of sums.
const SUMS: &[&str] =
    &["合計", "総計", "小計", "計", "総数", "台数", "総台数", "合計台数", "件数", "total", "subtotal"];

/// What begins a note below a table.
const NOTES: &[&str] = &[
    "※",
    "注)",
    "注：",
    "注:",
    "注1",
    "注2",
    "注3",
    "(注",
    "*注",
    "備考:",
    "凡例",
    "更新日",
    "作成日",
    "以上",
    "改訂",
];

/// Columns in which no two rows say the same: a ditto mark there is a fault.
const UNLIKE: &[&str] = &[
    "device_id",
    "hostname",
    "serial_number",
    "hardware_uuid",
    "mac_address",
    "account",
    "media_id",
    "serial",
    "key",
    "value",
];

/// Columns of a device that tell one machine from another.
const OF_ONE: &[&str] = &["hostname", "serial_number", "hardware_uuid", "mac_address"];

/// Columns of numbers that lose zeros in Excel.
const NUMBERS: &[&str] = &["device_id", "serial_number", "staff_id", "media_id", "serial"];

/// The entries of a sheet.
pub fn of(sheet: &Sheet<'_>, faults: &mut Faults, remarks: &mut Vec<Remark>) -> Vec<GridRow> {
    let rows = sheet.grid.rows.get(sheet.headings.row + 1..).unwrap_or_default();
    let mut found: Vec<GridRow> = Vec::new();
    let mut seen: BTreeMap<&'static str, Vec<u32>> = BTreeMap::new();
    // The value of each column in the entry above.
    let mut above: BTreeMap<usize, Cell> = BTreeMap::new();
    for row in rows {
        // Only our own columns make a row: notes and sums at the side or below are none.
        if sheet.headings.fields.values().all(|column| row.cell(*column).is_empty()) {
            continue;
        }
        if let Some(kind) = left_out(sheet, row) {
            seen.entry(kind).or_default().push(row.number);
            continue;
        }
        for (mark, kind) in [
            (Mark::Hidden, "hidden"),
            (Mark::Struck, "struck"),
            (Mark::PartlyStruck, "partly_struck"),
            (Mark::Grey, "grey"),
        ] {
            if row.marks.contains(&mark) {
                seen.entry(kind).or_default().push(row.number);
            }
        }
        let mut row = row.clone();
        if resolve_dittos(sheet, &mut row, &above, faults) {
            seen.entry("ditto").or_default().push(row.number);
        }
        above = row.cells.iter().cloned().enumerate().collect();
        let apart = take_apart(sheet, &row, faults);
        if apart.len() > 1 {
            seen.entry("taken_apart").or_default().push(row.number);
        }
        found.extend(apart);
    }
    lost_zeros(sheet, &found, faults);
    tell(sheet, seen, remarks);
    found
}

/// Why a row is no entry.
fn left_out(sheet: &Sheet<'_>, row: &GridRow) -> Option<&'static str> {
    if row.marks.contains(&Mark::Banner) {
        return Some("banners");
    }
    // The second row of merged headings, or headings printed again on each page.
    let again = |(field, column): (&&str, &usize)| {
        let required = sheet.plan.column(field).is_some_and(|column| column.required);
        required && sheet.headings.titles.get(column) == Some(&row.cell(*column).shown())
    };
    if sheet.headings.fields.iter().any(again) {
        return Some("headings");
    }
    let mut filled = row.cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty());
    let (first, cell) = filled.next()?;
    let alone = filled.next().is_none();
    let Cell::Text(text) = cell else { return None };
    let folded = fold(text);
    let bare = folded.trim_end_matches([':', '：']);
    let required = sheet.plan.columns.iter().filter(|column| column.required);
    let named = required
        .filter_map(|column| sheet.headings.fields.get(column.field))
        .any(|column| *column != first && !is_number_or_empty(row.cell(*column)));
    if !named && SUMS.iter().any(|sum| fold(sum) == bare) {
        return Some("totals");
    }
    (alone && NOTES.iter().any(|note| folded.starts_with(&fold(note)))).then_some("notes")
}

fn is_number_or_empty(cell: &Cell) -> bool {
    match cell {
        Cell::Empty | Cell::Number(_) => true,
        Cell::Text(text) => fold(text).trim_end_matches(['台', '件', '名']).parse::<f64>().is_ok(),
        Cell::Date(_) | Cell::Error(_) => false,
    }
}

/// Puts the value above where a mark says so; whether there was one.
fn resolve_dittos(
    sheet: &Sheet<'_>,
    row: &mut GridRow,
    above: &BTreeMap<usize, Cell>,
    faults: &mut Faults,
) -> bool {
    let mut resolved = false;
    for column in 0..row.cells.len() {
        let Cell::Text(text) = &row.cells[column] else { continue };
        let key = fold(text);
        if !words::DITTO.iter().any(|mark| fold(mark) == key) {
            continue;
        }
        let field = sheet.headings.fields.iter().find(|(_, at)| **at == column).map(|(field, _)| *field);
        let unlike = field.is_some_and(|field| {
            UNLIKE.contains(&field) || (field == "staff_id" && sheet.plan.name == "staff")
        });
        if unlike {
            continue; // The reader of the row tells.
        }
        match (above.get(&column).filter(|cell| !cell.is_empty()), field) {
            (Some(value), _) => {
                row.cells[column] = value.clone();
                resolved = true;
            }
            (None, Some(field)) => {
                fault(
                    sheet,
                    row,
                    field,
                    Text::new(
                        "値そのもの（「〃」「同上」の上の欄に値がありません）",
                        "the value itself; above this ditto mark stands nothing",
                    ),
                    faults,
                );
                row.cells[column] = Cell::Empty;
            }
            (None, None) => {}
        }
    }
    resolved
}

/// Two devices that share a row, each with its line, or with 、 between them.
fn take_apart(sheet: &Sheet<'_>, row: &GridRow, faults: &mut Faults) -> Vec<GridRow> {
    let column = |field: &str| sheet.headings.fields.get(field).copied();
    let Some(id) = column("device_id").filter(|_| sheet.plan.name == "devices") else {
        return vec![row.clone()];
    };
    let count = parts(row.cell(id)).len();
    let mut apart = vec![row.clone(); count.max(1)];
    for (number, one) in apart.iter_mut().enumerate().filter(|_| count > 1) {
        one.cells[id] = Cell::text(parts(row.cell(id)).get(number).map_or("", String::as_str));
    }
    for field in OF_ONE {
        let Some(at) = column(field) else { continue };
        let values = parts(row.cell(at));
        // A machine alone may have two network cards, and a name with a remark below it is the reader's.
        if values.is_empty() || (count <= 1 && (values.len() == 1 || *field == "mac_address")) {
            continue;
        }
        if values.len() != count.max(1) {
            let ids = count.max(1);
            fault(
                sheet,
                row,
                field,
                Text::new(
                    format!("機器ID と同じ {ids} 件の値。1 台を 1 行に分けてください"),
                    format!("as many values as the row has device_ids, {ids}; write one device to a row"),
                ),
                faults,
            );
            continue;
        }
        for (one, value) in apart.iter_mut().zip(&values).filter(|_| count > 1) {
            one.cells[at] = Cell::text(value);
        }
    }
    apart
}

fn parts(cell: &Cell) -> Vec<String> {
    let Cell::Text(text) = cell else {
        return if cell.is_empty() { Vec::new() } else { vec![cell.shown()] };
    };
    let lines = text.split(['\n', '\r', '、']);
    lines.map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Where all numbers are text of one length with zeros in front, one that is a number and shorter has lost its zeros.
fn lost_zeros(sheet: &Sheet<'_>, rows: &[GridRow], faults: &mut Faults) {
    for field in NUMBERS {
        let Some(column) = sheet.headings.fields.get(field) else { continue };
        let mut lengths: Vec<usize> = rows
            .iter()
            .filter_map(|row| match row.cell(*column) {
                Cell::Text(text) => Some(text),
                _ => None,
            })
            .filter(|text| text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()))
            .map(String::len)
            .collect();
        let with_zeros = lengths.len();
        lengths.sort_unstable();
        lengths.dedup();
        let [length] = lengths[..] else { continue };
        let is_short = |row: &&GridRow| {
            let cell = row.cell(*column);
            matches!(cell, Cell::Number(number) if number.fract() == 0.0) && cell.shown().len() < length
        };
        let short: Vec<&GridRow> = rows.iter().filter(is_short).collect();
        // One number with zeros among others that are simply counted proves nothing.
        if with_zeros <= short.len() {
            continue;
        }
        for row in short {
            fault(
                sheet,
                row,
                field,
                Text::new(
                    format!(
                        "ほかの行と同じ {length} 桁の番号。Excel が先頭の 0 を落としています。セルの書式を文字列にして、元の番号を入れ直してください"
                    ),
                    format!(
                        "a number of {length} digits as in the other rows; Excel has dropped the zeros at the front: format the cell as text and type it again"
                    ),
                ),
                faults,
            );
        }
    }
}

fn fault(sheet: &Sheet<'_>, row: &GridRow, field: &str, expected: Text, faults: &mut Faults) {
    let Sheet { plan, grid, headings } = *sheet;
    RowReader { plan, grid, headings, row, faults }.fault(field, expected);
}

/// What the sheet says of a device beside its row: that it is struck through, and the sheet's own name.
pub fn complete(device: &mut Device, sheet: &Sheet<'_>, struck: bool, by_name: bool) {
    let title = sheet.grid.title();
    let of_title = words::meaning(words::DEVICE_STATUSES, title);
    if let Some(status) = of_title.filter(|_| !sheet.headings.fields.contains_key("status")) {
        device.status = status;
    }
    if struck {
        device.status = DeviceStatus::Retired;
    }
    if location_of_title(sheet, by_name) && device.location.is_none() {
        device.location = Some(title.to_owned());
    }
}

/// Whether the sheet's name is where its machines stand.
pub fn location_of_title(sheet: &Sheet<'_>, by_name: bool) -> bool {
    let told = sheet.headings.fields.contains_key("location");
    let generic =
        ["sheet", "シート", "book"].iter().any(|word| fold(sheet.grid.title()).starts_with(&fold(word)));
    let status = words::meaning(words::DEVICE_STATUSES, sheet.grid.title()).is_some();
    !by_name && !told && !generic && !status && sheet.plan.name == "devices" && sheet.grid.sheet.is_some()
}

fn tell(sheet: &Sheet<'_>, seen: BTreeMap<&'static str, Vec<u32>>, remarks: &mut Vec<Remark>) {
    let mut say = |kind: &'static str, rows: Vec<u32>, text: Text| {
        let (file, name) = (sheet.grid.file.clone(), sheet.grid.sheet.clone());
        remarks.push(Remark { file, sheet: name, kind, rows, text });
    };
    let hidden = sheet.grid.hidden_columns.iter().filter_map(|column| sheet.headings.titles.get(column));
    let hidden: Vec<&str> = hidden.map(String::as_str).collect();
    if !hidden.is_empty() {
        let hidden = hidden.join(", ");
        let text = Text::new(
            format!("非表示の列も読み取りました（{hidden}）。"),
            format!("hidden columns were read too ({hidden})."),
        );
        say("hidden_columns", Vec::new(), text);
    }
    if sheet.grid.hidden {
        let text = Text::new("非表示のシートも読み取りました。", "a hidden sheet: it was read too.");
        say("hidden_sheet", Vec::new(), text);
    }
    let by_name = super::headings::recognise(sheet.grid.title()).is_some();
    if location_of_title(sheet, by_name) {
        let text = Text::new(
            "設置場所の列がないため、シート名を設置場所としました。",
            "has no column for the location: the sheet's name was taken for it.",
        );
        say("location", Vec::new(), text);
    }
    for (kind, rows) in seen {
        let text = match (kind, sheet.plan.name) {
            ("hidden", _) => ("非表示の行も読み取りました。", "hidden rows were read too."),
            ("struck", "devices") => {
                ("取り消し線の行を廃棄済みとして読みました。", "struck through: read as retired.")
            }
            ("struck", "staff") => {
                ("取り消し線の行を退職として読みました。", "struck through: read as retired.")
            }
            ("struck", _) => (
                "取り消し線の行は取り消しとみなし、読み取っていません。",
                "struck through: taken for withdrawn, and left out.",
            ),
            ("partly_struck", _) => (
                "一部だけに取り消し線があります。線のない文字を読みました。確かめてください。",
                "struck through in part: what is not struck in a cell was read; look at it.",
            ),
            ("grey", _) => (
                "灰色の行です。廃棄を意味するかは推測しません。そうなら状態の列に書いてください。",
                "grey rows: whether grey means retired is not guessed; say so in the column for the status.",
            ),
            ("totals", _) => ("合計の行として読み飛ばしました。", "left out as sums."),
            ("notes", _) => ("注記の行として読み飛ばしました。", "left out as notes."),
            ("headings", _) => ("見出しの行として読み飛ばしました。", "left out as headings."),
            ("banners", _) => {
                ("列をまたぐ見出しの行として読み飛ばしました。", "left out as headings across the table.")
            }
            ("ditto", _) => {
                ("「〃」「同上」などを上の行の値で読みました。", "ditto marks were read as the value above.")
            }
            _ => (
                "1 行に複数の機器があり、1 台ずつに分けました。",
                "several devices in one row were taken apart.",
            ),
        };
        say(kind, rows, Text::new(text.0, text.1));
    }
}

#[cfg(test)]
mod tests;
