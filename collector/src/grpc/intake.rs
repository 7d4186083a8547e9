//! The wire's side of the intake: statuses that an agent can act on.

use std::sync::Arc;

use daicho_proto::endpoint::EndpointId;
use daicho_proto::time;
use daicho_proto::wire::intake_server::Intake;
use daicho_proto::wire::{ReportAnswer, ReportRequest};
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use crate::Collector;
use crate::authority::enrol;
use crate::intake::{self, RETRY_AFTER_MS, Refusal};

pub(super) struct Reporting {
    collector: Arc<Collector>,
}

impl Reporting {
    pub(super) fn new(collector: Arc<Collector>) -> Self {
        Reporting { collector }
    }
}

#[tonic::async_trait]
impl Intake for Reporting {
    async fn report(&self, request: Request<ReportRequest>) -> Result<Response<ReportAnswer>, Status> {
        let endpoint = request.extensions().get::<EndpointId>().copied();
        let endpoint = endpoint.ok_or_else(|| Status::unauthenticated("no endpoint is calling"))?;
        if let Some(newest) = self.collector.gate.newest_beside_older(&request) {
            enrol::settle(&self.collector, endpoint, &newest).await?;
        }
        let collector_time_us = time::to_wire(self.collector.clock.now());
        let report = request.into_inner();
        let span = tracing::info_span!("batch", %endpoint, observations = report.observations.len());
        match intake::take(&self.collector, endpoint, report).instrument(span).await {
            Ok(durable_to) => Ok(Response::new(ReportAnswer { durable_to, collector_time_us })),
            Err(refusal) => {
                self.collector.metrics.refused.inc();
                tracing::warn!(%endpoint, %refusal, "Report refused.");
                Err(status_of(&refusal))
            }
        }
    }
}

/// What an agent is told of a refusal. `expected-sequence` and `retry-after-ms` are numbers in the metadata.
pub fn status_of(refusal: &Refusal) -> Status {
    let message = refusal.to_string();
    match refusal {
        Refusal::Malformed(_) => Status::invalid_argument(message),
        Refusal::Conflict(_) => Status::aborted(message),
        Refusal::Hole { expected, .. } => {
            let mut status = Status::failed_precondition(message);
            status.metadata_mut().insert("expected-sequence", MetadataValue::from(*expected));
            status.metadata_mut().insert("durable-to", MetadataValue::from(expected.saturating_sub(1)));
            status
        }
        Refusal::Busy => {
            let mut status = Status::resource_exhausted(message);
            status.metadata_mut().insert("retry-after-ms", MetadataValue::from(RETRY_AFTER_MS));
            status
        }
        Refusal::TooMuch { wait, .. } => {
            let mut status = Status::resource_exhausted(message);
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            status.metadata_mut().insert("retry-after-ms", MetadataValue::from(millis));
            status
        }
        Refusal::Store(_) => {
            let mut status = Status::unavailable(
                "the collector cannot write at this moment; keep the report and send it again",
            );
            status.metadata_mut().insert("retry-after-ms", MetadataValue::from(RETRY_AFTER_MS * 10));
            status
        }
    }
}
