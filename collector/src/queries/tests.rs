//! Questions over a small store, and what a person may say to a violation.

use std::sync::Arc;

use daicho_proto::time::japanese_date;
use daicho_rules::ledger::{Device, Exception, Ledger, RowReference, Scope};
use daicho_rules::rule::{Kind, Severity, Unknown, Verdict};
use daicho_rules::violation::{Asked, State, StepKind, Violation, key};
use jiff::{Timestamp, ToSpan as _};

use super::*;
use crate::Collector;
use crate::alerts::Outbox;
use crate::alerts::ending::EndingKind;
use crate::alerts::watch::Certificates;
use crate::authority::init;
use crate::clock::Clock;
use crate::identity::{Operator, Role};
use crate::queries::filters::short_key;
use crate::shelves::{DeviceVerdicts, RuleVerdict};
use crate::store::Batch;
use crate::store::memory::MemoryStore;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-11-22T03:00:00Z".parse().unwrap()
    }
}

fn collector() -> Collector {
    Collector::open(Arc::new(MemoryStore::default()), Arc::new(Noon)).unwrap()
}

fn violation(rule: &str, device: &str, subject: &str) -> Violation {
    Violation {
        key: key(rule, device, subject),
        rule: rule.to_owned(),
        article: rule[..2].parse().unwrap(),
        device: device.to_owned(),
        subject: subject.to_owned(),
        severity: Severity::Medium,
        state: State::Open,
        summary: Text::new("違反", "violation"),
        remedy: Text::new("対処", "remedy"),
        evidence: Vec::new(),
        first_seen: "2026-11-20T00:00:00Z".parse().unwrap(),
        last_seen: "2026-11-22T00:00:00Z".parse().unwrap(),
        kind: Kind::Standing,
        occurred_at: None,
        exception: None,
        closed: None,
        treatment: Default::default(),
    }
}

fn keep(collector: &Collector, violations: &[Violation]) {
    let mut batch = Batch::default();
    for violation in violations {
        batch.put_violation(violation);
    }
    collector.shelves.commit(batch).unwrap();
}

fn subjects(collector: &Collector, filters: &Filters) -> Vec<String> {
    let page = violations::violations(collector, filters, None, 0).unwrap();
    page.items.into_iter().map(|violation| violation.subject).collect()
}

#[test]
fn every_filter_narrows() {
    let collector = collector();
    let mut high = violation("08.retired_staff", "SV-01", "a");
    high.severity = Severity::High;
    let mut resolved = violation("09.missing_update", "SV-01", "b");
    resolved.state = State::Resolved;
    let mut recent = violation("11.unapproved_use", "PC-02", "c");
    recent.occurred_at = Some("2026-11-22T02:00:00Z".parse().unwrap());
    keep(&collector, &[high, resolved, recent, violation("13.unneeded_service", "PC-02", "d")]);
    let row = |id: &str, group: &str| Device {
        device_id: id.to_owned(),
        group: Some(group.to_owned()),
        ..Device::default()
    };
    collector.set_ledger(Ledger {
        devices: vec![row("SV-01", "サーバ"), row("PC-02", "外来")],
        ..Ledger::default()
    });
    let check = |filters: Filters, expected: &[&str]| {
        assert_eq!(subjects(&collector, &filters), expected, "{filters:?}");
    };
    check(Filters::default(), &["c", "d", "a"]);
    check(Filters { articles: vec![8, 13], ..Filters::default() }, &["d", "a"]);
    check(Filters { device: Some("ｐｃ－０２".to_owned()), ..Filters::default() }, &["c", "d"]);
    check(Filters { group: Some("外来".to_owned()), ..Filters::default() }, &["c", "d"]);
    check(Filters { states: vec![State::Resolved], ..Filters::default() }, &["b"]);
    check(Filters { severities: vec![Severity::High], ..Filters::default() }, &["a"]);
    check(Filters { rule: Some("13.unneeded_service".to_owned()), ..Filters::default() }, &["d"]);
    let since = Some("2026-11-21T00:00:00Z".parse().unwrap());
    check(Filters { since, ..Filters::default() }, &["c"]);
    let short = short_key(&key("13.unneeded_service", "PC-02", "d"));
    check(Filters { key: Some(short), ..Filters::default() }, &["d"]);
    check(Filters { articles: vec![8], group: Some("外来".to_owned()), ..Filters::default() }, &[]);
}

#[test]
fn pages_put_together_are_the_whole() {
    let collector = collector();
    let all: Vec<Violation> = (0..25)
        .map(|n| violation("09.missing_update", &format!("PC-{:02}", n % 7), &format!("p{n:02}")))
        .collect();
    keep(&collector, &all);
    let (mut seen, mut after, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let page = violations::violations(&collector, &Filters::default(), after.as_deref(), 10).unwrap();
        seen.extend(page.items.into_iter().map(|violation| violation.subject));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    seen.sort();
    assert_eq!(pages, 3);
    assert_eq!(seen, (0..25).map(|n| format!("p{n:02}")).collect::<Vec<_>>());
}

#[test]
fn a_violation_answers_to_its_key_and_its_number_and_to_nothing_else() {
    let collector = collector();
    let kept = violation("08.retired_staff", "SV-01", "tanaka");
    keep(&collector, std::slice::from_ref(&kept));
    let number = short_key(&kept.key);
    assert_eq!(number.len(), 8);
    for asked in [kept.key.as_str(), &number, &number.to_uppercase(), &format!(" {number} ")] {
        assert_eq!(violations::violation(&collector, asked).unwrap(), kept, "{asked}");
    }
    for asked in ["", "tanaka", &number[..4], "00000000", "08.retired_staff/SV-01"] {
        let error = violations::violation(&collector, asked).unwrap_err();
        assert!(matches!(error, QueryError::NotFound(_)), "{asked}: {error}");
    }
}

#[tokio::test]
async fn only_an_incident_is_closed_and_only_with_a_reason() {
    let collector = collector();
    let standing = violation("08.retired_staff", "SV-01", "tanaka");
    let mut incident = violation("11.unapproved_use", "PC-02", "0781:5581:AA01");
    incident.kind = Kind::Incident;
    keep(&collector, &[standing.clone(), incident.clone()]);
    let close = async |key: &str, reason: &str| decisions::close(&collector, key, "suzuki", reason).await;
    for (key, reason) in
        [(&standing.key, "mended"), (&incident.key, "  "), (&incident.key, &"長".repeat(2_001))]
    {
        assert!(matches!(close(key, reason).await, Err(QueryError::Refused(_))), "{key} {reason}");
    }
    assert_eq!(
        collector.shelves.violation(&incident.key).unwrap(),
        Some(incident.clone()),
        "a refusal changes nothing"
    );
    assert!(collector.shelves.history(&incident.key).unwrap().is_empty());

    let closed = close(&short_key(&incident.key), "the auditors' own stick").await.unwrap();
    assert_eq!(closed.state, State::Resolved);
    let (kept, history) = violations::history(&collector, &incident.key).unwrap();
    assert_eq!(kept, closed);
    let [step] = history.as_slice() else { panic!("one step, not {history:?}") };
    assert_eq!(
        (step.what, step.by.as_str(), step.reason.as_deref()),
        (StepKind::Closed, "suzuki", Some("the auditors' own stick"))
    );
}

#[tokio::test]
async fn acknowledging_is_kept_with_name_and_note() {
    let collector = collector();
    let kept = violation("08.retired_staff", "SV-01", "tanaka");
    keep(&collector, std::slice::from_ref(&kept));
    let answer = decisions::acknowledge(&collector, &kept.key, "suzuki", "asked ward 3").await.unwrap();
    assert_eq!(answer.state, State::Acknowledged);
    let (_, history) = violations::history(&collector, &kept.key).unwrap();
    assert_eq!(history[0].what, StepKind::Acknowledged);
    assert_eq!((history[0].by.as_str(), history[0].reason.as_deref()), ("suzuki", Some("asked ward 3")));
}

fn verdicts(device: &str, rules: &[(&str, Verdict)]) -> DeviceVerdicts {
    let said = |(rule, verdict): &(&str, Verdict)| RuleVerdict {
        rule: (*rule).to_owned(),
        verdict: *verdict,
        unknowns: match verdict {
            Verdict::Undetermined => {
                vec![Unknown { subject: None, reason: Text::new("不明", "not known") }]
            }
            Verdict::Satisfied | Verdict::Violated => Vec::new(),
        },
    };
    DeviceVerdicts {
        device: device.to_owned(),
        group: None,
        endpoints: Vec::new(),
        judged_at: Noon.now(),
        rules: rules.iter().map(said).collect(),
    }
}

#[test]
fn silence_is_not_compliance() {
    let collector = collector();
    let mut batch = Batch::default();
    batch.put_verdicts(&verdicts(
        "SV-01",
        &[("08.long_unused", Verdict::Undetermined), ("09.restart_pending", Verdict::Satisfied)],
    ));
    batch.put_verdicts(&verdicts(
        "SV-02",
        &[("11.unapproved_use", Verdict::Satisfied), ("08.long_unused", Verdict::Violated)],
    ));
    // An incident that waits for a person, although nothing new was found.
    batch.put_violation(&violation("11.unapproved_use", "SV-02", "stick"));
    collector.shelves.commit(batch).unwrap();
    let (told, next) = violations::verdicts(&collector, &Filters::default(), None).unwrap();
    assert_eq!(next, None);
    let undetermined: Vec<_> =
        told.undetermined.iter().map(|told| (told.rule.as_str(), told.device.as_str())).collect();
    assert_eq!(undetermined, [("08.long_unused", "SV-01")]);
    assert_eq!(told.satisfied, [("09.restart_pending".to_owned(), "SV-01".to_owned())]);
    let of_one = Filters { device: Some("sv-02".to_owned()), ..Filters::default() };
    assert!(violations::verdicts(&collector, &of_one, None).unwrap().0.undetermined.is_empty());
}

#[test]
fn a_listed_machine_that_nobody_judged_is_in_the_list() {
    let collector = collector();
    let listed = |id: &str| Device { device_id: id.to_owned(), ..Device::default() };
    collector.set_ledger(Ledger { devices: vec![listed("SV-01"), listed("SV-02")], ..Ledger::default() });
    let mut batch = Batch::default();
    batch.put_verdicts(&verdicts("SV-01", &[("04.silent_device", Verdict::Violated)]));
    batch.put_violation(&violation("04.silent_device", "SV-01", "SV-01"));
    collector.shelves.commit(batch).unwrap();
    let page = devices::devices(&collector, None, None).unwrap();
    let told: Vec<_> =
        page.items.iter().map(|item| (item.device.as_str(), item.medium, item.judged_at.is_some())).collect();
    assert_eq!(told, [("SV-01", 1, true), ("SV-02", 0, false)]);
    assert_eq!(devices::device(&collector, "ＳＶ－０２").unwrap().summary.device, "SV-02");
    assert!(matches!(devices::device(&collector, "SV-03"), Err(QueryError::NotFound(_))));
}

#[test]
fn the_days_of_an_exception_are_japan_s() {
    let collector = collector();
    let today = japanese_date(collector.clock.now());
    let exception = |subject: &str, days: i64, row: u32| Exception {
        rule: "13.unneeded_service".to_owned(),
        device: Scope::All,
        subject: subject.to_owned(),
        expires_on: today + days.days(),
        row: RowReference { place: "exceptions.csv".to_owned(), row },
        ..Exception::default()
    };
    let exceptions = vec![exception("later", 40, 2), exception("over", -1, 3), exception("today", 0, 4)];
    collector.set_ledger(Ledger { exceptions, ..Ledger::default() });
    let told = exceptions::exceptions(&collector).unwrap();
    let told: Vec<_> = told.iter().map(|row| (row.exception.subject.as_str(), row.days_left)).collect();
    assert_eq!(told, [("over", -1), ("today", 0), ("later", 40)]);
}

/// A person with a role and, of a head of section, the section.
fn person(name: &str, role: Role, section: Option<&str>) -> Operator {
    Operator { name: name.to_owned(), roles: [role].into(), section: section.map(str::to_owned) }
}

/// A violation of a device of the section 医事課.
fn of_a_section() -> (Collector, String) {
    let collector = collector();
    let old = violation("13.unneeded_software", "PC-02", "a");
    keep(&collector, std::slice::from_ref(&old));
    let department = Some("医事課".to_owned());
    let row = Device { device_id: "PC-02".to_owned(), department, ..Device::default() };
    collector.set_ledger(Ledger { devices: vec![row], ..Ledger::default() });
    (collector, old.key)
}

#[tokio::test]
async fn a_violation_is_consulted_once_its_own_head_of_section_and_the_officer_gave_their_views() {
    let (head, officer) =
        (person("sato", Role::SectionHead, Some(" 医事課 ")), person("suzuki", Role::Officer, None));
    for order in [[&head, &officer], [&officer, &head]] {
        let (collector, key) = of_a_section();
        let logged = collector.shelves.chronicle_head().unwrap().number;
        let first = decisions::consult(&collector, &key, order[0], "業務に使う").await.unwrap();
        assert!(!first.treatment.is_consulted(), "one view is not both");
        let again = decisions::consult(&collector, &key, order[0], "やはり使わない").await.unwrap();
        assert!(!again.treatment.is_consulted(), "two views of one person are not both");
        let both = decisions::consult(&collector, &key, order[1], "削除でよい").await.unwrap();
        assert!(both.treatment.is_consulted());
        let view = both.treatment.views.iter().find(|view| view.by == "sato").unwrap();
        assert_eq!((view.role, view.section.as_deref()), (Asked::SectionHead, head.section.as_deref()));
        let view = both.treatment.views.iter().find(|view| view.by == "suzuki").unwrap();
        assert_eq!((view.role, view.section.as_deref()), (Asked::Officer, None));
        assert_eq!(collector.shelves.chronicle_head().unwrap().number, logged + 3, "each view is in the log");
    }
}

#[tokio::test]
async fn who_is_not_the_head_of_the_devices_section_is_told_why_and_changes_nothing() {
    let (collector, key) = of_a_section();
    let before = violations::violation(&collector, &key).unwrap();
    let logged = collector.shelves.chronicle_head().unwrap();
    for (other, named) in [
        (person("tanaka", Role::SectionHead, Some("放射線科")), "放射線科"),
        (person("tanaka", Role::SectionHead, None), "-"),
        (person("tanaka", Role::Department, Some("医事課")), "医事課"),
    ] {
        let Err(QueryError::Refused(why)) = decisions::consult(&collector, &key, &other, "使う").await
        else {
            panic!("{other:?} was consulted");
        };
        for expected in ["PC-02", "「医事課」", &format!("「{named}」"), "相談してください"] {
            assert!(why.ja.contains(expected), "{expected} is not in {}", why.ja);
        }
        assert!(why.en.contains("PC-02") && why.en.contains(named), "{}", why.en);
    }
    // Of a device that is not listed nobody is the head of section, not even one whose section has no name.
    collector.set_ledger(Ledger::default());
    let head = person("sato", Role::SectionHead, Some("医事課"));
    assert!(matches!(decisions::consult(&collector, &key, &head, "使う").await, Err(QueryError::Refused(_))));
    assert_eq!(violations::violation(&collector, &key).unwrap(), before);
    assert!(collector.shelves.history(&key).unwrap().is_empty());
    assert_eq!(collector.shelves.chronicle_head().unwrap(), logged);
}

#[test]
fn the_status_names_an_authority_that_ends_within_a_year_and_no_other() {
    let collector = collector();
    let endings = || {
        let endings = status::status(&collector).unwrap().authority_endings;
        endings.into_iter().map(|ending| ending.kind).collect::<Vec<_>>()
    };
    assert_eq!(endings(), []);
    let folder = tempfile::tempdir().unwrap();
    let nine_and_a_half_years_ago = Noon.now() - jiff::SignedDuration::from_hours(24 * 3_470);
    let authority = Arc::new(init::make(folder.path(), nine_and_a_half_years_ago).unwrap());
    let outbox = Outbox::open(&toml::from_str("").unwrap()).unwrap();
    let outbox =
        outbox.with_certificates(Certificates { authority: Some(authority), ..Certificates::default() });
    collector.outbox.set(Arc::new(outbox)).unwrap();
    assert_eq!(endings(), [EndingKind::Issuing], "ten years; the root has twenty");
}
