//! What the agent says of a PC, beside what Windows' own tools say of it: `hostname`, `reg query`, `sc query`,
//! `whoami`.
//!
//! Wine 8 has no `net user` and no list of services in `sc`: there the registry's keys are the list. What Wine cannot
//! answer has to be told as such, and no function that Wine lacks may end in a panic.

use std::collections::BTreeMap;

use daicho_tests::programs::expect;
use daicho_tests::wine::Wine;
use serde_json::Value;

use crate::hospital::assert_calm;

const VERSION: &str = r"HKLM\Software\Microsoft\Windows NT\CurrentVersion";
const SERVICES: &str = r"HKLM\System\CurrentControlSet\Services";
const UNINSTALL: &str = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall";
const UNINSTALL_32: &str = r"HKLM\Software\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall";

/// The bits of a service's type that make it a service of programs and not a driver (winnt.h, SERVICE_WIN32).
const PROGRAMS: u64 = 0x30;

#[test]
fn each_probe_says_what_the_tools_say_or_that_it_cannot_tell() {
    let Some(pc) = Wine::open() else { return };
    pc.set(VERSION, "UBR", "REG_DWORD", "1234");
    for (key, name, version) in [
        (UNINSTALL, "Viewer", "1.2.3"),
        (UNINSTALL_32, "Old Viewer", "0.9"),
        (UNINSTALL, "診療ビューア", "5"),
    ] {
        let key = format!(r"{key}\{name}");
        pc.set(&key, "DisplayName", "REG_SZ", name);
        pc.set(&key, "DisplayVersion", "REG_SZ", version);
        pc.set(&key, "Publisher", "REG_SZ", "Example K.K.");
        pc.set(&key, "UninstallString", "REG_SZ", r"C:\remove.exe");
    }
    pc.install_stranger("RemoteHelper");
    pc.order("start", "RemoteHelper");
    pc.wait_for_service("RemoteHelper", "RUNNING");

    let before = states(&pc);
    let mut look = pc.agent();
    let output = pc.run(look.args(["collect"]));
    let errors = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect::<Vec<_>>();
    assert_calm(&errors);
    let document: Value = serde_json::from_str(&expect(&output, 0)).expect("JSON");
    println!("unsupported: {}\nproblems: {:#}", document["unsupported"], document["problems"]);

    every_fact_is_told_or_said_to_be_untold(&document);
    host_is_what_the_registry_and_hostname_say(&pc, &document);
    services_are_what_the_registry_and_sc_say(&pc, &document, &before);
    programs_are_what_the_registry_says(&pc, &document);
    accounts_hold_whoever_asks(&pc, &document);
}

fn every_fact_is_told_or_said_to_be_untold(document: &Value) {
    let named = |list: &Value, fact: &str| {
        let names = list.as_array().expect("a list").iter();
        names.map(|it| it.get("fact").unwrap_or(it)).any(|name| name == fact)
    };
    let facts = ["host", "accounts", "packages", "updates", "antivirus", "services", "software", "media"];
    for fact in facts {
        let empty = match &document[fact] {
            Value::Array(rows) => rows.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => true,
        };
        let excused = named(&document["unsupported"], fact) || named(&document["problems"], fact);
        // No stick was ever in this PC: an empty list of media is the truth.
        assert!(!empty || excused || fact == "media", "{fact} is empty, and nothing says why: {document:#}");
    }
}

fn host_is_what_the_registry_and_hostname_say(pc: &Wine, document: &Value) {
    let host = &document["host"];
    let told = |field: &str| host[field].as_str().unwrap_or_default().to_owned();
    assert_eq!(told("hostname").to_lowercase(), pc.said("hostname", &[]).trim().to_lowercase());
    let version = pc.registry(VERSION);
    let build = version.text("CurrentBuild").expect("every Windows has one");
    assert_eq!(told("os_build"), format!("{build}.1234"));
    assert_eq!(told("os_id"), "windows");
    let guid = pc.registry(r"HKLM\Software\Microsoft\Cryptography");
    assert_eq!(told("machine_id"), guid.text("MachineGuid").unwrap_or_default().to_lowercase());
    let packages = document["packages"].as_array().expect("a list");
    let windows = packages.iter().find(|it| it["name"] == "Windows").expect("Windows is a package");
    assert_eq!(windows["version"], format!("{build}.1234"));
}

/// The state of each service of programs, by its name.
fn states(pc: &Wine) -> BTreeMap<String, String> {
    let names = pc.registry(SERVICES).keys.into_iter();
    names.filter_map(|name| pc.service_state(&name).map(|state| (name, state))).collect()
}

/// Windows starts and ends services of its own at any time: one whose state changed while the agent looked is compared
/// in all but its state.
fn services_are_what_the_registry_and_sc_say(pc: &Wine, document: &Value, before: &BTreeMap<String, String>) {
    let all = document["services"].as_array().expect("a list");
    let told: BTreeMap<&str, &Value> = all
        .iter()
        .filter(|it| it["manager"] == "windows")
        .map(|it| (it["name"].as_str().unwrap_or_default(), it))
        .collect();
    let mut seen = 0;
    for name in pc.registry(SERVICES).keys {
        let key = pc.registry(&format!(r"{SERVICES}\{name}"));
        if key.number("Type").is_none_or(|kind| kind & PROGRAMS == 0) {
            assert!(!told.contains_key(name.as_str()), "{name} is no service of programs: {key:?}");
            continue;
        }
        let row = told.get(name.as_str()).unwrap_or_else(|| panic!("{name} is not told"));
        let start = match key.number("Start") {
            Some(0..=2) => "enabled",
            Some(3) => "manual",
            Some(4) => "disabled",
            _ => "unknown",
        };
        assert_eq!(row["start"], start, "{name}");
        let state = pc.service_state(&name).unwrap_or_else(|| panic!("sc does not know {name}"));
        if before.get(&name) != Some(&state) {
            println!("{name} was {:?} before the look and is {state}", before.get(&name));
            continue;
        }
        assert_eq!(row["running"], Value::Bool(state == "RUNNING"), "{name} is {state}: {row}");
        seen += 1;
    }
    println!("services: {seen} compared with reg query and sc query");
    assert!(seen > 10, "Wine has more services than {seen}");
    assert_eq!(told["RemoteHelper"]["running"], true);
}

/// Wine has one account, the tester's, and no `net user` that lists it.
fn accounts_hold_whoever_asks(pc: &Wine, document: &Value) {
    let said = pc.said("whoami", &[]);
    let name = said.trim().rsplit('\\').next().unwrap_or_default();
    let accounts = document["accounts"].as_array().expect("a list");
    assert!(accounts.iter().any(|it| it["name"] == name), "{said}: {accounts:#?}");
}

fn programs_are_what_the_registry_says(pc: &Wine, document: &Value) {
    let told = document["software"].as_array().expect("a list");
    let mut seen = 0;
    for uninstall in [UNINSTALL, UNINSTALL_32] {
        for name in pc.registry(uninstall).keys {
            let key = pc.registry(&format!(r"{uninstall}\{name}"));
            let Some(title) = key.text("DisplayName") else { continue };
            let row = told.iter().find(|it| it["name"] == title);
            let row = row.unwrap_or_else(|| panic!("{title} is not told: {told:#?}"));
            assert_eq!(row["version"].as_str(), key.text("DisplayVersion"), "{title}");
            assert_eq!(row["publisher"].as_str(), key.text("Publisher"), "{title}");
            seen += 1;
        }
    }
    println!("programs: {seen} compared with reg query");
    assert!(seen >= 2, "two were put there");
    // The tools print in a code page of the past.
    assert!(told.iter().any(|it| it["name"] == "診療ビューア" && it["version"] == "5"), "{told:#?}");
}
