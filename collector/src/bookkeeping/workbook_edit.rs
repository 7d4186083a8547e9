//! Writes the ledger back into the hospital's own workbook: only what differs, each with a comment, all else as it was.
//!
//! `package` copies parts as they lie; `markup` and `sheet` find places in a part's XML; `decisions` says what goes where;
//! `growth`, `comments`, `book` and `properties` do the rest. The result is read again before anybody gets it.

use std::collections::BTreeMap;

use daicho_rules::ledger::Ledger;
use daicho_rules::text::Text;

pub mod addresses;
pub mod book;
pub mod comments;
pub mod decisions;
pub mod growth;
pub mod marks;
pub mod markup;
pub mod package;
pub mod properties;
pub mod sheet;

use super::fault::Faults;
use super::headings::Mapping;
use super::reading::{RawFile, Reading};
use super::sheets::Known;
use addresses::Spot;
use decisions::{Decisions, Left, Shape, SheetEdit};
use marks::{Marks, Note};
use markup::Splices;
use package::{Package, unsound};
use sheet::Sheet;

/// A workbook that was written back.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The file; byte for byte the old one where nothing differs.
    pub bytes: Vec<u8>,
    /// Cells that got another value.
    pub cells: usize,
    /// Every cell that was written, also of new rows: sheet, address.
    pub touched: Vec<(String, String)>,
    /// Rows that were added.
    pub rows: usize,
    /// Rows that the ledger has no more; they stand and are marked.
    pub vanished: Vec<(&'static str, String)>,
    /// What the ledger says and the workbook does not.
    pub left: Vec<Left>,
}

/// Why nothing was written.
#[derive(Debug)]
pub enum Refused {
    /// The workbook cannot be read as a ledger.
    Faults(Faults),
    /// Something else.
    Because(Text),
}

impl From<Text> for Refused {
    fn from(text: Text) -> Self {
        Refused::Because(text)
    }
}

/// Times that a result is read and mended: a cell that was told by `〃` of the one above needs its own words after that
/// one was changed.
const PASSES_MAX: usize = 4;

/// Writes `ledger` into the workbook.
pub fn write_back(
    file: &RawFile,
    mapping: &Mapping,
    known: &Known,
    ledger: &Ledger,
    marks: &Marks<'_>,
    japanese: bool,
) -> Result<Written, Refused> {
    check_form(file)?;
    let read = |bytes: &[u8]| {
        let file = RawFile { name: file.name.clone(), bytes: bytes.to_owned() };
        super::read_files(&[file], mapping, known)
    };
    let mut reading = read(&file.bytes);
    if !reading.faults.0.is_empty() {
        return Err(Refused::Faults(reading.faults));
    }
    let mut written = Written { bytes: file.bytes.clone(), ..Written::default() };
    for pass in 0..PASSES_MAX {
        let (decisions, bytes) = one_pass(&written.bytes, &reading, ledger, marks, japanese, pass == 0)?;
        if pass == 0 {
            (written.vanished, written.rows) = (decisions.vanished, decisions.rows);
        }
        written.left = decisions.left;
        let Some(bytes) = bytes else { return Ok(written) };
        for (sheet, edit) in &decisions.edits {
            let spots = edit.values.keys().map(|spot| (sheet.clone(), addresses::address(*spot)));
            written.touched.extend(spots);
        }
        written.cells += decisions.cells;
        written.bytes = bytes;
        reading = read(&written.bytes);
        if !reading.faults.0.is_empty() {
            return Err(unproven(&reading).into());
        }
    }
    Err(unproven(&reading).into())
}

/// What is said where the result does not read as the ledger: nobody gets such a file.
fn unproven(reading: &Reading) -> Text {
    let (ja, en) = reading.faults.0.first().map_or_else(Default::default, |fault| {
        (
            format!("（{}: {}）", fault.place(), fault.expected.ja),
            format!(" ({}: {})", fault.place(), fault.expected.en),
        )
    });
    Text::new(
        format!(
            "書き戻したブックを読み直すと台帳と一致しないため、何も書き込みませんでした{ja}。このブックには `daicho ledger diff` の結果を手で写してください。"
        ),
        format!(
            "the workbook, once written, does not read as the ledger, so nothing was written{en}; copy what `daicho ledger diff` shows by hand"
        ),
    )
}

fn check_form(file: &RawFile) -> Result<(), Text> {
    let ending =
        file.name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "xlsx" | "xlsm" if file.bytes.starts_with(b"PK") => Ok(()),
        "xlsx" | "xlsm" => Err(Text::new(
            "名前は .xlsx ですが、中身は古い .xls などです。Excel で開き、「Excel ブック (.xlsx)」として保存してから指定してください。",
            "the file is called .xlsx and is something else, such as an old .xls; open it, save it as .xlsx, and name that",
        )),
        "xls" | "xlsb" | "ods" => Err(Text::new(
            format!(
                ".{ending} には書き戻せません。Excel で開き、「Excel ブック (.xlsx)」として保存してから指定してください。"
            ),
            format!(
                "a workbook that ends in .{ending} cannot be written back; open it, save it as .xlsx, and name that"
            ),
        )),
        _ => Err(Text::new(
            "書き戻せるのは .xlsx と .xlsm のブックだけです。CSV には `daicho ledger export フォルダー` を使ってください。",
            "only workbooks that end in .xlsx or .xlsm can be written back; for CSV use `daicho ledger export FOLDER`",
        )),
    }
}

/// Edits a workbook once; nothing where there is nothing to do.
fn one_pass(
    bytes: &[u8],
    reading: &Reading,
    ledger: &Ledger,
    marks: &Marks<'_>,
    japanese: bool,
    first: bool,
) -> Result<(Decisions, Option<Vec<u8>>), Text> {
    let mut package = Package::open(bytes)?;
    let book = book::find(&mut package)?;
    let mut sheets = BTreeMap::new();
    let places: Vec<&String> = reading.places.keys().map(|(_, place)| place).collect();
    for (name, part) in book.sheets.iter().filter(|(name, _)| places.contains(name)) {
        let text = package.needed(part)?;
        let sheet = Sheet::find(&text).map_err(|error| unsound(part, &error))?;
        sheets.insert(name.clone(), (part.clone(), sheet));
    }
    let shape = Shape { sheets: &sheets, since_1904: book.since_1904, japanese };
    let mut decisions = decisions::decide(reading, ledger, &shape, marks);
    if !first {
        // What was marked in the first pass is marked.
        decisions
            .edits
            .values_mut()
            .for_each(|edit| edit.notes.retain(|spot, _| edit.values.contains_key(spot)));
    }
    let edited = carry_out(&mut package, &book, &decisions.edits, marks.current.version)?;
    let bytes = if edited { Some(package.finish()?) } else { None };
    Ok((decisions, bytes))
}

/// Edits the sheets of a workbook, and tells whether anything was to be done.
pub fn carry_out(
    package: &mut Package,
    book: &book::Book,
    edits: &BTreeMap<String, SheetEdit>,
    version: u64,
) -> Result<bool, Text> {
    let (mut edited, mut grown) = (false, BTreeMap::new());
    for (name, edit) in edits {
        let Some(part) = book.sheets.get(name) else { continue };
        edited |= apply(package, part, edit)?;
        grown.extend(edit.added.map(|added| (name.clone(), added)));
    }
    if !edited {
        return Ok(false);
    }
    if edits.values().any(|edit| !edit.values.is_empty()) {
        book::update(package, book, &grown)?;
    }
    properties::set(package, version)?;
    Ok(true)
}

/// Edits one sheet, and tells whether anything was to be done.
fn apply(package: &mut Package, part: &str, edit: &SheetEdit) -> Result<bool, Text> {
    let known = comments::existing(package, part)?;
    let new = |spot: &Spot, note: &&Note| {
        let old = known.get(spot).map(String::as_str).unwrap_or_default();
        note.once.as_ref().is_none_or(|mark| !old.contains(mark.as_str()))
    };
    let mut notes: BTreeMap<Spot, String> = BTreeMap::new();
    for (spot, of_cell) in &edit.notes {
        let texts: Vec<&str> =
            of_cell.iter().filter(|note| new(spot, note)).map(|note| note.text.as_str()).collect();
        if !texts.is_empty() {
            notes.insert(*spot, texts.join("\n"));
        }
    }
    if notes.is_empty() && edit.values.is_empty() {
        return Ok(false);
    }
    let text = package.needed(part)?;
    let sheet = &Sheet::find(&text).map_err(|error| unsound(part, &error))?;
    let mut splices = Splices::default();
    let mut values = edit.values.clone();
    let mut growth = growth::Growth::default();
    if let Some((last, rows)) = edit.added {
        growth = growth::like_the_last(sheet, &text, last, rows);
        for (spot, blank) in &growth.blank {
            values.entry(*spot).or_insert_with(|| blank.clone());
        }
        growth::widen(sheet, &growth, &mut splices);
        growth::widen_tables(package, part, &growth)?;
    }
    sheet.write(&text, &values, &growth.styles, &growth.attributes, &mut splices);
    let text = splices.apply(&text).map_err(|error| unsound(part, &error))?;
    let text = comments::add(package, part, text, &notes)?;
    package.set(part, text);
    Ok(true)
}

#[cfg(test)]
mod tests;
