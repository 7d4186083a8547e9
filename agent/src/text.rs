//! Sentences for people, in Japanese and English, and the escaping of what a terminal would obey.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The languages that every person-facing text exists in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Japanese.
    #[value(name = "ja")]
    Japanese,
    /// English.
    #[value(name = "en")]
    English,
}

impl Language {
    /// The language of a POSIX locale name (`ja_JP.UTF-8`); what is not Japanese is English.
    pub fn of_locale(locale: Option<&str>) -> Self {
        if locale.is_some_and(|locale| locale.starts_with("ja")) {
            Language::Japanese
        } else {
            Language::English
        }
    }

    /// One of two words.
    pub fn pick<'a>(self, ja: &'a str, en: &'a str) -> &'a str {
        match self {
            Language::Japanese => ja,
            Language::English => en,
        }
    }
}

/// The same sentence in both languages. As an error it displays in English, for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
}

impl Text {
    /// Both languages at once.
    pub fn new(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Text { ja: ja.into(), en: en.into() }
    }

    /// The sentence in one language.
    pub fn in_language(&self, language: Language) -> &str {
        language.pick(&self.ja, &self.en)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.en)
    }
}

impl std::error::Error for Text {}

/// An error and all that led to it, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let deeper_line = deeper.to_string();
        if !line.ends_with(&deeper_line) {
            line.push_str(": ");
            line.push_str(&deeper_line);
        }
        cause = deeper.source();
    }
    line
}

/// The text with everything that a terminal would obey, or that would hide or turn round its neighbours, spelled out.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        let hides = matches!(sign,
            '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        if hides || sign.is_control() {
            escaped.extend(sign.escape_unicode());
        } else {
            escaped.push(sign);
        }
    }
    escaped
}

/// Escaped, and cut or filled to exactly `columns` on a terminal.
pub fn cell(text: &str, columns: usize) -> String {
    let escaped = escape(text);
    if escaped.width() <= columns {
        let fill = columns - escaped.width();
        return escaped + &" ".repeat(fill);
    }
    let mut cut = String::new();
    for sign in escaped.chars() {
        if cut.width() + sign.width().unwrap_or(0) + 1 > columns {
            break;
        }
        cut.push(sign);
    }
    cut.push('…');
    let fill = columns.saturating_sub(cut.width());
    cut + &" ".repeat(fill)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_an_endpoint_wrote() {
        assert_eq!(escape("a\u{1b}[2Jb\u{202e}c\nd"), "a\\u{1b}[2Jb\\u{202e}c\\u{a}d");
        assert_eq!(escape("受付 端末"), "受付 端末");
    }

    #[test]
    fn full_width_signs_take_two_columns() {
        assert_eq!(cell("受付", 6), "受付  ");
        assert_eq!(cell("受付端末", 6), "受付… ");
        assert_eq!(cell("abcdefgh", 6), "abcde…");
    }

    #[test]
    fn the_locale_chooses_the_language() {
        assert_eq!(Language::of_locale(Some("ja_JP.UTF-8")), Language::Japanese);
        assert_eq!(Language::of_locale(Some("C")), Language::English);
        assert_eq!(Language::of_locale(None), Language::English);
    }
}
