//! Workbooks of others written back: an independent reader compares them, and LibreOffice opens them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use daicho_collector::bookkeeping::sheets::Known;
use daicho_collector::bookkeeping::workbook_edit::marks::{Marks, Note, Origin};
use daicho_collector::bookkeeping::workbook_edit::package::Package;
use daicho_collector::bookkeeping::workbook_edit::sheet::{Sheet, Value};
use daicho_collector::bookkeeping::workbook_edit::{self, addresses, book, decisions::SheetEdit, properties};
use daicho_collector::bookkeeping::{Mapping, RawFile, read_files};
use daicho_rules::ledger::Device;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn workbooks(folder: &Path) -> Vec<RawFile> {
    let entries = std::fs::read_dir(folder).expect("a folder of workbooks");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "xlsx" || ending == "xlsm"));
    paths.sort();
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    paths
        .iter()
        .map(|path| RawFile { name: name(path), bytes: std::fs::read(path).expect("a workbook") })
        .collect()
}

fn origin() -> Origin {
    Origin { version: 3, by: "suzuki".to_owned(), day: "2026-05-16".to_owned() }
}

/// Keeps a workbook before and after, with the cells that were meant to change.
fn keep(folder: &Path, file: &RawFile, after: &[u8], touched: &[(String, String)]) {
    let (stem, ending) = file.name.rsplit_once('.').expect("an ending");
    let write = |name: String, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("written");
    write(format!("{stem}.before.{ending}"), &file.bytes);
    write(format!("{stem}.after.{ending}"), after);
    write(format!("{stem}.json"), serde_json::json!({ "touched": touched }).to_string().as_bytes());
}

/// Each workbook that is a ledger: a cell changed, a device added.
fn ledgers(folder: &Path) -> usize {
    let (known, origin, mut written) = (Known::of_the_house(), origin(), 0);
    let marks = Marks { current: &origin, history: &[] };
    for file in workbooks(&top().join("ledgers/files")) {
        let reading = read_files(std::slice::from_ref(&file), &Mapping::new(), &known);
        let is_package = file.bytes.starts_with(b"PK");
        if !reading.faults.0.is_empty() || reading.ledger.devices.is_empty() || !is_package {
            continue;
        }
        let write = |ledger: &_| {
            workbook_edit::write_back(&file, &Mapping::new(), &known, ledger, &marks, true)
                .unwrap_or_else(|refused| panic!("{}: {refused:?}", file.name))
        };
        assert_eq!(write(&reading.ledger).bytes, file.bytes, "{} says the same and changed", file.name);
        let mut ledger = reading.ledger.clone();
        let first = &mut ledger.devices[0];
        first.location = Some("=1+1 新しい場所".to_owned());
        first.note = Some("書き戻し".to_owned());
        first.hostname = Some("written-back".to_owned());
        ledger.devices.push(Device {
            device_id: "00990".to_owned(),
            location: Some("追加".to_owned()),
            ..Device::default()
        });
        let result = write(&ledger);
        assert!(result.cells + result.rows + result.left.len() > 0, "{}", file.name);
        println!("{}: {} cells, {} rows, {} left", file.name, result.cells, result.rows, result.left.len());
        keep(folder, &file, &result.bytes, &result.touched);
        written += 1;
    }
    written
}

/// Bytes of a workbook that is no ledger.
const FOREIGN_BYTES_MAX: usize = 200_000;

/// Workbooks that are no ledgers: one cell of each sheet is changed by the same engine.
fn foreign(folder: &Path) -> usize {
    let data = top().join("../../shared/data/ledgers");
    if !data.is_dir() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{} is missing", data.display());
        println!("skipped: {} is not there", data.display());
        return 0;
    }
    let mut written = 0;
    let files = ["gov-xlsx", "umya-xlsx"].iter().flat_map(|name| workbooks(&data.join(name)));
    // The largest take minutes of the other readers and have nothing that the others have not.
    for file in files.filter(|file| file.bytes.len() <= FOREIGN_BYTES_MAX) {
        let opened = Package::open(&file.bytes).and_then(|mut package| {
            let book = book::find(&mut package)?;
            Ok((package, book))
        });
        let (mut package, book) = match opened {
            Ok(opened) => opened,
            Err(text) => {
                println!("{} is refused: {}", file.name, text.en);
                continue;
            }
        };
        let (mut edits, mut touched) = (BTreeMap::new(), Vec::new());
        for (name, part) in &book.sheets {
            let text = package.needed(part).expect("a worksheet");
            // A sheet without rows has no cell to change, and is refused with that sentence.
            let Ok(sheet) = Sheet::find(&text) else {
                println!("{} {name}: no row to change", file.name);
                continue;
            };
            let mut plain = sheet.cells.iter().filter(|(spot, cell)| {
                !cell.blank
                    && !sheet.is_formula(**spot)
                    && sheet.merge(**spot).is_none_or(|area| area.first == **spot)
            });
            let Some((spot, _)) = plain.next() else { continue };
            let mut edit = SheetEdit::default();
            edit.values.insert(*spot, Value::Text("改めた値 <&>".to_owned()));
            edit.notes.insert(*spot, vec![Note { text: "変更前: ?".to_owned(), once: None }]);
            edits.insert(name.clone(), edit);
            touched.push((name.clone(), addresses::address(*spot)));
        }
        if edits.is_empty() {
            continue;
        }
        assert!(workbook_edit::carry_out(&mut package, &book, &edits, 3).expect("edited"), "{}", file.name);
        keep(folder, &file, &package.finish().expect("a file"), &touched);
        written += 1;
    }
    written
}

/// The version that a workbook was made from is there after somebody saved it in LibreOffice: an import relies on it.
fn stamps_survive(folder: &Path, saved: usize) {
    let files = workbooks(folder);
    assert!(files.len() * 10 >= saved * 9, "LibreOffice saved {} of {saved}", files.len());
    for file in files {
        assert_eq!(properties::version(&file.bytes), Some(3), "{} lost its version", file.name);
    }
}

#[test]
fn what_was_not_to_change_is_the_same_to_another_reader_and_libreoffice_opens_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    let (ledgers, foreign) = (ledgers(path), foreign(path));
    println!("{ledgers} ledgers and {foreign} other workbooks were written back");
    assert!(ledgers >= 20, "the corpus is smaller than it was: {ledgers}");
    let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");

    // All in one call: LibreOffice takes seconds to start.
    let after: Vec<PathBuf> = std::fs::read_dir(path)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains(".after."))
        .collect();
    let profile = format!("-env:UserInstallation=file://{}", path.join("profile").display());
    let office = Command::new("soffice")
        .args([&profile, "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir"])
        .arg(path.join("opened"))
        .args(&after)
        .output();
    match office {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            stamps_survive(&path.join("opened"), after.len());
        }
        Err(error) => {
            assert!(!ci, "LibreOffice cannot be run: {error}");
            println!("skipped: opening in LibreOffice, which is not installed");
        }
    }
    let Some(python) = std::env::var_os("DAICHO_OPENPYXL") else {
        assert!(!ci, "DAICHO_OPENPYXL names no python with openpyxl");
        println!("skipped: the comparison by openpyxl; DAICHO_OPENPYXL names a python that has it");
        return;
    };
    let compared =
        Command::new(python).arg(top().join("ledgers/compare.py")).arg(path).output().expect("python");
    let told = String::from_utf8_lossy(&compared.stdout);
    println!("{told}");
    assert!(compared.status.success(), "{told}{}", String::from_utf8_lossy(&compared.stderr));
}
