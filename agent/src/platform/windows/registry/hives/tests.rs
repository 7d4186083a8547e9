//! What a written hive says when it is read back, and what is said of a broken one.

use std::fs;

use tempfile::TempDir;

use super::super::text::TextRegistry;
use super::super::written;
use super::*;

/// Every kind of value, names beyond ASCII, long data, and a user.
const EXPORT: &str = include_str!("../../../../../fixtures/windows/hives/every_kind.reg");

fn disk(export: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    written::lay(folder.path(), export).unwrap();
    folder
}

fn read(folder: &TempDir) -> Hives {
    Hives::read(&Disk::at(folder.path())).unwrap()
}

const SYSTEM: &str = "Windows/System32/config/SYSTEM";

/// A disk whose SYSTEM has these bytes changed.
fn changed(export: &str, change: impl FnOnce(&mut Vec<u8>)) -> TempDir {
    let folder = disk(export);
    let path = folder.path().join(SYSTEM);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
    folder
}

fn sum_again(bytes: &mut [u8]) {
    let words = bytes[..508].as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
    let sum = words.fold(0, |sum, word| sum ^ word);
    bytes[508..512].copy_from_slice(&sum.to_le_bytes());
}

/// Where these bytes are for the first time.
fn place(bytes: &[u8], what: &[u8]) -> usize {
    memchr::memmem::find(bytes, what).unwrap()
}

fn assert_same(hives: &dyn Registry, text: &dyn Registry, hive: &Hive, path: &str) -> usize {
    let sorted = |names: Option<Vec<String>>| {
        let mut names = names.unwrap_or_else(|| panic!("{hive:?} {path:?} is there"));
        names.sort();
        names
    };
    let mut keys = sorted(hives.keys(hive, path).unwrap());
    if path.is_empty() {
        // What a disk has for the current set, and what the writer adds.
        keys.retain(|key| !matches!(key.as_str(), "ControlSet001" | "Select" | "Microsoft"));
    }
    assert_eq!(keys, sorted(text.keys(hive, path).unwrap()), "{hive:?} {path:?}");
    assert_eq!(hives.values(hive, path).unwrap(), text.values(hive, path).unwrap(), "{hive:?} {path:?}");
    let below = |key: &String| if path.is_empty() { key.clone() } else { format!("{path}\\{key}") };
    1 + keys.iter().map(|key| assert_same(hives, text, hive, &below(key))).sum::<usize>()
}

#[test]
fn what_is_written_is_read_back() {
    let folder = disk(EXPORT);
    let hives = read(&folder);
    let text = TextRegistry::parse(EXPORT);
    let person = Hive::User("S-1-5-21-1-2-3-1001".to_owned());
    let mut keys = 0;
    for hive in [Hive::Software, Hive::System, Hive::Sam, person.clone()] {
        keys += assert_same(&hives, &text, &hive, "");
    }
    assert!(keys > 10, "{keys} keys were compared");
    assert_eq!(hives.users().unwrap(), ["S-1-5-21-1-2-3-1001"]);
    let written = hives.written_at(&Hive::System, "currentcontrolset\\Enum").unwrap();
    assert_eq!(written.unwrap().to_string(), "2020-04-19T09:09:01.098101Z");
    assert_eq!(hives.keys(&Hive::System, "CurrentControlSet\\Nothing").unwrap(), None);
    assert_eq!(hives.value(&Hive::System, "Select", "Nothing").unwrap(), None);
    assert!(hives.troubles().is_empty() && hives.found().is_empty(), "{:?}", hives.found());
}

#[test]
fn a_key_with_thousands_of_keys_and_a_value_of_a_megabyte_are_read() {
    let mut export = "[HKEY_LOCAL_MACHINE\\SYSTEM\\Long]\n\"Data\"=hex:".to_owned();
    let data = (0..1_000_000_u32).map(|at| at.to_le_bytes()[1]).collect::<Vec<_>>();
    export.extend(data.iter().map(|byte| format!("{byte:02x},")));
    for number in 0..3000 {
        export.push_str(&format!("\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Crowded\\{number}]"));
    }
    let hives = read(&disk(&export));
    assert_eq!(hives.keys(&Hive::System, "Crowded").unwrap().unwrap().len(), 3000);
    assert!(hives.keys(&Hive::System, "Crowded\\2999").unwrap().is_some());
    assert_eq!(hives.value(&Hive::System, "Long", "data").unwrap(), Some(Value::Bytes(data)));
    assert!(hives.found().is_empty());
}

const THREE: &str = "[HKEY_LOCAL_MACHINE\\SYSTEM\\Top\\First]\n\"V\"=dword:1\n\"W\"=\"long enough to have a cell\"\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Top\\Second]\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Top\\Third]";

#[test]
fn a_broken_key_is_told_and_leaves_the_others_readable() {
    let folder = changed(THREE, |bytes| {
        let at = place(bytes, b"Second") - 76;
        assert_eq!(&bytes[at..at + 2], b"nk");
        bytes[at] = b'x';
    });
    let hives = read(&folder);
    hives.begin();
    assert_eq!(hives.keys(&Hive::System, "Top").unwrap().unwrap(), ["First", "Third"]);
    let found = hives.found();
    assert!(found.len() == 1 && found[0].starts_with("SYSTEM, key \"Top\": a key at 0x"), "{found:?}");
    // It may be the one that is asked for.
    assert!(hives.keys(&Hive::System, "Top\\Second").is_err());
    assert_eq!(hives.number("Top\\First", "V"), Some(1));
    hives.begin();
    assert!(hives.found().is_empty(), "what was told before belongs to another look");
}

impl Hives {
    fn number(&self, path: &str, name: &str) -> Option<u64> {
        (self as &dyn Registry).number(&Hive::System, path, name).unwrap()
    }
}

#[test]
fn a_broken_value_is_told_and_leaves_the_others_readable() {
    let hives = read(&changed(THREE, |bytes| {
        let at = place(bytes, &"long".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()) - 4;
        // Its cell is free: whatever stands there is no data.
        bytes[at..at + 4].copy_from_slice(&64_u32.to_le_bytes());
    }));
    assert_eq!(
        hives.values(&Hive::System, "Top\\First").unwrap().unwrap(),
        [("V".to_owned(), Value::Number(1))]
    );
    assert!(hives.found()[0].contains("the value W: its data at 0x"), "{:?}", hives.found());
    assert!(hives.value(&Hive::System, "Top\\First", "W").is_err());
    assert!(hives.value(&Hive::System, "Top\\First", "Other").is_err());
}

#[test]
fn a_key_that_lies_in_itself_ends() {
    let hives = read(&changed(THREE, |bytes| {
        let third = place(bytes, b"Third") - 76;
        let top = place(bytes, b"Top") - 76;
        let (keys, list) = (top + 20, top + 28);
        let same = bytes[list..list + 4].to_vec();
        bytes[third + 28..third + 32].copy_from_slice(&same);
        bytes[third + 20..third + 24].copy_from_slice(&3_u32.to_le_bytes());
        assert_eq!(bytes[keys], 3);
    }));
    assert_eq!(hives.keys(&Hive::System, "Top\\Third").unwrap().unwrap(), ["First", "Second"]);
    assert!(hives.found()[0].contains("a list of keys"), "{:?}", hives.found());
}

#[test]
fn a_hive_that_is_missing_cut_or_none_at_all_is_no_empty_one() {
    let folder = disk(THREE);
    fs::remove_file(folder.path().join("Windows/System32/config/SAM")).unwrap();
    fs::write(folder.path().join("Windows/System32/config/SECURITY"), "no hive").unwrap();
    let hives = read(&folder);
    assert_eq!(hives.keys(&Hive::Sam, "SAM").unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(hives.values(&Hive::Security, "").unwrap_err().to_string().contains("no hive"));
    assert_eq!(hives.troubles().len(), 2, "{:?}", hives.troubles());
    // Only those who ask are told.
    hives.begin();
    assert!(hives.keys(&Hive::Software, "").unwrap().is_some() && hives.found().is_empty());

    let hives = read(&changed(THREE, |bytes| bytes.truncate(4096 + 600)));
    assert!(hives.troubles()[0].1.contains("it is cut: 3496 of its 8192 bytes"), "{:?}", hives.troubles());
    assert!(Hives::read(&Disk::at(tempfile::tempdir().unwrap().path())).is_err());
}

#[test]
fn a_wrong_sum_over_the_first_block_is_told() {
    let hives = read(&changed(THREE, |bytes| bytes[48] ^= 1));
    assert!(
        hives.troubles()[0].1.contains("the sum over its first block is wrong"),
        "{:?}",
        hives.troubles()
    );
    assert!(hives.keys(&Hive::System, "Top").unwrap().is_some());
}

/// Makes it look as if a writing had begun and not ended.
fn unfinished(bytes: &mut [u8]) {
    bytes[4..8].copy_from_slice(&8_u32.to_le_bytes());
    bytes[8..12].copy_from_slice(&7_u32.to_le_bytes());
    sum_again(bytes);
}

/// The first block of a log.
fn log_base(hive: &[u8], kind: u32, sequence: u32) -> Vec<u8> {
    let mut block = hive[..512].to_vec();
    block[4..8].copy_from_slice(&sequence.to_le_bytes());
    block[8..12].copy_from_slice(&sequence.to_le_bytes());
    block[28..32].copy_from_slice(&kind.to_le_bytes());
    sum_again(&mut block);
    block
}

/// An entry that holds this page of 4096 bytes of the bins.
fn entry(hive: &[u8], sequence: u32, page: u32) -> Vec<u8> {
    let at = page as usize * 4096;
    let mut rest = [page * 4096, 4096].map(u32::to_le_bytes).concat();
    rest.extend(&hive[4096 + at..4096 + at + 4096]);
    rest.resize((rest.len() + 40).next_multiple_of(512) - 40, 0);
    let mut whole = b"HvLE".to_vec();
    let size = u32::try_from(rest.len() + 40).unwrap();
    let bins = u32::try_from(hive.len() - 4096).unwrap();
    whole.extend([size, 0, sequence, bins, 1].map(u32::to_le_bytes).concat());
    whole.extend(marvin::sum(&rest).to_le_bytes());
    whole.extend(marvin::sum(&whole[..32]).to_le_bytes());
    whole.extend(rest);
    whole
}

/// A disk whose SYSTEM says `V` is 1 while its logs say otherwise: in each, `(sequence, value)`.
fn with_entries(logs: &[&[(u32, u32)]]) -> Hives {
    let folder = changed(THREE, |bytes| unfinished(bytes));
    let path = folder.path().join(SYSTEM);
    let hive = fs::read(&path).unwrap();
    let value = place(&hive, b"vk\x01\0\x04\0\0\x80") + 8;
    for (number, entries) in logs.iter().enumerate() {
        let mut log = log_base(&hive, 6, entries[0].0);
        for (sequence, says) in *entries {
            let mut newer = hive.clone();
            newer[value..value + 4].copy_from_slice(&says.to_le_bytes());
            log.extend(entry(&newer, *sequence, u32::try_from(value / 4096).unwrap() - 1));
        }
        // What is left of an earlier round.
        log.extend(entry(&hive, 3, 0));
        fs::write(folder.path().join(format!("{SYSTEM}.LOG{}", number + 1)), log).unwrap();
    }
    read(&folder)
}

#[test]
fn entries_of_both_logs_are_applied_in_their_order() {
    let hives = with_entries(&[&[(9, 30), (10, 40)], &[(6, 10), (7, 10), (8, 20)]]);
    assert_eq!(hives.number("Top\\First", "V"), Some(40));
    assert!(hives.troubles().is_empty(), "{:?}", hives.troubles());
}

#[test]
fn entries_that_do_not_follow_are_told() {
    let hives = with_entries(&[&[(8, 20)], &[(10, 40)]]);
    assert_eq!(hives.number("Top\\First", "V"), Some(20));
    assert!(hives.troubles()[0].1.contains("lack what follows change 8"), "{:?}", hives.troubles());
    let hives = with_entries(&[&[(12, 20)]]);
    assert!(hives.troubles()[0].1.contains("something between may be lost"), "{:?}", hives.troubles());
    let hives = with_entries(&[&[(2, 20)]]);
    assert_eq!(hives.number("Top\\First", "V"), Some(1));
    assert!(hives.troubles()[0].1.contains("nothing newer"), "{:?}", hives.troubles());
}

#[test]
fn an_unfinished_hive_without_its_logs_is_told_and_read_as_it_is() {
    let hives = read(&changed(THREE, |bytes| unfinished(bytes)));
    assert_eq!(hives.number("Top\\First", "V"), Some(1));
    assert!(hives.troubles()[0].1.contains("no log lies beside it"), "{:?}", hives.troubles());
}

/// A log of the old form for this hive, in which `V` is 5.
fn old_log(hive: &[u8]) -> Vec<u8> {
    let mut newer = hive.to_vec();
    let value = place(hive, b"vk\x01\0\x04\0\0\x80") + 8;
    newer[value..value + 4].copy_from_slice(&5_u32.to_le_bytes());
    let mut log = log_base(hive, 1, 8);
    log.extend(b"DIRT");
    // A bit for each 512 bytes: eight of them are a page of the bins.
    let page = value / 4096 - 1;
    log.extend((0..(hive.len() - 4096) / 4096).map(|own| if own == page { 0xff } else { 0 }));
    log.resize(1024, 0);
    log.extend(&newer[4096 + page * 4096..4096 + (page + 1) * 4096]);
    log
}

#[test]
fn a_log_of_the_old_form_is_applied_if_it_is_of_the_same_writing() {
    let folder = changed(THREE, |bytes| unfinished(bytes));
    let hive = fs::read(folder.path().join(SYSTEM)).unwrap();
    let log = folder.path().join(format!("{SYSTEM}.LOG1"));
    fs::write(&log, old_log(&hive)).unwrap();
    let hives = read(&folder);
    assert_eq!(hives.number("Top\\First", "V"), Some(5));
    assert!(hives.troubles().is_empty(), "{:?}", hives.troubles());

    let mut other = old_log(&hive);
    other[12] ^= 1;
    sum_again(&mut other);
    fs::write(&log, other).unwrap();
    let hives = read(&folder);
    assert_eq!(hives.number("Top\\First", "V"), Some(1));
    assert!(hives.troubles()[0].1.contains("no log of that writing"), "{:?}", hives.troubles());
}

#[test]
fn a_hive_without_a_first_block_is_mended_from_its_log_and_told() {
    let folder = changed(THREE, |bytes| unfinished(bytes));
    let path = folder.path().join(SYSTEM);
    let hive = fs::read(&path).unwrap();
    fs::write(folder.path().join(format!("{SYSTEM}.LOG1")), old_log(&hive)).unwrap();
    let mut broken = hive;
    broken[..512].fill(0);
    fs::write(&path, broken).unwrap();
    let hives = read(&folder);
    assert_eq!(hives.number("Top\\First", "V"), Some(5));
    assert!(hives.troubles()[0].1.contains("its log's copy was taken"), "{:?}", hives.troubles());
}

/// What the fuzzer begins with. `DAICHO_WRITE_FIXTURES=1` writes it anew.
#[test]
fn the_fixtures_are_what_the_writer_makes() {
    let folder = changed(THREE, |bytes| unfinished(bytes));
    let hive = fs::read(folder.path().join(SYSTEM)).unwrap();
    let mut log = log_base(&hive, 6, 7);
    log.extend([entry(&hive, 7, 0), entry(&hive, 8, 0)].concat());
    let every = fs::read(disk(EXPORT).path().join(SYSTEM)).unwrap();
    let files =
        [("SYSTEM", hive.clone()), ("SYSTEM.LOG1", log), ("OLD.LOG1", old_log(&hive)), ("WHOLE", every)];
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/windows/hives/unfinished");
    for (name, bytes) in files {
        let path = std::path::Path::new(own).join(name);
        if std::env::var_os("DAICHO_WRITE_FIXTURES").is_some() {
            fs::create_dir_all(own).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        assert!(fs::read(&path).unwrap() == bytes, "{name} is another");
    }
}

#[test]
fn the_settings_of_a_user_who_has_no_file_are_unknown() {
    let folder =
        disk("[HKEY_USERS\\S-1-5-21-1-2-3-1001\\Software]\n[HKEY_USERS\\S-1-5-21-1-2-3-1002\\Software]");
    fs::remove_file(folder.path().join("Users/user-1002/NTUSER.DAT")).unwrap();
    let hives = read(&folder);
    let user = |number: u32| Hive::User(format!("S-1-5-21-1-2-3-{number}"));
    assert!(hives.keys(&user(1001), "").unwrap().is_some());
    hives.begin();
    assert_eq!(hives.keys(&user(1002), "").unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(hives.found()[0].contains("Users/user-1002/NTUSER.DAT is not there"), "{:?}", hives.found());
    assert!(hives.keys(&user(1003), "").unwrap_err().to_string().contains("no profile"));
}

#[test]
fn marvin_sums_as_windows_does() {
    // The head of an entry that Windows 10 wrote, and the sum that it wrote behind it.
    let head = [
        0x48, 0x76, 0x4c, 0x45, 0x00, 0x3e, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x3b, 0x08, 0x00, 0x00, 0x00,
        0x30, 0xbd, 0x00, 0x03, 0x00, 0x00, 0x00, 0xc4, 0x81, 0x2c, 0xbe, 0xa1, 0xb6, 0x70, 0x4b,
    ];
    assert_eq!(marvin::sum(&head), 0xdd88c5d7df48f30a);
}

#[test]
fn no_flipped_byte_makes_it_panic_or_run_without_end() {
    let folder = disk(EXPORT);
    let path = folder.path().join(SYSTEM);
    let whole = fs::read(&path).unwrap();
    let mut chance = fastrand::Rng::with_seed(1);
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..chance.usize(1..20) {
            let at = chance.usize(0..bytes.len());
            bytes[at] = chance.u8(..);
        }
        fs::write(&path, bytes).unwrap();
        walk(&read(&folder), "", 0);
    }
}

/// All keys and values, as deep as twelve.
fn walk(hives: &Hives, path: &str, depth: usize) {
    let _ = (hives.values(&Hive::System, path), hives.written_at(&Hive::System, path));
    let keys = hives.keys(&Hive::System, path).ok().flatten().unwrap_or_default();
    for key in keys.iter().filter(|_| depth < 12) {
        let below = if path.is_empty() { key.clone() } else { format!("{path}\\{key}") };
        walk(hives, &below, depth + 1);
    }
}
