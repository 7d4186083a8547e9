//! Days of a hospital, simulated: real recipients and a real store, a clock of ours, and a restart in between.

use std::sync::Mutex;

use daicho_rules::ledger::{Device, Exception, Ledger, Scope};
use daicho_rules::rule::{Kind, Severity};
use daicho_rules::text::Text;
use daicho_rules::violation::{Correction, Step, key};

use super::*;
use crate::alerts::channels::{Capacity, Channel, Failure, Later, Message, Occasion};
use crate::alerts::config::Config;
use crate::alerts::maintenance::Wanted;
use crate::alerts::outbox::{Teller, Wait};
use crate::clock::Clock;
use crate::shelves::LedgerVersion;
use crate::store::Store;
use crate::store::memory::MemoryStore;

struct StandingClock(Mutex<Timestamp>);

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// What everybody was told: when, who, what (`news`, `daily_word`, ...), and of which devices.
type Told = Arc<Mutex<Vec<(Timestamp, String, &'static str, Vec<String>)>>>;

struct Desk {
    name: String,
    told: Told,
    clock: Arc<StandingClock>,
    dead: Arc<Mutex<BTreeSet<String>>>,
}

impl Channel for Desk {
    fn address(&self) -> String {
        self.name.clone()
    }
    fn capacity(&self) -> Capacity {
        Capacity::Digest(30)
    }
    fn deliver<'a>(&'a self, message: &'a Message) -> Later<'a, Result<String, Failure>> {
        Box::pin(async move {
            if self.dead.lock().unwrap().contains(&self.name) {
                return Err(Failure::passing("nobody answers"));
            }
            let what = match &message.occasion {
                Occasion::Letter(Topic::Channels { failing, .. }) if failing.is_empty() => "works again",
                occasion => occasion.name(),
            };
            let device = |notice: &Notice| match notice.what {
                StepKind::Resolved => format!("{}(resolved)", notice.violation.device),
                _ => notice.violation.device.clone(),
            };
            let devices = message.notices.iter().map(device).collect();
            self.told.lock().unwrap().push((self.clock.now(), self.name.clone(), what, devices));
            Ok("taken".to_owned())
        })
    }
}

struct Hospital {
    store: Arc<dyn Store>,
    clock: Arc<StandingClock>,
    config: Config,
    told: Told,
    dead: Arc<Mutex<BTreeSet<String>>>,
    collector: Arc<Collector>,
    outbox: Arc<Outbox>,
    tellers: Vec<Teller>,
}

fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}:00+09:00").parse().unwrap()
}

impl Hospital {
    /// `config`: `[[email]]` recipients, whose mail goes to desks of ours.
    fn open(config: &str, start: &str) -> Self {
        let smtp = "[smtp]\nserver = \"localhost\"\nsecurity = \"none\"\nfrom = \"a@b.example\"\n";
        let config: Config = toml::from_str(&format!("{config}\n{smtp}")).unwrap();
        let clock = Arc::new(StandingClock(Mutex::new(at(start))));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let collector = Arc::new(Collector::open(store.clone(), clock.clone()).unwrap());
        let outbox = Arc::new(Outbox::open(&Config::default()).unwrap());
        let (told, dead) = (Told::default(), Arc::default());
        let mut hospital =
            Hospital { store, clock, config, told, dead, collector, outbox, tellers: Vec::new() };
        let device = |id: &str, department: &str| Device {
            device_id: id.to_owned(),
            department: Some(department.to_owned()),
            group: Some(format!("g-{id}")),
            ..Device::default()
        };
        hospital.keep(Ledger {
            devices: vec![device("SV-01", "医事課"), device("TM-01", "放射線科")],
            ..Ledger::default()
        });
        hospital.restart();
        hospital
    }

    fn keep(&self, ledger: Ledger) {
        let mut batch = Batch::default();
        let version = LedgerVersion {
            number: 1,
            imported_at: self.clock.now(),
            imported_by: "suzuki".to_owned(),
            source: "test".to_owned(),
            note: None,
        };
        batch.put_ledger(&version, &ledger);
        let mut chronicle = crate::chronicle::Chronicle::open(&self.collector.shelves).unwrap();
        let now = self.clock.now();
        crate::applications::bringing::approve_all(&mut batch, &mut chronicle, &ledger, "suzuki", now);
        self.store.commit(batch).unwrap();
        self.collector.set_ledger(ledger);
    }

    /// Everything in memory is gone; the store is not.
    fn restart(&mut self) {
        self.collector = Arc::new(Collector::open(self.store.clone(), self.clock.clone()).unwrap());
        let mut outbox = Outbox::open(&self.config).unwrap();
        let desks = outbox.recipients.iter().map(|recipient| {
            let channel = Desk {
                name: recipient.group.clone(),
                told: self.told.clone(),
                clock: self.clock.clone(),
                dead: self.dead.clone(),
            };
            Arc::new(Recipient {
                name: recipient.name.clone(),
                group: recipient.group.clone(),
                kind: recipient.kind,
                role: recipient.role,
                filter: recipient.filter.clone(),
                times: recipient.times.clone(),
                pace: recipient.pace.clone(),
                channel: Box::new(channel),
            })
        });
        outbox.recipients = desks.collect();
        outbox.chance = || 1.0;
        self.outbox = Arc::new(outbox);
        let teller = |recipient: &Arc<Recipient>| {
            Teller::new(self.collector.clone(), self.outbox.clone(), recipient.clone())
        };
        self.tellers = self.outbox.recipients.iter().map(teller).collect();
    }

    /// Lives until `to`, looking every five minutes.
    async fn until(&mut self, to: &str) {
        let to = at(to);
        loop {
            pass(&self.collector, &self.outbox).await.unwrap();
            for teller in &mut self.tellers {
                while teller.turn().await.unwrap() == Wait::Not {}
            }
            let now = self.clock.now();
            if now >= to {
                return;
            }
            let next = now.checked_add(SignedDuration::from_mins(5)).unwrap();
            *self.clock.0.lock().unwrap() = next.min(to);
        }
    }

    fn set_clock(&self, to: &str) {
        *self.clock.0.lock().unwrap() = to.parse().unwrap();
    }

    fn violate(&self, device: &str, subject: &str, severity: Severity) -> Violation {
        let now = self.clock.now();
        let violation = Violation {
            key: key("08.retired_staff", device, subject),
            rule: "08.retired_staff".to_owned(),
            article: 8,
            device: device.to_owned(),
            subject: subject.to_owned(),
            severity,
            state: State::Open,
            summary: Text::new("退職者のアカウントが有効です", "an account of someone who retired"),
            remedy: Text::new("無効にしてください", "disable it"),
            evidence: Vec::new(),
            first_seen: now,
            last_seen: now,
            kind: Kind::Standing,
            occurred_at: None,
            exception: None,
            closed: None,
            treatment: Default::default(),
        };
        self.put(&violation, StepKind::Opened, true);
        violation
    }

    fn put(&self, violation: &Violation, what: StepKind, told: bool) {
        let shelves = &self.collector.shelves;
        let (mut batch, at) = (Batch::default(), self.clock.now());
        let step = Step {
            at,
            what,
            by: "daicho".to_owned(),
            reason: None,
            summary: violation.summary.clone(),
            evidence: Vec::new(),
        };
        batch.put_step(&violation.key, shelves.history(&violation.key).unwrap().len(), &step);
        batch.put_violation(violation);
        if told {
            let number = shelves.last_notice().unwrap() + 1;
            batch.put_notice(&Notice { number, at, what, violation: violation.clone() });
        }
        shelves.commit(batch).unwrap();
    }

    fn set_state(&self, violation: &Violation, state: State) {
        let what = if state == State::Acknowledged { StepKind::Acknowledged } else { StepKind::Resolved };
        self.put(&Violation { state, ..violation.clone() }, what, false);
    }

    fn maintain(&self, from: &str, until: &str) -> u64 {
        let known = maintenance::windows(&self.collector.shelves).unwrap();
        let wanted = Wanted {
            scope: Scope::Device("SV-01".to_owned()),
            from: Some(at(from)),
            until: at(until),
            reason: "更新".to_owned(),
            by: "suzuki".to_owned(),
        };
        let window =
            maintenance::plan(wanted, &known, &self.collector.ledger(), 14, self.clock.now()).unwrap();
        let mut batch = Batch::default();
        maintenance::put(&mut batch, &window, &known, self.clock.now());
        self.collector.shelves.commit(batch).unwrap();
        window.number
    }

    /// What was told since this was last asked, as `HH:MM name what devices`.
    fn told(&self) -> Vec<String> {
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        let line = |(at, name, what, devices): &(Timestamp, String, &str, Vec<String>)| {
            let at = at.to_zoned(daicho_proto::time::japan()).strftime("%dT%H:%M").to_string();
            format!("{at} {name} {what} {}", devices.join(",")).trim_end().to_owned()
        };
        told.iter().map(line).collect()
    }
}

#[tokio::test]
async fn outside_of_the_hours_news_waits_and_what_is_high_does_not() {
    let config =
        "[[email]]\nname = \"office\"\nto = [\"a@b.example\"]\ntimes = { hours = \"mon-fri 08:30-17:15\" }";
    let mut hospital = Hospital::open(config, "20T16:00");
    hospital.until("20T20:00").await;
    hospital.violate("SV-01", "tanaka", Severity::Medium);
    hospital.until("20T22:00").await;
    hospital.violate("TM-01", "sato", Severity::High);
    hospital.until("21T03:00").await;
    hospital.restart();
    hospital.until("24T00:00").await;
    // The 21st is a Saturday; the 23rd is a holiday, but this hospital has not said so. What broke through is not told again.
    assert_eq!(hospital.told(), ["20T22:05 office news TM-01", "23T08:30 office news SV-01"]);
}

#[tokio::test]
async fn a_holiday_is_no_working_day_and_the_officer_on_duty_has_the_other_hours() {
    let config = r#"
        holidays = ["2026-11-23"]
        [[email]]
        name = "office"
        to = ["a@b.example"]
        times = { hours = "mon-fri 08:30-17:15", outside = "skip" }
        [[email]]
        name = "duty"
        to = ["c@b.example"]
        times = { hours = "not mon-fri 08:30-17:15", outside = "skip" }
    "#;
    let mut hospital = Hospital::open(config, "23T08:00");
    for (time, device) in [("23T10:00", "SV-01"), ("24T10:00", "TM-01"), ("24T17:15", "SV-01")] {
        hospital.until(time).await;
        hospital.violate(device, time, Severity::High);
    }
    hospital.until("26T00:00").await;
    let told = hospital.told();
    assert_eq!(told, ["23T10:05 duty news SV-01", "24T10:05 office news TM-01", "24T17:20 duty news SV-01"]);
}

#[tokio::test]
async fn a_digest_comes_once_a_day_and_says_everything_once() {
    let config = r#"
        [[email]]
        name = "digest"
        to = ["a@b.example"]
        times = { digest = "daily 08:30", urgent = false }
        [[email]]
        name = "weekly"
        to = ["c@b.example"]
        times = { digest = "weekly mon 08:30" }
    "#;
    let mut hospital = Hospital::open(config, "18T08:00");
    hospital.until("18T09:00").await;
    hospital.violate("SV-01", "a", Severity::Medium);
    hospital.until("18T15:00").await;
    hospital.violate("TM-01", "b", Severity::High);
    hospital.until("19T08:25").await;
    hospital.restart();
    hospital.until("24T00:00").await;
    let told = hospital.told();
    let expected =
        ["18T15:05 weekly news TM-01", "19T08:30 digest news TM-01,SV-01", "23T08:30 weekly news SV-01"];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_digest_tells_each_violation_once_and_as_over_what_is_over() {
    let config = "[[email]]\nname = \"office\"\nto = [\"a@b.example\"]\ntimes = { digest = \"daily 08:30\" }";
    let mut hospital = Hospital::open(config, "18T08:00");
    hospital.until("18T09:00").await;
    let mended = hospital.violate("SV-01", "a", Severity::Medium);
    let again = hospital.violate("TM-01", "b", Severity::Medium);
    let resolved = |violation: &Violation| Violation { state: State::Resolved, ..violation.clone() };
    hospital.put(&resolved(&mended), StepKind::Resolved, true);
    hospital.put(&resolved(&again), StepKind::Resolved, true);
    hospital.put(&again, StepKind::Reopened, true);
    hospital.until("20T00:00").await;
    assert_eq!(hospital.told(), ["19T08:30 office news SV-01(resolved),TM-01"]);
}

#[tokio::test]
async fn a_head_of_section_is_told_of_the_own_section_alone() {
    let config = r#"
        [[email]]
        name = "head"
        to = ["a@b.example"]
        role = "section_head"
        section = "放射線科"
        tell = { devices = ["SV-01"] }
        [[email]]
        name = "xray"
        to = ["c@b.example"]
        role = "section_head"
        section = "放射線科"
        [[email]]
        name = "list"
        to = ["d@b.example"]
        tell = { sections = ["医事課"] }
    "#;
    let mut hospital = Hospital::open(config, "18T08:00");
    hospital.until("18T09:00").await;
    for device in ["SV-01", "TM-01", "PC-99"] {
        hospital.violate(device, "a", Severity::High);
    }
    hospital.until("18T10:00").await;
    let mut told = hospital.told();
    told.sort();
    assert_eq!(told, ["18T09:05 list news SV-01", "18T09:05 xray news TM-01"]);
}

const ESCALATION: &str = r#"
    [[email]]
    name = "department"
    to = ["a@b.example"]
    role = "department"
    [[email]]
    name = "officer"
    to = ["c@b.example"]
    role = "officer"
    tell = { articles = [99] }
    [[escalation]]
    after_hours = 4
    to = ["officer"]
    [[escalation]]
    after_hours = 24
    severity_min = "medium"
    to = ["officer", "department"]
"#;

#[tokio::test]
async fn what_nobody_acknowledged_is_told_to_the_next_once_for_each_step() {
    let mut hospital = Hospital::open(ESCALATION, "18T08:00");
    hospital.until("18T09:00").await;
    let heeded = hospital.violate("SV-01", "a", Severity::High);
    hospital.violate("TM-01", "b", Severity::High);
    hospital.violate("SV-01", "c", Severity::Medium);
    hospital.until("18T12:00").await;
    hospital.set_state(&heeded, State::Acknowledged);
    hospital.until("18T13:05").await;
    hospital.restart();
    hospital.until("21T00:00").await;
    let told = hospital.told();
    let expected = [
        "18T09:05 department news TM-01,SV-01,SV-01",
        "18T13:00 officer escalation TM-01",
        "19T09:00 department escalation TM-01,SV-01",
        "19T09:00 officer escalation TM-01,SV-01",
    ];
    let sorted = |lines: &[String]| {
        let mut lines = lines.to_vec();
        lines.sort();
        lines
    };
    let told: Vec<String> =
        told.iter().map(|line| line.replace("SV-01,TM-01,SV-01", "TM-01,SV-01,SV-01")).collect();
    let mended: Vec<String> = told
        .iter()
        .map(|line| {
            line.replace("SV-01,SV-01,TM-01", "TM-01,SV-01,SV-01").replace("SV-01,TM-01", "TM-01,SV-01")
        })
        .collect();
    assert_eq!(sorted(&mended), expected.map(str::to_owned).to_vec());
}

#[tokio::test]
async fn a_clock_that_leaps_makes_one_letter_and_one_that_is_set_back_none() {
    let config = format!(
        "{ESCALATION}\n[reminders]\nat = \"daily 09:00\"\n[[email]]\nname = \"word\"\nto = [\"w@b.example\"]\n\
         tell = {{ articles = [99] }}\ntimes = {{ daily_word = \"daily 08:30\" }}"
    );
    let mut hospital = Hospital::open(&config, "18T08:00");
    hospital.until("18T09:00").await;
    hospital.told();
    for number in 0..500 {
        hospital.violate("SV-01", &format!("user{number}"), Severity::High);
    }
    hospital.until("18T09:30").await;
    assert_eq!(hospital.told().len(), 1);
    hospital.set_clock("2027-11-18T09:30:00+09:00");
    for _ in 0..3 {
        pass(&hospital.collector, &hospital.outbox).await.unwrap();
        for teller in &mut hospital.tellers {
            while teller.turn().await.unwrap() == Wait::Not {}
        }
    }
    let told = hospital.told();
    let count = |what: &str| told.iter().filter(|line| line.contains(what)).count();
    // Two steps for the officer, one of them for the department as well.
    assert_eq!(
        (count("escalation"), count("daily_word"), count("reminder"), told.len()),
        (3, 1, 1, 5),
        "{told:?}"
    );
    hospital.set_clock("2026-11-18T10:00:00+09:00");
    hospital.until("18T23:00").await;
    assert_eq!(hospital.told(), Vec::<String>::new());
    hospital.until("19T12:00").await;
    let told = hospital.told();
    assert!(told.iter().any(|line| line.starts_with("19T08:30 word daily_word")), "{told:?}");
}

#[tokio::test]
async fn during_maintenance_alerts_wait_and_what_is_still_open_is_told_after_it() {
    let mut hospital = Hospital::open(ESCALATION, "18T08:00");
    hospital.until("18T09:00").await;
    hospital.maintain("18T09:00", "18T20:00");
    hospital.until("18T10:00").await;
    let mended = hospital.violate("SV-01", "a", Severity::High);
    hospital.violate("SV-01", "b", Severity::High);
    hospital.violate("TM-01", "c", Severity::High);
    hospital.until("18T13:00").await;
    hospital.set_state(&mended, State::Resolved);
    hospital.restart();
    hospital.until("19T00:05").await;
    let told = hospital.told();
    let expected = [
        "18T10:05 department news TM-01",
        "18T14:00 officer escalation TM-01",
        "18T20:00 department maintenance_over SV-01",
        // Nobody could acknowledge what was not told: the hours count from the end of the maintenance on.
        "19T00:00 officer escalation SV-01",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn one_window_within_another_tells_once_after_the_longer_one() {
    let mut hospital = Hospital::open(ESCALATION, "18T08:00");
    hospital.until("18T09:00").await;
    hospital.maintain("18T09:00", "18T12:00");
    hospital.maintain("18T11:00", "18T15:00");
    hospital.violate("SV-01", "b", Severity::Medium);
    hospital.until("18T16:00").await;
    hospital.maintain("18T16:00", "18T17:00");
    hospital.until("18T18:00").await;
    assert_eq!(hospital.told(), ["18T15:00 department maintenance_over SV-01"]);
}

#[tokio::test]
async fn what_is_still_open_is_told_again_after_the_days_of_its_severity() {
    let config = "[reminders]\nat = \"daily 09:00\"\nhigh_days = 1\nmedium_days = 3\nlow_days = 0\n\
                  [[email]]\nname = \"office\"\nto = [\"a@b.example\"]";
    let mut hospital = Hospital::open(config, "16T08:00");
    hospital.until("16T09:00").await;
    hospital.violate("SV-01", "a", Severity::High);
    hospital.violate("TM-01", "b", Severity::Medium);
    hospital.violate("TM-01", "c", Severity::Low);
    hospital.until("17T12:00").await;
    hospital.restart();
    hospital.until("20T00:00").await;
    let told = hospital.told();
    let expected = [
        "16T09:05 office news SV-01,TM-01,TM-01",
        "17T09:00 office reminder SV-01",
        "18T09:00 office reminder SV-01",
        "19T09:00 office reminder SV-01,TM-01",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_channel_that_fails_is_told_over_the_others_once_and_once_when_it_works() {
    let config = r#"
        [[email]]
        name = "office"
        to = ["a@b.example"]
        [[email]]
        name = "officer"
        to = ["c@b.example"]
    "#;
    let mut hospital = Hospital::open(config, "18T08:00");
    hospital.until("18T09:00").await;
    hospital.dead.lock().unwrap().insert("office".to_owned());
    hospital.violate("SV-01", "a", Severity::High);
    hospital.until("18T12:00").await;
    let failing = failing_channels(&hospital.collector).unwrap();
    assert_eq!(failing[0].recipient, "office/a@b.example");
    hospital.restart();
    hospital.until("19T12:00").await;
    assert_eq!(hospital.told(), ["18T09:05 officer news SV-01", "18T09:20 officer channels"]);
    hospital.dead.lock().unwrap().clear();
    hospital.until("19T14:00").await;
    let told = hospital.told();
    let whats: Vec<&str> =
        told.iter().filter_map(|line| line.split_once(' ').map(|(_, what)| what)).collect();
    assert_eq!(whats, ["office news SV-01", "office works again", "officer works again"]);
    assert!(failing_channels(&hospital.collector).unwrap().is_empty());
}

#[tokio::test]
async fn a_daily_word_comes_each_day_and_an_old_one_gives_way_to_a_new_one() {
    let config =
        "[[email]]\nname = \"office\"\nto = [\"a@b.example\"]\ntimes = { daily_word = \"daily 08:30\" }";
    let mut hospital = Hospital::open(config, "18T08:00");
    hospital.until("19T09:00").await;
    assert_eq!(hospital.told(), ["18T08:30 office daily_word", "19T08:30 office daily_word"]);
    hospital.dead.lock().unwrap().insert("office".to_owned());
    hospital.until("23T09:00").await;
    hospital.dead.lock().unwrap().clear();
    hospital.until("23T23:00").await;
    let told = hospital.told();
    assert_eq!(told.iter().filter(|line| line.ends_with("daily_word")).count(), 1, "{told:?}");
    hospital.restart();
    hospital.until("24T09:00").await;
    assert_eq!(hospital.told(), ["24T08:30 office daily_word"]);
}

#[tokio::test]
async fn what_ends_soon_is_told_twice() {
    let config = "[reminders]\nat = \"daily 09:00\"\n[[email]]\nname = \"office\"\nto = [\"a@b.example\"]\n\
                  [[email]]\nname = \"head\"\nto = [\"h@b.example\"]\nrole = \"section_head\"\nsection = \"医事課\"";
    let mut hospital = Hospital::open(config, "01T08:00");
    let mut ledger = Ledger::clone(&hospital.collector.ledger());
    let exception = |device: &str| Exception {
        rule: "09.unsupported_os".to_owned(),
        device: Scope::Device(device.to_owned()),
        subject: "*".to_owned(),
        expires_on: jiff::civil::Date::constant(2026, 11, 20),
        ..Exception::default()
    };
    ledger.exceptions = vec![exception("TM-01")];
    hospital.keep(ledger.clone());
    hospital.until("22T00:00").await;
    assert_eq!(hospital.told(), ["07T09:00 office ending", "18T09:00 office ending"]);
    ledger.exceptions =
        vec![Exception { expires_on: jiff::civil::Date::constant(2026, 11, 30), ..exception("SV-01") }];
    hospital.keep(ledger);
    hospital.restart();
    hospital.until("23T00:00").await;
    assert_eq!(hospital.told(), ["22T09:00 office ending", "22T09:00 head ending"]);
    let mut promised = hospital.violate("TM-01", "a", Severity::Low);
    promised.treatment.correction = Some(Correction {
        due_on: jiff::civil::Date::constant(2026, 11, 25),
        who: "情報係".to_owned(),
        note: None,
        by: "suzuki".to_owned(),
        at: hospital.clock.now(),
        overdue: false,
    });
    hospital.put(&promised, StepKind::Acknowledged, false);
    hospital.until("24T00:00").await;
    assert!(hospital.told().contains(&"23T09:00 office ending".to_owned()));
}
