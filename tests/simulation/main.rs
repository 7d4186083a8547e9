//! Thousands of hospitals with everything that may go wrong: nothing acknowledged is lost, nothing is counted twice, no
//! alarm is false; and once the faults stop, everything is as it truly was. Each seed replays byte by byte.

#[path = "../hospital/hospital.rs"]
mod hospital;
mod line;

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hospital::{Account, Harm, World};
use line::{Break, Counts, Storm};

/// Seeds of one run of the tests; `DAICHO_SEEDS` asks for more, `DAICHO_SEED` replays one and tells each step.
const SEEDS: u64 = 2_000;

/// Seeds of the real line; `DAICHO_LINES` asks for more, `DAICHO_LINE` lives one and tells each step.
const LINES: u64 = 60;

/// Each of so many seeds is lived twice.
const TWICE_EVERY: u64 = 100;

/// A break must be found within so many seeds.
const HARMED_SEEDS: u64 = 40;

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Lives a seed; what was broken is the error.
fn live(seed: u64, harm: Option<Harm>, told: bool) -> Result<Account, String> {
    catch_unwind(|| World::live(seed, harm, told)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

type Lived = (BTreeMap<&'static str, u64>, Vec<(u64, String)>);

/// Lives seeds on all processors, each in one thread: how often each thing happened, and what broke. A seed that broke is
/// printed at once, with the `name` of the variable that replays it.
fn live_all(
    seeds: std::ops::RangeInclusive<u64>,
    name: &str,
    live: impl Fn(u64) -> Result<BTreeMap<&'static str, u64>, String> + Sync,
) -> Lived {
    let (next, end) = (AtomicU64::new(*seeds.start()), *seeds.end());
    let sums = Mutex::new(Lived::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > end {
                        break;
                    }
                    let lived = live(seed);
                    let mut sums = sums.lock().expect("no panic while it is held");
                    match lived {
                        Ok(counts) => {
                            for (what, count) in counts {
                                *sums.0.entry(what).or_default() += count;
                            }
                        }
                        Err(broken) => {
                            println!("seed {seed} ({name}={seed}): {broken}");
                            sums.1.push((seed, broken));
                        }
                    }
                }
            });
        }
    });
    sums.into_inner().expect("no panic while it is held")
}

#[test]
fn no_misfortune_loses_doubles_or_invents_anything_and_all_is_right_once_it_ends() {
    if let Some(seed) = asked("DAICHO_SEED") {
        println!("{:?}", World::live(seed, None, true));
        return;
    }
    let (seeds, started) = (asked("DAICHO_SEEDS").unwrap_or(SEEDS), Instant::now());
    let (counts, broken) = live_all(1..=seeds, "DAICHO_SEED", |seed| {
        let account = live(seed, None, false);
        if seed % TWICE_EVERY == 0 && live(seed, None, false) != account {
            return Err("it does not replay".to_owned());
        }
        account.map(|account| account.counts)
    });
    println!("simulated hospitals: {seeds} seeds in {} s; {counts:#?}", started.elapsed().as_secs());
    let seeds: Vec<u64> = broken.iter().map(|(seed, _)| *seed).collect();
    assert!(broken.is_empty(), "{} seeds broke: {seeds:?}", broken.len());
}

#[test]
fn each_check_of_the_oracle_finds_what_is_broken_on_purpose() {
    for harm in Harm::ALL {
        let found = (1..=HARMED_SEEDS).find_map(|seed| Some((seed, live(seed, Some(harm), false).err()?)));
        let (seed, broken) = found.unwrap_or_else(|| panic!("{harm:?} is not found in {HARMED_SEEDS} seeds"));
        let line = broken.lines().next().unwrap_or_default();
        println!("{harm:?}: found with seed {seed}: {line}");
        assert!(line.contains(harm.finding()), "{harm:?} is found for another reason: {line}");
    }
}

/// As `live`, over the real line.
fn storm(seed: u64, broken: Option<Break>, told: bool) -> Result<Counts, String> {
    catch_unwind(|| Storm::live(seed, broken, told)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

#[test]
fn over_the_real_line_in_a_storm_nothing_is_lost_doubled_or_let_in_and_everybody_is_back_after_it() {
    if let Some(seed) = asked("DAICHO_LINE") {
        println!("{:#?}", Storm::live(seed, None, true));
        return;
    }
    let (seeds, started) = (asked("DAICHO_LINES").unwrap_or(LINES), Instant::now());
    let (sums, broken) = live_all(1..=seeds, "DAICHO_LINE", |seed| storm(seed, None, false));
    println!("storms over the real line: {seeds} seeds in {} s; {sums:#?}", started.elapsed().as_secs());
    let seeds: Vec<u64> = broken.iter().map(|(seed, _)| *seed).collect();
    assert!(broken.is_empty(), "{} seeds broke: {seeds:?}", broken.len());
}

#[test]
fn each_check_of_the_real_line_finds_what_is_broken_on_purpose() {
    for broken in Break::ALL {
        let found = (1..=HARMED_SEEDS).find_map(|seed| Some((seed, storm(seed, Some(broken), false).err()?)));
        let (seed, what) = found.unwrap_or_else(|| panic!("{broken:?} is not found in {HARMED_SEEDS} seeds"));
        let line = what.lines().next().unwrap_or_default();
        println!("{broken:?}: found with seed {seed}: {line}");
        assert!(line.contains(broken.finding()), "{broken:?} is found for another reason: {line}");
    }
}
