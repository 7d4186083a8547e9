//! Keys and certificates on disk: folders for us alone (0700), keys for us alone (0600), nothing overwritten.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use daicho_proto::token::Fingerprint;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::AuthorityError;

/// The authority's folder in a data folder.
pub fn authority(data: &Path) -> PathBuf {
    data.join("authority")
}

/// The folder of one operator's identity: `certificate.pem`, `key.pem`, `roots.pem`, `collector`.
pub fn operator(data: &Path, name: &str) -> PathBuf {
    data.join("operators").join(name)
}

/// SHA-256 of a certificate's DER.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, certificate).as_ref());
    Fingerprint(bytes)
}

/// A PEM text of certificates, one after the other.
pub fn pem(certificates: &[CertificateDer<'_>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = data_encoding::BASE64.encode(certificate);
        for line in encoded.as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

pub(crate) fn make_folder(path: &Path) -> Result<(), AuthorityError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| AuthorityError::File { action: "make the folder", path: path.to_owned(), source })
}

/// Writes a file that was not there, durable before it has its name.
pub(crate) fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), AuthorityError> {
    let failed = |source| AuthorityError::File { action: "write", path: path.to_owned(), source };
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// Replaces a file as a whole: a reader sees the old one or the new one.
pub(crate) fn replace(path: &Path, text: &str, mode: u32) -> Result<(), AuthorityError> {
    let fresh = path.with_extension("new");
    let failed = |source| AuthorityError::File { action: "replace", path: path.to_owned(), source };
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    write_new(&fresh, text, mode)?;
    fs::rename(&fresh, path).map_err(failed)
}

/// Reads a text, which may hold a key: it is wiped when it is no longer needed.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, AuthorityError> {
    fs::read_to_string(path).map(Zeroizing::new).map_err(|source| AuthorityError::File {
        action: "read",
        path: path.to_owned(),
        source,
    })
}

pub(crate) fn read_certificate(path: &Path) -> Result<CertificateDer<'static>, AuthorityError> {
    let unreadable = |reason| AuthorityError::Unreadable { path: path.to_owned(), reason };
    let mut all = super::certificates(&read(path)?).map_err(unreadable)?;
    Ok(all.swap_remove(0))
}
