//! What the collector and `daicho` are given by others: ledgers, reports, requests, backups, logs, settings. Each is read by the function that everybody enters by.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;
use std::str::FromStr as _;
use std::sync::OnceLock;

use daicho_collector::admin::backup;
use daicho_collector::alerts::calendar::Holidays;
use daicho_collector::alerts::channels::{Message, Occasion};
use daicho_collector::alerts::templates::Templates;
use daicho_collector::alerts::wording;
use daicho_collector::authority::{self, Authority};
use daicho_collector::bookkeeping::export::{self, Style};
use daicho_collector::bookkeeping::sheets::Known;
use daicho_collector::bookkeeping::workbook_edit::{
    self,
    marks::{Marks, Origin},
};
use daicho_collector::bookkeeping::{self, Mapping, RawFile, example, staff_check};
use daicho_collector::chronicle::verifying::{self, Anchor};
use daicho_collector::identity::Caller;
use daicho_proto::codec::weight_of_observation;
use daicho_proto::document::Document;
use daicho_proto::endpoint::EndpointId;
use daicho_proto::observation::Observation;
use daicho_proto::token::{EnrolmentToken, Fingerprint};
use daicho_proto::versions::{Manager, compare};
use daicho_proto::wire;
use daicho_rules::ledger::Ledger;
use daicho_rules::text::Language;
use jiff::Timestamp;

/// Where a target of this room has its file.
pub const INPUT: &str = "/input";

/// Rows of each kind in the ledger that stands around what is fuzzed.
const ROWS: usize = 3;

pub(crate) fn input(root: &Path) -> Vec<u8> {
    fs::read(root.join("input")).unwrap_or_default()
}

fn text(root: &Path) -> String {
    String::from_utf8_lossy(&input(root)).into_owned()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_900_000_000).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn read_as(name: &str, bytes: Vec<u8>) {
    let file = RawFile { name: name.to_owned(), bytes };
    let (mapping, known) = (Mapping::new(), Known::of_the_house());
    let reading = bookkeeping::read_files(std::slice::from_ref(&file), &mapping, &known);
    drop(bookkeeping::answer::reading(&reading, Language::Japanese));
}

/// A workbook, as its container of parts.
pub fn workbook(root: &Path) {
    read_as("ledger.xlsx", input(root));
}

/// An old workbook.
pub fn old_workbook(root: &Path) {
    read_as("ledger.xls", input(root));
}

/// An OpenDocument workbook.
pub fn open_document(root: &Path) {
    read_as("ledger.ods", input(root));
}

/// One sheet in CSV, in whatever encoding.
pub fn csv(root: &Path) {
    read_as("accounts.csv", input(root));
}

/// Another sheet, with dates and words.
pub fn csv_of_media(root: &Path) {
    read_as("media.csv", input(root));
}

/// A sheet of a workbook that is whole otherwise.
pub fn sheet(root: &Path) {
    read_as("ledger.xlsx", with_part("xl/worksheets/sheet1.xml", &input(root)));
}

/// The texts of a workbook.
pub fn shared_strings(root: &Path) {
    read_as("ledger.xlsx", with_part("xl/sharedStrings.xml", &input(root)));
}

/// The forms of a workbook's cells: which numbers are dates.
pub fn styles(root: &Path) {
    read_as("ledger.xlsx", with_part("xl/styles.xml", &input(root)));
}

/// The list of a workbook's sheets.
pub fn workbook_part(root: &Path) {
    read_as("ledger.xlsx", with_part("xl/workbook.xml", &input(root)));
}

/// The properties in which a version of ours stands: read, and written anew.
pub fn properties(root: &Path) {
    write_into(with_part("docProps/custom.xml", &input(root)));
}

/// Writing our ledger back into a workbook whose first sheet somebody else made.
pub fn write_back(root: &Path) {
    write_into(with_part("xl/worksheets/sheet1.xml", &input(root)));
}

fn write_into(bytes: Vec<u8>) {
    let file = RawFile { name: "ledger.xlsx".to_owned(), bytes };
    let (mapping, known) = (Mapping::new(), Known::of_the_house());
    let ours = ours();
    let current = Origin { version: 7, ..Origin::default() };
    let marks = Marks { current: &current, history: &[] };
    drop(workbook_edit::write_back(&file, &mapping, &known, ours, &marks, true));
}

/// A ledger with some rows of each kind: hundreds would be read anew for each input.
fn ours() -> &'static Ledger {
    static OURS: OnceLock<Ledger> = OnceLock::new();
    OURS.get_or_init(|| {
        let mut ledger = example::ledger().expect("the example is sound");
        ledger.devices.truncate(ROWS);
        ledger.staff.truncate(ROWS);
        ledger.accounts.truncate(ROWS);
        ledger.services.truncate(ROWS);
        ledger.software.truncate(ROWS);
        ledger.media.truncate(ROWS);
        ledger.patches.truncate(ROWS);
        ledger.exceptions.truncate(ROWS);
        ledger.settings.truncate(ROWS);
        ledger
    })
}

/// A workbook of ours, part by part.
fn parts() -> &'static BTreeMap<String, Vec<u8>> {
    static PARTS: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    PARTS.get_or_init(|| {
        let style = Style { language: Language::Japanese, version: Some(7), settings: &[] };
        let bytes = export::xlsx(ours(), style, None).expect("the example can be written");
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a workbook is a zip archive");
        (0..archive.len())
            .map(|index| {
                let mut part = archive.by_index(index).expect("a part");
                let mut bytes = Vec::new();
                part.read_to_end(&mut bytes).expect("its bytes");
                (part.name().expect("a name").into_owned(), bytes)
            })
            .collect()
    })
}

fn with_part(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let others = parts().iter().filter(|(other, _)| *other != name);
    let others = others.map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    for (name, bytes) in others.chain([(name, bytes)]) {
        archive.start_file(name, stored).expect("a part can be begun in memory");
        archive.write_all(bytes).expect("a part can be written to memory");
    }
    archive.finish().expect("an archive can be finished in memory").into_inner()
}

/// A list of the staff, from the personnel office.
pub fn staff(root: &Path) {
    staff_check::people::read(&RawFile { name: "staff.csv".to_owned(), bytes: input(root) });
}

/// A mapping that a person wrote.
pub fn mapping(root: &Path) {
    if let Ok(mapping) = serde_json::from_slice::<Mapping>(&input(root)) {
        bookkeeping::read_files(&example::files(), &mapping, &Known::of_the_house());
    }
}

/// What an agent sends.
pub fn report(root: &Path) {
    // Whatever the bytes are: they are weighed before they are read.
    weight_of_observation(&input(root));
    if let Ok(report) = <wire::ReportRequest as prost::Message>::decode(input(root).as_slice()) {
        for observation in report.observations {
            if let Ok(observation) = Observation::try_from(observation) {
                let again: wire::Observation = observation.into();
                assert!(Observation::try_from(again).is_ok(), "what was understood is understood again");
            }
        }
    }
}

/// What whoever has no certificate sends: a token and a request for a certificate.
pub fn enrolment(root: &Path) {
    static AUTHORITY: OnceLock<(tempfile::TempDir, Authority)> = OnceLock::new();
    let (_, authority) = AUTHORITY.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let authority = authority::init::make(folder.path(), now()).expect("an authority");
        (folder, authority)
    });
    if let Ok(asked) = <wire::EnrolRequest as prost::Message>::decode(input(root).as_slice()) {
        drop(EnrolmentToken::from_str(&asked.token));
        let id = EndpointId(uuid::Uuid::from_u128(7));
        drop(authority.sign_endpoint(id, &asked.certificate_request, now(), 90));
    }
}

/// A certificate, whose chain the library has checked before.
pub fn certificate(root: &Path) {
    drop(Caller::from_certificate(&input(root)));
}

/// An observation document that is given to `daicho check`.
pub fn document(root: &Path) {
    if let Ok(document) = serde_json::from_slice::<Document>(&input(root)) {
        for (sequence, fact) in (1..).zip(document.into_facts()) {
            let wire: wire::Observation = Observation { sequence, observed_at: now(), fact }.into();
            drop(Observation::try_from(wire));
        }
    }
}

/// A log that was exported.
pub fn log(root: &Path) {
    let bytes = input(root);
    verifying::of_lines(bytes.split(|byte| *byte == b'\n'), &[]);
}

/// A backup's store, and the log in it. Its end and its sum are added: without them nothing of it would be looked at.
pub fn backed_up(root: &Path) {
    let mut bytes = input(root);
    bytes.extend_from_slice(&u32::MAX.to_be_bytes());
    let sum = ring::digest::digest(&ring::digest::SHA256, &bytes);
    bytes.extend_from_slice(sum.as_ref());
    fs::write(root.join("store.backup"), bytes).expect("the backup can be written");
    if let Ok(store) = backup::look_into(root, &[""]) {
        let shelves = daicho_collector::shelves::Shelves::new(std::sync::Arc::new(store));
        drop(verifying::of_store(&shelves, &[]));
    }
}

/// The collector's configuration with what it names.
pub fn collector_config(root: &Path) {
    drop(daicho_collector::config::Config::parse(&text(root), Path::new("/c.toml"), root));
}

/// The agent's configuration.
pub fn agent_config(root: &Path) {
    drop(daicho_agent::config::Config::parse(&text(root), Path::new("/a.toml")));
}

/// A hospital's own text for its mails.
pub fn templates(root: &Path) {
    if let Ok(templates) = Templates::load(Some(&root.join("templates"))) {
        let message = Message::empty("1".to_owned(), Occasion::Test { asked_by: "suzuki".to_owned() }, now());
        let languages = [Language::Japanese, Language::English];
        wording::subject(&message, &languages, &templates);
        wording::body(&message, &languages, &templates);
    }
}

/// The state office's list of holidays.
pub fn holidays(root: &Path) {
    drop(Holidays::read(&input(root)));
}

/// Versions that a ledger or a machine names, each line one, compared with the next by every manager's order.
pub fn versions(root: &Path) {
    let text = text(root);
    let lines: Vec<&str> = text.lines().take(50).collect();
    for pair in lines.windows(2) {
        for manager in [Manager::Dpkg, Manager::Rpm, Manager::Apk, Manager::Windows] {
            let there = compare(manager, pair[0], pair[1]).ok();
            let back = compare(manager, pair[1], pair[0]).ok();
            assert_eq!(there, back.map(std::cmp::Ordering::reverse), "{pair:?} under {manager:?}");
        }
    }
}

/// Words of a command line: each line as everything that such a word may be.
pub fn words(root: &Path) {
    for line in text(root).lines().take(50) {
        seen(EnrolmentToken::from_str(line));
        seen(Fingerprint::from_str(line));
        seen(EndpointId::from_str(line));
        seen(Anchor::from_str(line));
        seen(daicho_agent::address::Address::from_str(line));
        seen(daicho_collector::identity::Role::from_str(line));
        bookkeeping::dates::parse(line);
    }
}

fn seen<T>(_: T) {}
