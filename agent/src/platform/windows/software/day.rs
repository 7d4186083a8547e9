//! The day that a setup wrote into its record. Setups write it as they like; what can be read in two ways is no day.

use daicho_proto::time::japanese_date;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::platform::windows::registry::Value;

/// `YYYY-MM-DD`; `None`: nothing that names one day.
pub(super) fn read(value: &Value) -> Option<String> {
    let date = match value {
        Value::Text(text) => of_text(text.trim()),
        Value::Number(number) => of_number(*number),
        Value::Texts(_) | Value::Bytes(_) => None,
    }?;
    // Windows itself is younger than that, and what lies far ahead was never written by a clock.
    (1995..2100).contains(&date.year()).then(|| date.to_string())
}

fn of_text(text: &str) -> Option<Date> {
    if text.len() > 40 {
        return None;
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && text.len() == 8 {
        return of_number(text.parse().ok()?);
    }
    if digits {
        // Seconds since 1970, as some setups have it.
        return text.parse().ok().filter(|seconds| *seconds > 600_000_000).and_then(of_number);
    }
    // `2023-01-15T10:00:00` and `2023/01/15 10:00` begin with the day.
    let day = text.split(['T', ' ']).next().unwrap_or(text);
    let parts: Vec<&str> =
        day.split(|letter: char| !letter.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let numbers = parts.iter().map(|part| part.parse::<i16>().ok()).collect::<Option<Vec<_>>>()?;
    let [first, second, third] = numbers.try_into().ok()?;
    let lengths = (parts.first()?.len(), parts.last()?.len());
    let (year, month, day) = match lengths {
        (4, 1..=2) => (first, second, third),
        // 1/15/2023 and 15.1.2023 are one day; 1/2/2023 may be two.
        (1..=2, 4) if first > 12 => (third, second, first),
        (1..=2, 4) if second > 12 || first == second => (third, first, second),
        _ => return None,
    };
    Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn of_number(number: u64) -> Option<Date> {
    let number = i64::try_from(number).ok()?;
    if (19_000_000..22_000_000).contains(&number) {
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        return Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok();
    }
    let at = Timestamp::from_second(number).ok().filter(|at| at.as_second() > 600_000_000)?;
    Some(japanese_date(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_as_setups_write_it_and_never_guessed() {
        for (text, expected) in [
            ("20230115", Some("2023-01-15")),
            ("2023-01-15", Some("2023-01-15")),
            ("2023/1/5", Some("2023-01-05")),
            ("2023年1月15日", Some("2023-01-15")),
            ("2023-01-15T10:00:00Z", Some("2023-01-15")),
            ("1/15/2023", Some("2023-01-15")),
            ("15.01.2023", Some("2023-01-15")),
            ("1/1/2023", Some("2023-01-01")),
            ("1673740800", Some("2023-01-15")),
            ("1/2/2023", None),
            ("20231315", None),
            ("20230230", None),
            ("0", None),
            ("99999999", None),
            ("", None),
            ("Sun Jan 15", None),
            ("2023-01", None),
            ("99999999999999999999999", None),
            ("//////", None),
            ("99999/1/1", None),
            ("18990101", None),
        ] {
            assert_eq!(read(&Value::Text(text.to_owned())).as_deref(), expected, "{text}");
        }
        assert_eq!(read(&Value::Number(20_230_115)).as_deref(), Some("2023-01-15"));
        assert_eq!(read(&Value::Number(0)), None);
        assert_eq!(read(&Value::Number(u64::MAX)), None);
        assert_eq!(read(&Value::Bytes(vec![1])), None);
    }
}
