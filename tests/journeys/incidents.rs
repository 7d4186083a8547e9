//! What people do about a violation: draft and approve, close an incident with a reason, see it come back.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use daicho_tests::machine::Machine;
use daicho_tests::programs::{Running, command, expect, until};
use daicho_tests::site::Site;
use serde_json::Value;

fn start_agent(data: &Path, machine: &Machine, drill: Option<&Path>) -> Running {
    let mut run = command("daicho-agent");
    run.arg("run").arg("--data").arg(data).arg("--root").arg(machine.root());
    if let Some(drill) = drill {
        run.arg("--replay-media").arg(drill);
    }
    Running::start(run)
}

fn import(site: &Site, ledger: &Path) {
    expect(&site.daicho(&["ledger", "import", ledger.to_str().expect("a temporary path is text")]), 0);
}

#[test]
fn an_unknown_stick_stays_open_until_a_person_closes_it_and_opens_again_when_it_is_back() {
    let site = Site::start("");
    let machine = Machine::prepare(&site.folder("machine"), "sv-01");
    let data = site.folder("agent");
    expect(&site.enrol(&data, &site.token()), 0);
    let ledger = site.folder("ledger");
    fs::write(ledger.join("devices.csv"), "device_id,hostname,kind,status\nSV-01,sv-01,server,in_use\n")
        .expect("a temporary folder can be written");
    import(&site, &ledger);
    let drill = site.folder("drill").join("media.jsonl");
    let plug = |action: &str| {
        let mut file =
            fs::OpenOptions::new().create(true).append(true).open(&drill).expect("it can be written");
        let line = format!(
            r#"{{"action":"{action}","medium":{{"vendor_id":"0781","product_id":"5581","serial":"AA01","kind":"storage"}}}}"#
        );
        writeln!(file, "{line}").expect("it can be written");
    };
    plug("arrived");
    plug("left");
    let mut agent = start_agent(&data, &machine, Some(&drill));
    let subject = "0781:5581:AA01";
    let open = site.wait_for("11.unapproved_use", subject, "open");
    let key = open["key"].as_str().expect("a key").to_owned();

    expect(&site.daicho(&["close", &key]), 2);
    expect(&site.daicho(&["close", &key, "--reason", "院長のUSBメモリ、持ち帰りを確認"]), 0);
    let closed = site.violation("11.unapproved_use", subject).expect("it is kept");
    assert_eq!(closed["state"], "resolved");
    let shown = expect(&site.daicho(&["violation", &key, "--format", "json"]), 0);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let history = shown["history"].to_string();
    assert!(
        history.contains("suzuki") && history.contains("持ち帰りを確認"),
        "who and why is kept: {history}"
    );

    assert_eq!(agent.stop(), Some(0));
    plug("arrived");
    let mut agent = start_agent(&data, &machine, Some(&drill));
    site.wait_for("11.unapproved_use", subject, "open");

    // The officer approves it from now on and for that day: the ledger ends the incident.
    fs::write(
        ledger.join("media.csv"),
        "media_id,vendor_id,product_id,serial,purpose,approved_by,device\nUSB-01,0781,5581,AA01,backup,事務長,*\n",
    )
    .expect("a temporary folder can be written");
    import(&site, &ledger);
    site.wait_for("11.unapproved_use", subject, "resolved");
    assert_eq!(agent.stop(), Some(0));
}

#[test]
fn a_draft_of_what_was_seen_resolves_a_violation_once_it_is_imported() {
    let site = Site::start("");
    let machine = Machine::prepare(&site.folder("machine"), "sv-01");
    machine.add_account("backup", 1003);
    let data = site.folder("agent");
    expect(&site.enrol(&data, &site.token()), 0);
    let ledger = site.folder("ledger");
    fs::write(ledger.join("devices.csv"), "device_id,hostname,kind,status\nSV-01,sv-01,server,in_use\n")
        .expect("a temporary folder can be written");
    import(&site, &ledger);
    let mut agent = start_agent(&data, &machine, None);
    site.wait_for("08.unlisted_account", "backup", "open");

    let draft = site.folder("drafts").join("sv-01");
    let path = draft.to_str().expect("a temporary path is text");
    expect(&site.daicho(&["ledger", "propose", "--device", "SV-01", path]), 0);
    let accounts = fs::read_to_string(draft.join("accounts.csv")).expect("the draft");
    let row = accounts.lines().find(|line| line.contains("backup"));
    assert!(row.is_some_and(|row| row.contains("SV-01")), "{accounts}");
    fs::copy(draft.join("accounts.csv"), ledger.join("accounts.csv"))
        .expect("a temporary folder can be written");
    import(&site, &ledger);
    site.wait_for("08.unlisted_account", "backup", "resolved");
    until("nothing of Article 8 to be open", || {
        let answer = site.daicho_json(&["violations", "--article", "8"]);
        answer["violations"].as_array().is_some_and(Vec::is_empty).then_some(())
    });
    assert_eq!(agent.stop(), Some(0));
}
