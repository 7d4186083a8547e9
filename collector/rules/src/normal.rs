//! Keys for matching what people typed with what machines say: NFKC, one case, one dash, no stray space.

use unicode_normalization::UnicodeNormalization;

/// The key of `text`: full-width and half-width, upper and lower case and all dashes are the same.
pub fn key(text: &str) -> String {
    if is_plain(text) {
        return text.to_ascii_lowercase();
    }
    let folded: String =
        text.nfkc().flat_map(char::to_lowercase).map(fold_dash).filter(|c| !is_invisible(*c)).collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the keys of `a` and `b` are the same.
pub fn same(a: &str, b: &str) -> bool {
    if is_plain(a) && is_plain(b) { a.eq_ignore_ascii_case(b) } else { key(a) == key(b) }
}

/// Whether `pattern`, in which `*` stands for any run of characters, covers `name`; both are compared by [`key`].
pub fn pattern_covers(pattern: &str, name: &str) -> bool {
    if is_plain(pattern) && is_plain(name) {
        covers(pattern, name)
    } else {
        covers(&key(pattern), &key(name))
    }
}

/// Whether a pattern covers a name, but for ASCII case: both are keys, or plain.
pub(crate) fn covers(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut place) = (0, 0);
    // Where the last `*` stands, and how much of the name it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while place < name.len() {
        match (pattern.get(at), name.get(place)) {
            (Some(b'*'), _) => {
                star = Some((at, place));
                at += 1;
            }
            (Some(a), Some(b)) if a.eq_ignore_ascii_case(b) => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    place = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == b'*')
}

/// ASCII without spaces is its own key but for case: a walk over a large ledger need fold nothing.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn fold_dash(c: char) -> char {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FF0D}' | '\u{30FC}' | '\u{FF70}' | '\u{2500}' => '-',
        // The wave dash of JIS; CP932 gives U+FF5E for the same letter, which NFKC folds.
        '\u{301C}' => '~',
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
    fn both_wave_dashes_are_one() {
        assert_eq!(key("本館〜別館"), key("本館～別館"));
    }

    #[test]
    fn the_short_way_agrees_with_the_keys() {
        let texts = ["SV-01", "sv-01", "ＳＶ－０１", "sv 01", " sv-01", "田中", "", "-"];
        for a in texts {
            for b in texts {
                assert_eq!(same(a, b), key(a) == key(b), "{a:?} {b:?}");
                assert_eq!(pattern_covers(a, b), key(a) == key(b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn what_is_its_own_key_folds_to_nothing_else() {
        for byte in 0x21..=0x7E_u8 {
            let plain = char::from(byte).to_string();
            assert_eq!(key(&plain), key(&format!(" {plain}")), "{plain:?}");
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
        assert!(pattern_covers("ＳＳＨ＊", "sshd"));
        assert!(pattern_covers("電子*端末", "電子カルテ端末"));
        assert!(pattern_covers("a*bc", "abbcbc"));
        assert!(!pattern_covers("", "a") && pattern_covers("", "") && pattern_covers("**", ""));
    }
}
