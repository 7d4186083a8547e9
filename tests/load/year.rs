//! A year of a hospital in the collector's store: how large its file is beside what it holds, and how much was written.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use daicho_collector::Collector;
use daicho_collector::bookkeeping::importing::{self, Entry};
use daicho_collector::chronicle;
use daicho_collector::clock::Clock;
use daicho_collector::evaluation::Evaluator;
use daicho_collector::intake::{self, Heard};
use daicho_collector::store::{self, Store, StoreConfig};
use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::{Antivirus, Fact, Look, Package, Software};
use daicho_proto::observation::Observation;
use daicho_proto::wire::ReportRequest;
use daicho_tests::fleet;
use jiff::Timestamp;

use crate::judge::{ledger, machines, peak_megabytes};

/// Rows of the ledger about each device.
const ROWS: usize = 20;

const DAY_SECONDS: i64 = 86_400;

/// Monday, 5 April 2027, 00:00 in Japan: a Japanese hospital's year begins in April.
const BEGIN_SECONDS: i64 = 1_806_850_800;

/// Days between two versions of the ledger.
const LEDGER_DAYS: usize = 7;

/// Each machine's programs change once in so many days, and its packages.
const CHANGE_DAYS: usize = 30;

/// Days between two lines of numbers.
const TOLD_DAYS: usize = 30;

/// Packages of a machine: a small server's.
const PACKAGES: usize = 600;

/// Lives `days` days with `devices` machines, each of which gives a sign of life every `heard_seconds`.
pub(crate) fn measure(devices: usize, days: usize, heard_seconds: i64) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let config = StoreConfig::Folder { path: folder.path().join("store") };
    let clock = Arc::new(Calendar(AtomicI64::new(BEGIN_SECONDS)));
    println!("year: {devices} machines, {days} days, signs of life written every {heard_seconds} s");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut year = Year { clock, devices, next: vec![1; devices], begun: Instant::now() };
    let collector = year.open(&config)?;
    machines(&collector, devices, ROWS)?;
    drop(collector);
    let mut day = 0;
    while day < days {
        // A collector is started anew now and then: its machine gets its updates.
        let until = days.min(day + 3 * TOLD_DAYS);
        runtime.block_on(year.live(&config, day..until, heard_seconds))?;
        day = until;
    }
    let (opened, store) = (Instant::now(), store::open(&config)?);
    println!("  opened anew in {:.2} s: {}", opened.elapsed().as_secs_f64(), sizes(store.as_ref())?);
    Ok(())
}

/// A clock that the year turns.
#[derive(Debug)]
struct Calendar(AtomicI64);

impl Clock for Calendar {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

struct Year {
    clock: Arc<Calendar>,
    devices: usize,
    /// What each machine says next.
    next: Vec<u64>,
    begun: Instant,
}

impl Year {
    fn open(&self, config: &StoreConfig) -> anyhow::Result<Arc<Collector>> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Ok(Arc::new(Collector::open(store::open(config)?, clock)?))
    }

    async fn live(
        &mut self,
        config: &StoreConfig,
        days: std::ops::Range<usize>,
        heard_seconds: i64,
    ) -> anyhow::Result<()> {
        let collector = self.open(config)?;
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        let mut evaluator = Evaluator::new(Arc::clone(&collector), stopped);
        for day in days {
            let morning = BEGIN_SECONDS + DAY_SECONDS * i64::try_from(day)?;
            if day % LEDGER_DAYS == 0 {
                let entry = Entry { operator: "suzuki".to_owned(), ..Entry::default() };
                importing::adopt(&collector, ledger(self.devices, ROWS, 7 + i64::try_from(day % 2)?), entry)
                    .await?;
            }
            for second in (0..DAY_SECONDS).step_by(usize::try_from(heard_seconds)?) {
                self.clock.0.store(morning + second, Ordering::Relaxed);
                for number in 0..self.devices {
                    collector.heard.note(endpoint(number)?, self.clock.now());
                }
                Heard::flush(&collector).await;
            }
            self.report(&collector, day).await?;
            anyhow::ensure!(evaluator.work(true).await, "not judged");
            chronicle::waiting::take(&collector, true).await?;
            if (day + 1) % TOLD_DAYS == 0 {
                let (written, seconds) = (written_megabytes()?, self.begun.elapsed().as_secs());
                let sizes = sizes(collector.shelves.store().as_ref())?;
                println!(
                    "  day {}: {sizes}; {written:.0} MB written, {:.0} MB of memory, {seconds} s",
                    day + 1,
                    peak_megabytes()?
                );
            }
        }
        Ok(())
    }

    /// What the machines of a hospital have to say on a day.
    async fn report(&mut self, collector: &Arc<Collector>, day: usize) -> anyhow::Result<()> {
        let (mut waiting, now) = (tokio::task::JoinSet::new(), self.clock.now());
        for number in 0..self.devices {
            let mut facts = vec![patterns(now)];
            if (number + day).is_multiple_of(3) {
                facts.extend([fleet::stick(number as u64), fleet::stick(day as u64)]);
            }
            match (number + day) % CHANGE_DAYS {
                0 => facts.push(programs(day)),
                1 if number.is_multiple_of(10) => facts.push(packages(day)),
                _ => {}
            }
            let (id, first) = (endpoint(number)?, self.next[number]);
            self.next[number] += facts.len() as u64;
            let observations = (first..)
                .zip(facts)
                .map(|(sequence, fact)| Observation { sequence, observed_at: now, fact }.into());
            let request = ReportRequest {
                incarnation: 7,
                observations: observations.collect(),
                agent_version: "0.1.0".to_owned(),
                ..ReportRequest::default()
            };
            let collector = Arc::clone(collector);
            waiting.spawn(async move { intake::take(&collector, id, request).await });
        }
        while let Some(taken) = waiting.join_next().await {
            taken??;
        }
        Ok(())
    }
}

fn endpoint(number: usize) -> anyhow::Result<EndpointId> {
    format!("00000000-0000-4000-8000-{number:012x}").parse().map_err(|error| anyhow::anyhow!("{error:?}"))
}

fn patterns(now: Timestamp) -> Fact {
    let antivirus = Antivirus {
        product: "ClamAV".to_owned(),
        running: Some(true),
        patterns_at: Some(now),
        patterns_version: Some(now.as_second().to_string()),
        patterns_current: None,
    };
    Fact::Antivirus(Look::complete(vec![antivirus]))
}

/// The programs that the ledger allows, and one more that comes and goes.
fn programs(day: usize) -> Fact {
    let program = |place| Software {
        name: format!("program{place}"),
        version: Some(format!("{day}.0")),
        ..Software::default()
    };
    Fact::Software(Look::complete((0..ROWS / 2 + day / CHANGE_DAYS % 2).map(program).collect()))
}

fn packages(day: usize) -> Fact {
    let package = |place: usize| Package {
        manager: "dpkg".to_owned(),
        name: format!("library-of-things-{place}"),
        version: format!("1.{place}.{}-2+deb12u{}", place % 7, day % (place + 1)),
        architecture: Some("amd64".to_owned()),
        source_name: Some(format!("things-{}", place / 3)),
        ..Package::default()
    };
    Fact::Packages(Look::complete((0..PACKAGES).map(package).collect()))
}

fn sizes(store: &dyn Store) -> anyhow::Result<String> {
    let (mut held, mut entries, mut after): (u64, u64, Option<Vec<u8>>) = (0, 0, None);
    loop {
        let page = store.scan(b"", after.as_deref(), 200)?;
        held += page.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum::<u64>();
        entries += page.len() as u64;
        match page.last() {
            Some((key, _)) => after = Some(key.clone()),
            None => break,
        }
    }
    let (disk, megabyte) = (store.size_on_disk()?, 1024 * 1024);
    Ok(format!("{} MB on disk, {} MB held in {entries} entries", disk / megabyte, held / megabyte))
}

/// What this process handed to disks: `write_bytes` of proc(5)'s io.
fn written_megabytes() -> anyhow::Result<f64> {
    let io = fs::read_to_string("/proc/self/io")?;
    let bytes = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap_or_default();
    Ok(bytes.parse::<f64>()? / (1024.0 * 1024.0))
}
