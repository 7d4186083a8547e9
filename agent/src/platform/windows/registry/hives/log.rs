//! The logs of a hive: what Windows had written beside it before it could write it there. They are applied in memory.

use super::base::{self, Base, Kind, number};
use super::marvin;
use super::pages::{Mended, PAGE_BYTES};

/// The largest log that is read: Windows begins anew long before, at some MB.
pub(super) const LOG_BYTES_MAX: u64 = 64 << 20;

/// A hive's state after its logs.
pub(super) struct Recovered {
    pub(super) mended: Mended,
    /// Where the root lies.
    pub(super) root: u32,
    /// How many bytes of bins there are.
    pub(super) bins_bytes: u32,
    /// The version's second part.
    pub(super) minor: u32,
    /// What could not be made good, each a part of a sentence about the hive.
    pub(super) troubles: Vec<String>,
}

/// A log as a file.
pub(super) struct Log {
    /// `SYSTEM.LOG1`.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Applies what is newer in the logs than in the hive. `own` is the hive's first block, `None`: it has none that can be
/// understood. Answers `None` if no log has one in its place.
pub(super) fn recover(own: Option<Base>, logs: Vec<Log>) -> Option<Recovered> {
    let sound = own.filter(|base| base.is_sound);
    let bases =
        logs.iter().map(|log| base::parse(&log.bytes).filter(|base| base.is_sound && base.is_clean()));
    let bases = bases.collect::<Vec<_>>();
    let copy = bases.iter().flatten().filter(|base| base.kind != Kind::Other && base.kind != Kind::Hive);
    let copy = copy.min_by_key(|base| base.begun).copied();
    let base = sound.or(copy).or(own)?;
    let mut recovered = Recovered {
        mended: Mended::default(),
        root: base.root,
        bins_bytes: base.bins_bytes,
        minor: base.minor,
        troubles: Vec::new(),
    };
    if sound.is_none() {
        recovered.troubles.push(match copy {
            Some(_) => "the sum over its first block is wrong, and its log's copy was taken".to_owned(),
            None => "the sum over its first block is wrong".to_owned(),
        });
    }
    if sound.is_some_and(|base| base.is_clean()) {
        return Some(recovered);
    }
    let of_kind = |kind| bases.iter().flatten().any(|base| base.kind == kind);
    if of_kind(Kind::NewLog) {
        apply_entries(sound.map(|base| base.ended), &logs, &bases, &mut recovered);
    } else if of_kind(Kind::OldLog) {
        apply_set(sound, &logs, &bases, &mut recovered);
    } else {
        let names = logs.iter().map(|log| log.name.as_str()).collect::<Vec<_>>().join(", ");
        recovered.troubles.push(match names.as_str() {
            "" => "its last writing was not finished and no log lies beside it".to_owned(),
            names => format!("its last writing was not finished and no log in {names} is whole"),
        });
    }
    recovered.mended.logs = logs.into_iter().map(|log| log.bytes).collect();
    Some(recovered)
}

/// An entry of a log: pages that belong together.
struct Entry {
    sequence: u32,
    bins_bytes: u32,
    /// Page of the hive, and where in the log it lies.
    pages: Vec<(u32, usize)>,
}

/// The new form: entries that follow each other, perhaps from one log into the other.
fn apply_entries(ended: Option<u32>, logs: &[Log], bases: &[Option<Base>], recovered: &mut Recovered) {
    let mut rows = Vec::new();
    for (index, (log, base)) in logs.iter().zip(bases).enumerate() {
        if base.is_some_and(|base| base.kind == Kind::NewLog) {
            rows.extend(entries(&log.bytes).into_iter().map(|entry| (index, entry)));
        }
    }
    rows.retain(|(_, entry)| ended.is_none_or(|ended| entry.sequence >= ended));
    rows.sort_by_key(|(_, entry)| entry.sequence);
    let Some((_, first)) = rows.first() else {
        recovered
            .troubles
            .push("its last writing was not finished and its logs hold nothing newer".to_owned());
        return;
    };
    // Counted once when a writing begins: the next entry has the number of its end or of its beginning.
    if let Some(ended) = ended
        && first.sequence > ended.saturating_add(1)
    {
        recovered.troubles.push(format!(
            "its logs begin with change {} while it ends with {ended}: something between may be lost",
            first.sequence
        ));
    }
    let mut before: Option<u32> = None;
    for (log, entry) in rows {
        if before.is_some_and(|before| entry.sequence != before.wrapping_add(1)) {
            recovered.troubles.push(format!(
                "its logs lack what follows change {}; what is newer was left out",
                before.unwrap_or_default()
            ));
            return;
        }
        before = Some(entry.sequence);
        recovered.bins_bytes = entry.bins_bytes;
        recovered.mended.pages.extend(entry.pages.into_iter().map(|(page, at)| (page, (log, at))));
    }
}

/// The entries of a log up to the first that is not whole or that is left from an earlier round.
fn entries(log: &[u8]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut at = PAGE_BYTES;
    while let Some((entry, size)) = log.get(at..).and_then(|rest| entry(rest, at)) {
        if entries.last().is_some_and(|last| entry.sequence != last.sequence.wrapping_add(1)) {
            break;
        }
        entries.push(entry);
        at += size;
    }
    entries
}

/// The entry at the start of these bytes, which lie at `at` in the log, and how long it is.
fn entry(bytes: &[u8], at: usize) -> Option<(Entry, usize)> {
    const HEADER: usize = 40;
    if !bytes.starts_with(b"HvLE") {
        return None;
    }
    let size = usize::try_from(number(bytes, 4)?).ok()?;
    let whole = bytes.get(..size).filter(|_| size >= HEADER && size.is_multiple_of(PAGE_BYTES))?;
    let long = |at| Some(u64::from(number(whole, at + 4)?) << 32 | u64::from(number(whole, at)?));
    if long(24)? != marvin::sum(&whole[HEADER..]) || long(32)? != marvin::sum(&whole[..32]) {
        return None;
    }
    let bins_bytes = number(whole, 16)?;
    let count = usize::try_from(number(whole, 20)?).ok()?;
    if !bins_bytes.is_multiple_of(4096) || count > size / 8 {
        return None;
    }
    let mut from = HEADER + 8 * count;
    let mut pages = Vec::new();
    for index in 0..count {
        let place = number(whole, HEADER + 8 * index)?;
        let length = number(whole, HEADER + 8 * index + 4)?;
        let page = u32::try_from(PAGE_BYTES).ok()?;
        if !place.is_multiple_of(page) || !length.is_multiple_of(page) {
            return None;
        }
        if place.checked_add(length)? > bins_bytes || from.checked_add(usize::try_from(length).ok()?)? > size
        {
            return None;
        }
        for number in 0..length / page {
            pages.push((place / page + number, at + from));
            from += PAGE_BYTES;
        }
    }
    Some((Entry { sequence: number(whole, 12)?, bins_bytes, pages }, size))
}

/// The old form: one set of pages, of which a row of bits says where they belong.
fn apply_set(sound: Option<Base>, logs: &[Log], bases: &[Option<Base>], recovered: &mut Recovered) {
    for (index, (log, base)) in logs.iter().zip(bases).enumerate() {
        let Some(base) = base.filter(|base| base.kind == Kind::OldLog) else { continue };
        // The two are of one writing if they say the same time.
        if sound.is_some_and(|sound| sound.written != base.written) {
            continue;
        }
        if let Some(pages) = set(&log.bytes, base.bins_bytes) {
            recovered.bins_bytes = base.bins_bytes;
            recovered.mended.pages.extend(pages.into_iter().map(|(page, at)| (page, (index, at))));
            return;
        }
    }
    recovered
        .troubles
        .push("its last writing was not finished and no log of that writing is whole".to_owned());
}

/// Page of the hive, and where in the log it lies.
fn set(log: &[u8], bins_bytes: u32) -> Option<Vec<(u32, usize)>> {
    let bits = usize::try_from(bins_bytes).ok()? / PAGE_BYTES;
    if log.get(PAGE_BYTES..PAGE_BYTES + 4)? != b"DIRT" {
        return None;
    }
    let start = PAGE_BYTES + 4;
    let row = log.get(start..start.checked_add(bits.div_ceil(8))?)?;
    let mut at = (start + row.len()).next_multiple_of(PAGE_BYTES);
    let mut pages = Vec::new();
    for bit in 0..bits {
        if row[bit / 8] & (1 << (bit % 8)) != 0 {
            log.get(at..at.checked_add(PAGE_BYTES)?)?;
            pages.push((u32::try_from(bit).ok()?, at));
            at += PAGE_BYTES;
        }
    }
    Some(pages)
}
