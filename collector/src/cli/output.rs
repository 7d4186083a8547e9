//! What every list of the command can be: a table for people, JSON or CSV for programs.

use daicho_rules::text::Language;

/// The forms of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns, at most 100 wide.
    #[default]
    Table,
    /// As the contract says, for programs.
    Json,
    /// For a spreadsheet: with a byte order mark, and no cell that is a formula.
    Csv,
}

/// The languages of `--lang`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// 日本語
    Ja,
    /// English
    En,
}

/// The language to speak: `--lang`, else the locale (`LC_ALL`, `LC_MESSAGES`, `LANG`), else English.
pub fn language(asked: Option<Lang>, locale: Option<&str>) -> Language {
    match (asked, locale) {
        (Some(Lang::Ja), _) => Language::Japanese,
        (Some(Lang::En), _) => Language::English,
        (None, Some(locale)) if locale.starts_with("ja") => Language::Japanese,
        (None, _) => Language::English,
    }
}

/// Rows under headings.
#[derive(Clone, Debug, Default)]
pub struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(headings: &[&str]) -> Self {
        Table { headings: headings.iter().map(|heading| (*heading).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row, one cell for each heading. Cells come as they are; rendering escapes what a terminal would obey.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The aligned text.
    pub fn render(&self) -> String {
        let mut text = self.headings.join("  ");
        for row in &self.rows {
            text.push('\n');
            text.push_str(&row.join("  "));
        }
        text.push('\n');
        text
    }
}
