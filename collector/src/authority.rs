//! The certificate authority: makes itself, enrols, renews, revokes.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use daicho_proto::endpoint::EndpointId;
use daicho_proto::token::Fingerprint;
use jiff::Timestamp;
use rcgen::{CertificateParams, CertificateSigningRequestParams, Issuer, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};
use serde::Deserialize;

use crate::identity::Role;

pub mod enrol;
pub mod files;
pub mod init;
mod profile;
pub mod token;

pub use profile::is_host_name;

/// How long certificates live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Of an endpoint; agents renew when a third is left.
    pub endpoint_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config { endpoint_days: 90 }
    }
}

/// What an authority could not do.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// There is one already, and it stays as it is.
    #[error("{0} already holds an authority; nothing was changed. Name another folder, or use this one")]
    Exists(PathBuf),
    /// There is none yet.
    #[error("{0} holds no authority; run `daicho-collector init --data DIR --name HOST` first")]
    Missing(PathBuf),
    /// A file cannot be read or written.
    #[error("authority cannot {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds something else than a certificate or key.
    #[error("authority cannot understand {path}: {reason}; restore it from the last backup")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A name cannot stand in a certificate.
    #[error(
        "{0:?} cannot stand in a certificate; expected a host name, an address or a plain operator's name"
    )]
    Name(String),
    /// The request of an endpoint is broken or asks for a key that is not ECDSA P-256.
    #[error("certificate request cannot be signed: {0}; make a new ECDSA P-256 key and ask again")]
    Request(String),
    /// Signing failed.
    #[error("certificate cannot be made: {0}")]
    Signing(#[from] rcgen::Error),
}

/// A certificate that was just made.
#[derive(Clone, Debug)]
pub struct Issued {
    /// DER.
    pub certificate: CertificateDer<'static>,
    /// Lower case hexadecimal, 128 bits.
    pub serial: String,
    /// The end of its life.
    pub not_after: Timestamp,
}

/// The issuing authority with its key, and the root above it.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    issuing: CertificateDer<'static>,
    root: CertificateDer<'static>,
}

impl Authority {
    /// Reads the authority of a data folder. The root's own key is not needed and not read: it may be kept elsewhere.
    pub fn open(data: &Path) -> Result<Self, AuthorityError> {
        let folder = files::authority(data);
        if !folder.is_dir() {
            return Err(AuthorityError::Missing(data.to_owned()));
        }
        let root = files::read_certificate(&folder.join("root.pem"))?;
        let issuing = files::read_certificate(&folder.join("issuing.pem"))?;
        let path = folder.join("issuing-key.pem");
        let pem = files::read(&path)?;
        let unreadable = |reason: String| AuthorityError::Unreadable { path: path.clone(), reason };
        let key = KeyPair::from_pem(&pem).map_err(|error| unreadable(error.to_string()))?;
        let issuer =
            Issuer::from_ca_cert_der(&issuing, key).map_err(|error| unreadable(error.to_string()))?;
        Ok(Authority { issuer, issuing, root })
    }

    /// The root certificate, DER.
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// SHA-256 of the root certificate's DER: what people and tokens carry.
    pub fn root_fingerprint(&self) -> Fingerprint {
        files::fingerprint(&self.root)
    }

    /// The certificate, the issuing authority, the root: who knows only the fingerprint can check the whole chain.
    pub fn chain(&self, certificate: CertificateDer<'static>) -> Vec<CertificateDer<'static>> {
        vec![certificate, self.issuing.clone(), self.root.clone()]
    }

    /// Signs the request (PKCS#10, DER) of an endpoint. Only its key is taken; every name in it is ours.
    pub fn sign_endpoint(
        &self,
        id: EndpointId,
        request: &[u8],
        now: Timestamp,
        days: u32,
    ) -> Result<Issued, AuthorityError> {
        let asked = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))
            .map_err(|error| AuthorityError::Request(error.to_string()))?;
        if asked.public_key.algorithm() != &rcgen::PKCS_ECDSA_P256_SHA256 {
            return Err(AuthorityError::Request("its key is not ECDSA P-256".to_owned()));
        }
        let (params, serial, not_after) = profile::endpoint(id, now, days)?;
        let signed = CertificateSigningRequestParams { params, public_key: asked.public_key }
            .signed_by(&self.issuer)?;
        Ok(Issued { certificate: signed.der().clone(), serial, not_after })
    }

    /// A certificate and a new key (PEM) for a person with these roles.
    pub fn make_operator(
        &self,
        name: &str,
        roles: &BTreeSet<Role>,
        now: Timestamp,
    ) -> Result<(Issued, String), AuthorityError> {
        self.make(profile::operator(name, roles, now)?)
    }

    /// A certificate and a new key (PEM) for this collector under these names.
    pub fn make_server(&self, names: &[String], now: Timestamp) -> Result<(Issued, String), AuthorityError> {
        self.make(profile::server(names, now)?)
    }

    fn make(
        &self,
        (params, serial, not_after): (CertificateParams, String, Timestamp),
    ) -> Result<(Issued, String), AuthorityError> {
        let key = KeyPair::generate()?;
        let signed = params.signed_by(&key, &self.issuer)?;
        Ok((Issued { certificate: signed.der().clone(), serial, not_after }, key.serialize_pem()))
    }
}

/// What a server certificate says: its names and its life, to see whether it has to be made anew.
pub(crate) fn server_needs_renewal(
    certificate: &CertificateDer<'_>,
    names: &[String],
    now: Timestamp,
) -> bool {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else { return true };
    let (from, until) = (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
    if (until - now.as_second()) * 3 < until - from {
        return true;
    }
    let written = parsed.subject_alternative_name().ok().flatten().map(|extension| {
        let names = extension.value.general_names.iter();
        names
            .filter_map(|name| match name {
                x509_parser::extensions::GeneralName::DNSName(name) => Some((*name).to_owned()),
                x509_parser::extensions::GeneralName::IPAddress(bytes) => {
                    address(bytes).map(|ip| ip.to_string())
                }
                _ => None,
            })
            .collect::<Vec<_>>()
    });
    let wanted = names.iter().map(|name| name.parse::<IpAddr>().map_or(name.clone(), |ip| ip.to_string()));
    written.unwrap_or_default() != wanted.collect::<Vec<_>>()
}

/// When a certificate ends.
pub(crate) fn not_after(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// Reads all certificates of a PEM text.
pub(crate) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match all {
        Ok(list) if list.is_empty() => Err("it holds no certificate".to_owned()),
        Ok(list) => Ok(list),
        Err(error) => Err(error.to_string()),
    }
}
