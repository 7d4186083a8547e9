//! Dates and names as the sentences for people write them.

use jiff::Timestamp;
use jiff::civil::Date;

/// `2026年8月1日`.
pub(super) fn ja(date: Date) -> String {
    format!("{}年{}月{}日", date.year(), date.month(), date.day())
}

/// The day in Japan at `at`.
pub(super) fn day(at: Timestamp) -> Date {
    daicho_proto::time::japanese_date(at)
}

/// `2026年8月1日 9時05分`, in Japan.
pub(super) fn moment_ja(at: Timestamp) -> String {
    let local = at.to_zoned(daicho_proto::time::japan());
    format!("{} {}時{:02}分", ja(local.date()), local.hour(), local.minute())
}

/// `2026-08-01 09:05 (JST)`.
pub(super) fn moment_en(at: Timestamp) -> String {
    let local = at.to_zoned(daicho_proto::time::japan());
    format!("{} {:02}:{:02} (JST)", local.date(), local.hour(), local.minute())
}

/// The value of an optional flag, as the observation document has it.
pub(super) fn flag(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "true",
        Some(false) => "false",
        None => "unknown",
    }
}
