//! The times that `--since` understands.

use daicho_proto::time::japan;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::cli::failure;

/// A day in Japan, a time with its zone, or hours or days before `now`.
pub(in crate::cli) fn parse(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let text = text.trim();
    before(text, now)
        .or_else(|| text.parse::<Timestamp>().ok())
        .or_else(|| {
            let day: Date = text.parse().ok()?;
            Some(day.to_zoned(japan()).ok()?.timestamp())
        })
        .ok_or_else(|| {
            failure(
                format!("--since の {text:?} は読めません。2026-11-01、2026-11-01T09:00:00Z、36h、7d のように書いてください。"),
                format!("--since {text:?} is not understood; expected a day (2026-11-01), a time (2026-11-01T09:00:00Z), hours (36h) or days (7d)"),
            )
        })
}

fn before(text: &str, now: Timestamp) -> Option<Timestamp> {
    let hours = match text.split_at_checked(text.len().checked_sub(1)?)? {
        (number, "h") => number.parse::<u32>().ok()?,
        (number, "d") => number.parse::<u32>().ok()?.checked_mul(24)?,
        _ => return None,
    };
    now.checked_sub(SignedDuration::from_hours(hours.into())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_japan() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let check = |text: &str, expected: &str| {
            assert_eq!(parse(text, now).unwrap(), expected.parse().unwrap(), "{text}");
        };
        check("2026-11-01", "2026-10-31T15:00:00Z");
        check("2026-11-01T09:00:00Z", "2026-11-01T09:00:00Z");
        check("36h", "2026-11-21T00:00:00Z");
        check("7d", "2026-11-15T12:00:00Z");
        for text in ["", "yesterday", "7", "-7d", "日", "2026-13-01"] {
            assert!(parse(text, now).unwrap_err().to_string().contains("expected"), "{text}");
        }
    }
}
