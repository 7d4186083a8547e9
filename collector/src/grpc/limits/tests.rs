//! The limits by themselves; `tests/journeys/abuse.rs` has them at a running collector.

use std::net::IpAddr;

use super::*;

fn agent(number: u128) -> Who {
    Who::Endpoint(EndpointId(uuid::Uuid::from_u128(number)))
}

fn stranger(last: u8) -> Who {
    Who::Stranger(Origin::from(IpAddr::from([192, 0, 2, last])))
}

#[test]
fn one_caller_without_end_does_not_take_from_another() {
    let (limits, now) = (Arc::new(Limits::default()), Instant::now());
    let let_in = (0..1_000).filter(|_| limits.admit(&agent(1), now).is_ok()).count();
    assert_eq!(let_in, 200);
    let wait = limits.admit(&agent(1), now).unwrap_err();
    assert_eq!(wait, Duration::from_millis(20), "the time to the next one");
    assert!(limits.admit(&agent(2), now).is_ok());
    assert!(limits.admit(&agent(1), now + wait).is_ok());
}

#[test]
fn open_requests_and_their_bytes_are_bounded_and_given_back() {
    let (limits, now) = (Arc::new(Limits::default()), Instant::now());
    let mut open: Vec<_> = (0..2).map(|_| limits.admit(&agent(1), now).unwrap()).collect();
    assert!(limits.admit(&agent(1), now).is_err(), "a third at once");
    assert!(open[0].take(super::super::REPORT_BYTES_MAX));
    assert!(open[1].take(super::super::REPORT_BYTES_MAX));
    assert!(!open[1].take(1), "one byte more than two of the largest reports");
    open.clear();
    assert_eq!(limits.bytes.load(Ordering::Relaxed), 0);
    assert!(limits.admit(&agent(1), now).unwrap().take(1));
}

#[test]
fn many_callers_together_stay_within_the_memory_for_all() {
    let (limits, now) = (Arc::new(Limits::default()), Instant::now());
    let one = super::super::REPORT_BYTES_MAX;
    let shares: Vec<_> = (0..1_000).map(|number| limits.admit(&agent(number), now).unwrap()).collect();
    let taken = shares.iter().take_while(|share| share.take(one)).count();
    assert_eq!(taken, BYTES_MAX / one);
}

#[test]
fn who_enrols_is_limited_the_hardest() {
    let (limits, now) = (Arc::new(Limits::default()), Instant::now());
    let from_one = (0..1_000).filter(|_| limits.admit(&stranger(1), now).is_ok()).count();
    assert_eq!(from_one, 100);
    let from_all: usize =
        (2..200).map(|host| (0..100).filter(|_| limits.admit(&stranger(host), now).is_ok()).count()).sum();
    assert!(from_all < 1_000, "{from_all} from everywhere");
    assert!(limits.admit(&agent(1), now).is_ok());
    for (bytes, open) in [(STRANGER.bytes_max, STRANGER.open_max), (ENDPOINT.bytes_max, ENDPOINT.open_max)] {
        assert!(bytes < OPERATOR.bytes_max && open < OPERATOR.open_max);
    }
}

#[test]
fn callers_who_are_quiet_are_forgotten() {
    let (limits, now) = (Arc::new(Limits::default()), Instant::now());
    for number in 0..CALLERS_MAX {
        assert!(limits.admit(&agent(number as u128), now).is_ok());
    }
    assert!(limits.admit(&agent(u128::MAX), now).is_err(), "all were here at this moment");
    let later = now + Duration::from_secs(1);
    assert!(limits.admit(&agent(u128::MAX), later).is_ok());
    assert_eq!(limits.accounts.lock().unwrap().callers.len(), 1);
}

#[test]
fn patience_is_asked_for_in_whole_milliseconds() {
    let status = busy(Duration::from_micros(1));
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert_eq!(status.metadata().get("retry-after-ms").unwrap(), "1");
}
