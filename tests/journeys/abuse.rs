//! Each way to hurt the collector by itself, with and without a stolen certificate: how it ends, and that an honest agent
//! on its line notices nothing.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use daicho_tests::abuse::{ATTACKS, Attack, Attacker, Heard, Outcome};
use daicho_tests::fleet::{Agent, join_all, peak_megabytes, stick};
use daicho_tests::site::Site;
use jiff::Timestamp;
use tokio::time::Instant;

/// Longer than any attack lasts that is ended: a stranger has 30 s.
const NEVER: Duration = Duration::from_secs(45);

/// How long one goes on that is not: with a certificate one may be silent, or slow, or send what HTTP/2 allows.
const ENOUGH: Duration = Duration::from_secs(5);

/// A flood without a certificate is ended by its bytes, and long before its time: that makes a second.
const FLOOD: Duration = Duration::from_secs(20);

/// Attacks at once.
const AT_ONCE: usize = 12;

/// Memory of the collector at its highest, in megabytes: the bar of the whole abuse, which each alone stays below.
const MEGABYTES_MAX: f64 = 300.0;

fn moment() -> Timestamp {
    Timestamp::from_second(1_795_000_000).expect("a time")
}

/// HTTP/2's errors (RFC 9113 7).
const FLOW_CONTROL: u32 = 3;
const COMPRESSION: u32 = 9;
const CALM: u32 = 11;

#[test]
fn every_attack_ends_and_an_honest_agent_notices_nothing() {
    let mut site = Site::prepare("");
    let now: Timestamp = daicho_agent::clock::now();
    let mut identities = join_all(&site, 1 + ATTACKS.len(), now).expect("agents");
    site.start_collector();
    let honest = identities.remove(0);
    let target = site.address;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut agent = Agent::new(honest, 1);
    let mut faults: Vec<String> = Vec::new();
    runtime.block_on(async {
        agent.report(&[stick(0)], moment()).await;
        let mut all = tokio::task::JoinSet::new();
        for shown in [false, true] {
            // Each attack has a certificate of its own: two open requests of one would have the third told to wait.
            for (attack, identity) in ATTACKS.into_iter().zip(&identities) {
                let identity = identity.again();
                all.spawn(async move { (attack, shown, once(attack, shown, target, &identity).await) });
                while all.len() >= AT_ONCE {
                    collect(&mut all, &mut faults).await;
                }
                agent.try_report(&[stick(0)], moment()).await.expect("an honest agent is served");
            }
        }
        while !all.is_empty() {
            collect(&mut all, &mut faults).await;
        }
        agent.try_report(&[stick(0)], moment()).await.expect("an honest agent is served");
    });
    assert_eq!(faults, [""; 0]);
    assert_eq!(agent.cut_off, 0);
    let peak = peak_megabytes(site.collector().id());
    println!("attacks one by one: peak memory of the collector {peak:.0} MB; bar {MEGABYTES_MAX} MB");
    assert!(peak > 0.0 && peak < MEGABYTES_MAX, "{peak}");
    let panics = site.collector().log().iter().filter(|line| line.contains("panicked")).count();
    assert_eq!(panics, 0);
}

type Ended = (Attack, bool, Outcome);

async fn collect(all: &mut tokio::task::JoinSet<Ended>, faults: &mut Vec<String>) {
    let Some(Ok((attack, shown, outcome))) = all.join_next().await else {
        faults.push("an attack could not be tried".to_owned());
        return;
    };
    if !ends_well(attack, shown, &outcome) {
        faults.push(format!("{attack:?}, certificate shown: {shown}: {outcome:?}"));
    }
}

async fn once(
    attack: Attack,
    shown: bool,
    target: SocketAddr,
    identity: &daicho_agent::identity::Identity,
) -> Outcome {
    let from = IpAddr::from([127, 66, 0, 1]);
    let mut chance = fastrand::Rng::with_seed(66);
    let attacker = Attacker { target, from, identity, shown };
    let lasts = match attack {
        attack if shown && goes_on(attack) => ENOUGH,
        Attack::Pings | Attack::Settings | Attack::EmptyData => FLOOD,
        _ => NEVER,
    };
    attacker.attack(attack, &mut chance, Instant::now() + lasts).await.expect("loopback works")
}

/// What whoever shows a certificate may do.
fn goes_on(attack: Attack) -> bool {
    matches!(
        attack,
        Attack::Silence | Attack::Pings | Attack::Settings | Attack::SlowRead | Attack::SlowWrite
    )
}

/// Whether the collector did what it is to do.
fn ends_well(attack: Attack, shown: bool, outcome: &Outcome) -> bool {
    let all = |statuses: &[String], code: &str| {
        !statuses.is_empty() && statuses.iter().all(|status| status.starts_with(code))
    };
    match (attack, outcome) {
        (Attack::RandomBytes | Attack::HalfHandshake, outcome) => matches!(outcome, Outcome::NotLetIn),
        (attack, Outcome::Heard(_)) if shown && goes_on(attack) => true,
        (Attack::RapidReset | Attack::Continuations, Outcome::Heard(Heard { closed, goaway, .. })) => {
            *closed && goaway.is_none_or(|code| code == CALM)
        }
        (Attack::WindowOverflow, Outcome::Heard(heard)) => heard.goaway == Some(FLOW_CONTROL),
        (Attack::HeaderBomb, Outcome::Heard(heard)) => {
            heard.closed || heard.goaway == Some(COMPRESSION) || heard.resets + heard.answers > 0
        }
        (_, Outcome::Heard(heard)) => heard.closed,
        (Attack::HugeLength, Outcome::Answered(statuses)) => all(statuses, "11 "),
        (Attack::DeepNesting, Outcome::Answered(statuses)) => all(statuses, "3 "),
        (Attack::CompressedBomb, Outcome::Answered(statuses)) => all(statuses, "12 "),
        // Before it is read: later, it would be refused for its numbers.
        (Attack::HeavyReport, Outcome::Answered(statuses)) if shown => {
            all(statuses, "3 the%20report%20would")
        }
        // An enrolment's message is smaller than that.
        (Attack::HeavyReport, Outcome::Answered(statuses)) => all(statuses, "11 ") || all(statuses, "cut"),
        (Attack::ManyRequests, Outcome::Answered(statuses)) => {
            statuses.iter().any(|status| status.starts_with("8 ") || status == "cut")
        }
        (_, Outcome::NotLetIn | Outcome::Answered(_)) => false,
    }
}
