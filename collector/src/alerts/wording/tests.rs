//! Hostile text stays one visible line.

use daicho_rules::violation::{State, Violation};

use super::*;
use crate::alerts::daily_word::DailyWord;

#[test]
fn what_a_reader_would_obey_becomes_visible() {
    assert_eq!(
        plain("a\r\nBcc: b\u{202e}c\u{2028}\u{1b}[2J", 100),
        r"a\u{d}\u{a}Bcc: b\u{202e}c\u{2028}\u{1b}[2J"
    );
    assert_eq!(plain("田中 太郎", 100), "田中 太郎");
    assert_eq!(plain("あいうえお", 3), "あいう…");
}

fn violation(label: &str) -> Violation {
    let at: Timestamp = "2026-11-24T00:30:00Z".parse().unwrap();
    Violation {
        key: format!("11.unapproved_use/TM-01/{label}"),
        rule: "11.unapproved_use".to_owned(),
        article: 11,
        device: format!("TM-01{label}"),
        subject: label.to_owned(),
        severity: Severity::High,
        state: State::Open,
        summary: Text::new(format!("未承認の媒体「{label}」が使われました"), format!("a medium: {label}")),
        remedy: Text::new("媒体を外してください", "take it out"),
        evidence: Vec::new(),
        first_seen: at,
        last_seen: at,
        kind: daicho_rules::rule::Kind::Incident,
        occurred_at: Some(at),
        exception: None,
        closed: None,
        treatment: Default::default(),
    }
}

fn word() -> DailyWord {
    DailyWord { machines: 100, heard: 100, ledger: Some(3), measured: [4, 8].into(), ..DailyWord::default() }
}

#[test]
fn every_text_takes_hostile_names_as_words() {
    let hostile = "\r\nBcc: x@y.example\r\n\r\n<script>\u{202e}\u{1b}[2J\0";
    let at: Timestamp = "2026-11-24T00:30:00Z".parse().unwrap();
    let names = vec![hostile.to_owned()];
    let word = DailyWord {
        machines: 2,
        silent: names.clone(),
        without_agent: 1,
        without_agent_names: names.clone(),
        failing: names.clone(),
        maintenance: names,
        ..word()
    };
    for message in crate::alerts::preview::messages(&violation(hostile), word, at) {
        for language in [Language::Japanese, Language::English] {
            let subject = subject(&message, &[language], &Templates::default());
            let body = body(&message, &[language], &Templates::default());
            assert!(!subject.chars().any(is_obeyed), "{subject:?}");
            assert!(!body.chars().any(|c| c != '\n' && is_obeyed(c)), "{body:?}");
            assert!(!body.contains("\nBcc:") && subject.chars().count() <= SUBJECT_MAX * 8, "{subject}");
        }
    }
}

#[test]
fn a_subject_carries_severity_article_and_device() {
    let at: Timestamp = "2026-11-24T00:30:00Z".parse().unwrap();
    let messages = crate::alerts::preview::messages(&violation(""), word(), at);
    let subjects: Vec<String> = messages
        .iter()
        .map(|message| subject(message, &[Language::Japanese], &Templates::default()))
        .collect();
    let about = |start: &str| subjects.iter().find(|subject| subject.starts_with(start)).cloned();
    for start in [
        "【台帳・至急】第11条 TM-01: ",
        "【台帳・至急】未対応のまま 第11条 TM-01: ",
        "【台帳・至急】4時間たっても確認されていません 第11条 TM-01",
    ] {
        assert!(about(start).is_some(), "{start} is not among {subjects:#?}");
    }
    let mut medium = messages[0].clone();
    medium.notices[0].violation.severity = Severity::Medium;
    assert!(
        subject(&medium, &[Language::Japanese], &Templates::default())
            .starts_with("【台帳・中】第11条 TM-01")
    );
    assert!(
        subject(&medium, &[Language::English], &Templates::default())
            .starts_with("[Daicho, medium] Article 11 TM-01")
    );
}

#[test]
fn all_is_well_is_said_only_where_everything_was_seen_and_nothing_found() {
    let says_well = |word: &DailyWord| {
        let at: Timestamp = "2026-11-24T00:30:00Z".parse().unwrap();
        let message = crate::alerts::preview::messages(&violation(""), word.clone(), at).pop().unwrap();
        let subject = subject(&message, &[Language::Japanese], &Templates::default());
        let body = body(&message, &[Language::Japanese], &Templates::default());
        assert_eq!(subject.contains("異常なし"), body.contains("異常なし"), "{subject}\n{body}");
        subject.contains("異常なし")
    };
    assert!(says_well(&word()));
    for unwell in [
        DailyWord { heard: 99, ..word() },
        DailyWord { undetermined: 1, ..word() },
        DailyWord { unjudged: 1, ..word() },
        DailyWord { without_agent: 1, ..word() },
        DailyWord { open: [0, 0, 1], ..word() },
        DailyWord { ledger: None, ..word() },
        DailyWord { failing: vec!["officer".to_owned()], ..word() },
        DailyWord { maintenance: vec!["SV-01".to_owned()], ..word() },
        DailyWord { machines: 0, heard: 0, ..word() },
    ] {
        assert!(!says_well(&unwell), "{unwell:?}");
    }
}
