//! Offline judging: each rule of each machine is in one of the three lists.

use super::*;
use crate::articles::RULES;
use crate::ledger::Staff;

const NOW: &str = "2026-11-22T03:00:00Z";

fn document(hostname: &str, accounts: &str) -> Document {
    let text = format!(
        r#"{{"schema":"daicho.observation/1","observed_at":"{NOW}","host":{{"hostname":"{hostname}"}},"accounts":{accounts}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn ledger() -> Ledger {
    let device =
        Device { device_id: "SV-01".to_owned(), hostname: Some("sv01".to_owned()), ..Device::default() };
    let staff = Staff {
        staff_id: "tanaka".to_owned(),
        retired_on: Some("2026-11-20".parse().unwrap()),
        ..Staff::default()
    };
    Ledger { devices: vec![device], staff: vec![staff], ..Ledger::default() }
}

#[test]
fn every_rule_is_in_one_of_the_lists() {
    let now = NOW.parse().unwrap();
    let answer = check(&ledger(), vec![document("sv01", "[]")], now, Language::Japanese);
    for rule in RULES {
        let violated = answer.violations.iter().any(|violation| violation.rule == rule.id);
        let undetermined = answer.undetermined.iter().any(|one| one.rule == rule.id);
        let satisfied = answer.satisfied.iter().any(|one| one.rule == rule.id);
        assert!(violated || undetermined || satisfied, "{}", rule.id);
        assert!(!(satisfied && (violated || undetermined)), "{}", rule.id);
    }
}

#[test]
fn the_answer_speaks_the_contracts_words() {
    let now = NOW.parse().unwrap();
    let accounts = r#"[{"name":"tanaka","enabled":true,"interactive":true,"privileged":false}]"#;
    let answer = check(&ledger(), vec![document("sv01", accounts)], now, Language::English);
    let json = serde_json::to_value(&answer).unwrap();
    let violation = &json["violations"][0];
    assert_eq!(violation["key"], "08.retired_staff/SV-01/tanaka");
    assert_eq!(violation["article"], 8);
    assert_eq!(violation["state"], "open");
    assert_eq!(violation["severity"], "high");
    assert!(violation["summary"]["ja"].is_string() && violation["remedy"]["en"].is_string());
    let mut fields: Vec<&str> =
        violation["evidence"][0].as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["fact", "field", "ledger_row", "observed_at", "source", "value"]);
    assert!(json["undetermined"][0]["reason"].is_string());
}

#[test]
fn a_machine_that_is_not_listed_goes_by_its_hostname() {
    let now = NOW.parse().unwrap();
    let answer = check(&ledger(), vec![document("stranger", "[]")], now, Language::English);
    assert_eq!(answer.violations[0].key, "04.unlisted_device/stranger/stranger");
}

#[test]
fn an_empty_document_satisfies_no_rule_that_looks_at_the_machine() {
    let now = NOW.parse().unwrap();
    let text =
        format!(r#"{{"schema":"daicho.observation/1","observed_at":"{NOW}","host":{{"hostname":"sv01"}}}}"#);
    let answer = check(&ledger(), vec![serde_json::from_str(&text).unwrap()], now, Language::English);
    assert!(answer.satisfied.iter().all(|one| one.rule.starts_with("04.")), "{:?}", answer.satisfied);
}

#[test]
fn a_machine_that_calls_itself_like_a_device_is_not_judged_as_that_device() {
    let now = NOW.parse().unwrap();
    let mut ledger = ledger();
    ledger.devices[0].serial_number = Some("JP1".to_owned());
    let mut document = document("sv-01", "[]");
    document.host.as_mut().unwrap().serial_number = Some("JP2".to_owned());
    let answer = check(&ledger, vec![document], now, Language::English);
    assert_eq!(answer.violations[0].key, "04.unlisted_device/sv-01 (unlisted)/sv-01");
}

#[test]
fn documents_of_one_machine_are_taken_in_the_order_of_their_times() {
    let update = r#"[{"manager":"dpkg","name":"openssl","installed_version":"1","available_version":"2","security":true}]"#;
    let document = |observed_at: &str| {
        let text = format!(
            r#"{{"schema":"daicho.observation/1","observed_at":"{observed_at}","host":{{"hostname":"sv01"}},"updates":{update}}}"#
        );
        serde_json::from_str::<Document>(&text).unwrap()
    };
    let documents = vec![document(NOW), document("2026-09-01T00:00:00Z")];
    let answer = check(&ledger(), documents, NOW.parse().unwrap(), Language::English);
    let violations: Vec<_> = answer.violations.iter().filter(|one| one.rule == "09.missing_update").collect();
    assert_eq!(violations.len(), 1);
    assert!(violations[0].summary.en.contains("first seen on 2026-09-01"), "{}", violations[0].summary.en);
    assert!(answer.is_violated());
}
