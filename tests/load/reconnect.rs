//! All agents come back at the moment at which the collector does: how long that takes, what it holds, and whether all of
//! it is there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::ensure;
use daicho_collector::shelves::Shelves;
use daicho_collector::store::{StoreConfig, open};
use daicho_proto::facts::Fact;
use daicho_tests::fleet::{Agent, files_at_once, host, join_all, peak_megabytes, percentile, stick};
use daicho_tests::programs::until_within;
use daicho_tests::site::Site;

/// Judging all of them may take this long.
const JUDGED_WITHIN: Duration = Duration::from_secs(300);

/// Measures and prints; an error where something was lost, or a violation opened by the restart alone.
pub(crate) fn measure(count: usize) -> anyhow::Result<()> {
    files_at_once(count);
    let mut site = Site::prepare("");
    let identities = join_all(&site, count, daicho_agent::clock::now())?;
    let mut agents: Vec<Agent> = identities
        .into_iter()
        .enumerate()
        .map(|(number, identity)| Agent::new(identity, number as u64))
        .collect();
    site.start_collector();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let begun = Instant::now();
    agents = runtime.block_on(report(agents, |number| vec![host(number), stick(number as u64)])).0;
    println!(
        "reconnect: {count} agents report for the first time within {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    let before = judged(&site);
    site.stop_collector();
    let down = runtime.spawn(report(agents, |number| vec![stick(number as u64)]));
    // They find nobody, and wait longer each time: as after a short repair.
    std::thread::park_timeout(Duration::from_secs(5));
    let begun = Instant::now();
    site.start_collector();
    let (agents, mut tries) = runtime.block_on(down)?;
    let took = begun.elapsed();
    let peak = peak_megabytes(site.collector().id());
    let panics = site.collector().log().iter().filter(|line| line.contains("panicked")).count();
    tries.sort_unstable();
    let tries: Vec<Duration> = tries.into_iter().map(Duration::from_secs).collect();
    println!(
        "  after the restart all {count} are back within {:.1} s; peak {peak:.0} MB; attempts: median {}, most {}; panics {panics}",
        took.as_secs_f64(),
        percentile(&tries, 50).as_secs(),
        percentile(&tries, 100).as_secs(),
    );
    let after = judged(&site);
    site.stop_collector();
    let shelves = Shelves::new(open(&StoreConfig::Folder { path: site.data().join("store") })?);
    let (mut lost, mut twice) = (0, 0);
    for agent in &agents {
        let events = shelves.log(agent.endpoint(), None, usize::MAX)?.len() as u64;
        // Of what it reported all but the host is an event.
        let expected = agent.durable() - 1;
        lost += expected.saturating_sub(events);
        twice += events.saturating_sub(expected);
        let durable = shelves.cursor(agent.endpoint())?.map_or(0, |cursor| cursor.durable_to);
        lost += agent.durable().saturating_sub(durable);
    }
    let opened = after.difference(&before).count();
    println!(
        "  lost {lost}, twice {twice}; violations before {}, opened by the restart {opened}",
        before.len()
    );
    ensure!(lost == 0 && twice == 0 && opened == 0 && panics == 0, "the restart cost something");
    Ok(())
}

/// Each agent has its facts taken. Answers how many attempts each needed.
async fn report(agents: Vec<Agent>, facts: fn(usize) -> Vec<Fact>) -> (Vec<Agent>, Vec<u64>) {
    let mut all = tokio::task::JoinSet::new();
    for (number, mut agent) in agents.into_iter().enumerate() {
        all.spawn(async move {
            let tries = agent.report(&facts(number), daicho_agent::clock::now()).await;
            (number, agent, tries)
        });
    }
    let mut done = all.join_all().await;
    done.sort_unstable_by_key(|(number, ..)| *number);
    done.into_iter().map(|(_, agent, tries)| (agent, tries)).unzip()
}

/// The keys of all violations, once everything that came is judged.
fn judged(site: &Site) -> BTreeSet<String> {
    until_within(JUDGED_WITHIN, "everything to be judged", || {
        let waiting = daicho_tests::fleet::figure(site.telemetry, "daicho_evaluations_waiting")?;
        (waiting == 0.0).then_some(())
    });
    let answer = site.daicho_json(&["violations", "--state", "open,acknowledged,excepted,resolved"]);
    let all = answer["violations"].as_array().cloned().unwrap_or_default();
    all.iter().filter_map(|violation| violation["key"].as_str()).map(str::to_owned).collect()
}
