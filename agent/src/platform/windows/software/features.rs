//! Parts of Windows that are off until somebody switches them on, and that a hospital should know of: clients of
//! protocols without encryption. Switched on, their program lies in System32.

use daicho_proto::facts::Software;

use crate::platform::windows::Machine;
use crate::platform::windows::places::Places;

/// The feature's name (dism.exe) and its program.
const FEATURES: [(&str, &str); 2] = [("TelnetClient", "telnet.exe"), ("TFTP", "TFTP.EXE")];

/// Looks for them.
pub(super) fn read(machine: &Machine, places: &Places, problems: &mut Vec<String>) -> Vec<Software> {
    let system = "Windows/System32";
    // Where the registry alone was kept, whether these programs lie on the disk is not known, and nothing is said of it.
    if !matches!(machine.disk.find(&format!("{system}/ntdll.dll")), Ok(Some(_))) {
        return Vec::new();
    }
    let each = FEATURES.into_iter().filter_map(|(name, file)| {
        match machine.disk.find(&format!("{system}/{file}")) {
            Ok(Some(_)) => Some(Software {
                name: name.to_owned(),
                source: Some("feature".to_owned()),
                path: Some(format!("{}\\System32\\{file}", places.root())),
                ..Software::default()
            }),
            Ok(None) => None,
            Err(error) => {
                problems.push(format!("whether the feature {name} is on could not be read: {error}"));
                None
            }
        }
    });
    each.collect()
}
