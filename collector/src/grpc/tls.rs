//! TLS 1.3 with our own authority: a client's certificate is checked where one is shown, and never remembered.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

use crate::authority::{Authority, Own};
use crate::clock::Clock;

mod welcome;

pub use welcome::up_to;

/// The server's side of every handshake. Sessions are not resumed: resumption would skip the client's certificate, and
/// with it the revocation. An agent's certificate is let in for `grace` after its end, to be renewed.
pub fn server(
    own: Arc<Own>,
    authority: Arc<Authority>,
    grace: SignedDuration,
    clock: Arc<dyn Clock>,
) -> Result<Arc<rustls::ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let welcome = welcome::Welcome::new(authority, grace, Arc::clone(&provider))?;
    let mut config = rustls::ServerConfig::builder_with_details(provider, Arc::new(OurTime(clock)))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(welcome))
        .with_cert_resolver(own);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

/// The collector's clock decides when a certificate has ended.
struct OurTime(Arc<dyn Clock>);

impl std::fmt::Debug for OurTime {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("OurTime")
    }
}

impl TimeProvider for OurTime {
    fn current_time(&self) -> Option<UnixTime> {
        to_unix(self.0.now())
    }
}

fn to_unix(at: Timestamp) -> Option<UnixTime> {
    Some(UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.as_second()).ok()?)))
}
