//! Each ledger of `tests/ledgers/files` as `daicho ledger read` answers it, beside what must come out.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use daicho_tests::programs::run;
use serde_json::Value;

/// Traps into which the reader still falls. They are tried all the same; the test tells which of them it has passed.
const NOT_YET: &[&str] = &[];

/// Sheets of an answer.
const SHEETS: [&str; 9] =
    ["devices", "staff", "accounts", "services", "software", "media", "patches", "exceptions", "settings"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ledgers/files")
}

/// One trap: its name, and what must come out.
fn traps() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder()).expect("the corpus") {
        let path = entry.expect("an entry of the corpus").path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let text = std::fs::read(&path).expect("an expectation");
            let expectation =
                serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            found.push((path.file_stem().expect("a name").to_string_lossy().into_owned(), expectation));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn every_ledger_of_the_corpus_is_read_as_the_hospital_means_it() {
    let traps = traps();
    let next = AtomicUsize::new(0);
    let fallen: Mutex<Vec<(String, Vec<String>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((name, expectation)) = traps.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let wrong = try_one(expectation);
                    if !wrong.is_empty() {
                        fallen.lock().expect("no panic").push((name.clone(), wrong));
                    }
                }
            });
        }
    });
    let mut fallen = fallen.into_inner().expect("no panic");
    fallen.sort();
    let whole = traps.iter().filter(|(name, _)| name.starts_with("whole-")).count();
    println!(
        "{} ledgers, {whole} of them whole ones: {} read as meant, {} known not to be yet",
        traps.len(),
        traps.len() - fallen.len(),
        NOT_YET.len()
    );
    let passed = NOT_YET.iter().filter(|known| fallen.iter().all(|(name, _)| name != *known));
    passed.for_each(|name| println!("{name} is read now: take it out of NOT_YET"));
    let mut told = String::new();
    for (name, wrong) in fallen.iter().filter(|(name, _)| !NOT_YET.contains(&name.as_str())) {
        let _ = writeln!(told, "{name}\n  {}", wrong.join("\n  "));
    }
    assert!(traps.len() >= 60 && whole >= 5, "the corpus is smaller than it was: {}", traps.len());
    assert!(told.is_empty(), "{told}");
}

#[test]
fn what_is_expected_can_fail() {
    let rows: Value = serde_json::json!([{"device_id": "PC-01", "note": null, "row": {"row": 2}}]);
    let answer = serde_json::json!({"devices": rows, "faults": [], "passwords": null});
    let wrong = |expected: Value| wrongs(&expected, &answer).len();
    assert_eq!(wrong(serde_json::json!({"devices": [{"device_id": "PC-01", "row": {"row": 2}}]})), 0);
    assert_eq!(wrong(serde_json::json!({"devices": [{"device_id": "PC-1"}]})), 1);
    assert_eq!(wrong(serde_json::json!({"devices": []})), 1);
    assert_eq!(wrong(serde_json::json!({"some": {"devices": [{"note": "x"}]}})), 1);
    assert_eq!(wrong(serde_json::json!({"faults": [{"row": 2}]})), 1);
    assert_eq!(wrong(serde_json::json!({"never": ["PC-01"]})), 1);
    let faulty = serde_json::json!({"devices": [], "faults": [{"row": 2, "expected": "a day"}]});
    assert_eq!(wrongs(&serde_json::json!({}), &faulty).len(), 1);
    assert_eq!(wrongs(&serde_json::json!({"faults": [{"row": 2, "says": "day"}]}), &faulty).len(), 0);
}

/// Reads one, and tells what is not as it must be.
fn try_one(expectation: &Value) -> Vec<String> {
    let path = folder().join(text(expectation, "read"));
    let path = path.to_str().expect("a path that is text");
    let output = run("daicho", &["ledger", "read", path, "--format", "json"]);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let Ok(answer) = serde_json::from_str::<Value>(&out) else {
        return vec![format!("no answer: {out}{err}")];
    };
    let mut wrong = wrongs(expectation, &answer);
    let expected_status = if list(&answer, "faults").is_empty() { 0 } else { 2 };
    if output.status.code() != Some(expected_status) {
        wrong.push(format!("exit status {:?}, not {expected_status}", output.status.code()));
    }
    let secrets = list(expectation, "never");
    let secrets = secrets.iter().filter_map(Value::as_str);
    wrong.extend(secrets.filter(|secret| err.contains(secret)).map(|secret| format!("tells {secret}")));
    wrong
}

/// The keys of an expectation are told in `tests/ledgers/README.md`.
fn wrongs(expectation: &Value, answer: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for sheet in SHEETS {
        let rows = list(answer, sheet);
        if let Some(expected) = expectation[sheet].as_array() {
            if expected.len() != rows.len() {
                wrong.push(format!("{sheet} has {} rows, not {}", rows.len(), expected.len()));
            }
            let pairs = expected.iter().zip(&rows).filter(|(expected, row)| !covers(row, expected));
            wrong.extend(pairs.map(|(expected, row)| format!("{sheet}: expected {expected}, read {row}")));
        }
        if let Some(count) = expectation["count"][sheet].as_u64()
            && count != rows.len() as u64
        {
            wrong.push(format!("{sheet} has {} rows, not {count}", rows.len()));
        }
        let some = list(&expectation["some"], sheet);
        let missing = some.iter().filter(|expected| !rows.iter().any(|row| covers(row, expected)));
        wrong.extend(missing.map(|expected| format!("{sheet} has no {expected}")));
        let found = answer["mapping"][sheet].as_object();
        let found: Vec<&Value> = found.into_iter().flat_map(|columns| columns.values()).collect();
        let fields = list(&expectation["fields"], sheet);
        let missing = fields.iter().filter(|field| !found.contains(field));
        wrong.extend(missing.map(|field| format!("{sheet} has no column for {field}")));
    }
    if !expectation["mapping"].is_null() && !covers(&answer["mapping"], &expectation["mapping"]) {
        wrong.push(format!("mapping {}", answer["mapping"]));
    }
    for (key, alike) in [("same", true), ("different", false)] {
        for pointers in list(expectation, key) {
            let pointers: Vec<&str> =
                pointers.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let mut values: Vec<String> = pointers
                .iter()
                .map(|pointer| answer.pointer(pointer).map(Value::to_string).unwrap_or_default())
                .collect();
            values.sort();
            values.dedup();
            if values.len() != (if alike { 1 } else { pointers.len() }) || values.contains(&String::new()) {
                wrong.push(format!("{key}: {values:?}"));
            }
        }
    }
    wrong.extend(wrong_faults(expectation, list(answer, "faults")));
    if let Some(passwords) = expectation.get("passwords")
        && *passwords != answer["passwords"]
    {
        wrong.push(format!("passwords {}", answer["passwords"]));
    }
    let whole = answer.to_string();
    let shown = list(expectation, "never");
    let shown = shown.iter().filter_map(Value::as_str).filter(|secret| whole.contains(secret));
    wrong.extend(shown.map(|secret| format!("shows {secret}")));
    wrong
}

fn wrong_faults(expectation: &Value, mut faults: Vec<Value>) -> Vec<String> {
    let mut wrong = Vec::new();
    let exactly = expectation["faults_at_least"].is_null();
    for expected in list(expectation, if exactly { "faults" } else { "faults_at_least" }) {
        match faults.iter().position(|fault| is_fault(fault, &expected)) {
            Some(index) => drop(faults.remove(index)),
            None => wrong.push(format!("no fault {expected}")),
        }
    }
    if exactly && !faults.is_empty() {
        let first: Vec<String> = faults.iter().take(3).map(Value::to_string).collect();
        wrong.push(format!("{} faults too many: {}", faults.len(), first.join(", ")));
    }
    wrong
}

fn is_fault(fault: &Value, expected: &Value) -> bool {
    let expected = expected.as_object().into_iter().flatten();
    let mut keys = expected.map(|(key, value)| match key.as_str() {
        "says" => text(fault, "expected").contains(value.as_str().unwrap_or_default()),
        key => fault[key] == *value,
    });
    keys.all(|agrees| agrees) && !text(fault, "expected").is_empty()
}

/// Whether everything of `expected` stands in `found`.
fn covers(found: &Value, expected: &Value) -> bool {
    match expected.as_object() {
        Some(keys) => keys.iter().all(|(key, value)| covers(&found[key], value)),
        None => found == expected,
    }
}

fn list(value: &Value, key: &str) -> Vec<Value> {
    value[key].as_array().cloned().unwrap_or_default()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
