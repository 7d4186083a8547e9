//! When accounts were last used: lastlog and wtmp, as glibc lays them out. Pure but for the reader that it is given.

use std::collections::HashMap;
use std::io::{self, Read};

use daicho_proto::facts::{LastLogin, LoginState};
use jiff::{SignedDuration, Timestamp};

/// One layout of glibc's records (bits/utmp.h, bits/utmpx.h). 32-bit times are read unsigned: they last until 2106.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Of one record of wtmp.
    pub(super) wtmp_bytes: usize,
    /// Where a record of wtmp has its time.
    wtmp_time_at: usize,
    /// Of one record of lastlog, which begins with its time.
    pub(super) lastlog_bytes: usize,
    /// Of a time.
    time_bytes: usize,
}

/// x86-64, and others that keep 32-bit times for their 32-bit programs.
pub(super) const NARROW: Layout =
    Layout { wtmp_bytes: 384, wtmp_time_at: 340, lastlog_bytes: 292, time_bytes: 4 };

/// arm64, and others without a 32-bit past.
pub(super) const WIDE: Layout =
    Layout { wtmp_bytes: 400, wtmp_time_at: 344, lastlog_bytes: 296, time_bytes: 8 };

/// This machine's layout first, then the other.
const LAYOUTS: [Layout; 2] = if cfg!(target_arch = "x86_64") { [NARROW, WIDE] } else { [WIDE, NARROW] };

/// `ut_type` of a session's begin (utmp(5)).
const USER_PROCESS: u8 = 7;

/// The largest `ut_type` (ACCOUNTING).
const TYPE_MAX: u8 = 9;

/// Whole records of both layouts fit into this many bytes.
const CHUNK: usize = 9_600;

/// wtmp files are read up to here: 10 years of 300 logins a day are 420 MB at most, and no machine rotates so rarely.
const WTMP_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Clocks that ran ahead leave times that never were; a day's difference between machine and log is forgiven.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(24);

/// The newest session of each name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sessions(HashMap<String, i64>);

impl Sessions {
    /// Takes a whole wtmp in; times after `now` are passed over. Answers how many bytes at its end are no record.
    pub(super) fn take(&mut self, wtmp: impl Read, now: Timestamp) -> io::Result<usize> {
        let mut wtmp = wtmp.take(WTMP_BYTES_MAX);
        let latest = latest(now);
        let mut layout = None;
        let mut chunk = Vec::with_capacity(CHUNK);
        loop {
            chunk.clear();
            wtmp.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
            let layout = *layout.get_or_insert_with(|| wtmp_layout(&chunk));
            for record in chunk.chunks_exact(layout.wtmp_bytes) {
                self.take_record(record, layout, latest);
            }
            if chunk.len() < CHUNK {
                return Ok(chunk.len() % layout.wtmp_bytes);
            }
        }
    }

    fn take_record(&mut self, record: &[u8], layout: Layout, latest: i64) {
        let name = text(&record[44..76]);
        if record[0] != USER_PROCESS || record[1] != 0 || name.is_empty() {
            return;
        }
        let time = time(&record[layout.wtmp_time_at..], layout);
        if (1..=latest).contains(&time) {
            let newest = self.0.entry(name).or_insert(time);
            *newest = time.max(*newest);
        }
    }

    /// The newest session of this name.
    pub(super) fn newest(&self, name: &str) -> Option<i64> {
        // ut_user holds 32 bytes and cuts longer names.
        let mut end = name.len().min(32);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        self.0.get(&name[..end]).copied()
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
pub(super) fn lastlog_layout(size: u64) -> Layout {
    let fits = |layout: &&Layout| size.is_multiple_of(layout.lastlog_bytes as u64);
    *LAYOUTS.iter().find(fits).unwrap_or(&LAYOUTS[0])
}

/// What one record of lastlog says: the time of the last login, `Some(0)` for none yet, `None` for a time after `now`.
pub(super) fn lastlog_time(record: &[u8], layout: Layout, now: Timestamp) -> Option<i64> {
    Some(time(record, layout)).filter(|time| (0..=latest(now)).contains(time))
}

/// What lastlog knows of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lastlog {
    /// A login at this time.
    At(i64),
    /// It would know, and has none.
    Never,
    /// It was not read, is not kept up, or holds a time that cannot be.
    Unknown,
}

/// The newest login that can be trusted, and where it was read. `Never` needs a lastlog that would know.
pub(super) fn last_login(lastlog: Lastlog, wtmp: Option<i64>) -> LastLogin {
    let lastlog_at = if let Lastlog::At(time) = lastlog { Some(time) } else { None };
    let newest = match (lastlog_at, wtmp) {
        (Some(lastlog), Some(wtmp)) if wtmp > lastlog => Some((wtmp, "wtmp")),
        (Some(lastlog), _) => Some((lastlog, "lastlog")),
        (None, Some(wtmp)) => Some((wtmp, "wtmp")),
        (None, None) => None,
    };
    let newest = newest.and_then(|(time, source)| Some((Timestamp::from_second(time).ok()?, source)));
    match (newest, lastlog) {
        (Some((at, source)), _) => {
            LastLogin { state: LoginState::At, at: Some(at), source: Some(source.to_owned()) }
        }
        (None, Lastlog::Never) => {
            LastLogin { state: LoginState::Never, at: None, source: Some("lastlog".to_owned()) }
        }
        (None, _) => LastLogin::default(),
    }
}

fn latest(now: Timestamp) -> i64 {
    now.saturating_add(AHEAD_MAX).map_or(i64::MAX, Timestamp::as_second)
}

fn time(bytes: &[u8], layout: Layout) -> i64 {
    let mut whole = [0; 8];
    for (to, from) in whole.iter_mut().zip(bytes.iter().take(layout.time_bytes)) {
        *to = *from;
    }
    i64::from_le_bytes(whole)
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}
