//! Whether an SSH key opens an account. Only whether there is one: no key leaves this file.

use std::io;

use super::super::root::Root;
use super::names::Entry;

/// What sshd looks at unless told otherwise (sshd_config(5), AuthorizedKeysFile).
const FILES: &str = ".ssh/authorized_keys .ssh/authorized_keys2";

/// The patterns of sshd's configuration. The first word on it counts; what a `Match` says is for some people only and
/// is not followed.
pub(super) fn patterns(root: &Root) -> Vec<String> {
    let mut texts = Vec::new();
    for name in root.list("/etc/ssh/sshd_config.d").unwrap_or_default() {
        if name.ends_with(".conf") {
            texts.extend(root.read_text(&format!("/etc/ssh/sshd_config.d/{name}")));
        }
    }
    texts.extend(root.read_text("/etc/ssh/sshd_config"));
    let told = texts.iter().find_map(|text| parse_patterns(text));
    told.unwrap_or_else(|| FILES.split(' ').map(str::to_owned).collect())
}

fn parse_patterns(text: &str) -> Option<Vec<String>> {
    let global = text.lines().map(str::trim).take_while(|line| !keyword_is(line, "match"));
    let line = global.into_iter().find(|line| keyword_is(line, "authorizedkeysfile"))?;
    let words = line.split([' ', '\t', '=', '"']).filter(|word| !word.is_empty()).skip(1);
    Some(words.map(str::to_owned).collect())
}

fn keyword_is(line: &str, keyword: &str) -> bool {
    let word = line.split([' ', '\t', '=']).next().unwrap_or_default();
    word.eq_ignore_ascii_case(keyword)
}

/// Whether one of the files holds a key. `None`: a file is there and could not be read.
pub(super) fn opens(root: &Root, patterns: &[String], entry: &Entry) -> Option<bool> {
    let mut unread = false;
    for pattern in patterns.iter().filter(|pattern| !pattern.eq_ignore_ascii_case("none")) {
        match root.read_text(&path(pattern, entry)) {
            Ok(text) if holds_a_key(&text) => return Some(true),
            Ok(_) => {}
            Err(error) => {
                unread |= !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
            }
        }
    }
    if unread { None } else { Some(false) }
}

fn holds_a_key(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
}

fn path(pattern: &str, entry: &Entry) -> String {
    let home = entry.home.trim_end_matches('/');
    let path = pattern
        .replace("%h", home)
        .replace("%u", &entry.name)
        .replace("%U", &entry.user_id.to_string())
        .replace("%%", "%");
    if path.starts_with('/') { path } else { format!("{home}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_on_key_files_counts_and_match_blocks_do_not() {
        let text = "Port 22\n#AuthorizedKeysFile /no\nauthorizedkeysfile=/etc/ssh/keys/%u  .ssh/a\nAuthorizedKeysFile /late\n";
        assert_eq!(parse_patterns(text).unwrap(), ["/etc/ssh/keys/%u", ".ssh/a"]);
        assert_eq!(parse_patterns("Match User bob\n AuthorizedKeysFile /x\n"), None);
    }

    #[test]
    fn comments_open_nothing() {
        assert!(!holds_a_key("# ssh-ed25519 AAAA old\n\n"));
        assert!(holds_a_key("# old\nssh-ed25519 AAAA new\n"));
    }
}
