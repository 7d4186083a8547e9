//! The Query service: who asks is checked, the question is handed to `queries`, the answer put on the wire.

use std::sync::Arc;

use daicho_proto::time::to_wire;
use daicho_proto::wire as w;
use daicho_proto::wire::query_server::{Query, QueryServer};
use daicho_rules::text::Text;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Response, Status};

use super::told;
use crate::Collector;
use crate::alerts::Outbox;
use crate::alerts::ending::EndingKind;
use crate::identity::{self, Operator};
use crate::queries::{self, QueryError, decisions};

mod alerts;
mod devices;
mod log;
pub mod wire;

/// Bytes of one question: filters and a reason.
const QUESTION_BYTES_MAX: usize = 64 * 1024;

/// Entries of the log of deliveries in one answer: with their keys some 500 bytes each.
const TOLD_MAX: usize = 1_000;

/// The service, behind the check of the caller's certificate: people only.
pub fn query_service(
    collector: &Arc<Collector>,
) -> InterceptedService<QueryServer<QueryService>, impl Interceptor + Clone + Send + Sync + 'static> {
    let service = QueryServer::new(QueryService { collector: Arc::clone(collector) })
        .max_decoding_message_size(QUESTION_BYTES_MAX);
    InterceptedService::new(service, identity::operators_only(Arc::clone(collector)))
}

/// Answers people with an operator certificate.
pub struct QueryService {
    collector: Arc<Collector>,
}

impl QueryService {
    /// Asks for something that reads the store, away from the threads that serve connections.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Collector) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Status> {
        let collector = self.collector.clone();
        let answer = tokio::task::spawn_blocking(move || question(&collector)).await;
        answer
            .map_err(|error| Status::internal(format!("the question was broken off: {error}")))?
            .map_err(refused)
    }

    fn outbox(&self) -> Result<Arc<Outbox>, Status> {
        let outbox = self.collector.outbox.get().cloned();
        outbox.ok_or_else(|| Status::unavailable("the alerts have not started yet; try again in a moment"))
    }
}

pub(super) fn refused(error: QueryError) -> Status {
    match error {
        QueryError::NotFound(text) => told::not_found(&text),
        QueryError::Refused(text) => told::refused(&text),
        QueryError::Store(error) => {
            tracing::error!(%error, "A question could not be answered.");
            Status::internal(error.to_string())
        }
    }
}

fn filters(wire: Option<w::Filters>) -> Result<queries::Filters, Status> {
    wire::filters(wire).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[tonic::async_trait]
impl Query for QueryService {
    async fn violations(
        &self,
        request: Request<w::ViolationsRequest>,
    ) -> Result<Response<w::ViolationsAnswer>, Status> {
        let w::ViolationsRequest { filters: asked, after, limit } = request.into_inner();
        let asked = filters(asked)?;
        let limit = usize::try_from(limit).unwrap_or(0);
        let page =
            self.ask(move |c| queries::violations::violations(c, &asked, after.as_deref(), limit)).await?;
        let violations = page.items.into_iter().map(wire::violation_to_wire).collect();
        Ok(Response::new(w::ViolationsAnswer { violations, next: page.next }))
    }

    async fn verdicts(
        &self,
        request: Request<w::VerdictsRequest>,
    ) -> Result<Response<w::VerdictsAnswer>, Status> {
        let w::VerdictsRequest { filters: asked, after } = request.into_inner();
        let asked = filters(asked)?;
        let (verdicts, next) =
            self.ask(move |c| queries::violations::verdicts(c, &asked, after.as_deref())).await?;
        let satisfied = verdicts.satisfied.into_iter().map(|(rule, device)| w::Satisfied { rule, device });
        Ok(Response::new(w::VerdictsAnswer {
            undetermined: verdicts.undetermined.into_iter().map(wire::undetermined_to_wire).collect(),
            satisfied: satisfied.collect(),
            next,
        }))
    }

    async fn history(
        &self,
        request: Request<w::HistoryRequest>,
    ) -> Result<Response<w::HistoryAnswer>, Status> {
        let key = request.into_inner().key;
        let (violation, steps) = self.ask(move |c| queries::violations::history(c, &key)).await?;
        Ok(Response::new(w::HistoryAnswer {
            violation: Some(wire::violation_to_wire(violation)),
            steps: steps.into_iter().map(wire::step_to_wire).collect(),
        }))
    }

    async fn devices(
        &self,
        request: Request<w::DevicesRequest>,
    ) -> Result<Response<w::DevicesAnswer>, Status> {
        let w::DevicesRequest { group, after } = request.into_inner();
        let page =
            self.ask(move |c| queries::devices::devices(c, group.as_deref(), after.as_deref())).await?;
        let devices = page.items.into_iter().map(devices::summary).collect();
        Ok(Response::new(w::DevicesAnswer { devices, next: page.next }))
    }

    async fn device(&self, request: Request<w::DeviceRequest>) -> Result<Response<w::DeviceAnswer>, Status> {
        let name = request.into_inner().device;
        let detail = self.ask(move |c| queries::devices::device(c, &name)).await?;
        Ok(Response::new(devices::detail(detail)))
    }

    async fn exceptions(
        &self,
        _: Request<w::ExceptionsRequest>,
    ) -> Result<Response<w::ExceptionsAnswer>, Status> {
        let rows = self.ask(queries::exceptions::exceptions).await?;
        let exceptions = rows.into_iter().map(|row| w::ExceptionRow {
            rule: row.exception.rule,
            device: row.exception.device.to_string(),
            subject: row.exception.subject,
            reason: row.exception.reason,
            measure: row.exception.measure,
            approved_by: row.exception.approved_by,
            expires_on: row.exception.expires_on.to_string(),
            days_left: row.days_left,
            ledger_row: row.exception.row.to_string(),
            covers: count(row.covers),
            state: row.state.name().to_owned(),
        });
        Ok(Response::new(w::ExceptionsAnswer { exceptions: exceptions.collect() }))
    }

    async fn close(&self, request: Request<w::CloseRequest>) -> Result<Response<w::Violation>, Status> {
        let operator = identity::operator(&request)?.to_owned();
        let w::CloseRequest { key, reason } = request.into_inner();
        let violation = decisions::close(&self.collector, &key, &operator, &reason).await.map_err(refused)?;
        tracing::info!(%operator, key = violation.key, "Incident closed.");
        Ok(Response::new(wire::violation_to_wire(violation)))
    }

    async fn acknowledge(
        &self,
        request: Request<w::AcknowledgeRequest>,
    ) -> Result<Response<w::Violation>, Status> {
        let operator = identity::operator(&request)?.to_owned();
        let w::AcknowledgeRequest { key, note } = request.into_inner();
        let note = note.as_deref().unwrap_or_default();
        let violation =
            decisions::acknowledge(&self.collector, &key, &operator, note).await.map_err(refused)?;
        tracing::info!(%operator, key = violation.key, "Violation acknowledged.");
        Ok(Response::new(wire::violation_to_wire(violation)))
    }

    async fn consult(&self, request: Request<w::ConsultRequest>) -> Result<Response<w::Violation>, Status> {
        let operator = identity::person(&request)?.clone();
        let w::ConsultRequest { key, note } = request.into_inner();
        let violation = decisions::consult(&self.collector, &key, &operator, &note).await.map_err(refused)?;
        tracing::info!(operator = operator.name, key = violation.key, "View on a violation kept.");
        Ok(Response::new(wire::violation_to_wire(violation)))
    }

    async fn correct_by(
        &self,
        request: Request<w::CorrectByRequest>,
    ) -> Result<Response<w::Violation>, Status> {
        let operator = identity::operator(&request)?.to_owned();
        let w::CorrectByRequest { key, due_on, who, note } = request.into_inner();
        let day = due_on.parse().map_err(|_| {
            let (ja, en) = (format!("{due_on} は日付ではありません。"), format!("{due_on} is no day."));
            told::refused(&Text::new(ja, en))
        })?;
        let said = (day, who.as_str(), note.as_deref());
        let violation =
            decisions::correct_by(&self.collector, &key, &operator, said).await.map_err(refused)?;
        tracing::info!(%operator, key = violation.key, %day, "Violation is to be corrected.");
        Ok(Response::new(wire::violation_to_wire(violation)))
    }

    async fn log(&self, request: Request<w::LogRequest>) -> Result<Response<w::LogAnswer>, Status> {
        let asked = log::wanted(request.into_inner());
        let answer = self.ask(move |collector| queries::log::log(collector, &asked)).await?;
        Ok(Response::new(log::answer(answer)))
    }

    async fn status(&self, request: Request<w::StatusRequest>) -> Result<Response<w::StatusAnswer>, Status> {
        let Operator { name: operator, roles, section } = identity::person(&request)?.clone();
        let status = self.ask(queries::status::status).await?;
        let ledger = status.ledger;
        let failing = status.failing_channels.into_iter().map(|failing| w::FailingChannel {
            recipient: failing.recipient,
            since_us: to_wire(failing.since),
            reason: failing.reason,
        });
        let endings = status.authority_endings.into_iter().map(|ending| w::AuthorityEnding {
            what: if ending.kind == EndingKind::Root { "root" } else { "issuing" }.to_owned(),
            ends_us: to_wire(ending.ends_at),
        });
        Ok(Response::new(w::StatusAnswer {
            operator,
            version: status.version,
            now_us: to_wire(status.now),
            endpoints: count(status.endpoints),
            devices: count(status.devices),
            open: count(status.open),
            undetermined: count(status.undetermined),
            ledger_version: ledger.as_ref().map(|version| version.number),
            ledger_imported_at_us: ledger.as_ref().map(|version| to_wire(version.imported_at)),
            ledger_imported_by: ledger.map(|version| version.imported_by),
            store_bytes: status.store_bytes,
            roles: roles.iter().map(ToString::to_string).collect(),
            section,
            failing_channels: failing.collect(),
            log_head: status.log_head,
            authority_endings: endings.collect(),
            faults: status.faults,
        }))
    }

    async fn operators(
        &self,
        _: Request<w::OperatorsRequest>,
    ) -> Result<Response<w::OperatorsAnswer>, Status> {
        let rows = self.ask(|collector| Ok(collector.shelves.operators()?)).await?;
        let operators = rows.into_iter().map(|row| w::OperatorRow {
            name: row.name,
            roles: row.roles.iter().map(ToString::to_string).collect(),
            section: row.section,
            not_after_us: to_wire(row.not_after),
            revoked_at_us: row.revoked_at.map(to_wire),
        });
        Ok(Response::new(w::OperatorsAnswer { operators: operators.collect() }))
    }

    async fn alerts(&self, request: Request<w::AlertsRequest>) -> Result<Response<w::AlertsAnswer>, Status> {
        let limit = usize::try_from(request.into_inner().limit).unwrap_or(0).min(TOLD_MAX);
        let outbox = self.outbox()?;
        let answer = self.ask(move |collector| Ok(alerts::standing(collector, &outbox, limit)?)).await?;
        Ok(Response::new(answer))
    }

    async fn alerts_test(
        &self,
        request: Request<w::AlertsTestRequest>,
    ) -> Result<Response<w::AlertsTestAnswer>, Status> {
        let operator = identity::operator(&request)?;
        let outbox = self.outbox()?;
        let answers = crate::alerts::test(&self.collector, &outbox, operator).await;
        Ok(Response::new(w::AlertsTestAnswer { tests: answers.into_iter().map(alerts::tested).collect() }))
    }

    async fn alerts_preview(
        &self,
        _: Request<w::AlertsPreviewRequest>,
    ) -> Result<Response<w::AlertsPreviewAnswer>, Status> {
        let outbox = self.outbox()?;
        let previews = self.ask(move |collector| Ok(crate::alerts::preview(collector, &outbox)?)).await?;
        let previews = previews.into_iter().map(alerts::previewed).collect();
        Ok(Response::new(w::AlertsPreviewAnswer { previews }))
    }

    async fn maintenance(
        &self,
        _: Request<w::MaintenanceRequest>,
    ) -> Result<Response<w::MaintenanceAnswer>, Status> {
        Ok(Response::new(self.ask(|collector| Ok(alerts::maintenance(collector)?)).await?))
    }

    async fn maintenance_add(
        &self,
        request: Request<w::MaintenanceAddRequest>,
    ) -> Result<Response<w::MaintenanceWindow>, Status> {
        let operator = identity::operator(&request)?.to_owned();
        let days_max = self.outbox()?.maintenance_days_max();
        let wanted = alerts::wanted(request.into_inner(), &operator)
            .ok_or_else(|| Status::invalid_argument("name either a device or a group"))?;
        let window = crate::alerts::maintenance::add(&self.collector, wanted, days_max).await;
        Ok(Response::new(alerts::window(window.map_err(refused)?)))
    }

    async fn maintenance_end(
        &self,
        request: Request<w::MaintenanceEndRequest>,
    ) -> Result<Response<w::MaintenanceWindow>, Status> {
        let operator = identity::operator(&request)?.to_owned();
        let number = request.into_inner().number;
        let window = crate::alerts::maintenance::end_now(&self.collector, number, &operator).await;
        Ok(Response::new(alerts::window(window.map_err(refused)?)))
    }
}
