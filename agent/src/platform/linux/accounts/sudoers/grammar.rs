//! The grammar of sudoers(5) as far as the question needs it: lines, lists, items, words.

/// Lines joined where they end in a backslash, without comments. `#` before a number is a user ID, not a comment.
pub(super) fn logical_lines(text: &str) -> Vec<String> {
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
        // `#1000` at the beginning of an item, `%#1000` for a group.
        let is_id = bytes.get(at + 1).is_some_and(u8::is_ascii_digit)
            && (at == 0 || matches!(bytes[at - 1], b' ' | b'\t' | b',' | b'%' | b'!' | b'(' | b':' | b'='));
        if byte == b'#' && !quoted && !escaped && !is_id {
            return &line[..at];
        }
    }
    line
}

/// The first word of a line, and what follows it.
pub(super) fn keyword(line: &str) -> (&str, &str) {
    line.split_once(char::is_whitespace).unwrap_or((line, ""))
}

/// The two lists that a rule begins with: users, then hosts. Their items are parted by commas; a word after a word
/// begins the second list. `None`: without hosts there is no rule that sudo would take.
pub(super) fn users_and_hosts(text: &str) -> Option<(Vec<String>, Vec<String>)> {
    let mut words = Words { rest: text.trim() };
    let users = words.list();
    let hosts = words.list();
    (!users.is_empty() && !hosts.is_empty()).then_some((users, hosts))
}

/// The items of a list, unquoted, blanks around them removed.
pub(super) fn items(list: &str) -> Vec<String> {
    let mut items = Vec::new();
    for part in split_outside(list, ',') {
        items.extend(Words { rest: part.trim() }.list());
    }
    items
}

struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    /// Items up to the first word that no comma joins.
    fn list(&mut self) -> Vec<String> {
        let mut list = Vec::new();
        loop {
            let Some(word) = self.word() else { return list };
            list.push(word);
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest.trim_start(),
                None => return list,
            }
        }
    }

    /// One item: its `!`s, then what is quoted or escaped as it is meant.
    fn word(&mut self) -> Option<String> {
        let mut word = String::new();
        let mut quoted = false;
        let mut characters = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => quoted = !quoted,
                '\\' => match characters.next() {
                    // `\x20`: a byte by its number.
                    Some((_, 'x')) => {
                        let digits: String = characters.clone().take(2).map(|(_, digit)| digit).collect();
                        match u8::from_str_radix(&digits, 16) {
                            Ok(byte) if digits.len() == 2 => {
                                word.push(char::from(byte));
                                characters.next();
                                characters.next();
                            }
                            _ => word.push('x'),
                        }
                    }
                    Some((_, escaped)) => word.push(escaped),
                    None => {}
                },
                ',' if !quoted => {
                    end = at;
                    break;
                }
                // `! bob` is `!bob`.
                c if c.is_whitespace() && !quoted && word.trim_matches('!').is_empty() => {}
                c if c.is_whitespace() && !quoted => {
                    end = at;
                    break;
                }
                c => word.push(c),
            }
        }
        self.rest = &self.rest[end..];
        (!word.is_empty()).then_some(word)
    }
}

/// An item without its `!`s, and whether they negate it.
pub(super) fn negation(item: &str) -> (&str, bool) {
    let rest = item.trim_start_matches(['!', ' ', '\t']);
    let marks = item[..item.len() - rest.len()].matches('!').count();
    (rest, marks % 2 == 1)
}

/// The first `wanted` that is neither quoted, escaped, nor in brackets.
pub(super) fn find_outside(text: &str, wanted: char) -> Option<usize> {
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

/// The parts between separators that are neither quoted, escaped, nor in brackets.
pub(super) fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = find_outside(rest, separator) {
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len_utf8()..];
    }
    parts.push(rest);
    parts
}

/// Tags that may stand before a command (sudoers(5), Tag_Spec).
pub(super) const TAGS: &[&str] = &[
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
pub(super) fn is_option(text: &str) -> bool {
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
