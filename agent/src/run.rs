//! The agent at work: looks, spools, sends, until it is told to stop.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use daicho_proto::facts::{Fact, Subject};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, interval, interval_at, sleep, sleep_until};
use tracing::{error, info, warn};

use crate::clock;
use crate::config::Config;
use crate::identity::Identity;
use crate::platform::Platform;
use crate::service::stop::{Halt, Signals};
use crate::service::{self, Only, Word};
use crate::spool::keeper::Keeper;
use crate::status::Health;
use crate::text::Text;
use crate::uplink::{Uplink, connection};
use crate::watch::{Wakes, Watch};
use drill::Drill;
use looker::Looker;
use schedule::Schedule;

pub mod drill;
mod looker;
mod schedule;

/// The disk is asked again this often after it refused the spool; the counts in the status are as old at most.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(5);

/// The spool counts hours of work.
const HOUR: Duration = Duration::from_secs(3600);

/// The status file is written at most this often.
const STATUS_APART: Duration = Duration::from_millis(500);

/// The system's word about media and services is asked for again this long after it broke off.
const FOLLOW_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Work that may block, at once: one for the spool, one for a look's result, and one to spare.
const BLOCKING_THREADS_MAX: usize = 3;

/// Threads that hang when we stop are left behind after this.
const STOP_TIME_MAX: Duration = Duration::from_secs(2);

/// Works until the system sends word to stop, or `halt` is ordered.
pub fn run(
    config: &Config,
    platform: Arc<dyn Platform>,
    drill: Option<Drill>,
    halt: &Halt,
) -> Result<(), Text> {
    service::stay_small();
    let identity = Identity::read(&config.data_folder).map_err(|error| error.text())?;
    let _only = match Only::take(&config.data_folder) {
        Ok(Some(only)) => Some(only),
        Ok(None) => {
            let folder = config.data_folder.display();
            return Err(Text::new(
                format!("{folder} では別のエージェントが稼働中です"),
                format!("another agent works in {folder} already; stop it first"),
            ));
        }
        // A disk that takes nothing now may do so later; an agent that does not start sees nothing.
        Err(error) => {
            warn!(%error, "Data folder cannot be locked.");
            None
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()
        .map_err(|error| {
            Text::new(
                format!("エージェントを開始できません（{error}）"),
                format!("cannot start the agent ({error}); check its limits of threads and files"),
            )
        })?;
    let result = runtime.block_on(work(config, identity, platform, drill, halt));
    runtime.shutdown_timeout(STOP_TIME_MAX);
    result
}

async fn work(
    config: &Config,
    identity: Identity,
    platform: Arc<dyn Platform>,
    drill: Option<Drill>,
    halt: &Halt,
) -> Result<(), Text> {
    let now = clock::now();
    let mut signals = (!halt.is_of_a_service()).then(Signals::listen).transpose()?;
    let endpoint = identity.endpoint;
    let collector = config.collector.clone().unwrap_or_else(|| identity.collector.clone());
    info!(%endpoint, %collector, version = env!("CARGO_PKG_VERSION"), "Agent started.");
    let health = Arc::new(Health::new(&config.data_folder, &identity, collector.to_string(), now));
    let owner = endpoint.to_string();
    let keeper = Arc::new(Keeper::new(&config.data_folder, config.spool_bytes_max, owner, incarnation, now));
    let wakes = Arc::new(Wakes::default());
    let look_again = Arc::new(Notify::new());
    let (stop, stopped) = watch::channel(false);

    let uplink = Uplink {
        data: config.data_folder.clone(),
        identity,
        collector,
        dial: connection::TCP,
        keeper: keeper.clone(),
        health: health.clone(),
        look_again: look_again.clone(),
        chance: fastrand::f64,
        incarnation,
        collector_ahead_us: std::sync::atomic::AtomicI64::new(0),
    };
    let uplink = tokio::spawn(uplink.follow(stopped));
    let offset = f64::from(endpoint.0.as_fields().0) / f64::from(u32::MAX);
    let schedule = Schedule::new(&config.cadences, config.jitter_percent, offset, Instant::now());
    let looker = Looker::new(platform.clone());
    let looks = tokio::spawn(look_when_due(schedule, looker, wakes.clone(), keeper.clone(), health.clone()));
    let _watch = Watch::start(platform.watched_paths(), wakes.clone())
        .inspect_err(|error| warn!(%error, "Files cannot be watched; changes are seen at the next look."));
    on_thread("media", {
        let (platform, keeper, wakes) = (platform.clone(), keeper.clone(), wakes.clone());
        move || follow_media(platform.as_ref(), &keeper, &wakes)
    });
    on_thread("services", {
        let wakes = wakes.clone();
        move || follow_services(platform.as_ref(), &wakes)
    });
    if let Some(drill) = drill {
        let keeper = keeper.clone();
        on_thread("drill", move || {
            if let Err(error) = drill.follow(&keeper) {
                error!(%error, "Drill broke off.");
            }
        });
    }

    service::tell(Word::Ready);
    let mut housekeeping = interval(HOUSEKEEPING_EVERY);
    let mut hours = interval_at(Instant::now() + HOUR, HOUR);
    let mut watchdog = service::watchdog_interval().map(interval);
    let status = tokio::spawn(write_status(health.clone()));
    loop {
        tokio::select! {
            () = async { match &mut signals { Some(signals) => signals.received().await, None => pending().await } } => break,
            () = halt.ordered() => break,
            () = look_again.notified() => wakes.wake(Subject::ALL),
            () = async { match &mut watchdog { Some(tick) => { tick.tick().await; } None => pending().await } } => {
                service::tell(Word::Alive);
            }
            _ = hours.tick() => keeper.grow_older(config.spool_days_max, clock::now()),
            _ = housekeeping.tick() => {
                if keeper.mend(clock::now()) {
                    wakes.wake(Subject::ALL);
                }
                tell_spool(&keeper, &health);
            }
        }
    }

    service::tell(Word::Stopping);
    info!("Agent stops.");
    looks.abort();
    status.abort();
    // Whoever does not listen has gone already.
    stop.send(true).ok();
    if tokio::time::timeout(STOP_TIME_MAX, uplink).await.is_err() {
        warn!("A report was under way; it will be sent again.");
    }
    if let Some(Err(error)) = keeper.spool().map(|spool| spool.flush()) {
        warn!(error = %crate::text::chain(&error), "Spool could not be flushed.");
    }
    tell_spool(&keeper, &health);
    if let Err(error) = health.write(clock::now()) {
        warn!(%error, "Status cannot be written.");
    }
    Ok(())
}

async fn look_when_due(
    mut schedule: Schedule,
    mut looker: Looker,
    wakes: Arc<Wakes>,
    keeper: Arc<Keeper>,
    health: Arc<Health>,
) {
    while let Some((due, subject)) = schedule.next() {
        tokio::select! {
            () = wakes.woken() => {
                for subject in wakes.take() {
                    schedule.wake(subject, Instant::now());
                }
            }
            () = sleep_until(due) => {
                schedule.begun(subject, Instant::now());
                let observed_at = clock::now();
                let Some(fact) = looker.look(subject).await else { continue };
                health.looked(&fact, observed_at);
                let keeper = keeper.clone();
                let recorded = tokio::task::spawn_blocking(move || keeper.record(fact, observed_at, clock::now()));
                if let Err(error) = recorded.await {
                    error!(%error, %subject, "Look could not be recorded.");
                }
            }
        }
    }
}

async fn write_status(health: Arc<Health>) {
    loop {
        if let Err(error) = health.write(clock::now()) {
            warn!(%error, "Status cannot be written.");
        }
        sleep(STATUS_APART).await;
        health.changed().await;
    }
}

fn follow_media(platform: &dyn Platform, keeper: &Keeper, wakes: &Wakes) {
    loop {
        let followed = platform.follow_media(&mut |at, event| {
            info!(action = ?event.action, medium = %event.medium.subject(), "Medium event.");
            keeper.record(Fact::MediumEvent(event), at, clock::now());
            wakes.wake([Subject::Media]);
            true
        });
        match followed {
            // This platform has no such events.
            Ok(()) => return,
            Err(error) => warn!(%error, "Media events broke off; they are asked for again."),
        }
        std::thread::sleep(FOLLOW_RETRY_AFTER);
    }
}

fn follow_services(platform: &dyn Platform, wakes: &Wakes) {
    loop {
        let followed = platform.follow_services(&mut || {
            wakes.wake([Subject::Services]);
            true
        });
        match followed {
            Ok(()) => return,
            Err(error) => warn!(%error, "Word of services broke off; it is asked for again."),
        }
        std::thread::sleep(FOLLOW_RETRY_AFTER);
    }
}

fn tell_spool(keeper: &Keeper, health: &Health) {
    let waiting = keeper.spool().map(|spool| spool.waiting()).unwrap_or_default();
    health.spooled(waiting, keeper.held(), keeper.trouble());
}

fn on_thread(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = std::thread::Builder::new().name(name.to_owned()).spawn(work) {
        error!(%error, name, "Thread could not be started.");
    }
}

/// From the system's randomness: two machines cloned from one image must not choose the same.
fn incarnation() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}
