//! Reports of agents that are older or newer than this collector.

use super::*;

fn observation(sequence: u64, fact: Option<wire::observation::Fact>) -> wire::Observation {
    wire::Observation { sequence, observed_at_us: 1_795_000_000_000_000, fact }
}

fn host(outcome: i32) -> wire::observation::Fact {
    let host = Some(wire::Host { hostname: Some("sv01".to_owned()), ..wire::Host::default() });
    wire::observation::Fact::Host(wire::HostLook { outcome, problems: Vec::new(), host })
}

#[test]
fn what_only_a_newer_agent_tells_is_a_gap_and_holds_up_nothing() {
    // A fact of a later schema is a field that this one skips, so that none is left.
    let sent = || vec![observation(1, None), observation(2, Some(host(1)))];
    let parsed = parse(sent(), "99.0.0").unwrap();
    let Fact::Gap(gap) = &parsed[0].0.fact else { panic!("{:?}", parsed[0]) };
    assert_eq!((gap.lost, gap.cause), (1, GapCause::NewerAgent));
    assert!(gap.reason.contains("99.0.0"));
    assert!(matches!(&parsed[1].0.fact, Fact::Host(look) if look.value().is_some()));
    // The log keeps the gap: its bytes can be read again.
    let kept = wire::Observation::from_bytes(&parsed[0].1.to_bytes()).unwrap();
    assert_eq!(Observation::try_from(kept).unwrap(), parsed[0].0);
    for version in [env!("CARGO_PKG_VERSION"), "0.0.1", "", "newest"] {
        assert!(matches!(parse(sent(), version), Err(Refusal::Malformed(_))), "{version:?}");
    }
}

#[test]
fn an_outcome_of_a_newer_agent_is_nothing_that_can_be_judged_by() {
    let parsed = parse(vec![observation(1, Some(host(77)))], "99.0.0").unwrap();
    let Fact::Host(daicho_proto::facts::Look::Unreadable { problems }) = &parsed[0].0.fact else {
        panic!("{:?}", parsed[0]);
    };
    assert!(problems[0].contains("77"), "{problems:?}");
    assert!(parse(vec![observation(1, Some(host(0)))], "99.0.0").is_err(), "no outcome at all is a fault");
}

#[test]
fn versions_are_compared_by_their_numbers() {
    for (theirs, ours, newer) in [
        ("0.2.0", "0.1.0", true),
        ("0.10.0", "0.9.0", true),
        ("0.1.0", "0.1.0", false),
        ("0.1.0-rc.1", "0.1.0", false),
        ("1.0.0~rc1", "0.9.0", true),
        ("", "0.1.0", false),
        ("latest", "0.1.0", false),
        ("1.99999999999999999999.0", "0.1.0", false),
    ] {
        assert_eq!(is_newer(theirs, ours), newer, "{theirs} {ours}");
    }
}

/// A clock that is set.
#[derive(Default)]
struct Set(std::sync::atomic::AtomicI64);

impl crate::clock::Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(std::sync::atomic::Ordering::Relaxed)).unwrap()
    }
}

#[tokio::test]
async fn who_told_too_much_is_refused_its_events_for_a_while_and_that_stands_in_the_log() {
    let (store, clock) = (Arc::new(crate::store::memory::MemoryStore::default()), Arc::new(Set::default()));
    let collector = Arc::new(Collector::open(store, Arc::clone(&clock) as _).unwrap());
    let endpoint = EndpointId(uuid::Uuid::from_u128(1));
    let medium = wire::Medium { serial: Some("AA1".to_owned()), ..wire::Medium::default() };
    let event = wire::MediumEvent { action: wire::MediumAction::Arrived.into(), medium: Some(medium) };
    let event = wire::observation::Fact::MediumEvent(event);
    let report = |sequence, fact| wire::ReportRequest {
        incarnation: 1,
        observations: vec![observation(sequence, Some(fact))],
        ..wire::ReportRequest::default()
    };
    let much = Events { count: 1, bytes: 600 * 1024 * 1024 };
    collector.allowances.count(endpoint, much, collector.clock.now());
    assert_eq!(take(&collector, endpoint, report(1, host(1))).await.unwrap(), 1, "an inventory passes");
    let refused = take(&collector, endpoint, report(2, event.clone())).await.unwrap_err();
    assert!(matches!(refused, Refusal::TooMuch { .. }), "{refused:?}");
    assert!(collector.shelves.log(endpoint, None, 10).unwrap().is_empty());
    clock.0.store(86_400 * 10, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(take(&collector, endpoint, report(2, event)).await.unwrap(), 2);
    crate::chronicle::waiting::take(&collector, true).await.unwrap();
    let entries = collector.shelves.store().scan(b"chronicle/", None, 100).unwrap();
    let named = |entry: &(Vec<u8>, Vec<u8>)| {
        let text = String::from_utf8_lossy(&entry.1).into_owned();
        text.contains(&format!("endpoint:{endpoint}")) && text.contains("Intake/Report")
    };
    assert!(entries.iter().any(named), "the log names who was refused");
}
