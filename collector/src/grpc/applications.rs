//! The Applications service over applications.rs.

use std::sync::Arc;

use daicho_proto::wire as w;
use daicho_proto::wire::applications_server::{Applications, ApplicationsServer};
use daicho_rules::text::Text;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Response, Status};

use super::bookkeeping::wire::json;
use super::query::refused;
use super::told;
use crate::applications::{self, Application, Standing, Wish};
use crate::queries::QueryError;
use crate::{Collector, identity};

/// Bytes of one question: an application with its reasons.
const QUESTION_BYTES_MAX: usize = 64 * 1024;

/// The service, behind the check of the caller's certificate: people only.
pub fn service(
    collector: &Arc<Collector>,
) -> InterceptedService<
    ApplicationsServer<ApplicationsService>,
    impl Interceptor + Clone + Send + Sync + 'static,
> {
    let service = ApplicationsServer::new(ApplicationsService { collector: Arc::clone(collector) })
        .max_decoding_message_size(QUESTION_BYTES_MAX);
    InterceptedService::new(service, identity::operators_only(Arc::clone(collector)))
}

/// Answers people with an operator certificate.
pub struct ApplicationsService {
    collector: Arc<Collector>,
}

impl ApplicationsService {
    /// Runs what reads or writes a ledger away from the threads that serve connections.
    async fn away<T, Work, Answer>(&self, work: Work) -> Result<T, Status>
    where
        T: Send + 'static,
        Work: FnOnce(Arc<Collector>) -> Answer + Send + 'static,
        Answer: Future<Output = Result<T, QueryError>>,
    {
        let (collector, runtime) = (Arc::clone(&self.collector), tokio::runtime::Handle::current());
        let done = tokio::task::spawn_blocking(move || runtime.block_on(work(collector))).await;
        done.map_err(|error| Status::internal(format!("the request was broken off: {error}")))?
            .map_err(refused)
    }
}

fn answer(application: &Application) -> Result<Response<w::ApplicationAnswer>, Status> {
    Ok(Response::new(w::ApplicationAnswer { application_json: json(application)? }))
}

#[tonic::async_trait]
impl Applications for ApplicationsService {
    async fn list(
        &self,
        request: Request<w::ApplicationsRequest>,
    ) -> Result<Response<w::ApplicationsAnswer>, Status> {
        identity::operator(&request)?;
        let everything = request.into_inner().all;
        let all = self.away(|collector| async move { Ok(applications::all(&collector.shelves)?) }).await?;
        let wanted = all.iter().filter(|one| everything || one.state == Standing::Submitted);
        let applications_json = wanted.map(json).collect::<Result<_, _>>()?;
        Ok(Response::new(w::ApplicationsAnswer { applications_json }))
    }

    async fn one(
        &self,
        request: Request<w::ApplicationRequest>,
    ) -> Result<Response<w::ApplicationAnswer>, Status> {
        identity::operator(&request)?;
        let number = request.into_inner().number;
        answer(&self.away(move |collector| async move { applications::one(&collector, number) }).await?)
    }

    async fn apply(
        &self,
        request: Request<w::ApplyRequest>,
    ) -> Result<Response<w::ApplicationAnswer>, Status> {
        let person = identity::operator(&request)?.to_owned();
        let wish: Wish = serde_json::from_slice(&request.into_inner().wish_json).map_err(|error| {
            told::refused(&Text::new(
                format!("申請が読めません: {error}"),
                format!("the application cannot be read: {error}"),
            ))
        })?;
        let work = move |collector: Arc<Collector>| async move {
            applications::apply(&collector, wish, &person).await
        };
        answer(&self.away(work).await?)
    }

    async fn decide(
        &self,
        request: Request<w::DecideRequest>,
    ) -> Result<Response<w::ApplicationAnswer>, Status> {
        let person = identity::operator(&request)?.to_owned();
        let w::DecideRequest { number, approve, reason } = request.into_inner();
        let work = move |collector: Arc<Collector>| async move {
            applications::decide(&collector, number, &person, approve, &reason).await
        };
        answer(&self.away(work).await?)
    }

    async fn withdraw(
        &self,
        request: Request<w::WithdrawRequest>,
    ) -> Result<Response<w::ApplicationAnswer>, Status> {
        let person = identity::person(&request)?.clone();
        let w::WithdrawRequest { number, reason } = request.into_inner();
        let work = move |collector: Arc<Collector>| async move {
            applications::withdraw(&collector, number, &person, &reason).await
        };
        answer(&self.away(work).await?)
    }

    async fn revoke(
        &self,
        request: Request<w::RevokeRequest>,
    ) -> Result<Response<w::ApplicationAnswer>, Status> {
        let person = identity::operator(&request)?.to_owned();
        let w::RevokeRequest { number, reason } = request.into_inner();
        let work = move |collector: Arc<Collector>| async move {
            applications::revoke(&collector, number, &person, &reason).await
        };
        answer(&self.away(work).await?)
    }
}
