//! Time and memory of judging every device after a change of the ledger, and once more where nothing changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use daicho_collector::Collector;
use daicho_collector::bookkeeping::importing::{self, Entry};
use daicho_collector::clock::{Clock, SystemClock};
use daicho_collector::shelves::EndpointRow;
use daicho_collector::store::{self, Batch, StoreConfig};
use daicho_proto::endpoint::EndpointId;
use daicho_proto::facts::{Account, Host, Look, Software};
use daicho_rules::ledger::{ApprovedAccount, ApprovedProgram, Device, Ledger, Scope, SettingRow};
use daicho_rules::record::Held;
use jiff::{SignedDuration, Timestamp};

/// Endpoints that are written to the store in one batch while the hospital is made.
const MADE_AT_ONCE: usize = 500;

/// Linux counts CPU time for programs in hundredths, whatever the kernel's own tick is: USER_HZ.
const TICKS_A_SECOND: f64 = 100.0;

/// How often it is looked whether all are judged.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Judges `devices` machines with `rows` rows of the ledger each, on a store in a temporary folder, and prints it.
pub(crate) fn measure(devices: usize, rows: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let config = StoreConfig::Folder { path: folder.path().join("store") };
    let clock = Arc::new(Ahead::default());
    let collector = Arc::new(Collector::open(store::open(&config)?, Arc::clone(&clock) as Arc<dyn Clock>)?);
    machines(&collector, devices, rows)?;
    println!(
        "judge: {devices} devices that report, {rows} rows of the ledger each; budget 2 s for 10000 devices"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let judging = tokio::spawn(daicho_collector::evaluation::run(Arc::clone(&collector), stopped));
        for (what, days) in [("the first ledger", 7), ("a setting changed", 8), ("another one", 9)] {
            let entry = Entry { operator: "suzuki".to_owned(), ..Entry::default() };
            let ledger = ledger(devices, rows, days);
            let judged = collector.metrics.judged.get();
            importing::adopt(&collector, ledger, entry).await?;
            wait(what, &collector, judged, devices).await?;
        }
        for (what, hours) in [("nothing changed", 0), ("nothing changed, an hour later", 1)] {
            clock.hours.store(hours, Ordering::Relaxed);
            let judged = collector.metrics.judged.get();
            collector.nudge_all();
            wait(what, &collector, judged, devices).await?;
        }
        stop.send_replace(true);
        judging.await?;
        anyhow::Ok(())
    })
}

/// The machine's clock, put forward by some hours.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    pub(crate) hours: AtomicI64,
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_hours(self.hours.load(Ordering::Relaxed))
    }
}

pub(crate) async fn wait(
    what: &str,
    collector: &Collector,
    before: u64,
    devices: usize,
) -> anyhow::Result<()> {
    let (begun, cpu) = (Instant::now(), cpu_seconds()?);
    let mut longest = Duration::ZERO;
    while collector.metrics.judged.get() - before < devices as u64 {
        let asked = Instant::now();
        drop(collector.judging.lock().await);
        longest = longest.max(asked.elapsed());
        tokio::time::sleep(LOOK_EVERY).await;
    }
    println!(
        "  {what}: {:.2} s, {:.2} CPU s; a person's decision waited {} ms at most; {:.0} MB peak",
        begun.elapsed().as_secs_f64(),
        cpu_seconds()? - cpu,
        longest.as_millis(),
        peak_megabytes()?
    );
    Ok(())
}

/// Writes machines that were heard of just now, as their reports would leave them.
pub(crate) fn machines(collector: &Collector, devices: usize, rows: usize) -> anyhow::Result<()> {
    let now = collector.clock.now();
    let numbers: Vec<usize> = (0..devices).collect();
    for some in numbers.chunks(MADE_AT_ONCE) {
        let mut batch = Batch::default();
        for number in some {
            machine(&mut batch, *number, rows, now)?;
        }
        collector.shelves.commit(batch)?;
    }
    Ok(())
}

fn machine(batch: &mut Batch, number: usize, rows: usize, now: Timestamp) -> anyhow::Result<()> {
    let id: EndpointId = format!("00000000-0000-4000-8000-{number:012x}").parse()?;
    let row = EndpointRow::joined(id, hostname(number), now);
    batch.put_endpoint(&row);
    let host = Host { hostname: Some(hostname(number)), ..Host::default() };
    // One more of each than the ledger allows.
    let account = |place| Account {
        name: format!("user{place}"),
        enabled: Some(true),
        interactive: Some(true),
        ..Account::default()
    };
    let program = |place| Software { name: format!("program{place}"), ..Software::default() };
    let part = |name: &str| format!("record/{id}/{name}");
    batch.put_json(&part("host"), &held(host, now));
    batch.put_json(&part("accounts"), &held((0..=rows / 2).map(account).collect::<Vec<_>>(), now));
    batch.put_json(&part("software"), &held((0..=rows - rows / 2).map(program).collect::<Vec<_>>(), now));
    batch.put_json(&part("last_heard"), &now);
    Ok(())
}

fn held<T>(value: T, observed_at: Timestamp) -> Held<T> {
    Held { look: Look::complete(value), observed_at, observation: None }
}

fn hostname(number: usize) -> String {
    format!("host-{number:05}")
}

pub(crate) fn ledger(devices: usize, rows: usize, days: i64) -> Ledger {
    let name = |number: usize| format!("PC-{number:05}");
    let device = |number| Device {
        device_id: name(number),
        hostname: Some(hostname(number)),
        group: Some(format!("ward{}", number % 20)),
        ..Device::default()
    };
    let account = |(number, place): (usize, usize)| ApprovedAccount {
        device: Scope::Device(name(number)),
        account: format!("user{place}"),
        ..ApprovedAccount::default()
    };
    let program = |(number, place): (usize, usize)| ApprovedProgram {
        device: Scope::Device(name(number)),
        name: format!("program{place}"),
        approved_by: Some("suzuki".to_owned()),
        ..ApprovedProgram::default()
    };
    let each =
        |count: usize| (0..devices).flat_map(move |number| (0..count).map(move |place| (number, place)));
    let setting =
        SettingRow { key: "04.silence_days_max_terminal".to_owned(), value: days, ..SettingRow::default() };
    Ledger {
        devices: (0..devices).map(device).collect(),
        accounts: each(rows / 2).map(account).collect(),
        software: each(rows - rows / 2).map(program).collect(),
        settings: vec![setting],
        ..Ledger::default()
    }
}

pub(crate) fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        after.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    #[expect(clippy::cast_precision_loss, reason = "a number for people")]
    Ok(ticks as f64 / TICKS_A_SECOND)
}

pub(crate) fn peak_megabytes() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(peak.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}
