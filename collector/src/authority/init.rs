//! A new collector's folder: authority, server certificate, first operator, configuration.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rcgen::{Issuer, KeyPair};
use zeroize::Zeroizing;

use super::{Authority, AuthorityError, files, profile};

/// Makes root and issuing authority in `data`, which holds none yet; returns the authority.
pub fn make(data: &Path, now: Timestamp) -> Result<Authority, AuthorityError> {
    let folder = files::authority(data);
    if folder.exists() {
        return Err(AuthorityError::Exists(data.to_owned()));
    }
    let (root_params, ..) = profile::root(now)?;
    let root_key = KeyPair::generate()?;
    let root = root_params.self_signed(&root_key)?;
    let root_key_pem = Zeroizing::new(root_key.serialize_pem());
    let (issuing_params, ..) = profile::issuing(now)?;
    let issuing_key = KeyPair::generate()?;
    let issuing = issuing_params.signed_by(&issuing_key, &Issuer::new(root_params, root_key))?;

    // Under another name until it is whole: a half-made authority is none.
    let staging = data.join(".authority.new");
    files::make_folder(data)?;
    match std::fs::remove_dir_all(&staging) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(AuthorityError::File { action: "clear", path: staging, source });
        }
        _ => files::make_folder(&staging)?,
    }
    files::write_new(&staging.join("root.pem"), &root.pem(), 0o644)?;
    files::write_new(&staging.join("root-key.pem"), &root_key_pem, 0o600)?;
    files::write_new(&staging.join("issuing.pem"), &issuing.pem(), 0o644)?;
    files::write_new(&staging.join("issuing-key.pem"), &Zeroizing::new(issuing_key.serialize_pem()), 0o600)?;
    std::fs::rename(&staging, &folder).map_err(|source| AuthorityError::File {
        action: "name",
        path: folder,
        source,
    })?;
    Authority::open(data)
}

/// Writes the configuration that names this collector, unless there is one.
pub fn write_config(data: &Path, names: &[String]) -> Result<PathBuf, AuthorityError> {
    let path = data.join(crate::config::FILE_NAME);
    if !path.exists() {
        let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let line = format!("names = [{}]", quoted.join(", "));
        files::write_new(&path, &crate::config::TEMPLATE.replace("names = [\"localhost\"]", &line), 0o600)?;
    }
    Ok(path)
}

/// Writes an operator's identity into its folder. An earlier one of the same name is replaced.
pub fn write_operator(
    data: &Path,
    name: &str,
    authority: &Authority,
    issued: &super::Issued,
    key_pem: &str,
    collector: &str,
) -> Result<PathBuf, AuthorityError> {
    let folder = files::operator(data, name);
    files::make_folder(&folder)?;
    let chain = authority.chain(issued.certificate.clone());
    files::replace(&folder.join("key.pem"), key_pem, 0o600)?;
    files::replace(&folder.join("certificate.pem"), &files::pem(&chain[..2]), 0o600)?;
    files::replace(&folder.join("roots.pem"), &files::pem(&authority.roots_to_give()), 0o600)?;
    files::replace(&folder.join("collector"), &format!("{collector}\n"), 0o600)?;
    Ok(folder)
}

/// The server's chain and key: those on disk, or new ones where a third of their life is left or the names changed.
pub fn server_identity(
    data: &Path,
    authority: &Authority,
    names: &[String],
    now: Timestamp,
) -> Result<(Vec<rustls_pki_types::CertificateDer<'static>>, Zeroizing<String>), AuthorityError> {
    let folder = data.join("server");
    let (chain_path, key_path) = (folder.join("certificate.pem"), folder.join("key.pem"));
    if chain_path.exists() {
        let chain = super::certificates(&files::read(&chain_path)?);
        let key = files::read(&key_path);
        if let (Ok(chain), Ok(key)) = (chain, key)
            && !super::server_needs_renewal(&chain[0], names, now)
            && authority.signed(&chain)
        {
            return Ok((chain, key));
        }
    }
    let (issued, key) = authority.make_server(names, now)?;
    let chain = authority.chain(issued.certificate);
    files::make_folder(&folder)?;
    files::replace(&key_path, &key, 0o600)?;
    files::replace(&chain_path, &files::pem(&chain), 0o644)?;
    tracing::info!(names = ?names, not_after = %issued.not_after, "Server certificate made.");
    Ok((chain, key))
}
