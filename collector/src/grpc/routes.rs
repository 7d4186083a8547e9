//! Which service answers which path: `/daicho.v1.Intake/Report` goes to `daicho.v1.Intake`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use super::lasting::Lasting;
use crate::Collector;
use crate::identity::{CalledPath, Peer};

type Request = http::Request<Body>;
type Response = http::Response<Body>;
type One = BoxCloneSyncService<Request, Response, Infallible>;

/// The services of the port, each under its name in the schema.
#[derive(Clone)]
pub struct Routes {
    collector: Arc<Collector>,
    services: BTreeMap<&'static str, One>,
}

impl Routes {
    /// No service yet. The collector's gate says who stays welcome while an answer is sent.
    pub fn of(collector: Arc<Collector>) -> Self {
        Routes { collector, services: BTreeMap::new() }
    }

    /// Adds a service under its own name.
    pub fn with<S, B>(mut self, service: S) -> Self
    where
        S: Service<Request, Response = http::Response<B>, Error = Infallible> + NamedService,
        S: Clone + Send + Sync + 'static,
        S::Future: Send,
        B: tonic::codegen::Body<Data = tonic::codegen::Bytes> + Send + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        let boxed = service.map_response(|response| response.map(Body::new));
        self.services.insert(S::NAME, BoxCloneSyncService::new(boxed));
        self
    }
}

impl Service<Request> for Routes {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let path = CalledPath(request.uri().path().to_owned());
        let service = self.services.get(path.0.split('/').nth(1).unwrap_or_default());
        request.extensions_mut().insert(path);
        let Some(service) = service.cloned() else {
            let status = Status::unimplemented("the collector has no such service; is it another version?");
            return Box::pin(ready(Ok(status.into_http())));
        };
        let caller = request.extensions().get::<Peer>().and_then(|peer| peer.caller.clone());
        let collector = Arc::clone(&self.collector);
        Box::pin(async move {
            let answer = service.oneshot(request).await?;
            Ok(match caller {
                Some(caller) => answer.map(|body| Body::new(Lasting::new(body, caller, collector))),
                None => answer,
            })
        })
    }
}
