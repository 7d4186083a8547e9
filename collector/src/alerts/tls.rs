//! Which servers are trusted, and which are this very machine.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// The certificates of a hospital's own authority. With it, no public authority is trusted.
pub(super) fn authority(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let cannot = |reason: String| format!("the authority in {} cannot be read: {reason}", path.display());
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| cannot(error.to_string()))?;
    if certificates.is_empty() {
        return Err(cannot("there is no PEM certificate in it".to_owned()));
    }
    Ok(certificates)
}

/// A TLS client that trusts that authority alone.
pub(super) fn client(authority: Vec<CertificateDer<'static>>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in authority {
        roots.add(certificate).map_err(|error| format!("an authority's certificate is unusable: {error}"))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Whether nobody on the network can listen in on the way to `host`.
pub(super) fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A host name or address: letters, digits, dots, dashes, colons, so that it can stand in a log or an address.
pub(super) fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'))
}
