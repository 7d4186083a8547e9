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
            changed_day: day(changed)?,
            days_max: day(days_max)?,
            inactive_days: day(inactive)?,
            expire_day: day(expire)?,
        })
    });
    keep_first(&mut lines.entries, |entry| &entry.name);
    lines
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

/// A field that begins with `!` or `*` is what no password's hash can be.
fn password_state(field: &str) -> PasswordState {
    match field.as_bytes().first() {
        None => PasswordState::None,
        Some(b'!' | b'*') => PasswordState::Locked,
        Some(_) => PasswordState::Set,
    }
}
