//! Workbooks and CSV files of others, whole, foreign and damaged. Reads `../shared/data/ledgers`.

use std::path::{Path, PathBuf};

use daicho_collector::bookkeeping::{
    Mapping, RawFile, dates, encoding, look, read_files, reading, sheets::Known,
};

fn folder() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/ledgers");
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{} is missing", path.display());
    eprintln!("skipped: {} is not there", path.display());
    None
}

fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the data") {
            let path = entry.expect("an entry of the data").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{} has none of {endings:?}", folder.display());
    found
}

#[test]
fn foreign_workbooks_are_refused_with_a_sentence() {
    let Some(folder) = folder() else { return };
    let workbooks = files(&folder, &["xlsx", "xls"]);
    for path in &workbooks {
        let reading = look(path, &Mapping::new());
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        println!("{name}: {} sheets not ours, {}", reading.unread.len(), reading.faults);
        assert!(!reading.faults.0.is_empty(), "{name} is no ledger");
        assert!(reading.faults.0.iter().all(|fault| !fault.expected.en.is_empty() && !fault.file.is_empty()));
    }
    println!("{} workbooks refused", workbooks.len());
}

#[test]
fn damaged_workbooks_never_panic() {
    let Some(folder) = folder() else { return };
    // The parser's panics are caught and told as faults; a real one of ours would end this test.
    std::panic::set_hook(Box::new(|_| {}));
    let known = Known::of_the_house();
    let (mut readings, mut panics) = (0, 0);
    for path in files(&folder, &["xlsx"]).iter().filter(|path| small(path)) {
        let whole = std::fs::read(path).expect("a file of the data");
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        for round in 0..40_usize {
            let mut bytes = whole.clone();
            if round % 4 == 0 {
                bytes.truncate(whole.len() * (round + 1) / 45);
            }
            for _ in 0..=round {
                // xorshift64: the same damage each time.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let at = usize::try_from(state).unwrap_or(usize::MAX) % bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= u8::try_from(state >> 56).unwrap_or(0xFF) | 1;
                }
            }
            let file = RawFile { name: "damaged.xlsx".to_owned(), bytes };
            let read = std::panic::catch_unwind(|| read_files(&[file], &Mapping::new(), &known));
            match read {
                Ok(reading) => assert!(!reading.faults.0.is_empty(), "{} round {round}", path.display()),
                Err(_) => panics += 1,
            }
            readings += 1;
        }
    }
    let _ = std::panic::take_hook();
    println!("{readings} damaged workbooks, {panics} panics");
    assert_eq!(panics, 0);
}

fn small(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.len() < 40_000)
}

#[test]
fn holidays_of_the_cabinet_office_are_read_with_their_dates() {
    let Some(folder) = folder() else { return };
    for path in files(&folder, &["csv"]) {
        let bytes = std::fs::read(&path).expect("a file of the data");
        assert!(std::str::from_utf8(&bytes).is_err(), "{} is CP932", path.display());
        let text = encoding::decode(&bytes).expect("CP932");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("国民の祝日・休日月日,国民の祝日・休日名称"));
        let days: Vec<_> = lines.map(|line| line.split_once(',').expect("two columns")).collect();
        let unread: Vec<_> = days.iter().filter(|(day, _)| dates::parse(day).is_none()).collect();
        assert!(unread.is_empty(), "{unread:?}");
        assert!(days.contains(&("2019/5/1", "休日（祝日扱い）")), "Reiwa's first day");
        println!("{}: {} days", path.display(), days.len());

        // As a ledger's staff whose last day is a holiday: the whole way, mapping by hand.
        let headings = [("国民の祝日・休日月日", "retired_on"), ("国民の祝日・休日名称", "staff_id")];
        let headings = headings.map(|(heading, field)| (heading.to_owned(), field.to_owned())).into();
        let mapping = Mapping::from([("staff".to_owned(), headings)]);
        let file = RawFile { name: "staff.csv".to_owned(), bytes: bytes.clone() };
        let reading = reading::interpret(reading::open(&[file], &mapping), &mapping, &Known::default());
        assert_eq!(reading.ledger.staff.len(), days.len());
        assert!(reading.ledger.staff.iter().all(|member| member.retired_on.is_some()));
    }
}

#[test]
fn spellings_of_era_dates_are_read() {
    let Some(folder) = folder() else { return };
    let table = std::fs::read_to_string(folder.join("era-dates.tsv")).expect("a file of the data");
    let rows: Vec<_> = table.lines().skip(1).filter_map(|line| line.split_once('\t')).collect();
    let read = |text: &str| dates::parse(text).map(|date| date.to_string());
    let wrong: Vec<_> = rows
        .iter()
        .filter(|(text, expected)| read(text).as_deref() != Some(expected.trim()))
        .map(|(text, expected)| format!("{text}: {expected}, read as {:?}", read(text)))
        .collect();
    println!("era-dates.tsv: {} of {} agree", rows.len() - wrong.len(), rows.len());
    assert!(!rows.is_empty() && wrong.is_empty(), "{wrong:#?}");
}
