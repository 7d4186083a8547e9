//! The Swaps service over swaps.rs.

use std::sync::Arc;

use daicho_proto::wire as w;
use daicho_proto::wire::swaps_server::{Swaps, SwapsServer};
use daicho_rules::text::Text;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Response, Status};

use super::bookkeeping::wire::json;
use super::told;
use crate::swaps::settling::Fate;
use crate::swaps::{self, SwapError};
use crate::{Collector, identity};

/// Bytes of one question: a name and a reason.
const QUESTION_BYTES_MAX: usize = 64 * 1024;

/// The service, behind the check of the caller's certificate: people only.
pub fn service(
    collector: &Arc<Collector>,
) -> InterceptedService<SwapsServer<SwapsService>, impl Interceptor + Clone + Send + Sync + 'static> {
    let service = SwapsServer::new(SwapsService { collector: Arc::clone(collector) })
        .max_decoding_message_size(QUESTION_BYTES_MAX);
    InterceptedService::new(service, identity::operators_only(Arc::clone(collector)))
}

/// Answers people with an operator certificate.
pub struct SwapsService {
    collector: Arc<Collector>,
}

impl SwapsService {
    /// Runs what reads every endpoint away from the threads that serve connections.
    async fn away<T, Work, Answer>(&self, work: Work) -> Result<T, Status>
    where
        T: Send + 'static,
        Work: FnOnce(Arc<Collector>) -> Answer + Send + 'static,
        Answer: Future<Output = Result<T, SwapError>>,
    {
        let (collector, runtime) = (Arc::clone(&self.collector), tokio::runtime::Handle::current());
        let done = tokio::task::spawn_blocking(move || runtime.block_on(work(collector))).await;
        done.map_err(|error| Status::internal(format!("the request was broken off: {error}")))?
            .map_err(refused)
    }
}

fn refused(error: SwapError) -> Status {
    match error {
        SwapError::NotFound(text) => told::not_found(&text),
        SwapError::Refused(text) => told::refused(&text),
        SwapError::Store(error) => {
            tracing::error!(%error, "A swap could not be read or settled.");
            Status::internal(error.to_string())
        }
    }
}

#[tonic::async_trait]
impl Swaps for SwapsService {
    async fn list(&self, request: Request<w::SwapsRequest>) -> Result<Response<w::SwapsAnswer>, Status> {
        identity::operator(&request)?;
        let declined = request.into_inner().declined;
        let swaps = self.away(move |collector| async move { swaps::proposed(&collector, declined) }).await?;
        Ok(Response::new(w::SwapsAnswer { swaps_json: json(&swaps)? }))
    }

    async fn accept(
        &self,
        request: Request<w::SwapAcceptRequest>,
    ) -> Result<Response<w::SwapAcceptAnswer>, Status> {
        let operator = identity::operator(&request)?.to_owned();
        let w::SwapAcceptRequest { id, broken_becomes, note } = request.into_inner();
        let fate = Fate::of(&broken_becomes).ok_or_else(|| {
            told::refused(&Text::new(
                format!("「{broken_becomes}」は spare、repair、retired、keep のどれでもありません。"),
                format!("{broken_becomes:?} is none of spare, repair, retired, keep"),
            ))
        })?;
        let settled = self
            .away(move |collector| async move {
                swaps::accept(&collector, &id, fate, note.as_deref(), &operator).await
            })
            .await?;
        Ok(Response::new(w::SwapAcceptAnswer {
            version: settled.version.number,
            changes_json: json(&settled.changes)?,
            left: settled.left,
        }))
    }

    async fn decline(
        &self,
        request: Request<w::SwapDeclineRequest>,
    ) -> Result<Response<w::SwapDeclineAnswer>, Status> {
        let operator = identity::operator(&request)?.to_owned();
        let w::SwapDeclineRequest { id, reason } = request.into_inner();
        self.away(move |collector| async move { swaps::decline(&collector, &id, &reason, &operator).await })
            .await?;
        Ok(Response::new(w::SwapDeclineAnswer {}))
    }
}
