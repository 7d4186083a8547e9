//! A disk of Windows below a folder of Linux: each step is taken from the folder before it, so that no link, not even
//! one that is laid meanwhile, leads out.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

/// Something on the disk that is known and not opened.
pub(super) type Entry = OwnedFd;

const KNOWN: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Where these names lead; `None`: it is not there, or a link lies in the way.
pub(super) fn find(top: &Path, names: &[&str]) -> io::Result<Option<(PathBuf, Entry)>> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut entry = match openat(CWD, top, flags, Mode::empty()) {
        Ok(entry) => entry,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut place = top.to_owned();
    for name in names {
        let Some((own, next)) = step(&entry, name)? else { return Ok(None) };
        if kind(&next)? == FileType::Symlink {
            return Ok(None);
        }
        place.push(own);
        entry = next;
    }
    Ok(Some((place, entry)))
}

/// The entry of this name, its case apart, and the name as it is written.
fn step(folder: &Entry, name: &str) -> io::Result<Option<(String, Entry)>> {
    match openat(folder, name, KNOWN, Mode::empty()) {
        Ok(entry) => return Ok(Some((name.to_owned(), entry))),
        Err(Errno::NOTDIR) => return Ok(None),
        Err(Errno::NOENT | Errno::NAMETOOLONG) => {}
        Err(error) => return Err(error.into()),
    }
    let lower = name.to_lowercase();
    let mut same = list(folder)?.into_iter().filter(|own| own.to_lowercase() == lower).collect::<Vec<_>>();
    // Two names that differ in case alone are none of Windows: which one is taken must not be chance.
    same.sort();
    let Some(own) = same.into_iter().next() else { return Ok(None) };
    let entry = openat(folder, own.as_str(), KNOWN, Mode::empty())?;
    Ok(Some((own, entry)))
}

fn kind(entry: &Entry) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(fstat(entry)?.st_mode))
}

/// Opens a file. It is known to be one before it is opened: to open a device may already change something.
pub(super) fn open(entry: &Entry) -> io::Result<File> {
    if kind(entry)? != FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    use std::os::fd::AsRawFd as _;
    // A file that is known can be opened by its number alone: by its name it could meanwhile be another.
    let own = format!("/proc/self/fd/{}", entry.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(File::from(openat(CWD, own, flags, Mode::empty())?))
}

/// The names in a folder.
pub(super) fn list(folder: &Entry) -> io::Result<Vec<String>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(folder, ".", flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    Ok(names)
}
