//! Applications over a small store: who decides, what takes effect, and what waits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;

use daicho_rules::ledger::{ApprovedMedium, Device, Exception, MediumPurpose, Scope};

use super::*;
use crate::clock::Clock;
use crate::shelves::OperatorRow;
use crate::store::Store as _;
use crate::store::memory::MemoryStore;

struct Hands(Mutex<Timestamp>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn house() -> (Arc<Collector>, Arc<Hands>) {
    let clock = Arc::new(Hands(Mutex::new(at("2026-11-22T03:00:00Z"))));
    let store = Arc::new(MemoryStore::default());
    let collector = Arc::new(Collector::open(store, Arc::clone(&clock) as Arc<dyn Clock>).unwrap());
    let mut batch = Batch::default();
    let mut chronicle = Chronicle::open(&collector.shelves).unwrap();
    for (name, role) in
        [("jimucho", Role::Officer), ("kikaku", Role::Department), ("shocho", Role::SectionHead)]
    {
        let row = OperatorRow {
            name: name.to_owned(),
            certificates: Vec::new(),
            not_after: at("2030-01-01T00:00:00Z"),
            newest_root: None,
            revoked_at: None,
            roles: BTreeSet::from([role]),
            section: None,
        };
        batch.put_operator(&row);
        chronicle.append(&mut batch, clock.now(), "daicho", What::of_operator(&row));
    }
    collector.shelves.commit(batch).unwrap();
    (collector, clock)
}

fn exception(subject: &str, until: &str) -> Exception {
    Exception {
        rule: "08.long_unused".to_owned(),
        device: Scope::Device("SV-01".to_owned()),
        subject: subject.to_owned(),
        reason: "年に一度だけ使う".to_owned(),
        measure: Some("パスワードを封筒で保管".to_owned()),
        approved_by: "事務長".to_owned(),
        expires_on: until.parse().unwrap(),
        ..Exception::default()
    }
}

fn medium(serial: &str, until: &str) -> ApprovedMedium {
    ApprovedMedium {
        vendor_id: Some("0781".to_owned()),
        product_id: Some("5581".to_owned()),
        serial: Some(serial.to_owned()),
        purpose: MediumPurpose::Business,
        approved_from: Some("2026-11-22".parse().unwrap()),
        approved_until: Some(until.parse().unwrap()),
        device: Scope::Device("SV-01".to_owned()),
        ..ApprovedMedium::default()
    }
}

fn ledger(exceptions: Vec<Exception>, media: Vec<ApprovedMedium>) -> Ledger {
    let devices = vec![Device { device_id: "SV-01".to_owned(), ..Device::default() }];
    Ledger { devices, exceptions, media, ..Ledger::default() }
}

async fn bring(collector: &Collector, ledger: Ledger, by: &str) {
    let entry = Entry { operator: by.to_owned(), ..Entry::default() };
    importing::adopt(collector, ledger, entry).await.unwrap();
}

fn wish(row: Row) -> Wish {
    Wish { row, reason: "装置の更新が3月".to_owned(), prolongs: None }
}

/// One that waits.
pub(super) fn application() -> Application {
    Application {
        number: 1,
        at: at("2026-11-22T03:00:00Z"),
        by: "kikaku".to_owned(),
        row: Row::Exceptions(exception("backup", "2026-12-31")),
        reason: "年に一度".to_owned(),
        imported_with: None,
        prolongs: None,
        state: Standing::Submitted,
        decisions: Vec::new(),
    }
}

fn in_force(collector: &Collector) -> Vec<String> {
    let ledger = collector.ledger_in_force();
    ledger.exceptions.iter().map(|row| format!("{}/{}", row.subject, row.expires_on)).collect()
}

fn states(collector: &Collector) -> Vec<Standing> {
    all(&collector.shelves).unwrap().into_iter().map(|one| one.state).collect()
}

fn refused<T: std::fmt::Debug>(result: Result<T, QueryError>) -> String {
    match result.unwrap_err() {
        QueryError::Refused(text) => text.en,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_approved_application_is_a_row_of_the_ledger_in_the_officers_name() {
    let (collector, _) = house();
    bring(&collector, ledger(vec![], vec![]), "kikaku").await;
    let asked =
        apply(&collector, wish(Row::Exceptions(exception("backup", "2026-12-31"))), "kikaku").await.unwrap();
    assert!(collector.ledger().exceptions.is_empty(), "an application is no approval");
    decide(&collector, asked.number, "jimucho", true, "").await.unwrap();
    let row = collector.ledger_in_force().exceptions[0].clone();
    assert_eq!((row.approved_by.as_str(), row.subject.as_str()), ("jimucho", "backup"));
    let version = collector.shelves.ledger_versions().unwrap().pop().unwrap();
    assert_eq!((version.number, version.imported_by.as_str()), (2, "jimucho"));
    assert!(refused(decide(&collector, asked.number, "jimucho", true, "").await).contains("settled already"));
    let steps: Vec<String> = collector
        .shelves
        .store()
        .scan(b"chronicle/entry/", None, 100)
        .unwrap()
        .iter()
        .filter_map(|(_, line)| match crate::chronicle::Entry::parse(line).unwrap() {
            crate::chronicle::Entry { by, what: What::Application { step, .. }, .. } => {
                Some(format!("{step} by {by}"))
            }
            _ => None,
        })
        .collect();
    assert_eq!(steps, ["submitted by kikaku", "approved by jimucho"]);
}

#[tokio::test]
async fn a_row_imported_without_the_officers_role_waits_and_is_not_in_force() {
    let (collector, _) = house();
    bring(&collector, ledger(vec![exception("old", "2026-12-31")], vec![]), "jimucho").await;
    assert_eq!((in_force(&collector), waiting(&collector).unwrap()), (vec!["old/2026-12-31".to_owned()], 0));
    // Longer, another one, and one that is narrower than what was approved.
    let rows = vec![exception("old", "2027-01-31"), exception("new", "2026-12-01")];
    let mut stick = medium("AA01", "2026-12-31");
    stick.media_id = "USB-1".to_owned();
    bring(&collector, ledger(rows.clone(), vec![stick.clone()]), "kikaku").await;
    assert_eq!(collector.ledger().exceptions.len(), 2, "the ledger keeps what waits");
    assert!(in_force(&collector).is_empty() && collector.ledger_in_force().media.is_empty());
    assert_eq!(waiting(&collector).unwrap(), 3);
    // The same again asks nobody twice.
    let mut again = ledger(rows.clone(), vec![stick.clone()]);
    again.staff.push(daicho_rules::ledger::Staff { staff_id: "1".to_owned(), ..Default::default() });
    bring(&collector, again.clone(), "kikaku").await;
    assert_eq!(waiting(&collector).unwrap(), 3);
    let number = all(&collector.shelves).unwrap()[0].number;
    decide(&collector, number, "jimucho", true, "").await.unwrap();
    assert_eq!(in_force(&collector), ["old/2027-01-31"]);
    decide(&collector, number + 1, "jimucho", false, "不要").await.unwrap();
    again.staff.clear();
    bring(&collector, again, "kikaku").await;
    assert_eq!(in_force(&collector), ["old/2027-01-31"], "a refused row stays without effect");
    assert_eq!(waiting(&collector).unwrap(), 1);
    // Shortened by the department: nothing more is allowed than before.
    bring(&collector, ledger(vec![exception("old", "2026-12-24")], vec![]), "kikaku").await;
    assert_eq!(in_force(&collector), ["old/2026-12-24"]);
    assert_eq!(states(&collector), [Standing::Approved, Standing::Refused, Standing::Withdrawn]);
}

#[tokio::test]
async fn what_waits_is_approved_one_by_one_and_not_by_another_answer_of_the_officer() {
    let (collector, _) = house();
    bring(&collector, ledger(vec![exception("waits", "2026-12-31")], vec![]), "kikaku").await;
    let asked = apply(&collector, wish(Row::Media(medium("AA01", "2026-12-31"))), "shocho").await.unwrap();
    decide(&collector, asked.number, "jimucho", true, "").await.unwrap();
    assert!(in_force(&collector).is_empty(), "approving a stick approved an exception");
    assert_eq!(collector.ledger_in_force().media.len(), 1);
    // The officer brings something else: what waited before is not new in it.
    let mut other = Ledger::clone(&collector.ledger());
    other.devices.push(Device { device_id: "PC-02".to_owned(), ..Device::default() });
    bring(&collector, other, "jimucho").await;
    assert!(in_force(&collector).is_empty());
}

#[tokio::test]
async fn an_end_is_at_most_what_the_settings_allow_and_not_over() {
    let (collector, clock) = house();
    bring(&collector, ledger(vec![], vec![]), "kikaku").await;
    // 365 days from 22 November in Japan.
    for (until, taken) in
        [("2027-11-21", true), ("2027-11-22", true), ("2027-11-23", false), ("2026-11-21", false)]
    {
        let asked = apply(&collector, wish(Row::Exceptions(exception("x", until))), "kikaku").await;
        assert_eq!(asked.is_ok(), taken, "{until}");
        let asked = apply(&collector, wish(Row::Media(medium("AA01", until))), "kikaku").await;
        assert_eq!(asked.is_ok(), taken, "{until}");
    }
    let mut silent = exception("x", "2026-12-01");
    silent.measure = Some("  ".to_owned());
    assert!(refused(apply(&collector, wish(Row::Exceptions(silent)), "kikaku").await).contains("--measure"));
    let mut elsewhere = exception("x", "2026-12-01");
    elsewhere.device = Scope::Device("SV-99".to_owned());
    assert!(refused(apply(&collector, wish(Row::Exceptions(elsewhere)), "kikaku").await).contains("SV-99"));
    // Nobody approves what is over: its last day is a day in Japan.
    let asked =
        apply(&collector, wish(Row::Exceptions(exception("y", "2026-11-22"))), "kikaku").await.unwrap();
    *clock.0.lock().unwrap() = at("2026-11-22T15:00:00Z");
    assert!(refused(decide(&collector, asked.number, "jimucho", true, "").await).contains("is over"));
    *clock.0.lock().unwrap() = at("2026-11-22T14:59:59Z");
    decide(&collector, asked.number, "jimucho", true, "").await.unwrap();
}

#[tokio::test]
async fn a_prolongation_takes_the_place_of_the_old_row_and_a_revoked_one_is_gone() {
    let (collector, _) = house();
    bring(&collector, ledger(vec![], vec![]), "kikaku").await;
    let first = apply(&collector, wish(Row::Media(medium("AA01", "2026-12-31"))), "kikaku").await.unwrap();
    decide(&collector, first.number, "jimucho", true, "").await.unwrap();
    let row =
        Row::Exceptions(Exception { expires_on: "2027-03-31".parse().unwrap(), ..Exception::default() });
    let longer = Wish { row, reason: "装置の更新が延びた".to_owned(), prolongs: Some(first.number) };
    let second = apply(&collector, longer, "kikaku").await.unwrap();
    assert_eq!(collector.ledger_in_force().media[0].approved_until, Some("2026-12-31".parse().unwrap()));
    decide(&collector, second.number, "jimucho", true, "").await.unwrap();
    let media = collector.ledger_in_force().media.clone();
    assert_eq!(media.len(), 1);
    assert_eq!(media[0].approved_until, Some("2027-03-31".parse().unwrap()));
    assert!(refused(revoke(&collector, second.number, "jimucho", " ").await).contains("--reason"));
    revoke(&collector, second.number, "jimucho", "紛失").await.unwrap();
    assert!(collector.ledger().media.is_empty());
    // Whoever imports the row again waits for the officer, as for a new one.
    let mut back = Ledger::clone(&collector.ledger());
    back.media = media;
    bring(&collector, back, "kikaku").await;
    assert!(collector.ledger_in_force().media.is_empty());
}

#[tokio::test]
async fn who_applied_or_the_officer_withdraws_and_an_officers_own_yes_is_recorded_as_such() {
    let (collector, _) = house();
    bring(&collector, ledger(vec![], vec![]), "kikaku").await;
    let asked =
        apply(&collector, wish(Row::Exceptions(exception("x", "2026-12-01"))), "kikaku").await.unwrap();
    let person =
        |name: &str, role| Operator { name: name.to_owned(), roles: BTreeSet::from([role]), section: None };
    let other = person("shocho", Role::SectionHead);
    assert!(refused(withdraw(&collector, asked.number, &other, "").await).contains("kikaku"));
    withdraw(&collector, asked.number, &person("kikaku", Role::Department), "").await.unwrap();
    let own =
        apply(&collector, wish(Row::Exceptions(exception("x", "2026-12-01"))), "jimucho").await.unwrap();
    let own = decide(&collector, own.number, "jimucho", true, "").await.unwrap();
    assert!(own.decisions[0].own);
    assert_eq!(states(&collector), [Standing::Withdrawn, Standing::Approved]);
}

#[tokio::test]
async fn what_waits_still_waits_after_a_restart_and_an_older_store_keeps_what_it_had() {
    let (collector, clock) = house();
    bring(&collector, ledger(vec![exception("x", "2026-12-01")], vec![]), "kikaku").await;
    let store = Arc::clone(collector.shelves.store());
    let again = Collector::open(Arc::clone(&store), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    assert!(in_force(&again).is_empty() && waiting(&again).unwrap() == 1);
    // A store of before there were approvals.
    let mut batch = Batch::default();
    batch.remove("meta/approvals_begun");
    store.commit(batch).unwrap();
    let older = Collector::open(store, clock).unwrap();
    assert_eq!(in_force(&older), ["x/2026-12-01"]);
}

/// Everything of a store, to be altered.
fn copy(collector: &Collector) -> Shelves {
    let store = MemoryStore::default();
    let mut batch = Batch::default();
    for (key, value) in collector.shelves.store().scan(b"", None, usize::MAX).unwrap() {
        batch.put(key, value);
    }
    store.commit(batch).unwrap();
    Shelves::new(Arc::new(store))
}

#[tokio::test]
async fn what_is_altered_of_applications_approvals_and_machines_is_found() {
    let (collector, clock) = house();
    let machine = crate::shelves::EndpointRow {
        revoked_at: Some(clock.now()),
        revoked_because: Some("stolen".to_owned()),
        ..crate::shelves::EndpointRow::joined(
            daicho_proto::endpoint::EndpointId(uuid::Uuid::from_u128(7)),
            "sv01",
            clock.now(),
        )
    };
    let mut batch = Batch::default();
    batch.put_endpoint(&machine);
    let mut chronicle = Chronicle::open(&collector.shelves).unwrap();
    chronicle.append(&mut batch, clock.now(), "daicho", What::of_endpoint(&machine));
    let (endpoint, hostname) = (machine.id, machine.hostname.clone());
    let revoked = What::EndpointRevoked { endpoint, hostname, reason: "stolen".to_owned() };
    chronicle.append(&mut batch, clock.now(), "jimucho", revoked);
    collector.shelves.commit(batch).unwrap();

    // Approved with an import, approved, approved and revoked, refused, waiting.
    bring(&collector, ledger(vec![exception("import", "2026-12-31")], vec![]), "jimucho").await;
    for (subject, decided) in
        [("yes", Some(true)), ("over", Some(true)), ("no", Some(false)), ("waits", None)]
    {
        let row = Row::Exceptions(exception(subject, "2026-12-31"));
        let number = apply(&collector, wish(row), "kikaku").await.unwrap().number;
        if let Some(approve) = decided {
            decide(&collector, number, "jimucho", approve, "確認した").await.unwrap();
        }
        if subject == "over" {
            revoke(&collector, number, "jimucho", "不要になった").await.unwrap();
        }
    }
    let verdict = |shelves: &Shelves| crate::chronicle::verifying::of_store(shelves, &[]).unwrap().unwrap();
    let sound = verdict(&copy(&collector));
    assert!(sound.is_sound(), "{:?}", sound.breaks);
    let compared = sound.compared.unwrap();
    assert_eq!((compared.applications, compared.approvals, compared.endpoints), (4, 2, 1));

    for shelf in [APPLICATIONS, APPROVALS, "endpoint/"] {
        let kept = collector.shelves.store().scan(shelf.as_bytes(), None, usize::MAX).unwrap();
        assert!(!kept.is_empty());
        for (key, value) in &kept {
            let text = String::from_utf8(value.clone()).unwrap();
            let altered = [
                ("kikaku", "jimucho"),
                ("2026-12-31", "2027-12-31"),
                (r#""state":"submitted""#, r#""state":"approved""#),
                (r#""state":"revoked""#, r#""state":"approved""#),
                (r#""revoked_at":"2026-11-22T03:00:00Z""#, r#""revoked_at":null"#),
            ];
            let altered =
                altered.map(|(old, new)| text.replace(old, new)).into_iter().filter(|new| *new != text);
            let mut batches: Vec<Batch> = altered
                .map(|new| {
                    let mut batch = Batch::default();
                    batch.put(key.clone(), new.into_bytes());
                    batch
                })
                .collect();
            assert!(!batches.is_empty(), "{text}");
            let mut gone = Batch::default();
            gone.remove(key.clone());
            batches.push(gone);
            for batch in batches {
                let copy = copy(&collector);
                copy.commit(batch).unwrap();
                assert!(!verdict(&copy).is_sound(), "{text}");
            }
        }
    }
    // An approval that nobody gave, and one that was revoked, put back.
    for subject in ["over", "never"] {
        let row = Row::Exceptions(exception(subject, "2026-12-31"));
        let approval = Approval { by: "jimucho".to_owned(), at: clock.now(), application: None, row };
        let (copy, mut batch) = (copy(&collector), Batch::default());
        batch.put_json(&format!("{APPROVALS}{}", approval.row.meaning()), &approval);
        copy.commit(batch).unwrap();
        assert!(!verdict(&copy).is_sound(), "{subject}");
    }
}
