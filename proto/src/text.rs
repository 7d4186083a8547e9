//! Sentences for people, in Japanese and in English, and which characters a reader would obey instead of seeing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The same sentence in both languages. As an error it displays in English, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// The languages that every person-facing text exists in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Language {
    #[serde(rename = "ja")]
    Japanese,
    #[serde(rename = "en")]
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

/// A text that names no language of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected ja or en")]
pub struct NoLanguage;

impl FromStr for Language {
    type Err = NoLanguage;

    fn from_str(text: &str) -> Result<Self, NoLanguage> {
        match text {
            "ja" => Ok(Language::Japanese),
            "en" => Ok(Language::English),
            _ => Err(NoLanguage),
        }
    }
}

/// Whether a terminal or a mail program would obey this character, or whether it hides or turns round its neighbours:
/// control characters (C0, DEL, C1), marks of the direction of writing (Unicode UAX #9), line breaks (UAX #14), what is
/// invisible, and tags.
pub fn is_obeyed(sign: char) -> bool {
    sign.is_control()
        || matches!(sign,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_chooses_the_language() {
        assert_eq!(Language::of_locale(Some("ja_JP.UTF-8")), Language::Japanese);
        assert_eq!(Language::of_locale(Some("C")), Language::English);
        assert_eq!(Language::of_locale(None), Language::English);
    }

    #[test]
    fn what_is_only_seen_is_not_obeyed() {
        assert!(!"受付 端末-01（西）ｻｰﾊﾞ".chars().any(is_obeyed));
        assert!("\u{1b}\n\r\u{202e}\u{200b}\u{feff}\u{ad}".chars().all(is_obeyed));
    }
}
