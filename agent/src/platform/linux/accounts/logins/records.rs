//! The records of wtmp and lastlog, as glibc lays them out (utmp(5), bits/utmp.h, bits/utmpx.h). Pure but for the reader
//! that it is given.

use std::io::{self, Read};

use jiff::Timestamp;

use super::newest::Newest;

/// One layout. 32-bit times are read unsigned: they last until 2106.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::platform::linux::accounts) struct Layout {
    /// Of one record of wtmp.
    wtmp_bytes: usize,
    /// Where a record of wtmp has its time.
    wtmp_time_at: usize,
    /// Of one record of lastlog, which begins with its time.
    pub(in crate::platform::linux::accounts) lastlog_bytes: usize,
    /// Of a time.
    time_bytes: usize,
}

/// x86-64, and others that keep 32-bit times for their 32-bit programs.
pub(in crate::platform::linux::accounts) const NARROW: Layout =
    Layout { wtmp_bytes: 384, wtmp_time_at: 340, lastlog_bytes: 292, time_bytes: 4 };

/// arm64, and others without a 32-bit past.
pub(in crate::platform::linux::accounts) const WIDE: Layout =
    Layout { wtmp_bytes: 400, wtmp_time_at: 344, lastlog_bytes: 296, time_bytes: 8 };

/// This machine's layout first, then the other.
const LAYOUTS: [Layout; 2] = if cfg!(target_arch = "x86_64") { [NARROW, WIDE] } else { [WIDE, NARROW] };

/// `ut_type` of a session's begin.
const USER_PROCESS: u8 = 7;

/// The largest `ut_type` (ACCOUNTING).
const TYPE_MAX: u8 = 9;

/// Where a record has its name, and how many bytes; longer names are cut there.
const NAME: std::ops::Range<usize> = 44..76;

/// Whole records of both layouts fit into this many bytes.
const CHUNK: usize = 9_600;

/// wtmp files are read up to here: 10 years of 300 logins a day are 420 MB at most, and no machine rotates so rarely.
const WTMP_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Takes a whole wtmp in. Answers how many bytes at its end are no record.
pub(in crate::platform::linux::accounts) fn take_wtmp(
    wtmp: impl Read,
    newest: &mut Newest,
) -> io::Result<usize> {
    let mut wtmp = wtmp.take(WTMP_BYTES_MAX);
    let mut layout = None;
    let mut chunk = Vec::with_capacity(CHUNK);
    loop {
        chunk.clear();
        wtmp.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
        let layout = *layout.get_or_insert_with(|| wtmp_layout(&chunk));
        for record in chunk.chunks_exact(layout.wtmp_bytes) {
            if record[0] == USER_PROCESS && record[1] == 0 {
                let seconds = time(&record[layout.wtmp_time_at..], layout);
                newest.offer_cut(until_zero(&record[NAME]), Timestamp::from_second(seconds).ok(), "wtmp");
            }
        }
        if chunk.len() < CHUNK {
            return Ok(chunk.len() % layout.wtmp_bytes);
        }
    }
}

/// The layout in which every record of this beginning has a type that exists.
fn wtmp_layout(beginning: &[u8]) -> Layout {
    let fits = |layout: &&Layout| {
        let records = beginning.chunks_exact(layout.wtmp_bytes);
        beginning.len() >= layout.wtmp_bytes
            && records.into_iter().all(|record| record[0] <= TYPE_MAX && record[1..4] == [0, 0, 0])
    };
    *LAYOUTS.iter().find(fits).unwrap_or(&LAYOUTS[0])
}

/// The layout of a lastlog of this size: it grows by whole records.
pub(in crate::platform::linux::accounts) fn lastlog_layout(size: u64) -> Layout {
    let fits = |layout: &&Layout| size.is_multiple_of(layout.lastlog_bytes as u64);
    *LAYOUTS.iter().find(fits).unwrap_or(&LAYOUTS[0])
}

/// The seconds that a record of lastlog begins with; 0: no login yet.
pub(super) fn lastlog_seconds(record: &[u8], layout: Layout) -> i64 {
    time(record, layout)
}

fn time(bytes: &[u8], layout: Layout) -> i64 {
    let mut whole = [0; 8];
    for (to, from) in whole.iter_mut().zip(bytes.iter().take(layout.time_bytes)) {
        *to = *from;
    }
    i64::from_le_bytes(whole)
}

fn until_zero(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    &field[..end]
}
