//! Accounts that systemd keeps as records of JSON instead of lines in passwd(5): systemd-homed's, and those that
//! userdb drop-ins describe (https://systemd.io/USER_RECORD). A hash in them is looked at and never kept.

use std::io;

use daicho_proto::facts::{Account, Password, PasswordState};
use jiff::Timestamp;
use serde_json::Value;

use super::names::Entry;
use crate::platform::linux::root::Root;

/// Where they are, and how their names end. What lies in /run is made by services for themselves.
const FOLDERS: [(&str, &str); 3] =
    [("/var/lib/systemd/home", ".identity"), ("/etc/userdb", ".user"), ("/usr/lib/userdb", ".user")];

/// A record has some kilobytes; a folder of more accounts than this is no machine's own.
const RECORDS_MAX: usize = 1024;

/// One record: the account, as far as it says, and what else decides about it.
pub(super) struct Record {
    pub(super) account: Account,
    /// As passwd(5) would have it.
    pub(super) entry: Entry,
    /// The groups that the record names.
    pub(super) groups: Vec<String>,
}

/// Reads the records.
pub(super) fn read(root: &Root, now: Timestamp, problems: &mut Vec<String>) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for (folder, end) in FOLDERS {
        let names = match root.list(folder) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                problems.push(format!("{folder} could not be listed, so accounts may be missing: {error}"));
                continue;
            }
        };
        for name in names.iter().filter(|name| name.ends_with(end)) {
            let path = format!("{folder}/{name}");
            // `1000.user` is a link to the record that is named like its account.
            match root.read_text(&path).map(|text| parse(&text, now)) {
                Ok(Some(record)) => {
                    let known = records.iter().any(|other| other.entry.name == record.entry.name);
                    if !known && records.len() < RECORDS_MAX {
                        records.push(record);
                    }
                }
                Ok(None) => problems.push(format!("{path} is no record of an account and was left out")),
                Err(error) => {
                    problems.push(format!("{path} could not be read, so an account is missing: {error}"));
                }
            }
        }
    }
    records
}

fn parse(text: &str, now: Timestamp) -> Option<Record> {
    let record: Value = serde_json::from_str(text).ok()?;
    let word = |key: &str| record.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| record.get(key).and_then(Value::as_u64);
    let time = |key: &str| {
        let microseconds = i64::try_from(number(key)?).ok()?;
        Timestamp::from_microsecond(microseconds).ok()
    };
    let name = word("userName").filter(|name| !name.is_empty())?;
    let user_id = number("uid").and_then(|id| u32::try_from(id).ok());
    let hashes = record.get("privileged").and_then(|part| part.get("hashedPassword"));
    let state = match hashes.and_then(Value::as_array) {
        Some(hashes) if hashes.iter().any(|hash| hash.as_str() == Some("")) => PasswordState::None,
        Some(hashes) if !hashes.is_empty() => PasswordState::Set,
        // Others may keep the hash elsewhere, or open it with a token.
        _ => PasswordState::Unknown,
    };
    let ended = time("notAfterUSec").is_some_and(|end| now >= end);
    let enabled = match record.get("locked").and_then(Value::as_bool) {
        Some(true) => Some(false),
        _ if ended => Some(false),
        _ if state == PasswordState::Unknown => None,
        _ => Some(true),
    };
    let entry = Entry {
        name: name.clone(),
        password: Some(state),
        // Without a number there is no group by it and no record in lastlog.
        user_id: user_id.unwrap_or(u32::MAX),
        group_id: number("gid").and_then(|id| u32::try_from(id).ok()).or(user_id).unwrap_or(u32::MAX),
        full_name: word("realName"),
        home: word("homeDirectory").unwrap_or_else(|| format!("/home/{name}")),
        shell: word("shell").unwrap_or_else(|| "/bin/bash".to_owned()),
    };
    let account = Account {
        id: user_id.map(|id| id.to_string()),
        full_name: entry.full_name.clone(),
        enabled,
        password: Password { state, changed_at: time("lastPasswordChangeUSec"), expires_at: None },
        expires_at: time("notAfterUSec"),
        name,
        ..Account::default()
    };
    let groups = record.get("memberOf").and_then(Value::as_array).into_iter().flatten();
    let groups = groups.filter_map(Value::as_str).map(str::to_owned).collect();
    Some(Record { account, entry, groups })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_tells_what_it_knows_and_no_more() {
        let now = "2026-11-22T03:00:00Z".parse().unwrap();
        let account = |text: &str| parse(text, now).map(|record| record.account);
        let full = r#"{"userName":"mori","uid":60010,"realName":"森","shell":"/bin/zsh","privileged":{"hashedPassword":["$y$none"]}}"#;
        let mori = account(full).unwrap();
        assert_eq!(
            (mori.name.as_str(), mori.id.as_deref(), mori.enabled),
            ("mori", Some("60010"), Some(true))
        );
        assert_eq!(mori.password.state, PasswordState::Set);
        assert_eq!(account(r#"{"userName":"a","locked":true}"#).unwrap().enabled, Some(false));
        assert_eq!(account(r#"{"userName":"a","notAfterUSec":1000}"#).unwrap().enabled, Some(false));
        assert_eq!(account(r#"{"userName":"a","uid":1}"#).unwrap().enabled, None);
        assert_eq!(account(r#"{"uid":1}"#), None);
        assert_eq!(account("no record"), None);
    }
}
