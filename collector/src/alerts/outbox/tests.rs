//! A power cut at any moment, and a recipient that refuses: simulated, with a store that forgets and a clock of ours.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use daicho_rules::rule::{Kind, Severity};
use daicho_rules::text::Text;
use daicho_rules::violation::Violation;

use super::super::channels::{Channel, Later};
use super::super::config::{Config, Filter, Times};
use super::*;
use crate::clock::Clock;
use crate::store::memory::MemoryStore;
use crate::store::{Entry, Store};

struct StandingClock(Mutex<Timestamp>);

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Refuses to commit while the power is cut.
#[derive(Default)]
struct Machine {
    store: MemoryStore,
    cut: AtomicBool,
}

impl Store for Machine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.store.scan(prefix, after, limit)
    }
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if self.cut.load(SeqCst) {
            return Err(StoreError::Failed { action: "commit", reason: "power cut".to_owned() });
        }
        self.store.commit(batch)
    }
    fn size_on_disk(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// What the recipient's server saw, and what it does.
#[derive(Default)]
struct Server {
    seen: Mutex<Vec<(String, Vec<u64>, usize)>>,
    refuses: AtomicBool,
    /// Cuts the power right after it accepted.
    cuts: Option<Arc<Machine>>,
}

struct ToServer(Arc<Server>, Capacity);

impl Channel for ToServer {
    fn address(&self) -> String {
        "test".to_owned()
    }
    fn capacity(&self) -> Capacity {
        self.1
    }
    fn deliver<'a>(&'a self, message: &'a Message) -> Later<'a, Result<String, Failure>> {
        Box::pin(async move {
            if self.0.refuses.load(SeqCst) {
                return Err(Failure::passing("busy"));
            }
            let numbers = message.notices.iter().map(|notice| notice.number).collect();
            self.0.seen.lock().unwrap().push((message.id.clone(), numbers, message.more));
            if let Some(machine) = &self.0.cuts {
                machine.cut.store(true, SeqCst);
            }
            Ok("taken".to_owned())
        })
    }
}

fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

fn teller(machine: &Arc<Machine>, server: &Arc<Server>, capacity: Capacity) -> Teller {
    let clock = Arc::new(StandingClock(Mutex::new(now())));
    let collector = Arc::new(Collector::open(machine.clone(), clock).unwrap());
    let channel = Box::new(ToServer(server.clone(), capacity));
    let recipient = Arc::new(Recipient {
        name: "officer".to_owned(),
        group: "officer".to_owned(),
        role: None,
        kind: "email",
        filter: Filter::default(),
        times: Times::default(),
        pace: Pace::of(&Config::default()),
        channel,
    });
    let mut outbox = Outbox::open(&Config::default()).unwrap();
    outbox.recipients = vec![recipient.clone()];
    outbox.chance = || 1.0;
    Teller::new(collector, Arc::new(outbox), recipient)
}

/// Notices of a minute ago, so that each of them is due.
fn notice(machine: &Machine, numbers: std::ops::RangeInclusive<u64>) {
    let mut batch = Batch::default();
    for number in numbers {
        let at = now() - SignedDuration::from_secs(60);
        let violation = Violation {
            key: format!("08.retired_staff/SV-01/user{number}"),
            rule: "08.retired_staff".to_owned(),
            article: 8,
            device: "SV-01".to_owned(),
            subject: format!("user{number}"),
            severity: Severity::Medium,
            state: State::Open,
            summary: Text::default(),
            remedy: Text::default(),
            evidence: Vec::new(),
            first_seen: at,
            last_seen: at,
            kind: Kind::Standing,
            occurred_at: None,
            exception: None,
            closed: None,
            treatment: Default::default(),
        };
        batch.put_violation(&violation);
        batch.put_notice(&Notice { number, at, what: StepKind::Opened, violation });
    }
    machine.commit(batch).unwrap();
}

/// Takes turns until there is nothing to do now.
async fn work(teller: &mut Teller) -> Result<Wait, StoreError> {
    loop {
        match teller.turn().await? {
            Wait::Not => {}
            wait => return Ok(wait),
        }
    }
}

#[tokio::test]
async fn a_power_cut_after_the_acceptance_repeats_the_same_message_once_and_nothing_else() {
    let machine = Arc::new(Machine::default());
    let before = Arc::new(Server { cuts: Some(machine.clone()), ..Server::default() });
    let mut first_life = teller(&machine, &before, Capacity::Digest(30));
    work(&mut first_life).await.unwrap();
    notice(&machine, 1..=2);
    assert!(work(&mut first_life).await.is_err(), "the power went before the cursor was written");

    machine.cut.store(false, SeqCst);
    notice(&machine, 3..=3);
    let after = Arc::new(Server::default());
    let mut second_life = teller(&machine, &after, Capacity::Digest(30));
    work(&mut second_life).await.unwrap();
    let (before, seen) = (before.seen.lock().unwrap().clone(), after.seen.lock().unwrap().clone());
    assert_eq!(before.len(), 1);
    assert_eq!(seen[0], before[0], "the same identity and content, although there is more news by now");
    assert_eq!(seen[1].1, [3]);

    let third = Arc::new(Server::default());
    work(&mut teller(&machine, &third, Capacity::Digest(30))).await.unwrap();
    assert!(third.seen.lock().unwrap().is_empty(), "a store reopened repeats nothing");
}

#[tokio::test]
async fn a_failure_is_tried_again_later_and_told_once() {
    let machine = Arc::new(Machine::default());
    let server = Arc::new(Server::default());
    let mut teller = teller(&machine, &server, Capacity::Digest(30));
    work(&mut teller).await.unwrap();
    notice(&machine, 1..=1);
    server.refuses.store(true, SeqCst);
    let Wait::Until(next_try) = work(&mut teller).await.unwrap() else { panic!("a retry is due") };
    assert_eq!(next_try, now() + SignedDuration::from_secs(2));
    server.refuses.store(false, SeqCst);
    assert_eq!(work(&mut teller).await.unwrap(), Wait::Until(next_try), "not before its time");
    let status = status(&teller.collector, &teller.outbox, &teller.recipient).unwrap();
    assert_eq!((status.waiting, status.attempts, status.failure.as_deref()), (1, 1, Some("busy")));
}

#[tokio::test]
async fn a_machine_is_told_every_notice_in_batches_and_a_person_a_list_with_the_number_of_the_rest() {
    for (capacity, sizes) in
        [(Capacity::Batch(2), vec![(2, 3), (2, 1), (1, 0)]), (Capacity::Digest(2), vec![(2, 3)])]
    {
        let machine = Arc::new(Machine::default());
        let server = Arc::new(Server::default());
        let mut teller = teller(&machine, &server, capacity);
        work(&mut teller).await.unwrap();
        notice(&machine, 1..=5);
        work(&mut teller).await.unwrap();
        let seen = server.seen.lock().unwrap();
        let got: Vec<_> = seen.iter().map(|(_, numbers, more)| (numbers.len(), *more)).collect();
        assert_eq!(got, sizes, "{capacity:?}");
    }
}

#[tokio::test]
async fn a_new_recipient_begins_with_what_is_open_and_an_empty_house_is_no_news() {
    let machine = Arc::new(Machine::default());
    let server = Arc::new(Server::default());
    notice(&machine, 1..=3);
    work(&mut teller(&machine, &server, Capacity::Digest(30))).await.unwrap();
    assert_eq!(server.seen.lock().unwrap().len(), 1);
    assert_eq!(server.seen.lock().unwrap()[0].1, [0, 0, 0]);

    let (empty, silent) = (Arc::new(Machine::default()), Arc::new(Server::default()));
    work(&mut teller(&empty, &silent, Capacity::Digest(30))).await.unwrap();
    assert!(silent.seen.lock().unwrap().is_empty());
}
