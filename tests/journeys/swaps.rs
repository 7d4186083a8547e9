//! A spare takes a broken PC's place, and somebody leaves: two questions, each answered once by a person.

use std::fs;
use std::path::Path;

use daicho_tests::machine::Machine;
use daicho_tests::programs::{Running, command, expect, until};
use daicho_tests::site::Site;
use serde_json::Value;

fn start(site: &Site, name: &str, hostname: &str, serial: &str) -> Running {
    let machine = Machine::prepare(&site.folder(&format!("{name}-machine")), hostname);
    machine.write("sys/class/dmi/id/product_serial", &format!("{serial}\n"));
    machine.add_account("tanaka.taro", 1003);
    let data = site.folder(name);
    expect(&site.enrol(&data, &site.token()), 0);
    let mut run = command("daicho-agent");
    run.arg("run").arg("--data").arg(data).arg("--root").arg(machine.root());
    Running::start(run)
}

fn swaps(site: &Site) -> Vec<Value> {
    site.daicho_json(&["swaps"])["swaps"].as_array().expect("a list").clone()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}

#[test]
fn a_swap_is_settled_by_one_answer_and_who_left_is_found_on_the_new_machine() {
    let site = Site::start("");
    let ledger = site.folder("ledger");
    fs::write(
        ledger.join("devices.csv"),
        "device_id,hostname,kind,serial_number,location,status\nPC-07,pc07,terminal,OLD7,3F,in_use\nSP-02,sp02,terminal,SPARE2,store,spare\n",
    )
    .expect("written");
    fs::write(ledger.join("staff.csv"), "staff_id,name,status\n01234,田中太郎,active\n").expect("written");
    expect(&site.daicho(&["ledger", "import", text(&ledger)]), 0);

    // The PC reports, and breaks; the spare comes under its name.
    let mut broken = start(&site, "broken", "pc07", "OLD7");
    site.wait_for("08.unlisted_account", "tanaka.taro", "open");
    assert_eq!(broken.stop(), Some(0));
    let mut spare = start(&site, "spare", "pc07", "SPARE2");
    let told = site.wait_for("04.silent_device", "PC-07", "open");
    assert!(told["summary"]["ja"].as_str().is_some_and(|words| words.contains("SP-02")), "{told}");
    let all = swaps(&site);
    assert_eq!((all.len(), &all[0]["spare"]["device_id"]), (1, &Value::from("SP-02")));
    let id = all[0]["id"].as_str().expect("an id").to_owned();

    // One answer.
    let answer = expect(&site.daicho(&["swap", "accept", &id, "--broken", "repair", "--note", "電源"]), 0);
    assert!(answer.contains("version 2"), "{answer}");
    site.wait_for("04.silent_device", "PC-07", "resolved");
    assert!(swaps(&site).is_empty());
    let again = site.daicho(&["swap", "accept", &id]);
    assert_eq!(again.status.code(), Some(2));
    let versions = site.daicho_json(&["ledger", "versions"]);
    assert_eq!(versions["versions"][1]["imported_by"], "suzuki");

    // Somebody leaves: found by the reading of the name, drafted for a person, nothing changed.
    let list = site.folder("lists").join("leavers.csv");
    fs::write(&list, "職員番号,氏名,フリガナ,退職日\n01234,田中太郎,ﾀﾅｶ ﾀﾛｳ,令和7年3月31日\n")
        .expect("written");
    let draft = site.folder("lists").join("draft");
    let told = until("the new machine's accounts", || {
        let checked = site.daicho(&["staff", "check", text(&list), "--format", "json"]);
        let told: Value = serde_json::from_str(&expect(&checked, 1)).expect("JSON");
        let matches = told["leavers"][0]["matches"].as_array().expect("a list").clone();
        let on = |device: &str| {
            matches.iter().any(|one| one["where"]["device"] == device && one["strength"] == "likely")
        };
        on("SP-02").then_some(told)
    });
    assert!(told["leavers"][0]["matches"].to_string().contains("ledger_staff"), "{told}");
    expect(&site.daicho(&["staff", "check", text(&list), "--draft", text(&draft)]), 1);
    let before = site.daicho_json(&["ledger", "versions"]);
    assert_eq!(before["versions"].as_array().map(Vec::len), Some(2));
    expect(&site.daicho(&["ledger", "import", text(&draft)]), 0);
    let exported = site.folder("lists").join("after.json");
    expect(&site.daicho(&["ledger", "export", text(&exported)]), 0);
    let exported: Value = serde_json::from_slice(&fs::read(exported).expect("written")).expect("JSON");
    assert_eq!(
        (&exported["staff"][0]["status"], &exported["staff"][0]["retired_on"]),
        (&Value::from("retired"), &Value::from("2025-03-31"))
    );
    assert_eq!(spare.stop(), Some(0));
}
