//! The agent inside a machine: installed, enrolled to a collector on this host, running as a service.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use daicho_agent::probes::PROBES;
use serde_json::Value;

use super::{HOST, PATIENCE, VirtualMachine};
use crate::packages;
use crate::programs::until_within;
use crate::site::Site;

impl VirtualMachine {
    /// Installs the agent from the project's own package and enrols it to this site, and waits until it runs.
    pub fn install_agent(&self, site: &Site) {
        self.write("/root/daicho-agent.deb", package(), 0o644);
        self.run("dpkg --install /root/daicho-agent.deb");
        self.enrol(site);
        self.until("the agent to run", "systemctl is-active -q daicho-agent");
    }

    /// Installs a package of the host's; answers what was said.
    pub fn install_package(&self, package: &Path) -> String {
        self.copy_in(package, "/root/package.deb", 0o644);
        self.run("DEBIAN_FRONTEND=noninteractive dpkg -i /root/package.deb 2>&1")
    }

    /// Waits until the agent has looked at everything and the collector has taken all of it.
    pub fn wait_until_told(&self) {
        until_within(PATIENCE, "everything to be seen and told", || {
            let said = self.try_run("daicho-agent status --format json").stdout;
            let status: Value = serde_json::from_slice(&said).ok()?;
            let told = ["events", "inventories", "outgoing"].iter().all(|kind| status["waiting"][kind] == 0);
            (status["looks"].as_array()?.len() == PROBES.len() && told).then_some(())
        });
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
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = packages::build(folder.path(), "0.1.0", &["deb", "agent"]).remove(0);
        fs::read(path).expect("the package was made")
    })
}
