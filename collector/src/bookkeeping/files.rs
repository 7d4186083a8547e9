//! The edge: a folder of CSV files or one workbook, from disk into memory.

use std::io::Read;
use std::path::Path;

use daicho_rules::text::Text;

use super::fault::{Fault, Faults};
use super::limits::{FILE_BYTES_MAX, FILES_MAX};
use super::reading::RawFile;

/// Reads the files of a ledger: of a folder its .csv, .tsv and .txt files, in the order of their names.
pub fn gather(path: &Path) -> Result<Vec<RawFile>, Faults> {
    let failed = |path: &Path, error: &std::io::Error| -> Faults {
        let shown = path.display();
        Fault::of_file(
            &shown.to_string(),
            Text::new(
                format!("読み取れるフォルダかファイル（{error}）。場所と権限を確かめてください"),
                format!("a folder or file that can be read ({error}); check where it is and who may read it"),
            ),
        )
        .into()
    };
    let mut paths = Vec::new();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).map_err(|error| failed(path, &error))? {
            let entry = entry.map_err(|error| failed(path, &error))?.path();
            let ending =
                entry.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
            if matches!(ending.as_str(), "csv" | "tsv") || (ending == "txt" && is_table(&entry)) {
                paths.push(entry);
            }
        }
        paths.sort();
        if paths.len() > FILES_MAX {
            let expected = Text::new(
                format!("CSV ファイル {FILES_MAX} 個以内のフォルダ"),
                format!("a folder with at most {FILES_MAX} CSV files"),
            );
            return Err(Fault::of_file(&path.display().to_string(), expected).into());
        }
        if paths.is_empty() {
            let expected = Text::new(
                "CSV ファイル（devices.csv など）のあるフォルダ、または .xlsx ファイル。`daicho ledger template` でひな形を作れます",
                "a folder with CSV files such as devices.csv, or an .xlsx file; `daicho ledger template` makes an empty one",
            );
            return Err(Fault::of_file(&path.display().to_string(), expected).into());
        }
    } else {
        paths.push(path.to_owned());
    }
    let mut files = Vec::new();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let file = std::fs::File::open(&path).map_err(|error| failed(&path, &error))?;
        let mut bytes = Vec::new();
        // One byte more than may be: the reading tells that it is too big, without the rest in memory.
        file.take(FILE_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| failed(&path, &error))?;
        files.push(RawFile { name, bytes });
    }
    Ok(files)
}

/// Of text files only those whose name is a sheet's: a folder may hold notes.
fn is_table(path: &Path) -> bool {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    super::headings::recognise(&stem).is_some()
}
