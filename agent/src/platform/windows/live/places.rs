//! Where this Windows keeps what belongs to no person.

use std::path::PathBuf;

use windows_registry::LOCAL_MACHINE;

/// `C:\ProgramData`, or where it was put. From the registry and not from the environment, which whoever starts a program
/// chooses, and which is another one for services under Wine.
pub(crate) fn program_data() -> PathBuf {
    let told = LOCAL_MACHINE
        .open(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList")
        .and_then(|key| key.get_string("ProgramData"));
    let drive = std::env::var("SystemDrive").unwrap_or_else(|_| "C:".to_owned());
    match told.map(|path| expand(&path, &drive)) {
        Ok(path) if path.is_absolute() => path,
        _ => PathBuf::from(format!(r"{drive}\ProgramData")),
    }
}

/// The value names the drive by a variable, and nothing else.
fn expand(path: &str, drive: &str) -> PathBuf {
    const VARIABLE: &str = "%SystemDrive%";
    match path.get(..VARIABLE.len()) {
        Some(start) if start.eq_ignore_ascii_case(VARIABLE) => {
            PathBuf::from(format!("{drive}{}", &path[VARIABLE.len()..]))
        }
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drive_is_filled_in_whatever_its_case() {
        assert_eq!(expand(r"%systemdrive%\ProgramData", "D:"), PathBuf::from(r"D:\ProgramData"));
        assert_eq!(expand(r"E:\Daten", "C:"), PathBuf::from(r"E:\Daten"));
    }
}
