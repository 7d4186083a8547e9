//! Passwords and keys: read from a file at each use, so that a new one works at once and none lies in memory.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A password of more bytes is a wrong file.
const BYTES_MAX: u64 = 4_096;

/// Where a secret lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Secret {
    path: PathBuf,
}

impl Secret {
    /// An absolute path, or the name of a systemd credential (systemd.exec(5), `LoadCredential=`), which lies in
    /// `credentials`.
    pub(super) fn locate(path: &Path, credentials: Option<&Path>) -> Result<Self, String> {
        if path.is_absolute() {
            return Ok(Secret { path: path.to_owned() });
        }
        if path.components().count() != 1 {
            return Err(format!("{} must be an absolute path or the name of a credential", path.display()));
        }
        match credentials {
            Some(folder) => Ok(Secret { path: folder.join(path) }),
            None => Err(format!(
                "{} is no absolute path, and systemd gave this process no credentials: write the path, or add \
                 LoadCredential={}:/path/to/file to the unit",
                path.display(),
                path.display(),
            )),
        }
    }

    /// The secret, without the line end that editors add.
    pub(super) fn read(&self) -> Result<String, String> {
        let path = self.path.display();
        let cannot = |error: std::io::Error| format!("the secret in {path} cannot be read: {error}");
        let metadata = std::fs::metadata(&self.path).map_err(cannot)?;
        if metadata.mode() & 0o007 != 0 {
            return Err(format!("everybody can read the secret in {path}: run chmod o= {path}"));
        }
        if !metadata.is_file() || metadata.len() > BYTES_MAX {
            return Err(format!(
                "{path} is no file of at most {BYTES_MAX} bytes: name the file with the secret"
            ));
        }
        let text = std::fs::read_to_string(&self.path).map_err(cannot)?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() || text.contains(['\r', '\n', '\0']) {
            return Err(format!("{path} must hold the secret alone, in one line"));
        }
        Ok(text.to_owned())
    }
}

/// The folder of this process's systemd credentials.
pub(super) fn credentials() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn written(text: &str, mode: u32) -> (tempfile::TempDir, Secret) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, Secret { path })
    }

    #[test]
    fn the_line_end_of_an_editor_is_no_part_of_the_secret() {
        assert_eq!(written("open sesame\n", 0o600).1.read().unwrap(), "open sesame");
    }

    #[test]
    fn a_secret_that_everybody_can_read_is_refused_and_not_shown() {
        let error = written("open sesame", 0o644).1.read().unwrap_err();
        assert!(error.contains("chmod") && !error.contains("sesame"), "{error}");
    }

    #[test]
    fn an_empty_or_longer_file_is_no_secret() {
        assert!(written("\n", 0o600).1.read().is_err());
        assert!(written("one\ntwo\n", 0o600).1.read().is_err());
    }

    #[test]
    fn a_name_without_a_slash_is_a_credential() {
        let located = Secret::locate(Path::new("smtp"), Some(Path::new("/run/credentials/x"))).unwrap();
        assert_eq!(located.path, Path::new("/run/credentials/x/smtp"));
        assert!(Secret::locate(Path::new("smtp"), None).unwrap_err().contains("LoadCredential"));
        assert!(Secret::locate(Path::new("a/../b"), Some(Path::new("/run"))).is_err());
    }
}
