//! CPU time and peak memory of one whole look.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use daicho_tests::machine::Machine;
use daicho_tests::programs::program;

/// Packages of the machine that the budget speaks of.
const PACKAGES: usize = 850;

/// Runs a command some times and prints its mean CPU seconds and its peak memory in KiB, as the kernel accounts them.
const MEASURE: &str = "import resource, subprocess, sys
runs = int(sys.argv[1])
for _ in range(runs):
    subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print((used.ru_utime + used.ru_stime) / runs, used.ru_maxrss)";

/// Measures this machine and a prepared one.
pub(crate) fn measure(runs: u32) -> anyhow::Result<()> {
    let installed = std::fs::read_to_string("/var/lib/dpkg/status").unwrap_or_default();
    let installed = installed.lines().filter(|line| *line == "Status: install ok installed").count();
    println!("collect: {runs} looks each; budget 0.06 CPU s, 25 MB peak, for about {PACKAGES} packages");
    report(&format!("this machine, live, {installed} dpkg packages"), None, runs)?;
    let folder = tempfile::tempdir()?;
    let machine = Machine::prepare(folder.path(), "sv-01");
    let mut status = String::new();
    for number in 0..PACKAGES {
        write!(
            status,
            "Package: package-{number}\nStatus: install ok installed\nPriority: optional\nSection: libs\nInstalled-Size: \
             123\nMaintainer: Somebody <somebody@example.org>\nArchitecture: amd64\nSource: source-{}\nVersion: \
             1.{number}-1\nDepends: libc6 (>= 2.36), package-{}\nDescription: a package\n It fills the list as a real one \
             would.\n\n",
            number / 3,
            number / 2,
        )?;
    }
    machine.write("var/lib/dpkg/status", &status);
    report(&format!("prepared root, {PACKAGES} dpkg packages"), Some(machine.root()), runs)
}

fn report(what: &str, root: Option<&Path>, runs: u32) -> anyhow::Result<()> {
    let mut python = Command::new("python3");
    python.args(["-c", MEASURE]).arg(runs.to_string()).arg(program("daicho-agent")).arg("collect");
    if let Some(root) = root {
        python.arg("--root").arg(root);
    }
    let output = python.output().context("python3 measures the program; install it first")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let numbers = String::from_utf8(output.stdout)?;
    let mut numbers = numbers.split_whitespace().map(str::parse::<f64>);
    let (Some(Ok(seconds)), Some(Ok(kibibytes))) = (numbers.next(), numbers.next()) else {
        anyhow::bail!("no numbers for {what}")
    };
    println!("  {what}: {seconds:.3} CPU s, {:.1} MB peak", kibibytes / 1024.0);
    Ok(())
}
