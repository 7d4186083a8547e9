//! The SAM hive of a real Windows 7, against what another parser (python-registry) says of it. Reads
//! `../shared/data/registry`.

use std::fs;

use daicho_agent::platform;
use daicho_proto::facts::{LoginState, Look, PasswordState};
use daicho_tests::published::{folder, unpacked};
use jiff::Timestamp;
use serde_json::Value;

/// The other parser tells microseconds.
fn at(value: &Value) -> Option<i64> {
    value.as_str().map(|text| text.parse::<Timestamp>().expect("a time").as_microsecond())
}

/// Bits of `acb` (`USER_ACCOUNT_DISABLED`, `USER_DONT_EXPIRE_PASSWORD`; MS-SAMR 2.2.1.12).
const DISABLED: u64 = 0x1;

#[test]
fn the_accounts_of_windows_7_are_read_as_they_are() {
    let Some(data) = folder() else { return };
    let golden: Value =
        serde_json::from_slice(&fs::read(data.join("regipy-SAM.json")).expect("the list is there"))
            .expect("it is JSON");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("Windows/System32/config");
    fs::create_dir_all(&config).expect("a folder");
    fs::write(config.join("SAM"), unpacked(&data.join("regipy-SAM.xz"))).expect("a hive");

    let Look::Seen { value: accounts, problems } =
        platform::at_root(folder.path()).expect("a root").accounts()
    else {
        panic!("the accounts were not read");
    };
    let users = golden["Users"].as_array().expect("a list");
    assert_eq!(accounts.len(), users.len());
    let administrators = golden["BuiltinGroups"]["Administrators"].as_array().expect("a list");
    let is_administrator = |id: &str| administrators.iter().any(|member| member == id);
    for user in users {
        let name = user["name"].as_str().expect("a name");
        let account = accounts.iter().find(|account| account.name == name).expect(name);
        let id = account.id.as_deref().expect("a SID");
        assert!(id.ends_with(&format!("-{}", user["rid"])), "{name} {id}");
        assert_eq!(account.full_name.as_deref().unwrap_or_default(), user["full_name"], "{name}");
        let flags = user["acb"].as_u64().expect("a number");
        assert_eq!(account.enabled, Some(flags & DISABLED == 0), "{name}");
        let last_login = account.last_login.at.map(Timestamp::as_microsecond);
        assert_eq!(last_login, at(&user["last_logon"]), "{name}");
        // The hive alone does not tell that somebody was never here.
        let state = if last_login.is_some() { LoginState::At } else { LoginState::Unknown };
        assert_eq!(account.last_login.state, state, "{name}");
        let changed = account.password.changed_at.map(Timestamp::as_microsecond);
        assert_eq!(changed, at(&user["pwd_last_set"]), "{name}");
        assert_eq!(account.expires_at.map(Timestamp::as_microsecond), at(&user["acct_expires"]), "{name}");
        assert_eq!(account.privileged, Some(is_administrator(id)), "{name}");
        let guest = user["rid"] == 501;
        let password = if guest { PasswordState::None } else { PasswordState::Set };
        assert_eq!(account.password.state, password, "{name}");
        assert_eq!(account.interactive, None, "the SECURITY hive is not there");
    }
    assert!(problems.iter().any(|problem| problem.contains("SECURITY")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("domain controller")), "{problems:?}");
}
