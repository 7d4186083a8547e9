//! What a hospital of 10 000 devices asks of its collector again and again: the status, the watch over what is open, the
//! report. With time and memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use daicho_collector::Collector;
use daicho_collector::alerts::{self, Outbox};
use daicho_collector::bookkeeping::importing::{self, Entry};
use daicho_collector::chronicle::{Chronicle, What};
use daicho_collector::clock::Clock;
use daicho_collector::queries::status::status;
use daicho_collector::report::making::{self, Asked};
use daicho_collector::report::workbook;
use daicho_collector::store::{self, Batch, StoreConfig};

use crate::judge::{Ahead, cpu_seconds, ledger, machines, peak_megabytes, wait};

/// Rows of the ledger about each device.
const ROWS: usize = 20;

/// Entries of the log that are written in one batch.
const WRITTEN_AT_ONCE: usize = 5_000;

/// One step of escalation, over a channel to which nothing is sent here.
const ALERTS: &str = "
    [[escalation]]
    after_hours = 24
    severity_min = \"low\"
    to = [\"siem\"]
    [[syslog]]
    name = \"siem\"
    server = \"127.0.0.1\"
    transport = \"tcp\"
";

/// Measures with `devices` devices of which each has two violations, and a log of `entries` more entries.
pub(crate) fn measure(devices: usize, entries: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let config = StoreConfig::Folder { path: folder.path().join("store") };
    let clock = Arc::new(Ahead::default());
    let collector = Arc::new(Collector::open(store::open(&config)?, Arc::clone(&clock) as Arc<dyn Clock>)?);
    let outbox = Arc::new(Outbox::open(&toml::from_str(ALERTS)?)?);
    machines(&collector, devices, ROWS)?;
    lengthen(&collector, entries)?;
    println!(
        "standing: {devices} devices with two violations each, {entries} entries before them in the log"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let judging = tokio::spawn(daicho_collector::evaluation::run(Arc::clone(&collector), stopped));
        importing::adopt(&collector, ledger(devices, ROWS, 7), Entry::default()).await?;
        wait("the first ledger", &collector, 0, devices).await?;
        stop.send_replace(true);
        judging.await?;
        anyhow::Ok(())
    })?;
    timed("status", || Ok(format!("{} open", status(&collector)?.open)))?;
    for (what, hours) in [
        ("the watch's first look", 0),
        ("its next look", 0),
        ("a day later: all are escalated", 25),
        ("its next look", 25),
    ] {
        clock.hours.store(hours, Ordering::Relaxed);
        timed(what, || {
            Ok(format!("{} letters", runtime.block_on(alerts::watch::pass(&collector, &outbox))?))
        })?;
    }
    let mut report = None;
    timed("the report", || {
        let asked = Asked { as_of: None, since: None, by: "suzuki".to_owned() };
        let made = making::make(&collector, asked)?;
        let devices = made.devices.len();
        report = Some(made);
        Ok(format!("{devices} devices"))
    })?;
    timed("the report as a workbook", || {
        let Some(report) = &report else { return Ok(String::new()) };
        Ok(format!("{} bytes", workbook::bytes(report, daicho_rules::text::Language::Japanese)?.len()))
    })
}

/// Makes the log as long as that of some years.
fn lengthen(collector: &Collector, entries: usize) -> anyhow::Result<()> {
    let (mut left, now) = (entries, collector.clock.now());
    while left > 0 {
        let some = left.min(WRITTEN_AT_ONCE);
        let (mut batch, mut chronicle) = (Batch::default(), Chronicle::open(&collector.shelves)?);
        for _ in 0..some {
            chronicle.append(&mut batch, now, "daicho", What::Judged { devices: 0, heard: 0 });
        }
        collector.shelves.commit(batch)?;
        left -= some;
    }
    Ok(())
}

fn timed(what: &str, work: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<()> {
    let (begun, cpu) = (Instant::now(), cpu_seconds()?);
    let told = work()?;
    println!(
        "  {what}: {:.2} s, {:.2} CPU s; {told}; {:.0} MB peak",
        begun.elapsed().as_secs_f64(),
        cpu_seconds()? - cpu,
        peak_megabytes()?
    );
    Ok(())
}
