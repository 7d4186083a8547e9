//! The Bookkeeping service over bookkeeping.rs.

use std::sync::Arc;

use daicho_proto::wire as w;
use daicho_proto::wire::bookkeeping_server::{Bookkeeping, BookkeepingServer};
use daicho_rules::text::Text;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Response, Status};

use super::told;
use crate::bookkeeping::importing::{self, ImportError};
use crate::bookkeeping::limits::MESSAGE_BYTES_MAX;
use crate::bookkeeping::proposal::{self, ProposalError};
use crate::store::StoreError;
use crate::{Collector, identity};

pub mod wire;

/// The service, behind the check of the caller's certificate.
pub fn service(
    collector: &Arc<Collector>,
) -> InterceptedService<BookkeepingServer<BookkeepingService>, impl Interceptor + Clone + Send + Sync + 'static>
{
    let service = BookkeepingServer::new(BookkeepingService { collector: Arc::clone(collector) })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    InterceptedService::new(service, identity::operators_only(Arc::clone(collector)))
}

/// Answers people with an operator certificate.
pub struct BookkeepingService {
    collector: Arc<Collector>,
}

impl BookkeepingService {
    /// Runs what reads the store or a whole ledger away from the threads that serve connections.
    async fn away<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Collector) -> Result<T, Status> + Send + 'static,
    ) -> Result<T, Status> {
        let collector = self.collector.clone();
        let done = tokio::task::spawn_blocking(move || work(&collector)).await;
        done.map_err(|error| Status::internal(format!("the request was broken off: {error}")))?
    }
}

fn failed(error: &StoreError) -> Status {
    tracing::error!(%error, "The ledger could not be read or written.");
    Status::internal(error.to_string())
}

#[tonic::async_trait]
impl Bookkeeping for BookkeepingService {
    async fn versions(
        &self,
        request: Request<w::LedgerVersionsRequest>,
    ) -> Result<Response<w::LedgerVersionsAnswer>, Status> {
        identity::operator(&request)?;
        let versions = self
            .away(|collector| collector.shelves.ledger_versions().map_err(|error| failed(&error)))
            .await?;
        let versions = versions.into_iter().map(wire::version_to_wire).collect();
        Ok(Response::new(w::LedgerVersionsAnswer { versions }))
    }

    async fn content(
        &self,
        request: Request<w::LedgerContentRequest>,
    ) -> Result<Response<w::LedgerContentAnswer>, Status> {
        identity::operator(&request)?;
        let wanted = request.into_inner().number;
        let answer = self.away(move |collector| content(collector, wanted)).await?;
        Ok(Response::new(answer))
    }

    async fn import(
        &self,
        request: Request<w::LedgerImportRequest>,
    ) -> Result<Response<w::LedgerImportAnswer>, Status> {
        let operator = identity::operator(&request)?.to_owned();
        let submission = wire::submission(request.into_inner()).map_err(|text| told::refused(&text))?;
        let (collector, runtime) = (self.collector.clone(), tokio::runtime::Handle::current());
        // Reading a large ledger takes seconds of a processor: not on a thread that serves connections.
        let imported = tokio::task::spawn_blocking(move || {
            runtime.block_on(importing::import(&collector, submission, &operator))
        });
        let imported = imported
            .await
            .map_err(|error| Status::internal(format!("the import was broken off: {error}")))?;
        match imported {
            Ok(imported) => Ok(Response::new(w::LedgerImportAnswer {
                version: Some(wire::version_to_wire(imported.version)),
                changes_json: wire::json(&imported.changes)?,
                faults: Vec::new(),
            })),
            Err(ImportError::Faults(faults)) => Ok(Response::new(w::LedgerImportAnswer {
                version: None,
                changes_json: Vec::new(),
                faults: faults.0.into_iter().map(wire::fault_to_wire).collect(),
            })),
            Err(ImportError::Newer(newer)) => Err(told::refused(&importing::newer_text(&newer))),
            Err(ImportError::Store(error)) => Err(failed(&error)),
        }
    }

    async fn propose(
        &self,
        request: Request<w::LedgerProposeRequest>,
    ) -> Result<Response<w::LedgerProposeAnswer>, Status> {
        identity::operator(&request)?;
        let w::LedgerProposeRequest { device, group } = request.into_inner();
        let proposal = self.away(move |collector| {
            proposal::propose(collector, &device, group.as_deref()).map_err(|error| match error {
                ProposalError::Unknown => told::not_found(&Text::new(
                    format!(
                        "報告のある機器「{device}」が見つかりません。`daicho devices` で確かめてください。"
                    ),
                    format!("no device that reports is called {device}; `daicho devices` lists them"),
                )),
                ProposalError::Store(error) => failed(&error),
            })
        });
        let proposal = proposal.await?;
        Ok(Response::new(w::LedgerProposeAnswer {
            common_json: wire::json(&proposal.common)?,
            rare_json: wire::json(&proposal.rare)?,
            devices: proposal.devices,
        }))
    }
}

fn content(collector: &Collector, wanted: Option<u64>) -> Result<w::LedgerContentAnswer, Status> {
    let versions = collector.shelves.ledger_versions().map_err(|error| failed(&error))?;
    let version = match wanted {
        Some(number) => versions.iter().find(|version| version.number == number),
        None => versions.last(),
    };
    let ledger = match (version, wanted) {
        (Some(version), _) => collector.shelves.ledger(version.number).map_err(|error| failed(&error))?,
        (None, None) => None,
        (None, Some(number)) => {
            return Err(told::not_found(&Text::new(
                format!("台帳の第 {number} 版はありません。`daicho ledger versions` で確かめてください。"),
                format!("there is no version {number} of the ledger; `daicho ledger versions` lists them"),
            )));
        }
    };
    Ok(w::LedgerContentAnswer {
        version: version.cloned().map(wire::version_to_wire),
        ledger_json: wire::json(&ledger.unwrap_or_default())?,
    })
}
