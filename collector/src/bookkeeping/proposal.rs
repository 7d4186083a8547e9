//! Drafts of ledger rows for what machines show and nobody listed. A person looks through them and approves.
//!
//! What the rules of Articles 8, 11 and 13 object to becomes a draft, and nothing else: what the ledger or the
//! catalogue of stock systems covers is left out, and an approved draft ends its violation.

use std::collections::BTreeMap;

use daicho_rules::articles;
use daicho_rules::evidence::Evidence;
use daicho_rules::ledger::{
    AccountKind, ApprovedAccount, ApprovedMedium, ApprovedProgram, Device, Ledger, Scope,
};
use daicho_rules::linking::Surroundings;
use daicho_rules::normal;
use daicho_rules::record::EndpointRecord;
use daicho_rules::rule::Severity;
use jiff::Timestamp;

use crate::Collector;
use crate::store::StoreError;

/// Rules whose findings a ledger row would end, with the sheet of that row.
const DRAFTED: [(&str, &str); 4] = [
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
    /// What the device has, or at least half of the group's devices.
    pub common: Ledger,
    /// What fewer devices of the group have, device by device.
    pub rare: Ledger,
    /// The devices that were looked at.
    pub devices: Vec<String>,
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

/// Looks at the endpoints of a device, or of its group, and drafts.
pub fn propose(collector: &Collector, device: &str, group: Option<&str>) -> Result<Proposal, ProposalError> {
    let ledger = collector.ledger();
    let mut looked = Vec::new();
    for endpoint in collector.shelves.endpoints()?.iter().filter(|endpoint| endpoint.revoked_at.is_none()) {
        let record = collector.shelves.record(endpoint.id)?;
        let host = record.host.as_ref().and_then(|held| held.look.value());
        let row = match host.map(|host| link(&ledger, host)) {
            Some(Link::Listed { device, .. }) => Some(device.clone()),
            _ => None,
        };
        let name = row.as_ref().map_or_else(|| endpoint.hostname.clone(), |row| row.device_id.clone());
        let same = |a: &str, b: &str| normal::key(a) == normal::key(b);
        let in_group = group
            .zip(row.as_ref())
            .is_some_and(|(group, row)| row.group.as_deref().is_some_and(|own| same(own, group)));
        if in_group || same(&name, device) || same(&endpoint.hostname, device) {
            looked.push(Looked { device: row, record, name });
        }
    }
    if !looked.iter().any(|one| normal::key(&one.name) == normal::key(device))
        && group.is_none()
        && looked.is_empty()
    {
        return Err(ProposalError::Unknown);
    }
    Ok(draft(&ledger, &looked, group, collector.clock.now()))
}

/// On which machine, what it is called there, how urgent its violation is.
type Seen<'a> = (&'a Looked, String, Severity);

/// Drafts rows. Pure.
pub fn draft(ledger: &Ledger, looked: &[Looked], group: Option<&str>, now: Timestamp) -> Proposal {
    let mut found: BTreeMap<(&'static str, String), Vec<Seen<'_>>> = BTreeMap::new();
    for one in looked {
        let evidence = Evidence {
            record: Some(&one.record),
            device: one.device.as_ref(),
            ledger,
            now,
            surroundings: Surroundings::ALONE,
        };
        for judged in articles::judge(&evidence) {
            let Some((_, sheet)) = DRAFTED.iter().find(|(rule, _)| *rule == judged.rule.id) else { continue };
            for finding in judged.assessment.findings {
                let key = (*sheet, normal::key(&finding.subject));
                found.entry(key).or_default().push((one, finding.subject, finding.severity));
            }
        }
    }
    let mut proposal =
        Proposal { devices: looked.iter().map(|one| one.name.clone()).collect(), ..Proposal::default() };
    for ((sheet, _), seen) in found {
        let common = seen.len() * 2 >= looked.len();
        let counted = format!("{}/{}", seen.len(), looked.len());
        match group {
            Some(group) if common => {
                let (one, subject, severity) = &seen[0];
                let scope = Scope::Group(group.to_owned());
                add(&mut proposal.common, sheet, one, subject, scope, notes(*severity, &counted));
            }
            _ => {
                let target = if group.is_some() { &mut proposal.rare } else { &mut proposal.common };
                for (one, subject, severity) in &seen {
                    let scope = Scope::Device(one.name.clone());
                    add(target, sheet, one, subject, scope, notes(*severity, &counted));
                }
            }
        }
    }
    proposal
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
