//! Whether an account can be entered, and by whom: the decisions, pure.

use daicho_proto::facts::{Password, PasswordState};
use jiff::Timestamp;

use super::names::{Entry, Shadow};
use crate::platform::linux::root::Root;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// From this many days on, `chage` and everybody else say that a password never ends.
const NEVER_DAYS: i64 = 10_000;

/// Programs in the place of a shell that give nobody a session.
const NO_SHELLS: &[&str] =
    &["nologin", "false", "true", "sync", "halt", "shutdown", "reboot", "poweroff", "git-shell", "null"];

/// Whether the shell gives a session: then it is a person's account, or one that a person can use. An empty field
/// means /bin/sh (passwd(5)).
pub(super) fn has_login_shell(entry: &Entry) -> bool {
    let program = entry.shell.trim().rsplit('/').next().unwrap_or_default();
    !NO_SHELLS.contains(&program)
}

/// Whether a session is given: the shell gives one, and is there. Where the folder of a shell is missing, too, the root
/// at hand holds some of a machine's files only, and nothing is said of the others.
pub(super) fn is_interactive(root: &Root, entry: &Entry) -> bool {
    let shell = match entry.shell.trim() {
        "" => "/bin/sh",
        shell => shell,
    };
    let folder = shell.rsplit_once('/').map_or("", |(folder, _)| folder);
    has_login_shell(entry) && (folder.is_empty() || !root.exists(folder) || root.exists(shell))
}

/// Numbers that are given to the system's own accounts, where login.defs(5) says nothing else: below 1000.
const PEOPLE_FROM: u32 = 1000;

/// Numbers that systemd keeps for itself, for containers and for `nobody` (its UIDS-GIDS.md), up to what 16 bits hold.
const KEPT: std::ops::RangeInclusive<u32> = 60_514..=65_535;

/// Where the limit stands; the second is the vendor's (SUSE).
const LOGIN_DEFS: [&str; 2] = ["/etc/login.defs", "/usr/etc/login.defs"];

/// The first number that is given to people here.
pub(super) fn people_from(root: &Root) -> u32 {
    let told = LOGIN_DEFS.iter().find_map(|path| {
        let text = root.read_text(path).ok()?;
        // As shadow reads it: the last line counts.
        let mut values = text.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("UID_MIN")).then(|| words.next()?.parse().ok())?
        });
        values.next_back()
    });
    told.unwrap_or(PEOPLE_FROM)
}

/// Whether the account is the system's rather than a person's, by its number.
pub(super) fn is_systems(entry: &Entry, people_from: u32) -> bool {
    entry.user_id < people_from || KEPT.contains(&entry.user_id)
}

/// The state of the password, without the password. `shadow` is `None` where it could not be read or has no such line.
pub(super) fn password(entry: &Entry, shadow: Option<&Shadow>) -> Password {
    let state = entry.password.or(shadow.map(|shadow| shadow.password)).unwrap_or_default();
    // Day 0 orders a change at the next login; it is no date.
    let changed_day = shadow.and_then(|shadow| shadow.changed_day).filter(|&day| day > 0);
    let days_max = shadow.and_then(|shadow| shadow.days_max).filter(|&days| days < NEVER_DAYS);
    let expires_day = changed_day.zip(days_max).map(|(changed, max)| changed + max);
    Password { state, changed_at: changed_day.and_then(midnight), expires_at: expires_day.and_then(midnight) }
}

/// When the account itself ends.
pub(super) fn expires_at(shadow: Option<&Shadow>) -> Option<Timestamp> {
    shadow.and_then(|shadow| shadow.expire_day).and_then(midnight)
}

/// Whether somebody can log in now. `opened_by_key` is asked only where it decides; `None` from it is "cannot tell".
///
/// `usermod -L` and `passwd -l` are how Linux disables an account, and both leave an SSH key at work: a locked account
/// with a key and a shell is not disabled. An expired one is (pam_unix refuses it whatever the key), and so is one whose
/// password ended longer ago than its days of grace. A password that is set opens services (mail, FTP) even where the
/// shell gives no session.
pub(super) fn enabled(
    entry: &Entry,
    password: PasswordState,
    shadow: Option<&Shadow>,
    today: i64,
    opened_by_key: impl FnOnce() -> Option<bool>,
) -> Option<bool> {
    if shadow.is_some_and(|shadow| has_ended(shadow, today)) {
        return Some(false);
    }
    let open = match password {
        PasswordState::Unknown => None,
        PasswordState::Set | PasswordState::None => Some(true),
        PasswordState::Locked if has_login_shell(entry) => opened_by_key(),
        PasswordState::Locked => Some(false),
    };
    // shadow(5) warns of day 0: some programs read it as no end, others as 1970.
    let ambiguous = shadow.is_some_and(|shadow| shadow.expire_day == Some(0));
    open.filter(|&open| !(open && ambiguous))
}

/// As pam_unix decides: on the day of the end the account is closed.
fn has_ended(shadow: &Shadow, today: i64) -> bool {
    let ended = shadow.expire_day.is_some_and(|day| day > 0 && today >= day);
    let grace_over = match (shadow.changed_day, shadow.days_max, shadow.inactive_days) {
        (Some(changed), Some(max), Some(inactive)) if changed > 0 => today > changed + max + inactive,
        _ => false,
    };
    ended || grace_over
}

/// The day of shadow(5) that `now` falls on.
pub(super) fn day_of(now: Timestamp) -> i64 {
    now.as_second().div_euclid(DAY)
}

fn midnight(day: i64) -> Option<Timestamp> {
    Timestamp::from_second(day.checked_mul(DAY)?).ok()
}
