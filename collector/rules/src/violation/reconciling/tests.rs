//! The life of a violation: each step, and that judging step by step ends where judging from scratch does.

use daicho_proto::document::Document;

use super::*;
use crate::articles::{self, judge};
use crate::ledger::{Device, DeviceStatus, Exception, Ledger};
use crate::record::EndpointRecord;
use crate::rule::{Cleared, Severity, Unknown};
use crate::violation::{CannotAcknowledge, CannotClose, acknowledge, close};

const STANDING: &str = "08.retired_staff";
const INCIDENT: &str = "11.unapproved_use";
const MONDAY: &str = "2026-11-16T03:00:00Z";
const TUESDAY: &str = "2026-11-17T03:00:00Z";
const WEDNESDAY: &str = "2026-11-18T03:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A device's violations with their history, as a store keeps them.
#[derive(Default)]
struct Kept {
    violations: BTreeMap<String, Violation>,
    steps: Vec<(String, StepKind)>,
}

impl Kept {
    fn apply(&mut self, change: Change) {
        if let Some(step) = &change.step {
            self.steps.push((change.violation.subject.clone(), step.what));
        }
        self.violations.insert(change.violation.key.clone(), change.violation);
    }

    #[track_caller]
    fn judge(&mut self, rule: &str, assessment: Assessment, evidence: &Evidence<'_>) {
        let judged = [Judged { rule: articles::rule(rule).unwrap(), assessment }];
        self.take(&judged, evidence);
    }

    #[track_caller]
    fn take(&mut self, judged: &[Judged], evidence: &Evidence<'_>) {
        let known: Vec<Violation> = self.violations.values().cloned().collect();
        for change in reconcile(&known, "SV-01", judged, evidence) {
            self.apply(change);
        }
        let known: Vec<Violation> = self.violations.values().cloned().collect();
        assert_eq!(reconcile(&known, "SV-01", judged, evidence), [], "judging twice changes something");
    }

    fn only(&self) -> &Violation {
        self.violations.values().next().unwrap()
    }

    fn steps(&self) -> Vec<StepKind> {
        self.steps.iter().map(|(_, what)| *what).collect()
    }
}

fn found(subject: &str, value: &str, severity: Severity, observed_at: &str) -> Assessment {
    let proof = Proof::observed("accounts", "enabled", value, at(observed_at));
    Assessment {
        findings: vec![Finding {
            subject: subject.to_owned(),
            summary: Text::new("違反", "a violation"),
            remedy: Text::new("直す", "mend it"),
            severity,
            proofs: vec![proof],
            occurred_at: None,
        }],
        ..Assessment::default()
    }
}

fn used(subject: &str, occurred_at: &str) -> Assessment {
    let mut assessment = found(subject, occurred_at, Severity::High, occurred_at);
    assessment.findings[0].occurred_at = Some(at(occurred_at));
    assessment
}

fn unknown(subject: Option<&str>) -> Assessment {
    let reason = Text::new("不明", "unknown");
    Assessment {
        unknowns: vec![Unknown { subject: subject.map(str::to_owned), reason }],
        ..Assessment::default()
    }
}

fn evidence<'a>(ledger: &'a Ledger, now: &str) -> Evidence<'a> {
    Evidence {
        record: None,
        device: ledger.devices.first(),
        ledger,
        now: at(now),
        surroundings: crate::linking::Surroundings::ALONE,
    }
}

fn ledger() -> Ledger {
    Ledger {
        devices: vec![Device { device_id: "SV-01".to_owned(), ..Device::default() }],
        ..Ledger::default()
    }
}

fn excepting(expires_on: &str) -> Ledger {
    let exception = Exception {
        rule: STANDING.to_owned(),
        subject: "tan*".to_owned(),
        reason: "引き継ぎのため".to_owned(),
        approved_by: "事務長".to_owned(),
        expires_on: expires_on.parse().unwrap(),
        ..Exception::default()
    };
    Ledger { exceptions: vec![exception], ..ledger() }
}

#[test]
fn a_standing_violation_opens_and_ends_with_its_state() {
    let (mut kept, ledger) = (Kept::default(), ledger());
    kept.judge(STANDING, found("tanaka", "true", Severity::High, MONDAY), &evidence(&ledger, MONDAY));
    assert_eq!(kept.only().key, "08.retired_staff/SV-01/tanaka");
    assert_eq!((kept.only().state, kept.only().first_seen), (State::Open, at(MONDAY)));
    kept.judge(STANDING, Assessment::satisfied(), &evidence(&ledger, TUESDAY));
    assert_eq!(kept.only().state, State::Resolved);
    kept.judge(STANDING, found("tanaka", "true", Severity::High, WEDNESDAY), &evidence(&ledger, WEDNESDAY));
    assert_eq!(kept.only().first_seen, at(MONDAY));
    assert_eq!(kept.steps(), [StepKind::Opened, StepKind::Resolved, StepKind::Reopened]);
}

#[test]
fn a_daily_look_at_the_same_state_is_no_news() {
    let (mut kept, ledger) = (Kept::default(), ledger());
    kept.judge(STANDING, found("tanaka", "true", Severity::High, MONDAY), &evidence(&ledger, MONDAY));
    kept.judge(STANDING, found("tanaka", "true", Severity::High, TUESDAY), &evidence(&ledger, TUESDAY));
    assert_eq!(kept.only().last_seen, at(TUESDAY));
    assert_eq!(kept.only().evidence[0].observed_at, Some(at(TUESDAY)));
    assert_eq!(kept.steps(), [StepKind::Opened]);
}

#[test]
fn other_evidence_or_another_severity_is_news() {
    let (mut kept, ledger) = (Kept::default(), ledger());
    kept.judge(STANDING, found("tanaka", "a", Severity::Low, MONDAY), &evidence(&ledger, MONDAY));
    kept.judge(STANDING, found("tanaka", "b", Severity::Low, TUESDAY), &evidence(&ledger, TUESDAY));
    let change = acknowledge(kept.only(), "suzuki", "", at(TUESDAY)).unwrap();
    kept.apply(change);
    kept.judge(STANDING, found("tanaka", "b", Severity::High, WEDNESDAY), &evidence(&ledger, WEDNESDAY));
    assert_eq!(kept.only().state, State::Open, "what got worse wants a word again");
    let steps = [StepKind::Opened, StepKind::Changed, StepKind::Acknowledged, StepKind::Changed];
    assert_eq!(kept.steps(), steps);
}

#[test]
fn silence_is_not_compliance() {
    for covering in [None, Some("tanaka")] {
        let (mut kept, ledger) = (Kept::default(), ledger());
        kept.judge(STANDING, found("tanaka", "true", Severity::High, MONDAY), &evidence(&ledger, MONDAY));
        kept.judge(STANDING, unknown(covering), &evidence(&ledger, TUESDAY));
        assert_eq!(kept.only().state, State::Open);
        kept.judge(STANDING, unknown(Some("suzuki")), &evidence(&ledger, WEDNESDAY));
        assert_eq!(kept.only().state, State::Resolved);
    }
}

#[test]
fn what_was_surely_seen_to_be_right_resolves_although_something_else_is_unknown() {
    let (mut kept, ledger) = (Kept::default(), ledger());
    kept.judge(STANDING, found("tanaka", "true", Severity::High, MONDAY), &evidence(&ledger, MONDAY));
    let mut assessment = unknown(Some("tanaka"));
    assessment.clear("tanaka");
    kept.judge(STANDING, assessment, &evidence(&ledger, TUESDAY));
    assert_eq!(kept.only().state, State::Open, "a doubt of the very subject weighs more");
    let mut assessment = unknown(None);
    assessment.clear("tanaka");
    kept.judge(STANDING, assessment, &evidence(&ledger, TUESDAY));
    assert_eq!(kept.only().state, State::Resolved);
}

#[test]
fn a_rule_that_was_not_asked_ends_nothing() {
    let (mut kept, ledger) = (Kept::default(), ledger());
    kept.judge(STANDING, found("tanaka", "true", Severity::High, MONDAY), &evidence(&ledger, MONDAY));
    kept.judge(INCIDENT, Assessment::satisfied(), &evidence(&ledger, TUESDAY));
    kept.take(&[], &evidence(&ledger, TUESDAY));
    assert_eq!(kept.only().state, State::Open);
}

#[test]
fn a_scrapped_machines_states_end_and_its_incidents_stay() {
    let (mut kept, mut ledger) = (Kept::default(), ledger());
    kept.judge(STANDING, found("tanaka", "true", Severity::High, MONDAY), &evidence(&ledger, MONDAY));
    kept.judge(INCIDENT, used("0781:5581:AA01", MONDAY), &evidence(&ledger, MONDAY));
    ledger.devices[0].status = DeviceStatus::Retired;
    let evidence = evidence(&ledger, TUESDAY);
    kept.take(&judge(&evidence), &evidence);
    let states: Vec<State> = kept.violations.values().map(|violation| violation.state).collect();
    assert_eq!(states, [State::Resolved, State::Open]);
}

#[test]
fn an_exception_covers_its_last_day_and_then_tells_again() {
    let mut kept = Kept::default();
    let (plain, excepting) = (ledger(), excepting("2026-11-17"));
    kept.judge(STANDING, found("tanaka", "true", Severity::High, MONDAY), &evidence(&plain, MONDAY));
    // 2026-11-17T14:59:59Z is the last second of the 17th in Japan.
    for now in [TUESDAY, "2026-11-17T14:59:59Z"] {
        kept.judge(STANDING, found("tanaka", "true", Severity::High, TUESDAY), &evidence(&excepting, now));
        assert_eq!(kept.only().state, State::Excepted);
        assert_eq!(kept.only().exception.as_ref().unwrap().approved_by, "事務長");
    }
    let after = "2026-11-17T15:00:00Z";
    kept.judge(STANDING, unknown(None), &evidence(&excepting, after));
    assert_eq!((kept.only().state, &kept.only().exception), (State::Open, &None));
    assert_eq!(kept.steps(), [StepKind::Opened, StepKind::Excepted, StepKind::ExceptionEnded]);
}

#[test]
fn what_an_exception_covers_from_the_start_is_never_open() {
    let (mut kept, ledger) = (Kept::default(), excepting("2026-11-17"));
    kept.judge(STANDING, found("tanaka", "true", Severity::High, MONDAY), &evidence(&ledger, MONDAY));
    kept.judge(STANDING, Assessment::satisfied(), &evidence(&ledger, TUESDAY));
    assert_eq!(kept.steps(), [StepKind::Excepted, StepKind::Resolved]);
}

#[test]
fn a_moved_row_of_the_exception_is_no_news_and_a_renewed_one_is() {
    let (mut kept, mut ledger) = (Kept::default(), excepting("2026-11-17"));
    kept.judge(STANDING, found("tanaka", "true", Severity::High, MONDAY), &evidence(&ledger, MONDAY));
    ledger.exceptions[0].row.row = 99;
    kept.judge(STANDING, found("tanaka", "true", Severity::High, MONDAY), &evidence(&ledger, MONDAY));
    assert!(kept.only().exception.as_ref().unwrap().ledger_row.ends_with(":99"));
    ledger.exceptions[0].expires_on = "2026-12-17".parse().unwrap();
    kept.judge(STANDING, found("tanaka", "true", Severity::High, MONDAY), &evidence(&ledger, MONDAY));
    assert_eq!(kept.steps(), [StepKind::Excepted, StepKind::Excepted]);
}

#[test]
fn an_incident_stays_until_a_person_closes_it_and_a_new_use_reopens_it() {
    let (mut kept, ledger) = (Kept::default(), ledger());
    let stick = "0781:5581:AA01";
    kept.judge(INCIDENT, used(stick, MONDAY), &evidence(&ledger, MONDAY));
    kept.judge(INCIDENT, Assessment::satisfied(), &evidence(&ledger, TUESDAY));
    assert_eq!(kept.only().state, State::Open);
    let change = close(kept.only(), "suzuki", " 本人に確認した ", at(TUESDAY)).unwrap();
    kept.apply(change);
    assert_eq!(kept.only().closed.as_ref().unwrap().reason, "本人に確認した");
    kept.judge(INCIDENT, used(stick, MONDAY), &evidence(&ledger, WEDNESDAY));
    assert_eq!(kept.only().state, State::Resolved, "the use that was closed stays closed");
    kept.judge(INCIDENT, used(stick, WEDNESDAY), &evidence(&ledger, WEDNESDAY));
    assert_eq!((kept.only().state, &kept.only().closed), (State::Open, &None));
    assert_eq!(kept.steps(), [StepKind::Opened, StepKind::Closed, StepKind::Reopened]);
}

#[test]
fn a_use_that_was_told_late_was_not_closed_with_the_earlier_one() {
    let (mut kept, ledger) = (Kept::default(), ledger());
    kept.judge(INCIDENT, used("stick", MONDAY), &evidence(&ledger, MONDAY));
    let change = close(kept.only(), "suzuki", "確認した", at(WEDNESDAY)).unwrap();
    kept.apply(change);
    kept.judge(INCIDENT, used("stick", TUESDAY), &evidence(&ledger, WEDNESDAY));
    assert_eq!(kept.only().state, State::Open);
}

#[test]
fn an_approval_of_every_use_since_resolves_an_incident_and_a_later_one_does_not() {
    let cleared = |since: &str| {
        let row = crate::ledger::RowReference { place: "media.csv".to_owned(), row: 4 };
        let proofs = vec![Proof::ledger("media_id", "USB-1", &row)];
        let cleared = vec![Cleared { subject: "stick".to_owned(), since: Some(at(since)), proofs }];
        Assessment { cleared, ..Assessment::default() }
    };
    let (mut kept, ledger) = (Kept::default(), ledger());
    kept.judge(INCIDENT, used("stick", MONDAY), &evidence(&ledger, MONDAY));
    kept.judge(INCIDENT, cleared(TUESDAY), &evidence(&ledger, WEDNESDAY));
    assert_eq!(kept.only().state, State::Open);
    kept.judge(INCIDENT, cleared(MONDAY), &evidence(&ledger, WEDNESDAY));
    assert_eq!(kept.only().state, State::Resolved);
    assert_eq!(kept.only().evidence[0].ledger_row.as_deref(), Some("media.csv:4"));
}

#[test]
fn only_an_incident_can_be_closed_and_only_with_a_reason() {
    let (mut kept, ledger) = (Kept::default(), ledger());
    kept.judge(STANDING, found("tanaka", "true", Severity::High, MONDAY), &evidence(&ledger, MONDAY));
    let refusal = close(kept.only(), "suzuki", "もうよい", at(TUESDAY)).unwrap_err();
    assert!(refusal.text().ja.contains("直す"), "the sentence says what ends it");
    let mut kept = Kept::default();
    kept.judge(INCIDENT, used("stick", MONDAY), &evidence(&ledger, MONDAY));
    assert_eq!(close(kept.only(), "suzuki", " \n", at(TUESDAY)), Err(CannotClose::NoReason));
    let closed = close(kept.only(), "suzuki", "確認した", at(TUESDAY)).unwrap().violation;
    assert_eq!(close(&closed, "suzuki", "もう一度", at(TUESDAY)), Err(CannotClose::AlreadyResolved));
    let refusal = acknowledge(&closed, "suzuki", "", at(TUESDAY));
    assert_eq!(refusal, Err(CannotAcknowledge::AlreadyResolved));
}

/// Numbers without chance: xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % limit
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// A machine with some accounts, services, updates and programs, which may hide some of it.
fn look(dice: &mut Dice, day: u64, hides: bool) -> Document {
    let flag = |dice: &mut Dice| ["true", "false"][usize::from(dice.coin())];
    let mut parts = vec![r#""host":{"hostname":"sv01","os_id":"debian","os_version":"11"}"#.to_owned()];
    let (tanaka, suzuki) = (flag(dice), flag(dice));
    let accounts = format!(
        r#""accounts":[{{"name":"tanaka","enabled":{tanaka},"interactive":true}},{{"name":"suzuki","enabled":{suzuki},"interactive":true}}]"#
    );
    let running = flag(dice);
    let services = format!(
        r#""services":[{{"name":"game","manager":"systemd","running":{running},"start":"disabled"}}]"#
    );
    let version = dice.below(3);
    let updates = format!(
        r#""updates":[{{"manager":"dpkg","name":"openssl","installed_version":"{version}","available_version":"3","security":{}}}]"#,
        flag(dice)
    );
    for part in [accounts, services, updates] {
        if !hides || dice.coin() {
            parts.push(part);
        }
    }
    if hides && dice.coin() {
        parts.push(r#""problems":[{"fact":"accounts","message":"cut off"}]"#.to_owned());
    }
    let text = format!(
        r#"{{"schema":"daicho.observation/1","observed_at":"2026-11-{:02}T{:02}:00:00Z",{}}}"#,
        1 + day / 4,
        6 * (day % 4),
        parts.join(",")
    );
    serde_json::from_str(&text).unwrap()
}

#[test]
fn judging_step_by_step_ends_where_judging_from_scratch_does() {
    let staff = crate::ledger::Staff {
        staff_id: "tanaka".to_owned(),
        retired_on: Some("2026-11-05".parse().unwrap()),
        ..crate::ledger::Staff::default()
    };
    let device =
        Device { device_id: "SV-01".to_owned(), hostname: Some("sv01".to_owned()), ..Device::default() };
    let mut opened = 0;
    for seed in 1..=120 {
        let mut dice = Dice(seed);
        let exceptions = if dice.coin() {
            excepting(&format!("2026-11-{:02}", 1 + dice.below(20))).exceptions
        } else {
            vec![]
        };
        let ledger = Ledger {
            devices: vec![device.clone()],
            staff: vec![staff.clone()],
            exceptions,
            ..Ledger::default()
        };
        let (mut kept, mut record) = (Kept::default(), EndpointRecord::default());
        let looks = 1 + dice.below(16);
        for number in 0..looks {
            // The last look shows everything: only then is there anything to compare with.
            let document = look(&mut dice, number, number + 1 < looks);
            let now = document.observed_at;
            record.take_document(document);
            let evidence = Evidence {
                record: Some(&record),
                device: ledger.devices.first(),
                ledger: &ledger,
                now,
                surroundings: crate::linking::Surroundings::ALONE,
            };
            let judged = judge(&evidence);
            kept.take(&judged, &evidence);
            if number + 1 < looks {
                continue;
            }
            let mut scratch = Kept::default();
            scratch.take(&judged, &evidence);
            let lasting = |kept: &Kept| -> Vec<(String, State, Severity, Vec<Proof>)> {
                let open = kept.violations.values().filter(|violation| violation.state != State::Resolved);
                open.map(|one| (one.key.clone(), one.state, one.severity, one.evidence.clone())).collect()
            };
            opened += lasting(&scratch).len();
            assert_eq!(lasting(&kept), lasting(&scratch), "seed {seed}");
        }
    }
    assert!(opened > 120, "the sequences are too tame: {opened}");
}
