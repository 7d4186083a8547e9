//! The accounts and groups in the SAM hive of a disk. Of a password only its length is looked at: whether there is one.
//!
//! A running Windows keeps this hive for itself, and its functions are asked there instead: a program that opens it is
//! what products against intruders watch for. Both give the same [`Local`].

use std::io;

use daicho_proto::facts::PasswordState;

use super::local::{Local, User};
use super::sid;
use crate::platform::windows::filetime;
use crate::platform::windows::registry::{Hive, Registry, Value};

/// Where the machine's own accounts and groups lie.
const ACCOUNT: &str = "SAM\\Domains\\Account";
/// Where the groups lie that every Windows has.
const BUILTIN: &str = "SAM\\Domains\\Builtin";

/// Accounts, and groups, that are read of one machine: some have hundreds; more is an attack or a mistake.
const KEYS_MAX: usize = 10_000;

/// The longest name in bytes: a full name has at most 256 characters (lmcons.h); more is damage.
const NAME_BYTES_MAX: usize = 1024;

/// Reads the hive. An error: the hive cannot be read, or holds no accounts.
pub(super) fn read(registry: &dyn Registry, problems: &mut Vec<String>) -> io::Result<Local> {
    let keys = registry.keys(&Hive::Sam, &format!("{ACCOUNT}\\Users"))?;
    let Some(keys) = keys else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "there is no key SAM\\Domains\\Account\\Users"));
    };
    let machine = bytes(registry, ACCOUNT, "V")?.and_then(|value| parse_machine(&value));
    if machine.is_none() {
        problems.push("the SAM hive does not tell the machine's own SID, so the SIDs and rights of its accounts are unknown".to_owned());
    }
    let mut local = Local {
        machine,
        password_seconds_max: bytes(registry, ACCOUNT, "F")?.and_then(|value| parse_password_age(&value)),
        ..Local::default()
    };
    for key in numbered(&keys, "accounts", problems) {
        let path = format!("{ACCOUNT}\\Users\\{key}");
        match read_user(registry, &path, local.machine.as_deref(), &key) {
            Ok(Some(user)) => {
                if user.standing_unknown() {
                    problems.push(format!("whether account {} is enabled could not be understood (SAM, F of {key})", user.name));
                }
                local.users.push(user);
            }
            Ok(None) => problems.push(format!(
                "an account of the SAM hive ({key}) could not be understood and was left out; check it on the machine itself"
            )),
            Err(error) => problems.push(format!("an account of the SAM hive ({key}) could not be read: {error}")),
        }
    }
    // The list of names is kept apart: a name without an account is an account that was not seen.
    for name in registry.keys(&Hive::Sam, &format!("{ACCOUNT}\\Users\\Names"))?.unwrap_or_default() {
        let lower = name.to_lowercase();
        if !local.users.iter().any(|user| user.name.to_lowercase() == lower) {
            problems.push(format!("account {name} is in the SAM hive's list of names and could not be read"));
        }
    }
    read_groups(registry, BUILTIN, Some("S-1-5-32"), &mut local, problems);
    let machine = local.machine.clone();
    read_groups(registry, ACCOUNT, machine.as_deref(), &mut local, problems);
    Ok(local)
}

fn read_user(
    registry: &dyn Registry,
    path: &str,
    machine: Option<&str>,
    key: &str,
) -> io::Result<Option<User>> {
    let mut user = None;
    let mut fixed = None;
    let mut online = None;
    let Ok(number) = u32::from_str_radix(key, 16) else { return Ok(None) };
    for (name, value) in registry.values(&Hive::Sam, path)?.unwrap_or_default() {
        match (name.as_str(), value) {
            ("F", Value::Bytes(bytes)) => fixed = parse_fixed(&bytes),
            ("V", Value::Bytes(bytes)) => user = parse_variable(&bytes),
            ("InternetUserName", Value::Bytes(bytes)) => online = Some(wide(&bytes)),
            ("InternetUserName", Value::Text(text)) => online = Some(text),
            _ => {}
        }
    }
    Ok(user.map(|user| {
        let user = User {
            sid: machine.map(|machine| format!("{machine}-{number}")),
            number,
            linked: Some(online.is_some()),
            online_identity: online.filter(|name| !name.trim().is_empty()),
            ..user
        };
        match fixed {
            Some(fixed) => fixed.of(user),
            None => user,
        }
    }))
}

/// The groups below a key. Their SIDs start with `above`.
fn read_groups(
    registry: &dyn Registry,
    domain: &str,
    above: Option<&str>,
    local: &mut Local,
    problems: &mut Vec<String>,
) {
    let path = format!("{domain}\\Aliases");
    let keys = match registry.keys(&Hive::Sam, &path) {
        Ok(keys) => keys.unwrap_or_default(),
        Err(error) => return problems.push(format!("the groups of the SAM hive could not be read: {error}")),
    };
    for key in numbered(&keys, "groups", problems) {
        let value = bytes(registry, &format!("{path}\\{key}"), "C").ok().flatten();
        let group = value.as_deref().and_then(parse_group);
        match (group, u32::from_str_radix(&key, 16), above) {
            (Some((name, members)), Ok(number), Some(above)) => {
                let sid = format!("{above}-{number}");
                local.names.insert(sid.clone(), name);
                local.groups.insert(sid, members);
            }
            // Without the machine's SID that was told already.
            (Some(_), Ok(_), None) => {}
            _ => problems.push(format!(
                "a group of the SAM hive ({key}) could not be understood, so its members may have rights that are not seen"
            )),
        }
    }
}

/// The keys that are numbers: eight hexadecimal digits.
fn numbered(keys: &[String], what: &str, problems: &mut Vec<String>) -> Vec<String> {
    let is_number = |key: &&String| key.len() == 8 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut found: Vec<String> = keys.iter().filter(is_number).cloned().collect();
    if found.len() > KEYS_MAX {
        problems.push(format!("the SAM hive has {} {what}; only {KEYS_MAX} were read", found.len()));
        found.truncate(KEYS_MAX);
    }
    found
}

fn bytes(registry: &dyn Registry, path: &str, name: &str) -> io::Result<Option<Vec<u8>>> {
    Ok(match registry.value(&Hive::Sam, path, name)? {
        Some(Value::Bytes(bytes)) => Some(bytes),
        _ => None,
    })
}

/// What the value `F` of an account says.
struct Fixed {
    last_logon: u64,
    password_set: u64,
    expires: u64,
    number: u32,
    primary_group: u32,
    flags: u16,
    logons: u16,
}

/// An account that nobody may use (`USER_ACCOUNT_DISABLED`, ntsam.h, as are the others).
const DISABLED: u16 = 0x0001;
/// Other machines and domains, not people.
const TRUSTS: u16 = 0x0040 | 0x0080 | 0x0100;
/// Its password never ends.
const PASSWORD_STAYS: u16 = 0x0200;

impl Fixed {
    fn of(&self, user: User) -> User {
        User {
            disabled: Some(self.flags & DISABLED != 0),
            trust: self.flags & TRUSTS != 0,
            password_stays: self.flags & PASSWORD_STAYS != 0,
            password_changed_at: filetime(self.password_set),
            expires_at: filetime(self.expires),
            last_logon: filetime(self.last_logon),
            logons: Some(self.logons.into()),
            primary_group: Some(self.primary_group),
            acts_as: (self.number != user.number).then_some(self.number),
            ..user
        }
    }
}

fn parse_fixed(value: &[u8]) -> Option<Fixed> {
    let long = |at: usize| Some(u64::from_le_bytes(*value.get(at..)?.first_chunk::<8>()?));
    let short = |at: usize| Some(u16::from_le_bytes(*value.get(at..)?.first_chunk::<2>()?));
    Some(Fixed {
        last_logon: long(8)?,
        password_set: long(24)?,
        expires: long(32)?,
        number: number(value, 48)?,
        primary_group: number(value, 52)?,
        flags: short(56)?,
        logons: short(66)?,
    })
}

/// Where the data starts that the places in the head of `V` count from.
const VARIABLE_DATA: usize = 0xcc;

/// The value `V` of an account: a table of places and lengths, then names and more. What lies at the place of the
/// password is never looked at.
fn parse_variable(value: &[u8]) -> Option<User> {
    let name = text(value, 0x0c, VARIABLE_DATA)?;
    let password = match (number(value, 0xac)?, number(value, 0xa0)?) {
        // A head of 4 bytes (RC4) or 24 bytes (AES, since Windows 10 1607), and 16 or 32 bytes behind it.
        (20 | 56, _) | (_, 20 | 56) => PasswordState::Set,
        (0 | 4 | 24, 0 | 4 | 24) => PasswordState::None,
        _ => PasswordState::Unknown,
    };
    let full_name = text(value, 0x18, VARIABLE_DATA);
    (!name.is_empty()).then(|| User { name, full_name, password, ..User::default() })
}

/// The value `V` of the machine's accounts ends with the machine's SID.
fn parse_machine(value: &[u8]) -> Option<String> {
    /// `S-1-5-21-` and three numbers.
    const LENGTH: usize = 24;
    let (sid, length) = sid::parse(value.get(value.len().checked_sub(LENGTH)?..)?)?;
    (length == LENGTH && sid.starts_with("S-1-5-21-")).then_some(sid)
}

/// The value `F` of the machine's accounts: how long a password may be used, in seconds; `None`: for ever.
fn parse_password_age(value: &[u8]) -> Option<i64> {
    let ticks = i64::from_le_bytes(*value.get(0x18..)?.first_chunk::<8>()?);
    // Spans are negative; the lowest is none.
    (ticks < 0 && ticks != i64::MIN).then_some(ticks / -10_000_000)
}

/// The value `C` of a group: its name and its members.
fn parse_group(value: &[u8]) -> Option<(String, Vec<String>)> {
    /// Where its data starts.
    const DATA: usize = 0x34;
    let name = text(value, 0x10, DATA)?;
    let start = DATA.checked_add(number(value, 0x28)? as usize)?;
    let end = start.checked_add(number(value, 0x2c)? as usize)?;
    let mut rest = value.get(start..end)?;
    let mut members = Vec::new();
    for _ in 0..number(value, 0x30)? {
        let (member, length) = sid::parse(rest)?;
        members.push(member);
        rest = &rest[length..];
    }
    Some((name, members))
}

fn number(value: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*value.get(at..)?.first_chunk::<4>()?))
}

/// The text whose place and length lie at `at`.
fn text(value: &[u8], at: usize, data: usize) -> Option<String> {
    let start = data.checked_add(number(value, at)? as usize)?;
    let length = number(value, at + 4)? as usize;
    let found = value.get(start..start.checked_add(length)?)?;
    (length <= NAME_BYTES_MAX).then(|| wide(found))
}

/// UTF-16, whose halves may stand alone in it, up to the first NUL.
fn wide(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    String::from_utf16_lossy(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>())
}

/// Gives bytes to all parsers: none may panic.
#[cfg(test)]
pub(super) fn check_no_panic(bytes: &[u8]) {
    let _ = (parse_fixed(bytes), parse_variable(bytes), parse_machine(bytes));
    let _ = (parse_password_age(bytes), parse_group(bytes));
}
