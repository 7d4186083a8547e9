//! One connection to the collector: TCP, TLS 1.3, HTTP/2. It is never mended, only replaced.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use super::trouble::Trouble;
use crate::address::Address;

/// TCP and TLS together: a collector that is this slow is overloaded or gone.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// One request, to its durable answer.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);

/// A silent connection is asked for a sign of life this often: it keeps firewalls from forgetting it, and a lost
/// collector is noticed before the next event.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(60);

/// The answer to that is due within this.
const KEEPALIVE_TIME_MAX: Duration = Duration::from_secs(20);

/// HTTP/2 window: answers are a few bytes, so the default megabytes would be spent for nothing.
const WINDOW_BYTES: u32 = 65_535;

/// A connection. Its channel does not reconnect by itself: whoever holds it starts over, with a question first.
pub struct Connection {
    /// Where requests go.
    pub channel: Channel,
    broken: Broken,
}

/// Why the connection broke, as TLS told it: in TLS 1.3 the collector's word about our certificate comes after the
/// handshake, and HTTP/2 above keeps only its text.
type Broken = Arc<Mutex<Option<Trouble>>>;

impl Connection {
    /// What a failed request means.
    pub fn trouble(&self, status: &Status) -> Trouble {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        broken.unwrap_or_else(|| Trouble::of_status(status))
    }
}

/// Bytes there and back, below TLS.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// How a line to an address is opened: by TCP, but in a simulated network.
pub type Dial = fn(Address) -> Pin<Box<dyn Future<Output = io::Result<Box<dyn Wire>>> + Send>>;

/// By TCP.
pub const TCP: Dial = |address| {
    Box::pin(async move {
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream) as Box<dyn Wire>)
    })
};

/// Connects by TCP.
pub async fn connect(address: &Address, tls: Arc<rustls::ClientConfig>) -> Result<Connection, Trouble> {
    connect_over(TCP, address, tls).await
}

/// Connects over a line that `dial` opens.
pub async fn connect_over(
    dial: Dial,
    address: &Address,
    tls: Arc<rustls::ClientConfig>,
) -> Result<Connection, Trouble> {
    let slow = |_| Trouble::Unreachable(format!("no answer within {} s", CONNECT_TIME_MAX.as_secs()));
    timeout(CONNECT_TIME_MAX, connect_now(dial, address, tls)).await.map_err(slow)?
}

async fn connect_now(
    dial: Dial,
    address: &Address,
    tls: Arc<rustls::ClientConfig>,
) -> Result<Connection, Trouble> {
    let wire = dial(address.clone()).await.map_err(|error| Trouble::Unreachable(error.to_string()))?;
    let stream = TlsConnector::from(tls)
        .connect(address.server_name(), wire)
        .await
        .map_err(|error| Trouble::of_connection(&error))?;
    let broken = Broken::default();
    let mut stream = Some(TokioIo::new(Told { stream, broken: broken.clone() }));
    let once = service_fn(move |_: Uri| {
        let stream = stream.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        async move { stream }
    });
    // The scheme says http because TLS is ours and done; the name is what HTTP/2 calls the authority.
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| Trouble::Unreachable(error.to_string()))?
        .timeout(REQUEST_TIME_MAX)
        .http2_keep_alive_interval(KEEPALIVE_EVERY)
        .keep_alive_timeout(KEEPALIVE_TIME_MAX)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    let channel = endpoint.connect_with_connector(once).await.map_err(|error| {
        let told = broken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        told.unwrap_or_else(|| Trouble::Unreachable(crate::text::chain(&error)))
    })?;
    Ok(Connection { channel, broken })
}

/// A TLS stream that remembers why it broke.
struct Told {
    stream: TlsStream<Box<dyn Wire>>,
    broken: Broken,
}

impl Told {
    fn remember(&self, error: &io::Error) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.get_or_insert_with(|| Trouble::of_connection(error));
    }

    /// Who refuses us says why and hangs up. What we write after that fails, often before its word has been read: then
    /// it counts as written, and reading, which ends as well, says how it was.
    fn written<T>(result: Poll<io::Result<T>>, all: T) -> Poll<io::Result<T>> {
        match result {
            Poll::Ready(Err(error))
                if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) =>
            {
                Poll::Ready(Ok(all))
            }
            other => other,
        }
    }
}

impl AsyncRead for Told {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Poll::Ready(Err(error)) = &read {
            self.remember(error);
        }
        read
    }
}

impl AsyncWrite for Told {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        Self::written(written, bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        Self::written(flushed, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        Self::written(written, slices.iter().map(|slice| slice.len()).sum())
    }
}
