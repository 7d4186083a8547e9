//! Whoever alters, removes, inserts or moves something of the log is found, whatever he does.

use super::*;
use crate::chronicle::verifying::{Anchor, LastLine};
use crate::chronicle::{Digest, Entry as Logged, What};
use crate::shelves::Shelves;
use crate::store::Store as _;

/// Tamperings of each kind of place.
const ROUNDS: u64 = 1_000;

fn lines(world: &World) -> Vec<Vec<u8>> {
    let lines = world.collector.shelves.chronicle_lines(0, usize::MAX).unwrap();
    lines.into_iter().map(|(_, line)| line).collect()
}

fn last_line(number: usize, line: &[u8]) -> Vec<u8> {
    serde_json::to_vec(&LastLine { head: number as u64, hash: Digest::of(line) }).unwrap()
}

/// Writes the chain anew from `from` on, as somebody would who knows how it is made.
fn rewritten(lines: &[Vec<u8>], from: usize) -> Vec<Vec<u8>> {
    let mut new: Vec<Vec<u8>> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let mut entry = Logged::parse(line).unwrap();
        entry.number = index as u64 + 1;
        entry.previous = new.last().map_or(Digest::ZERO, |line| Digest::of(line));
        if index == from {
            entry.by = "somebody".to_owned();
            entry.what = What::DeviceCeased { device: "SV-99".to_owned() };
        }
        new.push(entry.line());
    }
    new
}

#[tokio::test]
async fn a_thousand_tamperings_of_an_exported_log_are_found() {
    let world = live(3, 40).await;
    let whole = lines(&world);
    let head = world.collector.shelves.chronicle_head().unwrap();
    let anchors: Vec<Anchor> = vec![head.anchor().parse().unwrap()];
    let with_end = |lines: &[Vec<u8>]| -> Vec<Vec<u8>> {
        let end = last_line(lines.len(), lines.last().unwrap());
        lines.iter().cloned().chain([end]).collect()
    };
    let sound = |lines: &[Vec<u8>], anchors: &[Anchor]| {
        verifying::of_lines(lines.iter().map(Vec::as_slice), anchors).is_sound()
    };
    let exported = with_end(&whole);
    assert!(sound(&exported, &anchors), "untouched");
    let (mut dice, mut found) = (Dice::of(11), BTreeMap::<&str, u64>::new());
    while found.values().sum::<u64>() < ROUNDS {
        let mut lines = exported.clone();
        let at = |dice: &mut Dice, limit: usize| usize::try_from(dice.below(limit as u64)).unwrap();
        let one = at(&mut dice, whole.len());
        let (kind, needs_anchor) = match dice.below(8) {
            0 => {
                let byte = at(&mut dice, lines[one].len());
                lines[one][byte] ^= 1 << dice.below(8);
                ("a changed bit", false)
            }
            1 => {
                lines.remove(one);
                ("a removed entry", false)
            }
            2 => {
                let other = (one + 1 + at(&mut dice, whole.len() - 1)) % whole.len();
                lines.swap(one, other);
                ("two swapped entries", false)
            }
            3 => {
                let moved = lines.remove(one);
                let to = (one + 1 + at(&mut dice, whole.len() - 1)) % whole.len();
                lines.insert(to, moved);
                ("a moved entry", false)
            }
            4 => {
                let forged = Logged { by: "somebody".to_owned(), ..Logged::parse(&whole[one]).unwrap() };
                lines.insert(one, forged.line());
                ("an inserted entry", false)
            }
            5 => {
                lines.truncate(one + 1);
                ("a cut", false)
            }
            6 => {
                if one + 1 == whole.len() {
                    continue;
                }
                lines = with_end(&whole[..=one]);
                ("a cut with a new end", true)
            }
            _ => {
                lines = with_end(&rewritten(&whole, one));
                ("all written anew", true)
            }
        };
        let anchors = if needs_anchor { anchors.as_slice() } else { &[] };
        assert!(!sound(&lines, anchors), "{kind} at entry {} is not found", one + 1);
        *found.entry(kind).or_default() += 1;
    }
    println!(
        "found in an exported log of {} entries: {found:?}, {} in all",
        whole.len(),
        found.values().sum::<u64>()
    );
}

fn copy(world: &World) -> Shelves {
    let store = MemoryStore::default();
    let mut batch = Batch::default();
    for (key, value) in world.collector.shelves.store().scan(b"", None, usize::MAX).unwrap() {
        batch.put(key, value);
    }
    store.commit(batch).unwrap();
    Shelves::new(Arc::new(store))
}

#[tokio::test]
async fn a_thousand_tamperings_of_a_store_are_found() {
    let world = live(5, 40).await;
    let is_sound = |shelves: &Shelves| {
        verifying::of_store(shelves, &[])
            .is_ok_and(|verdict| verdict.is_some_and(|verdict| verdict.is_sound()))
    };
    assert!(is_sound(&copy(&world)), "untouched");
    let entries = world.collector.shelves.store().scan(b"", None, usize::MAX).unwrap();
    let of = |prefix: &str| -> Vec<(Vec<u8>, Vec<u8>)> {
        entries.iter().filter(|(key, _)| key.starts_with(prefix.as_bytes())).cloned().collect()
    };
    let (mut dice, mut found) = (Dice::of(13), BTreeMap::<String, u64>::new());
    // Each shelf in turn: the log itself, and what is compared with it byte for byte.
    let shelves = ["chronicle/entry/", "chronicle/head", "history/", "ledger/content/"];
    while found.values().sum::<u64>() < ROUNDS {
        let prefix = shelves[usize::try_from(dice.below(4)).unwrap()];
        let shelf = of(prefix);
        let (key, value) = shelf[usize::try_from(dice.below(shelf.len() as u64)).unwrap()].clone();
        let (other, other_value) = shelf[usize::try_from(dice.below(shelf.len() as u64)).unwrap()].clone();
        let (copy, mut batch) = (copy(&world), Batch::default());
        let kind = match dice.below(4) {
            0 => {
                let mut changed = value.clone();
                let byte = usize::try_from(dice.below(value.len() as u64)).unwrap();
                changed[byte] ^= 1 << dice.below(8);
                batch.put(key.clone(), changed);
                "changed bit"
            }
            1 => {
                batch.remove(key.clone());
                "removed"
            }
            2 if value != other_value => {
                batch.put(key.clone(), other_value);
                batch.put(other, value);
                "swapped"
            }
            _ if prefix != "chronicle/head" => {
                let mut added = key.clone();
                added.push(b'0');
                batch.put(added, value);
                "inserted"
            }
            _ => continue,
        };
        copy.commit(batch).unwrap();
        let name = String::from_utf8_lossy(&key).into_owned();
        assert!(!is_sound(&copy), "{kind} at {name} is not found");
        *found.entry(format!("{prefix} {kind}")).or_default() += 1;
    }
    println!("found in a store: {found:?}, {} in all", found.values().sum::<u64>());
}

#[tokio::test]
async fn a_state_that_nobody_decided_is_found() {
    let world = live(5, 40).await;
    for violation in world.collector.shelves.violations().unwrap() {
        for state in [State::Open, State::Acknowledged, State::Excepted, State::Resolved] {
            let copy = copy(&world);
            let mut batch = Batch::default();
            batch.put_violation(&Violation { state, ..violation.clone() });
            copy.commit(batch).unwrap();
            let verdict = verifying::of_store(&copy, &[]).unwrap().unwrap();
            assert_eq!(verdict.is_sound(), state == violation.state, "{}: {state:?}", violation.key);
        }
    }
}
