//! Packages as dpkg-query(1) tells them.

use serde_json::{Value, json};

use super::{Rows, Tools, row, rows_of};

/// The document's packages by name and architecture. What it leaves out because it is the same is filled in.
pub(super) fn seen(document: &Value) -> Rows {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut rows =
        rows_of(document, "packages", |row| format!("{}:{}", text(&row["name"]), text(&row["architecture"])));
    for fields in rows.values_mut() {
        for (source, own) in [("source_name", "name"), ("source_version", "version")] {
            if fields.get(source).is_none_or(Value::is_null) {
                let own = fields.get(own).cloned().unwrap_or_default();
                fields.insert(source.to_owned(), own);
            }
        }
    }
    rows
}

/// The section's lines: state, name, version, architecture, source and its version, selection.
pub(super) fn expected(tools: &Tools<'_>) -> Rows {
    let mut rows = Rows::new();
    for line in tools.lines("packages") {
        let fields: Vec<&str> = line.split('\t').collect();
        let [state, name, version, architecture, source, source_version] = fields[..] else {
            panic!("no line of dpkg-query: {line:?}");
        };
        let mut letters = state.chars();
        let held = letters.next() == Some('h');
        let unfinished = match letters.next() {
            // No file is on disk but, perhaps, settings.
            Some('n' | 'c') => continue,
            Some('i') => None,
            Some('H') => Some("half-installed"),
            Some('U') => Some("unpacked"),
            Some('F') => Some("half-configured"),
            Some('W') => Some("triggers-awaited"),
            Some('t') => Some("triggers-pending"),
            other => panic!("dpkg-query has a new state {other:?}"),
        };
        let mut fields = row([
            ("manager", json!("dpkg")),
            ("name", json!(name)),
            ("version", json!(version)),
            ("architecture", json!(architecture)),
            ("source_name", json!(source)),
            ("source_version", json!(source_version)),
            ("state", json!(unfinished)),
        ]);
        if held {
            fields.insert("held".to_owned(), json!(true));
        }
        rows.insert(format!("{name}:{architecture}"), fields);
    }
    rows
}
