//! What every story begins with: a machine with an enrolled agent, its collector, and the officer's mail server.

use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use daicho_tests::daemons::Postfix;
use daicho_tests::daemons::postfix::Options;
use daicho_tests::programs::{expect, until_within};
use daicho_tests::site::Site;
use daicho_tests::virtual_machine::VirtualMachine;
use serde_json::Value;

/// How long one thing may take to reach the collector. Far above what it takes, also where everything is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// The rule of this story.
pub(crate) const UNAPPROVED: &str = "11.unapproved_use";

/// One hospital with one machine, `SV-01`.
pub(crate) struct Hospital {
    pub(crate) machine: VirtualMachine,
    pub(crate) site: Site,
    pub(crate) postfix: Postfix,
    failed: Vec<String>,
}

impl Hospital {
    /// Boots all of it, with more arguments for qemu. `None`: this host cannot.
    pub(crate) fn open(arguments: &[&str]) -> Option<Self> {
        let postfix = Postfix::start(Options::default())?;
        let machine = VirtualMachine::boot_with(arguments)?;
        let site = Site::start(&format!(
            r#"
            [alerts]
            languages = ["ja", "en"]
            digest_seconds = 1
            urgent_messages_max = 1000
            {}
            "#,
            postfix.telling_the_officer(11)
        ));
        let hospital = Hospital { machine, site, postfix, failed: Vec::new() };
        hospital.import("");
        hospital.machine.install_agent(&hospital.site);
        until_within(PATIENCE, "the first look at media", || {
            let detail = hospital.seen()?;
            (!detail["observed_at"]["media"].is_null()).then_some(())
        });
        Some(hospital)
    }

    /// Imports the ledger with these rows of approved media: `media_id,vendor_id,product_id,serial`.
    pub(crate) fn import(&self, media: &str) {
        let ledger = self.site.folder("ledger");
        let devices = "device_id,hostname,kind,status\nSV-01,machine1,server,in_use\n";
        fs::write(ledger.join("devices.csv"), devices).expect("a temporary folder can be written");
        let mut rows =
            "media_id,vendor_id,product_id,serial,purpose,approved_by,device,scan_required\n".to_owned();
        for row in media.lines() {
            let _ = writeln!(rows, "{row},business,officer,SV-01,no");
        }
        fs::write(ledger.join("media.csv"), rows).expect("a temporary folder can be written");
        expect(&self.site.daicho(&["ledger", "import", ledger.to_str().expect("text")]), 0);
    }

    /// What the collector knows of the machine.
    pub(crate) fn seen(&self) -> Option<Value> {
        let device = self.site.daicho_json(&["device", "SV-01"]);
        device["seen"].get(0).cloned()
    }

    /// Every medium ever used, as the collector remembers it.
    pub(crate) fn sightings(&self) -> Vec<Value> {
        let seen = self.seen().unwrap_or_default();
        seen["sightings"].as_array().cloned().unwrap_or_default()
    }

    /// Waits for a use of the medium with this serial that fits.
    pub(crate) fn wait_for_use(&self, what: &str, serial: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let found = |sighting: &Value| sighting["medium"]["serial"] == serial && fits(sighting);
        until_within(PATIENCE, &format!("{serial}: {what}"), || {
            let all = self.sightings();
            let at = all.iter().position(found);
            at.map(|at| all[at].clone())
        })
    }

    /// Waits until the inventory holds a medium with this serial that fits.
    pub(crate) fn wait_for_medium(&self, what: &str, serial: &str, fits: impl Fn(&Value) -> bool) -> Value {
        until_within(PATIENCE, &format!("{serial} in the inventory: {what}"), || {
            let seen = self.seen()?;
            let media = seen["observation"]["media"].as_array()?.clone();
            media.into_iter().find(|medium| medium["serial"] == serial && fits(medium))
        })
    }

    /// Goes on after a failure, so that one story tells all that is wrong; [`Hospital::close`] fails then.
    pub(crate) fn step(&mut self, claim: &str, step: impl FnOnce(&mut Self)) {
        let begun = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| step(self)));
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        println!("step: {claim} ... {verdict} ({:.1} s)", begun.elapsed().as_secs_f64());
        if let Err(panic) = result {
            let told = panic.downcast_ref::<String>().cloned();
            let told = told.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            match told {
                Some(told) => self.failed.push(format!("{claim}: {told}")),
                None => resume_unwind(panic),
            }
        }
    }

    /// Ends the story: panics with all steps that failed.
    pub(crate) fn close(self) {
        if !self.failed.is_empty() {
            println!("The agent's log:\n{}", self.machine.agent_log());
            panic!("{} steps failed:\n{}", self.failed.len(), self.failed.join("\n"));
        }
    }
}
