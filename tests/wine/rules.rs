//! The journey of the rules on Windows: four articles, each with its breach, from a running PC and from a disk.

use std::fs;

use daicho_tests::programs::{Running, expect, run};
use daicho_tests::site::Site;
use daicho_tests::windows_disk::journey::{FOUND, SERIAL, SHEETS, differing};
use daicho_tests::wine::Wine;
use serde_json::Value;

use crate::hospital::{DATA, Hospital, assert_calm};

/// Who is logged on at the PC, of whom the ledger says that he has retired, or that he works here.
fn people(name: &str, standing: &str) -> [(&'static str, String); 2] {
    let staff = format!("staff_id,name,department,status,retired_on\nS1,Tanaka Ichiro,ward,{standing}\n");
    let accounts =
        format!("device,account,staff_id,kind,privileged,expires_on\nPC-01,{name},S1,personal,no,\n");
    [("staff", staff), ("accounts", accounts)]
}

#[test]
fn a_running_pc_opens_violations_until_the_ledger_or_the_pc_is_put_right() {
    let Some(hospital) = Hospital::open() else { return };
    let pc = &hospital.pc;
    // What a stick leaves behind, as Windows 10 writes it.
    pc.import(&format!(
        "Windows Registry Editor Version 5.00\n\n\
         [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Enum\\USB\\VID_0781&PID_5581\\{SERIAL}]\n\
         \"Service\"=\"USBSTOR\"\n\"ContainerID\"=\"{{8f0d6a51-43f5-5b0a-9a24-0c2c1e9f7d11}}\"\n\n\
         [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Enum\\USBSTOR\\Disk&Ven_SanDisk&Prod_Ultra&Rev_1.00\\{SERIAL}&0]\n\
         \"FriendlyName\"=\"SanDisk Ultra USB Device\"\n\"ContainerID\"=\"{{8f0d6a51-43f5-5b0a-9a24-0c2c1e9f7d11}}\"\n\"Service\"=\"disk\"\n"
    ));
    let version = r"HKLM\Software\Microsoft\Windows NT\CurrentVersion";
    pc.set(version, "UBR", "REG_DWORD", "1000");
    let build = pc.registry(version).text("CurrentBuild").expect("every Windows has one").to_owned();
    pc.install_stranger("RemoteHelper");
    pc.order("start", "RemoteHelper");
    pc.wait_for_service("RemoteHelper", "RUNNING");
    let patches = |revision: u32| {
        format!(
            "device,manager,name,minimum_version,due_on\nPC-01,windows,os,{build}.{revision},2026-10-01\n"
        )
    };
    // Wine 8 keeps no account that is made: one of NetUserAdd is known to its own process alone and listed to none, its
    // `net` has no `user`, and its registry no SAM. It lists the one of who started it.
    let said = pc.said("whoami", &[]);
    let person = said.trim().rsplit('\\').next().expect("a name").to_owned();
    let [staff, accounts] = people(&person, "retired,2026-03-31");
    hospital.import(&[("patches", &patches(1001)), (staff.0, &staff.1), (accounts.0, &accounts.1)]);

    hospital.enrol();
    let mut agent = Running::start(hospital.work());
    let found = FOUND
        .map(|(rule, subject)| (rule, if rule == "08.retired_staff" { person.as_str() } else { subject }));
    for (rule, subject) in found {
        hospital.site.wait_for(rule, subject, "open");
    }

    // A service that ends is seen by the agent that is running.
    pc.order("stop", "RemoteHelper");
    hospital.site.wait_for("13.unneeded_service", "RemoteHelper", "resolved");

    // What the ledger allows and what ends on the PC is told as resolved.
    let media = format!(
        "media_id,vendor_id,product_id,serial,purpose,approved_by,device,scan_required\n\
         M1,0781,5581,{SERIAL},business,officer,PC-01,no\n"
    );
    let [staff, accounts] = people(&person, "active,");
    hospital.import(&[
        ("patches", &patches(1000)),
        ("media", &media),
        (staff.0, &staff.1),
        (accounts.0, &accounts.1),
    ]);
    // Every life of an agent begins with a look at everything; the next one by the clock would be too late for a story.
    agent.kill();
    assert_calm(agent.log());
    agent = Running::start(hospital.work());
    for (rule, subject) in found {
        hospital.site.wait_for(rule, subject, "resolved");
    }
    assert_calm(agent.log());
}

#[test]
fn a_disk_is_the_same_to_the_agent_for_windows_and_opens_all_four() {
    let Some(pc) = Wine::open() else { return };
    let site = Site::start("");
    let folder = site.folder("pc-07");
    let disk = differing(&folder);
    let here = run("daicho-agent", &["collect".as_ref(), "--root".as_ref(), disk.root().as_os_str()]);
    let mut look = pc.agent();
    look.args(["collect", "--root", &Wine::name(disk.root())]);
    let there = pc.run(&look);
    let read = |text: &str| {
        let mut document: Value = serde_json::from_str(text).expect("JSON");
        document["observed_at"].take();
        document
    };
    assert_eq!(read(&expect(&here, 0)), read(&expect(&there, 0)));

    let ledger = site.folder("ledger");
    for (sheet, rows) in SHEETS {
        fs::write(ledger.join(format!("{sheet}.csv")), rows).expect("a temporary folder can be written");
    }
    expect(&site.daicho(&["ledger", "import", ledger.to_str().expect("text")]), 0);
    let address = format!("localhost:{}", site.address.port());
    let mut enrol = pc.agent();
    enrol.args(["enrol", "--collector", &address, "--token", &site.token(), "--data", DATA]);
    expect(&pc.run(&enrol), 0);
    let mut work = pc.agent();
    work.args(["run", "--data", DATA, "--root", &Wine::name(disk.root())]);
    let mut agent = Running::start(work);
    for (rule, subject) in FOUND {
        site.wait_for(rule, subject, "open");
    }
    assert_calm(agent.log());
}
