//! From bytes to a ledger or to everything that is wrong with it. Pure: no file, no clock.

use std::collections::BTreeMap;

use daicho_rules::ledger::{Ledger, StaffStatus};
use daicho_rules::text::Text;

use super::entries::{self, Sheet};
use super::export::{README_TITLE, VERSION_TITLE};
use super::fault::{Fault, Faults};
use super::grid::{Grid, Mark};
use super::headings::{self, Headings, Mapping};
use super::layout::{self, Layout, Proposal};
use super::limits::{FILE_BYTES_MAX, FILES_MAX};
use super::passwords::{self, Passwords};
use super::plan::{SHEETS, SheetPlan};
use super::references::{self, Place, Places};
use super::remarks::Remark;
use super::remembered::{self, Remembered};
use super::row_reader::RowReader;
use super::sheets::{self, Known};
use super::workbook_edit::properties;
use super::{comma_separated, encoding, workbook};

/// A file as it lies on disk.
#[derive(Clone, Debug, Default)]
pub struct RawFile {
    /// Its name, without its folder.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The rows as they would be kept. Not to be used while there are faults.
    pub ledger: Ledger,
    /// For each of our sheets: heading as written, field.
    pub mapping: BTreeMap<String, BTreeMap<String, String>>,
    /// Our sheets that are not there; they are read as empty.
    pub missing: Vec<&'static str>,
    /// Files and sheets that were not read, because their name is none of ours.
    pub unread: Vec<String>,
    /// Everything that is wrong.
    pub faults: Faults,
    /// Sheets that were read as their headings propose.
    pub proposals: Vec<Proposal>,
    /// What a person should know although it is no fault.
    pub remarks: Vec<Remark>,
    /// Whether a column held passwords.
    pub passwords: Option<Passwords>,
    /// The version of the ledger that an export says it is.
    pub based_on: Option<u64>,
    /// Where each value came from: a row's reference names a place, and the place the columns.
    pub places: Places,
}

/// Grids with their meaning, and without passwords: all that leaves the machine on which a ledger is read.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// The names of all files.
    pub files: Vec<String>,
    /// The grids of our sheets.
    pub grids: Vec<Grid>,
    /// See [`Reading::unread`].
    pub unread: Vec<String>,
    /// What is wrong already.
    pub faults: Faults,
    /// See [`Reading::passwords`].
    pub passwords: Option<Passwords>,
    /// The version of the ledger that an export says it is.
    pub based_on: Option<u64>,
    /// See [`Reading::remarks`].
    pub remarks: Vec<Remark>,
}

/// Opens files: decodes them, finds our sheets, and empties every column of passwords.
pub fn open(files: &[RawFile], mapping: &Mapping) -> Opened {
    open_remembering(files, mapping, &[]).0
}

/// The same with what was said of sheets before: answers the mapping that holds with it.
pub fn open_remembering(files: &[RawFile], mapping: &Mapping, known: &[Remembered]) -> (Opened, Mapping) {
    let mut opened =
        Opened { files: files.iter().map(|file| file.name.clone()).collect(), ..Opened::default() };
    if files.len() > FILES_MAX {
        let expected =
            Text::new(format!("{FILES_MAX} 個以内のファイル"), format!("at most {FILES_MAX} files"));
        opened.faults.add(Fault::of_file(&files[0].name, expected));
        return (opened, mapping.clone());
    }
    for file in files {
        match grids(file) {
            Ok(grids) => opened.grids.extend(grids),
            Err(faults) => faults.0.into_iter().for_each(|fault| opened.faults.add(fault)),
        }
    }
    opened.based_on = opened
        .grids
        .iter()
        .find(|grid| grid.title() == VERSION_TITLE)
        .and_then(|grid| grid.rows.first()?.cell(1).shown().parse().ok())
        .or_else(|| files.iter().find_map(|file| properties::version(&file.bytes)));
    let ours = |grid: &Grid| [VERSION_TITLE, README_TITLE, "README"].contains(&grid.title());
    let (mapping, remarks) = remembered::recall(&opened.grids, mapping, known);
    opened.remarks = remarks;
    let (mut kept, mut foreign) = (Vec::new(), Vec::new());
    for grid in std::mem::take(&mut opened.grids) {
        if ours(&grid) {
            continue;
        }
        match layout::of(&grid, &mapping) {
            Layout::Told(_) | Layout::Proposed(..) => kept.push(grid),
            layout => {
                if let Layout::Unclear(proposal) = &layout {
                    opened.faults.add(layout::unclear(&grid, proposal));
                }
                opened.unread.push(place_of(&grid));
                foreign.push(grid);
            }
        }
    }
    opened.grids = kept;
    (without_passwords_of(opened, foreign, &mapping), mapping)
}

/// Empties every column of passwords.
pub fn without_passwords(opened: Opened, mapping: &Mapping) -> Opened {
    without_passwords_of(opened, Vec::new(), mapping)
}

/// The same; those of sheets that are none of ours are counted with them.
fn without_passwords_of(mut opened: Opened, mut foreign: Vec<Grid>, mapping: &Mapping) -> Opened {
    let mut secret: Vec<(&mut Grid, usize, Vec<usize>)> = Vec::new();
    for grid in &mut opened.grids {
        let Some(plan) = layout::of(grid, mapping).plan() else { continue };
        // Faults of headings are told when the rows are read; here only the passwords matter.
        let found = headings::find(grid, plan, mapping, &mut Faults::default());
        if !found.passwords.is_empty() {
            secret.push((grid, found.row, found.passwords));
        }
    }
    for grid in &mut foreign {
        let (row, columns) = passwords::columns_anywhere(grid);
        if !columns.is_empty() {
            secret.push((grid, row, columns));
        }
    }
    opened.passwords = passwords::take(&mut secret);
    opened
}

/// Gives opened grids their meaning.
pub fn interpret(opened: Opened, mapping: &Mapping, known: &Known) -> Reading {
    let mut reading = Reading {
        unread: opened.unread,
        faults: opened.faults,
        passwords: opened.passwords,
        based_on: opened.based_on,
        remarks: opened.remarks,
        ..Reading::default()
    };
    let mut places = Places::new();
    let mut found_sheets: Vec<&'static str> = Vec::new();
    for grid in &opened.grids {
        let layout = layout::of(grid, mapping);
        let Some(plan) = layout.plan() else { continue };
        if let Layout::Proposed(_, proposal) = &layout {
            reading.proposals.push(proposal.clone());
        }
        let by_name = headings::recognise(grid.title()).is_some();
        found_sheets.push(plan.name);
        let found = headings::find(grid, plan, mapping, &mut reading.faults);
        places.insert((plan.name, grid.place().to_owned()), place(grid, plan, &found));
        let columns = reading.mapping.entry(plan.name.to_owned()).or_default();
        for (field, column) in &found.fields {
            let heading = found.titles.get(column).cloned().unwrap_or_default();
            columns.insert(heading, (*field).to_owned());
        }
        // Where a column is missing, its rows would only repeat that.
        if plan.columns.iter().any(|column| column.required && !found.fields.contains_key(column.field)) {
            continue;
        }
        let sheet = Sheet { plan, grid, headings: &found };
        for row in &entries::of(&sheet, &mut reading.faults, &mut reading.remarks) {
            let struck = row.marks.contains(&Mark::Struck);
            // An approval that is struck through is none.
            if struck && !["devices", "staff"].contains(&plan.name) {
                continue;
            }
            let mut reader = RowReader { plan, grid, headings: &found, row, faults: &mut reading.faults };
            sheets::add(&mut reading.ledger, &mut reader, known);
            match plan.name {
                "devices" => {
                    if let Some(device) = reading.ledger.devices.last_mut() {
                        entries::complete(device, &sheet, struck, by_name);
                    }
                }
                "staff" if struck => {
                    if let Some(member) = reading.ledger.staff.last_mut() {
                        member.status = StaffStatus::Retired;
                    }
                }
                _ => {}
            }
        }
    }
    reading.missing =
        SHEETS.iter().map(|plan| plan.name).filter(|name| !found_sheets.contains(name)).collect();
    if reading.missing.contains(&"devices") && reading.faults.0.is_empty() {
        let workbook = opened.files.iter().find(|file| is_workbook(file));
        let file = workbook.cloned().unwrap_or_else(|| "devices.csv".to_owned());
        reading.faults.add(Fault {
            sheet: Some("devices".to_owned()),
            expected: Text::new(
                "機器台帳（devices.csv、またはシート「機器」）",
                "the list of devices: devices.csv, or a sheet named devices or 機器",
            ),
            ..Fault::of_file(&file, Text::default())
        });
    }
    references::check(&reading.ledger, &places, &mut reading.faults);
    reading.places = places;
    reading
}

fn grids(file: &RawFile) -> Result<Vec<Grid>, Faults> {
    if file.bytes.len() > FILE_BYTES_MAX {
        let megabytes = FILE_BYTES_MAX / 1024 / 1024;
        let expected =
            Text::new(format!("{megabytes} MB 以内のファイル"), format!("a file of at most {megabytes} MB"));
        return Err(Fault::of_file(&file.name, expected).into());
    }
    if is_workbook(&file.name) {
        return workbook::open(&file.name, &file.bytes);
    }
    let text = encoding::decode(&file.bytes)
        .map_err(|damage| Fault { row: damage.row, ..Fault::of_file(&file.name, damage.expected) })?;
    Ok(vec![comma_separated::split(&file.name, &text)?])
}

/// Whether a file's name is a workbook's.
pub fn is_workbook(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    matches!(ending.as_str(), "xlsx" | "xlsm" | "xls" | "xlsb" | "ods")
}

fn place_of(grid: &Grid) -> String {
    match &grid.sheet {
        Some(sheet) => format!("{} {sheet}", grid.file),
        None => grid.file.clone(),
    }
}

fn place(grid: &Grid, plan: &'static SheetPlan, found: &Headings) -> Place {
    let heading = |column: &usize| found.titles.get(column).cloned().unwrap_or_default();
    Place {
        file: grid.file.clone(),
        sheet: grid.sheet.clone().unwrap_or_else(|| plan.name.to_owned()),
        headings: found.fields.iter().map(|(field, column)| (*field, heading(column))).collect(),
        columns: found.fields.clone(),
        titles: found
            .titles
            .iter()
            .filter(|(column, _)| !found.passwords.contains(column))
            .map(|(column, title)| (*column, title.clone()))
            .collect(),
        heading_row: grid.rows.get(found.row).map_or(1, |row| row.number),
    }
}
