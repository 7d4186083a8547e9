//! The rows of a sheet as fields, to be merged and put together again.

use std::collections::BTreeMap;

use daicho_rules::normal;
use serde_json::{Map, Value, json};

use crate::bookkeeping::plan::SheetPlan;
use crate::bookkeeping::table::Table;

/// The rows of one side.
pub(super) struct Cells {
    /// In their order.
    pub(super) order: Vec<Row>,
    index: BTreeMap<Vec<String>, usize>,
}

impl Cells {
    pub(super) fn get(&self, key: &[String]) -> Option<&Row> {
        self.index.get(key).and_then(|index| self.order.get(*index))
    }
}

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    plan: &'static SheetPlan,
    /// What makes it this row.
    pub(super) key: Vec<String>,
    /// The same for people, as written.
    pub(super) shown: String,
    /// The row as the ledger keeps it.
    pub(super) value: Value,
    /// Its fields but where it stood and the hospital's own columns.
    pub(super) fields: Map<String, Value>,
    /// The hospital's own columns; of a heading that stands twice, which of the two.
    pub(super) extra: BTreeMap<(String, usize), String>,
    cells: Vec<String>,
}

/// The rows of a sheet, of which `ledger` is the whole as JSON.
pub(super) fn of(table: &Table<'_>, ledger: &Value) -> Cells {
    let values = ledger.get(table.plan.name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let rows = table.rows.iter().zip(values).map(|(row, value)| {
        let mut fields = value.as_object().cloned().unwrap_or_default();
        fields.remove("row");
        fields.remove("extra");
        let mut extra = BTreeMap::new();
        for (title, text) in row.extra {
            let occurrence = (0..).find(|n| !extra.contains_key(&(title.clone(), *n))).unwrap_or_default();
            extra.insert((title.clone(), occurrence), text.clone());
        }
        let keys = table.plan.key_fields();
        let columns = table.plan.columns.iter().zip(&row.cells);
        let shown: Vec<&str> = columns
            .filter(|(column, _)| keys.contains(&column.field))
            .map(|(_, cell)| cell.as_str())
            .collect();
        Row {
            plan: table.plan,
            key: row.key.clone(),
            shown: shown.join(" / "),
            value: value.clone(),
            fields,
            extra,
            cells: row.cells.clone(),
        }
    });
    let order: Vec<Row> = rows.collect();
    let index = order.iter().enumerate().map(|(index, row)| (row.key.clone(), index)).collect();
    Cells { order, index }
}

impl Row {
    /// The row as a ledger keeps it.
    pub(super) fn whole(&self) -> Value {
        let mut whole = self.fields.clone();
        if let Some(row) = self.value.get("row") {
            whole.insert("row".to_owned(), row.clone());
        }
        if self.value.get("extra").is_some() {
            let mut extra: Vec<(&String, &String)> =
                self.extra.iter().map(|((title, _), text)| (title, text)).collect();
            let order = self.value.get("extra").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let place = |title: &str| order.iter().position(|pair| pair[0] == title).unwrap_or(order.len());
            extra.sort_by_key(|(title, _)| place(title));
            whole.insert("extra".to_owned(), json!(extra));
        }
        Value::Object(whole)
    }

    /// What a field shows.
    pub(super) fn cell(&self, field: &str) -> String {
        let place = self.plan.columns.iter().position(|column| column.field == field);
        place.and_then(|place| self.cells.get(place)).cloned().unwrap_or_default()
    }

    /// Whether nothing differs but the writing.
    pub(super) fn alike(&self, other: &Row) -> bool {
        let same = |(field, value)| other.fields.get(field).is_some_and(|known| alike(value, known));
        self.fields.iter().all(same) && self.extra == other.extra
    }

    /// What differs from `base`, for people.
    pub(super) fn changed(&self, base: &Row) -> String {
        let fields = self.plan.columns.iter().map(|column| column.field);
        let ours = fields.filter(|field| self.cell(field) != base.cell(field));
        let ours = ours.map(|field| format!("{field}={}", self.cell(field)));
        let own = self.extra.iter().filter(|(name, text)| base.extra.get(*name) != Some(*text));
        let own = own.map(|((title, _), text)| format!("{title}={text}"));
        ours.chain(own).collect::<Vec<_>>().join(", ")
    }
}

/// Whether two values are the same but for width, case and dashes.
pub(super) fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => normal::same(a, b),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| alike(value, other)))
        }
        _ => a == b,
    }
}
