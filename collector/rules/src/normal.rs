//! Keys for matching what people typed with what machines say: NFKC, one case, one dash, no stray space.

use unicode_normalization::UnicodeNormalization;

/// The key of `text`: full-width and half-width, upper and lower case and all dashes are the same.
pub fn key(text: &str) -> String {
    let folded: String =
        text.nfkc().flat_map(char::to_lowercase).map(fold_dash).filter(|c| !is_invisible(*c)).collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the keys of `a` and `b` are the same. What is ASCII without spaces is its own key but for case, so that a
/// walk over a large ledger folds little.
pub fn same(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if plain(a) && plain(b) { a.eq_ignore_ascii_case(b) } else { key(a) == key(b) }
}

/// Whether `pattern`, in which `*` stands for any run of characters, covers `name`; both are compared by [`key`].
pub fn pattern_covers(pattern: &str, name: &str) -> bool {
    if !pattern.contains(['*', '＊']) {
        return same(pattern, name);
    }
    let (pattern, name) = (key(pattern), key(name));
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else { return false };
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn fold_dash(c: char) -> char {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FF0D}' | '\u{30FC}' | '\u{FF70}' | '\u{2500}' => '-',
        other => other,
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_width_half_width_case_and_dashes_are_one() {
        assert_eq!(key("ＳＶ－０１"), key("sv-01"));
        assert_eq!(key("ｻｰﾊﾞ"), key("サ－バ"));
        assert_eq!(key("　田中　 太郎 "), key("田中 太郎"));
    }

    #[test]
    fn the_short_way_agrees_with_the_keys() {
        let texts = ["SV-01", "sv-01", "ＳＶ－０１", "sv 01", " sv-01", "田中", "", "-"];
        for a in texts {
            for b in texts {
                assert_eq!(same(a, b), key(a) == key(b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn a_star_covers_any_run_of_characters() {
        assert!(pattern_covers("*", "anything"));
        assert!(pattern_covers("ssh*.service", "sshd.service"));
        assert!(pattern_covers("a*b*c", "a-b-b-c"));
        assert!(!pattern_covers("a*b", "a-b-c"));
        assert!(!pattern_covers("ssh", "sshd"));
        assert!(!pattern_covers("ab*ba", "aba"));
    }
}
