//! sudoers(5): who may act as root. The files arrive as text; the grammar is followed as far as that question needs.
//!
//! One command as root is enough to count: `sudo vi` is a root shell. What only the network could tell (netgroups,
//! addresses of this machine, groups of a plugin) is unknown: it makes nobody an administrator, and nobody none.

use std::collections::HashMap;
use std::io;

use grammar::{
    TAGS, find_outside, is_option, items, keyword, logical_lines, negation, split_outside, users_and_hosts,
};

mod grammar;

/// One rule that lets its users act as root, or takes it from them again.
#[derive(Debug, PartialEq, Eq)]
struct Rule {
    /// The file that it stands in.
    file: String,
    users: Vec<String>,
    effect: Effect,
    /// Whether it is meant for this machine; `None`: that cannot be told.
    here: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Grants,
    /// `!ALL`: no command is left.
    Revokes,
}

/// All rules, with the aliases that they use.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sudoers {
    rules: Vec<Rule>,
    users: Aliases,
    runas: Aliases,
    hosts: Aliases,
    /// Whom a rule without `(...)` lets one be; root, unless `Defaults` say otherwise.
    default_is_other: bool,
    /// Whether sudo asks for root's password (SUSE's `targetpw`): who knows that needs no sudo.
    asks_for_roots_password: bool,
    /// Whether rules name this machine by a name that DNS gives it.
    long_names: bool,
}

type Aliases = HashMap<String, Vec<String>>;

/// An account, as rules name it.
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) user_id: u32,
    /// Names and numbers of its groups.
    pub(super) groups: &'a [(&'a str, u32)],
}

/// What sudoers says of one account.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Granted<'a> {
    /// The files whose rules let it act as root.
    pub(super) files: Vec<&'a str>,
    /// Whether a rule may do so, and nothing here can tell.
    pub(super) unsure: bool,
}

/// How the files are reached.
pub(super) trait Files {
    fn text(&self, path: &str) -> io::Result<String>;
    fn names(&self, folder: &str) -> io::Result<Vec<String>>;
}

/// The administrator's file; where there is none, SUSE's sudo reads the vendor's.
const SUDOERS: &str = "/etc/sudoers";
const VENDORS_SUDOERS: &str = "/usr/etc/sudoers";

/// sudo's own limit on nested includes.
const INCLUDES_MAX: usize = 128;

/// Aliases may name aliases; a circle ends here. Nobody nests deeper, and each level may name the next one often.
const ALIAS_DEPTH_MAX: usize = 16;

/// Comparisons for one account and one rule: 64 aliases of 64 names. Without it, aliases that name each other many times
/// take for ever.
const COMPARISONS_MAX: u32 = 4096;

impl Sudoers {
    /// Reads sudoers and what it includes. Files that could not be read are named in the second value; a machine
    /// without the file has no sudo, and nothing to tell.
    pub(super) fn read(files: &dyn Files, hostname: Option<&str>) -> (Self, Vec<String>) {
        let mut texts = Vec::new();
        let mut problems = Vec::new();
        gather(files, SUDOERS, hostname, 0, &mut texts, &mut problems);
        if texts.is_empty() && problems.is_empty() {
            gather(files, VENDORS_SUDOERS, hostname, 0, &mut texts, &mut problems);
        }
        let mut sudoers = Sudoers::default();
        let each = |(file, text): (String, String)| (file, logical_lines(&text));
        let files: Vec<(String, Vec<String>)> = texts.into_iter().map(each).collect();
        // Aliases and defaults may stand after their use, and in another file.
        for line in files.iter().flat_map(|(_, lines)| lines) {
            sudoers.take_definition(line);
        }
        for (file, lines) in &files {
            for line in lines {
                sudoers.take_rule(file, line, hostname);
            }
        }
        (sudoers, problems)
    }

    /// What the rules say of this account. The last rule that fits decides, as in sudo.
    pub(super) fn granted<'a>(&'a self, subject: &Subject<'_>) -> Granted<'a> {
        let mut granted = Granted::default();
        for rule in &self.rules {
            let fits = Matcher { aliases: &self.users, left: COMPARISONS_MAX }
                .decide(&rule.users, &|item| of_account(item, subject));
            match (rule.effect, fits.and(rule.here)) {
                (_, Answer::No) => {}
                (Effect::Grants, Answer::Yes) => granted.files.push(&rule.file),
                (Effect::Grants, Answer::Unknown) => granted.unsure = true,
                (Effect::Revokes, Answer::Yes) => granted = Granted::default(),
                // It may be revoked or not: what was granted stays said.
                (Effect::Revokes, Answer::Unknown) => {}
            }
        }
        granted
    }

    fn take_definition(&mut self, line: &str) {
        match keyword(line) {
            ("User_Alias", rest) => define(&mut self.users, rest),
            ("Runas_Alias", rest) => define(&mut self.runas, rest),
            ("Host_Alias", rest) => define(&mut self.hosts, rest),
            ("Defaults", rest) => {
                for setting in split_outside(rest, ',') {
                    let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
                    let (name, negated) = negation(name.trim());
                    match name {
                        "runas_default" => {
                            self.default_is_other = !matches!(value.trim().trim_matches('"'), "root" | "#0");
                        }
                        "fqdn" => self.long_names = !negated,
                        "targetpw" | "rootpw" | "runaspw" => self.asks_for_roots_password = !negated,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// `users hosts = (runas) tags commands : hosts = ...`
    fn take_rule(&mut self, file: &str, line: &str, hostname: Option<&str>) {
        let word = keyword(line).0;
        let is_defaults = word == "Defaults"
            || word.strip_prefix("Defaults").is_some_and(|rest| rest.starts_with(['@', ':', '!', '>']));
        if is_defaults || word.ends_with("_Alias") {
            return;
        }
        let Some(equals) = find_outside(line, '=') else { return };
        let Some((users, mut hosts)) = users_and_hosts(&line[..equals]) else { return };
        // A further `hosts =` begins again with its own list. `NOPASSWD:` also ends with a colon, and has no '='.
        let mut commands = String::new();
        let sections = split_outside(&line[equals + 1..], ':');
        for (number, section) in sections.iter().enumerate() {
            let begins = find_outside(section, '=').filter(|&at| number > 0 && !is_option(&section[..at]));
            if let Some(at) =
                begins.filter(|&at| !section[..at].trim_start_matches([' ', '\t', '!']).starts_with('/'))
            {
                self.push(file, &users, &hosts, &commands, hostname);
                hosts = items(&section[..at]);
                commands.clear();
                commands.push_str(&section[at + 1..]);
            } else {
                if !commands.is_empty() {
                    commands.push(':');
                }
                commands.push_str(section);
            }
        }
        self.push(file, &users, &hosts, &commands, hostname);
    }

    fn push(
        &mut self,
        file: &str,
        users: &[String],
        hosts: &[String],
        commands: &str,
        hostname: Option<&str>,
    ) {
        let Some(effect) = self.effect(commands) else { return };
        let here = Matcher { aliases: &self.hosts, left: COMPARISONS_MAX }
            .decide(hosts, &|item| of_host(item, hostname, self.long_names));
        let here = match here {
            Answer::Yes => Some(true),
            Answer::No => return,
            Answer::Unknown => None,
        };
        self.rules.push(Rule { file: file.to_owned(), users: users.to_vec(), effect, here });
    }

    /// What a list of commands does: whether any may be run as root, or none any more.
    fn effect(&self, commands: &str) -> Option<Effect> {
        let mut as_root = !self.default_is_other;
        let mut asks = self.asks_for_roots_password;
        let mut effect = None;
        for section in split_outside(commands, ':') {
            for command in split_outside(section, ',') {
                let mut command = command.trim();
                if let Some(rest) = command.strip_prefix('(') {
                    let (runas, rest) = rest.split_once(')').unwrap_or((rest, ""));
                    as_root = self.names_root(runas.split(':').next().unwrap_or_default());
                    command = rest.trim();
                }
                let word = command.trim_start_matches(['!', ' ', '\t']);
                let negated = negation(command).1;
                match word {
                    "NOPASSWD" => asks = false,
                    "PASSWD" => asks = self.asks_for_roots_password,
                    _ => {}
                }
                // `list` lets one ask what one may do, and do nothing.
                if !as_root || (asks && !negated) || word.is_empty() || TAGS.contains(&word) || word == "list"
                {
                    continue;
                }
                if !negated {
                    effect = Some(Effect::Grants);
                } else if word == "ALL" {
                    effect = Some(Effect::Revokes);
                }
            }
        }
        effect
    }

    /// Whether a list of users to run as lets in root. An empty one names the caller himself.
    fn names_root(&self, list: &str) -> bool {
        let is_root = |item: &str| match item {
            "ALL" | "root" | "#0" | "%root" | "%#0" => Answer::Yes,
            _ => Answer::No,
        };
        let answer = Matcher { aliases: &self.runas, left: COMPARISONS_MAX }.decide(&items(list), &is_root);
        answer == Answer::Yes
    }
}

/// Whether a list fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Unknown,
}

impl Answer {
    fn and(self, here: Option<bool>) -> Answer {
        match (self, here) {
            (Answer::Yes, None) => Answer::Unknown,
            (_, Some(false)) => Answer::No,
            (answer, _) => answer,
        }
    }
}

struct Matcher<'a> {
    aliases: &'a Aliases,
    left: u32,
}

impl Matcher<'_> {
    fn decide(&mut self, list: &[String], of_item: &dyn Fn(&str) -> Answer) -> Answer {
        self.last(list, of_item, 0).unwrap_or(Answer::No)
    }

    /// The last item of a list that fits decides (sudoers(5)); `None`: none fits.
    fn last(&mut self, list: &[String], of_item: &dyn Fn(&str) -> Answer, depth: usize) -> Option<Answer> {
        let mut decided = None;
        for item in list {
            let Some(left) = self.left.checked_sub(1) else { return Some(Answer::Unknown) };
            self.left = left;
            let (item, negated) = negation(item);
            let alias = if depth < ALIAS_DEPTH_MAX { self.aliases.get(item) } else { None };
            let fits = match alias {
                Some(list) => self.last(list, of_item, depth + 1),
                None => Some(of_item(item)).filter(|answer| *answer != Answer::No),
            };
            decided = match (fits, negated) {
                (None, _) => decided,
                (Some(Answer::Yes), false) | (Some(Answer::No), true) => Some(Answer::Yes),
                (Some(Answer::Yes), true) | (Some(Answer::No), false) => Some(Answer::No),
                // It may turn what was decided so far; if it would say the same, nothing is unsure.
                (Some(Answer::Unknown), _) => match (decided, negated) {
                    (Some(Answer::Yes), false) => Some(Answer::Yes),
                    (None | Some(Answer::No), true) => Some(Answer::No),
                    _ => Some(Answer::Unknown),
                },
            };
        }
        decided
    }
}

fn of_account(item: &str, subject: &Subject<'_>) -> Answer {
    let yes = |fits: bool| if fits { Answer::Yes } else { Answer::No };
    if item == "ALL" || item == subject.name {
        Answer::Yes
    } else if item.starts_with('+') || item.starts_with("%:") {
        Answer::Unknown
    } else if let Some(id) = item.strip_prefix("%#") {
        let id = id.parse::<u32>().ok();
        yes(subject.groups.iter().any(|group| Some(group.1) == id))
    } else if let Some(name) = item.strip_prefix('%') {
        yes(subject.groups.iter().any(|group| group.0 == name))
    } else if let Some(id) = item.strip_prefix('#') {
        yes(id.parse() == Ok(subject.user_id))
    } else {
        Answer::No
    }
}

/// Names of hosts are compared without their case, a short one with the machine's short name, `*` and `?` as in a shell.
fn of_host(item: &str, hostname: Option<&str>, long_names: bool) -> Answer {
    if item == "ALL" {
        return Answer::Yes;
    }
    let is_address =
        item.starts_with('+') || item.contains([':', '/']) || item.parse::<std::net::IpAddr>().is_ok();
    let Some(hostname) = hostname.filter(|_| !is_address).filter(|name| !name.is_empty()) else {
        return Answer::Unknown;
    };
    let (item, hostname) = (item.to_lowercase(), hostname.to_lowercase());
    let short = hostname.split('.').next().unwrap_or_default();
    let fits = if !item.contains('.') {
        fits_pattern(item.as_bytes(), short.as_bytes())
    } else if !long_names || hostname.contains('.') {
        fits_pattern(item.as_bytes(), hostname.as_bytes())
    } else {
        return Answer::Unknown;
    };
    if fits { Answer::Yes } else { Answer::No }
}

/// A pattern of `*` and `?`; sets in brackets fit nothing but themselves.
fn fits_pattern(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut within) = (0, 0);
    let mut star = None;
    while within < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, within));
                at += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == text[within] => {
                at += 1;
                within += 1;
            }
            _ => {
                let Some((from, taken)) = star else { return false };
                star = Some((from, taken + 1));
                at = from + 1;
                within = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|&rest| rest == b'*')
}

/// `NAME = a, b : OTHER = c`
fn define(aliases: &mut Aliases, text: &str) {
    for definition in split_outside(text, ':') {
        if let Some((name, list)) = definition.split_once('=') {
            aliases.insert(name.trim().to_owned(), items(list));
        }
    }
}

fn gather(
    files: &dyn Files,
    path: &str,
    hostname: Option<&str>,
    depth: usize,
    texts: &mut Vec<(String, String)>,
    problems: &mut Vec<String>,
) {
    if depth >= INCLUDES_MAX || texts.len() >= INCLUDES_MAX {
        problems.push(format!("{path}: sudoers includes are nested too deeply to follow"));
        return;
    }
    let text = match files.text(path) {
        Ok(text) => text,
        // sudo itself fails on a missing include, and then grants nothing by it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            problems.push(format!("{path} could not be read, so privileges may be incomplete: {error}"));
            return;
        }
    };
    let mut includes = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        for (word, folder) in [("includedir", true), ("include", false)] {
            let after = line.strip_prefix(['@', '#']).and_then(|line| line.strip_prefix(word));
            if let Some(target) = after.filter(|after| after.starts_with([' ', '\t'])) {
                includes.push((included(path, target, hostname), folder));
            }
        }
    }
    texts.push((path.to_owned(), text));
    for (target, folder) in includes {
        if !folder {
            gather(files, &target, hostname, depth + 1, texts, problems);
            continue;
        }
        match files.names(&target) {
            Ok(names) => {
                // Packages leave their `.dpkg-old` and editors their `~` here: sudo passes both over.
                for name in names.iter().filter(|name| !name.contains('.') && !name.ends_with('~')) {
                    let file = format!("{}/{name}", target.trim_end_matches('/'));
                    gather(files, &file, hostname, depth + 1, texts, problems);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                problems
                    .push(format!("{target} could not be read, so privileges may be incomplete: {error}"));
            }
        }
    }
}

/// The path that an include names: relative to its file's folder, `%h` being the host's short name.
fn included(from: &str, target: &str, hostname: Option<&str>) -> String {
    let target = target.trim().trim_matches('"').replace("\\ ", " ");
    let short = hostname.and_then(|name| name.split('.').next()).unwrap_or_default();
    let target = target.replace("%h", short);
    if target.starts_with('/') {
        return target;
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{target}")
}
