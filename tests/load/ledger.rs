//! Time and memory of reading and importing ledgers: one of 10 000 devices, and those that mean harm.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use daicho_tests::hostile;
use daicho_tests::measured::{Measured, measure as measured};
use daicho_tests::programs::program;
use daicho_tests::site::Site;

/// Devices of the ledger that the budget speaks of.
const DEVICES: usize = 10_000;

/// Measures reading and the whole import of a workbook and of a folder of CP932, then every hostile ledger.
pub(crate) fn measure() -> anyhow::Result<()> {
    println!("ledger: {DEVICES} devices x 20 columns; budget 5 s, 300 MB");
    let folder = tempfile::tempdir()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("ledgers/large.py");
    let made = Command::new("python3").arg(script).arg(folder.path()).arg(DEVICES.to_string()).output()?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for (name, what) in [("large.xlsx", "a workbook"), ("large", "CSV in CP932")] {
        let path = folder.path().join(name);
        let path = path.to_str().context("a temporary path is text")?;
        let read = measured(&program("daicho"), &["ledger", "read", path, "--format", "json"], &[]);
        ensure!(read.status == 0, "{}", read.out.chars().take(2_000).collect::<String>());
        print(&format!("read {what}"), &read);
        import(path, what)?;
    }
    let all = hostile::make(folder.path());
    println!("ledger: {} that mean harm; budget 5 s, 300 MB", all.len());
    for ledger in &all {
        let (taken, told, wrong) = hostile::read(folder.path(), ledger);
        let told: String = wrong.map_or(told, |wrong| format!("WRONG: {wrong}")).chars().take(100).collect();
        print(&format!("{}: {told}", ledger.file), &taken);
    }
    Ok(())
}

fn import(path: &str, what: &str) -> anyhow::Result<()> {
    let mut site = Site::start("");
    let operator = site.data().join("operators/suzuki");
    let address = format!("localhost:{}", site.address.port());
    let environment = [
        ("DAICHO_OPERATOR", operator.to_str().context("a temporary path is text")?),
        ("DAICHO_COLLECTOR", address.as_str()),
    ];
    let import = measured(&program("daicho"), &["ledger", "import", path], &environment);
    ensure!(
        import.out.contains("Imported as version 1"),
        "{}",
        import.out.chars().take(2_000).collect::<String>()
    );
    print(&format!("import {what}, the department's side"), &import);
    let status = std::fs::read_to_string(format!("/proc/{}/status", site.collector().id()))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let peak: f64 = peak.trim().trim_end_matches(" kB").parse()?;
    println!("  import {what}, the collector's side: {:.0} MB peak", peak / 1024.0);
    site.stop_collector();
    Ok(())
}

fn print(what: &str, taken: &Measured) {
    println!(
        "  {what}: {:.2} s, {:.2} CPU s, {:.0} MB peak",
        taken.seconds, taken.cpu_seconds, taken.peak_megabytes
    );
}
