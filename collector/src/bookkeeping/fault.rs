//! What is wrong with a ledger: where, what stands there, and what was expected instead.

use std::fmt;

use daicho_rules::text::{Language, Text};
use serde_json::{Value, json};

use super::limits::{FAULTS_MAX, SHOWN_CHARACTERS_MAX};

/// One thing that is wrong. Never holds a value of a password column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// The file's name.
    pub file: String,
    /// The sheet: the workbook's own name for it, or our name for a CSV file's.
    pub sheet: Option<String>,
    /// The row as Excel counts, from 1 on; `None` where a whole sheet or file is meant.
    pub row: Option<u32>,
    /// The column's heading as written, or our name for a column that is missing.
    pub column: Option<String>,
    /// What stands there, cut to a length that can be shown.
    pub value: Option<String>,
    /// What was expected.
    pub expected: Text,
}

impl Fault {
    /// A fault of a whole file.
    pub fn of_file(file: &str, expected: Text) -> Self {
        Fault { file: file.to_owned(), expected, ..Fault::default() }
    }

    /// As the contract has it: `{file, sheet, row, column, value, expected}`.
    pub fn to_json(&self, language: Language) -> Value {
        json!({
            "file": self.file, "sheet": self.sheet, "row": self.row, "column": self.column,
            "value": self.value, "expected": self.expected.in_language(language),
        })
    }

    /// Where it is: `accounts.csv:12`, `台帳.xlsx 職員:12`.
    pub fn place(&self) -> String {
        let mut place = self.file.clone();
        if let Some(sheet) = &self.sheet
            && !self.file.to_lowercase().ends_with(".csv")
        {
            place = format!("{place} {sheet}");
        }
        match self.row {
            Some(row) => format!("{place}:{row}"),
            None => place,
        }
    }
}

/// What a fault shows of a cell.
pub fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Everything that is wrong with a ledger, at once. Nothing was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Adds one; after [`FAULTS_MAX`] only says that there are more.
    pub fn add(&mut self, fault: Fault) {
        let file = fault.file.clone();
        match self.0.len() {
            count if count < FAULTS_MAX => self.0.push(fault),
            FAULTS_MAX => self.0.push(Fault::of_file(
                &file,
                Text::new(
                    "このほかにも誤りがあります。ここまでを直してから、もう一度確認してください",
                    "there are more faults; mend these first, then check again",
                ),
            )),
            _ => {}
        }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Faults(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let column = fault.column.as_deref().unwrap_or_default();
            let value = fault.value.as_deref().map(|value| format!(" {value:?}")).unwrap_or_default();
            let expected = &fault.expected.en;
            write!(formatter, "{separator}{} {column}{value}: expected {expected}", fault.place())?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
