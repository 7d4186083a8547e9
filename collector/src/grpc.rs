//! The gRPC server: one port, TLS 1.3, each service behind the caller's identity.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use daicho_proto::wire::enrolment_server::EnrolmentServer;
use daicho_proto::wire::intake_server::IntakeServer;
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;

use crate::Collector;
use crate::authority::Authority;
use crate::authority::enrol::Enrolling;
use crate::identity;

pub mod applications;
pub mod bookkeeping;
mod connections;
mod intake;
pub mod query;
pub mod reports;
mod routes;
pub mod swaps;
pub mod tls;
pub mod told;

pub use intake::status_of;
pub use routes::Routes;

/// The largest report: an inventory of some thousand packages takes 1 MB, a full batch of events 4 MB.
const REPORT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The largest request for a certificate: a P-256 one takes 1 KB.
const ENROLMENT_BYTES_MAX: usize = 64 * 1024;

/// Requests that one connection may have open: an agent has one or two, the command a handful.
const STREAMS_MAX: u32 = 32;

/// A request that takes longer is given up; sending it again is safe.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A peer that is gone without a word is noticed after this long.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// All services of the port.
pub fn routes(collector: &Arc<Collector>, authority: &Arc<Authority>, endpoint_days: u32) -> Routes {
    let enrolling = Enrolling::new(Arc::clone(collector), Arc::clone(authority), endpoint_days);
    let enrolment = EnrolmentServer::new(enrolling).max_decoding_message_size(ENROLMENT_BYTES_MAX);
    let intake = IntakeServer::new(intake::Reporting::new(Arc::clone(collector)))
        .max_decoding_message_size(REPORT_BYTES_MAX);
    let agents = identity::endpoints_only(Arc::clone(collector));
    Routes::default()
        .with(enrolment)
        .with(InterceptedService::new(intake, agents))
        .with(query::query_service(collector))
        .with(bookkeeping::service(collector))
        .with(reports::service(collector))
        .with(swaps::service(collector))
        .with(applications::service(collector))
}

/// Serves until `stop` comes, then lets open requests end.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    routes: Routes,
    stop: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let connections = connections::accept(listener, tls);
    Server::builder()
        .timeout(REQUEST_TIMEOUT)
        .max_concurrent_streams(STREAMS_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .serve_with_incoming_shutdown(routes, ReceiverStream::new(connections), stop)
        .await
}
