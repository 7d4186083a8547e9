//! Whole lives by chance: looks at a machine, ledgers, exceptions, people's words and days in any order. After each of
//! them the violations are as a model says, which is written apart from the rules' own code; at the end they are as
//! judging from scratch has them, and the log verifies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::{Account, Fact, Host, Look, Medium, MediumAction, MediumEvent, MediumKind};
use daicho_proto::observation::Observation;
use daicho_proto::time::japanese_date;
use daicho_rules::articles;
use daicho_rules::evidence::Evidence;
use daicho_rules::ledger::{ApprovedAccount, ApprovedMedium, Device, Exception, Ledger};
use daicho_rules::record::EndpointRecord;
use daicho_rules::rule::Proof;
use daicho_rules::violation::{State, Violation, key, reconcile};
use jiff::{Timestamp, ToSpan};

use super::extract::Extracts;
use super::judging;
use super::links::Links;
use crate::Collector;
use crate::bookkeeping::importing::{self, Entry};
use crate::chronicle::{Chronicle, What, verifying};
use crate::clock::Clock;
use crate::identity::{Operator, Role};
use crate::queries::decisions;
use crate::shelves::{EndpointRow, OperatorRow};
use crate::store::{Batch, memory::MemoryStore};

mod independent;
mod model;
mod tampering;

use model::{Model, Said};

/// Numbers without chance: xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016).
struct Dice(u64);

impl Dice {
    /// Seeds of neighbours are to have nothing in common.
    fn of(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..4 {
            dice.below(2);
        }
        dice
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }
}

struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

const DEVICE: &str = "SV-01";
const ACCOUNTS: &str = "08.unlisted_account";
const MEDIA: &str = "11.unapproved_use";
const STICK: &str = "0781:5581:AA01";
/// (rule, subject) of the violations that are followed.
const SUBJECTS: [(&str, &str); 3] = [(ACCOUNTS, "tanaka"), (ACCOUNTS, "suzuki"), (MEDIA, STICK)];

/// What the machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Absent,
    Plain,
    Privileged,
}

struct World {
    collector: Arc<Collector>,
    clock: Arc<SetClock>,
    endpoint: EndpointId,
    record: EndpointRecord,
    accounts: [Seen; 2],
    readable: bool,
    uses: Vec<Timestamp>,
    ledger: Ledger,
    sequence: u64,
    models: Vec<Model>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(SetClock(AtomicI64::new(1_795_000_000)));
        let store = Arc::new(MemoryStore::default());
        let collector = Arc::new(Collector::open(store, Arc::clone(&clock) as _).unwrap());
        let now = clock.now();
        let endpoint = EndpointId(uuid::Uuid::from_u128(7));
        let row = EndpointRow {
            certificates: vec!["01".to_owned()],
            device: Some(DEVICE.to_owned()),
            ..EndpointRow::joined(endpoint, "sv01", now)
        };
        let mut batch = Batch::default();
        batch.put_endpoint(&row);
        let suzuki = OperatorRow {
            name: "suzuki".to_owned(),
            certificates: vec!["02".to_owned()],
            not_after: now,
            newest_root: None,
            revoked_at: None,
            roles: crate::identity::roles::of_one_person(),
            section: None,
        };
        batch.put_operator(&suzuki);
        let mut chronicle = Chronicle::open(&collector.shelves).unwrap();
        chronicle.append(&mut batch, now, "daicho", What::of_endpoint(&row));
        chronicle.append(&mut batch, now, "daicho", What::of_operator(&suzuki));
        collector.shelves.commit(batch).unwrap();
        World {
            collector,
            clock,
            endpoint,
            record: EndpointRecord::default(),
            accounts: [Seen::Absent; 2],
            readable: true,
            uses: Vec::new(),
            ledger: Ledger::default(),
            sequence: 0,
            models: vec![Model::default(); SUBJECTS.len()],
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn fold(&mut self, fact: Fact) {
        self.sequence += 1;
        let observed_at = self.now();
        let observation = Observation { sequence: self.sequence, observed_at, fact };
        self.record.fold(self.endpoint, 1, observation, observed_at, None);
    }

    fn look(&mut self) {
        let host = Host { hostname: Some("sv01".to_owned()), ..Host::default() };
        self.fold(Fact::Host(Look::complete(host)));
        let account = |name: &str, seen: Seen| Account {
            name: name.to_owned(),
            enabled: Some(true),
            interactive: Some(true),
            privileged: Some(seen == Seen::Privileged),
            ..Account::default()
        };
        let all = ["tanaka", "suzuki"].into_iter().zip(self.accounts);
        let all = all.filter(|(_, seen)| *seen != Seen::Absent).map(|(name, seen)| account(name, seen));
        let look = if self.readable {
            Look::complete(all.collect())
        } else {
            Look::Unreadable { problems: vec!["cut off".to_owned()] }
        };
        self.fold(Fact::Accounts(look));
        self.fold(Fact::Media(Look::complete(Vec::new())));
    }

    fn plug_in(&mut self) {
        let medium = Medium {
            vendor_id: Some("0781".to_owned()),
            product_id: Some("5581".to_owned()),
            serial: Some("AA01".to_owned()),
            kind: MediumKind::Storage,
            ..Medium::default()
        };
        for action in [MediumAction::Arrived, MediumAction::Left] {
            self.fold(Fact::MediumEvent(MediumEvent { action, medium: medium.clone() }));
        }
        let now = self.now();
        self.uses.push(now);
    }

    /// Writes what is known of the machine, judges it, and has the model do the same.
    fn judge(&mut self) {
        let mut batch = Batch::default();
        let part = |name: &str| format!("record/{}/{name}", self.endpoint);
        batch.put_json(&part("host"), &self.record.host);
        batch.put_json(&part("accounts"), &self.record.accounts);
        batch.put_json(&part("media"), &self.record.media);
        batch.put_json(&part("sightings"), &self.record.sightings);
        batch.put_json(&part("last_heard"), &self.record.last_heard);
        self.collector.shelves.commit(batch).unwrap();
        let links = Links::make(&self.collector).unwrap();
        let jobs = judging::all_jobs(&self.collector, &links).unwrap();
        let extracts = Extracts::of(self.collector.ledger_in_force());
        judging::judge(&self.collector, &extracts, &jobs).unwrap();
        let today = japanese_date(self.now());
        for (index, (rule, subject)) in SUBJECTS.into_iter().enumerate() {
            let said = self.said(index);
            let row = self.ledger.exceptions.iter().find(|row| row.rule == rule && row.subject == subject);
            self.models[index].judge(said, row, today);
        }
    }

    /// What the machine and the ledger say of a subject, by the words of the regulation.
    fn said(&self, index: usize) -> Said {
        if index == 2 {
            let approved = !self.ledger.media.is_empty();
            return match self.uses.last() {
                None => Said::Right,
                Some(_) if approved => Said::Right,
                Some(at) => Said::Wrong { grave: true, occurred: Some(*at) },
            };
        }
        let name = SUBJECTS[index].1;
        let listed = self.ledger.accounts.iter().any(|row| row.account == name);
        match (self.readable, self.accounts[index]) {
            (false, _) => Said::Unknown,
            (true, Seen::Absent) => Said::Right,
            (true, _) if listed => Said::Right,
            (true, seen) => Said::Wrong { grave: seen == Seen::Privileged, occurred: None },
        }
    }

    async fn import(&mut self, dice: &mut Dice) {
        let device = Device {
            device_id: DEVICE.to_owned(),
            hostname: Some("sv01".to_owned()),
            department: Some("放射線科".to_owned()),
            ..Device::default()
        };
        let mut ledger = Ledger { devices: vec![device], ..Ledger::default() };
        let today = japanese_date(self.now());
        for (rule, subject) in SUBJECTS {
            if rule == ACCOUNTS && dice.below(3) == 0 {
                let account = subject.to_owned();
                ledger.accounts.push(ApprovedAccount { account, ..ApprovedAccount::default() });
            }
            if dice.below(3) == 0 {
                ledger.exceptions.push(Exception {
                    rule: rule.to_owned(),
                    subject: subject.to_owned(),
                    reason: ["更新まで", "業者の保守"][usize::from(dice.below(2) == 0)].to_owned(),
                    approved_by: "事務長".to_owned(),
                    expires_on: today.saturating_add(i64::try_from(dice.below(5)).unwrap().days()),
                    ..Exception::default()
                });
            }
        }
        if dice.below(4) == 0 {
            ledger.media.push(ApprovedMedium {
                media_id: "USB-1".to_owned(),
                vendor_id: Some("0781".to_owned()),
                product_id: Some("5581".to_owned()),
                serial: Some("AA01".to_owned()),
                approved_by: Some("事務長".to_owned()),
                ..ApprovedMedium::default()
            });
        }
        let entry = Entry { operator: "suzuki".to_owned(), ..Entry::default() };
        importing::adopt(&self.collector, ledger.clone(), entry).await.unwrap();
        self.ledger = ledger;
    }

    /// A person says something to one of the violations; the model says whether it is heard.
    async fn say(&mut self, dice: &mut Dice) {
        let index = usize::try_from(dice.below(3)).unwrap();
        let (rule, subject) = SUBJECTS[index];
        let (name, now) = (key(rule, DEVICE, subject), self.now());
        let officer = Operator {
            name: "jimucho".to_owned(),
            roles: [Role::Officer].into_iter().collect(),
            section: None,
        };
        let model = &mut self.models[index];
        let (heard, expected) = match dice.below(4) {
            0 => {
                let done = decisions::close(&self.collector, &name, "suzuki", "確認した").await;
                (done.is_ok(), model.close(rule == MEDIA))
            }
            1 => {
                let done = decisions::acknowledge(&self.collector, &name, "suzuki", "").await;
                (done.is_ok(), model.acknowledge())
            }
            2 => {
                let done = decisions::consult(&self.collector, &name, &officer, "続けてよい").await;
                (done.is_ok(), model.consult())
            }
            _ => {
                let day =
                    japanese_date(now).saturating_add((i64::try_from(dice.below(4)).unwrap() - 1).days());
                let said = (day, "業者", None);
                let done = decisions::correct_by(&self.collector, &name, "suzuki", said).await;
                (done.is_ok(), model.correct_by(day, japanese_date(now)))
            }
        };
        assert_eq!(heard, expected, "{name}: {:?}", self.models[index]);
    }

    async fn step(&mut self, dice: &mut Dice) {
        match dice.below(8) {
            0..=2 => {
                let which = usize::from(dice.below(2) == 0);
                self.accounts[which] =
                    [Seen::Absent, Seen::Plain, Seen::Privileged][usize::try_from(dice.below(3)).unwrap()];
                self.readable = dice.below(4) > 0;
                self.look();
            }
            3 => self.plug_in(),
            4 => self.import(dice).await,
            _ => self.say(dice).await,
        }
        self.judge();
        self.check();
        self.clock.0.fetch_add(1 + i64::try_from(dice.below(30 * 3_600)).unwrap(), Ordering::Relaxed);
    }

    fn violation(&self, index: usize) -> Option<Violation> {
        let (rule, subject) = SUBJECTS[index];
        self.collector.shelves.violation(&key(rule, DEVICE, subject)).unwrap()
    }

    fn check(&self) {
        for (index, model) in self.models.iter().enumerate() {
            let kept = self.violation(index);
            model.check(kept.as_ref());
        }
    }

    /// What is unresolved is what a judgement that knows nothing of the past finds, as far as the machine can be read.
    fn check_from_scratch(&self) {
        let record = self.collector.shelves.record(self.endpoint).unwrap();
        let ledger = self.collector.ledger();
        let evidence = Evidence {
            record: Some(&record),
            device: ledger.devices.first(),
            ledger: &ledger,
            now: self.now(),
            surroundings: daicho_rules::linking::Surroundings::ALONE,
        };
        if evidence.device.is_none() || !self.readable {
            return;
        }
        let fresh = reconcile(&[], DEVICE, &articles::judge(&evidence), &evidence);
        let of = |rule: &str, all: Vec<Violation>| -> BTreeMap<String, Violation> {
            let open = all.into_iter().filter(|one| one.rule == rule && one.state != State::Resolved);
            open.map(|one| (one.key.clone(), one)).collect()
        };
        let fresh = of(ACCOUNTS, fresh.into_iter().map(|change| change.violation).collect());
        let kept = of(ACCOUNTS, self.collector.shelves.violations_of(DEVICE).unwrap());
        assert_eq!(kept.keys().collect::<Vec<_>>(), fresh.keys().collect::<Vec<_>>());
        // That something is still so is written once an hour: its time may be of an hour ago.
        let untimed = |violation: &Violation| -> Vec<Proof> {
            let evidence = violation.evidence.iter().cloned();
            evidence.map(|proof| Proof { observed_at: None, ..proof }).collect()
        };
        for (key, kept) in &kept {
            let fresh = &fresh[key];
            assert_eq!((kept.severity, untimed(kept)), (fresh.severity, untimed(fresh)), "{key}");
        }
    }

    fn check_log(&self) {
        let verdict = verifying::of_store(&self.collector.shelves, &[]).unwrap().unwrap();
        assert!(verdict.is_sound(), "{:#?}", verdict.breaks);
        let kept = self.collector.shelves.violations().unwrap().len();
        assert_eq!(verdict.compared.unwrap().violations, kept);
    }
}

async fn live(seed: u64, steps: u64) -> World {
    let (mut dice, mut world) = (Dice::of(seed), World::new());
    world.import(&mut dice).await;
    world.look();
    world.judge();
    for _ in 0..steps {
        world.step(&mut dice).await;
    }
    world
}

/// Lives in one run of the tests; `DAICHO_LIVES` asks for more, `DAICHO_SEED` for a single one.
const LIVES: u64 = 1_000;

#[test]
fn any_life_ends_as_the_model_and_as_judging_from_scratch_say_and_its_log_verifies() {
    let asked = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match asked("DAICHO_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=asked("DAICHO_LIVES").unwrap_or(LIVES),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut steps, mut kinds) = (0, BTreeMap::new());
    for seed in seeds.clone() {
        let told = std::panic::catch_unwind(|| {
            runtime.block_on(async {
                let world = live(seed, 4 + seed % 16).await;
                world.check_from_scratch();
                world.check_log();
                world
            })
        });
        let Ok(world) = told else { panic!("seed {seed}: replay it with DAICHO_SEED={seed}") };
        for (rule, subject) in SUBJECTS {
            let history = world.collector.shelves.history(&key(rule, DEVICE, subject)).unwrap();
            steps += history.len();
            for step in history {
                *kinds.entry(format!("{:?}", step.what)).or_insert(0) += 1;
            }
        }
    }
    println!("lives of seeds {seeds:?}: {steps} steps, {kinds:?}");
    if seeds.clone().count() > 100 {
        assert_eq!(kinds.len(), 11, "some step was never taken: {kinds:?}");
    }
}
