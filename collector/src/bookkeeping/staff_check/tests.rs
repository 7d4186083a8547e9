//! Leavers, as a personnel office lists them, against a hospital's accounts.

use daicho_rules::ledger::{ApprovedAccount, Scope};

use super::*;
use crate::bookkeeping::RawFile;

fn today() -> Date {
    Date::constant(2026, 11, 23)
}

fn list(text: &str) -> People {
    people::read(&RawFile { name: "leavers.csv".to_owned(), bytes: text.as_bytes().to_vec() })
}

fn machine(device: &str, accounts: &[(&str, &str)]) -> Machine {
    let account = |(name, full_name): &(&str, &str)| Account {
        name: (*name).to_owned(),
        full_name: (!full_name.is_empty()).then(|| (*full_name).to_owned()),
        enabled: Some(true),
        interactive: Some(true),
    };
    Machine {
        device: device.to_owned(),
        accounts: Some(accounts.iter().map(account).collect()),
        problems: Vec::new(),
    }
}

fn staff(id: &str, name: &str, reading: &str) -> Staff {
    Staff {
        staff_id: id.to_owned(),
        name: Some(name.to_owned()),
        extra: vec![("フリガナ".to_owned(), reading.to_owned())],
        ..Staff::default()
    }
}

/// Account, how sure, whom it fits as well.
fn told(answer: &Answer) -> Vec<(String, Strength, usize)> {
    let matches = answer.leavers.iter().flat_map(|leaver| &leaver.matches);
    let machines = matches.filter(|one| matches!(one.place, Where::Machine { .. }));
    machines.map(|one| (one.account.clone(), one.strength, one.also.len())).collect()
}

const TANAKA: &str =
    "退職者一覧\n令和8年11月1日現在\n職員番号,氏名,ﾌﾘｶﾞﾅ,退職日\n01234,田中　太郎,ﾀﾅｶ ﾀﾛｳ,令和8年10月31日\n";

#[test]
fn accounts_are_found_by_number_name_reading_and_the_customs_of_login_names() {
    let cases = [
        ("01234", "", Some(Strength::Certain)),
        ("HOSP\\01234", "", Some(Strength::Certain)),
        ("s01234", "", Some(Strength::Likely)),
        ("1234", "", Some(Strength::Likely)),
        ("ward3", "田中 太郎", Some(Strength::Likely)),
        ("ward3", "タナカタロウ", Some(Strength::Likely)),
        ("ward3", "たなか　たろう", Some(Strength::Likely)),
        ("tanaka.taro", "", Some(Strength::Likely)),
        ("TarouTanaka", "", Some(Strength::Likely)),
        ("tanaka_taro2", "", Some(Strength::Possible)),
        ("t.tanaka", "", Some(Strength::Possible)),
        ("tanakat", "", Some(Strength::Possible)),
        ("ttanaka", "", Some(Strength::Possible)),
        ("tanaka", "", Some(Strength::Possible)),
        ("tanabe", "", None),
        ("k.tanaka", "", None),
        ("tanaka.jiro", "田中次郎", None),
        ("91234", "", None),
        ("root", "", None),
    ];
    for (account, full_name, expected) in cases {
        let machines = [machine("PC-01", &[(account, full_name)])];
        let answer = check(&list(TANAKA), &Ledger::default(), &machines, None, today());
        assert_eq!(answer.leavers.len(), 1, "{answer:?}");
        let strength = told(&answer).first().map(|(_, strength, _)| *strength);
        assert_eq!(strength, expected, "{account} {full_name}");
    }
}

#[test]
fn an_account_that_fits_two_people_is_told_and_not_decided() {
    let ledger =
        Ledger { staff: vec![staff("05555", "田中太郎", "タナカ タロウ")], ..Ledger::default() };
    let machines = [machine("PC-01", &[("tanaka.taro", "田中太郎"), ("01234", "")])];
    let answer = check(&list(TANAKA), &ledger, &machines, None, today());
    assert_eq!(
        told(&answer),
        [("01234".to_owned(), Strength::Certain, 0), ("tanaka.taro".to_owned(), Strength::Likely, 1)]
    );
    let namesake = &answer.leavers[0].matches[1];
    assert_eq!((namesake.also[0].as_str(), &namesake.proposal), ("05555 田中太郎", &ask()));
    // The namesake's row of staff is nobody's business.
    assert_eq!(draft(&ledger, &answer, today()), (ledger, 0));
}

#[test]
fn the_ledger_and_the_electronic_record_are_compared_too_and_the_draft_marks_who_left() {
    let ledger = Ledger {
        staff: vec![
            staff("０１２３４", "田中太郎", "タナカ タロウ"),
            staff("02000", "佐藤花子", "サトウ ハナコ"),
        ],
        accounts: vec![ApprovedAccount {
            device: Scope::Device("SV-01".to_owned()),
            account: "ttnk".to_owned(),
            staff_id: Some("01234".to_owned()),
            ..ApprovedAccount::default()
        }],
        ..Ledger::default()
    };
    let record =
        list("利用者ID,パスワード,職員番号,氏名,カナ,有効\nK77,secret,01234,田中 太郎,タナカ タロウ,有効\n");
    let answer = check(&list(TANAKA), &ledger, &[], Some(&record), today());
    let found: Vec<(&str, Strength)> =
        answer.leavers[0].matches.iter().map(|one| (one.account.as_str(), one.strength)).collect();
    assert_eq!(
        found,
        [("ttnk", Strength::Certain), ("０１２３４", Strength::Certain), ("K77", Strength::Certain)]
    );
    assert!(!format!("{record:?} {answer:?}").contains("secret"));
    let (drafted, count) = draft(&ledger, &answer, today());
    assert_eq!(count, 1);
    assert_eq!(drafted.staff[0].status, StaffStatus::Retired);
    assert_eq!(drafted.staff[0].retired_on, Some(Date::constant(2026, 10, 31)));
    assert_eq!(drafted.staff[1], ledger.staff[1]);
    // Imported, it is said no more.
    let again = check(&list(TANAKA), &drafted, &[], None, today());
    let staff = |one: &Match| matches!(one.place, Where::LedgerStaff { .. });
    assert!(!again.leavers[0].matches.iter().any(staff));
}

#[test]
fn whoever_leaves_later_keeps_the_status_until_then() {
    let ledger =
        Ledger { staff: vec![staff("01234", "田中太郎", "タナカ タロウ")], ..Ledger::default() };
    let text = TANAKA.replace("令和8年10月31日", "2027-03-31");
    let answer = check(&list(&text), &ledger, &[], None, today());
    let (drafted, count) = draft(&ledger, &answer, today());
    assert!(count == 0 || drafted.staff[0].status == StaffStatus::Active, "{drafted:?}");
}

#[test]
fn what_could_not_be_seen_is_told_and_rows_of_those_who_stay_are_left_out() {
    let device = daicho_rules::ledger::Device { device_id: "MRI-1".to_owned(), ..Default::default() };
    let ledger = Ledger { devices: vec![device], ..Ledger::default() };
    let blind = Machine {
        device: "PC-02".to_owned(),
        accounts: None,
        problems: vec!["SAM: access denied".to_owned()],
    };
    let list = list("職員番号,氏名,退職日\n01,佐藤,\n02,鈴木,2026-03-31\n");
    let answer = check(&list, &ledger, &[blind], None, today());
    assert_eq!(answer.leavers.len(), 1);
    assert_eq!(answer.left_out.len(), 1);
    let untold: Vec<&str> = answer.untold.iter().map(|text| text.en.as_str()).collect();
    assert!(untold[0].contains("PC-02") && untold[0].contains("access denied"), "{untold:?}");
    assert!(untold[1].contains("MRI-1"), "{untold:?}");
}

#[test]
fn a_date_that_is_none_is_a_fault_with_its_place() {
    let list = list("職員番号,氏名,退職日\n01,佐藤,7/5/16\n");
    let fault = &list.faults.0[0];
    assert_eq!((fault.row, fault.value.as_deref()), (Some(2), Some("7/5/16")));
    assert!(
        people::read(&RawFile { name: "x.csv".to_owned(), bytes: b"a,b\n1,2\n".to_vec() }).faults.0.len()
            == 1
    );
}
