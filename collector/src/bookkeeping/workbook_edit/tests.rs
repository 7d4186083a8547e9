//! What is written back reads as the ledger, and nothing else of the workbook changed.

use daicho_rules::ledger::{Device, DeviceKind};
use rust_xlsxwriter::{Format, Note as TheirNote, Table, TableColumn, Workbook};

use super::super::tests::{file, known};
use super::super::{Mapping, read_files};
use super::marks::Origin;
use super::*;

/// A department's workbook: a title, three machines, a date, a formula, a comment, a table, a filter by hand.
fn theirs() -> RawFile {
    let mut book = Workbook::new();
    let page = book.add_worksheet().set_name("機器").unwrap();
    page.write(0, 0, "医療情報機器 台帳").unwrap();
    let headings = ["機器ID", "ホスト名", "種別", "設置場所", "購入日", "税込"];
    let columns: Vec<TableColumn> =
        headings.iter().map(|text| TableColumn::new().set_header(*text)).collect();
    page.add_table(2, 0, 5, 5, &Table::new().set_columns(&columns)).unwrap();
    let day = Format::new().set_num_format("yyyy/m/d");
    let bold = Format::new().set_bold();
    for (row, id) in (3..).zip(["SV-01", "PC-01", "PC-02"]) {
        page.write(row, 0, id).unwrap().write(row, 1, format!("host-{id}")).unwrap();
        page.write(row, 2, "端末").unwrap().write_with_format(row, 3, "2F", &bold).unwrap();
        page.write_with_format(row, 4, 45_383, &day).unwrap();
        page.write_formula(row, 5, "=100*1.1").unwrap();
    }
    page.insert_note(3, 3, &TheirNote::new("元のコメント")).unwrap();
    page.set_column_width(3, 31).unwrap();
    let other = book.add_worksheet().set_name("メモ帳").unwrap();
    other.write(0, 0, "触らない").unwrap();
    file("台帳.xlsx", book.save_to_buffer().unwrap())
}

fn origin() -> Origin {
    Origin { version: 7, by: "suzuki".to_owned(), day: "2026-05-16".to_owned() }
}

fn ledger_of(file: &RawFile) -> Ledger {
    let reading = read_files(std::slice::from_ref(file), &Mapping::new(), &known());
    assert!(reading.faults.0.is_empty(), "{}", reading.faults);
    reading.ledger
}

fn back(file: &RawFile, ledger: &Ledger) -> Written {
    let origin = origin();
    let marks = Marks { current: &origin, history: &[] };
    write_back(file, &Mapping::new(), &known(), ledger, &marks, true).unwrap()
}

fn part(bytes: &[u8], name: &str) -> String {
    Package::open(bytes).unwrap().needed(name).unwrap()
}

#[test]
fn a_workbook_that_says_the_same_stays_the_same_file() {
    let file = theirs();
    let written = back(&file, &ledger_of(&file));
    assert_eq!(written.bytes, file.bytes);
    assert!(written.left.is_empty() && written.cells == 0 && written.rows == 0);
}

#[test]
fn changes_new_rows_and_vanished_ones_are_written_and_marked() {
    let file = theirs();
    let mut ledger = ledger_of(&file);
    ledger.devices[0].location = Some("=HYPERLINK(\"http://x\")<&>".to_owned());
    ledger.devices[0].extra.iter_mut().find(|(title, _)| title == "購入日").unwrap().1 =
        "2026-05-16".to_owned();
    ledger.devices.remove(1);
    ledger.devices.push(Device {
        device_id: "0099".to_owned(),
        kind: DeviceKind::Server,
        location: Some("本館".to_owned()),
        ..Device::default()
    });
    let written = back(&file, &ledger);
    assert_eq!((written.cells, written.rows, written.vanished.len(), written.left.len()), (2, 1, 1, 0));
    let copy = RawFile { bytes: written.bytes.clone(), ..file.clone() };
    let after = ledger_of(&copy);
    let told: Vec<_> = after.devices.iter().map(|device| device.device_id.as_str()).collect();
    assert_eq!(told, ["SV-01", "PC-01", "PC-02", "0099"], "what vanished stands; what is new is below");
    assert_eq!(after.devices[0].location, ledger.devices[0].location);
    assert_eq!(after.devices[0].extra, ledger.devices[0].extra, "a day stays a day");
    assert_eq!((after.devices[3].kind, after.devices[3].row.row), (DeviceKind::Server, 7));

    let sheet = part(&written.bytes, "xl/worksheets/sheet1.xml");
    assert!(sheet.contains("<f>100*1.1</f>"), "a formula stays");
    assert!(sheet.contains("<v>46158</v>"), "the day is a day of Excel");
    assert!(!sheet.contains("<f>=HYPERLINK"), "no text of the ledger is a formula");
    let comments = part(&written.bytes, "xl/comments1.xml");
    assert!(comments.contains("元のコメント"), "their comment stays");
    assert!(
        comments.contains("変更前: 2F") && comments.contains("第7版（suzuki、2026-05-16）"),
        "{comments}"
    );
    assert!(comments.contains("【要確認】") && comments.contains("【追加】"));
    assert!(
        part(&written.bytes, "xl/tables/table1.xml").contains("ref=\"A3:F7\""),
        "the table takes the row in"
    );
    assert_eq!(
        part(&written.bytes, "xl/worksheets/sheet2.xml"),
        part(&file.bytes, "xl/worksheets/sheet2.xml")
    );
    assert_eq!(part(&written.bytes, "xl/styles.xml"), part(&file.bytes, "xl/styles.xml"));
    assert_eq!(properties::version(&written.bytes), Some(7));

    // Once more: only what vanished still differs, and it is marked already.
    let again = back(&copy, &ledger);
    assert_eq!(again.bytes, copy.bytes);
    // A third version finds our own property, comments and drawing there.
    ledger.devices[0].location = Some("4F".to_owned());
    let third = back(&copy, &ledger);
    assert_eq!(ledger_of(&RawFile { bytes: third.bytes, ..file }).devices[0].location.as_deref(), Some("4F"));
}

#[test]
fn a_formula_is_never_overwritten_and_what_has_no_column_is_told() {
    let file = theirs();
    let mut ledger = ledger_of(&file);
    ledger.devices[0].vendor = Some("A社".to_owned());
    let tax = ledger.devices[0].extra.iter_mut().find(|(title, _)| title == "税込");
    match tax {
        Some(tax) => tax.1 = "120".to_owned(),
        None => ledger.devices[0].extra.push(("税込".to_owned(), "120".to_owned())),
    }
    let written = back(&file, &ledger);
    let told: Vec<_> = written.left.iter().map(|left| (left.field.as_str(), left.value.as_str())).collect();
    assert_eq!(told, [("vendor", "A社"), ("税込", "120")]);
    assert!(part(&written.bytes, "xl/worksheets/sheet1.xml").contains("<f>100*1.1</f>"));
    assert!(part(&written.bytes, "xl/comments1.xml").contains("税込 は台帳では: 120"));
    let again = back(&RawFile { bytes: written.bytes.clone(), ..file }, &ledger);
    assert_eq!(again.bytes, written.bytes, "what is marked is not marked twice");
}

#[test]
fn totals_below_are_never_written_over() {
    let mut book = Workbook::new();
    let page = book.add_worksheet().set_name("機器").unwrap();
    page.write(0, 0, "機器ID").unwrap().write(0, 1, "設置場所").unwrap().write(0, 2, "No.").unwrap();
    page.write(1, 0, "SV-01").unwrap().write(1, 1, "2F").unwrap().write(1, 2, 1).unwrap();
    page.write(2, 2, "合計 1 台").unwrap();
    let file = file("a.xlsx", book.save_to_buffer().unwrap());
    let mut ledger = ledger_of(&file);
    ledger.devices.push(Device { device_id: "SV-02".to_owned(), ..Device::default() });
    let written = back(&file, &ledger);
    assert_eq!((written.rows, written.left.len()), (0, 1));
    assert!(written.left[0].why.en.contains("insert 1 empty rows below row 2"), "{:?}", written.left);
    assert_eq!(written.bytes, file.bytes);
}

#[test]
fn other_forms_are_refused_with_a_sentence() {
    let origin = origin();
    let marks = Marks { current: &origin, history: &[] };
    for (name, says) in
        [("a.xls", "save it as .xlsx"), ("a.ods", "save it as .xlsx"), ("a.csv", "only workbooks")]
    {
        let file = RawFile { name: name.to_owned(), bytes: theirs().bytes };
        let refused = write_back(&file, &Mapping::new(), &known(), &Ledger::default(), &marks, true);
        let Err(Refused::Because(text)) = refused else { panic!("{name}") };
        assert!(text.en.contains(says), "{}", text.en);
    }
    let renamed = RawFile { name: "a.xlsx".to_owned(), bytes: b"\xD0\xCF\x11\xE0".to_vec() };
    let refused = write_back(&renamed, &Mapping::new(), &known(), &Ledger::default(), &marks, true);
    let Err(Refused::Because(text)) = refused else { panic!("an old .xls under another name") };
    assert!(text.en.contains("save it as .xlsx"), "{}", text.en);
}

/// The workbook with another part, or with one changed.
fn with_part(name: &str, change: impl FnOnce(&mut Package) -> String) -> RawFile {
    let mut package = Package::open(&theirs().bytes).unwrap();
    let text = change(&mut package);
    package.set(name, text);
    RawFile { bytes: package.finish().unwrap(), ..theirs() }
}

fn refused(file: &RawFile) -> Text {
    let origin = origin();
    let marks = Marks { current: &origin, history: &[] };
    let mut ledger = ledger_of(&theirs());
    ledger.devices[0].location = Some("4F".to_owned());
    match write_back(file, &Mapping::new(), &known(), &ledger, &marks, true) {
        Err(Refused::Because(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_signed_workbook_is_refused_wherever_its_signature_lies() {
    let usual = with_part("_xmlsignatures/sig1.xml", |_| "<Signature/>".to_owned());
    let elsewhere = with_part("[Content_Types].xml", |package| {
        let types = package.needed("[Content_Types].xml").unwrap();
        let signature = "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml";
        types.replace(
            "</Types>",
            &format!("<Override PartName=\"/sign/one.xml\" ContentType=\"{signature}\"/></Types>"),
        )
    });
    for file in [usual, elsewhere] {
        let text = refused(&file);
        assert!(text.en.contains("signed") && text.ja.contains("電子署名"), "{}", text.en);
    }
}

#[test]
fn strict_open_xml_is_refused_with_how_to_save_it() {
    let strict = with_part("_rels/.rels", |package| {
        let relationships = package.needed("_rels/.rels").unwrap();
        relationships.replace(
            "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument",
            "http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument",
        )
    });
    let text = refused(&strict);
    assert!(text.en.contains("Strict Open XML"), "{}", text.en);
}

#[test]
fn the_chain_of_calculation_stays_as_it_was_and_excel_is_told_to_calculate() {
    let chain = "<?xml version=\"1.0\"?><calcChain xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><c r=\"F4\" i=\"1\"/><c r=\"F5\" i=\"1\"/><c r=\"F6\" i=\"1\"/></calcChain>";
    let file = with_part("xl/calcChain.xml", |package| {
        let content = "application/vnd.openxmlformats-officedocument.spreadsheetml.calcChain+xml";
        package.declare("xl/calcChain.xml", content, false).unwrap();
        package.relate("xl/workbook.xml", "calcChain", "xl/calcChain.xml").unwrap();
        chain.to_owned()
    });
    let mut ledger = ledger_of(&file);
    ledger.devices[0].location = Some("4F".to_owned());
    ledger.devices.push(Device { device_id: "PC-09".to_owned(), ..Device::default() });
    let written = back(&file, &ledger);
    assert_eq!((written.cells, written.rows), (1, 1));
    // Each cell of the chain still holds its formula, and no new one does: a chain that lies is a repair in Excel.
    assert_eq!(part(&written.bytes, "xl/calcChain.xml"), chain);
    let sheet = Sheet::find(&part(&written.bytes, "xl/worksheets/sheet1.xml")).unwrap();
    let formulas: Vec<_> = sheet.cells.keys().filter(|spot| sheet.is_formula(**spot)).copied().collect();
    assert_eq!(formulas.into_iter().map(addresses::address).collect::<Vec<_>>(), ["F4", "F5", "F6"]);
    assert!(part(&written.bytes, "xl/workbook.xml").contains("fullCalcOnLoad=\"1\""));
}
