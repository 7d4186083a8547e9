//! Machines for the wire: their row of the ledger, their endpoints, and what was last seen of them.

use daicho_proto::facts::Fact;
use daicho_proto::observation::Observation;
use daicho_proto::spool_trouble::SpoolTrouble;
use daicho_proto::time::to_wire;
use daicho_proto::wire;
use daicho_rules::record::{EndpointRecord, Held, Sighting};

use super::{count, wire as convert};
use crate::queries::devices::{DeviceDetail, DeviceSummary, EndpointSummary};

/// A machine in a list.
pub(super) fn summary(summary: DeviceSummary) -> wire::DeviceSummary {
    let row = summary.row;
    let of_row = |pick: fn(&daicho_rules::ledger::Device) -> Option<String>| row.as_ref().and_then(pick);
    wire::DeviceSummary {
        device: summary.device,
        listed: row.is_some(),
        hostname: of_row(|row| row.hostname.clone()),
        kind: of_row(|row| Some(convert::word(&row.kind))),
        status: of_row(|row| Some(convert::word(&row.status))),
        group: of_row(|row| row.group.clone()),
        location: of_row(|row| row.location.clone()),
        department: of_row(|row| row.department.clone()),
        ledger_row: of_row(|row| Some(row.row.to_string())),
        endpoints: summary.endpoints.into_iter().map(endpoint).collect(),
        judged_at_us: summary.judged_at.map(to_wire),
        high: count(summary.high),
        medium: count(summary.medium),
        low: count(summary.low),
        undetermined: count(summary.undetermined),
    }
}

fn endpoint(endpoint: EndpointSummary) -> wire::Endpoint {
    wire::Endpoint {
        id: endpoint.row.id.to_string(),
        hostname: endpoint.hostname.unwrap_or(endpoint.row.hostname),
        enrolled_at_us: to_wire(endpoint.row.enrolled_at),
        not_after_us: to_wire(endpoint.row.not_after),
        revoked_at_us: endpoint.row.revoked_at.map(to_wire),
        agent_version: endpoint.agent_version,
        last_heard_us: endpoint.last_heard.map(to_wire),
        os_name: endpoint.os_name,
    }
}

/// All that is known of a machine.
pub(super) fn detail(detail: DeviceDetail) -> wire::DeviceAnswer {
    let endpoints = detail.summary.endpoints.clone().into_iter().zip(detail.records);
    wire::DeviceAnswer {
        endpoints: endpoints.map(|(of, record)| facts(of, record)).collect(),
        device: Some(summary(detail.summary)),
        violations: detail.violations.into_iter().map(convert::violation_to_wire).collect(),
        undetermined: detail.undetermined.into_iter().map(convert::undetermined_to_wire).collect(),
    }
}

fn facts(of: EndpointSummary, record: EndpointRecord) -> wire::EndpointFacts {
    fn look<T>(
        held: Option<Held<T>>,
        fact: fn(daicho_proto::facts::Look<T>) -> Fact,
    ) -> Option<wire::Observation> {
        let Held { look, observed_at, observation } = held?;
        let sequence = observation.map_or(0, |id| id.sequence);
        Some(Observation { sequence, observed_at, fact: fact(look) }.into())
    }
    let looks = [
        look(record.host, Fact::Host),
        look(record.accounts, Fact::Accounts),
        look(record.packages, Fact::Packages),
        look(record.updates, Fact::Updates),
        look(record.antivirus, Fact::Antivirus),
        look(record.services, Fact::Services),
        look(record.software, Fact::Software),
        look(record.media, Fact::Media),
    ];
    wire::EndpointFacts {
        endpoint: Some(endpoint(of)),
        looks: looks.into_iter().flatten().collect(),
        sightings: record.sightings.into_iter().map(sighting).collect(),
        gaps: record.gaps.into_iter().map(Into::into).collect(),
        spool_trouble: record
            .spool_trouble
            .map_or(wire::SpoolTrouble::Unspecified, SpoolTrouble::to_wire)
            .into(),
    }
}

fn sighting(sighting: Sighting) -> wire::Sighting {
    wire::Sighting {
        first_at_us: to_wire(sighting.first_at),
        attached_at_us: to_wire(sighting.attached_at),
        last_at_us: to_wire(sighting.last_at),
        present: sighting.present,
        found_afterwards: sighting.found_afterwards,
        uses: sighting.uses,
        medium: Some(sighting.medium.into()),
    }
}
