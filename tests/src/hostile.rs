//! Ledgers that mean harm, made by `tests/ledgers/hostile.py`, and what must come of each.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::measured::{Measured, measure};
use crate::programs::program;

/// Memory that reading any file may take, in MB.
pub const MEMORY_MEGABYTES_MAX: f64 = 300.0;

/// One of them.
#[derive(Clone, Debug, Deserialize)]
pub struct Hostile {
    /// Its name in the folder.
    pub file: String,
    /// Part of the sentence that refuses it; empty: it is refused or read, both are right.
    pub says: Option<String>,
    /// It must be read, with so many devices.
    pub devices: Option<usize>,
    /// What must never be shown.
    pub never: Option<String>,
}

/// Makes all of them.
pub fn make(folder: &Path) -> Vec<Hostile> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("ledgers/hostile.py");
    let output = Command::new("python3").arg(script).arg(folder).output().expect("python3 makes them");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = std::fs::read(folder.join("hostile.json")).expect("what was made");
    serde_json::from_slice(&told).expect("what was made")
}

/// Reads one as the department would; what came of it in words, and whether that is wrong.
pub fn read(folder: &Path, hostile: &Hostile) -> (Measured, String, Option<String>) {
    let path = folder.join(&hostile.file);
    let path = path.to_str().expect("a temporary path is text");
    let measured = measure(&program("daicho"), &["ledger", "read", path, "--format", "json"], &[]);
    let begin = measured.out.find('{').unwrap_or_default();
    let mut answers = serde_json::Deserializer::from_str(&measured.out[begin..]).into_iter::<Value>();
    let Some(Ok(answer)) = answers.next() else {
        let told = format!("no answer, exit status {}: {}", measured.status, measured.out.trim());
        return (measured, told.clone(), Some(told));
    };
    let faults = answer["faults"].as_array().cloned().unwrap_or_default();
    let sentences: Vec<&str> = faults.iter().filter_map(|fault| fault["expected"].as_str()).collect();
    let devices = answer["devices"].as_array().map_or(0, Vec::len);
    let told = match sentences.first() {
        Some(sentence) => format!("expected {sentence}"),
        None => format!("read, {devices} devices"),
    };
    let refused =
        |part: &str| sentences.iter().any(|sentence| !sentence.is_empty() && sentence.contains(part));
    let status = if faults.is_empty() { 0 } else { 2 };
    let wrong = if hostile.says.as_deref().is_some_and(|says| !says.is_empty() && !refused(says)) {
        Some(format!("is not refused with {:?}: {told}", hostile.says))
    } else if hostile.devices.is_some_and(|count| count != devices || !faults.is_empty()) {
        Some(format!("is not read with {:?} devices: {told}", hostile.devices))
    } else if hostile.never.as_deref().is_some_and(|never| measured.out.contains(never)) {
        Some(format!("shows {:?}", hostile.never))
    } else if measured.status != status {
        Some(format!("ends with {}, not {status}: {told}", measured.status))
    } else if measured.peak_megabytes > MEMORY_MEGABYTES_MAX {
        Some(format!("takes {:.0} MB: {told}", measured.peak_megabytes))
    } else {
        None
    };
    (measured, told, wrong)
}
