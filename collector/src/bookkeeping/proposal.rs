//! Drafts of ledger rows for what machines show and nobody listed. A person looks through them and approves.
//!
//! What the rules of Articles 8, 11 and 13 object to becomes a draft, and nothing else: what the ledger or the
//! catalogue of stock systems covers is left out, and an approved draft ends its violation.

use std::collections::{BTreeMap, BTreeSet};

use daicho_rules::articles;
use daicho_rules::evidence::Evidence;
use daicho_rules::ledger::{
    AccountKind, ApprovedAccount, ApprovedMedium, ApprovedProgram, Device, DeviceStatus, Ledger, Scope,
};
use daicho_rules::linking::Surroundings;
use daicho_rules::normal;
use daicho_rules::record::EndpointRecord;
use daicho_rules::rule::Severity;
use jiff::Timestamp;

use crate::Collector;
use crate::evaluation::links::Links;
use crate::store::StoreError;

/// Rules whose findings a ledger row would end, with the sheet of that row.
pub(super) const DRAFTED: [(&str, &str); 4] = [
    ("08.unlisted_account", "accounts"),
    ("13.unneeded_service", "services"),
    ("13.unneeded_software", "software"),
    ("11.unapproved_use", "media"),
];

/// One machine that was looked at.
#[derive(Clone, Debug)]
pub struct Looked {
    /// Its row, where it has one.
    pub device: Option<Device>,
    /// What is known of it.
    pub record: EndpointRecord,
    /// What to call it: its device_id, else its host name.
    pub name: String,
}

/// Drafts. `approved_by` is empty in all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    /// What the device has, or enough of the group's devices.
    pub common: Ledger,
    /// What fewer devices of the group have, device by device.
    pub rare: Ledger,
    /// The devices that were looked at.
    pub devices: Vec<String>,
    /// Devices of the group of which no endpoint reports: nothing is known of them.
    pub unseen: Vec<String>,
}

/// Of what rows are drafted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// One device: its device_id, or the hostname of one that is not listed.
    Device(String),
    /// All devices of a group.
    Group {
        /// Its name.
        name: String,
        /// What is seen on so many of them is drafted for the group; `None`: on at least half.
        at_least: Option<usize>,
    },
}

/// Why there is no proposal.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// Nobody of that name reports.
    #[error("no device that reports is called so")]
    Unknown,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks at the endpoints of a device, or of a group's devices, and drafts.
pub fn propose(collector: &Collector, asked: &Asked) -> Result<Proposal, ProposalError> {
    let ledger = collector.ledger();
    let links = Links::make(collector)?;
    let mut looked = Vec::new();
    for endpoint in collector.shelves.endpoints()?.iter().filter(|endpoint| endpoint.revoked_at.is_none()) {
        let name = links.device(endpoint.id).unwrap_or(&endpoint.hostname).to_owned();
        let device = ledger.devices.iter().find(|row| row.device_id == name);
        let wanted = match asked {
            Asked::Device(wanted) => normal::same(&name, wanted) || normal::same(&endpoint.hostname, wanted),
            Asked::Group { name, .. } => device.is_some_and(|row| is_in(row, name)),
        };
        if wanted {
            let record = collector.shelves.record(endpoint.id)?;
            looked.push(Looked { device: device.cloned(), record, name });
        }
    }
    if looked.is_empty() {
        return Err(ProposalError::Unknown);
    }
    Ok(draft(&ledger, &looked, asked, collector.clock.now()))
}

fn is_in(row: &Device, group: &str) -> bool {
    row.group.as_deref().is_some_and(|own| normal::same(own, group))
}

/// On which machine, what it is called there, how urgent its violation is.
type Seen<'a> = (&'a Looked, String, Severity);

/// Drafts rows. Pure.
pub fn draft(ledger: &Ledger, looked: &[Looked], asked: &Asked, now: Timestamp) -> Proposal {
    let mut found: BTreeMap<(&'static str, String), Vec<Seen<'_>>> = BTreeMap::new();
    for one in looked {
        let surroundings = Surroundings::ALONE;
        let evidence =
            Evidence { record: Some(&one.record), device: one.device.as_ref(), ledger, now, surroundings };
        for judged in articles::judge(&evidence) {
            let Some((_, sheet)) = DRAFTED.iter().find(|(rule, _)| *rule == judged.rule.id) else { continue };
            for finding in judged.assessment.findings {
                let seen = found.entry((*sheet, normal::key(&finding.subject))).or_default();
                // Two endpoints of one device are one device.
                if !seen.iter().any(|(other, ..)| other.name == one.name) {
                    seen.push((one, finding.subject, finding.severity));
                }
            }
        }
    }
    let devices: BTreeSet<String> = looked.iter().map(|one| one.name.clone()).collect();
    let all = devices.len();
    let mut proposal = Proposal { unseen: unseen(ledger, asked, &devices), ..Proposal::default() };
    proposal.devices = devices.into_iter().collect();
    let mut rare = Vec::new();
    for ((sheet, _), seen) in &found {
        let counted = format!("{}/{all}", seen.len());
        match asked {
            Asked::Group { name, at_least } if seen.len() >= at_least.unwrap_or(all.div_ceil(2)) => {
                let (one, subject, severity) = &seen[0];
                let scope = Scope::Group(name.clone());
                add(&mut proposal.common, sheet, one, subject, scope, notes(*severity, &counted));
            }
            Asked::Group { .. } => {
                rare.extend(
                    seen.iter()
                        .map(|(one, subject, severity)| (one, sheet, subject, severity, counted.clone())),
                );
            }
            Asked::Device(_) => {
                for (one, subject, severity) in seen {
                    let scope = Scope::Device(one.name.clone());
                    add(&mut proposal.common, sheet, one, subject, scope, notes(*severity, &counted));
                }
            }
        }
    }
    // Whoever looks through what is rare goes from machine to machine.
    rare.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    for (one, sheet, subject, severity, counted) in rare {
        let scope = Scope::Device(one.name.clone());
        add(&mut proposal.rare, sheet, one, subject, scope, notes(*severity, &counted));
    }
    proposal
}

fn unseen(ledger: &Ledger, asked: &Asked, looked: &BTreeSet<String>) -> Vec<String> {
    let Asked::Group { name, .. } = asked else { return Vec::new() };
    let group = ledger.devices.iter().filter(|row| is_in(row, name) && row.status == DeviceStatus::InUse);
    group.map(|row| row.device_id.clone()).filter(|id| !looked.contains(id)).collect()
}

/// Columns that help the person who approves: how urgent the violation is, and how many machines have it.
fn notes(severity: Severity, counted: &str) -> Vec<(String, String)> {
    let severity = match severity {
        Severity::High => "高 high",
        Severity::Medium => "中 medium",
        Severity::Low => "低 low",
    };
    vec![("重大度".to_owned(), severity.to_owned()), ("見つかった台数".to_owned(), counted.to_owned())]
}

fn add(
    drafts: &mut Ledger,
    sheet: &str,
    one: &Looked,
    subject: &str,
    device: Scope,
    mut extra: Vec<(String, String)>,
) {
    let record = &one.record;
    let mut tell = |heading: &str, value: Option<&String>| {
        extra.extend(value.map(|value| (heading.to_owned(), value.clone())));
    };
    match sheet {
        "accounts" => {
            let accounts = record.accounts.as_ref().and_then(|held| held.look.value());
            let account = accounts.and_then(|all| all.iter().find(|account| account.name == subject));
            tell("フルネーム", account.and_then(|account| account.full_name.as_ref()));
            let by_program = account.is_some_and(|account| account.interactive == Some(false));
            drafts.accounts.push(ApprovedAccount {
                device,
                account: subject.to_owned(),
                kind: if by_program { AccountKind::Service } else { AccountKind::Personal },
                privileged: account.and_then(|account| account.privileged),
                extra,
                ..ApprovedAccount::default()
            });
        }
        "services" => {
            let services = record.services.as_ref().and_then(|held| held.look.value());
            let service = services.and_then(|all| all.iter().find(|service| service.name == subject));
            tell("説明", service.and_then(|service| service.description.as_ref()));
            let listening =
                service.map(|service| service.listening.join(", ")).filter(|text| !text.is_empty());
            tell("待ち受け", listening.as_ref());
            drafts.services.push(ApprovedProgram {
                device,
                name: subject.to_owned(),
                extra,
                ..ApprovedProgram::default()
            });
        }
        "software" => {
            let software = record.software.as_ref().and_then(|held| held.look.value());
            let program = software.and_then(|all| all.iter().find(|program| program.name == subject));
            tell("製造元", program.and_then(|program| program.publisher.as_ref()));
            tell("版", program.and_then(|program| program.version.as_ref()));
            drafts.software.push(ApprovedProgram {
                device,
                name: subject.to_owned(),
                extra,
                ..ApprovedProgram::default()
            });
        }
        _ => {
            // `0781:5581:AA01`: vendor, product, serial; `-` stands for what is not known.
            let mut parts = subject.splitn(3, ':');
            let mut part = || parts.next().filter(|part| !matches!(*part, "" | "-")).map(str::to_owned);
            let (vendor_id, product_id, serial) = (part(), part(), part());
            let sighting = record.sightings.iter().find(|sighting| {
                sighting.medium.vendor_id == vendor_id
                    && sighting.medium.product_id == product_id
                    && sighting.medium.serial == serial
            });
            tell("製造元", sighting.and_then(|sighting| sighting.medium.manufacturer.as_ref()));
            tell("製品", sighting.and_then(|sighting| sighting.medium.product.as_ref()));
            drafts.media.push(ApprovedMedium {
                media_id: subject.to_owned(),
                vendor_id,
                product_id,
                serial,
                device,
                scan_required: Some(true),
                extra,
                ..ApprovedMedium::default()
            });
        }
    }
}

#[cfg(test)]
mod tests;
