//! The files of a Windows disk: this machine's, or those below another folder. Names are found whatever their case.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
#[path = "disk/linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "disk/other.rs"]
mod system;

/// The largest file that is read whole: a log of a machine's setup is some 100 MB; more is an attack or a mistake.
pub(crate) const FILE_BYTES_MAX: u64 = 512 << 20;

/// Where a disk's files lie. Paths in it have `/` and start at the disk's top: `Windows/INF/setupapi.dev.log`.
#[derive(Clone)]
pub(crate) struct Disk {
    top: PathBuf,
}

impl Disk {
    /// The disk whose top is this folder.
    pub(crate) fn at(top: &Path) -> Self {
        Disk { top: top.to_owned() }
    }

    /// Where a file or folder lies; `None`: it is not there. No name leads out of the disk, and no link of a disk that
    /// is read from Linux is followed: on another machine it names a place of that one.
    pub(crate) fn find(&self, path: &str) -> io::Result<Option<PathBuf>> {
        let Some(names) = names(path) else { return Ok(None) };
        Ok(system::find(&self.top, &names)?.map(|(place, _)| place))
    }

    /// Opens a file; `None`: it is not there. What is no file (a pipe, a device, a folder) is an error and not opened.
    pub(crate) fn open(&self, path: &str) -> io::Result<Option<File>> {
        let Some(names) = names(path) else { return Ok(None) };
        let Some((_, entry)) = system::find(&self.top, &names)? else { return Ok(None) };
        system::open(&entry).map(Some)
    }

    /// Where a file or folder of this machine would lie, whether it is there or not.
    pub(crate) fn place(&self, path: &str) -> PathBuf {
        path.split('/').filter(|name| !name.is_empty()).fold(self.top.clone(), |at, name| at.join(name))
    }

    /// A whole file of at most [`FILE_BYTES_MAX`]; `None`: it is not there.
    pub(crate) fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.read_most(path, FILE_BYTES_MAX)
    }

    /// A whole file of at most so many bytes; `None`: it is not there.
    pub(crate) fn read_most(&self, path: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open(path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            let sentence = format!("larger than {} MiB", most >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, sentence));
        }
        Ok(Some(bytes))
    }

    /// The names in a folder, sorted; `None`: it is not there.
    pub(crate) fn list(&self, path: &str) -> io::Result<Option<Vec<String>>> {
        let Some(names) = names(path) else { return Ok(None) };
        let Some((_, entry)) = system::find(&self.top, &names)? else { return Ok(None) };
        let mut names = system::list(&entry)?;
        names.sort();
        Ok(Some(names))
    }
}

/// The names of a path; `None`: one of them would lead elsewhere.
fn names(path: &str) -> Option<Vec<&str>> {
    let names = path.split('/').filter(|name| !name.is_empty()).collect::<Vec<_>>();
    let leads_elsewhere = |name: &&str| matches!(*name, "." | "..") || name.contains(['\\', '\0', ':']);
    (!names.iter().any(leads_elsewhere)).then_some(names)
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        assert!(disk.read("Windows/inf/setupapi.dev.log/below").unwrap().is_none());
        assert!(disk.find("Windows/../..").unwrap().is_none());
        let large = disk.read_most("Windows/INF/setupapi.dev.log", 0).unwrap_err();
        assert_eq!(large.kind(), io::ErrorKind::FileTooLarge);
        assert!(disk.open("Windows/inf").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn neither_a_link_nor_a_pipe_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("Users")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("SAM")).unwrap();
        let disk = Disk::at(folder.path());
        assert!(disk.find("Users/hostname").unwrap().is_none());
        assert!(disk.read("sam").unwrap().is_none());
        assert!(disk.list("Users").unwrap().is_none());
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{CWD, Mode, mkfifoat};
            mkfifoat(CWD, folder.path().join("SYSTEM"), Mode::RUSR).unwrap();
            assert!(disk.read("System").unwrap_err().to_string().contains("no file"));
        }
    }
}
