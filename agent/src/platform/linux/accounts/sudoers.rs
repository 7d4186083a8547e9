//! sudoers(5): who may act as root. The files arrive as text; the grammar is followed as far as that question needs.
//!
//! One command as root is enough to count: `sudo vi` is a root shell. Host names in a rule are not compared with this
//! machine's, because a shared sudoers names hosts by aliases, addresses and netgroups; power may so be overstated, never
//! understated.

use std::collections::HashMap;
use std::io;

/// One rule that lets its users act as root.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// The file that it stands in.
    pub(super) file: String,
    users: Vec<String>,
}

/// All rules, with the aliases of users that they use.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sudoers {
    pub(super) grants: Vec<Grant>,
    user_aliases: HashMap<String, Vec<String>>,
    runas_aliases: HashMap<String, Vec<String>>,
}

/// An account, as rules name it.
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) user_id: u32,
    /// Names and numbers of its groups.
    pub(super) groups: &'a [(&'a str, u32)],
}

/// How the files are reached.
pub(super) trait Files {
    fn text(&self, path: &str) -> io::Result<String>;
    fn names(&self, folder: &str) -> io::Result<Vec<String>>;
}

/// sudo's own limit on nested includes.
const INCLUDES_MAX: usize = 128;

/// Aliases may name aliases; a circle ends here.
const ALIAS_DEPTH_MAX: usize = 16;

impl Sudoers {
    /// Reads `/etc/sudoers` and what it includes. Files that could not be read are named in the second value; a machine
    /// without the file has no sudo, and nothing to tell.
    pub(super) fn read(files: &dyn Files, hostname: Option<&str>) -> (Self, Vec<String>) {
        let mut texts = Vec::new();
        let mut problems = Vec::new();
        gather(files, "/etc/sudoers", hostname, 0, &mut texts, &mut problems);
        let mut sudoers = Sudoers::default();
        let each = |(file, text): (String, String)| (file, logical_lines(&text));
        let files: Vec<(String, Vec<String>)> = texts.into_iter().map(each).collect();
        // Aliases may be defined after their use, and in another file.
        for line in files.iter().flat_map(|(_, lines)| lines) {
            sudoers.take_alias(line);
        }
        for (file, lines) in &files {
            for line in lines {
                sudoers.take_rule(file, line);
            }
        }
        (sudoers, problems)
    }

    /// The files whose rules let this account act as root.
    pub(super) fn granting<'a>(&'a self, subject: &'a Subject<'a>) -> impl Iterator<Item = &'a str> {
        let granted = move |grant: &&Grant| self.matches(&grant.users, subject, 0) == Some(true);
        self.grants.iter().filter(granted).map(|grant| grant.file.as_str())
    }

    fn take_alias(&mut self, line: &str) {
        match keyword(line) {
            ("User_Alias", rest) => define(&mut self.user_aliases, rest),
            ("Runas_Alias", rest) => define(&mut self.runas_aliases, rest),
            _ => {}
        }
    }

    /// `users hosts = (runas) tags commands : hosts = ...`
    fn take_rule(&mut self, file: &str, line: &str) {
        let word = keyword(line).0;
        let Some(equals) = find_outside(line, '=') else {
            return;
        };
        if word.starts_with("Defaults") || word.ends_with("_Alias") {
            return;
        }
        let (left, right) = (&line[..equals], &line[equals + 1..]);
        let users = leading_list(left);
        if users.is_empty() || !self.acts_as_root(right) {
            return;
        }
        self.grants.push(Grant { file: file.to_owned(), users });
    }

    /// Whether any command of the list may be run as root.
    fn acts_as_root(&self, right: &str) -> bool {
        let mut as_root = true;
        let mut granted = false;
        for section in split_outside(right, ':') {
            // A further `hosts =` begins again with its own list. `NOPASSWD:` also ends with a colon: no '=' in it.
            let mut section = section.as_str();
            if let Some(at) = find_outside(section, '=').filter(|&at| !is_option(&section[..at])) {
                section = &section[at + 1..];
                as_root = true;
            }
            for command in split_outside(section, ',') {
                let mut command = command.trim();
                if let Some(rest) = command.strip_prefix('(') {
                    let (runas, rest) = rest.split_once(')').unwrap_or((rest, ""));
                    as_root = self.names_root(runas.split(':').next().unwrap_or_default());
                    command = rest.trim();
                }
                let is_command = !command.is_empty() && !command.starts_with('!') && !TAGS.contains(&command);
                granted |= as_root && is_command;
            }
        }
        granted
    }

    /// Whether a list of users to run as lets in root. An empty one names the caller himself.
    fn names_root(&self, list: &str) -> bool {
        fn any(sudoers: &Sudoers, list: &[String], depth: usize) -> bool {
            let mut named = false;
            for item in list {
                let (item, negated) = negation(item);
                let root = matches!(item, "ALL" | "root" | "#0" | "%root" | "%#0")
                    || depth < ALIAS_DEPTH_MAX
                        && sudoers.runas_aliases.get(item).is_some_and(|list| any(sudoers, list, depth + 1));
                if root {
                    named = !negated;
                }
            }
            named
        }
        any(self, &items(list), 0)
    }

    /// The last item of a list that fits decides (sudoers(5)); `None`: none fits.
    fn matches(&self, list: &[String], subject: &Subject<'_>, depth: usize) -> Option<bool> {
        let mut decided = None;
        for item in list {
            let (item, negated) = negation(item);
            let fits = if item == "ALL" || item == subject.name {
                Some(true)
            } else if let Some(id) = item.strip_prefix("%#") {
                let id = id.parse::<u32>().ok();
                subject.groups.iter().any(|group| Some(group.1) == id).then_some(true)
            } else if let Some(name) = item.strip_prefix('%') {
                subject.groups.iter().any(|group| group.0 == name).then_some(true)
            } else if let Some(id) = item.strip_prefix('#') {
                (id.parse() == Ok(subject.user_id)).then_some(true)
            } else if depth < ALIAS_DEPTH_MAX {
                self.user_aliases.get(item).and_then(|list| self.matches(list, subject, depth + 1))
            } else {
                None
            };
            decided = fits.map(|fits| fits != negated).or(decided);
        }
        decided
    }
}

fn keyword(line: &str) -> (&str, &str) {
    line.split_once(char::is_whitespace).unwrap_or((line, ""))
}

/// Tags that may stand before a command (sudoers(5), Tag_Spec).
const TAGS: &[&str] = &[
    "EXEC",
    "NOEXEC",
    "FOLLOW",
    "NOFOLLOW",
    "INTERCEPT",
    "NOINTERCEPT",
    "LOG_INPUT",
    "NOLOG_INPUT",
    "LOG_OUTPUT",
    "NOLOG_OUTPUT",
    "MAIL",
    "NOMAIL",
    "PASSWD",
    "NOPASSWD",
    "SETENV",
    "NOSETENV",
];

/// Options that stand before a command and carry a '=' (sudoers(5), Option_Spec).
fn is_option(text: &str) -> bool {
    let name = text.rsplit([' ', '\t', ')', ',']).find(|word| !word.is_empty()).unwrap_or_default();
    matches!(
        name,
        "CWD"
            | "CHROOT"
            | "TIMEOUT"
            | "NOTBEFORE"
            | "NOTAFTER"
            | "ROLE"
            | "TYPE"
            | "PRIVS"
            | "LIMITPRIVS"
            | "APPARMOR_PROFILE"
    )
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

/// Lines joined where they end in a backslash, without comments. `#` before a number is a user ID, not a comment.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for raw in text.lines() {
        let raw = without_comment(raw);
        if let Some(begun) = raw.strip_suffix('\\') {
            line.push_str(begun);
            line.push(' ');
            continue;
        }
        line.push_str(raw);
        let whole = std::mem::take(&mut line);
        let whole = whole.trim();
        if !whole.is_empty() && !whole.starts_with('@') {
            lines.push(whole.to_owned());
        }
    }
    // A file that ends in a backslash: sudo takes the line as it stands.
    lines.extend(Some(line.trim().to_owned()).filter(|line| !line.is_empty() && !line.starts_with('@')));
    lines
}

fn without_comment(line: &str) -> &str {
    let bytes = line.as_bytes();
    let mut quoted = false;
    for (at, &byte) in bytes.iter().enumerate() {
        let escaped = at > 0 && bytes[at - 1] == b'\\';
        if byte == b'"' && !escaped {
            quoted = !quoted;
        }
        let is_id = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        if byte == b'#' && !quoted && !escaped && !is_id {
            return &line[..at];
        }
    }
    line
}

/// `NAME = a, b : OTHER = c`
fn define(aliases: &mut HashMap<String, Vec<String>>, text: &str) {
    for definition in split_outside(text, ':') {
        if let Some((name, list)) = definition.split_once('=') {
            aliases.insert(name.trim().to_owned(), items(list));
        }
    }
}

/// The list of users that a rule begins with. Its items are parted by commas; a word after a word begins the hosts.
fn leading_list(text: &str) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut wants_item = true;
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => word.extend(characters.next()),
            ',' if !quoted => {
                if !word.is_empty() {
                    list.push(std::mem::take(&mut word));
                }
                wants_item = true;
            }
            c if c.is_whitespace() && !quoted => {
                if !word.is_empty() && word != "!" {
                    list.push(std::mem::take(&mut word));
                    wants_item = false;
                }
            }
            c => {
                if word.is_empty() && !wants_item {
                    return list;
                }
                word.push(c);
            }
        }
    }
    // Without any word after the list there is no host: no rule that sudo would take.
    Vec::new()
}

/// The items of a list, unquoted, blanks around them removed.
fn items(list: &str) -> Vec<String> {
    let each = split_outside(list, ',').into_iter();
    each.map(|item| item.trim().replace(['"', '\\'], "")).filter(|item| !item.is_empty()).collect()
}

/// An item without its `!`s, and whether they negate it.
fn negation(item: &str) -> (&str, bool) {
    let rest = item.trim_start_matches(['!', ' ', '\t']);
    let marks = item[..item.len() - rest.len()].matches('!').count();
    (rest, marks % 2 == 1)
}

/// The first `wanted` that is neither quoted, escaped, nor in brackets.
fn find_outside(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    let mut brackets = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => brackets += 1,
            ')' if !quoted => brackets = brackets.saturating_sub(1),
            c if c == wanted && !quoted && brackets == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

fn split_outside(text: &str, separator: char) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = find_outside(rest, separator) {
        parts.push(rest[..at].to_owned());
        rest = &rest[at + separator.len_utf8()..];
    }
    parts.push(rest.to_owned());
    parts
}
