//! One hospital's Daicho in a temporary folder: a real collector, real agents, and the department's command.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::calendar::Calendar;
use crate::daemons::free_address;
use crate::programs::{Running, command, expect, until};
use crate::virtual_machine::HOST;

/// A collector with its authority, its store and its first operator.
pub struct Site {
    folder: TempDir,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its metrics and health.
    pub telemetry: SocketAddr,
    collector: Option<Running>,
    calendar: Option<Calendar>,
}

impl Site {
    /// Makes the authority and the configuration; `alerts` is the configuration's part on telling.
    pub fn prepare(alerts: &str) -> Self {
        Site::prepare_on(alerts, |_| None)
    }

    /// The same, where every program sees the calendar that `calendar` makes in a folder of the site.
    pub fn prepare_on(alerts: &str, calendar: impl FnOnce(&Path) -> Option<Calendar>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let calendar = calendar(folder.path());
        let (address, telemetry) = (free_address(), free_address());
        let site = Site { folder, address, telemetry, collector: None, calendar };
        let names = format!("localhost,127.0.0.1,{HOST}");
        let mut init = site.command("daicho-collector");
        init.args(["init", "--name", &names, "--operator", "suzuki", "--data"]).arg(site.data());
        expect(&init.output().expect("the program starts"), 0);
        let config = format!(
            "listen = \"{}\"\nnames = [\"localhost\", \"127.0.0.1\", \"{HOST}\"]\n\n[store]\nkind = \"folder\"\npath = \"store\"\n\n\
             [telemetry]\nlisten = \"{}\"\nfilter = \"info\"\n\n{alerts}",
            site.address, site.telemetry,
        );
        fs::write(site.data().join("collector.toml"), config).expect("a temporary folder can be written");
        site
    }

    /// Makes it and starts it.
    pub fn start(alerts: &str) -> Self {
        let mut site = Site::prepare(alerts);
        site.start_collector();
        site
    }

    /// A command for one of our programs, with the site's calendar.
    pub fn command(&self, name: &str) -> Command {
        let mut command = command(name);
        if let Some(calendar) = &self.calendar {
            calendar.show_to(&mut command);
        }
        command
    }

    /// The collector's data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("collector")
    }

    /// A folder for something else of this site.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).expect("a temporary folder can be written");
        path
    }

    /// Starts the collector and waits until it answers.
    pub fn start_collector(&mut self) {
        let mut serve = self.command("daicho-collector");
        serve.args(["serve", "--data"]).arg(self.data());
        let running = Running::start(serve);
        let address = self.address;
        until("the collector to listen", || std::net::TcpStream::connect(address).ok());
        self.collector = Some(running);
    }

    /// The running collector.
    pub fn collector(&mut self) -> &mut Running {
        self.collector.as_mut().expect("the collector was started")
    }

    /// Ends the collector as a power cut would.
    pub fn kill_collector(&mut self) {
        self.collector.take().expect("the collector was started").kill();
    }

    /// Asks the collector to stop, and waits until it has.
    pub fn stop_collector(&mut self) {
        let status = self.collector.take().expect("the collector was started").stop();
        assert_eq!(status, Some(0), "a collector that is asked to stop ends well");
    }

    /// A one-time token, as the collector prints it.
    pub fn token(&self) -> String {
        let mut token = self.command("daicho-collector");
        token.args(["token", "--data"]).arg(self.data());
        let out = expect(&token.output().expect("the program starts"), 0);
        let token = out.split_whitespace().find(|word| word.starts_with("daicho1-"));
        token.unwrap_or_else(|| panic!("no token in {out:?}")).to_owned()
    }

    /// Joins an agent whose data lie in `folder`.
    pub fn enrol(&self, folder: &Path, token: &str) -> Output {
        let mut enrol = self.command("daicho-agent");
        let address = format!("localhost:{}", self.address.port());
        enrol.args(["enrol", "--collector", &address, "--token", token, "--data"]).arg(folder);
        enrol.output().expect("the program starts")
    }

    /// Asks as the department does.
    pub fn daicho(&self, arguments: &[&str]) -> Output {
        self.daicho_as("suzuki", arguments)
    }

    /// Asks as this operator does.
    pub fn daicho_as(&self, operator: &str, arguments: &[&str]) -> Output {
        let mut ask = self.command("daicho");
        ask.env("DAICHO_OPERATOR", self.data().join("operators").join(operator));
        ask.env("DAICHO_COLLECTOR", format!("localhost:{}", self.address.port()));
        ask.args(arguments).output().expect("the program starts")
    }

    /// Asks for JSON.
    pub fn daicho_json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["--format", "json"]);
        let out = expect(&self.daicho(&all), 0);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}"))
    }

    /// The violation of this rule and subject, in whatever state.
    pub fn violation(&self, rule: &str, subject: &str) -> Option<Value> {
        let answer = self.daicho_json(&["violations", "--state", "open,acknowledged,excepted,resolved"]);
        let all = answer["violations"].as_array().expect("a list").clone();
        all.into_iter().find(|violation| violation["rule"] == rule && violation["subject"] == subject)
    }

    /// Waits until that violation is in this state.
    pub fn wait_for(&self, rule: &str, subject: &str, state: &str) -> Value {
        until(&format!("{rule} of {subject} to be {state}"), || {
            self.violation(rule, subject).filter(|violation| violation["state"] == state)
        })
    }
}
