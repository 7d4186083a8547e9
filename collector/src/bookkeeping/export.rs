//! A ledger as files again: CSV for Excel, a workbook, JSON. Reading them gives the same ledger.

use daicho_rules::ledger::Ledger;
use daicho_rules::rule::Setting;
use daicho_rules::text::Language;
use rust_xlsxwriter::{Format, Workbook, XlsxError};

use super::plan::SheetPlan;
use super::reading::RawFile;
use super::table::{Table, tables};
use super::words::{self, word};

/// The file or sheet that tells on which version of the ledger an export was based.
pub const VERSION_TITLE: &str = "daicho-version";

/// What a sheet looks like in a file.
struct Sheet {
    title: &'static str,
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// How to write a ledger.
#[derive(Clone, Copy, Debug)]
pub struct Style<'a> {
    /// Headings and words in this language; what a person wrote stays as it is.
    pub language: Language,
    /// The version that it is, where it is one.
    pub version: Option<u64>,
    /// The settings of the house, for the column that explains them.
    pub settings: &'a [Setting],
}

/// A CSV file for each sheet: UTF-8 with a byte order mark and CRLF, by which Excel knows it.
pub fn csv(ledger: &Ledger, style: Style<'_>) -> Vec<RawFile> {
    let mut files: Vec<RawFile> = sheets(ledger, style)
        .iter()
        .zip(&super::plan::SHEETS)
        .map(|(sheet, plan)| csv_file(plan.name, [&sheet.headings].into_iter().chain(&sheet.rows)))
        .collect();
    if let Some(version) = style.version {
        let row = vec![VERSION_TITLE.to_owned(), version.to_string()];
        files.push(csv_file(VERSION_TITLE, [&row].into_iter()));
    }
    files
}

/// A cell that a form cannot hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritable {
    /// The file.
    pub file: String,
    /// The row as Excel counts.
    pub row: usize,
    /// The column's heading.
    pub column: String,
    /// The characters that are missing there, each once.
    pub characters: String,
}

/// The same in CP932 (Shift_JIS as Windows has it), for programs that read nothing else. A character that it lacks is
/// never replaced: it is named with its cell, and there are no files.
pub fn cp932(ledger: &Ledger, style: Style<'_>) -> Result<Vec<RawFile>, Vec<Unwritable>> {
    let mut lost = Vec::new();
    for (sheet, plan) in sheets(ledger, style).iter().zip(&super::plan::SHEETS) {
        for (row, cells) in (1..).zip([&sheet.headings].into_iter().chain(&sheet.rows)) {
            for (cell, column) in cells.iter().zip(&sheet.headings) {
                let characters = missing(cell);
                if !characters.is_empty() {
                    let file = format!("{}.csv", plan.name);
                    lost.push(Unwritable { file, row, column: column.clone(), characters });
                }
            }
        }
    }
    if !lost.is_empty() {
        return Err(lost);
    }
    let encoded = csv(ledger, style).into_iter().map(|RawFile { name, bytes }| {
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        RawFile { name, bytes: encoding_rs::SHIFT_JIS.encode(text).0.into_owned() }
    });
    Ok(encoded.collect())
}

/// The characters of a text that CP932 lacks.
fn missing(text: &str) -> String {
    if !encoding_rs::SHIFT_JIS.encode(text).2 {
        return String::new();
    }
    let mut missing = String::new();
    for c in text.chars() {
        if encoding_rs::SHIFT_JIS.encode(c.encode_utf8(&mut [0; 4])).2 && !missing.contains(c) {
            missing.push(c);
        }
    }
    missing
}

fn csv_file<'a>(name: &str, rows: impl Iterator<Item = &'a Vec<String>>) -> RawFile {
    let mut text = "\u{feff}".to_owned();
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| quoted(&harmless(cell))).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    RawFile { name: format!("{name}.csv"), bytes: text.into_bytes() }
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// What a spreadsheet takes for the beginning of a formula; Japanese Excel takes the full-width ones too.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '|', '\t', '\r', '＝', '＋', '－', '＠'];

/// A cell of CSV that no spreadsheet obeys: one that would begin a formula gets a `'` in front.
fn harmless(cell: &str) -> String {
    if begins_a_formula(cell) { format!("'{cell}") } else { cell.to_owned() }
}

/// The cell that [`harmless`] was given.
pub(super) fn without_guard(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| begins_a_formula(rest)).unwrap_or(cell)
}

fn begins_a_formula(cell: &str) -> bool {
    // A guard of its own is guarded too: what is taken away again is always one of ours.
    cell.trim_start_matches('\'').starts_with(FORMULA)
}

/// One workbook. Every cell is text, so that Excel keeps zeros at the front and makes no date of `1-2`.
pub fn xlsx(ledger: &Ledger, style: Style<'_>, readme: Option<&[&str]>) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let text = Format::new().set_num_format("@");
    let heading = Format::new().set_bold().set_num_format("@");
    for sheet in sheets(ledger, style) {
        let page = workbook.add_worksheet().set_name(sheet.title)?;
        page.set_freeze_panes(1, 0)?;
        for column in 0..u16::try_from(sheet.headings.len()).unwrap_or(u16::MAX) {
            page.set_column_format(column, &text)?.set_column_width(column, 18)?;
        }
        for (number, row) in (0..).zip([&sheet.headings].into_iter().chain(&sheet.rows)) {
            let format = if number == 0 { &heading } else { &text };
            for (column, cell) in (0..).zip(row) {
                page.write_string_with_format(number, column, cell, format)?;
            }
        }
    }
    if let Some(lines) = readme {
        let page = workbook.add_worksheet().set_name(README_TITLE)?;
        page.set_column_width(0, 100)?;
        for (number, line) in (0..).zip(lines) {
            page.write_string(number, 0, *line)?;
        }
    }
    if let Some(version) = style.version {
        let page = workbook.add_worksheet().set_name(VERSION_TITLE)?;
        page.write_string(0, 0, VERSION_TITLE)?.write_string(0, 1, version.to_string())?;
    }
    workbook.save_to_buffer()
}

/// The sheet with explanations, which nobody reads but people.
pub const README_TITLE: &str = "説明";

fn sheets(ledger: &Ledger, style: Style<'_>) -> Vec<Sheet> {
    tables(ledger).iter().map(|table| sheet(table, style)).collect()
}

fn sheet(table: &Table<'_>, style: Style<'_>) -> Sheet {
    let japanese = style.language == Language::Japanese;
    let plan = table.plan;
    let mut headings: Vec<String> = plan
        .columns
        .iter()
        .map(|column| if japanese { column.headings[0] } else { column.field }.to_owned())
        .collect();
    let extra = extra_headings(table);
    headings.extend(extra.iter().map(|(heading, _)| heading.clone()));
    if plan.name == "settings" {
        headings.push(if japanese { "意味" } else { "meaning" }.to_owned());
    }
    let rows = table.rows.iter().map(|row| {
        let mut cells: Vec<String> = plan
            .columns
            .iter()
            .zip(&row.cells)
            .map(|(column, cell)| spoken(plan, column.field, cell, japanese))
            .collect();
        for (heading, occurrence) in &extra {
            let mut same = row.extra.iter().filter(|(title, _)| title == heading);
            cells.push(same.nth(*occurrence).map(|(_, value)| value.clone()).unwrap_or_default());
        }
        if plan.name == "settings" {
            let setting = style.settings.iter().find(|setting| setting.key == cells[0]);
            let meaning = setting.map(|setting| if japanese { setting.meaning.0 } else { setting.meaning.1 });
            cells.push(meaning.unwrap_or_default().to_owned());
        }
        cells
    });
    Sheet { title: if japanese { plan.titles[0] } else { plan.name }, headings, rows: rows.collect() }
}

/// Every heading of the hospital's own, and for a heading that stands twice, which of the two.
fn extra_headings(table: &Table<'_>) -> Vec<(String, usize)> {
    let mut headings: Vec<(String, usize)> = Vec::new();
    for row in &table.rows {
        for (index, (title, _)) in row.extra.iter().enumerate() {
            let occurrence = row.extra[..index].iter().filter(|(earlier, _)| earlier == title).count();
            let heading = (title.clone(), occurrence);
            if !headings.contains(&heading) {
                headings.push(heading);
            }
        }
    }
    headings
}

/// Our own words as a Japanese template has them.
pub(super) fn spoken(plan: &SheetPlan, field: &str, cell: &str, japanese: bool) -> String {
    if !japanese || cell.is_empty() {
        return cell.to_owned();
    }
    let translated = match (plan.name, field) {
        ("devices", "kind") => translate(words::DEVICE_KINDS, cell),
        ("devices", "status") => translate(words::DEVICE_STATUSES, cell),
        ("staff", "status") => translate(words::STAFF_STATUSES, cell),
        ("accounts", "kind") => translate(words::ACCOUNT_KINDS, cell),
        ("media", "purpose") => translate(words::MEDIUM_PURPOSES, cell),
        ("accounts", "privileged") | ("media", "scan_required") => translate(words::FLAGS, cell),
        _ => None,
    };
    translated.map_or_else(|| cell.to_owned(), str::to_owned)
}

fn translate<T: Copy + PartialEq>(words: words::Words<T>, cell: &str) -> Option<&'static str> {
    words::meaning(words, cell).map(|value| word(words, &value, true))
}

#[cfg(test)]
mod tests;
