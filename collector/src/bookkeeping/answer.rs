//! A reading as JSON, as the contract has it: mapping, rows as they would be kept, faults, passwords.

use daicho_rules::ledger::{Ledger, Scope};
use daicho_rules::normal;
use daicho_rules::text::Language;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::plan::SHEETS;
use super::reading::Reading;
use super::spoilt;

/// The fields by which rows are matched with what machines say; each gets its key beside it: `hostname_key`.
const MATCHED: &[&str] = &[
    "device_id",
    "hostname",
    "serial_number",
    "hardware_uuid",
    "mac_address",
    "group",
    "device",
    "staff_id",
    "account",
    "name",
    "media_id",
    "vendor_id",
    "product_id",
    "serial",
    "subject",
];

/// The answer of `daicho ledger read`.
pub fn reading(reading: &Reading, language: Language) -> Value {
    let mut answer = Map::new();
    answer.insert("mapping".to_owned(), json!(reading.mapping));
    answer.extend(rows(&reading.ledger));
    answer.insert("missing".to_owned(), json!(reading.missing));
    answer.insert("unread".to_owned(), json!(reading.unread));
    answer.insert("proposed".to_owned(), json!(reading.proposals));
    let remarks = reading.remarks.iter().map(|remark| remark.to_json(language));
    answer.insert("remarks".to_owned(), remarks.collect());
    let faults = reading.faults.0.iter().map(|fault| fault.to_json(language));
    answer.insert("faults".to_owned(), faults.collect());
    answer.insert("passwords".to_owned(), json!(reading.passwords));
    Value::Object(answer)
}

/// A ledger's rows by sheet.
pub fn rows(ledger: &Ledger) -> Map<String, Value> {
    SHEETS.iter().map(|plan| (plan.name.to_owned(), Value::Array(of_sheet(ledger, plan.name)))).collect()
}

fn of_sheet(ledger: &Ledger, sheet: &str) -> Vec<Value> {
    match sheet {
        "devices" => list(&ledger.devices, |_| None),
        "staff" => list(&ledger.staff, |_| None),
        "accounts" => list(&ledger.accounts, |row| Some(&row.device)),
        "services" => list(&ledger.services, |row| Some(&row.device)),
        "software" => list(&ledger.software, |row| Some(&row.device)),
        "media" => list(&ledger.media, |row| Some(&row.device)),
        "patches" => list(&ledger.patches, |row| Some(&row.device)),
        "exceptions" => list(&ledger.exceptions, |row| Some(&row.device)),
        _ => list(&ledger.settings, |_| None),
    }
}

fn list<T: Serialize>(rows: &[T], scope: fn(&T) -> Option<&Scope>) -> Vec<Value> {
    rows.iter().map(|row| one(row, scope(row))).collect()
}

fn one<T: Serialize>(row: &T, scope: Option<&Scope>) -> Value {
    // Our own types have text keys and no failing serializer.
    let Ok(Value::Object(fields)) = serde_json::to_value(row) else { return Value::Null };
    let mut answer = Map::new();
    for (field, value) in fields {
        let value = match (field.as_str(), scope) {
            ("device", Some(scope)) => Value::String(scope.to_string()),
            ("extra", _) => extra(value),
            _ => value,
        };
        let key = value.as_str().filter(|_| MATCHED.contains(&field.as_str())).map(|text| key(&field, text));
        let key_name = format!("{field}_key");
        answer.insert(field, value);
        if let Some(key) = key {
            answer.insert(key_name, Value::String(key));
        }
    }
    Value::Object(answer)
}

/// A value as matching compares it: hardware addresses by their digits alone.
fn key(field: &str, text: &str) -> String {
    match spoilt::macs(text).filter(|_| field == "mac_address") {
        Some(macs) => macs.join(" "),
        None => normal::key(text),
    }
}

/// Pairs as an object; of a heading that stands twice both values.
fn extra(pairs: Value) -> Value {
    let pairs: Vec<(String, String)> = serde_json::from_value(pairs).unwrap_or_default();
    let mut object: Map<String, Value> = Map::new();
    for (heading, value) in pairs {
        let both = match object.get(&heading).and_then(Value::as_str) {
            Some(earlier) => format!("{earlier}\n{value}"),
            None => value,
        };
        object.insert(heading, Value::String(both));
    }
    Value::Object(object)
}
