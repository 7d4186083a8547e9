//! The table of facts names every root, and only roots that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::roots;

#[test]
fn the_table_of_facts_names_each_root_and_no_other() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("FACTS.md");
    let text = fs::read_to_string(page).expect("agent/FACTS.md");
    let words = text.split('`').skip(1).step_by(2);
    let named: BTreeSet<String> =
        words.filter_map(|word| word.strip_prefix("roots/")).map(str::to_owned).collect();
    let kept: BTreeSet<String> = roots().into_iter().collect();
    assert_eq!(named, kept, "roots that agent/FACTS.md names (left) and roots that are there (right)");
}

#[test]
fn the_table_of_facts_names_only_files_that_exist() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(top.join("agent/FACTS.md")).expect("agent/FACTS.md");
    for word in text.split('`').skip(1).step_by(2) {
        if ["agent/", "tests/", "proto/", "collector/"].iter().any(|room| word.starts_with(room)) {
            assert!(top.join(word).exists(), "agent/FACTS.md names {word}");
        }
    }
}
