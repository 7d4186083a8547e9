//! What an approval covers.

use super::*;

fn exception(device: &str, subject: &str, until: &str) -> Row {
    Row::Exceptions(Exception {
        rule: "08.long_unused".to_owned(),
        device: Scope::from(device),
        subject: subject.to_owned(),
        expires_on: until.parse().unwrap(),
        ..Exception::default()
    })
}

fn medium(device: &str, from: &str, until: Option<&str>) -> ApprovedMedium {
    ApprovedMedium {
        vendor_id: Some("0781".to_owned()),
        product_id: Some("5581".to_owned()),
        serial: Some("AA01".to_owned()),
        approved_from: Some(from.parse().unwrap()),
        approved_until: until.map(|day| day.parse().unwrap()),
        device: Scope::from(device),
        ..ApprovedMedium::default()
    }
}

#[test]
fn an_exception_covers_what_is_narrower_and_nothing_that_is_wider() {
    let approved = exception("SV-01", "back*", "2026-12-31");
    for (device, subject, until, covered) in [
        ("ＳＶ－０１", "back*", "2026-12-31", true),
        ("SV-01", "backup", "2026-12-30", true),
        ("SV-01", "back*", "2027-01-01", false),
        ("SV-02", "back*", "2026-12-31", false),
        ("*", "back*", "2026-12-31", false),
        ("SV-01", "*", "2026-12-31", false),
    ] {
        assert_eq!(
            approved.covers(&exception(device, subject, until)),
            covered,
            "{device} {subject} {until}"
        );
    }
    assert!(exception("*", "x", "2026-12-31").covers(&exception("group:a", "x", "2026-12-31")));
}

#[test]
fn a_permit_covers_what_is_narrower_and_nothing_that_is_wider() {
    let approved = medium("SV-01", "2026-11-10", Some("2026-12-31"));
    let covers = |other: &ApprovedMedium| Row::Media(approved.clone()).covers(&Row::Media(other.clone()));
    assert!(covers(&medium("SV-01", "2026-11-11", Some("2026-12-30"))));
    assert!(!covers(&medium("SV-01", "2026-11-09", Some("2026-12-31"))));
    assert!(!covers(&medium("SV-01", "2026-11-10", None)));
    assert!(!covers(&medium("SV-02", "2026-11-10", Some("2026-12-31"))));
    let unscanned = ApprovedMedium { scan_required: Some(false), ..approved.clone() };
    assert!(!covers(&unscanned), "Article 11(2) is not lifted by the way");
    let other = ApprovedMedium { serial: Some("AA02".to_owned()), ..approved.clone() };
    assert!(!covers(&other));
    let backup = ApprovedMedium { purpose: MediumPurpose::Backup, ..approved.clone() };
    assert!(!covers(&backup));
}
