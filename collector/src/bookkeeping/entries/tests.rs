//! Sheets as people draw them: what becomes an entry, and what is told of the rest.

use daicho_rules::ledger::DeviceStatus;
use rust_xlsxwriter::{Color, Format, Workbook, Worksheet};

use crate::bookkeeping::grid::Mark;
use crate::bookkeeping::tests::{file, known};
use crate::bookkeeping::{Mapping, RawFile, Reading, read_files, reading};
use crate::grpc::bookkeeping::wire;

fn workbook(sheets: &[(&str, &[&[&str]])], then: impl Fn(&mut Worksheet)) -> RawFile {
    let mut book = Workbook::new();
    for (name, rows) in sheets {
        let sheet = book.add_worksheet().set_name(*name).unwrap();
        for (row, cells) in (0..).zip(*rows) {
            for (column, cell) in (0..).zip(*cells).filter(|(_, cell)| !cell.is_empty()) {
                sheet.write(row, column, *cell).unwrap();
            }
        }
        then(sheet);
    }
    file("台帳.xlsx", book.save_to_buffer().unwrap())
}

fn read(files: &[RawFile]) -> Reading {
    read_files(files, &Mapping::new(), &known())
}

fn csv(devices: &str) -> Reading {
    read(&[file("devices.csv", devices)])
}

fn ids(reading: &Reading) -> Vec<&str> {
    reading.ledger.devices.iter().map(|device| device.device_id.as_str()).collect()
}

fn kinds(reading: &Reading) -> Vec<(&str, &[u32])> {
    reading.remarks.iter().map(|remark| (remark.kind, remark.rows.as_slice())).collect()
}

#[test]
fn what_is_struck_through_is_gone_and_an_approval_struck_through_is_none() {
    let struck = Format::new().set_font_strikethrough();
    let sheets: [(&str, &[&[&str]]); 3] = [
        ("機器", &[&["機器ID", "状態"], &["PC-1", "使用中"]]),
        ("アカウント", &[&["対象機器", "アカウント"], &["PC-1", "tanaka"]]),
        ("外部記録媒体", &[&["媒体ID", "製造番号"], &["U1", "AA01"]]),
    ];
    let rows = [("PC-2", "使用中"), ("PC-1", "yamada"), ("U2", "AA02")];
    let mut book = Workbook::new();
    for ((name, cells), (first, second)) in sheets.iter().zip(rows) {
        let sheet = book.add_worksheet().set_name(*name).unwrap();
        sheet.write_row_matrix(0, 0, cells.iter().map(|row| row.to_vec())).unwrap();
        sheet.write_with_format(2, 0, first, &struck).unwrap();
        sheet.write_with_format(2, 1, second, &struck).unwrap();
    }
    let files = [file("台帳.xlsx", book.save_to_buffer().unwrap())];
    let reading = read(&files);
    assert_eq!(reading.faults.0, []);
    let statuses: Vec<_> = reading.ledger.devices.iter().map(|device| device.status).collect();
    assert_eq!(statuses, [DeviceStatus::InUse, DeviceStatus::Retired]);
    assert_eq!((reading.ledger.accounts.len(), reading.ledger.media.len()), (1, 1));
    assert_eq!(kinds(&reading), [("struck", &[3][..]); 3]);
    // The collector reads the grids again: what is struck through must reach it.
    let opened = reading::open(&files, &Mapping::new());
    let grids = opened.grids.into_iter().map(wire::grid_to_wire).collect();
    let sent = wire::submission(daicho_proto::wire::LedgerImportRequest { grids, ..Default::default() });
    let there = reading::interpret(sent.unwrap().opened, &Mapping::new(), &known());
    assert_eq!(there.ledger, reading.ledger);
}

#[test]
fn hidden_and_grey_rows_are_read_and_told() {
    let grey = Format::new().set_background_color(Color::RGB(0x00C0_C0C0));
    let rows: &[&[&str]] = &[&["機器ID", "設置場所"], &["PC-1", "a"]];
    let file = workbook(&[("機器", rows)], |sheet| {
        sheet.write_with_format(2, 0, "PC-2", &grey).unwrap();
        sheet.set_row_hidden(1).unwrap();
        sheet.set_column_hidden(1).unwrap();
    });
    let reading = read(&[file]);
    assert_eq!(ids(&reading), ["PC-1", "PC-2"]);
    assert_eq!(reading.ledger.devices[1].status, DeviceStatus::InUse, "grey is not guessed");
    let expected = [("hidden_columns", &[][..]), ("grey", &[3]), ("hidden", &[2])];
    assert_eq!(kinds(&reading), expected);
}

#[test]
fn a_place_merged_down_holds_for_its_rows_and_a_banner_is_no_device() {
    let rows: &[&[&str]] = &[&["設置場所", "機器ID"], &["", ""], &["", "PC-1"], &["", "PC-2"], &["", "PC-3"]];
    let file = workbook(&[("機器", rows)], |sheet| {
        let plain = Format::new();
        sheet.merge_range(1, 0, 1, 1, "◆本館", &plain).unwrap();
        sheet.merge_range(2, 0, 3, 0, "2F", &plain).unwrap();
    });
    let reading = read(&[file]);
    let places: Vec<_> = reading.ledger.devices.iter().map(|device| device.location.as_deref()).collect();
    assert_eq!((ids(&reading), places), (vec!["PC-1", "PC-2", "PC-3"], vec![Some("2F"), Some("2F"), None]));
    assert_eq!(kinds(&reading), [("banners", &[2][..])]);
    let opened = reading::open(&[], &Mapping::new());
    assert!(opened.grids.iter().all(|grid| grid.rows.iter().all(|row| !row.marks.contains(&Mark::Banner))));
}

#[test]
fn headings_of_two_rows_are_read_together() {
    let media = "媒体ID,利用期間,,承認者\n,開始,終了,\nU1,2026-04-01,2027-03-31,事務長\n";
    let reading = read(&[file("devices.csv", "機器ID\nPC-1\n"), file("media.csv", media)]);
    assert_eq!(reading.faults.0, []);
    let [medium] = &reading.ledger.media[..] else { panic!("one medium") };
    assert_eq!(medium.approved_until.map(|day| day.to_string()).as_deref(), Some("2027-03-31"));
    assert_eq!(reading.mapping["media"]["利用期間 終了"], "approved_until");
}

#[test]
fn sums_notes_and_headings_again_are_left_out_and_a_device_beside_them_is_not() {
    let reading = csv(
        "機器ID,設置場所,台数\nPC-1,本館,1\n機器ID,設置場所,台数\n計PC,別館,1\n合計,,2\n※ 廃棄は別表,,\n",
    );
    assert_eq!(ids(&reading), ["PC-1", "計PC"]);
    assert_eq!(kinds(&reading), [("headings", &[3][..]), ("notes", &[6]), ("totals", &[5])]);
}

#[test]
fn a_ditto_mark_is_the_value_above_and_never_an_id() {
    let reading = csv("機器ID,設置場所,備考\nPC-1,本館,a\nPC-2,〃,同 上\n〃,〃,\n");
    assert_eq!(reading.ledger.devices[1].location.as_deref(), Some("本館"));
    assert_eq!(reading.ledger.devices[1].note.as_deref(), Some("a"));
    assert_eq!(reading.faults.0.len(), 1, "{:?}", reading.faults);
    assert!(reading.faults.0[0].expected.en.contains("ditto"), "told as what it is, not as a duplicate");
    assert_eq!((reading.faults.0[0].row, reading.faults.0[0].column.as_deref()), (Some(4), Some("機器ID")));
}

#[test]
fn two_devices_in_one_row_are_taken_apart_or_told() {
    let reading = csv("機器ID,ホスト名,製造番号,設置場所\nPC-1、PC-2,a、b,,本館\n");
    assert_eq!((ids(&reading), reading.faults.0.len()), (vec!["PC-1", "PC-2"], 0));
    assert_eq!(reading.ledger.devices[1].hostname.as_deref(), Some("b"));
    let reading = csv("機器ID,製造番号\n\"PC-1\nPC-2\",S1\nPC-3,\"S3\nS4\"\n");
    let columns: Vec<_> = reading.faults.0.iter().map(|fault| (fault.row, fault.column.as_deref())).collect();
    assert_eq!(columns, [(Some(2), Some("製造番号")), (Some(3), Some("製造番号"))]);
}

#[test]
fn a_sheet_with_a_name_of_its_own_is_proposed_by_its_headings_and_can_be_told_otherwise() {
    let rows: &[&[&str]] = &[&["管理番号", "PC名", "シリアル"], &["PC-1", "a", "001"]];
    let files = [workbook(&[("本館2F", rows)], |_| ())];
    let reading = read(&files);
    assert_eq!(reading.ledger.devices[0].location.as_deref(), Some("本館2F"));
    let [proposal] = &reading.proposals[..] else { panic!("one proposal") };
    assert_eq!((proposal.plan, proposal.score, proposal.reasons.len()), ("devices", 100, 3));
    let told = [("*".to_owned(), "unread".to_owned())].into();
    let mapping = Mapping::from([("本館2F".to_owned(), told)]);
    let reading = read_files(&files, &mapping, &known());
    assert_eq!((ids(&reading).len(), reading.unread.as_slice()), (0, &["台帳.xlsx 本館2F".to_owned()][..]));
}

#[test]
fn a_sheet_that_nobody_can_place_is_a_fault_and_not_silence() {
    let rows: &[&[&str]] = &[&["PC名", "シリアル"], &["a", "001"]];
    let devices: &[&[&str]] = &[&["機器ID"], &["PC-1"]];
    let reading = read(&[workbook(&[("機器", devices), ("別館", rows)], |_| ())]);
    assert_eq!(reading.faults.0.len(), 1);
    let fault = &reading.faults.0[0];
    assert_eq!(fault.sheet.as_deref(), Some("別館"));
    assert!(fault.expected.en.contains("--mapping") && fault.expected.en.contains("PC名 → hostname"));
}

#[test]
fn passwords_under_a_heading_over_several_columns_and_in_foreign_sheets_are_never_shown() {
    let devices: &[&[&str]] = &[
        &["機器ID", "パスワード", "", "備考"],
        &["", "管理者", "利用者", ""],
        &["PC-1", "s3cret-a", "s3cret-b", "x"],
        &["PC-2", "s3cret-c", "s3cret-b", "y"],
    ];
    let routers: &[&[&str]] = &[&["拠点", "初期PW"], &["本院", "s3cret-b"]];
    let files = [workbook(&[("機器", devices), ("回線", routers)], |_| ())];
    let reading = read(&files);
    assert_eq!(reading.faults.0, []);
    assert!(!format!("{reading:?}").contains("s3cret"), "{reading:?}");
    assert!(!format!("{:?}", reading::open(&files, &Mapping::new())).contains("s3cret"));
    assert_eq!(reading.passwords.expect("recognised").equal_groups, [3]);
    assert_eq!(reading.ledger.devices.len(), 2);
}
