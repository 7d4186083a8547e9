//! The gRPC server: one port, TLS 1.3, each service behind the caller's identity.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use daicho_proto::wire::enrolment_server::EnrolmentServer;
use daicho_proto::wire::intake_server::IntakeServer;
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
mod lasting;
mod limits;
pub mod query;
pub mod reports;
mod routes;
pub mod swaps;
pub mod tls;
pub mod told;

pub use connections::{Listener, Wire};
pub use intake::status_of;
use limits::Limited;
pub use routes::Routes;

/// The largest report: an agent sends a batch of 1 MiB, with one observation of at most 3 MiB on top.
const REPORT_BYTES_MAX: usize = 5 * 1024 * 1024;

/// The largest request for a certificate: a P-256 one takes 1 KB.
const ENROLMENT_BYTES_MAX: usize = 64 * 1024;

/// Requests that one connection may have open: an agent has one or two, the command a handful.
const STREAMS_MAX: u32 = 32;

/// A request that takes longer is given up; sending it again is safe.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A peer that is gone without a word is noticed after this long, when it does not answer within the second.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_ANSWER: Duration = Duration::from_secs(20);

/// What a peer may send of one request, and of all of its connection, before we have read it. On a line with 20 ms there
/// and back these are 12 and 25 MB/s, more than such a line has.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 512 * 1024;

/// One frame: what HTTP/2 allows at least, so that none has to be kept whole for long.
const FRAME_BYTES_MAX: u32 = 16 * 1024;

/// The headers of one request. Ours take some hundred bytes. It bounds continuations as well: to five of these frames.
const HEADER_BYTES_MAX: u32 = 8 * 1024;

/// Requests that a peer took back before we looked at them (CVE-2023-44487, rapid reset). Who has so many in a row is no
/// agent: its connection ends.
const RESETS_WAITING_MAX: usize = 16;

/// Requests that we had to take back because of what the peer sent (CVE-2025-8671), over a connection's life. An agent
/// makes none; a program that speaks HTTP/2 badly learns it soon.
const FAULTS_MAX: usize = 64;

/// All services of the port.
pub fn routes(collector: &Arc<Collector>, authority: &Arc<Authority>, endpoint_days: u32) -> Routes {
    let enrolling = Enrolling::new(Arc::clone(collector), Arc::clone(authority), endpoint_days);
    let enrolment = EnrolmentServer::new(enrolling).max_decoding_message_size(ENROLMENT_BYTES_MAX);
    let intake = IntakeServer::new(intake::Reporting::new(Arc::clone(collector)))
        .max_decoding_message_size(REPORT_BYTES_MAX);
    let agents = identity::endpoints_only(Arc::clone(collector));
    Routes::of(Arc::clone(collector))
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
    listener: impl Listener,
    tls: Arc<rustls::ServerConfig>,
    routes: Routes,
    stop: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let connections = connections::accept(listener, tls);
    Server::builder()
        .timeout(REQUEST_TIMEOUT)
        .max_concurrent_streams(STREAMS_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_ANSWER))
        .http2_adaptive_window(Some(false))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .http2_max_pending_accept_reset_streams(Some(RESETS_WAITING_MAX))
        .http2_max_local_error_reset_streams(Some(FAULTS_MAX))
        .serve_with_incoming_shutdown(Limited::new(routes), ReceiverStream::new(connections), stop)
        .await
}
