//! The forms of the answer on violations.

use std::path::PathBuf;
use std::sync::Arc;

use daicho_rules::answer::{Satisfied, Undetermined};
use daicho_rules::rule::{Kind, Proof};
use daicho_rules::text::{Language, Text};
use serde_json::json;

use super::*;
use crate::clock::SystemClock;

fn context(language: Language) -> Context {
    Context { language, operator: None::<PathBuf>, collector: None, clock: Arc::new(SystemClock) }
}

fn violation(state: State) -> Violation {
    let at: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    Violation {
        key: "08.retired_staff/SV-01/tanaka".to_owned(),
        rule: "08.retired_staff".to_owned(),
        article: 8,
        device: "SV-01".to_owned(),
        subject: "tanaka".to_owned(),
        severity: Severity::High,
        state,
        summary: Text::new(
            "退職者 田中のアカウントが有効です。",
            "The account of retired Tanaka is enabled.",
        ),
        remedy: Text::new("無効にしてください。", "Disable it."),
        evidence: vec![Proof {
            fact: "accounts".to_owned(),
            field: "enabled".to_owned(),
            value: "true".to_owned(),
            source: Some("/etc/shadow".to_owned()),
            observed_at: Some(at),
            ledger_row: None,
        }],
        first_seen: at,
        last_seen: at,
        kind: Kind::Standing,
        occurred_at: None,
        exception: None,
        closed: None,
        treatment: Default::default(),
    }
}

fn answer() -> Answer {
    let undetermined = |device: &str| Undetermined {
        rule: "11.unscanned_use".to_owned(),
        device: device.to_owned(),
        reason: "媒体の検査の記録がありません。".to_owned(),
        subject: None,
    };
    Answer {
        violations: vec![violation(State::Open)],
        undetermined: vec![undetermined("SV-01"), undetermined("SV-02"), undetermined("SV-03")],
        satisfied: vec![Satisfied { rule: "09.restart_pending".to_owned(), device: "SV-01".to_owned() }],
    }
}

#[test]
fn json_has_the_fields_of_the_contract() {
    let text = output::json(&answer()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let violation = &value["violations"][0];
    for (field, expected) in [
        ("key", json!("08.retired_staff/SV-01/tanaka")),
        ("rule", json!("08.retired_staff")),
        ("article", json!(8)),
        ("device", json!("SV-01")),
        ("subject", json!("tanaka")),
        ("severity", json!("high")),
        ("state", json!("open")),
        ("first_seen", json!("2026-11-22T00:00:00Z")),
        ("last_seen", json!("2026-11-22T00:00:00Z")),
    ] {
        assert_eq!(violation[field], expected, "{field}");
    }
    for field in ["summary", "remedy"] {
        assert!(violation[field]["ja"].is_string() && violation[field]["en"].is_string(), "{field}");
    }
    let mut evidence: Vec<&String> = violation["evidence"][0].as_object().unwrap().keys().collect();
    evidence.sort();
    assert_eq!(evidence, ["fact", "field", "ledger_row", "observed_at", "source", "value"]);
    assert_eq!(value["undetermined"][0]["rule"], "11.unscanned_use");
    assert_eq!(value["undetermined"][0]["device"], "SV-01");
    assert!(value["undetermined"][0]["reason"].is_string());
    assert_eq!(value["satisfied"], json!([{"rule": "09.restart_pending", "device": "SV-01"}]));
}

#[test]
fn a_table_shows_what_could_not_be_told_once_for_many_machines() {
    let text = as_table(&answer(), &Filters::default(), &context(Language::Japanese));
    assert!(text.contains("退職者 田中のアカウントが有効です。"), "{text}");
    assert!(text.contains(&short_key("08.retired_staff/SV-01/tanaka")), "{text}");
    assert!(text.contains("SV-01 他2台"), "{text}");
    assert_eq!(text.matches("媒体の検査の記録がありません。").count(), 1, "{text}");
    assert!(text.contains("違反 1 件（高 1・中 0・低 0）、判定できなかったもの 3 件、適合 1 件"), "{text}");
}

#[test]
fn an_empty_list_says_so_in_words() {
    let text = as_table(&Answer::default(), &Filters::default(), &context(Language::English));
    assert!(text.starts_with("There is no such violation."), "{text}");
}

#[test]
fn a_spreadsheet_is_not_silent_on_what_could_not_be_told() {
    let csv = as_csv(&answer(), &context(Language::English)).csv().unwrap();
    assert_eq!(csv.lines().count(), 5, "{csv}");
    assert_eq!(csv.matches("undetermined").count(), 3, "{csv}");
}

#[test]
fn fail_ends_with_1_only_while_something_is_open() {
    assert_eq!(outcome(true, &[violation(State::Open)]), Outcome::Found);
    assert_eq!(outcome(true, &[violation(State::Acknowledged)]), Outcome::Found);
    assert_eq!(outcome(true, &[violation(State::Excepted), violation(State::Resolved)]), Outcome::Done);
    assert_eq!(outcome(false, &[violation(State::Open)]), Outcome::Done);
}
