//! A report from what was known: each device under each rule, the worst first. Nothing that was not seen is good.

use std::collections::BTreeMap;

use daicho_proto::time::{japan, japanese_date};
use daicho_rules::articles::RULES;
use daicho_rules::evidence::no_agent;
use daicho_rules::ledger::{Device, DeviceStatus, Ledger};
use daicho_rules::rule::Verdict;
use daicho_rules::text::Text;
use daicho_rules::violation::State;
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};

use super::comma_separated::article_of;
use super::past::{Life, Past};
use super::{DeviceState, Ended, LogHead, Report, RuleState, Standard, Standing, reading, words};
use crate::Collector;
use crate::shelves::LedgerVersion;
use crate::store::StoreError;

/// The collector judges everything each hour. Where it had not for longer than this, it was not running, and what it
/// last said proves nothing of that day.
const JUDGED_WITHIN: SignedDuration = SignedDuration::from_hours(26);

/// The rule that tells a silent device: what was last seen of it is not what is so.
const SILENT: &str = "04.silent_device";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The moment; `None`: now.
    pub as_of: Option<Timestamp>,
    /// From when on what ended is told; `None`: from the beginning of the fiscal year.
    pub since: Option<Timestamp>,
    /// Who asks.
    pub by: String,
}

/// Reads the log up to the moment, and makes the report.
pub fn make(collector: &Collector, asked: Asked) -> Result<Report, StoreError> {
    let now = collector.clock.now();
    let as_of = asked.as_of.unwrap_or(now).min(now);
    let (past, log) = reading::past(&collector.shelves, as_of)?;
    let versions = collector.shelves.ledger_versions()?;
    let version = versions.into_iter().find(|version| Some(version.number) == past.ledger);
    let ledger = match &version {
        Some(version) => collector.shelves.ledger(version.number)?.unwrap_or_default(),
        None => Ledger::default(),
    };
    let grounds =
        Grounds { as_of, since: asked.since.unwrap_or_else(|| fiscal_year(as_of)), now, by: asked.by };
    Ok(report(&past, &ledger, version, log, grounds))
}

/// What the report is of, apart from what was known.
#[derive(Clone, Debug)]
pub struct Grounds {
    /// The moment.
    pub as_of: Timestamp,
    /// From when on what ended is told.
    pub since: Timestamp,
    /// When it is made.
    pub now: Timestamp,
    /// By whom.
    pub by: String,
}

/// The beginning of the fiscal year in Japan: 1 April.
fn fiscal_year(at: Timestamp) -> Timestamp {
    let day = japanese_date(at);
    let year = if day.month() < 4 { day.year() - 1 } else { day.year() };
    date(year, 4, 1).to_zoned(japan()).map_or(at, |zoned| zoned.timestamp())
}

/// The report.
pub fn report(
    past: &Past,
    ledger: &Ledger,
    version: Option<LedgerVersion>,
    log: Option<LogHead>,
    grounds: Grounds,
) -> Report {
    let Grounds { as_of, since, now, by } = grounds;
    let not_running = not_running(past, as_of);
    let mut lives: BTreeMap<(&str, &str), Vec<&Life>> = BTreeMap::new();
    for life in past.violations.values() {
        lives.entry((&life.violation.device, &life.violation.rule)).or_default().push(life);
    }
    let mut names: Vec<&str> = past.devices().into_iter().collect();
    names.extend(ledger.devices.iter().map(|device| device.device_id.as_str()));
    names.sort_unstable();
    names.dedup();
    let rows: BTreeMap<&str, &Device> =
        ledger.devices.iter().map(|device| (device.device_id.as_str(), device)).collect();
    let devices = names.into_iter().map(|name| {
        let rules =
            RULES.iter().map(|rule| rule_state(past, name, rule.id, &lives, not_running.as_ref())).collect();
        device_state(name, rows.get(name).copied(), rules)
    });
    Report {
        as_of,
        since,
        made_at: now,
        made_by: by,
        ledger: version,
        log,
        log_begins: past.begins,
        judged_at: past.judged_at,
        devices: devices.collect(),
        standing: standing(past),
        ended: ended(past, since),
        not_running,
    }
}

fn not_running(past: &Past, as_of: Timestamp) -> Option<Text> {
    let Some(judged) = past.judged_at else {
        return Some(Text::new(
            "この時点までにコレクターは何も判定していません。",
            "The collector had not judged anything up to that time.",
        ));
    };
    (as_of.duration_since(judged) > JUDGED_WITHIN).then(|| {
        let at = words::time(judged);
        Text::new(
            format!("コレクターの最後の判定は {at} です。それからこの時点まで動いておらず、何も確かめられていません。"),
            format!("The collector last judged at {at}. It was not running from then on, and nothing was verified."),
        )
    })
}

fn rule_state(
    past: &Past,
    device: &str,
    rule: &str,
    lives: &BTreeMap<(&str, &str), Vec<&Life>>,
    not_running: Option<&Text>,
) -> RuleState {
    let of = |rule| lives.get(&(device, rule)).map_or(&[][..], Vec::as_slice);
    let in_state =
        |rule, states: &[State]| of(rule).iter().any(|life| states.contains(&life.violation.state));
    let told = past.verdicts.get(device).and_then(|rules| rules.get(rule));
    let mut reasons: Vec<Text> = told.map_or(Vec::new(), |told| {
        let mut reasons = Vec::new();
        for unknown in &told.unknowns {
            let reason = match &unknown.subject {
                Some(subject) => Text::new(
                    format!("{subject}: {}", unknown.reason.ja),
                    format!("{subject}: {}", unknown.reason.en),
                ),
                None => unknown.reason.clone(),
            };
            reasons.push(reason);
        }
        reasons
    });
    let excepted = in_state(rule, &[State::Excepted]);
    let without_agent = told.is_some_and(|told| told.unknowns.iter().any(|u| u.reason == no_agent()));
    let silent =
        article_of(rule) != 4 && in_state(SILENT, &[State::Open, State::Acknowledged, State::Excepted]);
    let state = if in_state(rule, &[State::Open, State::Acknowledged]) {
        Standard::Violated
    } else if let Some(why) = not_running {
        reasons = vec![why.clone()];
        Standard::NotMeasured
    } else if without_agent || silent {
        Standard::NotMeasured
    } else {
        match told {
            None => {
                reasons = vec![Text::new(
                    "この機器はまだ判定されていません。",
                    "This device had not been judged yet.",
                )];
                Standard::NotMeasured
            }
            Some(told) if told.verdict == Verdict::Undetermined || !told.unknowns.is_empty() => {
                Standard::Undetermined
            }
            Some(_) if excepted => Standard::Excepted,
            Some(told) if told.verdict == Verdict::Satisfied => Standard::Satisfied,
            // An incident that a person closed is still found, and dealt with.
            Some(_) if of(rule).iter().any(|life| life.closed) => Standard::Satisfied,
            Some(_) => {
                reasons.push(Text::new(
                    "判定と違反の記録が合いません。`daicho verify` で記録を確かめてください。",
                    "What was judged and the record of violations differ; check the record with `daicho verify`.",
                ));
                Standard::Undetermined
            }
        }
    };
    RuleState { rule: rule.to_owned(), state, reasons }
}

fn device_state(name: &str, row: Option<&Device>, rules: Vec<RuleState>) -> DeviceState {
    let mut articles = BTreeMap::new();
    for rule in &rules {
        let worst = articles.entry(article_of(&rule.rule)).or_insert(rule.state);
        *worst = (*worst).min(rule.state);
    }
    let status = row.map(|row| match row.status {
        DeviceStatus::InUse => "in_use",
        DeviceStatus::Spare => "spare",
        DeviceStatus::Retired => "retired",
    });
    DeviceState {
        device: name.to_owned(),
        listed: row.is_some(),
        status: status.map(str::to_owned),
        hostname: row.and_then(|row| row.hostname.clone()),
        department: row.and_then(|row| row.department.clone()),
        location: row.and_then(|row| row.location.clone()),
        articles,
        rules,
    }
}

fn standing(past: &Past) -> Vec<Standing> {
    let mut standing: Vec<Standing> = past
        .standing()
        .map(|(key, life)| Standing {
            key: key.clone(),
            rule: life.violation.rule.clone(),
            article: life.violation.article,
            device: life.violation.device.clone(),
            subject: life.violation.subject.clone(),
            severity: life.violation.severity,
            state: life.violation.state,
            summary: life.violation.summary.clone(),
            opened_at: life.opened_at,
            word: life.word.clone(),
            evidence: life.violation.evidence.clone(),
        })
        .collect();
    standing.sort_by(|a, b| {
        let rank =
            |one: &Standing| (one.article, one.state == State::Excepted, std::cmp::Reverse(one.severity));
        rank(a).cmp(&rank(b)).then_with(|| a.key.cmp(&b.key))
    });
    standing
}

fn ended(past: &Past, since: Timestamp) -> Vec<Ended> {
    let mut ended: Vec<Ended> = past
        .violations
        .iter()
        .filter_map(|(key, life)| {
            let ended_at = life.ended_at.filter(|at| *at >= since)?;
            Some(Ended {
                key: key.clone(),
                rule: life.violation.rule.clone(),
                article: life.violation.article,
                device: life.violation.device.clone(),
                subject: life.violation.subject.clone(),
                summary: life.violation.summary.clone(),
                opened_at: life.opened_at,
                ended_at,
                by: life.by.clone(),
                reason: life.closed.then(|| life.word.clone().map(|(_, why)| why)).flatten(),
                evidence: life.violation.evidence.clone(),
            })
        })
        .collect();
    ended.sort_by(|a, b| b.ended_at.cmp(&a.ended_at).then_with(|| a.key.cmp(&b.key)));
    ended
}

#[cfg(test)]
mod tests;
