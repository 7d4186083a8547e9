//! Real hives of Windows 7, 8.1 and 10, one of them with its logs, against what python-registry reads in them; damaged
//! ones give problems. Reads `../shared/data/registry`.

use std::io;

use daicho_agent::platform::windows::registry::{Hive, Registry, Value, of_disk};
use daicho_tests::published::{disk, folder, golden};
use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use tempfile::TempDir;

/// A key whose time and values are published.
struct Compared<'a> {
    registry: &'a dyn Registry,
    hive: Hive,
    keys: usize,
    values: usize,
}

impl Compared<'_> {
    fn key(&mut self, path: &str, entry: &Map<String, Json>, names: &[&str]) {
        self.keys += 1;
        if let Some(expected) = entry.get("last_write").and_then(Json::as_str) {
            let expected: Timestamp = format!("{expected}Z").parse().expect("a time");
            let written = self.registry.written_at(&self.hive, path).expect("readable").expect("a time");
            // The list has microseconds, which its maker reckoned with a rounding.
            let apart = written.as_nanosecond().abs_diff(expected.as_nanosecond());
            assert!(apart <= 2000, "{path}: {written} and {expected}");
        }
        let values = self.registry.values(&self.hive, path).expect("readable");
        let values = values.unwrap_or_else(|| panic!("{path} is not there"));
        for (name, expected) in
            entry.iter().filter(|(name, _)| *name != "last_write" && !names.contains(&name.as_str()))
        {
            let own = values.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
            let (_, value) = own.unwrap_or_else(|| panic!("{path}: {name} is not there"));
            assert!(is_same(value, expected), "{path}: {name} is {value:?}, {expected} is published");
            self.values += 1;
        }
    }

    /// All of these are there; the published lists leave out keys that hold nothing.
    fn names(&self, path: &str, expected: &[&str]) {
        let own = self.registry.keys(&self.hive, path).expect("readable").expect("it is there");
        let missing = expected.iter().filter(|name| !own.iter().any(|own| own == *name)).collect::<Vec<_>>();
        assert!(missing.is_empty(), "{path} lacks {missing:?}");
    }
}

fn is_same(value: &Value, expected: &Json) -> bool {
    match value {
        Value::Number(number) => expected.as_u64() == Some(*number),
        Value::Text(text) => expected.as_str() == Some(text),
        // The list keeps the empty texts at the end, which close it.
        Value::Texts(texts) => expected.as_array().is_some_and(|all| {
            let said = all.iter().filter_map(Json::as_str).filter(|text| !text.is_empty());
            said.eq(texts.iter().map(String::as_str).filter(|text| !text.is_empty()))
        }),
        Value::Bytes(bytes) => {
            let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            let text = String::from_utf16_lossy(&units.collect::<Vec<_>>());
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            expected.as_str().is_some_and(|expected| expected == digits || expected == text)
        }
    }
}

fn field<'a>(entry: &'a Json, name: &str) -> &'a str {
    entry[name].as_str().expect("a text")
}

fn check_system(name: &str, files: &[(&str, &str)]) -> Option<Vec<String>> {
    let data = folder()?;
    let folder = disk(&data, files);
    let registry = of_disk(folder.path()).expect("a disk");
    let golden = golden(&data, name);
    registry.begin();
    let mut compared = Compared { registry: &*registry, hive: Hive::System, keys: 0, values: 0 };
    let services = golden["Services"].as_array().expect("a list");
    compared.names(
        "CurrentControlSet\\Services",
        &services.iter().map(|entry| field(entry, "name")).collect::<Vec<_>>(),
    );
    for service in services {
        let path = format!("CurrentControlSet\\Services\\{}", field(service, "name"));
        compared.key(&path, service.as_object().expect("an object"), &["name"]);
    }
    for (bus, first, second) in [("USBSTOR", "device", "serial"), ("USB", "vidpid", "instance")] {
        for device in golden[bus].as_array().into_iter().flatten() {
            let path = format!(
                "CurrentControlSet\\Enum\\{bus}\\{}\\{}",
                field(device, first),
                field(device, second)
            );
            compared.key(&path, device.as_object().expect("an object"), &[first, second]);
        }
    }
    compared.key("MountedDevices", golden["MountedDevices"].as_object().expect("an object"), &[]);
    let zone = golden["TimeZone"].as_object().expect("an object");
    compared.key("CurrentControlSet\\Control\\TimeZoneInformation", zone, &[]);
    let computer = Map::from_iter([("ComputerName".to_owned(), golden["ComputerName"].clone())]);
    compared.key("CurrentControlSet\\Control\\ComputerName\\ComputerName", &computer, &[]);
    println!("{name}: {} keys and {} values are as published", compared.keys, compared.values);
    assert!(compared.keys > 400 && compared.values > 1000);
    Some(registry.found())
}

#[test]
fn system_of_windows_10_agrees_and_lacks_its_logs() {
    let files = [("SYSTEM", "regipy-SYSTEM_WIN_10_1709")];
    let Some(found) = check_system("regipy-SYSTEM_WIN_10_1709", &files) else { return };
    assert!(found.len() == 1 && found[0].contains("no log lies beside it"), "{found:?}");
}

#[test]
fn system_of_windows_8_agrees_and_lacks_its_logs() {
    let Some(found) = check_system("regipy-SYSTEM_2", &[("SYSTEM", "regipy-SYSTEM_2")]) else { return };
    assert!(found.len() == 1 && found[0].contains("no log lies beside it"), "{found:?}");
}

#[test]
fn system_of_windows_10_before_its_logs_agrees() {
    let Some(found) = check_system("regipy-SYSTEM_B", &[("SYSTEM", "regipy-SYSTEM_B")]) else { return };
    assert!(found.len() == 1 && found[0].contains("no log lies beside it"), "{found:?}");
}

/// Twenty-four entries with 315 pages, which let the hive grow: all keys are there, whole, and newer.
#[test]
fn system_of_windows_10_with_its_logs_is_whole_and_newer() {
    let Some(data) = folder() else { return };
    let own = ("SYSTEM", "regipy-SYSTEM_B");
    let (before, after) = (
        disk(&data, &[own]),
        disk(&data, &[own, ("SYSTEM.LOG1", "regipy-SYSTEM_B.LOG1"), ("SYSTEM.LOG2", "regipy-SYSTEM_B.LOG2")]),
    );
    let newest = |folder: &TempDir| {
        let registry = of_disk(folder.path()).expect("a disk");
        registry.begin();
        let (keys, newest, errors) = walked(&*registry);
        assert!(errors.is_empty(), "{errors:?}");
        (keys, newest, registry.found())
    };
    let (before, after) = (newest(&before), newest(&after));
    println!("before {before:?}, after {after:?}");
    // As many as an independent replay of the logs gives python-registry to read.
    assert_eq!((before.0, after.0), (33_123, 35_595));
    assert_eq!(after.1.map(|time| time.to_string()).as_deref(), Some("2018-04-06T12:51:31.4768689Z"));
    // The hive counts from its last start, its logs from their own: nobody can say that nothing lies between.
    assert!(after.2.len() == 1 && after.2[0].contains("begin with change 2107"), "{:?}", after.2);
    assert!(before.1 < after.1);
}

#[test]
fn software_of_windows_7_agrees() {
    let Some(data) = folder() else { return };
    let folder = disk(&data, &[("SOFTWARE", "plaso-SOFTWARE-win7x86")]);
    let registry = of_disk(folder.path()).expect("a disk");
    let golden = golden(&data, "plaso-SOFTWARE-win7x86");
    registry.begin();
    let mut compared = Compared { registry: &*registry, hive: Hive::Software, keys: 0, values: 0 };
    let version = golden["CurrentVersion"].as_object().expect("an object");
    compared.key("Microsoft\\Windows NT\\CurrentVersion", version, &[]);
    const UNINSTALL: &str = "Microsoft\\Windows\\CurrentVersion\\Uninstall";
    let products = golden["Uninstall"].as_array().expect("a list");
    compared.names(UNINSTALL, &products.iter().map(|product| field(product, "key")).collect::<Vec<_>>());
    for product in products {
        let path = format!("{UNINSTALL}\\{}", field(product, "key"));
        compared.key(&path, product.as_object().expect("an object"), &["key"]);
    }
    println!("SOFTWARE: {} keys and {} values are as published", compared.keys, compared.values);
    assert!(registry.found().is_empty(), "{:?}", registry.found());
}

#[test]
fn sam_of_windows_7_agrees() {
    let Some(data) = folder() else { return };
    let folder = disk(&data, &[("SAM", "regipy-SAM")]);
    let registry = of_disk(folder.path()).expect("a disk");
    registry.begin();
    let mut compared = Compared { registry: &*registry, hive: Hive::Sam, keys: 0, values: 0 };
    for user in golden(&data, "regipy-SAM")["Users"].as_array().expect("a list") {
        let path = format!("SAM\\Domains\\Account\\Users\\{:08X}", user["rid"].as_u64().expect("a number"));
        let written = Map::from_iter([("last_write".to_owned(), user["last_write"].clone())]);
        compared.key(&path, &written, &[]);
        let name = format!("SAM\\Domains\\Account\\Users\\Names\\{}", field(user, "name"));
        assert!(registry.has(&Hive::Sam, &name).expect("readable"), "{name}");
    }
    assert_eq!(compared.keys, 3);
    assert!(registry.found().is_empty(), "{:?}", registry.found());
}

/// How many keys there are, the newest time of one, and what could not be read.
fn walked(registry: &dyn Registry) -> (usize, Option<Timestamp>, Vec<String>) {
    let (mut keys, mut newest, mut errors) = (0, None, Vec::new());
    let mut paths = vec![String::new()];
    while let Some(path) = paths.pop() {
        keys += 1;
        let read = |error: io::Error| error.to_string();
        errors.extend(registry.values(&Hive::System, &path).map_err(read).err());
        let written = registry.written_at(&Hive::System, &path).ok().flatten();
        newest = newest.max(written);
        match registry.keys(&Hive::System, &path) {
            Ok(names) => {
                let names = names
                    .into_iter()
                    .flatten()
                    .filter(|name| !path.is_empty() || name != "CurrentControlSet");
                paths
                    .extend(names.map(|name| if path.is_empty() { name } else { format!("{path}\\{name}") }));
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    (keys, newest, errors)
}

#[test]
fn damaged_hives_are_told_and_read_as_far_as_they_go() {
    let Some(data) = folder() else { return };
    let keys = |name: &str| {
        let folder = disk(&data, &[("SYSTEM", name)]);
        let registry = of_disk(folder.path()).expect("a disk");
        registry.begin();
        let (keys, _, mut told) = walked(&*registry);
        told.extend(registry.found());
        println!("{name}: {keys} keys, {told:?}");
        (keys, told)
    };
    let (count, told) = keys("100_sub_keys.hiv");
    assert!(count > 100 && told.is_empty(), "{count} keys, {told:?}");
    let (_, told) = keys("corrupt_sub_key_list.hiv");
    assert!(told.iter().any(|told| told.contains("is damaged")), "{told:?}");
    let (count, told) = keys("regipy-corrupted_system_hive");
    assert!(count > 100 && !told.is_empty(), "{count} keys, {told:?}");
}
