//! The accounts and groups of this machine, by its own functions. No name is asked of a domain: only SIDs that the
//! machine itself gave are looked up, and members of groups are taken as SIDs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_void;
use std::io;
use std::ptr;

use daicho_proto::facts::PasswordState;
use jiff::{SignedDuration, Timestamp};
use windows::Win32::NetworkManagement::NetManagement::{
    FILTER_NORMAL_ACCOUNT, LOCALGROUP_MEMBERS_INFO_0, MAX_PREFERRED_LENGTH, NetApiBufferFree,
    NetLocalGroupGetMembers, NetUserEnum, NetUserGetInfo, NetUserModalsGet, USER_INFO_0, USER_INFO_1,
    USER_INFO_4, USER_INFO_24, USER_MODALS_INFO_0,
};
use windows::Win32::Security::{
    GetLengthSid, IsValidSid, LookupAccountNameW, LookupAccountSidW, PSID, SID_NAME_USE,
};
use windows::core::{HSTRING, PCWSTR, PWSTR};

use crate::platform::windows::accounts::local::{Local, TOLD, User};
use crate::platform::windows::accounts::sid;

/// Accounts that are read: some machines have hundreds.
const USERS_MAX: usize = 10_000;

/// Groups that are read: those that every Windows has, and what lies in them.
const GROUPS_MAX: usize = 1_000;

/// The longest SID in bytes (`SECURITY_MAX_SID_SIZE`, winnt.h).
const SID_BYTES_MAX: u32 = 68;

/// The longest name of an account or domain that is looked up, in characters: 256 (lmcons.h) and the NUL.
const NAME_CHARACTERS_MAX: usize = 257;

/// Answers of the functions of networks (lmerr.h, winerror.h).
const SUCCESS: u32 = 0;
const MORE_DATA: u32 = 234;
const NO_SUCH_USER: u32 = 2221;

/// "No end", in the seconds of these functions (`TIMEQ_FOREVER`, lmaccess.h).
const FOREVER: u32 = u32::MAX;

/// Groups that every Windows has and that others may lie in: Users, Guests, Power Users besides those told of.
const ALSO: [&str; 3] = ["S-1-5-32-545", "S-1-5-32-546", "S-1-5-32-547"];

/// All accounts, and the groups that give rights. Do not ask a domain controller: it would answer with all its members.
pub(in crate::platform::windows) fn read(now: Timestamp, problems: &mut Vec<String>) -> io::Result<Local> {
    let mut local = Local { password_seconds_max: password_seconds_max(), ..Local::default() };
    for name in names(problems)? {
        match user(&name, now, problems) {
            Ok(user) => local.users.push(user),
            // Between the list and the question somebody removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => problems.push(format!("account {name} could not be read: {error}")),
        }
    }
    local.machine = local.users.iter().find_map(|user| {
        let machine = user.sid.as_deref()?.rsplit_once('-')?.0;
        Some(machine.to_owned())
    });
    read_groups(&mut local, problems);
    Ok(local)
}

/// Memory that the functions of networks gave, until it is given back.
struct Buffer(*mut c_void);

impl Drop for Buffer {
    fn drop(&mut self) {
        if !self.0.is_null() {
            #[expect(unsafe_code, reason = "the system's memory is given back to it")]
            // SAFETY: the pointer came from a function that says so of its buffer, and nobody else gives it back.
            unsafe {
                NetApiBufferFree(Some(self.0));
            }
        }
    }
}

/// A text that ends with NUL; `None`: there is none, or an empty one.
#[expect(unsafe_code, reason = "a text of the system has no length but its NUL")]
unsafe fn text(text: PWSTR) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller's, who holds the buffer in which the system put the text with its NUL.
    let units = unsafe { text.as_wide() };
    Some(String::from_utf16_lossy(units)).filter(|text| !text.is_empty())
}

/// A SID of the system.
#[expect(unsafe_code, reason = "a SID of the system has no length but what it says itself")]
unsafe fn understand(sid: PSID) -> Option<String> {
    // SAFETY: the caller's, who holds the buffer that the SID lies in; it is asked for its length only when valid.
    let bytes = unsafe {
        if sid.is_invalid() || !IsValidSid(sid).as_bool() {
            return None;
        }
        std::slice::from_raw_parts(sid.0.cast::<u8>(), GetLengthSid(sid) as usize)
    };
    sid::parse(bytes).map(|(sid, _)| sid)
}

/// Why a function refused. The system has no words for the numbers of networks.
fn failed(code: u32) -> io::Error {
    match code {
        NO_SUCH_USER => io::Error::from(io::ErrorKind::NotFound),
        2100..=2999 => io::Error::other(format!("error {code} of lmerr.h")),
        _ => io::Error::from_raw_os_error(code.cast_signed()),
    }
}

fn names(problems: &mut Vec<String>) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut resume = 0;
    loop {
        let (mut entries, mut read, mut total) = (ptr::null_mut(), 0, 0);
        #[expect(unsafe_code, reason = "the accounts are listed by this function alone")]
        // SAFETY: all places live on this stack. The buffer holds `read` entries, whose texts lie in it as well; `_owned`
        // gives it back after they were copied.
        let code = unsafe {
            let code = NetUserEnum(
                PCWSTR::null(),
                0,
                FILTER_NORMAL_ACCOUNT,
                &raw mut entries,
                MAX_PREFERRED_LENGTH,
                &raw mut read,
                &raw mut total,
                Some(&raw mut resume),
            );
            let _owned = Buffer(entries.cast());
            if !entries.is_null() && (code == SUCCESS || code == MORE_DATA) {
                let list = std::slice::from_raw_parts(entries.cast::<USER_INFO_0>(), read as usize);
                names.extend(list.iter().filter_map(|entry| text(entry.usri0_name)));
            }
            code
        };
        if names.len() > USERS_MAX {
            problems.push(format!("this machine has more than {USERS_MAX} accounts; the rest was not read"));
            names.truncate(USERS_MAX);
            return Ok(names);
        }
        match code {
            SUCCESS => return Ok(names),
            MORE_DATA if read > 0 => {}
            _ => return Err(failed(code)),
        }
    }
}

/// Asks for one account at one level, and hands the answer over.
fn ask<T, R>(name: &str, level: u32, copy: impl FnOnce(&T) -> R) -> io::Result<R> {
    let name = HSTRING::from(name);
    let mut answer = ptr::null_mut();
    #[expect(unsafe_code, reason = "an account is told by this function alone")]
    // SAFETY: `name` ends in NUL, `answer` lives on this stack. On success it is a `T`, which belongs to `level` (lmaccess.h;
    // private callers below pair them), whole and aligned; `_owned` gives it back after `copy` has made owned values.
    unsafe {
        let code = NetUserGetInfo(PCWSTR::null(), &name, level, &raw mut answer);
        let _owned = Buffer(answer.cast());
        match (code, answer.cast::<T>().as_ref()) {
            (SUCCESS, Some(answer)) => Ok(copy(answer)),
            (SUCCESS, None) => Err(io::Error::from(io::ErrorKind::InvalidData)),
            (code, _) => Err(failed(code)),
        }
    }
}

/// An account that nobody may use (`UF_ACCOUNTDISABLE`, lmaccess.h, as are the others).
const DISABLED: u32 = 0x0002;
/// Other machines and domains, not people.
const TRUSTS: u32 = 0x0800 | 0x1000 | 0x2000;
/// Its password never ends.
const PASSWORD_STAYS: u32 = 0x0001_0000;

/// What level 4 tells.
struct Told {
    flags: u32,
    full_name: Option<String>,
    password_age: u32,
    last_logon: u32,
    expires: u32,
    logons: u32,
    sid: Option<String>,
    primary_group: u32,
}

fn user(name: &str, now: Timestamp, problems: &mut Vec<String>) -> io::Result<User> {
    #[expect(unsafe_code, reason = "texts and SIDs of the answer are copied")]
    // SAFETY: they lie in the answer's buffer, which `ask` holds while it calls this.
    let told = ask(name, 4, |info: &USER_INFO_4| unsafe {
        Told {
            flags: info.usri4_flags.0,
            full_name: text(info.usri4_full_name),
            password_age: info.usri4_password_age,
            last_logon: info.usri4_last_logon,
            expires: info.usri4_acct_expires,
            logons: info.usri4_num_logons,
            sid: understand(info.usri4_user_sid),
            primary_group: info.usri4_primary_group_id,
        }
    });
    match told {
        Ok(told) => Ok(full_user(name, told, now)),
        Err(refused) if refused.kind() == io::ErrorKind::NotFound => Err(refused),
        Err(refused) => short_user(name, now, &refused, problems),
    }
}

fn full_user(name: &str, told: Told, now: Timestamp) -> User {
    let seconds = |seconds: u32| {
        let known = seconds != 0 && seconds != FOREVER;
        known.then(|| Timestamp::from_second(seconds.into()).ok()).flatten()
    };
    let (linked, online_identity) = online(name);
    User {
        name: name.to_owned(),
        number: told.sid.as_deref().and_then(sid::number).unwrap_or_default(),
        sid: told.sid,
        full_name: told.full_name,
        disabled: Some(told.flags & DISABLED != 0),
        trust: told.flags & TRUSTS != 0,
        password_stays: told.flags & PASSWORD_STAYS != 0,
        password: PasswordState::Unknown,
        password_changed_at: changed_at(told.password_age, now),
        expires_at: seconds(told.expires),
        last_logon: seconds(told.last_logon),
        logons: Some(told.logons).filter(|logons| *logons != u32::MAX),
        primary_group: Some(told.primary_group),
        linked,
        online_identity,
        acts_as: None,
    }
}

/// The Windows of Wine knows no level 4. Of the end of the account level 1 says nothing: at worst an account that has ended
/// is taken for one that can be used, and that its end is unknown is told.
fn short_user(
    name: &str,
    now: Timestamp,
    refused: &io::Error,
    problems: &mut Vec<String>,
) -> io::Result<User> {
    let (flags, age) = ask(name, 1, |info: &USER_INFO_1| (info.usri1_flags.0, info.usri1_password_age))?;
    problems.push(format!(
        "the last login of account {name}, and whether it has ended, are unknown: Windows refused to tell them ({refused})"
    ));
    let sid = find_sid(name);
    Ok(User {
        name: name.to_owned(),
        number: sid.as_deref().and_then(sid::number).unwrap_or_default(),
        sid,
        disabled: Some(flags & DISABLED != 0),
        trust: flags & TRUSTS != 0,
        password_stays: flags & PASSWORD_STAYS != 0,
        password_changed_at: changed_at(age, now),
        ..User::default()
    })
}

/// When a password was set whose age is told in whole seconds. Two looks would differ by a second; the start of the hour
/// does not, and lies on the same day in Japan. An age of 0 is told of passwords that were never set.
fn changed_at(age: u32, now: Timestamp) -> Option<Timestamp> {
    /// Seconds of an hour.
    const HOUR: i64 = 3600;
    if age == 0 || age == FOREVER {
        return None;
    }
    let at = now.checked_sub(SignedDuration::from_secs(age.into())).ok()?.as_second();
    // Before 1980 there was nothing to set it: the age counts from the start of some calendar.
    const FIRST: i64 = 315_532_800;
    Timestamp::from_second(at - at.rem_euclid(HOUR)).ok().filter(|_| at > FIRST)
}

/// Whether an account with Microsoft opens this one, and its name. Windows before 8 and Wine do not know.
fn online(name: &str) -> (Option<bool>, Option<String>) {
    #[expect(unsafe_code, reason = "a text of the answer is copied")]
    // SAFETY: it lies in the answer's buffer, which `ask` holds while it calls this.
    let told = ask(name, 24, |info: &USER_INFO_24| unsafe {
        (info.usri24_internet_identity.as_bool(), text(info.usri24_internet_principal_name))
    });
    match told {
        Ok((true, name)) => (Some(true), name),
        Ok((false, _)) => (Some(false), None),
        Err(_) => (None, None),
    }
}

fn password_seconds_max() -> Option<i64> {
    let mut answer = ptr::null_mut();
    #[expect(unsafe_code, reason = "the rules for passwords are told by this function alone")]
    // SAFETY: `answer` lives on this stack and is a `USER_MODALS_INFO_0` on success, as level 0 is; `_owned` gives it back.
    let seconds = unsafe {
        let code = NetUserModalsGet(PCWSTR::null(), 0, &raw mut answer);
        let _owned = Buffer(answer.cast());
        let answer = answer.cast::<USER_MODALS_INFO_0>().as_ref();
        answer.filter(|_| code == SUCCESS).map(|answer| answer.usrmod0_max_passwd_age)
    };
    seconds.filter(|seconds| *seconds != FOREVER && *seconds != 0).map(i64::from)
}

/// The members of the groups that give rights, and of the machine's groups among those members.
fn read_groups(local: &mut Local, problems: &mut Vec<String>) {
    let people: BTreeSet<String> = local.users.iter().filter_map(|user| user.sid.clone()).collect();
    let told = TOLD.map(|(sid, _)| sid);
    let mut next: Vec<String> = told.into_iter().chain(ALSO).map(str::to_owned).collect();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    while let Some(group) = next.pop() {
        if found.contains_key(&group) || found.len() >= GROUPS_MAX {
            continue;
        }
        let Some(name) = find_name(&group) else {
            if told.contains(&group.as_str()) {
                problems.push(format!(
                    "the group {group} is not known to this machine, so its members are unknown"
                ));
            }
            continue;
        };
        match members(&name) {
            Ok(members) => {
                // Names are asked of none but the machine: a domain's would be asked of the domain.
                let own = |sid: &&String| {
                    sid.starts_with("S-1-5-32-")
                        || local.machine.as_deref().is_some_and(|machine| sid.starts_with(machine))
                };
                next.extend(members.iter().filter(own).filter(|sid| !people.contains(*sid)).cloned());
                local.names.insert(group.clone(), name);
                found.insert(group, members);
            }
            Err(error) if told.contains(&group.as_str()) => {
                problems.push(format!("the members of {name} ({group}) could not be read: {error}"));
            }
            // A person whom the list of accounts left out has no members.
            Err(_) => {}
        }
    }
    local.groups = found;
}

fn members(group: &str) -> io::Result<Vec<String>> {
    let group = HSTRING::from(group);
    let mut found = Vec::new();
    let mut resume = 0;
    loop {
        let (mut entries, mut read, mut total) = (ptr::null_mut(), 0, 0);
        #[expect(unsafe_code, reason = "the members of a group are listed by this function alone")]
        // SAFETY: `group` ends in NUL, all places live on this stack. The buffer holds `read` entries, whose SIDs lie in it
        // as well; `_owned` gives it back after they were copied.
        let code = unsafe {
            let code = NetLocalGroupGetMembers(
                PCWSTR::null(),
                &group,
                0,
                &raw mut entries,
                MAX_PREFERRED_LENGTH,
                &raw mut read,
                &raw mut total,
                Some(&raw mut resume),
            );
            let _owned = Buffer(entries.cast());
            if (code == SUCCESS || code == MORE_DATA) && read > 0 {
                // Wine says that there is one member, and gives none.
                if entries.is_null() {
                    return Err(io::Error::from(io::ErrorKind::InvalidData));
                }
                let list =
                    std::slice::from_raw_parts(entries.cast::<LOCALGROUP_MEMBERS_INFO_0>(), read as usize);
                found.extend(list.iter().filter_map(|entry| understand(entry.lgrmi0_sid)));
            }
            code
        };
        match code {
            SUCCESS => return Ok(found),
            MORE_DATA if read > 0 => {}
            _ => return Err(failed(code)),
        }
    }
}

/// The SID of an account of this machine.
fn find_sid(name: &str) -> Option<String> {
    let name = HSTRING::from(name);
    let mut bytes = [0_u64; SID_BYTES_MAX.div_ceil(8) as usize];
    let mut length = SID_BYTES_MAX;
    let mut domain = [0_u16; NAME_CHARACTERS_MAX];
    let mut characters = NAME_CHARACTERS_MAX as u32;
    let mut kind = SID_NAME_USE::default();
    let place = PSID(bytes.as_mut_ptr().cast());
    #[expect(unsafe_code, reason = "a name becomes a SID by this function alone")]
    // SAFETY: `name` ends in NUL; both places are as large as is said, the one for the SID aligned as one; on success it
    // holds a SID that is copied while it lives.
    unsafe {
        let found = LookupAccountNameW(
            PCWSTR::null(),
            &name,
            Some(place),
            &raw mut length,
            Some(PWSTR(domain.as_mut_ptr())),
            &raw mut characters,
            &raw mut kind,
        );
        found.is_ok().then(|| understand(place)).flatten()
    }
}

/// The name of a SID of this machine: what its functions call a group.
fn find_name(group: &str) -> Option<String> {
    let bytes = sid::encode(group)?;
    // Aligned as a SID is.
    let mut aligned = [0_u64; SID_BYTES_MAX.div_ceil(8) as usize];
    for (place, part) in aligned.iter_mut().zip(bytes.chunks(8)) {
        let mut whole = [0; 8];
        whole[..part.len()].copy_from_slice(part);
        *place = u64::from_ne_bytes(whole);
    }
    let (mut name, mut domain) = ([0_u16; NAME_CHARACTERS_MAX], [0_u16; NAME_CHARACTERS_MAX]);
    let (mut name_length, mut domain_length) = (NAME_CHARACTERS_MAX as u32, NAME_CHARACTERS_MAX as u32);
    let mut kind = SID_NAME_USE::default();
    #[expect(unsafe_code, reason = "a SID becomes a name by this function alone")]
    // SAFETY: the SID is whole and outlives the call; both places are as large as is said.
    let found = unsafe {
        LookupAccountSidW(
            PCWSTR::null(),
            PSID(aligned.as_mut_ptr().cast()),
            Some(PWSTR(name.as_mut_ptr())),
            &raw mut name_length,
            Some(PWSTR(domain.as_mut_ptr())),
            &raw mut domain_length,
            &raw mut kind,
        )
    };
    found.ok()?;
    let units = name.iter().copied().take_while(|unit| *unit != 0).collect::<Vec<_>>();
    Some(String::from_utf16_lossy(&units)).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_windows_tells_its_accounts_or_says_why_not() {
        let mut problems = Vec::new();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let local = read(now, &mut problems).unwrap();
        println!("{local:#?}\n{problems:#?}");
        let own = std::env::var("USERNAME").unwrap();
        assert!(local.users.iter().any(|user| user.name.eq_ignore_ascii_case(&own)), "{local:?}");
        assert!(local.users.iter().all(|user| user.sid.is_some() && user.disabled.is_some()));
        assert_eq!(
            find_name("S-1-5-32-544").and_then(|name| find_sid(&name)).as_deref(),
            Some("S-1-5-32-544")
        );
        assert!(find_name("S-1-5-32-99999").is_none() && find_sid("nobody of this name").is_none());
    }

    #[test]
    fn the_age_of_a_password_is_told_to_the_hour() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let at = changed_at(10_000, now).unwrap();
        assert_eq!(at, changed_at(10_001, now).unwrap());
        assert_eq!(at.as_second(), 1_799_989_200);
        assert!(changed_at(0, now).is_none() && changed_at(FOREVER, now).is_none());
    }
}
