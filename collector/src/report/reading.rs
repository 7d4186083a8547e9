//! Reads the log up to a moment: what was known then, and the entry on which that rests.

use jiff::Timestamp;

use super::LogHead;
use super::past::{Past, Told};
use crate::chronicle::{Digest, Entry, What};
use crate::shelves::Shelves;
use crate::store::StoreError;

/// Lines that one look takes.
const PAGE: usize = 1_000;

/// What was known at `until`, and the last entry of then.
pub(super) fn past(shelves: &Shelves, until: Timestamp) -> Result<(Past, Option<LogHead>), StoreError> {
    let (mut past, mut head, mut after) = (Past::default(), None, 0);
    loop {
        let page = shelves.chronicle_lines(after, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok((past, head)) };
        after = *last;
        for (number, line) in page {
            let entry = Entry::parse(&line).map_err(|reason| StoreError::Corrupt {
                key: format!("entry {number} of the log"),
                reason,
            })?;
            // The clock may have been set back: each entry is asked, and not only the last.
            if entry.at <= until {
                take(&mut past, &entry);
                head = Some(LogHead { number, hash: Digest::of(&line).to_string() });
            }
        }
    }
}

fn take(past: &mut Past, entry: &Entry) {
    past.written(entry.at);
    match &entry.what {
        What::ViolationTaken { violation, .. } => past.taken(violation),
        What::ViolationStep { step, reason, violation } => {
            past.step(entry.at, &entry.by, *step, reason.as_deref(), violation);
        }
        What::Verdicts { device, rules, silent, .. } => {
            for said in rules {
                let told = Told { verdict: said.verdict, unknowns: said.unknowns.clone() };
                past.told(entry.at, device, &said.rule, told);
            }
            for rule in silent {
                past.silent(device, rule);
            }
        }
        What::DeviceCeased { device } => past.gone(device),
        What::LedgerVersion { version, .. } => past.ledger = Some(version.number),
        What::Judged { .. } => past.judged(entry.at),
        _ => {}
    }
}
