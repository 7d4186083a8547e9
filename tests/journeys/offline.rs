//! One machine alone: `daicho demo`, and judging documents with no server.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use daicho_tests::machine::Machine;
use daicho_tests::programs::{command, expect, run};
use serde_json::Value;

#[test]
fn the_demo_shows_this_machine_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut demo = command("daicho");
    demo.args(["demo", "--once", "--lang", "ja"]).env("HOME", home.path()).env("TMPDIR", home.path());
    let shown = expect(&demo.output().expect("the program starts"), 0);
    assert!(shown.contains("SV-DEMO"), "{shown}");
    assert!(shown.contains("13.") || shown.contains('条'), "articles are named: {shown}");
    let left: Vec<_> = fs::read_dir(home.path()).expect("it is there").collect();
    assert!(left.is_empty(), "{left:?} is left behind");
}

/// Every file below a folder, with its length, its time and its content.
fn everything(folder: &Path, found: &mut Vec<(String, u64, SystemTime, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a temporary folder can be read") {
        let path = entry.expect("its entry").path();
        let about = fs::symlink_metadata(&path).expect("its entry");
        let content = if about.is_file() { fs::read(&path).expect("our own file") } else { Vec::new() };
        found.push((path.display().to_string(), about.len(), about.modified().expect("a time"), content));
        if about.is_dir() {
            everything(&path, found);
        }
    }
    found.sort();
}

#[test]
fn a_look_changes_nothing_and_carries_no_hash_away() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let machine = Machine::prepare(folder.path(), "sv-01");
    machine.add_account("tanaka", 1001);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    everything(machine.root(), &mut before);
    let looked =
        expect(&run("daicho-agent", &["collect".as_ref(), "--root".as_ref(), machine.root().as_os_str()]), 0);
    everything(machine.root(), &mut after);
    assert_eq!(before, after, "the agent only reads");
    assert!(looked.contains("tanaka") && !looked.contains("saltsalt") && !looked.contains("$6$"), "{looked}");
}

fn judge(ledger: &Path, document: &Path, now: &str) -> (i32, String) {
    let output = run(
        "daicho",
        &[
            "check".as_ref(),
            "--ledger".as_ref(),
            ledger.as_os_str(),
            "--observation".as_ref(),
            document.as_os_str(),
            "--now".as_ref(),
            now.as_ref(),
            "--format".as_ref(),
            "json".as_ref(),
        ],
    );
    let code = output.status.code().expect("it ends by itself");
    (code, String::from_utf8_lossy(if code == 2 { &output.stderr } else { &output.stdout }).into_owned())
}

#[test]
fn check_answers_by_its_exit_status_and_quotes_the_ledger_row() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let machine = Machine::prepare(&folder.path().join("machine"), "sv-01");
    machine.add_account("tanaka", 1001);
    let document = folder.path().join("sv-01.json");
    let collected = run("daicho-agent", &["collect".as_ref(), "--root".as_ref(), machine.root().as_os_str()]);
    fs::write(&document, expect(&collected, 0)).expect("a temporary folder can be written");
    let ledger = folder.path().join("ledger");
    fs::create_dir(&ledger).expect("a temporary folder can be written");
    let write = |name: &str, text: &str| fs::write(ledger.join(name), text).expect("it can be written");
    write("devices.csv", "device_id,hostname,kind,status\nSV-01,sv-01,server,in_use\n");
    write("staff.csv", "staff_id,name,status,retired_on\n0012,田中,active,2026-11-21\n");
    write("accounts.csv", "device,account,staff_id,kind\nSV-01,tanaka,0012,personal\n");

    // The 22nd begins in Japan at 15:00 UTC of the 21st.
    let (_, before) = judge(&ledger, &document, "2026-11-21T14:59:59Z");
    assert!(
        !before.contains("08.retired_staff/SV-01/tanaka"),
        "the last day of employment is a day of employment"
    );
    let (status, after) = judge(&ledger, &document, "2026-11-21T15:00:00Z");
    assert_eq!(status, 1, "{after}");
    let answer: Value = serde_json::from_str(&after).expect("JSON");
    let violations = answer["violations"].as_array().expect("a list");
    let found =
        violations.iter().find(|violation| violation["rule"] == "08.retired_staff").expect("it is found");
    for field in ["key", "article", "device", "subject", "severity", "state", "first_seen", "last_seen"] {
        assert!(!found[field].is_null(), "{field} is missing in {found}");
    }
    let rows = found["evidence"].as_array().expect("a list").iter().map(|proof| proof["ledger_row"].as_str());
    assert!(rows.flatten().any(|row| row == "staff.csv:2"), "{found}");

    write("staff.csv", "staff_id,name,status,retired_on\n0012,田中,gone,2026-13-01\n");
    let (status, told) = judge(&ledger, &document, "2026-11-22T00:00:00Z");
    assert_eq!(status, 2);
    for part in ["staff.csv", "gone", "2026-13-01"] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
}

#[test]
fn versions_are_compared_as_their_package_manager_does() {
    for (manager, a, b, expected) in [
        ("dpkg", "1.0~rc1-1", "1.0-1", "<"),
        ("rpm", "1.0^git1", "1.0", ">"),
        ("apk", "1.0_alpha", "1.0", "<"),
        ("windows", "10.0.19045.5011", "10.0.19045.5011", "="),
    ] {
        let out = expect(&run("daicho", &["compare-versions", manager, a, b]), 0);
        assert_eq!(out.trim(), expected, "{manager} {a} {b}");
    }
}
