//! Hours and days as a hospital writes them (`mon-fri 08:30-17:15`), in Japan's time, with its holidays: pure.

use std::collections::BTreeSet;
use std::fmt;

use daicho_proto::time::japan;
use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Minutes of a day. Japan has had no summer time since 1951, so that every day has as many.
const DAY_MINUTES: i32 = 24 * 60;
/// How far the next time is looked for: a year and its longest run of holidays. What is not found is never.
const DAYS_SEARCHED: i32 = 400;
/// Parts of one text of hours: more than the days of the week is a mistake.
const PARTS_MAX: usize = 14;
/// Dates of a list: the Cabinet Office's begins in 1955 and has some 18 a year.
const HOLIDAYS_MAX: usize = 20_000;

/// Days on which nobody works, beside the weekend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holidays(BTreeSet<Date>);

impl Holidays {
    /// The dates of the configuration.
    pub fn new(dates: impl IntoIterator<Item = Date>) -> Self {
        Holidays(dates.into_iter().collect())
    }

    /// Reads a list of dates: the first column of a CSV file as the Cabinet Office publishes it (CP932, a heading,
    /// `2026/11/23,勤労感謝の日`), or one date a line (`2026-11-23`). `Err`: the line (from 1 on) that is no date.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = crate::bookkeeping::encoding::decode(bytes).map_err(|fault| fault.expected.en)?;
        let mut dates = BTreeSet::new();
        for (index, line) in text.lines().enumerate() {
            let first = line.split(',').next().unwrap_or_default().trim();
            if first.is_empty() || first.starts_with('#') {
                continue;
            }
            match date(first) {
                Some(date) => drop(dates.insert(date)),
                // The heading.
                None if index == 0 => {}
                None => {
                    let shown = super::wording::plain(first, 40);
                    return Err(format!(
                        "line {} begins with {shown:?}, expected a date such as 2026/11/23",
                        index + 1
                    ));
                }
            }
            if dates.len() > HOLIDAYS_MAX {
                return Err(format!("it has more than {HOLIDAYS_MAX} dates"));
            }
        }
        if dates.is_empty() { Err("it holds no date".to_owned()) } else { Ok(Holidays(dates)) }
    }

    /// Both lists.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The last date of the list.
    pub fn last(&self) -> Option<Date> {
        self.0.last().copied()
    }

    fn has(&self, date: Date) -> bool {
        self.0.contains(&date)
    }
}

/// `2026/11/23`, `2026-11-23`, `2026/1/1`.
fn date(text: &str) -> Option<Date> {
    let mut parts = text.split(['/', '-']);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// Days of the week, Monday first, and holidays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Days {
    week: [bool; 7],
    /// Also on a holiday, whatever day it is.
    holidays: bool,
    /// `workdays`: on no holiday.
    no_holidays: bool,
}

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Days {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} names no days: write mon-fri, sat, mon,wed, daily, workdays or holidays");
        let mut days = Days { week: [false; 7], holidays: false, no_holidays: false };
        for part in text.split(',') {
            let number = |name: &str| NAMES.iter().position(|known| *known == name).ok_or_else(wrong);
            match part {
                "daily" => (days.week, days.holidays) = ([true; 7], true),
                "workdays" => {
                    days.no_holidays = true;
                    days.week[..5].fill(true);
                }
                "holidays" => days.holidays = true,
                _ => {
                    let (first, last) = part.split_once('-').unwrap_or((part, part));
                    let (mut at, last) = (number(first)?, number(last)?);
                    days.week[at] = true;
                    while at != last {
                        at = (at + 1) % 7;
                        days.week[at] = true;
                    }
                }
            }
        }
        Ok(days)
    }

    fn on_weekday(self, date: Date) -> bool {
        let index = usize::try_from(date.weekday().since(Weekday::Monday)).unwrap_or(0);
        self.week.get(index).copied().unwrap_or(false)
    }

    /// As hours mean it: on a holiday only `daily` and `holidays` count.
    fn in_hours(self, date: Date, holidays: &Holidays) -> bool {
        if holidays.has(date) { self.holidays } else { self.on_weekday(date) }
    }

    /// As a digest means it: Monday's comes on a holiday too; `workdays` alone leaves holidays out.
    fn on_schedule(self, date: Date, holidays: &Holidays) -> bool {
        let holiday = holidays.has(date);
        (holiday && self.holidays) || (self.on_weekday(date) && !(self.no_holidays && holiday))
    }
}

/// `08:30`; `24:00` is the end of the day.
fn minute(text: &str) -> Result<i32, String> {
    let wrong = || format!("{text:?} is no time of day: write it as 08:30");
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str| -> Result<i32, String> {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if plain { digits.parse().map_err(|_| wrong()) } else { Err(wrong()) }
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let minute = hours * 60 + minutes;
    if minutes > 59 || minute > DAY_MINUTES { Err(wrong()) } else { Ok(minute) }
}

/// Words of a text, in small letters.
fn words(text: &str) -> Vec<String> {
    text.to_lowercase().split_whitespace().map(str::to_owned).collect()
}

/// When somebody is told: `mon-fri 08:30-17:15; sat 08:30-12:30`, or with `not` in front all other times.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Hours {
    text: String,
    parts: Vec<Part>,
    not: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    days: Days,
    from: i32,
    /// Up to, not with. Less than `from`: on the next day.
    until: i32,
}

impl TryFrom<String> for Hours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let trimmed = text.trim();
        let (not, rest) = match trimmed.strip_prefix("not ") {
            Some(rest) => (true, rest),
            None => (false, trimmed),
        };
        let mut parts = Vec::new();
        for part in rest.split(';') {
            let words = words(part);
            let [days, times] = words.as_slice() else {
                return Err(format!("{:?} are no hours: write e.g. \"mon-fri 08:30-17:15\"", part.trim()));
            };
            let (from, until) = times
                .split_once('-')
                .ok_or_else(|| format!("{times:?} is no span of time: write e.g. 08:30-17:15"))?;
            let part = Part { days: Days::parse(days)?, from: minute(from)?, until: minute(until)? };
            if part.from == part.until || part.from == DAY_MINUTES {
                return Err(format!("{times:?} is no span of time: for a whole day write 00:00-24:00"));
            }
            parts.push(part);
        }
        if parts.len() > PARTS_MAX {
            return Err(format!("{} parts are too many, at most {PARTS_MAX}", parts.len()));
        }
        Ok(Hours { text: trimmed.to_owned(), parts, not })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Hours {
    /// Whether `at` lies within.
    pub fn contain(&self, at: Timestamp, holidays: &Holidays) -> bool {
        let (date, minute) = in_japan(at);
        let yesterday = date.yesterday().unwrap_or(date);
        let inside = self.parts.iter().any(|part| {
            let today = part.days.in_hours(date, holidays);
            if part.from < part.until {
                today && (part.from..part.until).contains(&minute)
            } else {
                let night = part.days.in_hours(yesterday, holidays) && minute < part.until;
                (today && minute >= part.from) || night
            }
        });
        inside != self.not
    }

    /// The first time from `at` on that lies within; `None`: there is none within a year.
    pub fn opening(&self, at: Timestamp, holidays: &Holidays) -> Option<Timestamp> {
        if self.contain(at, holidays) {
            return Some(at);
        }
        let (today, _) = in_japan(at);
        for days in 0..=DAYS_SEARCHED {
            let date = today.checked_add(days.days()).ok()?;
            let bounds = self.parts.iter().flat_map(|part| [0, part.from, part.until]);
            let times = bounds.map(|minute| timestamp(date, minute));
            let next = times.filter(|time| *time > at && self.contain(*time, holidays)).min();
            if next.is_some() {
                return next;
            }
        }
        None
    }
}

/// A time that comes again: `daily 08:30`, `mon 08:30` (each week), `workdays 09:00`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Schedule {
    text: String,
    days: Days,
    minute: i32,
}

impl TryFrom<String> for Schedule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let all = words(&text);
        let rest = match all.split_first() {
            Some((first, rest)) if first == "weekly" => rest,
            _ => all.as_slice(),
        };
        let [days, time] = rest else {
            return Err(format!(
                "{text:?} is no schedule: write e.g. \"daily 08:30\" or \"weekly mon 08:30\""
            ));
        };
        let minute = minute(time)?;
        if minute == DAY_MINUTES {
            return Err(format!("{time:?} is no time of day: the day begins at 00:00"));
        }
        Ok(Schedule { text: text.trim().to_owned(), days: Days::parse(days)?, minute })
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Schedule {
    /// Each day at `hour`:`minute`.
    pub(super) fn daily(hour: u8, minute: u8) -> Self {
        let days = Days { week: [true; 7], holidays: true, no_holidays: false };
        let of_day = i32::from(hour) * 60 + i32::from(minute);
        Schedule { text: format!("daily {hour:02}:{minute:02}"), days, minute: of_day }
    }

    /// The first time after `at`.
    pub fn next(&self, at: Timestamp, holidays: &Holidays) -> Option<Timestamp> {
        let (today, _) = in_japan(at);
        (0..=DAYS_SEARCHED).find_map(|days| {
            let date = today.checked_add(days.days()).ok()?;
            self.slot(date, holidays).filter(|slot| *slot > at)
        })
    }

    /// The last time up to `at`.
    pub fn latest(&self, at: Timestamp, holidays: &Holidays) -> Option<Timestamp> {
        let (today, _) = in_japan(at);
        (0..=DAYS_SEARCHED).find_map(|days| {
            let date = today.checked_sub(days.days()).ok()?;
            self.slot(date, holidays).filter(|slot| *slot <= at)
        })
    }

    fn slot(&self, date: Date, holidays: &Holidays) -> Option<Timestamp> {
        self.days.on_schedule(date, holidays).then(|| timestamp(date, self.minute))
    }
}

/// The day and the minute of the day.
fn in_japan(at: Timestamp) -> (Date, i32) {
    let local = at.to_zoned(japan());
    (local.date(), i32::from(local.hour()) * 60 + i32::from(local.minute()))
}

fn timestamp(date: Date, minute: i32) -> Timestamp {
    let midnight = date.to_zoned(japan()).map_or(Timestamp::MAX, |zoned| zoned.timestamp());
    midnight.checked_add(SignedDuration::from_mins(minute.into())).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
