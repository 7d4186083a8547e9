//! The ledger's door: reads, checks, diffs, imports, exports; keeps who changed what.
//!
//! `files` touches the disk; `encoding`, `comma_separated` and `workbook` make grids of bytes, once `archive`, `compound`,
//! `records` and `repeated` have counted what a hostile one would unfold to; `headings` says what is
//! what; `row_reader` and `sheets` make rows of ours; `references` checks them against each other. All but `files` is pure.

use std::path::Path;

pub mod answer;
pub mod archive;
pub mod comma_separated;
pub mod compound;
pub mod dates;
pub mod difference;
pub mod differences;
pub mod encoding;
pub mod entries;
pub mod example;
pub mod export;
pub mod fault;
pub mod files;
pub mod grid;
pub mod headings;
pub mod importing;
pub mod layout;
pub mod limits;
pub mod looks;
pub mod merging;
pub mod other_workbooks;
pub mod passwords;
pub mod plan;
pub mod proposal;
pub mod reading;
pub mod records;
pub mod references;
pub mod remarks;
pub mod remembered;
pub mod repeated;
pub mod row_reader;
pub mod sheets;
pub mod spoilt;
pub mod staff_check;
pub mod table;
pub mod template;
pub mod words;
pub mod workbook;
pub mod workbook_edit;

pub use fault::{Fault, Faults};
pub use headings::Mapping;
pub use reading::{RawFile, Reading};

use sheets::Known;

/// Reads a ledger from disk: a folder of CSV files or one workbook. With a single fault there is no ledger.
pub fn read(path: &Path) -> Result<Reading, Faults> {
    let reading = look(path, &Mapping::new());
    if reading.faults.0.is_empty() { Ok(reading) } else { Err(reading.faults) }
}

/// The same, with a mapping by hand, and with the rows as far as they could be read beside all faults.
pub fn look(path: &Path, mapping: &Mapping) -> Reading {
    match files::gather(path) {
        Ok(files) => read_files(&files, mapping, &Known::of_the_house()),
        Err(faults) => Reading { faults, ..Reading::default() },
    }
}

/// Reads a ledger from memory.
pub fn read_files(files: &[RawFile], mapping: &Mapping, known: &Known) -> Reading {
    reading::interpret(reading::open(files, mapping), mapping, known)
}

#[cfg(test)]
mod tests;
