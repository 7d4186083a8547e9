//! Who, when and how often: the day of each limit.

use super::*;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap()
}

#[test]
fn retries_grow_to_an_hour_and_are_jittered() {
    let longest = |attempts| retry_after(attempts, false, 1.0).as_secs();
    assert_eq!([1, 2, 3, 11, 12, 4_000_000].map(longest), [2, 4, 8, 2_048, 3_600, 3_600]);
    assert_eq!(retry_after(5, false, 0.0), RETRY_MIN);
    assert_eq!(retry_after(5, false, 0.5).as_secs(), 16);
    assert!(retry_after(1, true, 0.0).as_secs() >= 1_800 && retry_after(1, true, 1.0) <= RETRY_MAX);
}

/// Told at once, whatever the hour.
fn always(pace: &Pace, waiting: &Waiting, now: Timestamp) -> Option<Timestamp> {
    let (times, holidays) = (Times::default(), Holidays::default());
    let due = waiting.due(pace, Plan { times: &times, holidays: &holidays }, now)?;
    assert!(!due.urgent_only);
    Some(due.at)
}

fn waiting(urgent: Option<Timestamp>) -> Waiting {
    Waiting { seen_to: 1, wanted: 1, oldest: Some(at(100_000)), urgent, breaking: urgent }
}

#[test]
fn a_flood_of_urgent_news_becomes_digests() {
    let mut pace = Pace::new(SignedDuration::from_secs(60), 2);
    let waiting = waiting(Some(at(100_000)));
    assert_eq!(always(&pace, &waiting, at(100_000)), Some(at(100_030)));
    pace.urgent_went(at(90_000));
    assert_eq!(always(&pace, &waiting, at(100_000)), Some(at(100_030)));
    pace.urgent_went(at(95_000));
    assert_eq!(always(&pace, &waiting, at(100_000)), Some(at(150_000)));
}

#[test]
fn what_is_not_urgent_gathers_and_a_clock_set_back_does_not_hold_it() {
    let pace = Pace::new(SignedDuration::from_secs(60), 2);
    let waiting = waiting(None);
    assert_eq!(always(&pace, &waiting, at(100_000)), Some(at(160_000)));
    assert_eq!(always(&pace, &waiting, at(0)), Some(at(60_000)));
    assert_eq!(always(&pace, &Waiting::after(7), at(0)), None);
}
