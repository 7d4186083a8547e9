//! The whole line once, with the real programs: join, report, a resignation, a violation, its end, and every refusal on the way.

use std::fs;
use std::path::Path;

use daicho_tests::machine::Machine;
use daicho_tests::programs::{Running, command, expect, run, until};
use daicho_tests::site::Site;

/// A small ledger: one server, one member of staff with one account there.
fn write_ledger(folder: &Path, tanaka: &str) {
    let sheets = [
        ("devices.csv", "device_id,hostname,kind,status\nSV-01,sv-01,server,in_use\n".to_owned()),
        ("staff.csv", format!("staff_id,name,status,retired_on\n0012,田中 太郎,{tanaka}\n")),
        ("accounts.csv", "device,account,staff_id,kind\nSV-01,tanaka,0012,personal\n".to_owned()),
        ("media.csv", "media_id,vendor_id,product_id,serial,purpose,approved_by,device\n".to_owned()),
    ];
    for (name, text) in sheets {
        fs::write(folder.join(name), text).expect("a temporary folder can be written");
    }
}

fn start_agent(data: &Path, machine: &Machine) -> Running {
    let mut run = command("daicho-agent");
    run.arg("run").arg("--data").arg(data).arg("--root").arg(machine.root());
    Running::start(run)
}

#[test]
fn a_resignation_opens_a_violation_and_locking_the_account_resolves_it() {
    let site = Site::start("");
    let machine = Machine::prepare(&site.folder("machine"), "sv-01");
    machine.add_account("tanaka", 1001);
    let data = site.folder("agent");
    expect(&site.enrol(&data, &site.token()), 0);
    let ledger = site.folder("ledger");
    write_ledger(&ledger, "active,");
    let path = ledger.to_str().expect("a temporary path is text");
    expect(&site.daicho(&["ledger", "import", path]), 0);
    let mut agent = start_agent(&data, &machine);
    until("the machine to be known", || {
        let devices = site.daicho_json(&["devices"]);
        devices.to_string().contains("SV-01").then_some(())
    });
    until("Article 8 to be judged", || {
        let answer = site.daicho_json(&["violations"]);
        let satisfied = answer["satisfied"].as_array().expect("a list").clone();
        satisfied.into_iter().find(|row| row["rule"] == "08.retired_staff" && row["device"] == "SV-01")
    });
    assert_eq!(
        site.violation("08.retired_staff", "tanaka"),
        None,
        "an active member of staff may have an account"
    );

    write_ledger(&ledger, "retired,2026-03-31");
    expect(&site.daicho(&["ledger", "import", path]), 0);
    let open = site.wait_for("08.retired_staff", "tanaka", "open");
    assert_eq!(open["device"], "SV-01");
    assert_eq!(open["article"], 8);
    let evidence = open["evidence"].to_string();
    assert!(evidence.contains("staff.csv:2"), "the ledger row is part of it: {evidence}");
    assert!(open["summary"]["ja"].as_str().is_some_and(|text| text.contains("tanaka")), "{open}");

    machine.lock_account("tanaka");
    site.wait_for("08.retired_staff", "tanaka", "resolved");
    assert_eq!(agent.stop(), Some(0), "an agent that is asked to stop ends well");
}

#[test]
fn a_token_works_once_and_a_wrong_one_never() {
    let site = Site::start("");
    let token = site.token();
    let (first, second) = (site.folder("first"), site.folder("second"));
    expect(&site.enrol(&first, &token), 0);
    let used = site.enrol(&second, &token);
    expect(&used, 2);
    let sentence = String::from_utf8_lossy(&used.stderr).into_owned();
    assert!(sentence.contains("token"), "{sentence}");
    assert!(!sentence.contains(&token), "no token in an error");
    assert!(!second.join("identity").exists(), "bad input changes nothing");

    let mut forged = token.clone().into_bytes();
    let middle = "daicho1-".len() + 3;
    forged[middle] = if forged[middle] == b'a' { b'b' } else { b'a' };
    expect(&site.enrol(&second, &String::from_utf8(forged).expect("ASCII")), 2);
    expect(&site.enrol(&second, "no token at all"), 2);
}

#[test]
fn a_collector_of_another_authority_is_refused() {
    let (ours, theirs) = (Site::start(""), Site::start(""));
    let refused = ours.enrol(&ours.folder("agent"), &theirs.token());
    expect(&refused, 2);
    let sentence = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(sentence.contains("authority") || sentence.contains("fingerprint"), "{sentence}");
}

#[test]
fn a_broken_ledger_is_told_with_file_row_and_column_and_changes_nothing() {
    let site = Site::start("");
    let folder = site.folder("ledger");
    write_ledger(&folder, "active,");
    let path = folder.to_str().expect("a temporary path is text");
    expect(&site.daicho(&["ledger", "import", path]), 0);
    let before = site.daicho_json(&["ledger", "versions"]);
    write_ledger(&folder, "active,31st of March");
    let refused = site.daicho(&["ledger", "import", path]);
    expect(&refused, 2);
    let told =
        format!("{}{}", String::from_utf8_lossy(&refused.stdout), String::from_utf8_lossy(&refused.stderr));
    for part in ["staff", "2", "retired_on", "31st of March"] {
        assert!(told.contains(part), "{part:?} is missing in {told}");
    }
    assert_eq!(site.daicho_json(&["ledger", "versions"]), before, "bad input changes nothing");
}

#[test]
fn broken_configurations_and_ports_in_use_end_with_a_sentence_and_status_2() {
    let site = Site::prepare("");
    let data = site.data();
    let data = data.to_str().expect("a temporary path is text");
    let again = run("daicho-collector", &["init", "--data", data, "--name", "localhost"]);
    expect(&again, 2);
    let taken = std::net::TcpListener::bind(site.address).expect("it is free");
    let refused = run("daicho-collector", &["serve", "--data", data]);
    expect(&refused, 2);
    let sentence = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(sentence.contains(&site.address.to_string()), "{sentence}");
    drop(taken);
    fs::write(site.data().join("collector.toml"), "listen = 7443\n")
        .expect("a temporary folder can be written");
    let refused = run("daicho-collector", &["serve", "--data", data]);
    expect(&refused, 2);
    let sentence = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(sentence.contains("collector.toml") && sentence.contains("listen"), "{sentence}");
}

#[test]
fn a_revoked_agent_is_heard_no_more() {
    let site = Site::start("");
    let machine = Machine::prepare(&site.folder("machine"), "sv-02");
    let data = site.folder("agent");
    expect(&site.enrol(&data, &site.token()), 0);
    let mut agent = start_agent(&data, &machine);
    until("the machine to be known", || {
        site.daicho_json(&["devices"]).to_string().contains("sv-02").then_some(())
    });
    let collector = site.data();
    let revoke = [
        "revoke".as_ref(),
        "sv-02".as_ref(),
        "--reason".as_ref(),
        "stolen".as_ref(),
        "--data".as_ref(),
        collector.as_os_str(),
    ];
    expect(&run("daicho-collector", &revoke), 0);
    machine.add_account("suzuki", 1002);
    until("the agent to be told", || {
        let folder = data.to_str().expect("a temporary path is text");
        let status = run("daicho-agent", &["status", "--format", "json", "--data", folder]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).ok()?;
        status["last_failure"].to_string().contains("revoked").then_some(())
    });
    assert_eq!(agent.stop(), Some(0));
    let device = expect(&site.daicho(&["device", "sv-02", "--format", "json"]), 0);
    assert!(!device.contains("suzuki"), "what it said afterwards was not taken");
}
