//! A machine of `plan.rs` as `daicho-collect.ps1` would save it: `reg save` gives a hive of one key, with no log.

use std::path::Path;

use super::hive::Key;
use super::machines::{Hives, lay_files, write};
use super::plan::Plan;
use super::sam::MACHINE_SID;

const SCRIPT: &str = include_str!("../../../deploy/windows/daicho-collect.ps1");

/// Writes what the script would write below a folder; its lists of keys are taken from the script itself.
pub fn lay(plan: &Plan, out: &Path) {
    let hives = Hives::of(plan);
    write(&out.join("Windows/System32/config/SAM"), &hives.machine["SAM"].file());
    let mut list = List { out, lines: Vec::new(), number: 0 };
    for key in listed("Trees") {
        list.tree(&key, find(&hives, &key));
    }
    for key in listed("Values") {
        list.values(&key, find(&hives, &key));
    }
    for (number, _, hive) in &hives.people {
        for key in listed("OfUsers") {
            list.tree(&format!(r"HKU\{MACHINE_SID}-{number}\{key}"), hive.at(&key));
        }
    }
    let text = list.lines.join("\r\n") + "\r\n";
    write(&out.join("daicho-saved.txt"), text.as_bytes());
    lay_files(plan, out);
}

/// One of the script's lists.
fn listed(name: &str) -> Vec<String> {
    let (_, rest) = SCRIPT.split_once(&format!("\r\n${name} = @(")).expect("a list of the script");
    let (list, _) = rest.split_once("\r\n)").expect("its end");
    list.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

/// On a running machine the current set of controls has its own name.
fn find<'a>(hives: &'a Hives, key: &str) -> Option<&'a Key> {
    let path = key.strip_prefix(r"HKLM\").expect("a key of the machine");
    let (hive, path) = path.split_once('\\').expect("a hive and a path");
    hives.machine[hive].at(&path.replacen("CurrentControlSet", "ControlSet001", 1))
}

struct List<'a> {
    out: &'a Path,
    lines: Vec<String>,
    number: u32,
}

impl List<'_> {
    /// `Save-Tree`.
    fn tree(&mut self, name: &str, key: Option<&Key>) {
        let Some(key) = key else { return self.lines.push(format!("absent\t{name}")) };
        self.number += 1;
        let number = self.number;
        let file = format!("registry/{number}/Windows/System32/config/SOFTWARE");
        write(&self.out.join(file), &key.file());
        self.lines.push(format!("saved\t{name}\t{number}"));
    }

    /// `Save-Values`.
    fn values(&mut self, path: &str, key: Option<&Key>) {
        let Some(key) = key else { return self.lines.push(format!("absent\t{path}")) };
        self.lines.push(format!("values\t{path}"));
        for (name, kind, data) in key.values() {
            let (kind, data) = match (kind, data.as_slice()) {
                (1 | 2, data) => ("text", text(data)),
                (4, [a, b, c, d]) => ("number", u32::from_le_bytes([*a, *b, *c, *d]).to_string()),
                _ => ("other", String::new()),
            };
            self.lines.push(format!("value\t{path}\t{kind}\t{name}\t{data}"));
        }
    }
}

fn text(data: &[u8]) -> String {
    let units = data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text = String::from_utf16_lossy(&units.collect::<Vec<_>>());
    text.trim_end_matches('\0').replace(['\t', '\r', '\n'], " ")
}
