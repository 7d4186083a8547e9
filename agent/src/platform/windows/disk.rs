//! The files of a Windows disk: this machine's, or those below another folder. Names are found whatever their case.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The largest file that is read whole: a hive of programs is some 100 MB; more is an attack or a mistake.
pub(crate) const FILE_BYTES_MAX: u64 = 512 << 20;

/// Where a disk's files lie. Paths in it have `/` and start at the disk's top: `Windows/INF/setupapi.dev.log`.
pub(crate) struct Disk {
    top: PathBuf,
}

impl Disk {
    /// The disk whose top is this folder.
    pub(crate) fn at(top: &Path) -> Self {
        Disk { top: top.to_owned() }
    }

    /// Where a file or folder lies; `None`: it is not there. No name leads out of the disk.
    pub(crate) fn find(&self, path: &str) -> io::Result<Option<PathBuf>> {
        let mut at = self.top.clone();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if matches!(name, "." | "..") || name.contains('\\') {
                return Ok(None);
            }
            let Some(entry) = step(&at, name)? else { return Ok(None) };
            // A link is followed by nobody: on another machine's disk it names a place of this one.
            if !cfg!(windows) && fs::symlink_metadata(&entry)?.file_type().is_symlink() {
                return Ok(None);
            }
            at = entry;
        }
        Ok(Some(at))
    }

    /// A whole file of at most [`FILE_BYTES_MAX`]; `None`: it is not there.
    pub(crate) fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(found) = self.find(path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        fs::File::open(found)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 512 MiB"));
        }
        Ok(Some(bytes))
    }

    /// The names in a folder, sorted; `None`: it is not there.
    pub(crate) fn list(&self, path: &str) -> io::Result<Option<Vec<String>>> {
        let Some(found) = self.find(path)? else { return Ok(None) };
        let mut names = Vec::new();
        for entry in fs::read_dir(found)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(Some(names))
    }
}

/// The entry of this name in a folder, its case apart.
fn step(folder: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    let exact = folder.join(name);
    match fs::symlink_metadata(&exact) {
        Ok(_) => return Ok(Some(exact)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    if cfg!(windows) {
        return Ok(None);
    }
    let lower = name.to_lowercase();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().to_lowercase() == lower {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_whatever_its_case_and_leads_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("WINDOWS/inf")).unwrap();
        fs::write(folder.path().join("WINDOWS/inf/Setupapi.dev.log"), "x").unwrap();
        let disk = Disk::at(folder.path());
        assert_eq!(disk.read("Windows/INF/setupapi.dev.log").unwrap().unwrap(), b"x");
        assert_eq!(disk.list("windows").unwrap().unwrap(), ["inf"]);
        assert!(disk.read("Windows/nothing").unwrap().is_none());
        assert!(disk.find("Windows/../..").unwrap().is_none());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("/etc", folder.path().join("Users")).unwrap();
            assert!(disk.find("Users/hostname").unwrap().is_none());
        }
    }
}
