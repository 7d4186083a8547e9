//! The spool against kills, full disks, backups and copies.

use std::path::Path;

use daicho_proto::facts::{Account, Host, Look, Medium, MediumAction, MediumEvent};
use tempfile::TempDir;

use super::keeper::Keeper;
use super::*;

const BATCH_BYTES: usize = 1 << 20;
const ROOM: u64 = 1 << 20;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn event(serial: &str) -> Fact {
    let medium = Medium { serial: Some(serial.to_owned()), ..Medium::default() };
    Fact::MediumEvent(MediumEvent { action: MediumAction::Arrived, medium })
}

fn accounts(name: &str) -> Fact {
    Fact::Accounts(Look::complete(vec![Account { name: name.to_owned(), ..Account::default() }]))
}

fn open(folder: &Path) -> Spool {
    Spool::open(folder, ROOM, 7).unwrap()
}

/// What a reader of the batch would call its observations: a serial, an account's name, `gap N`.
fn names(batch: &Batch) -> Vec<String> {
    let name = |wire: &wire::Observation| match Observation::try_from(wire.clone()).unwrap().fact {
        Fact::MediumEvent(event) => event.medium.serial.unwrap(),
        Fact::Accounts(look) => look.value().unwrap()[0].name.clone(),
        Fact::Gap(gap) => format!("gap {}", gap.lost),
        other => format!("{other:?}"),
    };
    batch.observations.iter().map(name).collect()
}

fn sequences(batch: &Batch) -> Vec<u64> {
    batch.observations.iter().map(|observation| observation.sequence).collect()
}

fn next(spool: &Spool) -> Batch {
    spool.pending(BATCH_BYTES, 100).unwrap().unwrap()
}

/// The spool as a machine finds it that lost its power now.
fn after_power_loss(folder: &Path) -> (TempDir, Spool) {
    let copy = TempDir::new().unwrap();
    copy_folder(folder, copy.path());
    let spool = Spool::open(copy.path(), ROOM, 99).unwrap();
    (copy, spool)
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn events_go_before_inventories() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    spool.append(accounts("tanaka"), at(1)).unwrap();
    spool.append(event("AA01"), at(2)).unwrap();
    spool.append(event("AA02"), at(3)).unwrap();
    let batch = next(&spool);
    assert_eq!(names(&batch), ["AA01", "AA02", "tanaka"]);
    assert_eq!(sequences(&batch), [1, 2, 3]);
}

#[test]
fn asking_again_gives_the_same_under_the_same_numbers() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    spool.append(event("AA01"), at(1)).unwrap();
    spool.append(accounts("tanaka"), at(1)).unwrap();
    let first = next(&spool);
    spool.append(event("AA02"), at(2)).unwrap();
    spool.append(accounts("suzuki"), at(2)).unwrap();
    assert_eq!(next(&spool), first);
    assert_eq!(spool.settle(2, 8, at(3)).unwrap(), Settled::Acknowledged(2));
    let second = next(&spool);
    assert_eq!(names(&second), ["AA02", "suzuki"]);
    assert_eq!(sequences(&second), [3, 4]);
}

#[test]
fn an_unsent_inventory_is_replaced_and_leaves_no_hole() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    for name in ["tanaka", "suzuki", "sato"] {
        assert_eq!(spool.append(accounts(name), at(1)).unwrap(), Appended::Taken);
    }
    let batch = next(&spool);
    assert_eq!(names(&batch), ["sato"]);
    assert_eq!(sequences(&batch), [1]);
}

#[test]
fn an_unchanged_inventory_is_told_once_a_day() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    let day = 24 * 3600;
    assert_eq!(spool.append(accounts("tanaka"), at(0)).unwrap(), Appended::Taken);
    assert_eq!(spool.append(accounts("tanaka"), at(day - 1)).unwrap(), Appended::Unchanged);
    assert_eq!(spool.append(accounts("tanaka"), at(day)).unwrap(), Appended::Taken);
    assert_eq!(spool.append(accounts("suzuki"), at(day)).unwrap(), Appended::Taken);
    assert_eq!(spool.append(accounts("tanaka"), at(day)).unwrap(), Appended::Taken);
    // A clock that was set back.
    assert_eq!(spool.append(accounts("tanaka"), at(1)).unwrap(), Appended::Taken);
}

#[test]
fn equal_events_are_both_evidence() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    spool.append(event("AA01"), at(1)).unwrap();
    spool.append(event("AA01"), at(1)).unwrap();
    assert_eq!(names(&next(&spool)), ["AA01", "AA01"]);
}

#[test]
fn power_loss_between_any_two_steps_loses_nothing_and_doubles_nothing() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    // What a collector that takes only the next number in order would have.
    let mut collector: Vec<String> = Vec::new();
    let deliver = |collector: &mut Vec<String>, batch: &Batch| {
        for (sequence, name) in sequences(batch).into_iter().zip(names(batch)) {
            if sequence == collector.len() as u64 + 1 {
                collector.push(name);
            }
        }
        collector.len() as u64
    };
    let mut expected = Vec::new();
    for step in 0..12 {
        let name = format!("AA{step:02}");
        spool.append(event(&name), at(step)).unwrap();
        expected.push(name);
        let check = |collector: &Vec<String>| {
            let (_copy, again) = after_power_loss(folder.path());
            let mut collector = collector.clone();
            while let Some(batch) = again.pending(BATCH_BYTES, 2).unwrap() {
                let durable_to = deliver(&mut collector, &batch);
                assert!(matches!(again.settle(durable_to, 8, at(99)).unwrap(), Settled::Acknowledged(_)));
            }
            assert_eq!(collector, expected, "step {step}");
        };
        check(&collector);
        if step % 2 == 1 {
            let batch = spool.pending(BATCH_BYTES, 3).unwrap().unwrap();
            check(&collector);
            let durable_to = deliver(&mut collector, &batch);
            check(&collector);
            spool.settle(durable_to, 8, at(99)).unwrap();
            check(&collector);
        }
    }
}

#[test]
fn a_number_that_was_seen_outside_never_means_something_else() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    spool.append(accounts("tanaka"), at(1)).unwrap();
    let sent = next(&spool);
    let (_copy, again) = after_power_loss(folder.path());
    // An event would go first, if the inventory had lost its number.
    again.append(event("AA01"), at(2)).unwrap();
    assert_eq!(next(&again), sent);
}

#[test]
fn a_full_spool_gives_up_the_oldest_and_tells_how_many() {
    let folder = TempDir::new().unwrap();
    let one = Observation { sequence: 0, observed_at: at(101), fact: event("AA01") }.to_bytes().len() as u64;
    let spool = Spool::open(folder.path(), 3 * one, 7).unwrap();
    for second in 1..=8 {
        spool.append(event(&format!("AA0{second}")), at(100 + second)).unwrap();
    }
    assert_eq!(spool.waiting().events, 4);
    let batch = next(&spool);
    assert_eq!(names(&batch), ["gap 5", "AA06", "AA07", "AA08"]);
    let Fact::Gap(gap) = Observation::try_from(batch.observations[0].clone()).unwrap().fact else { panic!() };
    assert_eq!((gap.since, gap.until), (at(101), at(105)));
    // The bound holds after a restart, too.
    drop(spool);
    let spool = Spool::open(folder.path(), 3 * one, 7).unwrap();
    for second in 1..=4 {
        spool.append(event(&format!("BB0{second}")), at(100 + second)).unwrap();
    }
    assert_eq!(next(&spool), batch);
    spool.settle(4, 8, at(200)).unwrap();
    assert_eq!(names(&next(&spool)), ["gap 1", "BB02", "BB03", "BB04"]);
}

#[test]
fn a_batch_keeps_its_limits_and_always_moves() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    for second in 0..5 {
        spool.append(event(&format!("AA0{second}")), at(second)).unwrap();
    }
    assert_eq!(names(&spool.pending(1, 100).unwrap().unwrap()), ["AA00"]);
    spool.settle(1, 8, at(9)).unwrap();
    assert_eq!(names(&spool.pending(BATCH_BYTES, 3).unwrap().unwrap()), ["AA01", "AA02", "AA03"]);
}

#[test]
fn a_spool_from_a_backup_begins_a_new_incarnation_and_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    spool.append(event("AA01"), at(1)).unwrap();
    spool.append(accounts("tanaka"), at(1)).unwrap();
    assert_eq!(next(&spool).incarnation, 7);
    assert_eq!(spool.settle(40, 8, at(2)).unwrap(), Settled::Ahead);
    let batch = next(&spool);
    assert_eq!((batch.incarnation, sequences(&batch)), (8, vec![1, 2]));
    assert_eq!(names(&batch), ["AA01", "tanaka"]);
    spool.settle(2, 9, at(3)).unwrap();
    // The collector may lack what this spool believes to be told.
    assert_eq!(spool.append(accounts("tanaka"), at(4)).unwrap(), Appended::Taken);
}

#[test]
fn a_collector_from_a_backup_is_told_what_it_lacks() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    for second in 1..=4 {
        spool.append(event(&format!("AA0{second}")), at(second)).unwrap();
    }
    next(&spool);
    spool.settle(3, 8, at(5)).unwrap();
    assert_eq!(spool.settle(1, 8, at(6)).unwrap(), Settled::Behind { lost: 2 });
    let batch = next(&spool);
    assert_eq!((batch.incarnation, sequences(&batch)), (8, vec![1, 2]));
    assert_eq!(names(&batch), ["gap 2", "AA04"]);
}

#[test]
fn another_identity_does_not_inherit_the_numbers() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    spool.belong_to("first", 8).unwrap();
    spool.append(event("AA01"), at(1)).unwrap();
    next(&spool);
    spool.belong_to("first", 9).unwrap();
    assert_eq!(spool.incarnation(), 7);
    spool.belong_to("second", 9).unwrap();
    assert_eq!((next(&spool).incarnation, names(&next(&spool))), (9, vec!["AA01".to_owned()]));
}

#[test]
fn an_inventory_too_large_to_send_is_told_as_unreadable() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    let hostname = Some("x".repeat(OBSERVATION_BYTES_MAX));
    spool.append(Fact::Host(Look::complete(Host { hostname, ..Host::default() })), at(1)).unwrap();
    let told = Observation::try_from(next(&spool).observations.remove(0)).unwrap();
    assert!(matches!(told.fact, Fact::Host(Look::Unreadable { .. })));
}

#[test]
fn a_killed_drill_neither_loses_nor_repeats_a_line() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    for line in 1..=3 {
        spool.append_drill(event(&format!("AA0{line}")), at(1), "drill", line).unwrap();
        let (_copy, again) = after_power_loss(folder.path());
        assert_eq!(again.drilled_to("drill").unwrap(), line);
        assert_eq!(next(&again).observations.len() as u64, line);
    }
    assert_eq!(spool.drilled_to("another").unwrap(), 0);
}

#[test]
fn a_damaged_spool_is_set_aside_and_the_loss_is_told() {
    let data = TempDir::new().unwrap();
    let keeper = || Keeper::new(data.path(), ROOM, "me".to_owned(), || 7, at(1_000));
    let first = keeper();
    first.record(event("AA01"), at(1), at(1));
    drop(first);
    let file = data.path().join("spool/conf");
    std::fs::write(file, b"not what sled wrote").unwrap();
    let second = keeper();
    second.record(event("AA02"), at(2), at(2));
    assert_eq!(names(&next(&second.spool().unwrap())), ["gap 1", "AA02"]);
    assert!(data.path().join("spool.damaged-1000").exists());
}

#[test]
fn events_wait_in_memory_while_the_disk_takes_none() {
    let data = TempDir::new().unwrap();
    let obstacle = data.path().join("spool");
    std::fs::write(&obstacle, b"a file where the folder should be").unwrap();
    let keeper = Keeper::new(data.path(), ROOM, "me".to_owned(), || 7, at(0));
    assert!(keeper.spool().is_none() && keeper.trouble().is_some());
    for second in 0..1_002 {
        keeper.record(event(&format!("{second}")), at(second), at(second));
    }
    assert!(!keeper.mend(at(2_000)));
    std::fs::remove_file(&obstacle).unwrap();
    assert!(keeper.mend(at(2_000)));
    assert!(keeper.trouble().is_none());
    let batch = keeper.spool().unwrap().pending(BATCH_BYTES, 2_000).unwrap().unwrap();
    assert_eq!(names(&batch)[..2], ["gap 2", "2"]);
    assert_eq!(batch.observations.len(), 1_001);
}

#[cfg(target_os = "linux")]
#[test]
fn the_threads_of_the_spool_let_the_machine_sleep() {
    let data = TempDir::new().unwrap();
    let spool = Spool::open(data.path(), 1 << 20, 1).unwrap();
    let mut slacks = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let id = task.unwrap().file_name().into_string().unwrap();
        let comm = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        // Of another thread only root is told.
        if let (true, Ok(slack)) =
            (comm.starts_with("sled-io"), std::fs::read_to_string(format!("/proc/{id}/timerslack_ns")))
        {
            slacks.push(slack.trim().parse::<u64>().unwrap());
        }
    }
    if rustix::process::geteuid().is_root() {
        assert!(slacks.len() >= 7, "sled started {} threads that can be seen", slacks.len());
    }
    assert!(slacks.iter().all(|&slack| slack >= 60_000_000_000), "{slacks:?}");
    drop(spool);
}
