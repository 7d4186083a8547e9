//! Hives of real Windows 7 and 10: services and programs. Reads `../shared/data/registry`; what is expected is what
//! python-registry read from the same hives.

use std::collections::BTreeMap;

use daicho_agent::platform::at_root;
use daicho_proto::facts::{Look, ServiceManager, StartMode};
use daicho_tests::published;

/// Bits of a service's `Type` (winnt.h): a process of its own or a shared one, and one person's copy of a template.
const OWN_OR_SHARED: u64 = 0x30;
const COPY: u64 = 0x80;

fn seen<T>(look: Look<T>) -> T {
    let Look::Seen { value, .. } = look else { panic!("not seen") };
    value
}

#[test]
fn the_services_of_windows_10_start_as_another_reader_sees() {
    let Some(data) = published::folder() else { return };
    let name = "regipy-SYSTEM_WIN_10_1709";
    let disk = published::disk(&data, &[("SYSTEM", name)]);
    let told = seen(at_root(disk.path()).expect("a disk of Windows").services());
    let golden = published::golden(&data, name);
    let number = |row: &serde_json::Value, key: &str| row[key].as_u64().unwrap_or_default();
    let rows = golden["Services"].as_array().expect("a list").iter();
    let services = rows.filter(|row| {
        let kind = number(row, "Type");
        kind & OWN_OR_SHARED != 0 && kind & COPY == 0
    });
    let expected: BTreeMap<String, StartMode> = services
        .map(|row| {
            let start = match number(row, "Start") {
                0..=2 => StartMode::Enabled,
                3 => StartMode::Manual,
                _ => StartMode::Disabled,
            };
            (row["name"].as_str().expect("a name").to_lowercase(), start)
        })
        .collect();
    let starts: BTreeMap<String, StartMode> = told
        .iter()
        .filter(|service| service.manager == ServiceManager::Windows)
        .map(|service| (service.name.to_lowercase(), service.start))
        .collect();
    let missing: Vec<_> = expected.iter().filter(|(name, start)| starts.get(*name) != Some(*start)).collect();
    assert!(missing.is_empty(), "of {}: {missing:?}", expected.len());
    assert_eq!(expected.len(), 271);
    // What is told beside them are switches of services, by names of their own.
    let beside: Vec<_> = starts.keys().filter(|name| !expected.contains_key(*name)).collect();
    assert!(beside.len() <= 3, "{beside:?}");
    assert!(told.iter().all(|service| service.running.is_none()), "a disk does not tell what runs");
}

#[test]
fn the_programs_of_windows_7_are_those_that_its_owner_sees() {
    let Some(data) = published::folder() else { return };
    let name = "plaso-SOFTWARE-win7x86";
    let disk = published::disk(&data, &[("SOFTWARE", name)]);
    let told = seen(at_root(disk.path()).expect("a disk of Windows").software());
    let golden = published::golden(&data, name);
    let rows = golden["Uninstall"].as_array().expect("a list").iter();
    let mut expected: Vec<(String, Option<String>)> = rows
        .filter(|row| row["SystemComponent"] != 1 && row["ReleaseType"].is_null())
        .filter_map(|row| {
            let version = row["DisplayVersion"].as_str().map(str::to_owned);
            Some((row["DisplayName"].as_str()?.to_owned(), version))
        })
        .collect();
    expected.sort();
    let mut programs: Vec<(String, Option<String>)> =
        told.into_iter().map(|program| (program.name, program.version)).collect();
    programs.sort();
    assert_eq!(programs, expected);
    assert_eq!(programs.len(), 12);
}
