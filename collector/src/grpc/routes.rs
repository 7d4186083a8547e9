//! Which service answers which path: `/daicho.v1.Intake/Report` goes to `daicho.v1.Intake`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::util::{BoxCloneSyncService, Oneshot};
use tower::{Service, ServiceExt};

use crate::identity::CalledPath;

type Request = http::Request<Body>;
type Response = http::Response<Body>;
type One = BoxCloneSyncService<Request, Response, Infallible>;

/// The services of the port, each under its name in the schema.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    services: BTreeMap<&'static str, One>,
}

impl Routes {
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
    type Future = futures_util::future::Either<Oneshot<One, Request>, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let path = CalledPath(request.uri().path().to_owned());
        let service = self.services.get(path.0.split('/').nth(1).unwrap_or_default());
        request.extensions_mut().insert(path);
        match service {
            Some(service) => futures_util::future::Either::Left(service.clone().oneshot(request)),
            None => {
                let status =
                    Status::unimplemented("the collector has no such service; is it another version?");
                futures_util::future::Either::Right(ready(Ok(status.into_http())))
            }
        }
    }
}
