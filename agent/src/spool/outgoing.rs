//! What is on its way: how it gets its numbers, and how it gets others.

use daicho_proto::facts::Gap;

use super::journal::Change;
use super::{Inner, SpoolError, State, is_look, number_of, numbered, observation, put_number, told};

/// A number beyond this one was never counted up to.
const NUMBER_MAX: u64 = 1 << 62;

impl Inner {
    /// The numbers that were given out and what is on its way must be the same ones: else what waits behind them would wait
    /// for ever, and nobody would be told.
    pub(super) fn agree(&self) -> Result<(), SpoolError> {
        let State { first, next, arrivals, .. } = self.state;
        let (mut outgoing, mut last) = (0, first.saturating_sub(1));
        for (key, _) in self.journal.keys(b"o/") {
            (outgoing, last) = (outgoing + 1, number_of(key)?);
        }
        let whole = first > 0 && next.checked_sub(first) == Some(outgoing) && last == next - 1;
        if !whole || next.max(arrivals) > NUMBER_MAX {
            let numbers = format!("{outgoing} from {first} on, then {next}; {arrivals} arrivals");
            return Err(SpoolError::Damaged(format!("its numbers contradict each other ({numbers})")));
        }
        Ok(())
    }

    /// Moves what waits under the next numbers: untold gaps, then events, then inventories.
    pub(super) fn form(&mut self, bytes_max: usize, count_max: usize) -> Result<(), SpoolError> {
        let (journal, mut after) = (&self.journal, self.state);
        let (mut changes, mut bytes_taken) = (Vec::new(), 0);
        let waits = journal.keys(b"m/gap").chain(journal.keys(b"e/")).chain(journal.keys(b"i/"));
        for (key, bytes) in waits.take(count_max) {
            bytes_taken += bytes;
            if bytes_taken > bytes_max as u64 && after.next > self.state.next {
                break;
            }
            if key.starts_with(b"e/") {
                after.events -= 1;
                after.event_bytes -= bytes;
            }
            changes.push(Change::Move(key.to_vec(), numbered("o/", after.next)));
            after.next += 1;
        }
        if after.next == self.state.next {
            return Ok(());
        }
        changes.push(put_number("m/next", after.next));
        // On disk before it leaves: a number that was seen outside must never come to mean something else.
        self.journal.write(&changes)?;
        self.state = after;
        Ok(())
    }

    /// A new incarnation: what is on its way is numbered anew, and each inventory counts as never told.
    pub(super) fn begin_again(&mut self, fresh: u64, gap: Option<Gap>) -> Result<(), SpoolError> {
        let mut after = State { incarnation: fresh, first: 1, next: 1, ..self.state };
        let mut changes = Vec::new();
        let (mut outgoing, mut looks): (Vec<Vec<u8>>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
        let keys: Vec<Vec<u8>> = self.journal.keys(b"o/").map(|(key, _)| key.to_vec()).collect();
        for key in keys {
            // What cannot be read now is told by whoever sends it.
            let value = self.journal.get(&key).ok().flatten();
            let is_look = value.and_then(|value| observation(&value).ok()).is_some_and(|one| is_look(&one));
            if is_look { looks.push(key) } else { outgoing.push(key) }
        }
        // Everything is looked at anew. A look of before may be one that the collector has and that a newer one followed.
        looks.extend(self.journal.keys(b"i/").map(|(key, _)| key.to_vec()));
        changes.extend(looks.into_iter().map(Change::Remove));
        // Out of the way first: a number's old and new place may be another's.
        for (place, key) in outgoing.iter().enumerate() {
            changes.push(Change::Move(key.clone(), numbered("x/", place as u64)));
        }
        if let Some(gap) = gap {
            changes.push(Change::Put(numbered("o/", after.next), told(gap)));
            after.next += 1;
        }
        for place in 0..outgoing.len() {
            changes.push(Change::Move(numbered("x/", place as u64), numbered("o/", after.next)));
            after.next += 1;
        }
        changes.extend(self.journal.keys(b"d/").map(|(key, _)| Change::Remove(key.to_vec())));
        changes.push(put_number("m/incarnation", after.incarnation));
        changes.push(put_number("m/next", after.next));
        self.journal.write(&changes)?;
        self.state = after;
        Ok(())
    }
}
