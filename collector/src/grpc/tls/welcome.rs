//! Which client certificates a handshake lets in: those of our authority, and an agent's for some time after its end.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::to_unix;
use crate::authority::{Authority, Life};
use crate::identity::Caller;

/// Checks chains at the moment that [`Life::checked_at`] names for agents, and now for everybody else. What a certificate
/// may do that has ended is said at the gate, on each request.
pub(super) struct Welcome {
    authority: Arc<Authority>,
    grace: SignedDuration,
    provider: Arc<CryptoProvider>,
    /// The roots that are trusted, and who checks chains up to them.
    chains: RwLock<(Vec<CertificateDer<'static>>, Arc<dyn ClientCertVerifier>)>,
}

impl fmt::Debug for Welcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Welcome").field("grace", &self.grace).finish_non_exhaustive()
    }
}

impl Welcome {
    pub(super) fn new(
        authority: Arc<Authority>,
        grace: SignedDuration,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let roots = authority.roots();
        let chains = RwLock::new((roots.clone(), up_to(roots, &provider)?));
        Ok(Welcome { authority, grace, provider, chains })
    }

    /// Who checks chains: anew where the authority trusts other roots than before.
    fn chains(&self) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let roots = self.authority.roots();
        let known = self.chains.read().unwrap_or_else(PoisonError::into_inner).clone();
        if known.0 == roots {
            return Ok(known.1);
        }
        let fresh = up_to(roots.clone(), &self.provider)?;
        *self.chains.write().unwrap_or_else(PoisonError::into_inner) = (roots, Arc::clone(&fresh));
        Ok(fresh)
    }

    fn moment(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> UnixTime {
        let moment = || {
            let Caller::Endpoint { .. } = Caller::from_certificate(certificate)? else { return None };
            let seconds = Timestamp::from_second(i64::try_from(now.as_secs()).ok()?).ok()?;
            to_unix(Life::of(certificate)?.checked_at(seconds, self.grace))
        };
        moment().unwrap_or(now)
    }
}

impl ClientCertVerifier for Welcome {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        // Who enrols has none.
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // No hint: who calls has one certificate or none, and roots may follow each other while we serve.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.chains()?.verify_client_cert(end_entity, intermediates, self.moment(end_entity, now))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Who checks a client's chain up to one of these roots, as RFC 5280 and the key's use for clients have it.
pub fn up_to(
    roots: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let mut trusted = RootCertStore::empty();
    for root in roots {
        trusted.add(root)?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), Arc::clone(provider))
        .allow_unauthenticated()
        .build()
        .map_err(|error| Error::General(error.to_string()))
}
