//! `GET /metrics` for Prometheus and `GET /health` for whoever watches, on a loopback port.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use super::figures;
use crate::Collector;
use crate::queries::status;
use crate::serve::ServeError;

/// Binds the port; the task answers until it is dropped.
pub(crate) async fn serve(
    address: SocketAddr,
    collector: Arc<Collector>,
) -> Result<(SocketAddr, impl Future<Output = ()>), ServeError> {
    let failed = |source| ServeError::Telemetry { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let router =
        Router::new().route("/metrics", get(metrics)).route("/health", get(health)).with_state(collector);
    let answering = async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "Metrics and health no longer answer.");
        }
    };
    Ok((bound, answering))
}

async fn metrics(State(collector): State<Arc<Collector>>) -> Response {
    let text = tokio::task::spawn_blocking(move || figures::text(&collector)).await;
    let kind = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    match text {
        Ok(Ok(text)) => (kind, text).into_response(),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn health(State(collector): State<Arc<Collector>>) -> Response {
    let faults = status::faults(&collector);
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({
        "healthy": faults.is_empty(),
        "version": env!("CARGO_PKG_VERSION"),
        "now": collector.clock.now(),
        "faults": faults,
        "waiting": {
            "commits": collector.writer.load().waiting(),
            "evaluations": collector.evaluation.len(),
        },
    });
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
