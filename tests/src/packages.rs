//! The packages of agent and collector, made from the built programs by `deploy/package`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::programs::program;

/// Makes packages of this version in `folder`: `what` is any of `deb`, `rpm`, `agent`, `collector`. Answers their paths.
pub fn build(folder: &Path, version: &str, what: &[&str]) -> Vec<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is the parent");
    let programs = program("daicho-agent").parent().expect("it lies in a folder").to_owned();
    let mut command = Command::new(top.join("deploy/package"));
    command
        .arg("--programs")
        .arg(programs)
        .args(["--quick", "--version", version, "--to"])
        .arg(folder)
        .args(what);
    let output = command.stdin(Stdio::null()).output().expect("deploy/package starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "deploy/package ends with {}:\n{complaint}", output.status);
    String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect()
}
