//! A hospital's week, with its holidays.

use super::*;

fn at(text: &str) -> Timestamp {
    format!("{text}:00+09:00").parse().unwrap()
}

fn hours(text: &str) -> Hours {
    Hours::try_from(text.to_owned()).unwrap()
}

fn schedule(text: &str) -> Schedule {
    Schedule::try_from(text.to_owned()).unwrap()
}

/// Labour Thanksgiving Day 2026, a Monday.
fn holidays() -> Holidays {
    Holidays::new([Date::constant(2026, 11, 23)])
}

#[test]
fn office_hours_end_at_their_end_and_leave_weekend_and_holidays_out() {
    let office = hours("mon-fri 08:30-17:15");
    for (text, inside) in [
        ("2026-11-20T08:29", false),
        ("2026-11-20T08:30", true),
        ("2026-11-20T17:14", true),
        ("2026-11-20T17:15", false),
        ("2026-11-21T12:00", false),
        ("2026-11-23T12:00", false),
        ("2026-11-24T12:00", true),
    ] {
        assert_eq!(office.contain(at(text), &holidays()), inside, "{text}");
        assert_eq!(hours("not mon-fri 08:30-17:15").contain(at(text), &holidays()), !inside, "{text}");
    }
    assert_eq!(office.opening(at("2026-11-20T17:15"), &holidays()), Some(at("2026-11-24T08:30")));
    let duty = hours("not mon-fri 08:30-17:15");
    assert_eq!(duty.opening(at("2026-11-20T09:00"), &holidays()), Some(at("2026-11-20T17:15")));
}

#[test]
fn hours_may_reach_into_the_next_day() {
    let night = hours("fri 22:00-07:00");
    assert!(night.contain(at("2026-11-20T23:00"), &holidays()));
    assert!(night.contain(at("2026-11-21T06:59"), &holidays()));
    assert!(!night.contain(at("2026-11-20T06:59"), &holidays()));
    assert!(!night.contain(at("2026-11-21T07:00"), &holidays()));
    assert!(hours("daily 00:00-24:00").contain(at("2026-11-23T23:59"), &holidays()));
    assert!(hours("holidays 09:00-10:00").contain(at("2026-11-23T09:00"), &holidays()));
    assert_eq!(hours("holidays 09:00-10:00").opening(at("2026-11-24T00:00"), &holidays()), None);
}

#[test]
fn every_minute_of_a_year_lies_in_the_hours_of_one_or_of_the_other() {
    let texts = ["mon-fri 08:30-17:15; sat 08:30-12:30", "daily 22:00-07:00", "holidays 00:00-24:00"];
    let start = at("2026-01-01T00:00");
    for text in texts {
        let (one, other) = (hours(text), hours(&format!("not {text}")));
        for minute in (0..366 * 24 * 60).step_by(7) {
            let time = start + SignedDuration::from_mins(minute);
            assert_ne!(one.contain(time, &holidays()), other.contain(time, &holidays()), "{text} {time}");
        }
    }
}

#[test]
fn a_schedule_comes_once_each_day_or_week() {
    let daily = schedule("daily 08:30");
    assert_eq!(daily.next(at("2026-11-22T08:30"), &holidays()), Some(at("2026-11-23T08:30")));
    assert_eq!(daily.latest(at("2026-11-23T08:29"), &holidays()), Some(at("2026-11-22T08:30")));
    let weekly = schedule("weekly mon 08:30");
    assert_eq!(weekly.next(at("2026-11-18T00:00"), &holidays()), Some(at("2026-11-23T08:30")));
    assert_eq!(weekly.latest(at("2026-11-23T08:30"), &holidays()), Some(at("2026-11-23T08:30")));
    let workdays = schedule("workdays 09:00");
    assert_eq!(workdays.next(at("2026-11-20T09:00"), &holidays()), Some(at("2026-11-24T09:00")));
}

#[test]
fn what_is_no_time_is_told_in_a_sentence() {
    for (text, part) in [
        ("", "are no hours"),
        ("mon-fri", "are no hours"),
        ("monday 08:30-17:15", "names no days"),
        ("mon 8:30-17:15", "is no time of day"),
        ("mon 08:30-25:00", "is no time of day"),
        ("mon 08:30", "is no span"),
        ("mon 08:30-08:30", "00:00-24:00"),
    ] {
        let error = Hours::try_from(text.to_owned()).unwrap_err();
        assert!(error.contains(part), "{text:?}: {error}");
    }
    for text in ["", "daily", "daily 24:00", "monthly 08:00", "weekly 08:00"] {
        assert!(Schedule::try_from(text.to_owned()).is_err(), "{text:?}");
    }
}

#[test]
fn holidays_are_read_as_they_are_published() {
    let (cp932, _, _) = encoding_rs::SHIFT_JIS.encode(
        "国民の祝日・休日月日,国民の祝日・休日名称\r\n2026/11/3,文化の日\r\n2026/11/23,勤労感謝の日\r\n",
    );
    let read = Holidays::read(&cp932).unwrap();
    assert!(read.has(Date::constant(2026, 11, 3)) && read.last() == Some(Date::constant(2026, 11, 23)));
    assert_eq!(Holidays::read(b"2026-01-01\n# ours\n\n2026-12-29\n").unwrap().0.len(), 2);
    let error = Holidays::read(b"2026-01-01\nnew year\n").unwrap_err();
    assert!(error.contains("line 2") && error.contains("new year"), "{error}");
    assert!(Holidays::read(b"").is_err() && Holidays::read(b"name\n").is_err());
}
