//! Account files and os-release of real systems, against what another parser (jc) says of them. Reads
//! `../shared/data/linux`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use daicho_agent::platform;
use daicho_proto::facts::{Look, PasswordState};
use serde_json::Value;

fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/linux");
    if !folder.is_dir() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{} is missing", folder.display());
        eprintln!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

fn golden(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the list is there");
    serde_json::from_str(&text).expect("it is a list")
}

fn check(system: &str) {
    let Some(data) = data().map(|data| data.join(system)) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("etc")).expect("a folder");
    for name in ["passwd", "shadow", "group"] {
        fs::copy(data.join(format!("{name}.out")), folder.path().join("etc").join(name)).expect("a copy");
    }
    let Look::Seen { value: accounts, problems } =
        platform::at_root(folder.path()).expect("a root").accounts()
    else {
        panic!("the accounts of {system} were not read");
    };
    assert!(problems.is_empty(), "{problems:?}");
    let passwd = golden(&data.join("passwd.json"));
    let names: Vec<(String, String)> = passwd
        .iter()
        .map(|entry| (entry["username"].as_str().expect("a name").to_owned(), entry["uid"].to_string()))
        .collect();
    let seen: Vec<(String, String)> =
        accounts.iter().map(|account| (account.name.clone(), account.id.clone().expect("an ID"))).collect();
    assert_eq!(seen, names, "{system}");
    let shadow: BTreeMap<String, Value> = golden(&data.join("shadow.json"))
        .into_iter()
        .map(|entry| (entry["username"].as_str().expect("a name").to_owned(), entry))
        .collect();
    let mut checked = 0;
    for account in &accounts {
        let Some(entry) = shadow.get(&account.name) else { continue };
        let state = match entry["password"].as_str().unwrap_or_default() {
            "" => PasswordState::None,
            text if text.starts_with(['!', '*']) => PasswordState::Locked,
            _ => PasswordState::Set,
        };
        assert_eq!(account.password.state, state, "{system} {}", account.name);
        let day = account.password.changed_at.map(|at| at.as_second() / 86_400);
        assert_eq!(day, entry["last_changed"].as_i64(), "{system} {}", account.name);
        checked += 1;
    }
    assert!(checked > 10, "{checked} accounts of {system} were compared");
    assert!(accounts.iter().all(|account| account.privileged.is_some()));
}

#[test]
fn centos_7_is_read_as_it_is() {
    check("centos-7.7");
}

#[test]
fn ubuntu_18_is_read_as_it_is() {
    check("ubuntu-18.04");
}

#[test]
fn os_release_names_the_system() {
    let Some(data) = data() else { return };
    for system in ["centos", "ubuntu"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("etc")).expect("a folder");
        let from = data.join(format!("generic/os-release-{system}"));
        fs::copy(&from, folder.path().join("etc/os-release")).expect("a copy");
        let look = platform::at_root(folder.path()).expect("a root").host();
        let host = look.value().expect("a host");
        let text = fs::read_to_string(from.with_extension("json")).expect("the list is there");
        let golden: Value = serde_json::from_str(&text).expect("it is JSON");
        let word = |key: &str| golden[key].as_str().map(str::to_owned);
        assert_eq!(host.os_id, word("ID"));
        assert_eq!(host.os_name, word("PRETTY_NAME"));
        assert_eq!(host.os_version, word("VERSION_ID"));
    }
}
