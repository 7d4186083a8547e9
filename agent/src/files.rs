//! Files that are whole or not there: written beside their place, flushed, renamed, the folder flushed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

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
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(match readers {
            Readers::Owner => 0o600,
            Readers::Everybody => 0o644,
        });
    }
    #[cfg(not(unix))]
    let _ = readers;
    let mut file = options.open(&beside)?;
    hand_over(&beside, folder)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    flush_folder(folder)
}

/// Makes a folder that its owner alone may enter, with its parents. It belongs to whom the folder around it belongs.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let is_new = !path.exists();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    match path.parent() {
        Some(around) if is_new => hand_over(path, around),
        _ => Ok(()),
    }
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

#[cfg(not(unix))]
fn hand_over(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}

fn flush_folder(folder: &Path) -> io::Result<()> {
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
