//! The hospital's own texts: files `OCCASION.LANG.txt` in a folder, checked at the start, instead of ours.
//!
//! ```text
//! 件名: 【○○病院】{subject}
//!
//! 情報システム係です。
//! {text}
//! ```
//! Names in braces are filled in; `{{` and `}}` stand for the braces themselves.

use std::collections::BTreeMap;
use std::path::Path;

use daicho_rules::text::Language;

use super::config::ConfigError;

/// What a template can be of.
pub const OCCASIONS: &[&str] = &[
    "news",
    "start",
    "test",
    "reminder",
    "escalation",
    "maintenance_over",
    "channels",
    "ending",
    "daily_word",
];
/// What may stand in braces.
pub const NAMES: &[&str] =
    &["subject", "text", "count", "articles", "severity", "article", "device", "summary", "time"];
/// Bytes of a file: some pages.
const BYTES_MAX: u64 = 64 * 1024;
/// How the first line begins.
const SUBJECTS: [&str; 4] = ["件名:", "件名：", "Subject:", "subject:"];

/// All texts of the hospital's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates(BTreeMap<(String, &'static str), Template>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Template {
    subject: Vec<Piece>,
    body: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    Name(String),
}

impl Templates {
    /// Reads and checks the folder; without one, there are none.
    pub fn load(folder: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(folder) = folder else { return Ok(Templates::default()) };
        let wrong = |reason: String| ConfigError::new("templates", reason);
        let cannot = |error: std::io::Error| {
            wrong(format!(
                "the folder {} cannot be read: {error}; make it, or leave the key out",
                folder.display()
            ))
        };
        let mut templates = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(stem) = file.strip_suffix(".txt") else { continue };
            let known = stem.rsplit_once('.').and_then(|(occasion, language)| {
                let language = match language {
                    "ja" => "ja",
                    "en" => "en",
                    _ => return None,
                };
                OCCASIONS.contains(&occasion).then(|| (occasion.to_owned(), language))
            });
            let Some(key) = known else {
                let all = OCCASIONS.join(", ");
                return Err(wrong(format!(
                    "{file:?} is no template: name it OCCASION.ja.txt or OCCASION.en.txt, of {all}"
                )));
            };
            let length = std::fs::metadata(&path).map_err(cannot)?.len();
            if length > BYTES_MAX {
                return Err(wrong(format!("{file} has {length} bytes, more than {BYTES_MAX}")));
            }
            let text = std::fs::read_to_string(&path)
                .map_err(|error| wrong(format!("{file} cannot be read: {error}; save it as UTF-8")))?;
            templates
                .insert(key, Template::parse(&text).map_err(|reason| wrong(format!("{file}, {reason}")))?);
        }
        Ok(Templates(templates))
    }

    /// The hospital's subject, if it has one.
    pub(super) fn subject(
        &self,
        occasion: &str,
        language: Language,
        value: &dyn Fn(&str) -> String,
    ) -> Option<String> {
        let filled = fill(&self.get(occasion, language)?.subject, value);
        // A header is one line, whatever was filled in.
        Some(super::wording::plain(filled.trim(), 200))
    }

    /// The hospital's text, if it has one.
    pub(super) fn body(
        &self,
        occasion: &str,
        language: Language,
        value: &dyn Fn(&str) -> String,
    ) -> Option<String> {
        Some(fill(&self.get(occasion, language)?.body, value))
    }

    fn get(&self, occasion: &str, language: Language) -> Option<&Template> {
        let language = if language == Language::English { "en" } else { "ja" };
        self.0.get(&(occasion.to_owned(), language))
    }
}

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let subject = SUBJECTS.iter().find_map(|word| first.strip_prefix(word));
        let Some(subject) = subject.map(str::trim).filter(|subject| !subject.is_empty()) else {
            return Err("line 1: must begin with 件名: or Subject: and say the subject".to_owned());
        };
        if let Some(c) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return Err(format!(
                "it holds the control character U+{:04X}: save it as plain text",
                u32::from(c)
            ));
        }
        let body = rest.strip_prefix('\n').unwrap_or(rest);
        if body.trim().is_empty() {
            return Err("there is no text below the subject".to_owned());
        }
        let skipped = 1 + usize::from(rest.starts_with('\n'));
        Ok(Template { subject: pieces(subject, 0)?, body: pieces(body, skipped)? })
    }
}

/// `skipped` lines come before.
fn pieces(text: &str, skipped: usize) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut words = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        words.push_str(before);
        let read = text.len() - from.len();
        let line = skipped + text.get(..read).unwrap_or_default().matches('\n').count() + 1;
        if let Some(behind) = from.strip_prefix("{{") {
            words.push('{');
            rest = behind;
        } else if let Some(behind) = from.strip_prefix("}}") {
            words.push('}');
            rest = behind;
        } else {
            let name = from.strip_prefix('{').and_then(|inside| inside.split_once('}'));
            let Some((name, behind)) = name.filter(|(name, _)| NAMES.contains(name)) else {
                let all = NAMES.join("}, {");
                return Err(format!(
                    "line {line}: a brace without one of the known names; these are {{{all}}}, and {{{{ stands for a brace"
                ));
            };
            pieces.push(Piece::Words(std::mem::take(&mut words)));
            pieces.push(Piece::Name(name.to_owned()));
            rest = behind;
        }
    }
    words.push_str(rest);
    pieces.push(Piece::Words(words));
    Ok(pieces)
}

/// What was filled in is not looked at again: a device's name cannot bring a brace along.
fn fill(pieces: &[Piece], value: &dyn Fn(&str) -> String) -> String {
    let one = |piece: &Piece| match piece {
        Piece::Words(words) => words.clone(),
        Piece::Name(name) => value(name),
    };
    pieces.iter().map(one).collect()
}

#[cfg(test)]
mod tests;
