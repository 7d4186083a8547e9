//! Hives of real Windows machines and what others read in them, in `../shared/data/registry`: no part of this project.

use std::fs;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

/// The folder of the data. `None`: it is not there, the test says that it was skipped, and with `CI=true` fails.
pub fn folder() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/registry");
    if !path.is_dir() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{} is missing", path.display());
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// A packed file of the data, unpacked.
pub fn unpacked(path: &Path) -> Vec<u8> {
    let packed = BufReader::new(fs::File::open(path).expect("a file of the data"));
    let mut bytes = Vec::new();
    xz4rust::XzReader::new(packed).read_to_end(&mut bytes).expect("it is xz");
    bytes
}

/// A disk that has these files in its folder of hives: `(name there, name among the data)`.
pub fn disk(data: &Path, files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("Windows/System32/config");
    fs::create_dir_all(&config).expect("a temporary folder can be written");
    for (name, from) in files {
        let bytes = unpacked(&data.join(format!("{from}.xz")));
        fs::write(config.join(name), bytes).expect("a temporary folder can be written");
    }
    folder
}

/// What another reader saw in the hive of this name.
pub fn golden(data: &Path, name: &str) -> Value {
    let text = fs::read_to_string(data.join(format!("{name}.json"))).expect("the published list");
    serde_json::from_str(&text).expect("it is JSON")
}
