//! What the agent says of real systems, kept as archives in `agent/fixtures/roots`: the whole document, and where the
//! system's own programs spoke when the archive was made, their word beside the agent's.
//!
//! `DAICHO_RECORDS_WRITE=1 cargo test -p daicho-agent --test records` writes the documents anew; what then differs is
//! read by a person before it is committed.
//!
//! The roots are of Linux, and only its program reads them.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use daicho_agent::collect::collect;
use daicho_agent::platform::linux::Linux;
use daicho_proto::document::Document;
use jiff::Timestamp;
use serde_json::Value;

mod facts;
mod tools;

/// The moment by which the roots are judged: the day after they were made.
const NOW: &str = "2026-11-23T00:00:00Z";

/// Fewer roots than this prove too little.
const ROOTS_MIN: usize = 12;

/// All archives and documents together: they are part of every clone.
const BYTES_MAX: u64 = 3 * 1024 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/roots")
}

/// All roots, unpacked and looked at once for all tests.
fn kept() -> &'static [Kept] {
    static KEPT: LazyLock<Vec<Kept>> =
        LazyLock::new(|| roots().iter().map(|name| Kept::unpacked(name)).collect());
    &KEPT
}

/// The names of all roots.
fn roots() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the folder of roots");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".tar.gz").map(str::to_owned)).collect();
    names.sort();
    names
}

/// A root, unpacked, and what the agent says of it.
struct Kept {
    name: String,
    /// What the system's programs said, by their names.
    tools: BTreeMap<String, String>,
    document: Document,
}

impl Kept {
    fn unpacked(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let archive = crate::folder().join(format!("{name}.tar.gz"));
        let status = Command::new("tar")
            .args(["--no-same-owner", "-xzf"])
            .arg(&archive)
            .arg("-C")
            .arg(folder.path())
            .status()
            .expect("tar starts");
        assert!(status.success(), "{} cannot be unpacked", archive.display());
        let now: Timestamp = NOW.parse().expect("a time");
        let machine = Linux::at_root(&folder.path().join("root")).expect("its root").as_of(now);
        let document = collect(&machine, now);
        let answers = fs::read_dir(folder.path().join("tools")).expect("what its programs said");
        let answers = answers.map(|entry| {
            let path = entry.expect("an answer").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, String::from_utf8_lossy(&fs::read(path).expect("its text")).into_owned())
        });
        Kept { name: name.to_owned(), tools: answers.collect(), document }
    }

    /// What a program of the system said, if it was asked.
    fn tool(&self, name: &str) -> Option<&str> {
        self.tools.get(name).map(String::as_str)
    }
}

#[test]
fn each_root_is_told_as_its_document_says() {
    let mut faults = Vec::new();
    for kept in kept() {
        let name = &kept.name;
        let told = lines(&serde_json::to_value(&kept.document).expect("a document is JSON"));
        let path = folder().join(format!("{name}.json"));
        if std::env::var_os("DAICHO_RECORDS_WRITE").is_some() {
            fs::write(&path, &told).expect("the document can be written");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        let differences = differences(&expected, &told);
        if !differences.is_empty() {
            faults.push(format!("{name}:\n{}", differences.join("\n")));
        }
    }
    assert!(faults.is_empty(), "expected (-) and told (+):\n{}", faults.join("\n\n"));
}

#[test]
fn there_are_enough_roots_and_they_are_small() {
    assert!(roots().len() >= ROOTS_MIN, "only {} roots", roots().len());
    let sizes = fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| entry.and_then(|entry| entry.metadata()).expect("a size").len());
    let size: u64 = sizes.sum();
    assert!(size <= BYTES_MAX, "{size} bytes");
}

/// A document with a line for each thing, so that a difference is a line.
fn lines(document: &Value) -> String {
    let mut text = String::from("{\n");
    let entries: Vec<String> = document
        .as_object()
        .expect("a document is an object")
        .iter()
        .map(|(key, value)| match value {
            Value::Array(items) if !items.is_empty() => {
                let items: Vec<String> = items.iter().map(|item| format!("    {item}")).collect();
                format!("  \"{key}\": [\n{}\n  ]", items.join(",\n"))
            }
            other => format!("  \"{key}\": {other}"),
        })
        .collect();
    text.push_str(&entries.join(",\n"));
    text.push_str("\n}\n");
    text
}

/// The lines that only one of the two has.
fn differences(expected: &str, told: &str) -> Vec<String> {
    let only = |mark: &str, one: &str, other: &str| -> Vec<String> {
        let other: Vec<&str> = other.lines().map(|line| line.trim_end_matches(',')).collect();
        let lines = one.lines().map(|line| line.trim_end_matches(','));
        lines.filter(|line| !other.contains(line)).map(|line| format!("{mark}{line}")).collect()
    };
    let mut all = only("-", expected, told);
    all.extend(only("+", told, expected));
    all
}
