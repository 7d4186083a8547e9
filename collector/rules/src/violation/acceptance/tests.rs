//! An exception accepts the facts as they were.

use super::*;

fn accepted(facts: &[(&str, &str, Option<&str>)]) -> Accepted {
    let proofs: Vec<Proof> = facts
        .iter()
        .map(|(name, value, source)| {
            let (fact, field) = name.split_once('.').unwrap();
            Proof {
                fact: fact.to_owned(),
                field: field.to_owned(),
                value: (*value).to_owned(),
                source: source.map(str::to_owned),
                ..Proof::default()
            }
        })
        .collect();
    Accepted { terms: String::new(), severity: Severity::Medium, facts: self::facts(&proofs) }
}

#[track_caller]
fn check(name: &str, before: &str, now: &str, source: Option<&str>, lapses: bool) {
    let told = changed(&accepted(&[(name, before, source)]), &accepted(&[(name, now, source)]));
    assert_eq!(!told.is_empty(), lapses, "{name}: {before} → {now}: {told:?}");
}

#[test]
fn only_what_is_graver_or_another_thing_lapses() {
    check("accounts.privileged", "false", "true", None, true);
    check("accounts.privileged", "true", "false", None, false);
    check("accounts.privileged", "true", "unknown", None, false);
    check("services.binary", "/usr/sbin/vsftpd", "/tmp/vsftpd", None, true);
    check("software.publisher", "AnyDesk Software GmbH", "Unknown", None, true);
    check("software.version", "7.1.14", "7.1.15", None, false);
    check("software.version", "7.1.14", "7.1.9", None, true);
    check("updates.installed_version", "3.0.11-1~deb12u2", "3.0.11-1~deb12u1", Some("dpkg"), true);
    check("updates.installed_version", "3.0.11-1~deb12u1", "3.0.11-1~deb12u2", Some("dpkg"), false);
    check("host.serial_number", "A1", "B2", None, true);
    check("accounts.last_login", "2026-01-01", "2026-02-01", None, false);
}

#[test]
fn what_appears_lapses_and_what_is_no_longer_told_does_not() {
    let (without, with) = (accepted(&[]), accepted(&[("accounts.privileged", "true", None)]));
    assert_eq!(changed(&without, &with), ["accounts.privileged: - → true"]);
    assert_eq!(changed(&with, &without), [] as [&str; 0]);
    let graver = Accepted { severity: Severity::High, ..accepted(&[]) };
    assert_eq!(changed(&accepted(&[]), &graver), ["severity: medium → high"]);
    assert_eq!(changed(&graver, &accepted(&[])), [] as [&str; 0]);
}
