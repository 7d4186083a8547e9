//! A bare tonic server that parses the same bytes over the same TLS and answers at once: what the intake is compared with.

use std::net::SocketAddr;
use std::path::Path;

use daicho_proto::wire::intake_server::{Intake, IntakeServer};
use daicho_proto::wire::{ReportAnswer, ReportRequest};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

struct Echo;

#[tonic::async_trait]
impl Intake for Echo {
    async fn report(&self, request: Request<ReportRequest>) -> Result<Response<ReportAnswer>, Status> {
        let durable_to = request.get_ref().observations.last().map_or(0, |observation| observation.sequence);
        Ok(Response::new(ReportAnswer { durable_to, ..ReportAnswer::default() }))
    }
}

/// Serves until it is ended.
pub(crate) fn serve(data: &Path, listen: SocketAddr) -> anyhow::Result<()> {
    let read = |name: &str| std::fs::read(data.join(name));
    let (certificate, key) = (read("server/certificate.pem")?, read("server/key.pem")?);
    let root = read("authority/root.pem")?;
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(root));
    tokio::runtime::Runtime::new()?.block_on(async {
        Server::builder().tls_config(tls)?.serve(listen, IntakeServer::new(Echo)).await?;
        Ok(())
    })
}
