//! The body is what the published schema says, and the signature what anybody can compute.

use daicho_rules::rule::{Kind as ViolationKind, Proof, Severity};
use daicho_rules::text::Text;
use daicho_rules::violation::State;
use serde_json::Value;

use super::*;
use crate::shelves::Notice;

const SCHEMA: &str = include_str!("../../../../../deploy/collector/webhook.schema.json");

/// The part of JSON Schema that ours uses. An unknown keyword fails, so that none is believed and not checked.
fn check(schema: &Value, value: &Value, root: &Value, place: &str) {
    for (keyword, wanted) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "format" => {}
            "$ref" => {
                let path = wanted.as_str().unwrap().trim_start_matches('#');
                check(root.pointer(path).unwrap(), value, root, place);
            }
            "const" => assert_eq!(value, wanted, "{place}"),
            "enum" => assert!(wanted.as_array().unwrap().contains(value), "{place}: {value}"),
            "type" => {
                let kind = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "integer",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                let fits =
                    wanted == kind || wanted.as_array().is_some_and(|kinds| kinds.contains(&kind.into()));
                assert!(fits, "{place}: {kind} is not {wanted}");
            }
            "minimum" => assert!(value.as_i64() >= wanted.as_i64(), "{place}"),
            "maxItems" => {
                assert!(value.as_array().unwrap().len() as u64 <= wanted.as_u64().unwrap(), "{place}");
            }
            "items" => {
                for item in value.as_array().unwrap() {
                    check(wanted, item, root, &format!("{place}[]"));
                }
            }
            "required" => {
                for name in wanted.as_array().unwrap() {
                    assert!(value.get(name.as_str().unwrap()).is_some(), "{place} lacks {name}");
                }
            }
            "properties" => {
                let Some(fields) = value.as_object() else { continue };
                for (name, field) in fields {
                    let known = wanted.get(name).unwrap_or_else(|| panic!("{place}.{name} is in no schema"));
                    check(known, field, root, &format!("{place}.{name}"));
                }
            }
            "additionalProperties" => assert_eq!(wanted, &Value::Bool(false)),
            other => panic!("{place}: nobody checks {other}"),
        }
    }
}

fn message() -> Message {
    let at: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    let violation = Violation {
        key: "11.unapproved_use/TM-01/0781:5581:AA01".to_owned(),
        rule: "11.unapproved_use".to_owned(),
        article: 11,
        device: "TM-01".to_owned(),
        subject: "0781:5581:AA01".to_owned(),
        severity: Severity::High,
        state: State::Open,
        summary: Text::new("要約", "summary"),
        remedy: Text::new("対応", "remedy"),
        evidence: vec![Proof { fact: "media".to_owned(), observed_at: Some(at), ..Proof::default() }],
        first_seen: at,
        last_seen: at,
        kind: ViolationKind::Incident,
        occurred_at: Some(at),
        exception: None,
        closed: None,
        treatment: Default::default(),
    };
    let notice = Notice { number: 7, at, what: StepKind::Opened, violation };
    let start = Notice { number: 0, ..notice.clone() };
    let mut message = Message::empty("helpdesk.7-7.1".to_owned(), Occasion::News, at);
    message.notices = vec![notice, start];
    message
}

#[test]
fn a_body_is_what_the_schema_says() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let body: Value = serde_json::from_slice(&body(&message())).unwrap();
    check(&schema, &body, &schema, "body");
    assert_eq!(body["entries"][0]["violation"]["evidence"][0]["fact"], "media");
    assert_eq!(schema["properties"]["entries"]["maxItems"], ENTRIES_MAX);
}

#[test]
fn every_occasion_is_in_the_schema_and_no_news_says_what_it_is() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let at: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    let violation = message().notices[0].violation.clone();
    let word = crate::alerts::daily_word::DailyWord::default();
    for message in crate::alerts::preview::messages(&violation, word, at) {
        let body: Value = serde_json::from_slice(&body(&message)).unwrap();
        check(&schema, &body, &schema, "body");
        let letter = matches!(message.occasion, Occasion::Letter(_));
        assert_eq!(
            body["text"]["ja"].as_str().is_some_and(|text| text.contains("【台帳・")),
            letter,
            "{body}"
        );
    }
    let occasions = schema["properties"]["occasion"]["enum"].as_array().unwrap();
    let known: Vec<&str> = occasions.iter().filter_map(Value::as_str).collect();
    let mut templates = crate::alerts::templates::OCCASIONS.to_vec();
    templates.sort_unstable();
    assert_eq!(templates, {
        let mut known = known;
        known.sort_unstable();
        known
    });
}

#[test]
fn a_signature_is_what_openssl_computes() {
    // printf '1790000000.{}' | openssl dgst -sha256 -hmac secret
    let code = "d0cadd434460d4af55e7ab90d79c1802591d7001a77c9e06471d0e3ec8cc85ae";
    assert_eq!(sign("secret", 1_790_000_000, b"{}"), format!("t=1790000000,v1={code}"));
}

#[test]
fn only_https_leaves_this_machine_and_no_password_stands_in_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "secret").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let open = |url: &str| {
        let toml = format!("name = \"desk\"\nurl = \"{url}\"\nsecret_file = \"{}\"", path.display());
        Webhook::open(&toml::from_str(&toml).unwrap()).map(|hook| hook.address)
    };
    assert_eq!(open("https://desk.example/in?token=x").unwrap(), "https://desk.example");
    assert!(open("http://127.0.0.1:1/in").is_ok());
    for url in ["http://desk.example/in", "https://u:p@desk.example/", "desk.example", "ftp://127.0.0.1/"] {
        assert!(open(url).is_err(), "{url}");
    }
}
