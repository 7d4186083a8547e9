//! The Reports service: what was so on a day, made of the log, in parts.

use std::sync::Arc;

use daicho_proto::time::from_wire;
use daicho_proto::wire as w;
use daicho_proto::wire::reports_server::{Reports, ReportsServer};
use jiff::Timestamp;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Response, Status};

use crate::Collector;
use crate::identity;
use crate::report::making::{self, Asked};

/// Bytes of one question: two times.
const QUESTION_BYTES_MAX: usize = 1_024;

/// Bytes of one part.
const PART_BYTES: usize = 1024 * 1024;

/// Parts that wait for a slow reader.
const PARTS_WAITING: usize = 2;

/// The service, behind the check of the caller's certificate: people only.
pub fn service(
    collector: &Arc<Collector>,
) -> InterceptedService<ReportsServer<ReportsService>, impl Interceptor + Clone + Send + Sync + 'static> {
    let service = ReportsServer::new(ReportsService { collector: Arc::clone(collector) })
        .max_decoding_message_size(QUESTION_BYTES_MAX);
    InterceptedService::new(service, identity::operators_only(Arc::clone(collector)))
}

/// Makes reports for people with an operator certificate.
pub struct ReportsService {
    collector: Arc<Collector>,
}

#[tonic::async_trait]
impl Reports for ReportsService {
    type MakeStream = ReceiverStream<Result<w::StateReportPart, Status>>;

    async fn make(
        &self,
        request: Request<w::StateReportRequest>,
    ) -> Result<Response<Self::MakeStream>, Status> {
        let operator = identity::operator(&request)?.to_owned();
        let w::StateReportRequest { as_of_us, since_us } = request.into_inner();
        let moment = |us: Option<i64>| -> Option<Timestamp> { us.map(from_wire) };
        let asked = Asked { as_of: moment(as_of_us), since: moment(since_us), by: operator };
        let collector = Arc::clone(&self.collector);
        let report = tokio::task::spawn_blocking(move || making::make(&collector, asked)).await;
        let report = report
            .map_err(|error| Status::internal(format!("the report was broken off: {error}")))?
            .map_err(|error| Status::internal(error.to_string()))?;
        let json = serde_json::to_vec(&report).map_err(|error| Status::internal(error.to_string()))?;
        let (sender, receiver) = tokio::sync::mpsc::channel(PARTS_WAITING);
        tokio::spawn(async move {
            for part in json.chunks(PART_BYTES) {
                // Who asked may have gone: then nobody wants the rest.
                if sender.send(Ok(w::StateReportPart { json: part.to_vec() })).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
