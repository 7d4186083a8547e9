//! What is counted: as it happens, or from the store when somebody asks.

use std::collections::BTreeMap;
use std::fmt::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use daicho_rules::rule::Verdict;
use daicho_rules::violation::State;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::Collector;
use crate::store::StoreError;

/// A walk over all violations and endpoints is good for this long: Prometheus asks each 15 to 60 seconds.
const WALK_VALID: Duration = Duration::from_secs(15);

/// What is counted as it happens, and the last walk over the store.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Observations that became durable.
    pub observations: Counter,
    /// Reports that were taken.
    pub reports: Counter,
    /// Reports that were refused.
    pub refused: Counter,
    /// Devices that were judged.
    pub judged: Counter,
    walk: Mutex<Option<(Instant, Arc<Walk>)>>,
}

/// What a walk over the store found.
#[derive(Debug, Default)]
struct Walk {
    /// By article and state.
    violations: BTreeMap<(u8, &'static str), i64>,
    undetermined: i64,
    devices: i64,
    endpoints: i64,
    revoked: i64,
    /// Endpoints whose silence is at most so many seconds.
    heard_within: BTreeMap<i64, i64>,
    oldest_heard_seconds: i64,
    certificate_days_left_min: Option<i64>,
    newest_notice: u64,
    size_bytes: u64,
}

/// Silences that are counted, in seconds: five minutes, an hour, a day, a week.
const SILENCES: [i64; 4] = [300, 3_600, 86_400, 604_800];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CertificateLabels {
    /// `server`, `issuing`, `root` or `next_root`.
    of: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ViolationLabels {
    article: u32,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct HeardLabels {
    within_seconds: i64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RecipientLabels {
    channel: &'static str,
    recipient: String,
}

/// All figures in the text form of OpenMetrics.
pub(super) fn text(collector: &Collector) -> Result<String, StoreError> {
    let walk = walk(collector)?;
    let mut registry = Registry::with_prefix("daicho");
    counted(collector, &mut registry);
    stored(&walk, &mut registry);
    told(collector, &mut registry)?;
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|Error| StoreError::Failed {
        action: "tell its figures",
        reason: "they could not be written as text".to_owned(),
    })?;
    Ok(text)
}

fn counted(collector: &Collector, registry: &mut Registry) {
    let metrics = &collector.metrics;
    registry.register("observations", "Observations that became durable", metrics.observations.clone());
    registry.register("reports", "Reports that were taken", metrics.reports.clone());
    registry.register("reports_refused", "Reports that were refused", metrics.refused.clone());
    registry.register("devices_judged", "Devices that were judged", metrics.judged.clone());
    let load = collector.writer.load();
    let (commits, micros) = load.commits();
    registry.register("commits", "Commits of the writing thread", ConstCounter::new(commits));
    let seconds = Counter::<f64, AtomicU64>::default();
    seconds.inner().store((Duration::from_micros(micros).as_secs_f64()).to_bits(), Ordering::Relaxed);
    registry.register_with_unit("commit", "Time that commits took together", Unit::Seconds, seconds);
    gauge(registry, "commits_waiting", "Requests that wait for their commit", count(load.waiting()));
    let waiting = count(collector.evaluation.len());
    gauge(registry, "evaluations_waiting", "Endpoints that wait to be judged", waiting);
}

fn stored(walk: &Walk, registry: &mut Registry) {
    let violations = Family::<ViolationLabels, Gauge>::default();
    for ((article, state), number) in &walk.violations {
        violations.get_or_create(&ViolationLabels { article: u32::from(*article), state }).set(*number);
    }
    registry.register("violations", "Violations that are not resolved", violations);
    gauge(
        registry,
        "rules_undetermined",
        "Rules that could not be judged, over all devices",
        walk.undetermined,
    );
    gauge(registry, "devices", "Devices that are listed or report", walk.devices);
    gauge(registry, "endpoints", "Endpoints that may report", walk.endpoints);
    gauge(registry, "endpoints_revoked", "Endpoints that were revoked", walk.revoked);
    let heard = Family::<HeardLabels, Gauge>::default();
    for (within_seconds, number) in &walk.heard_within {
        heard.get_or_create(&HeardLabels { within_seconds: *within_seconds }).set(*number);
    }
    registry.register("endpoints_heard", "Endpoints that were heard within so many seconds", heard);
    let longest = "The longest silence of an endpoint that ever reported";
    gauge(registry, "endpoint_silence_seconds_max", longest, walk.oldest_heard_seconds);
    if let Some(days) = walk.certificate_days_left_min {
        gauge(
            registry,
            "certificate_days_left_min",
            "Days until the first endpoint's certificate ends",
            days,
        );
    }
    let newest = i64::try_from(walk.newest_notice).unwrap_or(i64::MAX);
    gauge(registry, "notices", "Notices that ever came to be", newest);
    let size = i64::try_from(walk.size_bytes).unwrap_or(i64::MAX);
    gauge(registry, "store_bytes", "Bytes of the store on disk", size);
}

fn told(collector: &Collector, registry: &mut Registry) -> Result<(), StoreError> {
    let Some(outbox) = collector.outbox.get() else { return Ok(()) };
    let certificates = outbox.certificates();
    let own = certificates.own.as_ref().and_then(|own| own.not_after());
    let standing = certificates.authority.as_ref().map(|authority| authority.standing());
    let ends = [
        ("server", own),
        ("issuing", standing.as_ref().map(|standing| standing.issuing.until)),
        ("root", standing.as_ref().map(|standing| standing.root.until)),
        ("next_root", standing.and_then(|standing| standing.next_root).map(|life| life.until)),
    ];
    let (days, now) = (Family::<CertificateLabels, Gauge>::default(), collector.clock.now());
    for (of, until) in ends.into_iter().filter_map(|(of, until)| Some((of, until?))) {
        days.get_or_create(&CertificateLabels { of }).set(until.duration_since(now).as_hours() / 24);
    }
    let help = "Days until a certificate of the collector or of its authority ends";
    registry.register("own_certificate_days_left", help, days);
    let waiting = Family::<RecipientLabels, Gauge>::default();
    let failing = Family::<RecipientLabels, Gauge>::default();
    for status in crate::alerts::status(collector, outbox)? {
        let labels = RecipientLabels { channel: status.channel, recipient: status.recipient };
        waiting.get_or_create(&labels).set(count(status.waiting));
        failing.get_or_create(&labels).set(i64::from(status.failure.is_some()));
    }
    registry.register("notices_waiting", "Notices that a recipient is still to be told", waiting);
    registry.register("deliveries_failing", "1 where the last delivery to a recipient failed", failing);
    Ok(())
}

fn walk(collector: &Collector) -> Result<Arc<Walk>, StoreError> {
    // Held over the walk: two who ask at once cause one.
    let mut last = collector.metrics.walk.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((at, walk)) = last.as_ref().filter(|(at, _)| at.elapsed() < WALK_VALID) {
        tracing::trace!(age = ?at.elapsed(), "Figures told again.");
        return Ok(Arc::clone(walk));
    }
    let walk = Arc::new(take_walk(collector)?);
    *last = Some((Instant::now(), Arc::clone(&walk)));
    Ok(walk)
}

fn take_walk(collector: &Collector) -> Result<Walk, StoreError> {
    let shelves = &collector.shelves;
    let now = collector.clock.now();
    let mut walk = Walk {
        newest_notice: shelves.last_notice()?,
        size_bytes: shelves.store().size_on_disk()?,
        heard_within: SILENCES.iter().map(|seconds| (*seconds, 0)).collect(),
        ..Walk::default()
    };
    for violation in shelves.violations()? {
        let state = match violation.state {
            State::Open => "open",
            State::Acknowledged => "acknowledged",
            State::Excepted => "excepted",
            State::Resolved => continue,
        };
        *walk.violations.entry((violation.article, state)).or_default() += 1;
    }
    for verdicts in shelves.verdicts()? {
        walk.devices += 1;
        let undetermined = verdicts.rules.iter().filter(|rule| rule.verdict == Verdict::Undetermined);
        walk.undetermined += count(undetermined.count());
    }
    for endpoint in shelves.endpoints()? {
        if endpoint.revoked_at.is_some() {
            walk.revoked += 1;
            continue;
        }
        walk.endpoints += 1;
        let days = endpoint.not_after.duration_since(now).as_hours() / 24;
        walk.certificate_days_left_min =
            walk.certificate_days_left_min.map(|least| least.min(days)).or(Some(days));
        let (written, _) = shelves.heard(endpoint.id)?;
        let Some(heard) = collector.heard.of(endpoint.id).or(written) else { continue };
        let silence = now.duration_since(heard).as_secs();
        walk.oldest_heard_seconds = walk.oldest_heard_seconds.max(silence);
        for (within, number) in &mut walk.heard_within {
            *number += i64::from(silence <= *within);
        }
    }
    Ok(walk)
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: i64) {
    let gauge: Gauge = Gauge::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
