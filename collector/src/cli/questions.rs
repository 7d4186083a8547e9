//! The collector's answers, page by page, in their own types.

use daicho_proto::wire as w;
use daicho_rules::answer::{Answer, Satisfied, Undetermined};
use daicho_rules::text::Language;
use daicho_rules::violation::{Step, Violation};
use tonic::Status;

use super::connection::Connection;
use crate::grpc::query::wire;
use crate::queries::Filters;

/// Violations and verdicts that `filters` admit, as the contract has them.
pub async fn answer(
    connection: &Connection,
    filters: &Filters,
    language: Language,
) -> anyhow::Result<Answer> {
    let violations = violations(connection, filters).await?;
    let mut answer = Answer { violations, ..Answer::default() };
    let mut after = None;
    loop {
        let request = w::VerdictsRequest { filters: Some(wire::filters_to_wire(filters)), after };
        let page = got(connection, connection.query().verdicts(request).await)?;
        answer.undetermined.extend(page.undetermined.into_iter().map(|told| {
            let told = wire::undetermined(told);
            Undetermined {
                rule: told.rule,
                device: told.device,
                reason: told.unknown.reason.in_language(language).to_owned(),
                subject: told.unknown.subject,
            }
        }));
        let satisfied = page.satisfied.into_iter();
        answer.satisfied.extend(satisfied.map(|told| Satisfied { rule: told.rule, device: told.device }));
        after = page.next;
        if after.is_none() {
            answer.sort();
            return Ok(answer);
        }
    }
}

async fn violations(connection: &Connection, filters: &Filters) -> anyhow::Result<Vec<Violation>> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let request = w::ViolationsRequest { filters: Some(wire::filters_to_wire(filters)), after, limit: 0 };
        let page = got(connection, connection.query().violations(request).await)?;
        for violation in page.violations {
            all.push(wire::violation(violation)?);
        }
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// One violation and its steps.
pub async fn history(connection: &Connection, key: &str) -> anyhow::Result<(Violation, Vec<Step>)> {
    let request = w::HistoryRequest { key: key.to_owned() };
    let answer = got(connection, connection.query().history(request).await)?;
    let violation = wire::violation(answer.violation.unwrap_or_default())?;
    let steps = answer.steps.into_iter().map(wire::step).collect::<Result<_, _>>()?;
    Ok((violation, steps))
}

/// The machines, of one group or all.
pub async fn devices(connection: &Connection, group: Option<&str>) -> anyhow::Result<Vec<w::DeviceSummary>> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let request = w::DevicesRequest { group: group.map(str::to_owned), after };
        let page = got(connection, connection.query().devices(request).await)?;
        all.extend(page.devices);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// What was answered, or the sentence that tells why not.
pub fn got<T>(connection: &Connection, answer: Result<tonic::Response<T>, Status>) -> anyhow::Result<T> {
    answer.map(tonic::Response::into_inner).map_err(|status| connection.explain(&status))
}
