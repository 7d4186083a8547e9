//! Random ledgers and machines: of each device an extract gives the same judgement as the whole ledger.

use daicho_proto::facts::{Account, Look, Service, Software};
use daicho_rules::articles;
use daicho_rules::evidence::Evidence;
use daicho_rules::ledger::Staff;
use daicho_rules::linking::Surroundings;
use daicho_rules::record::Held;

use super::*;

/// Names as people write them, and what differs from them by a little.
const NAMES: [&str; 14] = [
    "tanaka",
    "ＴＡＮＡＫＡ",
    "ta*",
    "TANAKA ",
    "sshd",
    "sshd.service",
    "SSHD.SERVICE",
    "sshd.service.service",
    "sshd.service ",
    ".\\tanaka",
    "PC-1￥tanaka",
    "電子カルテ",
    "電子＊",
    "",
];
const SCOPES: [&str; 7] = ["*", "group:ward", "group:ＷＡＲＤ", "group:lab", "PC-1", "ｐｃ－１", "PC-2"];

/// Picks by chance, the same each time.
struct Chance(u64);

impl Chance {
    fn of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        // Multiplier and increment of Knuth's MMIX.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        from[(self.0 >> 33) as usize % from.len()]
    }
}

fn held<T>(value: T) -> Option<Held<T>> {
    let observed_at = jiff::Timestamp::from_second(1_795_000_000).unwrap();
    Some(Held { look: Look::complete(value), observed_at, observation: None })
}

fn machine(chance: &mut Chance) -> EndpointRecord {
    let account = |chance: &mut Chance| Account {
        name: chance.of(&NAMES).to_owned(),
        online_identity: Some(chance.of(&NAMES).to_owned()),
        enabled: Some(true),
        interactive: Some(true),
        ..Account::default()
    };
    let service = |chance: &mut Chance| Service {
        name: chance.of(&NAMES).to_owned(),
        aliases: vec![chance.of(&NAMES).to_owned()],
        triggers: vec![chance.of(&NAMES).to_owned()],
        running: Some(true),
        ..Service::default()
    };
    let program =
        |chance: &mut Chance| Software { name: chance.of(&NAMES).to_owned(), ..Software::default() };
    EndpointRecord {
        accounts: held((0..2).map(|_| account(chance)).collect()),
        services: held((0..2).map(|_| service(chance)).collect()),
        software: held((0..2).map(|_| program(chance)).collect()),
        last_heard: Some(jiff::Timestamp::from_second(1_795_000_000).unwrap()),
        ..EndpointRecord::default()
    }
}

fn ledger(chance: &mut Chance) -> Ledger {
    let programs = |chance: &mut Chance| -> Vec<ApprovedProgram> {
        let row = |chance: &mut Chance| ApprovedProgram {
            device: Scope::from(chance.of(&SCOPES)),
            name: chance.of(&NAMES).to_owned(),
            approved_by: Some(chance.of(&["", "suzuki"]).to_owned()),
            purpose: Some(chance.of(&NAMES).to_owned()),
            ..ApprovedProgram::default()
        };
        (0..4).map(|_| row(chance)).collect()
    };
    let account = |chance: &mut Chance| ApprovedAccount {
        device: Scope::from(chance.of(&SCOPES)),
        account: chance.of(&NAMES).to_owned(),
        staff_id: Some(chance.of(&NAMES).to_owned()),
        ..ApprovedAccount::default()
    };
    let exception = |chance: &mut Chance| daicho_rules::ledger::Exception {
        rule: chance.of(&["08.unlisted_account", "13.unneeded_service"]).to_owned(),
        device: Scope::from(chance.of(&SCOPES)),
        subject: chance.of(&NAMES).to_owned(),
        expires_on: jiff::civil::date(2030, 1, 1),
        ..Default::default()
    };
    let member = |chance: &mut Chance| Staff { staff_id: chance.of(&NAMES).to_owned(), ..Staff::default() };
    let device = |id: &str, group: &str| Device {
        device_id: id.to_owned(),
        hostname: Some(id.to_owned()),
        group: Some(group.to_owned()),
        ..Device::default()
    };
    Ledger {
        devices: vec![device("PC-1", "ward"), device("ＰＣ－２", "Ｌａｂ")],
        accounts: (0..4).map(|_| account(chance)).collect(),
        services: programs(chance),
        software: programs(chance),
        exceptions: (0..3).map(|_| exception(chance)).collect(),
        staff: (0..3).map(|_| member(chance)).collect(),
        ..Ledger::default()
    }
}

#[test]
fn an_extract_says_of_a_device_what_the_whole_ledger_says() {
    let mut chance = Chance(7);
    let now = jiff::Timestamp::from_second(1_795_000_100).unwrap();
    let (mut smaller, mut approved) = (0, 0);
    for _ in 0..1_000 {
        let whole = Arc::new(ledger(&mut chance));
        let extracts = Extracts::of(Arc::clone(&whole));
        let record = machine(&mut chance);
        for device in whole.devices.iter().map(Some).chain([None]) {
            let judge = |ledger: &Ledger| {
                let surroundings = &Surroundings::ALONE;
                let evidence = Evidence { record: Some(&record), device, ledger, now, surroundings };
                let judged = articles::judge(&evidence);
                let changes = daicho_rules::violation::reconcile(&[], "PC", &judged, &evidence);
                let cleared: usize = judged.iter().map(|judged| judged.assessment.cleared.len()).sum();
                (format!("{judged:?} {changes:?}"), cleared, ledger.accounts.len())
            };
            let (said, _, rows) = extracts.with(device, std::iter::once(&record), judge);
            let (expected, cleared, all) = judge(&whole);
            assert_eq!(said, expected, "{record:?} {whole:?}");
            smaller += usize::from(rows < all);
            approved += cleared;
        }
    }
    assert!(smaller > 1_000 && approved > 1_000, "the test tests something: {smaller}, {approved}");
}
