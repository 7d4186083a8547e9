//! Kana as people and machines write it, and the login names that people make of it.
//!
//! Hepburn, Kunrei and the ways of passports fold into one: shi and si, tsu and tu, ohno and ono, homma and honma.

use unicode_normalization::UnicodeNormalization as _;

/// Katakana of full width without spaces and dots: `ﾀﾅｶ ﾀﾛｳ`, `たなか・たろう` and `タナカタロウ` are the same.
pub fn key(text: &str) -> String {
    katakana(text).filter(|c| matches!(c, 'ァ'..='ヺ' | 'ー')).collect()
}

/// Family and given name, where something stands between them.
pub fn parts(text: &str) -> Option<(String, String)> {
    let folded: String = katakana(text).collect();
    let mut parts = folded.split(|c: char| c.is_whitespace() || c == '・').filter(|part| !part.is_empty());
    match (parts.next(), parts.next(), parts.next()) {
        (Some(family), Some(given), None) => Some((key(family), key(given))),
        _ => None,
    }
}

fn katakana(text: &str) -> impl Iterator<Item = char> {
    let raised = |c: char| match c {
        'ぁ'..='ゖ' => char::from_u32(u32::from(c) + 0x60).unwrap_or(c),
        other => other,
    };
    // Half-width letters with their own sound marks become one letter each.
    let folded: String = text.nfkc().collect();
    folded.nfc().map(raised).collect::<Vec<_>>().into_iter()
}

/// The Latin letters of a name in kana, folded as [`fold`] folds a login name.
pub fn latin(kana: &str) -> String {
    fold(&spelled(&key(kana)))
}

/// The letters with which a name in kana can begin: ち is `t` or `c`.
pub fn initials(kana: &str) -> Vec<char> {
    let first = key(kana).chars().next();
    let mut letters: Vec<char> = spelled(&key(kana)).chars().take(1).collect();
    letters.extend(match first {
        Some('チ') => Some('c'),
        Some('ジ' | 'ヂ') => Some('j'),
        Some('フ') => Some('f'),
        _ => None,
    });
    letters
}

fn spelled(kana: &str) -> String {
    let mut latin = String::new();
    let mut doubled = false;
    for c in kana.chars() {
        if c == 'ッ' {
            doubled = true;
            continue;
        }
        if let Some(small) = small(c) {
            join(&mut latin, small);
            continue;
        }
        let Some(syllable) = syllable(c) else { continue };
        if std::mem::take(&mut doubled) {
            latin.extend(syllable.chars().next());
        }
        latin.push_str(syllable);
    }
    latin
}

/// きゃ: the vowel before gives way; シェ keeps its softness.
fn join(latin: &mut String, small: &str) {
    match latin.pop() {
        Some('i') if !small.starts_with('y') => {
            latin.push('y');
            latin.push_str(small);
        }
        Some('i') => latin.push_str(small),
        _ => latin.push_str(small.trim_start_matches('y')),
    }
}

fn small(c: char) -> Option<&'static str> {
    Some(match c {
        'ャ' => "ya",
        'ュ' => "yu",
        'ョ' => "yo",
        'ァ' => "a",
        'ィ' => "i",
        'ゥ' => "u",
        'ェ' => "e",
        'ォ' => "o",
        _ => return None,
    })
}

/// The table of fifty sounds, row by row; a space where there is none.
const LETTERS: [&str; 16] = [
    "アイウエオ",
    "カキクケコ",
    "サシスセソ",
    "タチツテト",
    "ナニヌネノ",
    "ハヒフヘホ",
    "マミムメモ",
    "ヤ　ユ　ヨ",
    "ラリルレロ",
    "ワヰ　ヱヲ",
    "ガギグゲゴ",
    "ザジズゼゾ",
    "ダ　　デド",
    "バビブベボ",
    "パピプペポ",
    "　　ヴ　　",
];

fn syllable(c: char) -> Option<&'static str> {
    const TABLE: [[&str; 5]; 16] = [
        ["a", "i", "u", "e", "o"],
        ["ka", "ki", "ku", "ke", "ko"],
        ["sa", "si", "su", "se", "so"],
        ["ta", "ti", "tu", "te", "to"],
        ["na", "ni", "nu", "ne", "no"],
        ["ha", "hi", "hu", "he", "ho"],
        ["ma", "mi", "mu", "me", "mo"],
        ["ya", "", "yu", "", "yo"],
        ["ra", "ri", "ru", "re", "ro"],
        ["wa", "i", "", "e", "o"],
        ["ga", "gi", "gu", "ge", "go"],
        ["za", "zi", "zu", "ze", "zo"],
        ["da", "", "", "de", "do"],
        ["ba", "bi", "bu", "be", "bo"],
        ["pa", "pi", "pu", "pe", "po"],
        ["", "", "vu", "", ""],
    ];
    match c {
        'ン' => return Some("n"),
        'ヂ' => return Some("zi"),
        'ヅ' => return Some("zu"),
        '　' => return None,
        _ => {}
    }
    let mut cells = LETTERS.iter().zip(TABLE).flat_map(|(letters, latin)| letters.chars().zip(latin));
    cells.find(|(letter, _)| *letter == c).map(|(_, latin)| latin)
}

/// A login name or spelling with every custom of writing it made one.
pub fn fold(latin: &str) -> String {
    let mut text: String =
        latin.chars().flat_map(char::to_lowercase).filter(char::is_ascii_alphabetic).collect();
    const CUSTOMS: [(&str, &str); 14] = [
        ("cch", "tch"),
        ("shi", "si"),
        ("sh", "sy"),
        ("chi", "ti"),
        ("ch", "ty"),
        ("tsu", "tu"),
        ("dzu", "zu"),
        ("ji", "zi"),
        ("j", "zy"),
        ("yy", "y"),
        ("f", "h"),
        ("mb", "nb"),
        ("mp", "np"),
        ("mm", "nm"),
    ];
    for (custom, ours) in CUSTOMS {
        text = text.replace(custom, ours);
    }
    // ohno, ohtani: an h that no vowel follows only makes the o long.
    let letters: Vec<char> = text.chars().collect();
    let mut folded = String::new();
    for (place, letter) in letters.iter().enumerate() {
        let before = folded.chars().last();
        let next = letters.get(place + 1);
        let long_h = *letter == 'h'
            && before == Some('o')
            && !next.is_some_and(|next| matches!(next, 'a' | 'i' | 'u' | 'e' | 'o' | 'y'));
        let long_o = matches!(letter, 'u' | 'o') && before == Some('o');
        let long_u = *letter == 'u' && before == Some('u');
        if !(long_h || long_o || long_u) {
            folded.push(*letter);
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_width_hiragana_and_spaces_are_one_reading() {
        assert_eq!(key("ﾀﾅｶ ﾀﾛｳ"), "タナカタロウ");
        assert_eq!(key("たなか　たろう"), "タナカタロウ");
        assert_eq!(key("ﾜﾀﾅﾍﾞ"), "ワタナベ");
        assert_eq!(parts("ﾜﾀﾅﾍﾞ ｼﾞﾛｳ"), Some(("ワタナベ".to_owned(), "ジロウ".to_owned())));
        assert_eq!(parts("タナカタロウ"), None);
    }

    #[test]
    fn every_custom_of_spelling_is_one() {
        let cases = [
            ("タナカ", &["tanaka", "TANAKA"][..]),
            ("オオノ", &["ono", "ohno", "oono"]),
            ("オオハシ", &["ohashi", "oohashi", "ohasi"]),
            ("サトウ", &["sato", "satou", "satoh"]),
            ("ホンマ", &["honma", "homma"]),
            ("ナンバ", &["nanba", "namba"]),
            ("シンジョウ", &["shinjo", "sinzyou", "shinjyo"]),
            ("チバ", &["chiba", "tiba"]),
            ("ハットリ", &["hattori"]),
            ("ヤッチ", &["yatchi", "yacchi", "yatti"]),
            ("フジツ", &["fujitsu", "huzitu"]),
            ("イノウエ", &["inoue"]),
            ("ユウコ", &["yuko", "yuuko"]),
            ("キョウコ", &["kyoko", "kyouko"]),
        ];
        for (kana, spellings) in cases {
            for spelling in spellings {
                assert_eq!(fold(spelling), latin(kana), "{kana} {spelling}");
            }
        }
        assert_ne!(fold("tanaka"), latin("タナベ"));
        assert_eq!(initials("チヒロ"), ['t', 'c']);
    }
}
