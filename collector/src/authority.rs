//! The certificate authority: makes itself, enrols, renews, revokes.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use daicho_proto::endpoint::EndpointId;
use daicho_proto::token::Fingerprint;
use jiff::Timestamp;
use rcgen::{CertificateParams, CertificateSigningRequestParams, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::identity::Role;
use generation::Generation;

pub mod enrol;
pub mod files;
pub(crate) mod generation;
pub mod init;
pub mod life;
pub mod own;
mod profile;
pub mod token;

pub use life::Life;
pub use own::Own;
pub use profile::is_host_name;

/// How long certificates live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Of an endpoint; agents renew when a third is left.
    pub endpoint_days: u32,
    /// For so many days after its end an endpoint's certificate may still be renewed, and do nothing else.
    pub grace_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config { endpoint_days: 90, grace_days: 180 }
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
    /// A root's key is needed and not there.
    #[error(
        "{0} holds no key of the root that is to sign; name the file with --root-key, from where the root's key is kept"
    )]
    RootKey(PathBuf),
    /// There is no root to change to.
    #[error("no next root is prepared; run `daicho-collector authority prepare-root` first")]
    NoNextRoot,
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

/// How old the authority's parts are, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How often the issuing authority was made anew.
    pub generation: u32,
    /// The issuing authority's life.
    pub issuing: Life,
    /// The life of the root above it.
    pub root: Life,
    /// The life of the root that follows, if one is prepared.
    pub next_root: Option<Life>,
    /// Whether the root's key lies in the data folder.
    pub has_root_key: bool,
}

/// The issuing authority with its key, and the roots.
pub struct Authority {
    folder: PathBuf,
    now: RwLock<Arc<Trust>>,
}

impl std::fmt::Debug for Authority {
    /// Where it lies; nothing of its keys.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authority").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What holds at a moment.
struct Trust {
    signs: Generation,
    roots: Vec<CertificateDer<'static>>,
    next_root: Option<CertificateDer<'static>>,
}

impl Trust {
    fn read(folder: &Path) -> Result<Self, AuthorityError> {
        let signs = generation::newest(folder)?;
        let roots = generation::roots(folder, &signs)?;
        // One that signs already was not taken away in time.
        let next_root = generation::next_root(folder)?.filter(|next| *next != signs.root);
        Ok(Trust { signs, roots, next_root })
    }
}

impl Authority {
    /// Reads the authority of a data folder. The root's own key is not needed and not read: it may be kept elsewhere.
    pub fn open(data: &Path) -> Result<Self, AuthorityError> {
        let folder = files::authority(data);
        if !folder.is_dir() {
            return Err(AuthorityError::Missing(data.to_owned()));
        }
        let now = RwLock::new(Arc::new(Trust::read(&folder)?));
        Ok(Authority { folder, now })
    }

    fn trust(&self) -> Arc<Trust> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn read_again(&self) -> Result<(), AuthorityError> {
        let fresh = Arc::new(Trust::read(&self.folder)?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// The root certificate above whoever signs now, DER.
    pub fn root(&self) -> CertificateDer<'static> {
        self.trust().signs.root.clone()
    }

    /// All roots that are trusted, DER: the one that signs first.
    pub fn roots(&self) -> Vec<CertificateDer<'static>> {
        self.trust().roots.clone()
    }

    /// The roots that agents and people are to trust from now on: the one that signs, and the one that follows it.
    pub fn roots_to_give(&self) -> Vec<CertificateDer<'static>> {
        let trust = self.trust();
        std::iter::once(&trust.signs.root).chain(&trust.next_root).cloned().collect()
    }

    /// SHA-256 of the last of these, hexadecimal: by it is known who has it. No clock could tell.
    pub fn newest_root(&self) -> String {
        let trust = self.trust();
        files::fingerprint(trust.next_root.as_ref().unwrap_or(&trust.signs.root)).to_string()
    }

    /// SHA-256 of the root certificate's DER: what people and tokens carry.
    pub fn root_fingerprint(&self) -> Fingerprint {
        files::fingerprint(&self.trust().signs.root)
    }

    /// The certificate, the issuing authority, the root: who knows only the fingerprint can check the whole chain.
    pub fn chain(&self, certificate: CertificateDer<'static>) -> Vec<CertificateDer<'static>> {
        let trust = self.trust();
        vec![certificate, trust.signs.issuing.clone(), trust.signs.root.clone()]
    }

    /// Whether a chain was signed by who signs now.
    pub(crate) fn signed(&self, chain: &[CertificateDer<'_>]) -> bool {
        chain.get(1).is_some_and(|issuing| *issuing == self.trust().signs.issuing)
    }

    /// How old everything is, and what follows.
    pub fn standing(&self) -> Standing {
        let trust = self.trust();
        let life = |certificate: &CertificateDer<'_>| {
            Life::of(certificate).unwrap_or(Life { from: Timestamp::MIN, until: Timestamp::MIN })
        };
        Standing {
            generation: trust.signs.number,
            issuing: life(&trust.signs.issuing),
            root: life(&trust.signs.root),
            next_root: trust.next_root.as_ref().map(life),
            has_root_key: generation::has_root_key(&self.folder, &trust.signs.root),
        }
    }

    /// A new issuing authority under the same root signs from now on; nobody has to do anything for it. The root's key
    /// lies in `root_key`, or still in the authority's folder.
    pub fn rotate(&self, root_key: Option<&Path>, now: Timestamp) -> Result<(), AuthorityError> {
        let trust = self.trust();
        generation::make(&self.folder, &trust.signs, &trust.signs.root, root_key, now)?;
        self.read_again()
    }

    /// The same, when a third of the issuing authority's life is left. Answers whether it was time.
    pub fn rotate_if_due(&self, now: Timestamp) -> Result<bool, AuthorityError> {
        let due = self.standing().issuing.is_to_be_renewed(now);
        if due {
            self.rotate(None, now)?;
        }
        Ok(due)
    }

    /// Makes the next root, unless there is one: it is trusted, and given to whoever renews, and signs nothing yet.
    pub fn prepare_root(&self, now: Timestamp) -> Result<(), AuthorityError> {
        if self.trust().next_root.is_none() {
            generation::prepare_root(&self.folder, now)?;
            self.read_again()?;
        }
        Ok(())
    }

    /// The next root signs from now on. Who does not have it yet does not know this collector any more.
    pub fn finish_root(&self, root_key: Option<&Path>, now: Timestamp) -> Result<(), AuthorityError> {
        let trust = self.trust();
        let Some(next) = &trust.next_root else { return Err(AuthorityError::NoNextRoot) };
        generation::make(&self.folder, &trust.signs, next, root_key, now)?;
        generation::settle_root(&self.folder, trust.signs.number + 1)?;
        self.read_again()
    }

    /// Signs the request (PKCS#10, DER) of an endpoint. Only its key is taken; every name in it is ours.
    pub fn sign_endpoint(
        &self,
        id: EndpointId,
        request: &[u8],
        now: Timestamp,
        days: u32,
    ) -> Result<Issued, AuthorityError> {
        self.sign_next(id, request, now, days, None)
    }

    /// The same in the place of one that ends `before`: it does not end earlier than that.
    pub(crate) fn sign_next(
        &self,
        id: EndpointId,
        request: &[u8],
        now: Timestamp,
        days: u32,
        before: Option<Timestamp>,
    ) -> Result<Issued, AuthorityError> {
        let asked = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))
            .map_err(|error| AuthorityError::Request(error.to_string()))?;
        if asked.public_key.algorithm() != &rcgen::PKCS_ECDSA_P256_SHA256 {
            return Err(AuthorityError::Request("its key is not ECDSA P-256".to_owned()));
        }
        let (params, serial, not_after) = profile::endpoint(id, now, self.within(), days, before)?;
        let signed = CertificateSigningRequestParams { params, public_key: asked.public_key }
            .signed_by(&self.trust().signs.issuer)?;
        Ok(Issued { certificate: signed.der().clone(), serial, not_after })
    }

    /// A certificate and a new key (PEM) for a person with these roles.
    pub fn make_operator(
        &self,
        name: &str,
        roles: &BTreeSet<Role>,
        now: Timestamp,
    ) -> Result<(Issued, Zeroizing<String>), AuthorityError> {
        self.make(profile::operator(name, roles, now, self.within())?)
    }

    /// A certificate and a new key (PEM) for this collector under these names.
    pub fn make_server(
        &self,
        names: &[String],
        now: Timestamp,
    ) -> Result<(Issued, Zeroizing<String>), AuthorityError> {
        self.make(profile::server(names, now, self.within())?)
    }

    /// What bounds the life of whatever this authority signs: its own.
    fn within(&self) -> Life {
        let none = Life { from: Timestamp::MIN, until: Timestamp::MIN };
        Life::of(&self.trust().signs.issuing).unwrap_or(none)
    }

    fn make(
        &self,
        (params, serial, not_after): (CertificateParams, String, Timestamp),
    ) -> Result<(Issued, Zeroizing<String>), AuthorityError> {
        let key = Zeroizing::new(KeyPair::generate()?);
        let signed = params.signed_by(&*key, &self.trust().signs.issuer)?;
        let key = Zeroizing::new(key.serialize_pem());
        Ok((Issued { certificate: signed.der().clone(), serial, not_after }, key))
    }
}

/// Whether a server's certificate has to be made anew: for its age, or because it says other names.
pub(crate) fn server_needs_renewal(
    certificate: &CertificateDer<'_>,
    names: &[String],
    now: Timestamp,
) -> bool {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else { return true };
    if Life::of(certificate).is_none_or(|life| life.is_to_be_renewed(now)) {
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
