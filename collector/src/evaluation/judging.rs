//! Read, decide, write for some devices: evidence in, violations, their history, notices and verdicts out, in one batch.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use daicho_proto::endpoint::EndpointId;
use daicho_rules::articles::{self, Judged};
use daicho_rules::evidence::Evidence;
use daicho_rules::ledger::Ledger;
use daicho_rules::linking::Surroundings;
use daicho_rules::record::EndpointRecord;
use daicho_rules::rule::{Assessment, Kind, Rule};
use daicho_rules::text::Text;
use daicho_rules::violation::{Change, State, Step, StepKind, Violation, reconcile};
use jiff::{SignedDuration, Timestamp};

use super::extract::Extracts;
use super::links::Links;
use crate::Collector;
use crate::chronicle::{Chronicle, What};
use crate::shelves::{DeviceVerdicts, Notice, RuleVerdict};
use crate::store::{Batch, StoreError};

/// That a violation is still seen is written this often: more often is wear without news.
const LAST_SEEN_STEP: SignedDuration = SignedDuration::from_hours(1);

/// Threads on which the rules are asked: more would take the cores of the intake on a large machine.
const THREADS_MAX: usize = 4;

/// Devices that a thread takes at once: for fewer, another thread is not worth its start.
const SHARE: usize = 16;

/// Who is named in what nobody but the rules decided.
const DAICHO: &str = "daicho";

/// One device to judge.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The ledger's device_id, or the hostname of a device that is not listed.
    pub(super) device: String,
    endpoints: Vec<EndpointId>,
    /// Its row's place in the ledger.
    row: Option<usize>,
    /// Neither listed nor reporting any more: what is open of it ends. With the device for which its endpoint reports now.
    gone: Option<Option<String>>,
    /// What the other machines tell of it.
    surroundings: Surroundings,
}

/// The job for one device as it is linked now.
pub(super) fn job(collector: &Collector, links: &Links, device: String) -> Result<Job, StoreError> {
    let endpoints: Vec<EndpointId> = links.endpoints(&device).collect();
    let row = links.row(&device);
    let gone = if endpoints.is_empty() && row.is_none() {
        let before = collector.shelves.verdicts_of(&device)?.map(|verdicts| verdicts.endpoints);
        let now = before.into_iter().flatten().find_map(|endpoint| links.device(endpoint));
        Some(now.map(str::to_owned))
    } else {
        None
    };
    let surroundings = links.surroundings(collector, &device)?;
    Ok(Job { device, endpoints, row, gone, surroundings })
}

/// A job for every device: listed, reporting, or gone with something left behind.
pub(super) fn all_jobs(collector: &Collector, links: &Links) -> Result<Vec<Job>, StoreError> {
    let ledger = collector.ledger();
    let mut devices = collector.shelves.spoken_of()?;
    devices.extend(links.devices().cloned());
    devices.extend(ledger.devices.iter().map(|device| device.device_id.clone()));
    let devices: Vec<String> = devices.into_iter().collect();
    on_all_cores(&devices, |device| job(collector, links, device.clone())).into_iter().collect()
}

/// Judges devices and commits what changed; returns how many notices were added. `Collector::judging` is held.
pub(super) fn judge(collector: &Collector, extracts: &Extracts, jobs: &[Job]) -> Result<usize, StoreError> {
    let begun = std::time::Instant::now();
    let now = collector.clock.now();
    let mut batch = Batch::default();
    let chronicle = Chronicle::open(&collector.shelves)?;
    let mut notices = Notices { next: collector.shelves.last_notice()? + 1, added: 0, chronicle };
    for (job, ruled) in jobs.iter().zip(rule_all(collector, extracts, jobs, now)) {
        match (&job.gone, ruled?) {
            (Some(moved_to), _) => end(collector, job, moved_to.as_deref(), now, &mut batch, &mut notices)?,
            (None, Some(ruled)) => take_down(ruled, now, &mut batch, &mut notices),
            (None, None) => {}
        }
    }
    let changes = batch.changes.len();
    if changes > 0 {
        collector.shelves.commit(batch)?;
    }
    collector.metrics.judged.inc_by(jobs.len() as u64);
    let millis = begun.elapsed().as_millis();
    tracing::debug!(devices = jobs.len(), changes, notices = notices.added, millis, "Devices judged.");
    Ok(notices.added)
}

/// What the rules say of a device, and what of it is to be written.
struct Ruled {
    /// The changes that are worth writing, each with the number of its step.
    changes: Vec<(Change, usize)>,
    before: Option<DeviceVerdicts>,
    verdicts: DeviceVerdicts,
    heard: Option<Timestamp>,
}

/// Asks the rules about all devices, on as many threads as there are cores: nothing is written meanwhile.
fn rule_all(
    collector: &Collector,
    extracts: &Extracts,
    jobs: &[Job],
    now: Timestamp,
) -> Vec<Result<Option<Ruled>, StoreError>> {
    on_all_cores(jobs, |job| match job.gone {
        Some(_) => Ok(None),
        None => rule(collector, extracts, job, now).map(Some),
    })
}

/// Does `work` for each item, on as many threads as there are cores; what comes out is in the items' order.
fn on_all_cores<Item: Sync, Done: Send>(items: &[Item], work: impl Fn(&Item) -> Done + Sync) -> Vec<Done> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let shares: Vec<&[Item]> = items.chunks(SHARE).collect();
    let next = AtomicUsize::new(0);
    // Each takes the next share when it is done with one: a core that others use as well takes fewer.
    let take = || {
        let mut done: Vec<(usize, Vec<Done>)> = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(share) = shares.get(number) else { return done };
            done.push((number, share.iter().map(&work).collect()));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores.min(shares.len())).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        for other in others {
            match other.join() {
                Ok(other) => done.extend(other),
                // A rule gave up: who called says so, as on its own thread.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().flat_map(|(_, done)| done).collect()
}

fn rule(collector: &Collector, extracts: &Extracts, job: &Job, now: Timestamp) -> Result<Ruled, StoreError> {
    let device = job.row.and_then(|index| extracts.device(index));
    let reporting = reporting(collector, &job.endpoints)?;
    let known = collector.shelves.violations_of(&job.device)?;
    let judge = |ledger: &Ledger| {
        #[cfg(test)]
        assert_ne!(job.device, super::tests::GIVES_UP);
        let evidence = |record| Evidence { record, device, ledger, now, surroundings: &job.surroundings };
        let freshest = evidence(reporting.first().map(|(_, record)| record));
        let mut judged = articles::judge(&freshest);
        for (_, record) in reporting.iter().skip(1) {
            merge(&mut judged, articles::judge(&evidence(Some(record))));
        }
        let changes = reconcile(&known, &job.device, &judged, &freshest);
        (judged, changes)
    };
    let records = reporting.iter().map(|(_, record)| record);
    let (judged, changes) = or_undetermined(&job.device, || extracts.with(device, records, judge));
    // In every test that judges: the extract says what the whole ledger says.
    #[cfg(test)]
    if job.device != super::tests::GIVES_UP {
        assert_eq!(
            format!("{:?}", (&judged, &changes)),
            format!("{:?}", judge(&collector.ledger_in_force()))
        );
    }
    let mut worth = Vec::new();
    for change in changes {
        if change.step.is_some() || worth_writing(&known, &change.violation) {
            // What was never seen before has no history.
            let is_known = known.iter().any(|old| old.key == change.violation.key);
            let steps = match (&change.step, is_known) {
                (Some(_), true) => collector.shelves.history_lines(&change.violation.key)?.len(),
                _ => 0,
            };
            worth.push((change, steps));
        }
    }
    Ok(Ruled {
        changes: worth,
        before: collector.shelves.verdicts_of(&job.device)?,
        heard: reporting.iter().filter_map(|(_, record)| record.last_heard).max(),
        verdicts: DeviceVerdicts {
            device: job.device.clone(),
            group: device.and_then(|device| device.group.clone()),
            endpoints: reporting.iter().map(|(endpoint, _)| *endpoint).collect(),
            judged_at: now,
            rules: judged.into_iter().map(verdict).collect(),
        },
    })
}

/// What the rules say; where one of them gave up, that nothing can be told of this device. The others are judged all the
/// same: what one machine says must not keep anybody from being told of another.
fn or_undetermined(
    device: &str,
    judge: impl FnOnce() -> (Vec<Judged>, Vec<Change>),
) -> (Vec<Judged>, Vec<Change>) {
    catch_unwind(AssertUnwindSafe(judge)).unwrap_or_else(|_| {
        tracing::error!(device, "A rule gave up; nothing can be told of this device, and its violations stay.");
        let reason = Text::new(
            "判定の途中で Daicho が失敗したため、この機器については何も言えません。journalctl -u daicho-collector の内容を開発元へお送りください。",
            "Daicho gave up while it judged this device, so nothing can be told of it; send what journalctl -u daicho-collector says to its makers.",
        );
        let undetermined = |rule: &&'static Rule| Judged { rule, assessment: Assessment::undetermined(reason.clone()) };
        (articles::RULES.iter().map(undetermined).collect(), Vec::new())
    })
}

/// Puts what the rules said into the batch, with its entries of the log.
fn take_down(ruled: Ruled, now: Timestamp, batch: &mut Batch, notices: &mut Notices) {
    let Ruled { changes, before, verdicts, heard } = ruled;
    for (change, steps) in changes {
        keep(change, steps, now, batch, notices);
    }
    let same = |before: &DeviceVerdicts| {
        // Whoever waits for a report to be judged compares these two times.
        heard.is_none_or(|heard| heard <= before.judged_at)
            && now.duration_since(before.judged_at) < LAST_SEEN_STEP
            && (&before.device, &before.group, &before.endpoints, &before.rules)
                == (&verdicts.device, &verdicts.group, &verdicts.endpoints, &verdicts.rules)
    };
    if let Some(what) = What::of_verdicts(before.as_ref(), &verdicts) {
        notices.chronicle.append(batch, now, DAICHO, what);
    }
    if !before.as_ref().is_some_and(same) {
        batch.put_verdicts(&verdicts);
    }
}

/// The records of a device's endpoints, the one that was heard last first. An endpoint that said nothing since another
/// one joined for the same device was replaced by it: a machine that was set up again.
fn reporting(
    collector: &Collector,
    endpoints: &[EndpointId],
) -> Result<Vec<(EndpointId, EndpointRecord)>, StoreError> {
    let mut all = Vec::new();
    for endpoint in endpoints {
        let mut record = collector.shelves.record(*endpoint)?;
        record.last_heard = collector.heard.of(*endpoint).or(record.last_heard);
        let joined = match endpoints.len() {
            1 => None,
            _ => collector.shelves.endpoint(*endpoint)?.map(|row| row.enrolled_at),
        };
        all.push((*endpoint, joined, record));
    }
    let newest = all.iter().filter_map(|(_, joined, _)| *joined).max();
    if let Some(newest) = newest {
        all.retain(|(_, joined, record)| *joined == Some(newest) || record.last_heard >= Some(newest));
    }
    all.sort_by_key(|(_, _, record)| std::cmp::Reverse(record.last_heard));
    if all.len() > 1 {
        let endpoints: Vec<String> = all.iter().map(|(endpoint, ..)| endpoint.to_string()).collect();
        tracing::warn!(?endpoints, "Several endpoints report for one device; all of them are judged.");
    }
    Ok(all.into_iter().map(|(endpoint, _, record)| (endpoint, record)).collect())
}

/// Two machines under one name: what is wrong on either is wrong.
fn merge(judged: &mut [Judged], other: Vec<Judged>) {
    let mut by_rule: BTreeMap<&str, Judged> =
        other.into_iter().map(|judged| (judged.rule.id, judged)).collect();
    for Judged { rule, assessment } in judged {
        if let Some(other) = by_rule.remove(rule.id) {
            assessment.findings.extend(other.assessment.findings);
            assessment.unknowns.extend(other.assessment.unknowns);
            // What the ledger approved on one machine says nothing of the other's use.
            assessment.cleared.retain(|cleared| other.assessment.cleared.contains(cleared));
        }
    }
}

fn verdict(judged: Judged) -> RuleVerdict {
    RuleVerdict {
        rule: judged.rule.id.to_owned(),
        verdict: judged.assessment.verdict(),
        unknowns: judged.assessment.unknowns,
    }
}

fn worth_writing(known: &[Violation], new: &Violation) -> bool {
    let old = known.iter().find(|old| old.key == new.key);
    old.is_none_or(|old| {
        new.last_seen.duration_since(old.last_seen) >= LAST_SEEN_STEP
            || Violation {
                last_seen: old.last_seen,
                evidence: old.evidence.clone(),
                summary: old.summary.clone(),
                ..new.clone()
            } != *old
    })
}

/// Ends what is open of a device that is gone. An incident stays for a person, unless it goes on under another name.
fn end(
    collector: &Collector,
    job: &Job,
    moved_to: Option<&str>,
    now: Timestamp,
    batch: &mut Batch,
    notices: &mut Notices,
) -> Result<(), StoreError> {
    let reason = match moved_to {
        Some(device) => format!("この機器は {device} になりました / this device is now {device}"),
        None => "この機器はなくなりました / this device is gone".to_owned(),
    };
    for old in collector.shelves.violations_of(&job.device)? {
        let ends = old.kind == Kind::Standing || moved_to.is_some();
        if old.state == State::Resolved || !ends {
            continue;
        }
        let step = Step {
            at: now,
            what: StepKind::Resolved,
            by: DAICHO.to_owned(),
            reason: Some(reason.clone()),
            summary: old.summary.clone(),
            evidence: old.evidence.clone(),
        };
        let violation = Violation { state: State::Resolved, exception: None, ..old };
        let steps = collector.shelves.history_lines(&violation.key)?.len();
        keep(Change { violation, step: Some(step) }, steps, now, batch, notices);
    }
    if collector.shelves.verdicts_of(&job.device)?.is_some() {
        batch.remove_verdicts(&job.device);
        let what = What::DeviceCeased { device: job.device.clone() };
        notices.chronicle.append(batch, now, DAICHO, what);
    }
    Ok(())
}

/// Numbers for new notices, and the pen for the log.
struct Notices {
    chronicle: Chronicle,
    next: u64,
    added: usize,
}

/// Puts one change into the batch; `number`: of its step, from 0 on.
fn keep(change: Change, number: usize, now: Timestamp, batch: &mut Batch, notices: &mut Notices) {
    if let Some((at, by, what)) = What::of_change(&change) {
        notices.chronicle.append(batch, at, &by, what);
    }
    let Change { violation, step } = change;
    batch.put_violation(&violation);
    let Some(step) = step else { return };
    batch.put_step(&violation.key, number, &step);
    tracing::info!(key = ?violation.key, what = ?step.what, "Violation changed.");
    let news = matches!(
        step.what,
        StepKind::Opened
            | StepKind::Reopened
            | StepKind::ExceptionEnded
            | StepKind::Overdue
            | StepKind::Resolved
    );
    if news {
        batch.put_notice(&Notice { number: notices.next, at: now, what: step.what, violation });
        notices.next += 1;
        notices.added += 1;
    }
}
