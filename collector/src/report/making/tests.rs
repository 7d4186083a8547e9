//! What a report says of a day, from a log made by hand.

use daicho_rules::ledger::DeviceKind;
use daicho_rules::rule::{Severity, Unknown};
use daicho_rules::text::Language;
use daicho_rules::violation::{StepKind, Violation};

use super::super::past::Told;
use super::super::{comma_separated, html, workbook};
use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn told(verdict: Verdict, reason: Option<Text>) -> Told {
    let unknowns = reason.into_iter().map(|reason| Unknown { subject: None, reason }).collect();
    Told { verdict, unknowns }
}

/// A day on which every rule was satisfied on each of these devices.
fn good_day(day: &str, devices: &[&str]) -> Past {
    let mut past = Past::default();
    past.written(at(day));
    past.ledger = Some(1);
    for device in devices {
        for rule in RULES {
            past.told(at(day), device, rule.id, told(Verdict::Satisfied, None));
        }
    }
    past
}

fn ledger(devices: &[&str]) -> Ledger {
    let device = |id: &&str| Device {
        device_id: (*id).to_owned(),
        kind: DeviceKind::Terminal,
        department: Some("<b>放射線科".to_owned()),
        ..Device::default()
    };
    Ledger { devices: devices.iter().map(device).collect(), ..Ledger::default() }
}

fn made(past: &Past, ledger: &Ledger, as_of: &str) -> Report {
    let grounds = Grounds {
        as_of: at(as_of),
        since: at("2026-03-31T15:00:00Z"),
        now: at("2026-12-01T00:00:00Z"),
        by: "suzuki".to_owned(),
    };
    report(past, ledger, None, None, grounds)
}

fn state(report: &Report, device: &str, article: u8) -> Standard {
    report.devices.iter().find(|found| found.device == device).unwrap().articles[&article]
}

fn step(past: &mut Past, rule: &str, when: &str, what: StepKind, by: &str, reason: Option<&str>) {
    let state = match what {
        StepKind::Excepted => State::Excepted,
        StepKind::Resolved | StepKind::Closed => State::Resolved,
        _ => State::Open,
    };
    let violation = Violation {
        key: format!("{rule}/PC-1/=tanaka"),
        rule: rule.to_owned(),
        article: article_of(rule),
        device: "PC-1".to_owned(),
        subject: "=tanaka".to_owned(),
        severity: Severity::High,
        state,
        summary: Text::new("退職者のアカウント =1+1", "an account <script>"),
        first_seen: at(when),
        last_seen: at(when),
        ..serde_json::from_value(serde_json::json!({
            "key": "", "rule": "", "article": 8, "device": "", "subject": "", "severity": "low", "state": "open",
            "summary": {"ja": "", "en": ""}, "remedy": {"ja": "", "en": ""}, "evidence": [],
            "first_seen": when, "last_seen": when, "kind": "standing"
        }))
        .unwrap()
    };
    past.step(at(when), by, what, reason, &violation);
}

#[test]
fn what_was_seen_to_be_right_is_in_order_and_a_device_that_nobody_judged_is_not() {
    let past = good_day("2026-11-20T00:00:00Z", &["PC-1"]);
    let report = made(&past, &ledger(&["PC-1", "PC-2"]), "2026-11-20T12:00:00Z");
    assert_eq!(state(&report, "PC-1", 8), Standard::Satisfied);
    assert_eq!(state(&report, "PC-2", 8), Standard::NotMeasured);
    assert_eq!(report.counts(8)[&Standard::Satisfied], 1);
}

#[test]
fn a_day_on_which_the_collector_was_not_running_has_nothing_in_order() {
    let past = good_day("2026-11-20T00:00:00Z", &["PC-1"]);
    let report = made(&past, &ledger(&["PC-1"]), "2026-11-25T00:00:00Z");
    assert_eq!(state(&report, "PC-1", 8), Standard::NotMeasured);
    assert_eq!(state(&report, "PC-1", 4), Standard::NotMeasured);
    assert!(report.not_running.unwrap().en.contains("2026-11-20 09:00"));
}

#[test]
fn a_device_without_an_agent_or_silent_for_too_long_was_not_measured() {
    let mut past = good_day("2026-11-20T00:00:00Z", &["PC-1", "PC-2"]);
    let none = told(Verdict::Undetermined, Some(no_agent()));
    past.told(at("2026-11-20T00:00:00Z"), "PC-2", "08.retired_staff", none);
    step(&mut past, SILENT, "2026-11-20T00:00:00Z", StepKind::Opened, "daicho", None);
    let report = made(&past, &ledger(&["PC-1", "PC-2"]), "2026-11-20T12:00:00Z");
    assert_eq!(state(&report, "PC-1", 4), Standard::Violated, "silence itself is told");
    assert_eq!(state(&report, "PC-1", 8), Standard::NotMeasured);
    assert_eq!(state(&report, "PC-2", 8), Standard::NotMeasured);
}

#[test]
fn what_cannot_be_told_is_never_in_order_even_under_an_exception() {
    let mut past = good_day("2026-11-20T00:00:00Z", &["PC-1"]);
    let doubt = told(Verdict::Violated, Some(Text::new("読めません", "unreadable")));
    past.told(at("2026-11-20T00:00:00Z"), "PC-1", "08.retired_staff", doubt);
    step(&mut past, "08.retired_staff", "2026-11-20T00:00:00Z", StepKind::Opened, "daicho", None);
    step(&mut past, "08.retired_staff", "2026-11-20T01:00:00Z", StepKind::Excepted, "ito", Some("移行中"));
    let report = made(&past, &ledger(&["PC-1"]), "2026-11-20T12:00:00Z");
    assert_eq!(state(&report, "PC-1", 8), Standard::Undetermined);
    past.told(at("2026-11-20T02:00:00Z"), "PC-1", "08.retired_staff", told(Verdict::Violated, None));
    let report = made(&past, &ledger(&["PC-1"]), "2026-11-20T12:00:00Z");
    assert_eq!(state(&report, "PC-1", 8), Standard::Excepted);
    assert_eq!(report.standing[0].word, Some(("ito".to_owned(), "移行中".to_owned())));
}

#[test]
fn what_ended_is_counted_in_its_period_with_who_and_why() {
    let mut past = good_day("2026-11-20T00:00:00Z", &["PC-1"]);
    step(&mut past, "11.unapproved_use", "2026-03-01T00:00:00Z", StepKind::Opened, "daicho", None);
    step(&mut past, "11.unapproved_use", "2026-11-19T00:00:00Z", StepKind::Closed, "suzuki", Some("回収"));
    step(&mut past, "08.retired_staff", "2026-01-01T00:00:00Z", StepKind::Opened, "daicho", None);
    step(&mut past, "08.retired_staff", "2026-03-01T00:00:00Z", StepKind::Resolved, "daicho", None);
    past.told(at("2026-11-20T00:00:00Z"), "PC-1", "11.unapproved_use", told(Verdict::Violated, None));
    let report = made(&past, &ledger(&["PC-1"]), "2026-11-20T12:00:00Z");
    assert_eq!(report.ended.len(), 1, "{:?}", report.ended);
    assert_eq!((report.ended[0].by.as_str(), report.ended[0].reason.as_deref()), ("suzuki", Some("回収")));
    assert_eq!(state(&report, "PC-1", 11), Standard::Satisfied, "an incident that a person closed");
    assert!(report.standing.is_empty());
}

#[test]
fn a_fiscal_year_begins_on_the_first_of_april_in_japan() {
    assert_eq!(fiscal_year(at("2026-03-31T14:59:59Z")), at("2025-03-31T15:00:00Z"));
    assert_eq!(fiscal_year(at("2026-03-31T15:00:00Z")), at("2026-03-31T15:00:00Z"));
}

#[test]
fn words_of_others_are_neither_markup_nor_formulas() {
    let mut past = good_day("2026-11-20T00:00:00Z", &["PC-1"]);
    step(&mut past, "08.retired_staff", "2026-11-20T00:00:00Z", StepKind::Opened, "daicho", None);
    let report = made(&past, &ledger(&["PC-1"]), "2026-11-20T12:00:00Z");
    for language in [Language::Japanese, Language::English] {
        let page = html::page(&report, language);
        assert!(!page.contains("<script") && !page.contains("<b>放"), "{page}");
        assert!(page.contains("&lt;b&gt;放射線科"));
        let list = comma_separated::table(&report, language).csv().unwrap();
        assert!(list.contains("'=tanaka") && !list.contains(",=tanaka"), "{list}");
        assert!(workbook::bytes(&report, language).unwrap().starts_with(b"PK"));
    }
}
