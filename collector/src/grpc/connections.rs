//! Accepts connections: a bounded number, each with a bounded time for its handshake, each with its peer's identity.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::limits::Who;
use crate::authority::Life;
use crate::identity::{Caller, Peer};
use places::{End, Place, Places};
use told::Told;

mod places;
mod stream;
mod told;

pub(super) use places::Origin;
pub(super) use stream::Connection;

/// Open connections: twice the 10 000 agents that this collector is built for.
const CONNECTIONS_MAX: usize = 20_000;

/// Who takes longer is no agent of ours, or behind a line on which nothing would work.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that wait for the server to take them up.
const READY_MAX: usize = 64;

/// After the system refused to accept (out of files), a moment's rest instead of a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes there and back, below TLS.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Wire for T {}

/// Where lines arrive: at a port of the machine, but in a simulated network.
pub trait Listener: Send + Sync + 'static {
    /// A line.
    type Line: Wire;

    /// The next line, and where it comes from.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Line, SocketAddr)>> + Send;
}

impl Listener for TcpListener {
    type Line = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = TcpListener::accept(self).await?;
        // A small answer is not to wait for a fuller packet; where that cannot be set, it waits.
        let _ = stream.set_nodelay(true);
        Ok((stream, address))
    }
}

type Ready<W> = mpsc::Sender<io::Result<Connection<W>>>;

/// Accepts until the receiver is dropped.
pub(super) fn accept<L: Listener>(
    listener: L,
    tls: Arc<rustls::ServerConfig>,
) -> mpsc::Receiver<io::Result<Connection<L::Line>>> {
    let (ready, connections) = mpsc::channel(READY_MAX);
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(tls);
        let (all, places) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), Arc::new(Places::default()));
        let told = Arc::new(Told::default());
        loop {
            let Ok(one_of_all) = Arc::clone(&all).acquire_owned().await else { return };
            places.room().await;
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = ready.closed() => return,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "Connection not accepted.");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(place) = places.enter(address.ip(), Instant::now()) else {
                told.refused(address, "too many from there are at the door");
                continue;
            };
            let (acceptor, ready, told) = (acceptor.clone(), ready.clone(), Arc::clone(&told));
            tokio::spawn(async move {
                if let Err(why) = welcome(stream, address, &acceptor, place, one_of_all, &ready).await {
                    told.refused(address, &why);
                }
            });
        }
    });
    connections
}

/// One handshake. An error says why nobody was let in.
async fn welcome<W: Wire>(
    stream: W,
    address: SocketAddr,
    acceptor: &TlsAcceptor,
    (mut place, mut end): (Place, End),
    one_of_all: OwnedSemaphorePermit,
    ready: &Ready<W>,
) -> Result<(), String> {
    let stream = tokio::select! {
        shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)) => match shaken {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("the handshake took too long".to_owned()),
        },
        _ = &mut end => return Err("the handshake took its time while others waited".to_owned()),
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let caller = certificate.and_then(|der| Caller::from_certificate(der)).map(Arc::new);
    let life = certificate.and_then(Life::of);
    if !place.settle(caller.as_deref().map(Who::of), Instant::now()) {
        return Err("too many callers without a certificate are here".to_owned());
    }
    let connection = Connection::new(stream, Peer { address, caller, life }, (place, end), one_of_all);
    // Closed: the server is stopping, and the peer tries again.
    let _ = ready.send(Ok(connection)).await;
    Ok(())
}
