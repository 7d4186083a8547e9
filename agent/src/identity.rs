//! Who this endpoint is: its key, its certificates, the roots it trusts and its collector, in `identity/` of the data folder.
//!
//! `credential.pem` holds the key and the certificates in one file, so that a renewal is one rename: key and certificate
//! can never stem from two different days. It is written last at enrolment; without it the endpoint has not joined.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use daicho_proto::endpoint::EndpointId;
use jiff::Timestamp;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::address::Address;
use crate::clock::{self, Clock};
use crate::files::{Readers, private_folder, replace};
use crate::text::Text;

mod trusted;

/// An endpoint that has joined.
pub struct Identity {
    /// Its name at the collector.
    pub endpoint: EndpointId,
    /// Where it enrolled.
    pub collector: Address,
    /// Its own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Whom it trusts.
    pub roots: Vec<CertificateDer<'static>>,
    /// When its certificate begins and ends.
    pub life: Life,
    /// Wiped when it is no longer needed; so is every text of it that we make. What ring works with is ring's own.
    key: Zeroizing<PrivateKeyDer<'static>>,
}

/// From when to when a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// The first second.
    pub from: Timestamp,
    /// The last second.
    pub until: Timestamp,
}

impl Life {
    /// Reads it from a certificate, DER.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, parsed) =
            x509_parser::parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
        let second = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_second(time.timestamp()).map_err(|error| error.to_string())
        };
        let validity = parsed.validity();
        Ok(Life { from: second(validity.not_before)?, until: second(validity.not_after)? })
    }

    /// Two thirds of the life are over: there is still a third to get the next certificate.
    pub fn is_to_be_renewed(&self, now: Timestamp) -> bool {
        let (from, until) = (self.from.as_second(), self.until.as_second());
        now.as_second() >= from + (until - from) / 3 * 2
    }
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The endpoint has not joined.
    #[error("{0} holds no identity")]
    NotJoined(PathBuf),
    /// A file cannot be read or written.
    #[error("identity file {path} cannot be used")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or an answer does not hold what it should.
    #[error("identity in {path} is broken: {what}")]
    Broken {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

impl IdentityError {
    /// The sentence for a person.
    pub fn text(&self) -> Text {
        match self {
            IdentityError::NotJoined(path) => Text::new(
                format!(
                    "この端末はまだ登録されていません（{}）。daicho-agent enrol で登録してください",
                    path.display()
                ),
                format!("this machine has not joined ({}); join with daicho-agent enrol", path.display()),
            ),
            IdentityError::File { path, source } => Text::new(
                format!(
                    "{} を読み書きできません（{source}）。権限と空き容量を確認してください",
                    path.display()
                ),
                format!("cannot use {} ({source}); check its permissions and free space", path.display()),
            ),
            IdentityError::Broken { path, what } => Text::new(
                format!(
                    "{} が壊れています（{what}）。フォルダーを退避して登録し直してください",
                    path.display()
                ),
                format!("{} is broken ({what}); move the folder aside and enrol again", path.display()),
            ),
        }
    }
}

/// `endpoint.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    endpoint_id: EndpointId,
    collector: String,
}

/// The folder of the identity.
pub fn folder(data: &Path) -> PathBuf {
    data.join("identity")
}

impl Identity {
    /// Puts together what the collector answered; refuses what would not work later.
    pub fn new(
        endpoint: EndpointId,
        collector: Address,
        chain: Vec<CertificateDer<'static>>,
        roots: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, String> {
        let life = Life::of(chain.first().ok_or("it holds no certificate")?)?;
        if roots.is_empty() {
            return Err("it holds no root certificate".to_owned());
        }
        let identity = Identity { endpoint, collector, chain, roots, life, key: Zeroizing::new(key) };
        identity.tls(clock::system()).map_err(|error| error.to_string())?;
        Ok(identity)
    }

    /// The same again, with its key.
    pub fn again(&self) -> Self {
        Identity {
            endpoint: self.endpoint,
            collector: self.collector.clone(),
            chain: self.chain.clone(),
            roots: self.roots.clone(),
            life: self.life,
            key: Zeroizing::new(self.key.clone_key()),
        }
    }

    /// Reads the identity of a data folder.
    pub fn read(data: &Path) -> Result<Self, IdentityError> {
        let folder = folder(data);
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => IdentityError::NotJoined(folder.clone()),
                _ => IdentityError::File { path, source },
            })
        };
        let broken = |what: String| IdentityError::Broken { path: folder.clone(), what };
        let credential = Zeroizing::new(read("credential.pem")?);
        let names: Names =
            serde_json::from_slice(&read("endpoint.json")?).map_err(|error| broken(error.to_string()))?;
        let collector = names.collector.parse().map_err(|error| broken(format!("{error}")))?;
        let chain = certificates(&credential).map_err(broken)?;
        let roots = certificates(&read("roots.pem")?).map_err(broken)?;
        let key = PrivateKeyDer::from_pem_slice(&credential).map_err(|error| broken(error.to_string()))?;
        Identity::new(names.endpoint_id, collector, chain, roots, key).map_err(broken)
    }

    /// Writes it, durable; a power loss leaves the identity before or this one.
    pub fn write(&self, data: &Path) -> Result<(), IdentityError> {
        let folder = folder(data);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| IdentityError::File { path, source }
        };
        private_folder(data).map_err(failed(data))?;
        private_folder(&folder).map_err(failed(&folder))?;
        let names = Names { endpoint_id: self.endpoint, collector: self.collector.to_string() };
        let names = serde_json::to_vec_pretty(&names)
            .map_err(|error| IdentityError::Broken { path: folder.clone(), what: error.to_string() })?;
        let key = pem("PRIVATE KEY", self.key.secret_der());
        let certificates: Vec<_> =
            self.chain.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect();
        let length = certificates.iter().map(|text| text.len()).sum::<usize>() + key.len();
        let mut credential = Zeroizing::new(String::with_capacity(length));
        credential.push_str(&key);
        certificates.iter().for_each(|text| credential.push_str(text));
        let roots: String =
            self.roots.iter().map(|certificate| pem("CERTIFICATE", certificate).to_string()).collect();
        for (name, content, readers) in [
            ("endpoint.json", names.as_slice(), Readers::Everybody),
            ("roots.pem", roots.as_bytes(), Readers::Everybody),
            ("credential.pem", credential.as_bytes(), Readers::Owner),
        ] {
            let path = folder.join(name);
            replace(&path, content, readers).map_err(failed(&path))?;
        }
        Ok(())
    }

    /// How it speaks: TLS 1.3, its own certificate shown, the collector's checked against its roots by this clock.
    pub fn tls(&self, clock: Clock) -> Result<rustls::ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trusted = trusted::Trusted::new(&self.roots, self.life.from, Arc::clone(&provider))?;
        let key = rustls::crypto::ring::sign::any_supported_type(&self.key)?;
        let shown = CertifiedKey::new(self.chain.clone(), key);
        shown.keys_match()?;
        let mut config = rustls::ClientConfig::builder_with_details(provider, Arc::new(ByClock(clock)))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trusted))
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        config.alpn_protocols = vec![b"h2".to_vec()];
        // A resumed session would not show the certificate again, and a revocation has to bite.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(config)
    }
}

/// The clock that certificates are checked by.
struct ByClock(Clock);

impl std::fmt::Debug for ByClock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ByClock")
    }
}

impl rustls::time_provider::TimeProvider for ByClock {
    fn current_time(&self) -> Option<UnixTime> {
        let second = u64::try_from((self.0)().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(second)))
    }
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// RFC 7468.
/// As long as it becomes from the beginning: a text that grows leaves its former place behind, with what stood in it.
fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let encoded = Zeroizing::new(data_encoding::BASE64.encode(der));
    let mut text = Zeroizing::new(String::with_capacity(encoded.len() + encoded.len() / 32 + 100));
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    for line in encoded.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(["agent".to_owned()]).unwrap().self_signed(&key).unwrap();
        let der = certificate.der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let endpoint = EndpointId(uuid::Uuid::from_u128(7));
        Identity::new(endpoint, "127.0.0.1:1".parse().unwrap(), vec![der.clone()], vec![der], key).unwrap()
    }

    #[test]
    fn an_identity_survives_the_disk_and_the_key_is_for_its_owner_alone() {
        let data = tempfile::TempDir::new().unwrap();
        let written = identity();
        written.write(data.path()).unwrap();
        written.write(data.path()).unwrap();
        let read = Identity::read(data.path()).unwrap();
        assert_eq!(
            (read.endpoint, read.collector, read.chain),
            (written.endpoint, written.collector, written.chain)
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&folder(data.path())), 0o700);
            assert_eq!(mode(&folder(data.path()).join("credential.pem")), 0o600);
        }
    }

    #[test]
    fn a_killed_enrolment_has_not_joined() {
        let data = tempfile::TempDir::new().unwrap();
        identity().write(data.path()).unwrap();
        std::fs::remove_file(folder(data.path()).join("credential.pem")).unwrap();
        assert!(matches!(Identity::read(data.path()), Err(IdentityError::NotJoined(_))));
    }

    #[test]
    fn a_certificate_for_another_key_is_refused() {
        let other = PrivateKeyDer::try_from(rcgen::KeyPair::generate().unwrap().serialize_der()).unwrap();
        let identity = identity();
        let refused =
            Identity::new(identity.endpoint, identity.collector, identity.chain, identity.roots, other);
        assert!(refused.is_err());
    }

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_life_is_left() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let life = Life { from: second(0), until: second(90) };
        assert!(!life.is_to_be_renewed(second(59)));
        assert!(life.is_to_be_renewed(second(60)));
    }
}
