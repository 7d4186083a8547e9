//! What every story begins with: a Windows PC with the agent's program on its disk, and a collector.

use std::fs;
use std::process::Command;

use daicho_tests::programs::{expect, until_within};
use daicho_tests::site::Site;
use daicho_tests::wine::{PATIENCE, Wine};
use serde_json::Value;

/// Where the agent of a story keeps its identity and its spool.
pub(crate) const DATA: &str = r"C:\agent";

/// One hospital with one terminal PC, `PC-01`.
pub(crate) struct Hospital {
    // First: what is dropped first still has its collector.
    pub(crate) pc: Wine,
    pub(crate) site: Site,
}

impl Hospital {
    /// Starts the collector and lists the PC in the ledger. `None`: this host cannot.
    pub(crate) fn open() -> Option<Self> {
        let pc = Wine::open()?;
        let hospital = Hospital { pc, site: Site::start("") };
        hospital.import(&[]);
        Some(hospital)
    }

    /// Imports the ledger: the PC by its name, and these sheets with their columns and rows.
    pub(crate) fn import(&self, sheets: &[(&str, &str)]) {
        let ledger = self.site.folder("ledger");
        let hostname = self.pc.said("hostname", &[]);
        let devices = format!("device_id,hostname,kind,status\nPC-01,{},terminal,in_use\n", hostname.trim());
        for (sheet, rows) in [("devices", devices.as_str())].iter().chain(sheets) {
            fs::write(ledger.join(format!("{sheet}.csv")), rows).expect("a temporary folder can be written");
        }
        expect(&self.site.daicho(&["ledger", "import", ledger.to_str().expect("text")]), 0);
    }

    /// Joins the agent, as an administrator does by hand.
    pub(crate) fn enrol(&self) -> String {
        let mut enrol = self.pc.agent();
        enrol.args(["enrol", "--collector", &self.address(), "--token", &self.site.token(), "--data", DATA]);
        expect(&self.pc.run(&enrol), 0)
    }

    /// The collector's address.
    pub(crate) fn address(&self) -> String {
        format!("localhost:{}", self.site.address.port())
    }

    /// The agent at work in the foreground.
    pub(crate) fn work(&self) -> Command {
        let mut work = self.pc.agent();
        work.args(["run", "--data", DATA]);
        work
    }

    /// What the agent says of itself.
    pub(crate) fn status(&self) -> Option<Value> {
        let mut status = self.pc.agent();
        status.args(["status", "--format", "json", "--data", DATA]);
        serde_json::from_slice(&self.pc.run(&status).stdout).ok()
    }

    /// What the collector knows of the PC.
    pub(crate) fn seen(&self) -> Option<Value> {
        self.site.daicho_json(&["device", "PC-01"])["seen"].get(0).cloned()
    }

    /// Waits until the collector has seen the host, which every agent can tell.
    pub(crate) fn wait_until_seen(&self) -> Value {
        until_within(PATIENCE, "the PC's first report", || {
            self.seen().filter(|seen| !seen["observed_at"]["host"].is_null())
        })
    }
}

/// Fails if a log tells of a panic: one that was caught is one as well.
pub(crate) fn assert_calm(log: &[String]) {
    let panics = log.iter().filter(|line| line.contains("panicked")).collect::<Vec<_>>();
    assert!(panics.is_empty(), "{panics:#?}\nin\n{}", log.join("\n"));
}
