//! The files of a machine: this one's, or those below another root, from which no symbolic link leads out.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};

/// The largest file that is read whole: a dpkg status of 10 000 packages is 20 MB; more is an attack or a mistake.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where a machine's files lie.
pub struct Root {
    folder: Option<OwnedFd>,
}

impl Root {
    /// This machine.
    pub fn here() -> Self {
        Root { folder: None }
    }

    /// The files below `path`.
    pub fn at(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Root { folder: Some(folder) })
    }

    /// Whether this is the running machine: /proc, /sys and sockets then speak of it.
    pub fn is_live(&self) -> bool {
        self.folder.is_none()
    }

    /// Opens a file for reading. `path` is absolute as the machine itself would name it.
    pub fn open(&self, path: &str) -> io::Result<File> {
        self.open_with(path, OFlags::RDONLY)
    }

    /// The names in a folder, sorted.
    pub fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let folder = self.open_with(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// A whole file of at most [`FILE_BYTES_MAX`].
    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 64 MiB"));
        }
        Ok(bytes)
    }

    /// A whole file as text; what is no UTF-8 is replaced.
    pub fn read_text(&self, path: &str) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.read(path)?).into_owned())
    }

    /// Where a symbolic link points, as written in it.
    pub fn read_link(&self, path: &str) -> io::Result<String> {
        let link = self.open_with(path, OFlags::PATH | OFlags::NOFOLLOW)?;
        let target = rustix::fs::readlinkat(&link, "", Vec::new())?;
        Ok(target.to_string_lossy().into_owned())
    }

    /// What the system knows of a file or folder: its size, its times.
    pub fn metadata(&self, path: &str) -> io::Result<std::fs::Metadata> {
        self.open_with(path, OFlags::PATH)?.metadata()
    }

    /// Whether something is there.
    pub fn exists(&self, path: &str) -> bool {
        self.open_with(path, OFlags::PATH).is_ok()
    }

    fn open_with(&self, path: &str, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::CLOEXEC;
        // NONBLOCK: a FIFO in the place of a file must not hold us. openat2(2) refuses both beside PATH.
        let patient = OFlags::NONBLOCK | OFlags::NOCTTY;
        let flags = if flags.contains(OFlags::PATH) { flags } else { flags | patient };
        let file = match &self.folder {
            None => rustix::fs::open(path, flags, Mode::empty())?,
            Some(folder) => rustix::fs::openat2(folder, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)?,
        };
        Ok(File::from(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_link_leads_out_of_another_root() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("there"), "x").unwrap();
        std::os::unix::fs::symlink("/there", folder.path().join("inside")).unwrap();
        std::os::unix::fs::symlink("/proc/self/status", folder.path().join("outside")).unwrap();
        let root = Root::at(folder.path()).unwrap();
        assert!(root.exists("/there") && root.exists("/inside") && !root.exists("/outside"));
        assert_eq!(root.read_link("/outside").unwrap(), "/proc/self/status");
        assert_eq!(root.metadata("/inside").unwrap().len(), 1);
    }
}
