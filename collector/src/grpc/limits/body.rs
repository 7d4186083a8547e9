//! A request's body, weighed while it comes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

use super::{PATIENCE, Share, busy};

/// Ends with a request for patience when too much of it is here.
pub(super) struct Metered {
    body: Body,
    share: Arc<Share>,
}

impl Metered {
    pub(super) fn new(body: Body, share: Arc<Share>) -> Self {
        Metered { body, share }
    }
}

impl hyper::body::Body for Metered {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(bytes) = frame.data_ref()
            && !self.share.take(bytes.len())
        {
            return Poll::Ready(Some(Err(busy(PATIENCE))));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
