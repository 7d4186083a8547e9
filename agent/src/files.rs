//! Files that are whole or not there: written beside their place, flushed, renamed, the folder flushed. Keys and the
//! folders around them are for their owner alone; on Windows for the system and its administrators.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

pub mod descriptor;

#[cfg(windows)]
use crate::platform::windows::live::acl;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone: a key.
    Owner,
    /// Whoever may enter its folder.
    Everybody,
}

/// Replaces the file at `path`. A power loss leaves the old one or the new one. It belongs to whom its folder belongs:
/// root joins, and the agent's own user works and renews.
pub fn replace(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let beside = path.with_extension("new");
    // What a killed writer left is not opened but removed: its mode would stay.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create(&beside, readers)?;
    hand_over(&beside, folder)?;
    file.write_all(content)?;
    file.sync_all()?;
    // Windows renames no file that is open and not shared.
    drop(file);
    rename(&beside, path)?;
    flush_folder(folder)
}

#[cfg(unix)]
fn create(path: &Path, readers: Readers) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everybody => 0o644,
    };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(windows)]
fn create(path: &Path, readers: Readers) -> io::Result<File> {
    match readers {
        Readers::Owner => acl::create_file(path),
        Readers::Everybody => OpenOptions::new().write(true).create_new(true).open(path),
    }
}

#[cfg(unix)]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// On Windows whoever has the file open (a virus scanner, a backup) can keep it from being replaced for a moment.
#[cfg(windows)]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    for _ in 1..RENAME_ATTEMPTS_MAX {
        match fs::rename(from, to) {
            Err(error) if RENAME_LATER.contains(&error.raw_os_error().unwrap_or(0)) => {
                std::thread::sleep(RENAME_RETRY_AFTER);
            }
            result => return result,
        }
    }
    fs::rename(from, to)
}

/// `ERROR_ACCESS_DENIED` and `ERROR_SHARING_VIOLATION` (winerror.h).
#[cfg(windows)]
const RENAME_LATER: [i32; 2] = [5, 32];

/// Half a second: a scanner takes milliseconds for a file of some KB.
#[cfg(windows)]
const RENAME_ATTEMPTS_MAX: u32 = 10;
#[cfg(windows)]
const RENAME_RETRY_AFTER: std::time::Duration = std::time::Duration::from_millis(50);

/// Makes a folder that its owner alone may enter, with its parents. It belongs to whom the folder around it belongs.
#[cfg(unix)]
pub fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    let is_new = !path.exists();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    match path.parent() {
        Some(around) if is_new => hand_over(path, around),
        _ => Ok(()),
    }
}

/// Makes a folder for the system and its administrators alone, with its parents; one that is there becomes so. In
/// ProgramData everybody may make folders: what a stranger laid there before us is not used, it may hold an identity
/// that reports to them, or a link to elsewhere.
#[cfg(windows)]
pub fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::windows::fs::MetadataExt as _;
    /// `FILE_ATTRIBUTE_REPARSE_POINT` (winnt.h): a link, a junction.
    const REPARSE_POINT: u32 = 0x400;
    let path = &std::path::absolute(path)?;
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(around) = path.parent().filter(|around| !around.exists()) {
                private_folder(around)?;
            }
            return acl::create_folder(path);
        }
        Err(error) => return Err(error),
    };
    let refused = |why: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    if found.file_attributes() & REPARSE_POINT != 0 {
        return refused("it is a link; put a real folder in its place".to_owned());
    }
    if !found.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let owner = acl::owner(path)?;
    if !descriptor::is_trusted(&owner, &acl::own_account()?) && fs::read_dir(path)?.next().is_some() {
        return refused(format!(
            "it belongs to {owner}, who is no administrator, and it is not empty; see what it holds, then remove it"
        ));
    }
    acl::protect(path, true)
}

/// Gives `path` to the owner of the folder around it. Only root can, and only root has to: whoever else may write there
/// is its owner.
#[cfg(unix)]
fn hand_over(path: &Path, around: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let (own, owner) = (fs::symlink_metadata(path)?, fs::metadata(around)?);
    if own.uid() == 0 && owner.uid() != 0 {
        std::os::unix::fs::lchown(path, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

#[cfg(windows)]
fn hand_over(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes durable which files a folder holds.
pub fn flush_folder(folder: &Path) -> io::Result<()> {
    // Windows flushes a folder's entries by itself and cannot open one as a file.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_key_is_for_its_owner_alone_even_where_something_lay_before() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("key.pem");
        fs::write(path.with_extension("new"), b"left by a killed writer").unwrap();
        fs::write(&path, b"old").unwrap();
        replace(&path, b"new", Readers::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(windows)]
    #[test]
    fn a_folder_that_others_may_enter_is_repaired_and_a_key_is_for_administrators_alone() {
        // Everybody, users, whoever logged on.
        const OTHERS: [&str; 3] = [";;;WD)", ";;;BU)", ";;;AU)"];
        let folder = tempfile::TempDir::new().unwrap();
        // Wine passes on what the folder around it has even where it is told not to: so that one is private, too.
        let around = folder.path().join("around");
        private_folder(&around).unwrap();
        let data = around.join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("left.txt"), b"left by an older agent").unwrap();
        let (made, key) = (data.join("made").join("identity"), data.join("key.pem"));
        private_folder(&data).unwrap();
        private_folder(&made).unwrap();
        replace(&key, b"old", Readers::Owner).unwrap();
        replace(&key, b"new", Readers::Owner).unwrap();
        assert_eq!(fs::read(&key).unwrap(), b"new");
        assert_eq!(fs::read_dir(&data).unwrap().count(), 3);
        for path in [&data, &data.join("made"), &made, &key] {
            let list = acl::describe(path).unwrap();
            assert!(OTHERS.iter().all(|other| !list.contains(other)), "{}: {list}", path.display());
        }
    }

    #[cfg(windows)]
    #[test]
    fn a_file_is_no_private_folder() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("data");
        fs::write(&path, b"").unwrap();
        assert!(private_folder(&path).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_root_writes_belongs_to_the_owner_of_the_folder() {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let folder = tempfile::TempDir::new().unwrap();
        let own = fs::metadata(folder.path()).unwrap().uid();
        // Nobody else can give something away, and for nobody else it could matter.
        let owner = if own == 0 { 65_534 } else { own };
        chown(folder.path(), Some(owner), None).unwrap();
        let identity = folder.path().join("identity");
        private_folder(&identity).unwrap();
        replace(&identity.join("credential.pem"), b"key", Readers::Owner).unwrap();
        for path in [&identity, &identity.join("credential.pem")] {
            assert_eq!(fs::metadata(path).unwrap().uid(), owner, "{}", path.display());
        }
    }
}
