//! Clients that mean harm beside honest agents, on loopback: what the honest ones notice, and what the collector holds.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::ensure;
use daicho_agent::identity::Identity;
use daicho_tests::abuse::{ATTACK_TIME_MAX, ATTACKS, Attacker, Outcome};
use daicho_tests::fleet::{Agent, files_at_once, host, join_all, peak_megabytes, percentile, stick};
use daicho_tests::site::Site;
use tokio::time::Instant;

/// Machines that were stolen, with their certificates; one client in ten has one.
const STOLEN: usize = 10;

/// Machines that attack without a certificate. One client in ten is behind the address of the honest agents.
const MACHINES: usize = 50;

/// What an honest agent has to say comes so often.
const EVERY: Duration = Duration::from_secs(1);

/// The bars.
const P99_MAX: Duration = Duration::from_millis(500);
const MEGABYTES_MAX: f64 = 300.0;

/// Measures and prints; an error where the collector did not hold.
pub(crate) fn measure(hostile: usize, honest: usize, seconds: u64) -> anyhow::Result<()> {
    files_at_once(hostile + honest);
    let mut site = Site::prepare("");
    let mut identities = join_all(&site, honest + STOLEN, daicho_agent::clock::now())?;
    site.start_collector();
    let stolen = Arc::new(identities.split_off(honest));
    let process = site.collector().id();
    let over = Arc::new(AtomicBool::new(false));
    let calm = thread(honestly(identities, Arc::clone(&over)));
    // Before the attack: everybody is there once.
    std::thread::park_timeout(EVERY * 3);
    let before = peak_megabytes(process);
    let until = Instant::now() + Duration::from_secs(seconds);
    let storm = thread(attack_all(hostile, site.address, stolen, until));
    let outcomes = storm.join().map_err(|_| anyhow::anyhow!("the attackers fell over"))?;
    over.store(true, Ordering::Relaxed);
    let told = calm.join().map_err(|_| anyhow::anyhow!("the honest agents fell over"))?;
    let peak = peak_megabytes(process);
    let panics = site.collector().log().iter().filter(|line| line.contains("panicked")).count();
    let (p50, p99) = (percentile(&told.waits, 50), percentile(&told.waits, 99));
    println!("abuse: {hostile} hostile clients beside {honest} honest agents for {seconds} s");
    for (outcome, count) in outcomes {
        println!("  {count:>8}  {outcome}");
    }
    println!(
        "  honest: {} reports, median {p50:.0?}, p99 {p99:.0?} (bar {P99_MAX:?}), longest {:.0?}; cut off {}; asked for patience {}",
        told.waits.len(),
        told.waits.last().copied().unwrap_or_default(),
        told.cut_off,
        told.asked
    );
    println!(
        "  collector: peak {peak:.0} MB (bar {MEGABYTES_MAX} MB; {before:.0} MB before); panics {panics}"
    );
    site.stop_collector();
    ensure!(panics == 0 && told.cut_off == 0, "an honest agent was cut off, or the collector panicked");
    ensure!(peak < MEGABYTES_MAX, "the collector held {peak:.0} MB");
    Ok(())
}

/// A thread with a runtime of its own: attackers do not wait for honest agents, nor the other way round.
fn thread<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> std::thread::JoinHandle<T> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(work)
    })
}

/// What the honest agents noticed. The waits are sorted; each is from the wish to report until it was durable, with all
/// attempts.
#[derive(Default)]
struct Told {
    waits: Vec<Duration>,
    cut_off: u64,
    asked: u64,
}

async fn honestly(identities: Vec<Identity>, over: Arc<AtomicBool>) -> Told {
    let mut agents = tokio::task::JoinSet::new();
    for (number, identity) in identities.into_iter().enumerate() {
        let over = Arc::clone(&over);
        agents.spawn(async move {
            let mut agent = Agent::new(identity, number as u64);
            let mut waits = Vec::new();
            tokio::time::sleep(EVERY.mul_f64(number as f64 % 100.0 / 100.0)).await;
            agent.report(&[host(number)], daicho_agent::clock::now()).await;
            while !over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                agent.report(&[stick(number as u64)], daicho_agent::clock::now()).await;
                waits.push(begun.elapsed());
                tokio::time::sleep_until(begun + EVERY).await;
            }
            (waits, agent.cut_off, agent.asked)
        });
    }
    let mut told = Told::default();
    while let Some(Ok((waits, cut_off, asked))) = agents.join_next().await {
        told.waits.extend(waits);
        told.cut_off += cut_off;
        told.asked += asked;
    }
    told.waits.sort();
    told
}

async fn attack_all(
    hostile: usize,
    target: SocketAddr,
    stolen: Arc<Vec<Identity>>,
    until: Instant,
) -> BTreeMap<String, u64> {
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..hostile {
        let stolen = Arc::clone(&stolen);
        clients.spawn(async move {
            let mut chance = fastrand::Rng::with_seed(number as u64);
            let machine = u8::try_from(number % MACHINES + 1).unwrap_or(1);
            let from = match number % 10 {
                0 => IpAddr::from([127, 0, 0, 1]),
                _ => IpAddr::from([127, 66, 0, machine]),
            };
            let identity = &stolen[number / 10 % stolen.len()];
            let attacker = Attacker { target, from, identity, shown: number % 10 == 1 };
            let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
            while Instant::now() < until {
                let attack = ATTACKS[chance.usize(..ATTACKS.len())];
                let most = until.min(Instant::now() + ATTACK_TIME_MAX);
                let outcome = match attacker.attack(attack, &mut chance, most).await {
                    Ok(Outcome::NotLetIn) => "not let in".to_owned(),
                    Ok(Outcome::Heard(heard)) if heard.goaway.is_some() => "told to go".to_owned(),
                    Ok(Outcome::Heard(heard)) if heard.closed => "cut".to_owned(),
                    Ok(Outcome::Heard(_)) => "went on to its end".to_owned(),
                    Ok(Outcome::Answered(_)) => "answered".to_owned(),
                    Err(error) => error.to_string(),
                };
                *outcomes.entry(format!("{attack:?}: {outcome}")).or_default() += 1;
                // Who was shown the door is back at once, but leaves the port a moment to be known again.
                tokio::time::sleep(Duration::from_millis(chance.u64(1..50))).await;
            }
            outcomes
        });
    }
    let mut all = BTreeMap::new();
    while let Some(Ok(outcomes)) = clients.join_next().await {
        for (outcome, count) in outcomes {
            *all.entry(outcome).or_default() += count;
        }
    }
    all
}
