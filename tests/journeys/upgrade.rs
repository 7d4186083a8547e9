//! An upgrade of the agent on trial: deploy/agent/trial on files of its own, with the real program's verdict.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use daicho_tests::programs::program;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

/// A machine's files below a temporary folder, with a systemctl that writes down how it is called.
struct Machine {
    root: TempDir,
}

impl Machine {
    fn prepare() -> Self {
        let machine = Machine { root: tempfile::tempdir().expect("a temporary folder") };
        machine.write("var/lib/daicho-agent/identity/credential.pem", "a key");
        let data = machine.path("var/lib/daicho-agent");
        let agent = program("daicho-agent");
        let run = format!("#!/bin/sh\nexec {} \"$@\" --data {}\n", agent.display(), data.display());
        machine.write("usr/bin/daicho-agent", &run);
        let calls = format!("#!/bin/sh\necho \"$*\" >>{}\n", machine.path("calls").display());
        machine.write("bin/systemctl", &calls);
        machine.write("calls", "");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/agent/trial");
        machine.write("usr/lib/daicho-agent/trial", &fs::read_to_string(script).expect("in the checkout"));
        for program in ["usr/bin/daicho-agent", "bin/systemctl", "usr/lib/daicho-agent/trial"] {
            fs::set_permissions(machine.path(program), fs::Permissions::from_mode(0o755)).expect("our own");
        }
        machine
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join(inside)
    }

    fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a temporary folder");
        fs::write(path, text).expect("a temporary folder");
    }

    /// What the running agent last wrote: it started and reached its collector so many minutes ago.
    fn status(&self, started: i64, reached: Option<i64>) {
        let status = serde_json::json!({
            "schema": "daicho.agent_status/1", "joined": true, "running": true, "endpoint_id": null,
            "collector": null, "certificate_until": null, "started_at": ago(started),
            "last_contact": reached.map(ago),
        });
        self.write("var/lib/daicho-agent/status.json", &status.to_string());
    }

    /// Runs a copy of the script; answers how systemctl was called meanwhile.
    fn trial(&self, copy: &str, what: &str) -> String {
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new(self.path(copy))
            .arg(what)
            .arg(self.root.path())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .output()
            .expect("the script starts");
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        let calls = fs::read_to_string(self.path("calls")).expect("written by systemctl");
        self.write("calls", "");
        calls
    }

    /// The new version took over so many minutes ago.
    fn began(&self, minutes: i64) {
        self.write("usr/lib/daicho-agent/former/since", &ago(minutes));
    }
}

fn ago(minutes: i64) -> String {
    let now: Timestamp = daicho_agent::clock::now();
    (now - SignedDuration::from_mins(minutes)).to_string()
}

const OURS: &str = "usr/lib/daicho-agent/trial";
const KEPT: &str = "usr/lib/daicho-agent/former/trial";
const BACK: &str = "etc/systemd/system/daicho-agent.service.d/50-former-version.conf";

#[test]
fn a_new_version_that_does_not_reach_the_collector_goes_and_the_next_one_gets_its_chance() {
    let machine = Machine::prepare();
    machine.status(2_000, Some(5));
    machine.trial(OURS, "keep");
    let calls = machine.trial(OURS, "begin");
    assert_eq!(calls, "daemon-reload\nstart daicho-agent-trial.timer\n");
    assert_eq!(machine.trial(KEPT, "judge"), "", "it has its time");
    // The new program does not even start: the former one and its script decide.
    machine.write("usr/bin/daicho-agent", "no program");
    machine.write(OURS, "no script");
    machine.began(16);
    let calls = machine.trial(KEPT, "judge");
    assert_eq!(calls, "daemon-reload\nrestart daicho-agent.service\nstop daicho-agent-trial.timer\n");
    let back = fs::read_to_string(machine.path(BACK)).expect("systemd is told");
    assert!(
        back.ends_with("[Service]\nExecStart=\nExecStart=/usr/lib/daicho-agent/former/daicho-agent run\n"),
        "{back}"
    );
    assert_eq!(machine.trial(KEPT, "judge"), "", "decided");
    // The next upgrade: what works is kept, and the drop-in goes.
    machine.trial(KEPT, "keep");
    let kept = fs::read_to_string(machine.path("usr/lib/daicho-agent/former/daicho-agent")).expect("kept");
    assert!(kept.starts_with("#!/bin/sh\nexec "), "not the one that was broken: {kept}");
    machine.trial(KEPT, "begin");
    assert!(!machine.path(BACK).exists());
    machine.began(3);
    machine.status(1, Some(0));
    assert_eq!(machine.trial(KEPT, "judge"), "stop daicho-agent-trial.timer\n");
    assert!(
        !machine.path("usr/lib/daicho-agent/former").exists(),
        "it stays, and nothing is kept for longer"
    );
}

#[test]
fn a_machine_without_an_identity_or_a_collector_blames_no_version() {
    let machine = Machine::prepare();
    machine.status(2_000, Some(90));
    machine.trial(OURS, "keep");
    machine.trial(OURS, "begin");
    machine.began(16);
    assert_eq!(machine.trial(KEPT, "judge"), "stop daicho-agent-trial.timer\n");
    assert!(!machine.path(BACK).exists(), "the former version did not reach it either");

    let machine = Machine::prepare();
    fs::remove_file(machine.path("var/lib/daicho-agent/identity/credential.pem")).expect("it was made");
    machine.trial(OURS, "keep");
    assert_eq!(machine.trial(OURS, "begin"), "");
    assert!(!machine.path("usr/lib/daicho-agent/former").exists());
}
