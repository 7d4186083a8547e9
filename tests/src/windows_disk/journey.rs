//! The journey of the rules on a Windows disk: a ledger, a PC that differs from it in four ways, and what is found.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::WindowsDisk;

/// The stick that nobody approved.
pub const SERIAL: &str = "4C530001230604116491";

/// What has to be open: rule and subject.
pub const FOUND: [(&str, &str); 4] = [
    ("08.retired_staff", "tanaka"),
    ("09.below_baseline", "windows:os"),
    ("11.unapproved_use", "0781:5581:4C530001230604116491"),
    ("13.unneeded_service", "RemoteHelper"),
];

/// The PC `PC-07`: an account of somebody who has retired, one of somebody who has not, a stick, a service of a
/// stranger, and a revision that is one short of the ledger's.
pub fn differing(root: &Path) -> WindowsDisk {
    let mut disk = WindowsDisk::prepare(root, "PC-07", 5010);
    disk.account("tanaka", "Tanaka Ichiro", 1001);
    disk.account("sato", "Sato Hanako", 1002);
    // 2026-11-02T00:00:00Z.
    disk.stick("0781", "5581", SERIAL, 134_380_512_000_000_000);
    disk.service("RemoteHelper", "Remote Helper", r"C:\Program Files\Helper\helper.exe", 2);
    disk.save();
    disk
}

/// The ledger's sheets, with their columns.
pub const SHEETS: [(&str, &str); 4] = [
    (
        "staff",
        "staff_id,name,department,status,retired_on\nS1,Tanaka Ichiro,ward,retired,2026-03-31\n\
         S2,Sato Hanako,ward,active,\n",
    ),
    (
        "accounts",
        "device,account,staff_id,kind,privileged,expires_on\nPC-07,tanaka,S1,personal,no,\n\
         PC-07,sato,S2,personal,no,\n",
    ),
    ("patches", "device,manager,name,minimum_version,due_on,reason\n*,windows,os,19045.5011,2026-10-01,\n"),
    ("devices", "device_id,hostname,kind,status\nPC-07,PC-07,terminal,in_use\n"),
];

/// Writes the ledger into a folder.
pub fn ledger(folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).expect("a temporary folder can be written");
    for (sheet, rows) in SHEETS {
        fs::write(folder.join(format!("{sheet}.csv")), rows).expect("a temporary folder can be written");
    }
    folder.to_owned()
}

/// Fails unless all of [`FOUND`] is open in the answer of `daicho check`, and nothing of the one who stays.
pub fn assert_found(answer: &Value) {
    let violations = answer["violations"].as_array().expect("a list");
    let has = |rule: &str, subject: &str| {
        violations.iter().any(|it| it["rule"] == rule && it["subject"] == subject && it["state"] == "open")
    };
    let missing = FOUND.iter().filter(|(rule, subject)| !has(rule, subject)).collect::<Vec<_>>();
    assert!(missing.is_empty(), "{missing:?} is missing in {answer:#}");
    assert!(!has("08.retired_staff", "sato") && !has("13.unneeded_service", "EventLog"), "{answer:#}");
}
