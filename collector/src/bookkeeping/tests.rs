//! What the door lets in, and what it says of the rest.

use daicho_rules::ledger::{DeviceKind, DeviceStatus, MediumPurpose, Scope, StaffStatus};
use daicho_rules::rule::Setting;
use daicho_rules::text::Language;
use jiff::civil::date;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};

use super::sheets::Known;
use super::{Mapping, RawFile, Reading, read_files};

pub(crate) fn known() -> Known {
    let setting =
        Setting { key: "08.unused_days_max", default: 90, range: (1, 3_650), meaning: ("日数", "days") };
    Known {
        rules: vec!["08.retired_staff".to_owned(), "04.unlisted_device".to_owned()],
        settings: vec![setting],
    }
}

pub(crate) fn file(name: &str, bytes: impl AsRef<[u8]>) -> RawFile {
    RawFile { name: name.to_owned(), bytes: bytes.as_ref().to_vec() }
}

fn read(files: &[(&str, &str)]) -> Reading {
    let files: Vec<RawFile> = files.iter().map(|(name, text)| file(name, text)).collect();
    read_files(&files, &Mapping::new(), &known())
}

/// The faults as `place column value`.
fn faults(reading: &Reading) -> Vec<String> {
    let shown = reading.faults.0.iter().map(|fault| {
        let column = fault.column.as_deref().unwrap_or("-");
        format!("{} {column} {:?}", fault.place(), fault.value.as_deref().unwrap_or_default())
    });
    shown.collect()
}

fn check_faults(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(faults(&read(files)), expected);
}

const DEVICES: (&str, &str) = ("devices.csv", "device_id,group\nSV-01,ward\n");

#[test]
fn a_japanese_ledger_is_read_whatever_its_encoding() {
    let text = "機器台帳　○○病院,,\r\n\r\n機器番号,種別,使用状況,製造番号,購入年\r\nＳＶ－０１,サーバー,使用中,不明,令和5年\r\n,,,,\r\nPC-髙①,端末PC,廃棄,0012,\r\n";
    let utf16: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let with_mark = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    let (cp932, _, lossy) = encoding_rs::SHIFT_JIS.encode(text);
    assert!(!lossy);
    for bytes in [text.as_bytes(), &with_mark, &cp932, &utf16] {
        let reading = read_files(&[file("機器台帳.csv", bytes)], &Mapping::new(), &known());
        assert_eq!(faults(&reading), [""; 0]);
        let [server, terminal] = &reading.ledger.devices[..] else { panic!("two devices") };
        assert_eq!((server.device_id.as_str(), server.kind), ("ＳＶ－０１", DeviceKind::Server));
        assert_eq!(server.serial_number, None, "不明 is no serial number");
        assert_eq!(server.extra, [("購入年".to_owned(), "令和5年".to_owned())]);
        assert_eq!((server.row.row, terminal.row.row), (4, 6), "rows as Excel counts");
        assert_eq!((terminal.device_id.as_str(), terminal.status), ("PC-髙①", DeviceStatus::Retired));
        assert_eq!(terminal.serial_number.as_deref(), Some("0012"), "zeros at the front stay");
        assert_eq!(reading.mapping["devices"]["機器番号"], "device_id");
        assert_eq!(reading.missing[0], "staff");
    }
}

#[test]
fn a_workbook_is_read_with_its_dates_and_numbers() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name("機器").unwrap();
    sheet.write_row(0, 0, ["機器ID", "シリアル番号"]).unwrap();
    sheet.write(1, 0, 12_345_678).unwrap();
    sheet.write(1, 1, "AB-1").unwrap();
    let sheet = workbook.add_worksheet().set_name("職員").unwrap();
    sheet.write_row(4, 2, ["職員番号", "氏名", "状態", "退職日"]).unwrap();
    let day = ExcelDateTime::from_ymd(2026, 5, 16).unwrap();
    for (row, code) in ["[$-411]ggge\"年\"m\"月\"d\"日\"", "yyyy/m/d"].iter().enumerate() {
        let row = u32::try_from(row).unwrap() + 5;
        sheet.write(row, 2, row).unwrap();
        sheet.write(row, 3, "田中").unwrap();
        sheet.write(row, 4, "退職").unwrap();
        sheet.write_with_format(row, 5, &day, &Format::new().set_num_format(*code)).unwrap();
    }
    // A day whose format was lost is a bare number, and may as well be six digits that lost their zero.
    sheet.write_row(7, 2, ["X7", "佐藤", "在職"]).unwrap();
    sheet.write(7, 5, 46_158).unwrap();
    workbook.add_worksheet().set_name("メモ").unwrap().write(0, 0, "覚え書き").unwrap();
    let bytes = workbook.save_to_buffer().unwrap();
    let reading = read_files(&[file("台帳.xlsx", bytes)], &Mapping::new(), &known());
    assert_eq!(faults(&reading), ["台帳.xlsx 職員:8 退職日 \"46158\""]);
    assert_eq!(reading.ledger.devices[0].device_id, "12345678", "no exponent, no fraction");
    let days: Vec<_> = reading.ledger.staff.iter().map(|member| member.retired_on).collect();
    assert_eq!(days, [Some(date(2026, 5, 16)), Some(date(2026, 5, 16)), None]);
    assert_eq!(reading.ledger.staff[0].row.to_string(), "職員:6");
    assert_eq!(reading.ledger.staff[0].status, StaffStatus::Retired);
    assert_eq!(reading.unread, ["台帳.xlsx メモ"]);
}

#[test]
fn every_fault_is_told_at_once_with_its_place() {
    let files = [
        (
            "devices.csv",
            "機器ID,種別,状態,グループ\nSV-01,サーバ,使用中,ward\nsv-01,冷蔵庫,使用中,\n,端末,行方不明,\n",
        ),
        ("staff.csv", "staff_id,status,retired_on\n1,退職,7/5/16\n"),
        (
            "accounts.csv",
            "device,account,staff_id,privileged\nSV-01,tanaka,1,たぶん\nSV-02,sato,2,\ngroup:wards,abe,,\n,ito,,\nSV-01,〃,,\n",
        ),
        ("media.csv", "media_id,vendor_id,approved_from,approved_until\nU1,zz,2026-04-01,2026-03-31\n"),
        ("patches.csv", "device,manager,name,minimum_version\n*,homebrew,openssl,\n*,rpm,openssl,a b\n"),
        (
            "exceptions.csv",
            "rule,device,subject,reason,approved_by,expires_on\n08.retired,*,tanaka,引継ぎ,,\n",
        ),
        ("settings.csv", "key,value\n08.unused_days_max,0\n8.unused,90\n"),
    ];
    let expected = [
        "devices.csv:3 種別 \"冷蔵庫\"",
        "devices.csv:4 機器ID \"\"",
        "devices.csv:4 状態 \"行方不明\"",
        "staff.csv:2 retired_on \"7/5/16\"",
        "accounts.csv:2 privileged \"たぶん\"",
        "accounts.csv:5 device \"\"",
        "accounts.csv:6 account \"〃\"",
        "media.csv:2 vendor_id \"zz\"",
        "media.csv:2 approved_until \"2026-03-31\"",
        "patches.csv:2 manager \"homebrew\"",
        "patches.csv:2 minimum_version \"\"",
        "patches.csv:3 minimum_version \"a b\"",
        "exceptions.csv:2 rule \"08.retired\"",
        "exceptions.csv:2 approved_by \"\"",
        "exceptions.csv:2 expires_on \"\"",
        "settings.csv:2 value \"0\"",
        "settings.csv:3 key \"8.unused\"",
        "devices.csv:3 機器ID \"sv-01\"",
        "accounts.csv:3 device \"SV-02\"",
        "accounts.csv:4 device \"group:wards\"",
        "accounts.csv:3 staff_id \"2\"",
    ];
    check_faults(&files, &expected);
    let unknown = &read(&files).faults.0[16];
    assert!(unknown.expected.en.contains("08.unused_days_max"), "the known settings are listed");
    let json = unknown.to_json(Language::English);
    assert_eq!((json["row"].as_u64(), json["sheet"].as_str()), (Some(3), Some("settings")));
}

#[test]
fn what_excel_spoils_is_a_fault() {
    check_faults(
        &[("devices.csv", "機器ID,製造番号\nPC-1,1.23E+11\nPC-2,5E12\n")],
        &["devices.csv:2 製造番号 \"1.23E+11\""],
    );
}

#[test]
fn missing_columns_and_a_missing_sheet_are_faults() {
    check_faults(&[("devices.csv", "品名,数量\nPC,3\n")], &["devices.csv device_id \"\""]);
    check_faults(&[("staff.csv", "staff_id\n1\n")], &["devices.csv - \"\""]);
    check_faults(&[("devices.csv", "")], &["devices.csv device_id \"\""]);
    check_faults(&[DEVICES, ("settings.csv", "key\nx\n")], &["settings.csv:1 value \"\""]);
}

#[test]
fn two_columns_for_one_field_are_a_fault_and_a_better_heading_wins() {
    check_faults(&[("devices.csv", "機器ID,機器ID\na,b\n")], &["devices.csv:1 機器ID \"機器ID\""]);
    let reading = read(&[("devices.csv", "管理番号,機器ID\na,b\n")]);
    assert_eq!(faults(&reading), [""; 0]);
    assert_eq!(reading.ledger.devices[0].device_id, "b");
    assert_eq!(reading.ledger.devices[0].extra, [("管理番号".to_owned(), "a".to_owned())]);
}

#[test]
fn a_mapping_by_hand_wins() {
    let files = [file("devices.csv", "番号,機器ID\na,b\n")];
    let columns = [("番号", "device_id"), ("機器ID", "extra")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    let mut mapping = Mapping::from([("devices".to_owned(), columns.into())]);
    assert_eq!(read_files(&files, &mapping, &known()).ledger.devices[0].device_id, "a");
    mapping.get_mut("devices").unwrap().insert("所在".to_owned(), "location".to_owned());
    assert_eq!(faults(&read_files(&files, &mapping, &known())), ["devices.csv:1 所在 \"location\""]);
}

#[test]
fn approvals_for_every_machine_are_written_down() {
    let reading = read(&[
        DEVICES,
        (
            "services.csv",
            "機器,サービス名,用途,承認者\nすべて,sshd*,保守,事務長\nグループ：ward,cups,印刷,事務長\n",
        ),
        (
            "media.csv",
            "媒体ID,VID,製造番号,用途,対象機器,スキャン\nU1,0781,001,バックアップ,,○\nU2,781,002,業務,SV-01,×\n",
        ),
    ]);
    assert_eq!(faults(&reading), [""; 0]);
    let scopes: Vec<_> = reading.ledger.services.iter().map(|row| row.device.clone()).collect();
    assert_eq!(scopes, [Scope::All, Scope::Group("ward".to_owned())]);
    let [first, second] = &reading.ledger.media[..] else { panic!("two media") };
    assert_eq!(first.vendor_id, second.vendor_id, "a zero that Excel dropped is put back");
    assert_eq!((first.purpose, first.scan_required), (MediumPurpose::Backup, Some(true)));
    assert_eq!(
        (second.device.clone(), second.scan_required),
        (Scope::Device("SV-01".to_owned()), Some(false))
    );
}

#[test]
fn a_password_never_leaves_the_reading() {
    let devices =
        "機器ID,管理者ID・PW,備考\nSV-01,hunter2-secret,a\nSV-02,hunter2-secret,b\nSV-03,other-secret,\n";
    let accounts = "device,account,パスワード\nSV-99,x,hunter2-secret\nSV-01,y,\n";
    let files = [file("devices.csv", devices), file("accounts.csv", accounts)];
    let opened = super::reading::open(&files, &Mapping::new());
    assert!(!format!("{opened:?}").contains("secret"), "not even what is sent to the collector");
    let by_hand = [("パスワード".to_owned(), "note".to_owned())].into();
    let mapping = Mapping::from([("accounts".to_owned(), by_hand)]);
    let reading = read_files(&files, &mapping, &known());
    assert_eq!(reading.faults.0.len(), 1, "the unknown device");
    assert!(!format!("{reading:?}").contains("secret"), "whatever a mapping says");
    assert!(!serde_json::to_string(&reading.ledger).unwrap().contains("secret"));
    let passwords = reading.passwords.expect("recognised");
    assert_eq!(passwords.column, "管理者ID・PW, パスワード");
    assert_eq!(passwords.equal_groups, [3]);
}

#[test]
fn what_is_no_table_is_a_fault_and_never_a_panic() {
    let zip_of_nothing = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let contents: [&[u8]; 4] =
        [b"", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", zip_of_nothing, b"PK\x03\x04 damaged"];
    for bytes in contents {
        let reading = read_files(&[file("台帳.xlsx", bytes)], &Mapping::new(), &known());
        assert_eq!(reading.faults.0.len(), 1, "{bytes:?}");
        assert_eq!(reading.faults.0[0].file, "台帳.xlsx");
    }
    check_faults(&[("devices.csv", "\u{0}PNG")], &["devices.csv - \"\""]);
}

#[test]
fn a_cell_in_the_last_corner_costs_nothing() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name("機器").unwrap();
    sheet.write(0, 0, "機器ID").unwrap();
    sheet.write(1_048_575, 16_383, "x").unwrap();
    let reading =
        read_files(&[file("a.xlsx", workbook.save_to_buffer().unwrap())], &Mapping::new(), &known());
    assert_eq!(faults(&reading), ["a.xlsx 機器:1048576 - \"\""]);
}
