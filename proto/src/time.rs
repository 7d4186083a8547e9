//! Time as the wire carries it: microseconds since 1970-01-01T00:00:00Z.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// Japan Standard Time, UTC+9 the whole year: the calendar in which a hospital's dates are meant.
pub fn japan() -> TimeZone {
    TimeZone::fixed(Offset::constant(9))
}

/// The calendar day in Japan at `at`.
pub fn japanese_date(at: Timestamp) -> jiff::civil::Date {
    at.to_zoned(japan()).date()
}

/// Microseconds for the wire.
pub fn to_wire(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A time from the wire; what lies outside of the years -9999 to 9999 is clamped to them.
pub fn from_wire(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(if microseconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}
