//! A PC joins over mutual TLS and reports; another with the same token does not.

use daicho_tests::programs::{Running, expect, until_within};
use daicho_tests::wine::PATIENCE;

use crate::hospital::{DATA, Hospital, assert_calm};

#[test]
fn a_pc_joins_once_and_its_reports_arrive() {
    let Some(hospital) = Hospital::open() else { return };
    let said = hospital.enrol();
    assert!(said.contains("joined") && said.contains("as endpoint"), "{said}");

    // Who has an identity does not join again, and does not lose it by trying.
    let mut again = hospital.pc.agent();
    again.args([
        "enrol",
        "--collector",
        &hospital.address(),
        "--token",
        &hospital.site.token(),
        "--data",
        DATA,
    ]);
    expect(&hospital.pc.run(&again), 2);

    let mut agent = Running::start(hospital.work());
    let seen = hospital.wait_until_seen();
    let name = hospital.pc.said("hostname", &[]);
    let told = seen["observation"]["host"]["hostname"].as_str().unwrap_or_default();
    assert!(told.eq_ignore_ascii_case(name.trim()), "{told} and {name}");
    until_within(PATIENCE, "nothing left to send", || {
        let status = hospital.status()?;
        (status["waiting"]["events"] == 0 && status["last_contact"].is_string()).then_some(())
    });
    assert_calm(agent.log());
}

#[test]
fn a_token_for_one_pc_lets_in_no_second() {
    let Some(hospital) = Hospital::open() else { return };
    let token = hospital.site.token();
    for (data, expected) in [(r"C:\first", 0), (r"C:\second", 2)] {
        let mut enrol = hospital.pc.agent();
        enrol.args(["enrol", "--collector", &hospital.address(), "--token", &token, "--data", data]);
        expect(&hospital.pc.run(&enrol), expected);
    }
}
