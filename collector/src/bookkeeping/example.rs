//! The example ledger of deploy/ledger, compiled in: a small hospital, made up from end to end.

use daicho_rules::ledger::Ledger;

use super::reading::RawFile;
use super::sheets::Known;
use super::{Faults, Mapping, read_files};

/// Its files, as they lie in the folder.
pub fn files() -> Vec<RawFile> {
    let file = |name: &str, text: &str| RawFile { name: name.to_owned(), bytes: text.as_bytes().to_vec() };
    vec![
        file("devices.csv", include_str!("../../../deploy/ledger/devices.csv")),
        file("staff.csv", include_str!("../../../deploy/ledger/staff.csv")),
        file("accounts.csv", include_str!("../../../deploy/ledger/accounts.csv")),
        file("services.csv", include_str!("../../../deploy/ledger/services.csv")),
        file("software.csv", include_str!("../../../deploy/ledger/software.csv")),
        file("media.csv", include_str!("../../../deploy/ledger/media.csv")),
        file("patches.csv", include_str!("../../../deploy/ledger/patches.csv")),
        file("exceptions.csv", include_str!("../../../deploy/ledger/exceptions.csv")),
        file("settings.csv", include_str!("../../../deploy/ledger/settings.csv")),
    ]
}

/// The ledger.
pub fn ledger() -> Result<Ledger, Faults> {
    let reading = read_files(&files(), &Mapping::new(), &Known::of_the_house());
    if reading.faults.0.is_empty() { Ok(reading.ledger) } else { Err(reading.faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_has_no_fault_and_every_sheet() {
        let ledger = ledger().expect("no fault");
        assert_eq!((ledger.devices.len(), ledger.staff.len()), (26, 40));
        for table in super::super::table::tables(&ledger) {
            assert!(!table.rows.is_empty(), "{} is empty", table.plan.name);
        }
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/ledger");
        let on_disk = super::super::read(&folder).expect("the folder reads like its copy");
        assert_eq!(on_disk.ledger, ledger);
        assert!(on_disk.missing.is_empty() && on_disk.unread.is_empty());
    }
}
