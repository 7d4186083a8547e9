//! What a person should know of a sheet although it is no fault.

use daicho_rules::text::{Language, Text};
use serde_json::{Value, json};

/// Rows that one remark lists; the rest is counted.
const ROWS_SHOWN_MAX: usize = 20;

/// One remark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remark {
    /// The file's name.
    pub file: String,
    /// The workbook's name for the sheet.
    pub sheet: Option<String>,
    /// What it is about: `hidden`, `struck`, `grey`, `totals` ...
    pub kind: &'static str,
    /// The rows, as Excel counts; empty: the whole sheet.
    pub rows: Vec<u32>,
    /// The sentence, without place and rows.
    pub text: Text,
}

impl Remark {
    /// As `{file, sheet, kind, rows, text}`.
    pub fn to_json(&self, language: Language) -> Value {
        json!({
            "file": self.file, "sheet": self.sheet, "kind": self.kind, "rows": self.rows,
            "text": self.text.in_language(language),
        })
    }

    /// As one line.
    pub fn line(&self, language: Language) -> String {
        let place = self.sheet.as_deref().unwrap_or(&self.file);
        let mut rows: Vec<String> = self.rows.iter().take(ROWS_SHOWN_MAX).map(u32::to_string).collect();
        if rows.len() < self.rows.len() {
            rows.push("…".to_owned());
        }
        let rows = match (rows.is_empty(), language) {
            (true, _) => String::new(),
            (false, Language::Japanese) => format!(" {} 行目", rows.join(", ")),
            (false, Language::English) => format!(" row {}", rows.join(", ")),
        };
        format!("{place}{rows}: {}", self.text.in_language(language))
    }
}
