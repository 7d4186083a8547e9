//! Accounts as getent(1), passwd -S, chage(1), lastlog(8), last(1), the journal, id(1) and sudo -l tell them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Rows, Tools, row, rows_of};

/// One login is written down in several places, one after the other, on a slow processor.
const ONE_LOGIN: SignedDuration = SignedDuration::from_secs(15);

/// Debian's number of the account that owns nothing.
const NOBODY: u32 = 65_534;

/// Groups that administer a machine, whatever sudo says.
const POWERFUL: &[&str] = &["admin", "disk", "docker", "incus-admin", "libvirt", "lxd", "sudo", "wheel"];

/// The document's accounts. Which file of sudoers grants something no tool tells: only that one does.
pub(super) fn seen(document: &Value) -> Rows {
    let mut rows = rows_of(document, "accounts", |row| row["name"].as_str().unwrap_or_default().to_owned());
    for fields in rows.values_mut() {
        if let Some(Value::Array(sources)) = fields.get_mut("privilege_sources") {
            let plain = |source: &Value| {
                source.as_str().map(|text| if text.starts_with('/') { "sudo" } else { text }.to_owned())
            };
            let sorted: BTreeSet<String> = sources.iter().filter_map(plain).collect();
            *sources = sorted.into_iter().map(Value::String).collect();
        }
        if let Some(Value::Object(login)) = fields.get_mut("last_login") {
            // Which of the records it was is the document's own word.
            login.remove("source");
        }
    }
    rows
}

/// What the tools say. Of several records of one login the one that the document names is taken.
pub(super) fn expected(tools: &Tools<'_>, seen: &Rows) -> Rows {
    let shells: BTreeSet<&str> = tools.lines("shells").filter(|line| line.starts_with('/')).collect();
    let keyed: BTreeSet<&str> = tools.lines("keys").collect();
    let sudo: BTreeSet<&str> = tools.lines("sudo").collect();
    let today = tools.lines("today").next().and_then(|day| day.parse::<Date>().ok()).expect("a day");
    let states: BTreeMap<&str, &str> = pairs(tools.lines("status"));
    let groups: BTreeMap<&str, &str> =
        tools.lines("groups").filter_map(|line| line.split_once(' ')).collect();
    let people_from: u32 =
        tools.lines("people").next().and_then(|number| number.trim().parse().ok()).expect("UID_MIN");
    let ages = ages(tools);
    let logins = Logins::read(tools);

    let same = |name: &str, id: &str| -> Vec<&str> {
        let others = tools.lines("passwd").filter(|line| line.split(':').nth(2) == Some(id));
        others.filter_map(|line| line.split(':').next()).filter(|other| *other != name).collect()
    };
    let mut rows = Rows::new();
    for line in tools.lines("passwd") {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, id, _, gecos, _, shell] = fields[..] else { panic!("no line of passwd: {line:?}") };
        let state = match states.get(name) {
            Some(&"P") => "set",
            Some(&"NP") => "none",
            Some(&"L") => "locked",
            other => panic!("passwd -S says {other:?} of {name}"),
        };
        let age = ages.get(name).unwrap_or_else(|| panic!("chage says nothing of {name}"));
        let day = |what: &str| age.get(what).and_then(|text| text.parse::<Date>().ok());
        let midnight = |what: &str| day(what).map_or(Value::Null, |day| json!(format!("{day}T00:00:00Z")));
        // An empty shell is /bin/sh, passwd(5).
        let interactive = shell.is_empty() || shells.contains(shell);
        let ended = day("Account expires").is_some_and(|day| day <= today)
            || day("Password inactive").is_some_and(|day| day < today);
        let opened = state != "locked" || (interactive && keyed.contains(name));
        let member = |group: &&str| POWERFUL.contains(group);
        let mut sources: Vec<String> = groups
            .get(name)
            .map(|all| all.split(' ').filter(member).map(|group| format!("group {group}")).collect())
            .unwrap_or_default();
        sources.extend(sudo.contains(name).then(|| "sudo".to_owned()));
        if id == "0" {
            sources = vec!["uid 0".to_owned()];
        }
        let full_name =
            Some(gecos.split(',').next().unwrap_or_default().trim()).filter(|text| !text.is_empty());
        let told = seen.get(name).and_then(|row| row.get("last_login")?.get("at")?.as_str()?.parse().ok());
        let fields = row([
            ("name", json!(name)),
            ("id", json!(id)),
            ("full_name", json!(full_name)),
            ("enabled", json!(!ended && opened)),
            ("interactive", json!(interactive)),
            ("privileged", json!(!sources.is_empty())),
            ("privilege_sources", json!(sources)),
            ("last_login", logins.last(name, told)),
            (
                "password",
                json!({
                    "state": state,
                    "changed_at": midnight("Last password change"),
                    "expires_at": midnight("Password expires"),
                }),
            ),
            ("expires_at", midnight("Account expires")),
            ("shell", json!(shell)),
            // The number of nobody is above all others, and no person's.
            ("system", json!(id.parse::<u32>().is_ok_and(|id| id < people_from || id == NOBODY))),
            ("shares_id_with", json!(same(name, id))),
        ]);
        rows.insert(name.to_owned(), fields);
    }
    rows
}

fn pairs<'a>(lines: std::str::Lines<'a>) -> BTreeMap<&'a str, &'a str> {
    let two = |line: &'a str| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?))
    };
    lines.filter_map(two).collect()
}

/// What `chage --list --iso8601` says of each account; the section has a line `# NAME` before each.
fn ages<'a>(tools: &Tools<'a>) -> BTreeMap<&'a str, BTreeMap<&'a str, &'a str>> {
    let mut ages: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    let mut current = "";
    for line in tools.lines("chage") {
        if let Some(name) = line.strip_prefix("# ") {
            current = name;
        } else if let Some((what, value)) = line.split_once(':') {
            ages.entry(current).or_default().insert(what.trim(), value.trim());
        }
    }
    ages
}

/// The newest login of each account, in each record.
struct Logins<'a>(BTreeMap<&'a str, Vec<Timestamp>>);

impl<'a> Logins<'a> {
    fn read(tools: &Tools<'a>) -> Self {
        let mut newest: BTreeMap<(&str, &str), Timestamp> = BTreeMap::new();
        for section in ["lastlog", "last", "journal"] {
            for line in tools.lines(section) {
                let Some(name) = line.split_whitespace().next() else { continue };
                let at = match section {
                    "lastlog" => time_of_lastlog(line),
                    _ => line.split_whitespace().find_map(|word| word.parse::<Timestamp>().ok()),
                };
                if let Some(at) = at {
                    let known = newest.entry((section, name)).or_insert(at);
                    *known = at.max(*known);
                }
            }
        }
        let mut logins: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
        newest.into_iter().for_each(|((_, name), at)| logins.entry(name).or_default().push(at));
        Logins(logins)
    }

    /// The newest; `told` where that is one of the newest login's own records.
    fn last(&self, name: &str, told: Option<Timestamp>) -> Value {
        let Some(newest) = self.0.get(name).and_then(|times| times.iter().max()) else {
            return json!({ "state": "never", "at": null });
        };
        let near = |told: &Timestamp| newest.duration_since(*told).abs() <= ONE_LOGIN;
        json!({ "state": "at", "at": told.filter(near).unwrap_or(*newest).to_string() })
    }
}

/// `alice  pts/0  10.0.2.2  Sun Nov 22 20:02:11 +0000 2026`, and no time where there was no login.
fn time_of_lastlog(line: &str) -> Option<Timestamp> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let time = words.get(words.len().checked_sub(5)?..)?.join(" ");
    Timestamp::strptime("%b %d %H:%M:%S %z %Y", time).ok()
}
