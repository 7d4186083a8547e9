//! All or nothing, with a version for each change and none for no change.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use super::super::tests::file;
use super::*;
use crate::clock::Clock;
use crate::store::memory::MemoryStore;

struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.fetch_add(1, Ordering::Relaxed)).unwrap()
    }
}

fn collector() -> Collector {
    let clock = Ticking(AtomicI64::new(1_795_000_000));
    Collector::open(Arc::new(MemoryStore::default()), Arc::new(clock)).unwrap()
}

fn submission(devices: &str, based_on: Option<u64>) -> Submission {
    let opened = reading::open(&[file("devices.csv", devices)], &Mapping::new());
    Submission { opened, source: "台帳".to_owned(), based_on, ..Submission::default() }
}

const ONE: &str = "device_id,location\nSV-01,2F\n";
const TWO: &str = "device_id,location\nSV-01,3F\nSV-02,2F\n";

#[tokio::test]
async fn each_change_makes_a_version_and_no_change_makes_none() {
    let collector = collector();
    let first = import(&collector, submission(ONE, None), "suzuki").await.unwrap();
    assert_eq!((first.version.number, first.version.imported_by.as_str()), (1, "suzuki"));
    let again = import(&collector, submission("場所,管理番号\n2F,SV-01\n", None), "sato").await.unwrap();
    assert_eq!(
        (again.version.number, again.changes.len()),
        (1, 0),
        "other headings, another order, the same ledger"
    );
    let second = import(&collector, submission(TWO, None), "suzuki").await.unwrap();
    assert_eq!(second.version.number, 2);
    let kinds: Vec<_> =
        second.changes.iter().map(|change| (change.key.as_str(), change.kind, change.fields.len())).collect();
    use super::super::difference::ChangeKind;
    assert_eq!(kinds, [("SV-01", ChangeKind::Changed, 1), ("SV-02", ChangeKind::Added, 4)]);
    let versions = collector.shelves.ledger_versions().unwrap();
    assert_eq!(versions.iter().map(|version| version.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(collector.shelves.ledger(1).unwrap().unwrap().devices.len(), 1, "the old version stays");
    assert_eq!(collector.ledger().devices.len(), 2, "the new one holds");
}

#[tokio::test]
async fn a_single_fault_keeps_everything_out() {
    let collector = collector();
    import(&collector, submission(ONE, None), "suzuki").await.unwrap();
    let broken = "device_id,status\nSV-02,使用中\nSV-03,行方不明\n";
    let Err(ImportError::Faults(faults)) = import(&collector, submission(broken, None), "suzuki").await
    else {
        panic!("a fault lets nothing in")
    };
    assert_eq!(faults.0.len(), 1);
    assert_eq!(collector.ledger().devices.len(), 1);
    assert_eq!(collector.shelves.ledger_versions().unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_undoes_somebody_else_s_edit_unseen() {
    let collector = collector();
    import(&collector, submission(ONE, None), "suzuki").await.unwrap();
    import(&collector, submission(TWO, Some(1)), "suzuki").await.unwrap();
    let three = "device_id\nSV-01\n";
    let refused = import(&collector, submission(three, Some(1)), "sato").await;
    let Err(ImportError::Newer(meanwhile)) = refused else { panic!("version 2 came between") };
    assert_eq!((meanwhile.newest.number, meanwhile.newest.imported_by.as_str()), (2, "suzuki"));
    let told = meanwhile.text();
    for words in ["第 1 版を元に", "第 2 版（suzuki さん", "機器 SV-01 を変更、機器 SV-02 を追加。"]
    {
        assert!(told.ja.contains(words), "{words}: {}", told.ja);
    }
    assert!(told.en.contains("devices SV-01 changed, devices SV-02 added."), "{}", told.en);
    assert_eq!(collector.ledger().devices.len(), 2);
    import(&collector, submission(three, Some(2)), "sato").await.expect("having seen version 2");
    import(&collector, submission(ONE, Some(2)), "suzuki").await.expect_err("version 3 is sato's");
}

#[tokio::test]
async fn two_workbooks_of_one_person_undo_each_other_no_more_than_those_of_two() {
    let collector = collector();
    import(&collector, submission(ONE, None), "suzuki").await.unwrap();
    import(&collector, submission(TWO, Some(1)), "suzuki").await.unwrap();
    let refused = import(&collector, submission("device_id\nSV-03\n", Some(1)), "suzuki").await;
    assert!(matches!(refused, Err(ImportError::Newer(_))), "the version decides, not the name");
    assert_eq!(collector.ledger().devices.len(), 2, "nothing was overwritten");
    let again = import(&collector, submission(TWO, Some(1)), "suzuki").await.unwrap();
    assert_eq!((again.version.number, again.changes.len()), (2, 0), "the same file twice undoes nothing");
}

#[tokio::test]
async fn a_long_history_and_hostile_names_are_told_within_a_header() {
    let collector = collector();
    import(&collector, submission(ONE, None), "suzuki").await.unwrap();
    for version in 2..10 {
        let rows: String =
            (0..100).map(|row| format!("\u{1b}[2J端末{version}-{row}{}\n", "長".repeat(60))).collect();
        import(&collector, submission(&format!("device_id\n{rows}"), None), &"田".repeat(200)).await.unwrap();
    }
    let refused = import(&collector, submission(ONE, Some(1)), "sato").await;
    let Err(ImportError::Newer(meanwhile)) = refused else { panic!("eight versions came between") };
    let told = meanwhile.text();
    assert_eq!((meanwhile.steps.len(), meanwhile.untold), (5, 3));
    assert!(told.ja.contains("それより前に 3 版") && told.ja.contains("ほか"), "{}", told.ja);
    assert!(told.ja.chars().chain(told.en.chars()).all(|c| !c.is_control()));
    // The English sentence travels percent-encoded as the message, both in Base64 as the details.
    let header = 3 * told.en.len() + serde_json::to_vec(&told).unwrap().len() * 4 / 3;
    assert!(header < 12 * 1024, "{header} bytes");
}

#[tokio::test]
async fn a_client_that_sends_passwords_all_the_same_leaves_none_behind() {
    let collector = collector();
    let mut submission = submission(ONE, None);
    submission.opened.grids = vec![
        super::super::comma_separated::split("devices.csv", "device_id,パスワード\nSV-01,hunter2\n").unwrap(),
    ];
    let imported = import(&collector, submission, "suzuki").await.unwrap();
    assert!(imported.passwords.is_some());
    let everything = collector.shelves.store().scan(b"", None, 1_000).unwrap();
    assert!(!everything.is_empty());
    for (key, value) in everything {
        assert!(!String::from_utf8_lossy(&value).contains("hunter2"), "{}", String::from_utf8_lossy(&key));
    }
}

/// The same, merged.
fn merging(devices: &str, based_on: Option<u64>, mine: &[&str]) -> Submission {
    let mine = mine.iter().map(|name| (*name).to_owned()).collect();
    Submission { merge: Some(Settled { mine, ..Settled::default() }), ..submission(devices, based_on) }
}

#[tokio::test]
async fn two_edits_of_one_version_are_merged_and_the_log_names_both() {
    let collector = collector();
    let file = |location: &str, users: &str| format!("device_id,location,users\nSV-01,{location},{users}\n");
    import(&collector, submission(&file("2F", "内科"), None), "suzuki").await.unwrap();
    import(&collector, submission(&file("3F", "内科"), Some(1)), "sato").await.unwrap();
    import(&collector, submission(&file("2F", "外科"), Some(1)), "suzuki")
        .await
        .expect_err("sato came between");
    let merged = import(&collector, merging(&file("2F", "外科"), Some(1), &[]), "suzuki").await.unwrap();
    assert_eq!((merged.version.number, merged.merged_with), (3, Some(2)));
    let row = collector.ledger().devices[0].clone();
    assert_eq!((row.location.as_deref(), row.users.as_deref()), (Some("3F"), Some("外科")));
    let log = collector.shelves.chronicle_after(0, 100).unwrap();
    let decided = log.iter().find_map(|entry| match &entry.what {
        What::Decision { on, subject, decision, details, .. } if on == "ledger" => {
            Some((entry.by.clone(), subject.clone(), decision.clone(), details.clone()))
        }
        _ => None,
    });
    let (by, subject, decision, details) = decided.expect("the log tells of the merge");
    assert_eq!((by.as_str(), subject.as_str(), decision.as_str()), ("suzuki", "3", "merged"));
    assert_eq!((details["mine"].as_str(), details["theirs"].as_str()), ("suzuki", "sato"));
}

#[tokio::test]
async fn what_both_changed_is_refused_until_somebody_settles_it() {
    let collector = collector();
    let file = |location: &str| format!("device_id,location\nSV-01,{location}\n");
    import(&collector, submission(&file("2F"), None), "suzuki").await.unwrap();
    import(&collector, submission(&file("3F"), Some(1)), "suzuki").await.unwrap();
    let refused = import(&collector, merging(&file("4F"), Some(1), &[]), "suzuki").await;
    let Err(ImportError::Merge(MergeError::Conflicts(conflicts))) = refused else { panic!("{refused:?}") };
    assert_eq!(conflicts[0].name, "SV-01.location");
    let refused = import(&collector, merging(&file("4F"), Some(1), &["SV-01.note"]), "suzuki").await;
    assert!(matches!(refused, Err(ImportError::Merge(MergeError::Unknown(_)))), "{refused:?}");
    let refused = import(&collector, merging(&file("4F"), None, &[]), "suzuki").await;
    assert!(matches!(refused, Err(ImportError::Merge(MergeError::Unstamped))), "{refused:?}");
    let refused = import(&collector, merging(&file("4F"), Some(9), &[]), "suzuki").await;
    assert!(matches!(refused, Err(ImportError::Merge(MergeError::NotKept(9)))), "{refused:?}");
    assert_eq!(collector.ledger().devices[0].location.as_deref(), Some("3F"), "nothing was overwritten");
    import(&collector, merging(&file("4F"), Some(1), &["SV-01.location"]), "suzuki").await.unwrap();
    assert_eq!(collector.ledger().devices[0].location.as_deref(), Some("4F"));
}

#[tokio::test]
async fn a_merge_that_is_no_sound_ledger_is_refused() {
    let collector = collector();
    let two = "device_id\nSV-01\nSV-02\n";
    import(&collector, submission(two, None), "suzuki").await.unwrap();
    import(&collector, submission("device_id\nSV-01\n", Some(1)), "sato").await.unwrap();
    let mut mine = merging(two, Some(1), &[]);
    let files = [file("devices.csv", two), file("accounts.csv", "device,account\nSV-02,tanaka\n")];
    mine.opened = reading::open(&files, &Mapping::new());
    let refused = import(&collector, mine, "suzuki").await;
    assert!(matches!(refused, Err(ImportError::Faults(_))), "an account on a removed device: {refused:?}");
    assert_eq!((collector.ledger().devices.len(), collector.ledger().accounts.len()), (1, 0));
}
