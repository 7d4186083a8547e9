//! The account files: passwd(5), group(5), shadow(5). Pure; a password's hash is looked at and never kept.

use daicho_proto::facts::PasswordState;

/// One line of passwd(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// What the password field itself says; `None`: it points to shadow(5).
    pub(super) password: Option<PasswordState>,
    pub(super) user_id: u32,
    pub(super) group_id: u32,
    pub(super) full_name: Option<String>,
    pub(super) home: String,
    pub(super) shell: String,
}

/// One line of group(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) id: u32,
    pub(super) members: Vec<String>,
}

/// One line of shadow(5). Days count from 1970-01-01 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shadow {
    pub(super) name: String,
    pub(super) password: PasswordState,
    /// Whether the field begins with `!`: an sshd without PAM takes that as a locked account, keys or not.
    pub(super) marked_locked: bool,
    pub(super) changed_day: Option<i64>,
    pub(super) days_max: Option<i64>,
    pub(super) inactive_days: Option<i64>,
    pub(super) expire_day: Option<i64>,
}

/// Lines that could be read, and how many could not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lines<T> {
    pub(super) entries: Vec<T>,
    pub(super) malformed: usize,
}

/// Parses passwd(5). Of two lines with one name the system knows only the first. Lines of NIS (`+`, `-`) name accounts
/// of a directory, not of this machine.
pub(super) fn parse_passwd(text: &str) -> Lines<Entry> {
    let mut lines = parse(text, |fields| {
        let [name, password, user_id, group_id, gecos, home, shell] = fields[..] else {
            return None;
        };
        let full_name = gecos.split(',').next().unwrap_or_default().trim();
        Some(Entry {
            name: named(name)?,
            password: if password == "x" { None } else { Some(password_state(password)) },
            user_id: user_id.parse().ok()?,
            group_id: group_id.parse().ok()?,
            full_name: (!full_name.is_empty()).then(|| full_name.to_owned()),
            home: home.to_owned(),
            shell: shell.to_owned(),
        })
    });
    keep_first(&mut lines.entries, |entry| &entry.name);
    lines
}

/// Parses group(5).
pub(super) fn parse_group(text: &str) -> Lines<Group> {
    parse(text, |fields| {
        let [name, _, id, members] = fields[..] else {
            return None;
        };
        let members = members.split(',').map(str::trim).filter(|member| !member.is_empty());
        Some(Group {
            name: named(name)?,
            id: id.parse().ok()?,
            members: members.map(str::to_owned).collect(),
        })
    })
}

/// Parses shadow(5).
pub(super) fn parse_shadow(text: &str) -> Lines<Shadow> {
    let mut lines = parse(text, |fields| {
        let [name, password, changed, _, days_max, _, inactive, expire, ..] = fields[..] else {
            return None;
        };
        Some(Shadow {
            name: named(name)?,
            password: password_state(password),
            marked_locked: password.starts_with('!'),
            changed_day: day(changed)?,
            days_max: day(days_max)?,
            inactive_days: day(inactive)?,
            expire_day: day(expire)?,
        })
    });
    keep_first(&mut lines.entries, |entry| &entry.name);
    lines
}

/// The groups of gshadow(5) with those who may add members to them, themselves included.
pub(super) fn parse_gshadow(text: &str) -> Vec<(String, Vec<String>)> {
    let lines = parse(text, |fields| {
        let [name, _, administrators, _] = fields[..] else { return None };
        let administrators = administrators.split(',').map(str::trim).filter(|name| !name.is_empty());
        Some((named(name)?, administrators.map(str::to_owned).collect::<Vec<_>>()))
    });
    lines.entries.into_iter().filter(|(_, administrators)| !administrators.is_empty()).collect()
}

fn parse<T>(text: &str, entry: impl Fn(&[&str]) -> Option<T>) -> Lines<T> {
    let mut lines = Lines { entries: Vec::new(), malformed: 0 };
    for line in text.lines() {
        if line.trim().is_empty() || line.starts_with(['#', '+', '-']) {
            continue;
        }
        let fields: Vec<&str> = line.split(':').collect();
        match entry(&fields) {
            Some(entry) => lines.entries.push(entry),
            None => lines.malformed += 1,
        }
    }
    lines
}

fn keep_first<T>(entries: &mut Vec<T>, name: impl Fn(&T) -> &String) {
    let mut known = std::collections::HashSet::new();
    entries.retain(|entry| known.insert(name(entry).clone()));
}

fn named(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| name.to_owned())
}

/// An empty field and -1 both mean that no such day is set; what is no number is malformed.
#[expect(clippy::option_option, reason = "malformed and absent differ")]
fn day(field: &str) -> Option<Option<i64>> {
    let field = field.trim();
    if field.is_empty() {
        return Some(None);
    }
    let day: i64 = field.parse().ok()?;
    Some((0..=DAY_MAX).contains(&day).then_some(day))
}

/// The year 9999: later days are mistakes, and jiff cannot name them.
const DAY_MAX: i64 = 2_932_896;

/// A field that begins with `!` or `*`, or is anything else that no password's hash can be, opens to no password: crypt(5)
/// knows hashes that begin with `$` or `_`, and those of DES, which have 13 characters.
fn password_state(field: &str) -> PasswordState {
    let is_hash = match field.as_bytes() {
        [] => return PasswordState::None,
        [b'$' | b'_', ..] => true,
        bytes => {
            bytes.len() == 13
                && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte))
        }
    };
    if is_hash { PasswordState::Set } else { PasswordState::Locked }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_hash_lets_a_password_in() {
        let check = |field: &str, state| assert_eq!(password_state(field), state, "{field}");
        check("", PasswordState::None);
        for locked in ["!", "!!", "*", "!*", "*LK*", "x", "NP", "!$y$j9T$abc", "no/hash/at.al!"] {
            check(locked, PasswordState::Locked);
        }
        for set in ["$y$j9T$abc", "$6$abc", "_J9..abcd", "ab/DEF.ghijkl"] {
            check(set, PasswordState::Set);
        }
    }

    #[test]
    fn only_groups_with_an_administrator_are_kept() {
        let text = "root:*::\ndocker:!:tanaka,suzuki:vendor\nbroken\n+:::\n";
        let wanted = [("docker".to_owned(), vec!["tanaka".to_owned(), "suzuki".to_owned()])];
        assert_eq!(parse_gshadow(text), wanted);
    }
}
