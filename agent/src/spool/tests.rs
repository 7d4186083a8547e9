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

/// Everything that would be sent if each report were taken at once.
fn all_names(spool: &Spool) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(batch) = spool.pending(BATCH_BYTES, 100).unwrap() {
        all.extend(names(&batch));
        spool.settle(*sequences(&batch).last().unwrap(), 99, at(0)).unwrap();
    }
    all
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
    // Everything is looked at anew: a look of before might come after a newer one.
    assert_eq!((batch.incarnation, sequences(&batch)), (8, vec![1]));
    assert_eq!(names(&batch), ["AA01"]);
    spool.settle(1, 9, at(3)).unwrap();
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
    // A form of the future.
    let (mut journal, _) = Journal::open(&data.path().join("spool"), 1).unwrap();
    journal.write(&[put_number("m/form", FORM + 1)]).unwrap();
    drop(journal);
    let second = keeper();
    second.record(event("AA02"), at(2), at(2));
    assert_eq!(names(&next(&second.spool().unwrap())), ["gap 1", "AA02"]);
    assert!(data.path().join("spool.damaged-1000").exists());
}

#[test]
fn a_spool_whose_numbers_contradict_each_other_is_set_aside_and_what_comes_is_told() {
    for contradiction in [
        Change::Put(b"m/next".to_vec(), 900_u64.to_be_bytes().to_vec()),
        Change::Put(numbered("o/", 7), Vec::new()),
        Change::Remove(numbered("o/", 2)),
        Change::Put(b"m/arrivals".to_vec(), u64::MAX.to_be_bytes().to_vec()),
    ] {
        let data = tempfile::tempdir().unwrap();
        let keeper = || Keeper::new(data.path(), ROOM, "me".to_owned(), || 8, at(1));
        let first = keeper();
        for lost in ["a", "b", "c"] {
            first.record(event(lost), at(1), at(1));
        }
        assert_eq!(sequences(&next(&first.spool().unwrap())), [1, 2, 3]);
        drop(first);
        let (mut journal, _) = Journal::open(&data.path().join("spool"), 8).unwrap();
        journal.write(&[contradiction]).unwrap();
        drop(journal);
        let again = keeper();
        again.record(event("told"), at(2), at(2));
        let names = all_names(&again.spool().unwrap());
        assert_eq!(names, ["gap 1", "told"]);
    }
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

#[test]
fn a_spoiled_record_costs_itself_alone_and_is_told() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    for second in 1..=5 {
        spool.append(event(&format!("AA0{second}")), at(second)).unwrap();
    }
    drop(spool);
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    let place = bytes.windows(4).position(|window| window == b"AA03").unwrap();
    bytes[place] = b'Z';
    std::fs::write(&file, &bytes).unwrap();
    let spool = Spool::open(folder.path(), ROOM, 8).unwrap();
    let batch = next(&spool);
    let Fact::Gap(gap) = Observation::try_from(batch.observations[0].clone()).unwrap().fact else { panic!() };
    assert_eq!((gap.since, gap.until, gap.cause, gap.at_least), (at(2), at(4), GapCause::Spoiled, true));
    // Told once, under a new incarnation: numbers may be among what was spoiled.
    drop(spool);
    let spool = Spool::open(folder.path(), ROOM, 9).unwrap();
    assert_eq!((spool.incarnation(), next(&spool)), (8, batch));
    assert_eq!(all_names(&spool), ["gap 1", "AA01", "AA02", "AA04", "AA05"]);
}

#[test]
fn whichever_byte_is_spoiled_nothing_else_is_lost_and_silence_is_kept_of_nothing() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    for second in 1..=4 {
        spool.append(event(&format!("AA0{second}")), at(second)).unwrap();
    }
    drop(spool);
    let name = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().file_name();
    let bytes = std::fs::read(folder.path().join(&name)).unwrap();
    for place in 0..bytes.len() {
        let copy = TempDir::new().unwrap();
        let mut spoiled = bytes.clone();
        spoiled[place] ^= 0x20;
        std::fs::write(copy.path().join(&name), spoiled).unwrap();
        let told = all_names(&Spool::open(copy.path(), ROOM, 8).unwrap());
        let events = told.iter().filter(|name| name.starts_with("AA")).count();
        assert!(events >= 3, "byte {place}: {told:?}");
        assert_eq!(told[0], "gap 1", "byte {place}: {told:?}");
    }
}

#[test]
fn a_record_that_was_cut_short_was_never_taken_and_is_no_loss() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    spool.append(event("AA01"), at(1)).unwrap();
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    spool.append(event("AA02"), at(2)).unwrap();
    drop(spool);
    let longer = std::fs::read(&file).unwrap();
    for length in whole.len()..longer.len() {
        let copy = TempDir::new().unwrap();
        std::fs::write(copy.path().join(file.file_name().unwrap()), &longer[..length]).unwrap();
        let spool = Spool::open(copy.path(), ROOM, 8).unwrap();
        assert_eq!((spool.incarnation(), names(&next(&spool))), (7, vec!["AA01".to_owned()]), "{length}");
    }
}

#[test]
fn events_that_waited_too_long_are_given_up_and_told() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    let day = || (0..24).for_each(|_| spool.grow_older(7).unwrap());
    spool.append(event("AA01"), at(1)).unwrap();
    day();
    spool.append(event("AA02"), at(2)).unwrap();
    (0..6).for_each(|_| day());
    assert_eq!(spool.waiting().events, 2);
    day();
    assert_eq!(names(&next(&spool)), ["gap 1", "AA02"]);
    let Fact::Gap(gap) = Observation::try_from(next(&spool).observations[0].clone()).unwrap().fact else {
        panic!()
    };
    assert_eq!((gap.since, gap.until, gap.cause), (at(1), at(1), GapCause::TooOld));
}

#[test]
fn a_folder_that_was_removed_is_made_anew_with_everything_in_it() {
    let data = TempDir::new().unwrap();
    let keeper = Keeper::new(data.path(), ROOM, "me".to_owned(), || 7, at(0));
    keeper.record(event("AA01"), at(1), at(1));
    std::fs::remove_dir_all(data.path().join("spool")).unwrap();
    keeper.mend(at(2));
    assert!(keeper.trouble().is_none());
    drop(keeper);
    let keeper = Keeper::new(data.path(), ROOM, "me".to_owned(), || 8, at(0));
    assert_eq!(names(&next(&keeper.spool().unwrap())), ["AA01"]);
}

#[test]
fn the_file_stays_small_however_much_is_superseded() {
    let folder = TempDir::new().unwrap();
    let spool = open(folder.path());
    let long = "x".repeat(100_000);
    for second in 0..200 {
        spool.append(accounts(&format!("{long}{second}")), at(second)).unwrap();
    }
    let bytes: u64 =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 3_000_000, "{bytes} bytes for one inventory of 100 KB");
    assert_eq!(names(&next(&spool)), [format!("{long}199")]);
}

#[test]
fn a_text_from_outside_never_passes_for_a_record_when_the_file_is_searched() {
    let folder = TempDir::new().unwrap();
    let (mut journal, _) = Journal::open(folder.path(), 5).unwrap();
    let honest = Change::Put(b"e/honest".to_vec(), b"1".to_vec());
    journal.write(std::slice::from_ref(&honest)).unwrap();
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    // A whole record of this very file, carried within a value of another: what a label could be made to hold.
    let forged = std::fs::read(&file).unwrap();
    let at = forged.len();
    journal.write(&[Change::Put(b"e/carrier".to_vec(), forged)]).unwrap();
    journal.write(&[Change::Remove(b"e/honest".to_vec())]).unwrap();
    drop(journal);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (journal, damage) = Journal::open(folder.path(), 5).unwrap();
    assert_eq!((journal.keys(b"").count(), damage.places), (0, 1));
}
