//! A Windows disk is looked at from Linux and judged with no server: each of the four articles finds its breach.

use std::fs;

use daicho_tests::programs::{expect, run};
use daicho_tests::windows_disk::journey::{assert_found, differing, ledger};
use serde_json::Value;

#[test]
fn a_windows_disk_opens_a_violation_of_each_article() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = differing(&folder.path().join("disk"));
    let ledger = ledger(&folder.path().join("ledger"));
    let looked = run("daicho-agent", &["collect".as_ref(), "--root".as_ref(), disk.root().as_os_str()]);
    let document = folder.path().join("pc.json");
    fs::write(&document, expect(&looked, 0)).expect("a temporary folder can be written");
    let check = run(
        "daicho",
        &[
            "check".as_ref(),
            "--ledger".as_ref(),
            ledger.as_os_str(),
            "--observation".as_ref(),
            document.as_os_str(),
            "--format".as_ref(),
            "json".as_ref(),
        ],
    );
    let answer: Value = serde_json::from_str(&expect(&check, 1)).expect("JSON");
    assert_found(&answer);
}
