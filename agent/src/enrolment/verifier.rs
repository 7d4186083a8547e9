//! Trust before any file says whom to trust: the collector has to show a chain up to the root with one fingerprint.

use std::fmt;
use std::sync::Arc;

use daicho_proto::token::Fingerprint;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::fingerprint;

/// TLS 1.3 without a certificate of our own, and with no authority trusted but the one with this fingerprint.
pub(super) fn trusting_only(root: Fingerprint) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(RootByFingerprint { root, provider: provider.clone() });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

struct RootByFingerprint {
    root: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for RootByFingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("RootByFingerprint").field(&self.root).finish()
    }
}

impl ServerCertVerifier for RootByFingerprint {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // A matching fingerprint only says which root is meant; the chain and the name are then checked as always.
        let root = intermediates
            .iter()
            .find(|shown| fingerprint(shown) == self.root)
            .ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let mut trusted = RootCertStore::empty();
        trusted.add(root.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(trusted), self.provider.clone())
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    use super::*;

    struct Chain {
        shown: Vec<CertificateDer<'static>>,
        root: Fingerprint,
    }

    /// A root, and a certificate for `localhost` below it, valid from 2020 to 2030.
    fn chain() -> Chain {
        let valid = |mut params: CertificateParams| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2030, 1, 1);
            params
        };
        let root_key = KeyPair::generate().unwrap();
        let mut root = valid(CertificateParams::default());
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_certificate = root.self_signed(&root_key).unwrap().der().clone();
        let issuer = Issuer::new(root, root_key);
        let leaf_key = KeyPair::generate().unwrap();
        let leaf = valid(CertificateParams::new(["localhost".to_owned()]).unwrap());
        let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap().der().clone();
        Chain { root: fingerprint(&root_certificate), shown: vec![leaf, root_certificate] }
    }

    fn check(
        shown: &[CertificateDer<'static>],
        root: Fingerprint,
        name: &str,
        year: u64,
    ) -> Result<(), Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let now = UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_557_600 + 86_400));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        RootByFingerprint { root, provider }
            .verify_server_cert(&shown[0], &shown[1..], &name, &[], now)
            .map(|_| ())
    }

    #[test]
    fn the_right_root_is_trusted_and_the_name_and_the_time_still_count() {
        let Chain { shown, root } = chain();
        assert_eq!(check(&shown, root, "localhost", 2026), Ok(()));
        assert!(check(&shown, root, "example.jp", 2026).is_err());
        assert!(check(&shown, root, "localhost", 2019).is_err());
        assert!(check(&shown, root, "localhost", 2031).is_err());
    }

    #[test]
    fn another_root_is_refused_and_so_is_the_right_root_beside_a_strange_certificate() {
        let (ours, other) = (chain(), chain());
        let unknown = Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        assert_eq!(check(&other.shown, ours.root, "localhost", 2026), unknown);
        let mixed = [other.shown[0].clone(), ours.shown[1].clone()];
        assert!(check(&mixed, ours.root, "localhost", 2026).is_err());
        assert_eq!(check(&ours.shown[..1], ours.root, "localhost", 2026), unknown);
    }
}
