//! The agent inside a machine: installed, enrolled to a collector on this host, running as a service.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use super::{HOST, VirtualMachine};
use crate::programs::{expect, program};
use crate::site::Site;

impl VirtualMachine {
    /// Installs the agent from the project's own package and enrols it to this site, and waits until it runs.
    pub fn install_agent(&self, site: &Site) {
        self.write("/root/daicho-agent.deb", package(), 0o644);
        self.run("dpkg --install /root/daicho-agent.deb");
        self.enrol(site);
        self.until("the agent to run", "systemctl is-active -q daicho-agent");
    }

    /// Joins it to this site; the token is no argument of a process.
    pub fn enrol(&self, site: &Site) {
        let collector = format!("{HOST}:{}", site.address.port());
        self.feed(
            &format!("daicho-agent enrol --collector {collector} --token-file -"),
            site.token().as_bytes(),
        );
    }

    /// The agent's log since this boot, with times to the microsecond.
    pub fn agent_log(&self) -> String {
        self.run("journalctl -b -u daicho-agent --no-pager -o cat")
    }
}

/// The agent's .deb, made once in a process.
fn package() -> &'static [u8] {
    static PACKAGE: OnceLock<Vec<u8>> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is the parent");
        let agent = program("daicho-agent");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut make = Command::new(top.join("deploy/package"));
        make.arg("--programs").arg(agent.parent().expect("a program lies in a folder"));
        make.arg("--to").arg(folder.path()).args(["deb", "agent"]);
        let made = expect(&make.output().expect("the script starts"), 0);
        let path = made.lines().last().expect("it prints the package's path");
        fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))
    })
}
