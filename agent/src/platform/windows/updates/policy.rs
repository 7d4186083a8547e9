//! What the hospital told Windows Update: where to search, and whether to.

use super::super::reading::Reading;
use super::super::registry::Hive;

const POLICIES: &str = "Policies\\Microsoft\\Windows\\WindowsUpdate";

/// The policies that decide what the list of pending updates is worth.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    /// Who offers: `Windows Update`, or `WSUS http://wsus.hosp.local:8530`.
    pub(super) origin: String,
    /// Each policy that is set, for people.
    pub(super) told: Vec<String>,
}

/// Reads the policies of this machine.
pub(super) fn read(reading: &mut Reading<'_>) -> Policy {
    let automatic = format!("{POLICIES}\\AU");
    let mut number = |path: &str, name: &str| reading.number(&Hive::Software, path, name);
    let uses_server = number(&automatic, "UseWUServer") == Some(1);
    let mut told = Vec::new();
    for (path, name) in [
        (automatic.as_str(), "NoAutoUpdate"),
        (POLICIES, "DisableWindowsUpdateAccess"),
        (POLICIES, "DoNotConnectToWindowsUpdateInternetLocations"),
        (POLICIES, "SetDisableUXWUAccess"),
    ] {
        if number(path, name) == Some(1) {
            told.push(name.to_owned());
        }
    }
    if let Some(options) = number(&automatic, "AUOptions") {
        told.push(format!("AUOptions {options}"));
    }
    let server = reading.text(&Hive::Software, POLICIES, "WUServer").filter(|_| uses_server);
    let origin = match &server {
        Some(server) => format!("WSUS {server}"),
        None => "Windows Update".to_owned(),
    };
    if server.is_some() {
        told.push(origin.clone());
    }
    Policy { origin, told }
}
