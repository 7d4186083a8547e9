//! A disk of Windows on Windows itself, which finds names whatever their case.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Something on the disk that is known and not opened.
pub(super) type Entry = PathBuf;

/// Where these names lead; `None`: it is not there.
pub(super) fn find(top: &Path, names: &[&str]) -> io::Result<Option<(PathBuf, Entry)>> {
    let mut place = top.to_owned();
    place.extend(names);
    match fs::symlink_metadata(&place) {
        Ok(_) => Ok(Some((place.clone(), place))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Opens a file.
pub(super) fn open(entry: &Entry) -> io::Result<File> {
    if !fs::metadata(entry)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    File::open(entry)
}

/// The names in a folder.
pub(super) fn list(folder: &Entry) -> io::Result<Vec<String>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}
