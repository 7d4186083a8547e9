//! The log as somebody without Daicho checks it, and what the log costs.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;
use crate::chronicle::Digest;
use crate::chronicle::verifying::LastLine;

/// The words of the README as a program of thirteen lines: nothing of ours is in it.
const CHECK: &str = r#"
import hashlib, json, sys
previous, number = "0" * 64, 0
for line in sys.stdin.buffer.read().rstrip(b"\n").split(b"\n"):
    entry = json.loads(line)
    if "head" in entry:
        assert entry == {"head": number, "hash": previous}, "the end"
        print(number)
        break
    number += 1
    assert entry["number"] == number and entry["previous"] == previous, number
    previous = hashlib.sha256(line).hexdigest()
else:
    sys.exit("cut off")
"#;

fn python(file: &[u8]) -> Option<String> {
    let child = Command::new("python3")
        .args(["-c", CHECK])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.unwrap();
    child.stdin.take().unwrap().write_all(file).unwrap();
    let output = child.wait_with_output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[tokio::test]
async fn the_words_of_the_readme_are_enough_to_check_an_exported_log() {
    let world = live(17, 30).await;
    let lines = world.collector.shelves.chronicle_lines(0, usize::MAX).unwrap();
    let mut file = Vec::new();
    for (_, line) in &lines {
        file.extend_from_slice(line);
        file.push(b'\n');
    }
    let (head, last) = lines.last().unwrap();
    let end = LastLine { head: *head, hash: Digest::of(last) };
    file.extend_from_slice(serde_json::to_string(&end).unwrap().as_bytes());
    file.push(b'\n');
    assert_eq!(python(&file), Some(head.to_string()));
    let middle = file.len() / 2;
    file[middle] ^= 1;
    assert_eq!(python(&file), None, "a changed byte");
}

/// Prints beside its budget; asserts nothing of time. `DAICHO_DEVICES=10000` with `--release` is what the budget is for.
#[tokio::test]
async fn a_ledger_change_is_judged_for_many_devices_and_all_of_it_is_in_the_log() {
    let asked = std::env::var("DAICHO_DEVICES").ok().and_then(|text| text.parse().ok());
    let devices: usize = asked.unwrap_or(200);
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<SetClock> = Arc::new(SetClock(AtomicI64::new(1_795_000_000)));
    let config = crate::store::StoreConfig::Folder { path: folder.path().join("store") };
    let store = crate::store::open(&config).unwrap();
    let collector = Arc::new(Collector::open(store, Arc::clone(&clock) as _).unwrap());
    let ledger = |days: i64| Ledger {
        devices: (0..devices)
            .map(|number| Device { device_id: format!("PC-{number:05}"), ..Device::default() })
            .collect(),
        settings: vec![daicho_rules::ledger::SettingRow {
            key: "04.silence_days_max_terminal".to_owned(),
            value: days,
            ..Default::default()
        }],
        ..Ledger::default()
    };
    let stop = tokio::sync::watch::channel(false).1;
    let mut evaluator = super::super::Evaluator::new(Arc::clone(&collector), stop);
    for (number, days) in [7, 8, 9].into_iter().enumerate() {
        let entry = Entry { operator: "suzuki".to_owned(), ..Entry::default() };
        importing::adopt(&collector, ledger(days), entry).await.unwrap();
        let begun = std::time::Instant::now();
        assert!(evaluator.work(false).await);
        let head = collector.shelves.chronicle_head().unwrap();
        println!(
            "ledger change {}: {devices} devices in {:.2} s, log of {} entries; budget 2 s for 10 000",
            number + 1,
            begun.elapsed().as_secs_f64(),
            head.number
        );
    }
    let begun = std::time::Instant::now();
    let verdict = verifying::of_store(&collector.shelves, &[]).unwrap().unwrap();
    println!("verified in {:.2} s: {:?}", begun.elapsed().as_secs_f64(), verdict.compared);
    assert!(verdict.is_sound(), "{:?}", verdict.breaks);
    assert_eq!(verdict.compared.unwrap().devices, devices);
}
