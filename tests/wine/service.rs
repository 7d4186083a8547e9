//! The agent as a service: made, started, stopped, killed and removed by the service control manager, and heard of at
//! the collector all the while. What it does in the steady state: one process, no window, little memory.

use std::collections::BTreeSet;
use std::fs;

use daicho_tests::programs::{expect, until_within};
use daicho_tests::wine::{AGENT, PATIENCE, Process};
use serde_json::Value;

use crate::hospital::{Hospital, assert_calm};

const SERVICE: &str = "daicho-agent";

/// Where the service keeps its identity, its spool and its log.
const DATA: &str = r"C:\ProgramData\Daicho\agent";

/// A program that Wine starts for a process that wants a console.
const CONSOLE: &str = "conhost.exe";

#[test]
fn the_service_reports_between_start_and_stop_and_survives_a_kill() {
    let Some(hospital) = Hospital::open() else { return };
    let pc = &hospital.pc;
    let agent = |arguments: &[&str], expected: i32| {
        let mut command = pc.agent();
        expect(&pc.run(command.args(arguments)), expected)
    };
    assert_eq!(pc.service_state(SERVICE), None);
    println!("{}", agent(&["service", "install"], 0).trim());
    assert_eq!(pc.service_state(SERVICE).as_deref(), Some("STOPPED"));
    let key = pc.registry(&format!(r"HKLM\System\CurrentControlSet\Services\{SERVICE}"));
    assert_eq!(key.number("Start"), Some(2), "it starts with the system: {key:?}");
    // A path with spaces has to be in quotes, or another program could be started in its place.
    let path = key.text("ImagePath").unwrap_or_default();
    assert!(path.starts_with(&format!("\"{AGENT}\"")), "{path}");

    // Before it has joined it waits, and after it has joined nobody needs to start it again.
    pc.order("start", SERVICE);
    pc.wait_for_service(SERVICE, "RUNNING");
    let address = hospital.address();
    agent(&["enrol", "--collector", &address, "--token", &hospital.site.token()], 0);
    hospital.wait_until_seen();
    wait_until_sent(&hospital);
    steady(&hospital);

    pc.order("stop", SERVICE);
    pc.wait_for_service(SERVICE, "STOPPED");
    until_within(PATIENCE, "its process to be gone", || service_process(&hospital).is_none().then_some(()));
    let before = heard_of(&hospital);

    pc.order("start", SERVICE);
    pc.wait_for_service(SERVICE, "RUNNING");
    until_within(PATIENCE, "news after the second start", || (heard_of(&hospital) != before).then_some(()));

    let killed = service_process(&hospital).expect("it runs");
    killed.kill();
    until_within(PATIENCE, "its process to be gone", || service_process(&hospital).is_none().then_some(()));
    let before = heard_of(&hospital);
    // Wine's manager does not watch its processes, and finds out when it is asked for something.
    let sc = |order: &str| pc.run(pc.command("sc").args([order, SERVICE]));
    sc("stop");
    until_within(PATIENCE, "a new process", || {
        sc("start");
        service_process(&hospital).filter(|process| process.id != killed.id)
    });
    until_within(PATIENCE, "news after the kill", || (heard_of(&hospital) != before).then_some(()));

    println!("{}", agent(&["service", "remove"], 0).trim());
    until_within(PATIENCE, "the service to be gone", || pc.service_state(SERVICE).is_none().then_some(()));
    until_within(PATIENCE, "its process to be gone", || service_process(&hospital).is_none().then_some(()));
    let log = fs::read_to_string(pc.place(DATA).join("log").join("agent.log")).expect("a service has a log");
    assert_calm(&log.lines().map(str::to_owned).collect::<Vec<_>>());
}

/// What is seen of the agent on the PC while nothing happens.
fn steady(hospital: &Hospital) {
    let process = service_process(hospital).expect("it runs");
    let keeper = hospital.pc.processes().into_iter().find(|process| process.program() == "keeper.exe");
    let keeper = keeper.expect("somebody is logged on").resident_kilobytes();
    let kilobytes = |number: Option<u64>| number.expect("the kernel tells of our own process");
    println!(
        "agent as a service under Wine: {} KB resident, of these {} KB no file's; a program that only \
         waits: {} KB",
        kilobytes(process.resident_kilobytes()),
        kilobytes(process.own_kilobytes()),
        kilobytes(keeper),
    );
    // Every process of this Windows but its own: the one agent, no child and no console of it.
    let windows: BTreeSet<&str> = [
        "explorer.exe",
        "keeper.exe",
        "plugplay.exe",
        "rpcss.exe",
        "services.exe",
        "svchost.exe",
        "winedevice.exe",
        "wineserver64",
        "wineserver",
    ]
    .into();
    let others = hospital.pc.processes().into_iter().map(|process| process.program());
    let others: Vec<String> = others.filter(|name| !windows.contains(name.as_str())).collect();
    assert_eq!(others, ["daicho-agent.exe"], "the agent alone, and no {CONSOLE}");
}

/// The service's process.
fn service_process(hospital: &Hospital) -> Option<Process> {
    hospital.pc.processes().into_iter().find(|process| process.program() == "daicho-agent.exe")
}

fn wait_until_sent(hospital: &Hospital) {
    until_within(PATIENCE, "nothing left to send", || {
        let mut status = hospital.pc.agent();
        status.args(["status", "--format", "json"]);
        let status: Value = serde_json::from_slice(&hospital.pc.run(&status).stdout).ok()?;
        (status["waiting"]["events"] == 0 && status["last_contact"].is_string()).then_some(())
    });
}

/// When the collector last heard of the PC.
fn heard_of(hospital: &Hospital) -> Value {
    let devices = hospital.site.daicho_json(&["devices"]);
    let rows = devices.as_array().expect("a list");
    let heard = rows.iter().filter_map(|row| row["endpoints"].get(0)).map(|it| it["last_heard"].clone());
    heard.into_iter().find(Value::is_string).expect("the collector has heard of it")
}
