//! The house's own rules, as tests: what a reader relies on and no compiler checks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

mod powershell;
mod windows_calls;

/// Lines that a file may have. Two reasons to change want two names; what is longer is named here, with its reason.
const LINES_MAX: usize = 600;

/// Long files that are one thing all the same.
const LONG: &[(&str, &str)] = &[];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is the parent").to_owned()
}

/// Every source file of ours: its path from the top, and its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["proto", "agent", "collector", "tests"] {
        walk(&root().join(folder), &mut |path| {
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).expect("a source file is text");
                found.push((relative(path), text));
            }
        });
    }
    assert!(found.len() > 40, "only {} source files found: is this the checkout?", found.len());
    found.sort();
    found
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder of the checkout") {
        let path = entry.expect("an entry of it").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            walk(&path, visit);
        } else if path.is_file() {
            visit(&path);
        }
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("below the top").to_string_lossy().into_owned()
}

fn assert_none(faults: &[String], rule: &str) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

#[test]
fn every_file_says_what_it_is_for() {
    let mute = sources().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path);
    assert_none(
        &mute.collect::<Vec<_>>(),
        "the first line of a file is `//! ` and says what the room is for",
    );
}

#[test]
fn no_file_has_two_reasons_to_change() {
    let long = sources().into_iter().filter(|(path, text)| {
        text.lines().count() > LINES_MAX && !LONG.iter().any(|(known, _)| known == path)
    });
    let long: Vec<_> =
        long.map(|(path, text)| format!("{path} has {} lines", text.lines().count())).collect();
    assert_none(&long, "a file of more than 600 lines wants a second name, or a reason in LONG");
}

#[test]
fn modules_are_named_files() {
    let old = sources().into_iter().map(|(path, _)| path).filter(|path| path.ends_with("/mod.rs"));
    assert_none(&old.collect::<Vec<_>>(), "a module is `name.rs` beside a folder `name/`, never `mod.rs`");
}

#[test]
fn nothing_is_left_for_later_and_no_test_is_switched_off() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!("), concat!("#[", "ignore")];
    let mut faults = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                faults.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none(&faults, "what is not done is an issue, not a comment");
}

#[test]
fn each_outside_thing_is_known_to_one_room() {
    let rooms: &[(&str, &[&str])] = &[
        ("redb::", &["collector/src/store/embedded"]),
        ("sled::", &["collector/src/store/former"]),
        ("include_proto!", &["proto/src/wire.rs"]),
        ("Timestamp::now()", &["agent/src/clock.rs", "collector/src/clock.rs"]),
        ("SystemTime::now()", &["agent/src/clock.rs", "collector/src/clock.rs"]),
        ("lettre::", &["collector/src/alerts/channels/email"]),
        ("calamine::", &["collector/src/bookkeeping"]),
        ("zbus::", &["agent/src/platform/linux/services"]),
        ("prometheus_client::", &["collector/src/telemetry"]),
    ];
    let mut faults = Vec::new();
    for (path, text) in sources() {
        if path.starts_with("tests/") {
            continue;
        }
        for (thing, homes) in rooms {
            let inside = homes.iter().any(|home| path.starts_with(home));
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            if !inside && code.into_iter().any(|line| line.contains(thing)) {
                faults.push(format!("{path} knows {thing}, which only {homes:?} should"));
            }
        }
    }
    assert_none(&faults, "what can be exchanged is known to one room");
}

#[test]
fn every_rule_that_is_written_is_listed_and_has_its_spec() {
    let mut written = BTreeSet::new();
    for (path, text) in sources() {
        if path.starts_with("collector/rules/src/articles/") && text.contains("static RULE: Rule") {
            let id = text.split("id: \"").nth(1).and_then(|rest| rest.split('"').next());
            written.insert(id.unwrap_or_else(|| panic!("{path} has a rule without id")).to_owned());
        }
    }
    let listed: BTreeSet<String> =
        daicho_rules::articles::RULES.iter().map(|rule| rule.id.to_owned()).collect();
    assert_eq!(written, listed, "rules that are written (left) and rules in RULES (right)");
    let design: BTreeSet<String> = [
        "04.unlisted_device",
        "04.silent_device",
        "08.retired_staff",
        "08.long_unused",
        "08.unlisted_account",
        "09.missing_update",
        "09.below_baseline",
        "09.unsupported_os",
        "09.restart_pending",
        "09.stale_patterns",
        "11.unapproved_use",
        "11.unscanned_use",
        "11.taken_outside",
        "13.unneeded_service",
        "13.unneeded_software",
    ]
    .map(str::to_owned)
    .into();
    assert!(listed.is_superset(&design), "missing: {:?}", design.difference(&listed));
    let mut specs = String::new();
    walk(&root().join("collector/rules/specs"), &mut |path| {
        specs.push_str(&fs::read_to_string(path).expect("a spec is text"));
    });
    let silent: Vec<_> = listed.iter().filter(|id| !specs.contains(id.as_str())).cloned().collect();
    assert_none(&silent, "every rule has cases that an auditor can read, in collector/rules/specs");
}

#[test]
fn every_subject_has_its_probe() {
    let probed: Vec<_> = daicho_agent::probes::PROBES.iter().map(|probe| probe.subject).collect();
    assert_eq!(
        probed,
        daicho_proto::facts::Subject::ALL,
        "one probe for each subject, in the document's order"
    );
}

#[test]
fn every_dependency_has_a_line_in_the_decisions() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let decisions = fs::read_to_string(root().join("DECISIONS.md")).expect("DECISIONS.md");
    let section = manifest.split("[workspace.dependencies]").nth(1).expect("dependencies");
    let section = section.split("\n[").next().expect("their end");
    let names = section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.trim());
    let untold = names.filter(|name| !name.starts_with(['#', '"']) && !name.starts_with("daicho-"));
    let untold: Vec<_> =
        untold.filter(|name| !decisions.contains(&format!("`{name}`"))).map(str::to_owned).collect();
    assert_none(
        &untold,
        "a dependency has a line in DECISIONS.md: what it does, who keeps it, what came second",
    );
}

#[test]
fn the_crates_know_only_what_the_design_lets_them_know() {
    let allowed: &[(&str, &[&str])] = &[
        ("proto/Cargo.toml", &[]),
        ("agent/Cargo.toml", &["daicho-proto"]),
        ("collector/rules/Cargo.toml", &["daicho-proto"]),
        ("collector/Cargo.toml", &["daicho-proto", "daicho-rules"]),
    ];
    for (path, may) in allowed {
        let manifest = fs::read_to_string(root().join(path)).expect("a manifest");
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("[lints]").next().unwrap_or_default();
        for line in dependencies.lines().filter(|line| line.starts_with("daicho-")) {
            assert!(may.iter().any(|name| line.starts_with(name)), "{path} may not know `{line}`");
        }
        if path.contains("rules") {
            assert!(!dependencies.contains("tokio"), "the rules know no runtime");
        }
    }
}

#[test]
fn the_documents_name_rooms_that_exist() {
    let mut faults = Vec::new();
    for document in ["README.md", "README.ja.md", "ARCHITECTURE.md"] {
        let text =
            fs::read_to_string(root().join(document)).unwrap_or_else(|_| panic!("{document} is missing"));
        for name in text.split('`').skip(1).step_by(2) {
            let looks_like_a_path = name.contains('/')
                && !name.contains([' ', '<', '*', '{', ':', '$', '~'])
                && ["proto/", "agent/", "collector/", "deploy/", "tests/"]
                    .iter()
                    .any(|top| name.starts_with(top));
            if looks_like_a_path && !root().join(name.trim_end_matches('/')).exists() {
                faults.push(format!("{document} names {name}"));
            }
        }
    }
    assert_none(&faults, "a document that names what is not there misleads");
}
