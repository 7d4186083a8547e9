//! One connection to the collector: TCP, TLS 1.3, HTTP/2. It is never mended, only replaced.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
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

/// Connects. The channel does not reconnect by itself: whoever holds it starts over, with a question first.
pub async fn connect(address: &Address, tls: Arc<rustls::ClientConfig>) -> Result<Channel, Trouble> {
    let slow = |_| Trouble::Unreachable(format!("no answer within {} s", CONNECT_TIME_MAX.as_secs()));
    timeout(CONNECT_TIME_MAX, connect_now(address, tls)).await.map_err(slow)?
}

async fn connect_now(address: &Address, tls: Arc<rustls::ClientConfig>) -> Result<Channel, Trouble> {
    let unreachable = |error: io::Error| Trouble::Unreachable(error.to_string());
    let tcp = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(unreachable)?;
    tcp.set_nodelay(true).map_err(unreachable)?;
    let stream = TlsConnector::from(tls)
        .connect(address.server_name(), tcp)
        .await
        .map_err(|error| Trouble::of_handshake(&error))?;
    let mut stream = Some(TokioIo::new(stream));
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
    endpoint.connect_with_connector(once).await.map_err(|error| Trouble::of_transport(&error))
}
