//! Signs of life: when each endpoint was last heard of without anything to report, many of them in one value.
//!
//! They are by far what changes most, and a page of the store is written anew for each key on it that changes: with a key
//! for each endpoint between its inventories, a hospital of 100 machines wrote 200 KB to say that they are all there.

use std::collections::BTreeMap;

use daicho_proto::endpoint::EndpointId;
use jiff::Timestamp;
use uuid::Uuid;

use super::Shelves;
use crate::store::{Batch, StoreError};

/// Values over which the endpoints are spread, so that one of them stays small at 10 000: by the last four bits of their
/// names, which are random.
const VALUES: u8 = 16;

/// Bytes of a sign: the endpoint's name and the microseconds since 1970, big endian.
const NAME_BYTES: usize = 16;
const SIGN_BYTES: usize = NAME_BYTES + 8;

/// When an endpoint last gave a sign of life that was written.
pub fn of(shelves: &Shelves, id: EndpointId) -> Result<Option<Timestamp>, StoreError> {
    let key = key(value_of(id));
    let Some(signs) = shelves.store().get(key.as_bytes())? else { return Ok(None) };
    let (signs, rest) = signs.as_chunks::<SIGN_BYTES>();
    if !rest.is_empty() {
        return Err(cut_off(key));
    }
    let own = signs.iter().find(|sign| sign.starts_with(id.0.as_bytes()));
    Ok(own.map(|sign| parse(sign).1))
}

/// Writes newer signs of life beside the others, and in the place of a later one that came with a report: then our own
/// clock was ahead, and what it said would stand for years. Two callers at once would lose one's.
pub fn put(
    shelves: &Shelves,
    batch: &mut Batch,
    newer: &BTreeMap<EndpointId, Timestamp>,
) -> Result<(), StoreError> {
    for value in 0..VALUES {
        let mut own = newer.iter().filter(|(id, _)| value_of(**id) == value).peekable();
        if own.peek().is_none() {
            continue;
        }
        let key = key(value);
        let kept = shelves.store().get(key.as_bytes())?.unwrap_or_default();
        let (signs, rest) = kept.as_chunks::<SIGN_BYTES>();
        if !rest.is_empty() {
            return Err(cut_off(key));
        }
        let mut all: BTreeMap<EndpointId, Timestamp> = signs.iter().map(parse).collect();
        for (id, at) in own.clone() {
            let reported = format!("record/{id}/last_heard");
            if shelves.get::<Timestamp>(&reported)?.is_some_and(|reported| reported > *at) {
                batch.put_json(&reported, at);
            }
        }
        all.extend(own);
        let mut bytes = Vec::with_capacity(all.len() * SIGN_BYTES);
        for (id, at) in all {
            bytes.extend_from_slice(id.0.as_bytes());
            bytes.extend_from_slice(&at.as_microsecond().to_be_bytes());
        }
        batch.put(key, bytes);
    }
    Ok(())
}

fn parse(sign: &[u8; SIGN_BYTES]) -> (EndpointId, Timestamp) {
    let (mut name, mut micros) = ([0; NAME_BYTES], [0; SIGN_BYTES - NAME_BYTES]);
    name.copy_from_slice(&sign[..NAME_BYTES]);
    micros.copy_from_slice(&sign[NAME_BYTES..]);
    (EndpointId(Uuid::from_bytes(name)), daicho_proto::time::from_wire(i64::from_be_bytes(micros)))
}

fn value_of(id: EndpointId) -> u8 {
    id.0.as_bytes().last().map_or(0, |last| last % VALUES)
}

fn key(value: u8) -> String {
    format!("heard/{value:x}")
}

fn cut_off(key: String) -> StoreError {
    StoreError::Corrupt { key, reason: "a sign of life is cut off".to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::memory::MemoryStore;

    fn id(number: u128) -> EndpointId {
        EndpointId(Uuid::from_u128(number))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn each_sign_of_life_is_found_again_and_a_newer_one_takes_nothing_from_the_others() {
        let shelves = Shelves::new(Arc::new(MemoryStore::default()));
        for signs in [vec![(1, 10), (17, 20), (2, 30)], vec![(17, 40)]] {
            let mut batch = Batch::default();
            put(&shelves, &mut batch, &signs.into_iter().map(|(who, when)| (id(who), at(when))).collect())
                .unwrap();
            shelves.commit(batch).unwrap();
        }
        let found = [1, 2, 3, 17, 33].map(|number| of(&shelves, id(number)).unwrap());
        assert_eq!(found, [Some(at(10)), Some(at(30)), None, Some(at(40)), None]);
    }

    #[test]
    fn what_a_clock_told_that_was_ahead_stands_no_longer_than_until_the_next_sign() {
        let shelves = Shelves::new(Arc::new(MemoryStore::default()));
        let sign = |second| {
            let mut batch = Batch::default();
            put(&shelves, &mut batch, &[(id(1), at(second))].into()).unwrap();
            shelves.commit(batch).unwrap();
            shelves.last_heard(id(1)).unwrap()
        };
        let mut batch = Batch::default();
        batch.put_json(&format!("record/{}/last_heard", id(1)), &at(1_000_000));
        shelves.commit(batch).unwrap();
        assert_eq!([sign(10), sign(2_000_000), sign(20)], [10, 2_000_000, 20].map(|second| Some(at(second))));
    }

    #[test]
    fn a_value_that_is_cut_off_is_told_and_not_taken_for_silence() {
        let shelves = Shelves::new(Arc::new(MemoryStore::default()));
        let mut batch = Batch::default();
        batch.put("heard/1", vec![0; SIGN_BYTES + 1]);
        shelves.commit(batch).unwrap();
        let told = of(&shelves, id(1)).unwrap_err().to_string();
        assert!(told.contains("heard/1") && told.contains("cut off"), "{told}");
    }
}
