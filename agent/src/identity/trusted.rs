//! Whether who answers is our collector: a chain up to a root of ours, the right name, and a clock that is not believed blindly.
//!
//! A clock that is wrong must not lock a machine out: nobody comes by to set it. So a certificate that has not begun by
//! our clock is checked as in its first second (our clock is late), and one that has ended as in its last. What is
//! certain limits that: our own certificate was made by the collector on a day that has been. A collector's certificate
//! that ended before that day is old, whatever our clock says, and is refused where our clock agrees.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::Life;

/// Checks what a collector shows.
#[derive(Debug)]
pub(super) struct Trusted {
    chains: Arc<WebPkiServerVerifier>,
    /// A moment that has certainly been.
    certain: Timestamp,
}

impl Trusted {
    pub(super) fn new(
        roots: &[CertificateDer<'static>],
        certain: Timestamp,
        provider: Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<Self, Error> {
        let mut trusted = RootCertStore::empty();
        for root in roots {
            trusted.add(root.clone())?;
        }
        let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(trusted), provider)
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        Ok(Trusted { chains, certain })
    }

    fn moment(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> UnixTime {
        let moment = || {
            let life = Life::of(certificate).ok()?;
            let now = Timestamp::from_second(i64::try_from(now.as_secs()).ok()?).ok()?;
            let second = u64::try_from(checked_at(life, now, self.certain).as_second()).ok()?;
            Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(second)))
        };
        moment().unwrap_or(now)
    }
}

/// The moment at which a collector's certificate is checked.
fn checked_at(life: Life, now: Timestamp, certain: Timestamp) -> Timestamp {
    let is_old = now > life.until && certain > life.until;
    if is_old { now } else { now.clamp(life.from, life.until.max(life.from)) }
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let moment = self.moment(end_entity, now);
        self.chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, moment)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_wrong_clock_is_no_reason_to_refuse_and_an_old_certificate_is() {
        let life = Life { from: second(100), until: second(200) };
        let checked = |now, certain| checked_at(life, second(now), second(certain)).as_second();
        assert_eq!(checked(150, 120), 150);
        assert_eq!(checked(5, 120), 100, "our clock is late");
        assert_eq!(checked(900, 120), 200, "our clock may be early");
        assert_eq!(checked(900, 201), 900, "it ended before a day that has been");
        assert_eq!(checked(150, 500), 150, "the collector's clock was early when it made ours");
        assert_eq!(checked(5, 500), 100);
    }

    #[test]
    fn a_collector_of_another_name_is_refused_and_told() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["daicho.hospital.example".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::ExplicitNoCa;
        let mut above = rcgen::CertificateParams::default();
        above.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root_key = rcgen::KeyPair::generate().unwrap();
        let root = above.self_signed(&root_key).unwrap().der().clone();
        let shown = params.signed_by(&key, &rcgen::Issuer::new(above, root_key)).unwrap().der().clone();
        let life = Life::of(&shown).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trusted = Trusted::new(&[root], life.from, provider).unwrap();
        let asked = |name: &str| {
            let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_795_000_000));
            let name = ServerName::try_from(name.to_owned()).unwrap();
            trusted.verify_server_cert(&shown, &[], &name, &[], now)
        };
        assert!(asked("daicho.hospital.example").is_ok());
        for name in ["daicho.other.example", "hospital.example", "192.0.2.1"] {
            let error = std::io::Error::other(asked(name).unwrap_err());
            let trouble = crate::uplink::trouble::Trouble::of_connection(&error);
            assert_eq!(trouble, crate::uplink::trouble::Trouble::WrongName, "{name}");
        }
        let told =
            crate::uplink::trouble::Trouble::WrongName.text(&"daicho.other.example:8443".parse().unwrap());
        assert!(told.en.contains("not for the name daicho.other.example"), "{}", told.en);
    }
}
