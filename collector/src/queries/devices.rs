//! The machines: those of the ledger, and those that report without being in it.

use std::collections::BTreeSet;

use daicho_proto::endpoint::EndpointId;
use daicho_rules::ledger::Device;
use daicho_rules::normal;
use daicho_rules::record::EndpointRecord;
use daicho_rules::rule::Severity;
use daicho_rules::text::Text;
use daicho_rules::violation::{State, Violation};
use jiff::Timestamp;

use super::violations::Undetermined;
use super::{Page, QueryError};
use crate::Collector;
use crate::shelves::{DeviceVerdicts, EndpointRow};

/// Devices in one page: a line of a list is some 300 bytes.
const PAGE_MAX: usize = 500;

/// One machine in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceSummary {
    /// Its device_id, or the hostname of one that is not listed.
    pub device: String,
    /// Its row in the ledger.
    pub row: Option<Device>,
    /// The endpoints that report as it.
    pub endpoints: Vec<EndpointSummary>,
    /// When the rules last looked at it.
    pub judged_at: Option<Timestamp>,
    /// Open or acknowledged violations that are high, medium and low.
    pub high: usize,
    #[expect(missing_docs, reason = "explained above")]
    pub medium: usize,
    #[expect(missing_docs, reason = "explained above")]
    pub low: usize,
    /// Rules that could not tell.
    pub undetermined: usize,
}

/// One endpoint in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSummary {
    /// As enrolled.
    pub row: EndpointRow,
    /// When the collector last heard of it.
    pub last_heard: Option<Timestamp>,
    /// The version of the agent that last reported.
    pub agent_version: Option<String>,
    /// As it last called itself.
    pub hostname: Option<String>,
    /// What it runs.
    pub os_name: Option<String>,
}

/// All that is known of one machine.
#[derive(Clone, Debug)]
pub struct DeviceDetail {
    /// As in the list.
    pub summary: DeviceSummary,
    /// What each endpoint was seen to be, in the order of the summary.
    pub records: Vec<EndpointRecord>,
    /// What is not resolved.
    pub violations: Vec<Violation>,
    /// What the rules cannot tell.
    pub undetermined: Vec<Undetermined>,
}

/// The machines after `after`, by name; those that were never judged come last.
pub fn devices(
    collector: &Collector,
    group: Option<&str>,
    after: Option<&str>,
) -> Result<Page<DeviceSummary>, QueryError> {
    let judged = collector.shelves.verdicts_after(after, PAGE_MAX)?;
    let last = judged.len() < PAGE_MAX;
    let next = if last { None } else { judged.last().map(|device| device.device.clone()) };
    let mut items = Vec::new();
    for verdicts in &judged {
        items.push(summary(collector, &verdicts.device, Some(verdicts))?);
    }
    if last {
        items.append(&mut unjudged(collector)?);
    }
    items.retain(|item| group.is_none_or(|wanted| is_in_group(item, wanted)));
    Ok(Page { items, next })
}

/// All that is known of the machine with this device_id, hostname or endpoint id.
pub fn device(collector: &Collector, name: &str) -> Result<DeviceDetail, QueryError> {
    let found = match find(collector, name)? {
        Some(summary) => summary,
        None => {
            return Err(QueryError::NotFound(Text::new(
                format!(
                    "機器 {name} は台帳になく、報告もしていません。`daicho devices` の一覧から指定してください。"
                ),
                format!(
                    "device {name} is neither in the ledger nor reporting; name one that `daicho devices` lists"
                ),
            )));
        }
    };
    let mut records = Vec::new();
    for endpoint in &found.endpoints {
        records.push(collector.shelves.record(endpoint.row.id)?);
    }
    let mut violations = collector.shelves.violations_of(&found.device)?;
    violations.retain(|violation| violation.state != State::Resolved);
    let rules = collector.shelves.verdicts_of(&found.device)?.map(|verdicts| verdicts.rules);
    let undetermined = rules.unwrap_or_default().into_iter().flat_map(|said| {
        let device = found.device.clone();
        let tell = move |unknown| Undetermined { rule: said.rule.clone(), device: device.clone(), unknown };
        said.unknowns.into_iter().map(tell).collect::<Vec<_>>()
    });
    Ok(DeviceDetail { undetermined: undetermined.collect(), summary: found, records, violations })
}

fn find(collector: &Collector, name: &str) -> Result<Option<DeviceSummary>, QueryError> {
    if let Some(verdicts) = collector.shelves.verdicts_of(name)? {
        return Ok(Some(summary(collector, &verdicts.device, Some(&verdicts))?));
    }
    let wanted = normal::key(name);
    let verdicts = collector.shelves.verdicts()?;
    for judged in &verdicts {
        let of_endpoint = judged.endpoints.iter().any(|id| id.to_string() == wanted);
        if of_endpoint || normal::key(&judged.device) == wanted {
            return Ok(Some(summary(collector, &judged.device, Some(judged))?));
        }
    }
    let mut rest = unjudged(collector)?;
    for judged in &verdicts {
        rest.push(summary(collector, &judged.device, Some(judged))?);
    }
    Ok(rest.into_iter().find(|item| names_of(item).iter().any(|name| normal::key(name) == wanted)))
}

fn names_of(item: &DeviceSummary) -> Vec<&str> {
    let mut names = vec![item.device.as_str()];
    names.extend(item.row.as_ref().and_then(|row| row.hostname.as_deref()));
    for endpoint in &item.endpoints {
        names.push(&endpoint.row.hostname);
        names.extend(endpoint.hostname.as_deref());
    }
    names
}

/// Rows and endpoints that the rules have not looked at: just imported, or enrolled and never heard of.
fn unjudged(collector: &Collector) -> Result<Vec<DeviceSummary>, QueryError> {
    let verdicts = collector.shelves.verdicts()?;
    let judged: BTreeSet<String> = verdicts.iter().map(|device| normal::key(&device.device)).collect();
    let linked: BTreeSet<EndpointId> = verdicts.iter().flat_map(|device| device.endpoints.clone()).collect();
    let mut rest = Vec::new();
    for row in &collector.ledger().devices {
        if !judged.contains(&normal::key(&row.device_id)) {
            rest.push(summary(collector, &row.device_id, None)?);
        }
    }
    for row in collector.shelves.endpoints()? {
        if !linked.contains(&row.id) {
            let device = row.hostname.clone();
            rest.push(DeviceSummary {
                device,
                endpoints: vec![endpoint(collector, row)?],
                ..DeviceSummary::default()
            });
        }
    }
    Ok(rest)
}

fn summary(
    collector: &Collector,
    device: &str,
    verdicts: Option<&DeviceVerdicts>,
) -> Result<DeviceSummary, QueryError> {
    let mut endpoints = Vec::new();
    for id in verdicts.map_or(&[][..], |verdicts| &verdicts.endpoints) {
        if let Some(row) = collector.shelves.endpoint(*id)? {
            endpoints.push(endpoint(collector, row)?);
        }
    }
    let open: Vec<Violation> = collector.shelves.violations_of(device)?;
    let count = |severity| {
        let counts = |violation: &&Violation| {
            violation.severity == severity && matches!(violation.state, State::Open | State::Acknowledged)
        };
        open.iter().filter(counts).count()
    };
    let unsure =
        |verdicts: &DeviceVerdicts| verdicts.rules.iter().filter(|rule| !rule.unknowns.is_empty()).count();
    Ok(DeviceSummary {
        device: device.to_owned(),
        row: collector.ledger().device(device).cloned(),
        endpoints,
        judged_at: verdicts.map(|verdicts| verdicts.judged_at),
        high: count(Severity::High),
        medium: count(Severity::Medium),
        low: count(Severity::Low),
        undetermined: verdicts.map_or(0, unsure),
    })
}

fn endpoint(collector: &Collector, row: EndpointRow) -> Result<EndpointSummary, QueryError> {
    let (written, host) = collector.shelves.heard(row.id)?;
    // A sign of life is on the disk some minutes later.
    let last_heard = collector.heard.of(row.id).or(written);
    let host = host.and_then(|held| held.look.value().cloned()).unwrap_or_default();
    let agent_version = collector.shelves.agent_version(row.id)?;
    Ok(EndpointSummary { row, last_heard, agent_version, hostname: host.hostname, os_name: host.os_name })
}

fn is_in_group(item: &DeviceSummary, wanted: &str) -> bool {
    let group = item.row.as_ref().and_then(|row| row.group.as_deref());
    group.is_some_and(|group| normal::key(group) == normal::key(wanted))
}
