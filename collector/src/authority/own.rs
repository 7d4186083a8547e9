//! The collector's own certificate, which is replaced while it serves: handshakes that begin later show the new one.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::{Authority, AuthorityError, Life, init};
use crate::clock::Clock;

/// How often its age is looked at: often enough for a certificate that lives for a day.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// What is shown to whoever connects.
#[derive(Debug)]
pub struct Own {
    shown: RwLock<Arc<CertifiedKey>>,
}

impl Own {
    /// The chain, its own certificate first, with its key (PEM).
    pub fn new(chain: Vec<CertificateDer<'static>>, key_pem: &str) -> Result<Self, rustls::Error> {
        Ok(Own { shown: RwLock::new(Arc::new(certified(chain, key_pem)?)) })
    }

    /// Shows this from now on; connections that are open stay.
    pub fn replace(&self, chain: Vec<CertificateDer<'static>>, key_pem: &str) -> Result<(), rustls::Error> {
        let fresh = Arc::new(certified(chain, key_pem)?);
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// The certificate that is shown now.
    pub fn certificate(&self) -> Option<CertificateDer<'static>> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).cert.first().cloned()
    }

    /// When it ends.
    pub fn not_after(&self) -> Option<Timestamp> {
        self.certificate().and_then(|certificate| Life::of(&certificate)).map(|life| life.until)
    }
}

impl ResolvesServerCert for Own {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// What could not be done about it.
#[derive(Debug, thiserror::Error)]
pub enum OwnError {
    /// It cannot be made or read.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The key does not fit.
    #[error("the collector's certificate cannot be used: {0}")]
    Key(#[from] rustls::Error),
}

/// Makes the certificate anew if it is time, and shows it. Answers whether it did.
pub fn renew_if_due(
    own: &Own,
    data: &Path,
    authority: &Authority,
    names: &[String],
    now: Timestamp,
) -> Result<bool, OwnError> {
    let (chain, key) = init::server_identity(data, authority, names, now)?;
    if chain.first() == own.certificate().as_ref() {
        return Ok(false);
    }
    own.replace(chain, &key)?;
    Ok(true)
}

/// Looks at its age for as long as the collector serves.
pub async fn keep(
    own: Arc<Own>,
    data: &Path,
    authority: &Authority,
    names: &[String],
    clock: Arc<dyn Clock>,
) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match authority.rotate_if_due(clock.now()) {
            Ok(true) => tracing::info!("A new issuing authority signs from now on."),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "The issuing authority could not be made anew."),
        }
        if let Err(error) = renew_if_due(&own, data, authority, names, clock.now()) {
            tracing::error!(%error, "The collector's own certificate could not be renewed.");
        }
    }
}

/// Refuses a key that is not the certificate's.
fn certified(chain: Vec<CertificateDer<'static>>, key_pem: &str) -> Result<CertifiedKey, rustls::Error> {
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let key = rustls::crypto::ring::sign::any_supported_type(&Zeroizing::new(key))?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match()?;
    Ok(certified)
}
