//! The collector at work: opens the house, starts each room's task, serves, and stops in order.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::admin::{House, OrderError, control};
use crate::authority::{Own, init, own};
use crate::clock::Clock;
use crate::config::Config;
use crate::{alerts, chronicle, evaluation, grpc, intake, retention, telemetry};

#[cfg(test)]
mod tests;

/// Open requests may end for this long after a stop was asked for; systemd waits 90 s before it kills.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// Why the collector cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The house cannot be opened.
    #[error(transparent)]
    House(#[from] OrderError),
    /// The address is not free, or not ours.
    #[error(
        "collector cannot listen on {address}: {source}; choose another `listen` in {file}, or stop the program that uses it (ss -ltnp)"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
        /// Where the address is written.
        file: String,
    },
    /// The port of metrics and health is not free.
    #[error(
        "collector cannot answer metrics and health on {address}: {source}; choose another `listen` under [telemetry]"
    )]
    Telemetry {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The alerts cannot be sent as configured.
    #[error("configuration, {0}")]
    Alerts(#[from] alerts::ConfigError),
    /// The keys do not fit.
    #[error("collector cannot use its certificate: {0}; restore the last backup")]
    Tls(#[from] rustls::Error),
}

/// A collector at work.
pub struct Running {
    /// Where agents and operators connect.
    pub address: SocketAddr,
    /// Where metrics and health answer.
    pub telemetry_address: Option<SocketAddr>,
    /// The collector's own certificate.
    pub own: Arc<Own>,
    /// What it works on.
    pub house: Arc<House>,
    stop: watch::Sender<bool>,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
    alerting: JoinHandle<()>,
    evaluating: JoinHandle<()>,
    recording: JoinHandle<()>,
    tasks: JoinSet<()>,
}

/// Opens the data folder and starts to serve.
pub async fn start(data: &Path, config: Config, clock: Arc<dyn Clock>) -> Result<Running, ServeError> {
    let outbox = alerts::Outbox::open(&config.alerts)?;
    let house = Arc::new(House::open(data, config, clock)?);
    let (collector, authority) = (&house.collector, &house.authority);
    let now = collector.clock.now();
    let (chain, key) =
        init::server_identity(data, authority, &house.config.names, now).map_err(OrderError::from)?;
    let own = Arc::new(Own::new(chain, &key)?);
    // A house is opened once: nobody set it before.
    let _ = house.own.set(Arc::clone(&own));
    let ends = alerts::watch::Certificates {
        own: Some(Arc::clone(&own)),
        authority: Some(Arc::clone(authority)),
        endpoint_days: house.config.authority.endpoint_days,
    };
    let outbox = Arc::new(outbox.with_certificates(ends));
    let grace = SignedDuration::from_hours(24 * i64::from(house.config.authority.grace_days));
    let tls =
        grpc::tls::server(Arc::clone(&own), Arc::clone(authority), grace, Arc::clone(&collector.clock))?;
    let listener = bind(house.config.listen)?;
    let address = listener.local_addr().map_err(|source| listen_error(house.config.listen, source))?;

    let (stop, _) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(control::answer_all(control::listen(data)?, Arc::clone(&house)));
    let mut telemetry_address = None;
    if let Some(address) = house.config.telemetry.listen {
        let (bound, answering) = telemetry::answers::serve(address, Arc::clone(collector)).await?;
        telemetry_address = Some(bound);
        tasks.spawn(answering);
    }
    let recording = tokio::spawn(chronicle::waiting::run(Arc::clone(collector), stop.subscribe()));
    let (keeper, shown) = (Arc::clone(&house), Arc::clone(&own));
    tasks.spawn(async move {
        let clock = Arc::clone(&keeper.collector.clock);
        own::keep(shown, &keeper.data, &keeper.authority, &keeper.config.names, clock).await;
    });
    tasks.spawn(retention::run(Arc::clone(collector), house.config.retention, stop.subscribe()));
    let heard = Arc::clone(collector);
    tasks.spawn(async move { intake::keep_heard(&heard).await });

    // A house is opened once: nobody set it before.
    let _ = collector.outbox.set(Arc::clone(&outbox));
    let alerting = tokio::spawn(alerts::run(Arc::clone(collector), outbox, asked(stop.subscribe())));
    let evaluating = tokio::spawn(evaluation::run(Arc::clone(collector), stop.subscribe()));
    let routes = grpc::routes(collector, authority, house.config.authority.endpoint_days);
    let server = tokio::spawn(grpc::serve(listener, tls, routes, asked(stop.subscribe())));
    tracing::info!(%address, names = ?house.config.names, "Collector serves.");
    Ok(Running {
        address,
        telemetry_address,
        own,
        house,
        stop,
        server,
        alerting,
        evaluating,
        recording,
        tasks,
    })
}

impl Running {
    /// Waits for `asked` or for the server's end, then stops: no new request, open ones end, everything is written.
    pub async fn until(mut self, asked: impl Future<Output = ()>) {
        tokio::select! {
            () = asked => {}
            ended = &mut self.server => tracing::error!(?ended, "Server ended by itself."),
        }
        self.stop().await;
    }

    /// Stops: no new request, open ones end, everything is written.
    pub async fn stop(mut self) {
        tracing::info!("Collector stops.");
        self.stop.send_replace(true);
        if !self.server.is_finished() && tokio::time::timeout(STOP_DEADLINE, &mut self.server).await.is_err()
        {
            tracing::warn!("Some requests did not end in time; they were given up and will come again.");
            self.server.abort();
        }
        // It ends by itself: broken off, it would take with it what it holds for the log.
        if tokio::time::timeout(STOP_DEADLINE, &mut self.recording).await.is_err() {
            tracing::warn!(
                "Entries for the log did not end in time; those on the disk wait until the next start."
            );
            self.recording.abort();
        }
        self.tasks.shutdown().await;
        if tokio::time::timeout(STOP_DEADLINE, &mut self.alerting).await.is_err() {
            tracing::warn!("An alert was being sent; it will be sent again after the next start.");
            self.alerting.abort();
        }
        if tokio::time::timeout(STOP_DEADLINE, &mut self.evaluating).await.is_err() {
            tracing::warn!("A judgement did not end in time; it is made again after the next start.");
            self.evaluating.abort();
        }
        intake::Heard::flush(&self.house.collector).await;
        if let Err(error) = chronicle::waiting::take(&self.house.collector, true).await {
            tracing::warn!(%error, "Entries for the log wait until the next start.");
        }
        // The socket of a stopped collector would only refuse; that it is gone already is just as well.
        let _ = std::fs::remove_file(control::socket(&self.house.data));
        tracing::info!("Collector stopped.");
    }
}

async fn asked(mut stopped: watch::Receiver<bool>) {
    // An error: the sender is gone, which is a stop too.
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Connections that the system keeps until they are accepted: 10 000 agents that come back after a restart.
const BACKLOG: u32 = 4_096;

fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let open = || {
        let socket = match address {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| listen_error(address, source))
}

fn listen_error(address: SocketAddr, source: std::io::Error) -> ServeError {
    ServeError::Listen { address, source, file: crate::config::FILE_NAME.to_owned() }
}
