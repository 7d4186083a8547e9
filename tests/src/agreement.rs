//! Whether what Daicho tells of a machine is what the machine's own tools tell: every row, every field. Pure.
//!
//! What the tools print comes as one text in sections (`machine/tools.sh`). Each subject has a file that says which rows
//! the tools' words amount to; here both sides are laid beside each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

mod accounts;
mod packages;
mod services;

/// Rows by name, each with its fields.
type Rows = BTreeMap<String, BTreeMap<String, Value>>;

/// A place where Daicho and the tools do not say the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Of what: `accounts alice`.
    pub row: String,
    /// Which field; `row` where one of both has no such row.
    pub field: String,
    /// What `daicho device` shows.
    pub daicho: String,
    /// What the tools say.
    pub tools: String,
}

/// What the machine's tools printed, by section.
pub struct Tools<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Tools<'a> {
    /// Takes the output of `machine/tools.sh` apart.
    pub fn parse(text: &'a str) -> Self {
        let sections = text.split("=== ").skip(1).filter_map(|section| section.split_once('\n'));
        Tools(sections.map(|(name, rest)| (name.trim(), rest.trim_end_matches('\n'))).collect())
    }

    /// The lines of a section; panics without it, for then nothing was compared.
    fn lines(&self, section: &str) -> std::str::Lines<'a> {
        self.0.get(section).unwrap_or_else(|| panic!("the tools printed no section {section:?}")).lines()
    }
}

/// The subjects that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Subject {
    Accounts,
    Packages,
    Services,
}

/// Compares a subject of the observation document with the tools.
pub fn differences(subject: Subject, document: &Value, tools: &Tools<'_>) -> Vec<Difference> {
    let (name, seen, expected) = match subject {
        Subject::Accounts => {
            let seen = accounts::seen(document);
            let expected = accounts::expected(tools, &seen);
            ("accounts", seen, expected)
        }
        Subject::Packages => ("packages", packages::seen(document), packages::expected(tools)),
        Subject::Services => ("services", services::seen(document), services::expected(tools)),
    };
    assert!(!expected.is_empty(), "the tools told nothing of {name}");
    beside(name, &seen, &expected)
}

/// Both sides of each field that is not the same on both.
fn beside(subject: &str, seen: &Rows, expected: &Rows) -> Vec<Difference> {
    let mut found = Vec::new();
    let names: BTreeSet<&String> = seen.keys().chain(expected.keys()).collect();
    for name in names {
        let mut differ = |field: &str, daicho: String, tools: String| {
            found.push(Difference {
                row: format!("{subject} {name}"),
                field: field.to_owned(),
                daicho,
                tools,
            });
        };
        let (ours, theirs) = match (seen.get(name), expected.get(name)) {
            (Some(ours), Some(theirs)) => (ours, theirs),
            (ours, theirs) => {
                let there = |row: Option<_>| if row.is_some() { "there" } else { "not there" }.to_owned();
                differ("row", there(ours), there(theirs));
                continue;
            }
        };
        let fields: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for field in fields {
            // What is not known of a row may be left out of it.
            let told =
                |value: &&Value| !value.is_null() && value.as_array().is_none_or(|all| !all.is_empty());
            let (daicho, tools) = (ours.get(field).filter(told), theirs.get(field).filter(told));
            if daicho != tools {
                // A field that nobody compares is a difference, too: somebody added it and no tool was asked.
                let text =
                    |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
                differ(field, text(daicho), text(tools));
            }
        }
    }
    found
}

/// The differences for a person, aligned.
pub fn table(differences: &[Difference]) -> String {
    let heading = ["row", "field", "daicho", "tools"].map(str::to_owned);
    let cells = |it: &Difference| [it.row.clone(), it.field.clone(), it.daicho.clone(), it.tools.clone()];
    let lines: Vec<[String; 4]> = std::iter::once(heading).chain(differences.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let mut text = String::new();
    for [row, field, daicho, tools] in &lines {
        let [a, b, c] = widths;
        let _ = writeln!(text, "{row:a$}  {field:b$}  {daicho:c$}  {tools}");
    }
    text
}

/// The document's rows of a subject, named by `name`.
fn rows_of(document: &Value, subject: &str, name: impl Fn(&Value) -> String) -> Rows {
    let all = document[subject].as_array().unwrap_or_else(|| panic!("the document tells no {subject}"));
    let mut rows = Rows::new();
    for row in all {
        let fields = row.as_object().expect("a row is an object");
        let fields = fields.iter().map(|(field, value)| (field.clone(), value.clone())).collect();
        let twice = rows.insert(name(row), fields);
        assert!(twice.is_none(), "{subject} tells {} twice", name(row));
    }
    rows
}

/// A row of the given fields.
fn row(fields: impl IntoIterator<Item = (&'static str, Value)>) -> BTreeMap<String, Value> {
    fields.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests;
