//! What one machine's reports mean for another one: swaps with the spare PC, clones, values of a whole model.

use daicho_rules::ledger::{DeviceStatus, Scope};
use daicho_rules::violation::Violation;

use super::*;
use crate::bookkeeping::importing;
use crate::chronicle::{Entry, What};
use crate::swaps::settling::Fate;
use crate::swaps::{self, SwapError};

const DAY: i64 = 86_400;

fn host(hostname: &str, serial: &str, uuid: &str, mac: &str) -> Host {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Host {
        hostname: some(hostname),
        serial_number: some(serial),
        hardware_uuid: some(uuid),
        mac_addresses: some(mac).into_iter().collect(),
        ..Host::default()
    }
}

fn device(id: &str, hostname: &str, serial: &str, status: DeviceStatus) -> Device {
    Device {
        device_id: id.to_owned(),
        hostname: Some(hostname.to_owned()),
        serial_number: Some(serial.to_owned()),
        location: Some(format!("place of {id}")),
        status,
        ..Device::default()
    }
}

/// A PC in use, and a spare in the store room.
fn two_rows() -> Ledger {
    Ledger {
        devices: vec![
            device("PC-07", "pc07", "OLD-7", DeviceStatus::InUse),
            device("SP-02", "sp02", "SPARE-2", DeviceStatus::Spare),
        ],
        accounts: vec![ApprovedAccount {
            device: Scope::Device("PC-07".to_owned()),
            account: "tanaka".to_owned(),
            ..ApprovedAccount::default()
        }],
        ..Ledger::default()
    }
}

impl World {
    async fn adopt(&mut self, ledger: Ledger) {
        let entry = importing::Entry { operator: "suzuki".to_owned(), ..importing::Entry::default() };
        importing::adopt(&self.collector, ledger, entry).await.unwrap();
        self.settle().await;
    }

    async fn settle(&mut self) {
        assert!(self.evaluator.work(true).await);
    }

    fn open(&self) -> Vec<String> {
        let all = self.collector.shelves.violations().unwrap();
        let article_4 = all.iter().filter(|one| one.rule.starts_with("04.") && one.state == State::Open);
        article_4.map(|one: &Violation| format!("{} {}", one.rule, one.device)).collect()
    }

    fn summary(&self, rule: &str, device: &str, subject: &str) -> String {
        let key = daicho_rules::violation::key(rule, device, subject);
        self.collector.shelves.violation(&key).unwrap().unwrap().summary.ja
    }

    fn only_swap(&self) -> swaps::Proposed {
        let mut all = swaps::proposed(&self.collector, false).unwrap();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn decisions(&self) -> Vec<(String, String)> {
        let lines = self.collector.shelves.chronicle_lines(0, 10_000).unwrap();
        let entries = lines.iter().map(|(_, line)| Entry::parse(line).unwrap());
        let decided = entries.filter_map(|entry| match entry.what {
            What::Decision { on, decision, .. } if on == "swap" => Some((entry.by, decision)),
            _ => None,
        });
        decided.collect()
    }

    /// PC-07 reported until today, and breaks; another machine takes its hostname an hour later.
    async fn break_and_replace(&mut self, newcomer: Host) -> EndpointId {
        self.adopt(two_rows()).await;
        let old = self.enrol("pc07");
        self.report_host(old, host("pc07", "OLD-7", "", ""), &["tanaka"]).await;
        self.later(3_600);
        let new = self.enrol("pc07");
        self.report_host(new, newcomer, &["tanaka"]).await;
        self.settle().await;
        new
    }
}

#[tokio::test]
async fn a_new_serial_under_an_old_hostname_is_one_question_and_not_two_alarms() {
    let mut world = World::new();
    world.break_and_replace(host("pc07", "NEW-9", "", "00:1a:2b:3c:4d:5e")).await;
    assert_eq!(world.open(), ["04.unlisted_device pc07"]);
    assert!(world.summary("04.unlisted_device", "pc07", "pc07").contains("予備機と交換"));
    let swap = world.only_swap();
    assert_eq!((swap.broken.device_id.as_str(), swap.spare.is_none()), ("PC-07", true));
    // Weeks later PC-07 is not told as silent on top of it.
    world.later(20 * DAY);
    world.settle().await;
    assert!(!world.open().contains(&"04.silent_device PC-07".to_owned()), "{:?}", world.open());
}

#[tokio::test]
async fn a_yes_puts_the_new_machine_into_the_row_and_keeps_what_it_was_in_a_note() {
    let mut world = World::new();
    world.break_and_replace(host("pc07", "NEW-9", "", "00:1a:2b:3c:4d:5e")).await;
    let id = world.only_swap().id;
    let settled = swaps::accept(&world.collector, &id, Fate::Repair, Some("電源"), "sato").await.unwrap();
    assert_eq!((settled.version.number, settled.version.imported_by.as_str()), (2, "sato"));
    world.settle().await;
    assert_eq!(world.open(), Vec::<String>::new());
    let ledger = world.collector.ledger();
    let row = ledger.device("PC-07").unwrap();
    assert_eq!(row.serial_number.as_deref(), Some("NEW-9"));
    assert_eq!(row.mac_address.as_deref(), Some("00:1a:2b:3c:4d:5e"));
    let note = row.note.clone().unwrap();
    assert!(note.contains("製造番号 OLD-7") && note.contains("修理"), "{note}");
    assert_eq!(world.decisions(), [("sato".to_owned(), "accepted".to_owned())]);
    // The broken machine is asked for no more, but told when it comes back.
    let old = world
        .collector
        .shelves
        .endpoints()
        .unwrap()
        .into_iter()
        .min_by_key(|row| row.enrolled_at)
        .unwrap()
        .id;
    world.later(DAY);
    world.report_host(old, host("pc07", "OLD-7", "", ""), &[]).await;
    assert_eq!(world.open(), ["04.unlisted_device pc07"]);
    // The same answer once more finds nothing to settle.
    let again = swaps::accept(&world.collector, &id, Fate::Spare, None, "sato").await;
    assert!(matches!(again, Err(SwapError::NotFound(_))), "{again:?}");
}

#[tokio::test]
async fn a_spare_of_the_ledger_and_the_broken_one_change_their_places_and_the_approvals_go_along() {
    let mut world = World::new();
    world.break_and_replace(host("pc07", "SPARE-2", "", "")).await;
    assert_eq!(world.open(), ["04.silent_device PC-07"]);
    assert!(world.summary("04.silent_device", "PC-07", "PC-07").contains("SP-02"));
    let id = world.only_swap().id;
    swaps::accept(&world.collector, &id, Fate::Spare, None, "sato").await.unwrap();
    world.settle().await;
    assert_eq!(world.open(), Vec::<String>::new());
    let ledger = world.collector.ledger();
    let (spare, broken) = (ledger.device("SP-02").unwrap(), ledger.device("PC-07").unwrap());
    assert_eq!((spare.status, spare.location.as_deref()), (DeviceStatus::InUse, Some("place of PC-07")));
    assert_eq!((broken.status, broken.location.as_deref()), (DeviceStatus::Spare, Some("place of SP-02")));
    assert_eq!((spare.serial_number.as_deref(), spare.hostname.as_deref()), (Some("SPARE-2"), Some("pc07")));
    assert_eq!(ledger.accounts[0].device, Scope::Device("SP-02".to_owned()));
    assert!(swaps::proposed(&world.collector, true).unwrap().is_empty());
}

#[tokio::test]
async fn a_no_is_remembered_until_the_facts_change() {
    let mut world = World::new();
    let new = world.break_and_replace(host("pc07", "NEW-9", "", "")).await;
    let id = world.only_swap().id;
    assert!(matches!(swaps::decline(&world.collector, &id, " ", "sato").await, Err(SwapError::Refused(_))));
    swaps::decline(&world.collector, &id, "業者の持ち込み", "sato").await.unwrap();
    world.settle().await;
    assert!(swaps::proposed(&world.collector, false).unwrap().is_empty());
    assert_eq!(world.open(), ["04.unlisted_device pc07"]);
    assert!(!world.summary("04.unlisted_device", "pc07", "pc07").contains("swap accept"));
    world.later(8 * DAY);
    world.report_host(new, host("pc07", "NEW-9", "", ""), &[]).await;
    world.settle().await;
    assert!(world.open().contains(&"04.silent_device PC-07".to_owned()), "{:?}", world.open());
    // Another machine again: another question.
    world.report_host(new, host("pc07", "NEW-10", "", ""), &[]).await;
    world.settle().await;
    assert_ne!(world.only_swap().id, id);
    assert_eq!(world.decisions(), [("sato".to_owned(), "declined".to_owned())]);
}

#[tokio::test]
async fn while_the_listed_machine_reports_another_one_under_its_hostname_is_no_swap() {
    let mut world = World::new();
    world.break_and_replace(host("pc07", "NEW-9", "", "")).await;
    let old = world.evaluator.links.endpoints("PC-07").next().unwrap();
    world.later(60);
    world.report_host(old, host("pc07", "OLD-7", "", ""), &["tanaka"]).await;
    assert!(swaps::proposed(&world.collector, true).unwrap().is_empty());
    assert_eq!(world.open(), ["04.unlisted_device pc07"]);
    assert!(!world.summary("04.unlisted_device", "pc07", "pc07").contains("交換したと思われます"));
}

#[tokio::test]
async fn two_living_machines_of_one_hardware_are_clones_until_one_is_gone() {
    let mut world = World::new();
    let mut ledger = two_rows();
    ledger.devices[0].hostname = None;
    world.adopt(ledger).await;
    let uuid = "4c4c4544-0042-3510-8052-b4c04f4a3232";
    let (one, other) = (world.enrol("pc07"), world.enrol("copy"));
    for _ in 0..2 {
        world.report_host(one, host("pc07", "OLD-7", uuid, ""), &[]).await;
        world.later(60);
        world.report_host(other, host("copy", "OLD-7", uuid, ""), &[]).await;
        world.later(60);
    }
    // Neither is PC-07: what both say names nobody.
    let open = world.open();
    for expected in ["04.cloned_device copy", "04.cloned_device pc07", "04.unlisted_device copy"] {
        assert!(open.contains(&expected.to_owned()), "{open:?}");
    }
    let mut row = world.collector.shelves.endpoint(other).unwrap().unwrap();
    row.revoked_at = Some(world.collector.clock.now());
    let mut batch = Batch::default();
    batch.put_endpoint(&row);
    world.collector.shelves.commit(batch).unwrap();
    world.collector.nudge(other);
    assert!(world.evaluator.work(false).await);
    assert_eq!(world.open(), Vec::<String>::new());
}

#[tokio::test]
async fn a_machine_with_another_ones_token_is_not_judged_as_that_one() {
    let mut world = World::new();
    world.adopt(two_rows()).await;
    let endpoint = world.enrol("ward");
    let mut row = world.collector.shelves.endpoint(endpoint).unwrap().unwrap();
    row.device = Some("PC-07".to_owned());
    let mut batch = Batch::default();
    batch.put_endpoint(&row);
    world.collector.shelves.commit(batch).unwrap();
    // What it does not tell proves nothing: the token's word stands.
    world.report_host(endpoint, host("ward", "", "", ""), &["tanaka"]).await;
    world.settle().await;
    assert_eq!(world.evaluator.links.device(endpoint), Some("PC-07"));
    world.later(60);
    world.report_host(endpoint, host("ward", "ANOTHER-1", "", ""), &["tanaka"]).await;
    world.settle().await;
    assert_eq!(world.evaluator.links.device(endpoint), Some("ward"));
    assert!(world.open().contains(&"04.unlisted_device ward".to_owned()), "{:?}", world.open());
}

#[tokio::test]
async fn a_machine_that_was_set_up_again_is_no_clone_of_itself() {
    let mut world = World::new();
    world.adopt(two_rows()).await;
    let uuid = "4c4c4544-0042-3510-8052-b4c04f4a3232";
    let old = world.enrol("pc07");
    world.report_host(old, host("pc07", "OLD-7", uuid, ""), &[]).await;
    world.later(60);
    let new = world.enrol("pc07");
    world.report_host(new, host("pc07", "OLD-7", uuid, ""), &[]).await;
    world.settle().await;
    assert_eq!(world.open(), Vec::<String>::new());
    assert_eq!(world.evaluator.links.device(new), Some("PC-07"));
}

#[tokio::test]
async fn one_uuid_for_a_whole_model_names_nobody_and_clones_nobody() {
    let mut world = World::new();
    let uuid = "aabbccdd-0042-3510-8052-b4c04f4a3232";
    let mut ledger = two_rows();
    ledger.devices[0].hardware_uuid = Some(uuid.to_owned());
    world.adopt(ledger).await;
    let machines: Vec<EndpointId> = (0..3).map(|_| world.enrol("pc")).collect();
    for (number, endpoint) in machines.iter().enumerate() {
        let mac = format!("00:1a:2b:3c:4d:{number:02x}");
        world.report_host(*endpoint, host(&format!("ward-{number}"), "", uuid, &mac), &[]).await;
    }
    world.settle().await;
    let expected: Vec<String> = (0..3).map(|number| format!("04.unlisted_device ward-{number}")).collect();
    let open: Vec<String> = world.open().into_iter().filter(|one| !one.contains("silent")).collect();
    assert_eq!(open, expected);
}

#[tokio::test]
async fn the_address_of_a_dock_that_goes_round_names_nobody() {
    let mut world = World::new();
    let dock = "00:1a:2b:3c:4d:5e";
    let mut ledger = two_rows();
    ledger.devices[0] =
        Device { mac_address: Some(dock.to_owned()), ..device("PC-07", "pc07", "", DeviceStatus::InUse) };
    world.adopt(ledger).await;
    let (one, other) = (world.enrol("pc07"), world.enrol("lt01"));
    world.report_host(one, host("pc07", "S-1", "", dock), &[]).await;
    assert_eq!(world.evaluator.links.device(one), Some("PC-07"));
    world.later(60);
    world.report_host(one, host("pc07", "S-1", "", ""), &[]).await;
    world.report_host(other, host("lt01", "S-2", "", dock), &[]).await;
    assert_eq!(world.evaluator.links.device(other), Some("lt01"));
    assert_eq!(world.evaluator.links.device(one), Some("PC-07"));
}
