//! The agent inside a machine: installed, enrolled to a collector on this host, running as a service.

use std::path::{Path, PathBuf};

use super::{HOST, VirtualMachine};
use crate::programs::program;
use crate::site::Site;

impl VirtualMachine {
    /// Installs the agent, enrols it to this site and starts it, and waits until the collector has heard of all of it.
    pub fn install_agent(&self, site: &Site) {
        let deploy = deploy();
        self.copy_in(&program("daicho-agent"), "/usr/bin/daicho-agent", 0o755);
        self.copy_in(
            &deploy.join("agent/daicho-agent.service"),
            "/lib/systemd/system/daicho-agent.service",
            0o644,
        );
        self.copy_in(&deploy.join("agent/sysusers.conf"), "/usr/lib/sysusers.d/daicho-agent.conf", 0o644);
        self.run("systemd-sysusers && systemctl daemon-reload");
        self.enrol(site);
        self.run("systemctl enable --now daicho-agent");
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

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is the parent").join("deploy")
}
