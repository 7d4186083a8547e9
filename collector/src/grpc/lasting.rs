//! Answers that last: whoever is revoked while one is sent gets no more of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

use crate::Collector;
use crate::identity::Caller;

/// An answer's body. Before each part the gate is asked whether its caller is still welcome.
pub(super) struct Lasting {
    body: Body,
    caller: Arc<Caller>,
    collector: Arc<Collector>,
    ended: bool,
}

impl Lasting {
    pub(super) fn new(body: Body, caller: Arc<Caller>, collector: Arc<Collector>) -> Self {
        Lasting { body, caller, collector, ended: false }
    }
}

impl hyper::body::Body for Lasting {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // What a revoked caller is told before its answer begins is a refusal: that passes.
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let is_data = matches!(&frame, Poll::Ready(Some(Ok(frame))) if frame.is_data());
        if is_data && !self.collector.gate.welcomes(&self.caller) {
            self.ended = true;
            tracing::warn!(caller = ?self.caller, "Answer broken off: its caller was revoked.");
            let status = Status::permission_denied("this certificate was revoked while the answer was sent");
            let mut trailers = http::HeaderMap::new();
            return Poll::Ready(Some(match status.add_header(&mut trailers) {
                Ok(()) => Ok(Frame::trailers(trailers)),
                Err(status) => Err(status),
            }));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio_stream::wrappers::ReceiverStream;

    use super::*;
    use crate::clock::SystemClock;
    use crate::identity::roles;
    use crate::shelves::OperatorRow;
    use crate::store::memory::MemoryStore;

    #[tokio::test]
    async fn an_answer_ends_with_the_part_during_which_its_caller_was_revoked() {
        let store = Arc::new(MemoryStore::default());
        let collector = Arc::new(Collector::open(store, Arc::new(SystemClock)).unwrap());
        let mut row = OperatorRow {
            name: "suzuki".to_owned(),
            certificates: vec!["0a".to_owned()],
            not_after: jiff::Timestamp::MAX,
            newest_root: None,
            revoked_at: None,
            roles: roles::of_one_person(),
            section: None,
        };
        collector.gate.set_operator(&row);
        let caller = Arc::new(Caller::Operator { name: row.name.clone(), serial: "0a".to_owned() });
        let (parts, stream) = tokio::sync::mpsc::channel(4);
        let body = Body::new(http_body_util::StreamBody::new(ReceiverStream::new(stream)));
        let mut answer = Lasting::new(body, caller, Arc::clone(&collector));
        let part = || Ok::<_, Status>(Frame::data(Bytes::from_static(b"part")));
        parts.send(part()).await.unwrap();
        assert!(answer.frame().await.unwrap().unwrap().is_data());
        row.revoked_at = Some(jiff::Timestamp::UNIX_EPOCH);
        collector.gate.set_operator(&row);
        parts.send(part()).await.unwrap();
        let last = answer.frame().await.unwrap().unwrap();
        let trailers = last.into_trailers().unwrap();
        assert_eq!(trailers.get("grpc-status").unwrap(), "7", "PERMISSION_DENIED");
        assert!(answer.frame().await.is_none());
    }
}
