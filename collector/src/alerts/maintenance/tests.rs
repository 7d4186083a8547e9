//! What a window covers, and what is refused.

use daicho_rules::ledger::Device;

use super::*;

fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}:00+09:00").parse().unwrap()
}

fn ledger() -> Ledger {
    let device =
        Device { device_id: "SV-01".to_owned(), group: Some("放射線".to_owned()), ..Device::default() };
    Ledger { devices: vec![device], ..Ledger::default() }
}

fn wanted(from: &str, until: &str) -> Wanted {
    Wanted {
        scope: Scope::Group("放射線".to_owned()),
        from: Some(at(from)),
        until: at(until),
        reason: "サーバーの入れ替え".to_owned(),
        by: "suzuki".to_owned(),
    }
}

#[test]
fn a_window_covers_its_devices_from_its_begin_up_to_its_end() {
    let now = at("22T20:00");
    let window = plan(wanted("22T22:00", "23T06:00"), &[], &ledger(), 14, now).unwrap();
    let covers = |group, time| window.covers("SV-01", group, at(time));
    assert!(!covers(Some("放射線"), "22T21:59"));
    assert!(covers(Some("放射線"), "22T22:00") && covers(Some("放射線"), "23T05:59"));
    assert!(!covers(Some("放射線"), "23T06:00"));
    assert!(!covers(None, "23T05:59") && !covers(Some("他"), "23T05:59"));
    let early = end(1, "sato", &[window], at("23T01:00")).unwrap();
    assert!(!early.covers("SV-01", Some("放射線"), at("23T02:00")));
    assert!(end(1, "sato", &[early], at("23T02:00")).unwrap_err().en.contains("ended already"));
    assert!(end(7, "sato", &[], at("23T02:00")).is_err());
}

#[test]
fn what_has_no_end_no_reason_or_no_device_is_refused() {
    let now = at("22T20:00");
    let refused = |wanted: Wanted, part: &str| {
        let text = plan(wanted, &[], &ledger(), 2, now).unwrap_err();
        assert!(text.en.contains(part), "{text:?}");
    };
    let good = wanted("22T22:00", "23T06:00");
    refused(wanted("22T22:00", "24T22:01"), "at most 2 days");
    refused(wanted("22T22:00", "22T22:00"), "end before it begins");
    refused(wanted("22T10:00", "22T19:00"), "end before it begins");
    refused(wanted("22T18:00", "22T23:00"), "one hour ago");
    refused(Wanted { until: Timestamp::MAX, ..good.clone() }, "at most 2 days");
    refused(Wanted { reason: " ".to_owned(), ..good.clone() }, "needs a reason");
    refused(Wanted { scope: Scope::Device("SV-99".to_owned()), ..good.clone() }, "no such device");
    refused(Wanted { scope: Scope::All, ..good }, "no such device");
}
