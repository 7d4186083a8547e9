//! Evaluation over a store in memory: a server with an account that the ledger does not know.

use std::sync::atomic::{AtomicI64, Ordering};

use daicho_proto::facts::{Account, Fact, Host, Look};
use daicho_proto::observation::Observation;
use daicho_proto::wire;
use daicho_rules::articles;
use daicho_rules::ledger::{ApprovedAccount, Device, Ledger};
use daicho_rules::rule::Verdict;
use daicho_rules::violation::State;

use super::*;
use crate::clock::Clock;
use crate::queries::status;
use crate::shelves::EndpointRow;
use crate::store::memory::MemoryStore;

mod carried;
mod neighbours;

/// The device of which a rule gives up.
pub(super) const GIVES_UP: &str = "GIVES-UP";

struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

struct World {
    collector: Arc<Collector>,
    clock: Arc<SetClock>,
    evaluator: Evaluator,
    sequence: BTreeSet<(EndpointId, u64)>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(SetClock(AtomicI64::new(1_795_000_000)));
        let store = Arc::new(MemoryStore::default());
        let collector = Arc::new(Collector::open(store, Arc::clone(&clock) as _).unwrap());
        let evaluator = Evaluator::new(Arc::clone(&collector), watch::channel(false).1);
        World { collector, clock, evaluator, sequence: BTreeSet::new() }
    }

    fn later(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn enrol(&self, hostname: &str) -> EndpointId {
        let now = self.collector.clock.now();
        let row = EndpointRow {
            certificates: vec!["01".to_owned()],
            ..EndpointRow::joined(EndpointId(uuid::Uuid::new_v4()), hostname, now)
        };
        let mut batch = Batch::default();
        batch.put_endpoint(&row);
        self.collector.shelves.commit(batch).unwrap();
        row.id
    }

    async fn report(&mut self, endpoint: EndpointId, hostname: &str, accounts: &[&str]) {
        let host = Host { hostname: Some(hostname.to_owned()), ..Host::default() };
        self.report_host(endpoint, host, accounts).await;
    }

    async fn report_host(&mut self, endpoint: EndpointId, host: Host, accounts: &[&str]) {
        let now = self.collector.clock.now();
        let account = |name: &&str| Account {
            name: (*name).to_owned(),
            enabled: Some(true),
            interactive: Some(true),
            ..Account::default()
        };
        let facts = [
            Fact::Host(Look::complete(host)),
            Fact::Accounts(Look::complete(accounts.iter().map(account).collect())),
        ];
        let before = self.sequence.iter().filter(|(of, _)| *of == endpoint).count() as u64;
        let observations = facts.into_iter().zip(before + 1..).map(|(fact, sequence)| {
            self.sequence.insert((endpoint, sequence));
            wire::Observation::from(Observation { sequence, observed_at: now, fact })
        });
        let observations = observations.collect();
        let report = wire::ReportRequest {
            incarnation: 1,
            observations,
            agent_time_us: 0,
            agent_version: "0.1.0".to_owned(),
            ..Default::default()
        };
        crate::intake::take(&self.collector, endpoint, report).await.unwrap();
        assert!(self.evaluator.work(false).await);
    }

    async fn import(&mut self, ledger: Ledger) {
        self.collector.set_ledger(ledger);
        self.collector.nudge_all();
        assert!(self.evaluator.work(false).await);
    }

    fn state(&self, rule: &str, device: &str, subject: &str) -> Option<State> {
        let key = daicho_rules::violation::key(rule, device, subject);
        self.collector.shelves.violation(&key).unwrap().map(|violation| violation.state)
    }
}

fn ledger(devices: &[&str], accounts: &[&str]) -> Ledger {
    let device = |id: &&str| Device {
        device_id: (*id).to_owned(),
        hostname: Some(format!("host-{}", id.to_lowercase())),
        ..Device::default()
    };
    let account = |name: &&str| ApprovedAccount { account: (*name).to_owned(), ..ApprovedAccount::default() };
    Ledger {
        devices: devices.iter().map(device).collect(),
        accounts: accounts.iter().map(account).collect(),
        ..Ledger::default()
    }
}

#[tokio::test]
async fn an_unlisted_account_opens_and_resolves_with_a_notice_each() {
    let mut world = World::new();
    let endpoint = world.enrol("host-sv-01");
    world.import(ledger(&["SV-01"], &["tanaka"])).await;
    world.report(endpoint, "host-sv-01", &["tanaka", "ghost"]).await;
    assert_eq!(world.state("08.unlisted_account", "SV-01", "ghost"), Some(State::Open));
    assert_eq!(world.state("08.unlisted_account", "SV-01", "tanaka"), None);
    let opened = world.collector.shelves.last_notice().unwrap();
    world.report(endpoint, "host-sv-01", &["tanaka", "ghost"]).await;
    assert_eq!(world.collector.shelves.last_notice().unwrap(), opened, "judging twice changes nothing");
    world.report(endpoint, "host-sv-01", &["tanaka"]).await;
    assert_eq!(world.state("08.unlisted_account", "SV-01", "ghost"), Some(State::Resolved));
    assert_eq!(world.collector.shelves.last_notice().unwrap(), opened + 1);
    let verdicts = world.collector.shelves.verdicts_of("SV-01").unwrap().unwrap();
    assert_eq!(verdicts.endpoints, [endpoint]);
    assert_eq!(verdicts.rules.len(), articles_count());
}

fn articles_count() -> usize {
    articles::RULES.len()
}

#[tokio::test]
async fn a_machine_that_becomes_listed_leaves_nothing_under_its_old_name() {
    let mut world = World::new();
    let endpoint = world.enrol("host-sv-01");
    world.report(endpoint, "host-sv-01", &["ghost"]).await;
    assert_eq!(world.state("04.unlisted_device", "host-sv-01", "host-sv-01"), Some(State::Open));
    assert_eq!(world.state("08.unlisted_account", "host-sv-01", "ghost"), Some(State::Open));
    world.import(ledger(&["SV-01"], &[])).await;
    assert_eq!(world.state("04.unlisted_device", "host-sv-01", "host-sv-01"), Some(State::Resolved));
    assert_eq!(world.state("08.unlisted_account", "host-sv-01", "ghost"), Some(State::Resolved));
    assert_eq!(world.state("08.unlisted_account", "SV-01", "ghost"), Some(State::Open));
    assert!(world.collector.shelves.verdicts_of("host-sv-01").unwrap().is_none());
}

#[tokio::test]
async fn a_listed_device_without_endpoint_is_judged_too() {
    let mut world = World::new();
    world.import(ledger(&["SV-01"], &[])).await;
    let verdicts = world.collector.shelves.verdicts_of("SV-01").unwrap().unwrap();
    assert!(verdicts.endpoints.is_empty());
    let satisfied = |verdict: &&crate::shelves::RuleVerdict| verdict.verdict == Verdict::Satisfied;
    let names: Vec<&str> =
        verdicts.rules.iter().filter(satisfied).map(|verdict| verdict.rule.as_str()).collect();
    assert!(!names.iter().any(|name| name.starts_with("08.")), "silence is not compliance: {names:?}");
}

#[tokio::test]
async fn two_machines_under_one_name_are_both_judged() {
    let mut world = World::new();
    world.import(ledger(&["SV-01"], &["tanaka"])).await;
    let (one, other) = (world.enrol("host-sv-01"), world.enrol("host-sv-01"));
    world.report(one, "host-sv-01", &["ghost"]).await;
    world.later(60);
    world.report(other, "host-sv-01", &["tanaka"]).await;
    assert_eq!(world.state("08.unlisted_account", "SV-01", "ghost"), Some(State::Open));
}

#[tokio::test]
async fn a_machine_that_was_set_up_again_replaces_its_old_identity() {
    let mut world = World::new();
    world.import(ledger(&["SV-01"], &["tanaka"])).await;
    let old = world.enrol("host-sv-01");
    world.report(old, "host-sv-01", &["ghost"]).await;
    world.later(60);
    let new = world.enrol("host-sv-01");
    world.report(new, "host-sv-01", &["tanaka"]).await;
    assert_eq!(world.state("08.unlisted_account", "SV-01", "ghost"), Some(State::Resolved));
    assert_eq!(world.collector.shelves.verdicts_of("SV-01").unwrap().unwrap().endpoints, [new]);
}

#[tokio::test]
async fn a_revoked_endpoint_speaks_for_nothing() {
    let mut world = World::new();
    let endpoint = world.enrol("host-sv-01");
    world.report(endpoint, "host-sv-01", &["ghost"]).await;
    let mut row = world.collector.shelves.endpoint(endpoint).unwrap().unwrap();
    row.revoked_at = Some(world.collector.clock.now());
    let mut batch = Batch::default();
    batch.put_endpoint(&row);
    world.collector.shelves.commit(batch).unwrap();
    world.collector.nudge(endpoint);
    assert!(world.evaluator.work(false).await);
    assert_eq!(world.state("08.unlisted_account", "host-sv-01", "ghost"), Some(State::Resolved));
    assert!(world.collector.shelves.verdicts_of("host-sv-01").unwrap().is_none());
}

#[tokio::test]
async fn a_report_that_changes_no_verdict_is_seen_to_be_judged() {
    let mut world = World::new();
    let endpoint = world.enrol("sv-01");
    world.report(endpoint, "sv-01", &[]).await;
    world.later(1);
    world.report(endpoint, "sv-01", &[]).await;
    let heard = world.collector.shelves.record(endpoint).unwrap().last_heard.unwrap();
    let judged = world.collector.shelves.verdicts_of("sv-01").unwrap().unwrap().judged_at;
    assert!(judged >= heard, "judged at {judged}, heard at {heard}");
    assert_eq!(world.collector.shelves.agent_version(endpoint).unwrap().as_deref(), Some("0.1.0"));
}

#[tokio::test]
async fn a_machine_whose_hostname_is_its_device_id_in_small_letters_leaves_nothing_behind_when_it_is_listed()
{
    let mut world = World::new();
    let endpoint = world.enrol("sv-01");
    world.report(endpoint, "sv-01", &["tanaka"]).await;
    assert_eq!(world.state("08.unlisted_account", "sv-01", "tanaka"), Some(State::Open));
    let mut listed = ledger(&["SV-01"], &["tanaka"]);
    listed.devices[0].hostname = Some("sv-01".to_owned());
    world.import(listed).await;
    assert_eq!(world.state("08.unlisted_account", "sv-01", "tanaka"), Some(State::Resolved));
    let open = world.collector.shelves.violations().unwrap();
    let left: Vec<_> = open.iter().filter(|v| v.device == "sv-01" && v.state != State::Resolved).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(world.collector.shelves.verdicts_of("sv-01").unwrap(), None);
}

#[tokio::test]
async fn a_device_on_which_a_rule_gives_up_is_undetermined_and_the_others_are_judged() {
    let mut world = World::new();
    world.import(ledger(&["SV-01", GIVES_UP], &["tanaka"])).await;
    for device in ["sv-01", "gives-up"] {
        let hostname = format!("host-{device}");
        let endpoint = world.enrol(&hostname);
        world.report(endpoint, &hostname, &["ghost"]).await;
    }
    assert_eq!(world.state("08.unlisted_account", "SV-01", "ghost"), Some(State::Open));
    assert_eq!(world.state("08.unlisted_account", GIVES_UP, "ghost"), None);
    let verdicts = world.collector.shelves.verdicts_of(GIVES_UP).unwrap().unwrap();
    assert_eq!(verdicts.rules.len(), articles::RULES.len());
    for said in verdicts.rules {
        assert_eq!(said.verdict, Verdict::Undetermined, "{}", said.rule);
        assert!(said.unknowns[0].reason.en.contains("makers"));
    }
}

#[tokio::test]
async fn that_devices_are_not_judged_is_told_until_they_are() {
    let mut world = World::new();
    let endpoint = world.enrol("host-sv-01");
    world.import(ledger(&["SV-01"], &[])).await;
    world.report(endpoint, "host-sv-01", &[]).await;
    assert_eq!(status::faults(&world.collector), [""; 0]);
    let key = format!("record/{endpoint}/accounts");
    let whole = world.collector.shelves.store().get(key.as_bytes()).unwrap().unwrap();
    for (bytes, faults) in [(b"spoiled".to_vec(), 1), (whole, 0)] {
        let mut batch = Batch::default();
        batch.put(key.clone(), bytes);
        world.collector.shelves.commit(batch).unwrap();
        assert_eq!(world.evaluator.work(true).await, faults == 0);
        let told = status::faults(&world.collector);
        assert_eq!(told.len(), faults, "{told:?}");
        assert!(told.iter().all(|fault| fault.contains("not judged") && fault.contains(&key)), "{told:?}");
    }
}
