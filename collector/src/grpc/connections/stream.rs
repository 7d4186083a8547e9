//! A connection after its handshake: bytes pass until its place is taken away, or until a stranger had enough.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::Wire;
use super::places::{End, Place};
use crate::identity::Peer;

/// A caller without a certificate has this long: it enrols, which takes some milliseconds, and a slow line some seconds.
const STRANGER_TIME_MAX: Duration = Duration::from_secs(30);

/// A caller without a certificate may say this much: a request for a certificate, and HTTP/2's own frames. A flood of
/// pings, settings, resets or continuations is over when that is spent.
const STRANGER_BYTES_MAX: usize = 128 * 1024;

/// A connection after its handshake.
pub(in crate::grpc) struct Connection<W> {
    stream: TlsStream<W>,
    peer: Peer,
    end: Option<End>,
    /// Of a caller without a certificate.
    bounds: Option<Bounds>,
    _place: Place,
    _one_of_all: OwnedSemaphorePermit,
}

struct Bounds {
    until: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl<W> Connection<W> {
    pub(super) fn new(
        stream: TlsStream<W>,
        peer: Peer,
        (place, end): (Place, End),
        one_of_all: OwnedSemaphorePermit,
    ) -> Self {
        let bounds = peer.caller.is_none().then(|| Bounds {
            until: Box::pin(tokio::time::sleep(STRANGER_TIME_MAX)),
            bytes_left: STRANGER_BYTES_MAX,
        });
        Connection { stream, peer, end: Some(end), bounds, _place: place, _one_of_all: one_of_all }
    }

    /// Whether it is over. Asked before reading and before writing: a peer that reads nothing would keep us writing.
    fn still_open(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let over = |why| Err(io::Error::new(io::ErrorKind::ConnectionAborted, why));
        let Some(end) = &mut self.end else { return over("its place was taken away") };
        if Pin::new(end).poll(context).is_ready() {
            self.end = None;
            return over("its place was taken away");
        }
        let Some(bounds) = &mut self.bounds else { return Ok(()) };
        if bounds.until.as_mut().poll(context).is_ready() {
            return over("it took too long without a certificate");
        }
        if bounds.bytes_left == 0 {
            return over("it said too much without a certificate");
        }
        Ok(())
    }
}

impl<W: Wire> Connected for Connection<W> {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl<W: Wire> AsyncRead for Connection<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.still_open(context)?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Some(bounds) = &mut self.bounds {
            let came = buffer.filled().len().saturating_sub(before);
            bounds.bytes_left = bounds.bytes_left.saturating_sub(came);
        }
        read
    }
}

impl<W: Wire> AsyncWrite for Connection<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.still_open(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.still_open(context)?;
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.still_open(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
