//! The issuing authority of the day, and the roots: who signs now, who is trusted, and how one follows the other.
//!
//! | file in `authority/` | holds |
//! |---|---|
//! | `root.pem`, `issuing.pem`, `issuing-key.pem` | generation 0, as `init` made it |
//! | `generation-<n>.pem` | the key and certificate of a later issuing authority, and the root above it; one file, so that one rename makes it count |
//! | `root-key.pem`, `root-key-<n>.pem` | keys of roots; they may be kept elsewhere |
//! | `next-root.pem`, `next-root-key.pem` | a root that is already trusted and does not sign yet |
//!
//! The generation with the highest number signs. What the earlier ones signed holds until it ends.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rcgen::{Issuer, KeyPair, PublicKeyData as _};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::{AuthorityError, files, profile};

/// Who signs.
pub(super) struct Generation {
    pub(super) number: u32,
    pub(super) issuer: Issuer<'static, KeyPair>,
    pub(super) issuing: CertificateDer<'static>,
    pub(super) root: CertificateDer<'static>,
}

/// The one with the highest number.
pub(super) fn newest(folder: &Path) -> Result<Generation, AuthorityError> {
    let number = numbers(folder)?.into_iter().max().unwrap_or(0);
    let (path, mut certificates) = if number == 0 {
        let one = |name: &str| files::read_certificate(&folder.join(name));
        (folder.join("issuing-key.pem"), vec![one("issuing.pem")?, one("root.pem")?])
    } else {
        let path = file(folder, number);
        let unreadable = |reason| AuthorityError::Unreadable { path: path.clone(), reason };
        let certificates = super::certificates(&files::read(&path)?).map_err(unreadable)?;
        (path, certificates)
    };
    let unreadable = |reason: String| AuthorityError::Unreadable { path: path.clone(), reason };
    let (Some(root), Some(issuing), None) = (certificates.pop(), certificates.pop(), certificates.pop())
    else {
        return Err(unreadable("it does not hold two certificates".to_owned()));
    };
    let key = KeyPair::from_pem(&files::read(&path)?).map_err(|error| unreadable(error.to_string()))?;
    let issuer = Issuer::from_ca_cert_der(&issuing, key).map_err(|error| unreadable(error.to_string()))?;
    Ok(Generation { number, issuer, issuing, root })
}

/// All roots that are trusted: those of every generation, and the next one. Who signs now stands first.
pub(super) fn roots(
    folder: &Path,
    newest: &Generation,
) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
    let mut roots = vec![newest.root.clone()];
    let mut add = |certificate: CertificateDer<'static>| {
        if !roots.contains(&certificate) {
            roots.push(certificate);
        }
    };
    if let Some(next) = next_root(folder)? {
        add(next);
    }
    add(files::read_certificate(&folder.join("root.pem"))?);
    for number in numbers(folder)? {
        let path = file(folder, number);
        let all = super::certificates(&files::read(&path)?);
        let all = all.map_err(|reason| AuthorityError::Unreadable { path, reason })?;
        all.into_iter().nth(1).into_iter().for_each(&mut add);
    }
    Ok(roots)
}

/// The root that follows, if one is prepared.
pub(super) fn next_root(folder: &Path) -> Result<Option<CertificateDer<'static>>, AuthorityError> {
    let path = folder.join("next-root.pem");
    if path.exists() { files::read_certificate(&path).map(Some) } else { Ok(None) }
}

/// Makes the next root, which is trusted from now on and signs nothing yet.
pub(super) fn prepare_root(folder: &Path, now: Timestamp) -> Result<CertificateDer<'static>, AuthorityError> {
    let (params, ..) = profile::root(now)?;
    let key = Zeroizing::new(KeyPair::generate()?);
    let root = params.self_signed(&*key)?;
    // The key first: a root without a key would be trusted for nothing.
    files::replace(&folder.join("next-root-key.pem"), &Zeroizing::new(key.serialize_pem()), 0o600)?;
    files::replace(&folder.join("next-root.pem"), &root.pem(), 0o644)?;
    Ok(root.der().clone())
}

/// Makes the generation after `before`, under `root`, whose key lies in `elsewhere` or in the folder.
pub(super) fn make(
    folder: &Path,
    before: &Generation,
    root: &CertificateDer<'static>,
    elsewhere: Option<&Path>,
    now: Timestamp,
) -> Result<(), AuthorityError> {
    let (path, root_key) = root_key(folder, root, elsewhere)?;
    let unreadable = |error: rcgen::Error| AuthorityError::Unreadable { path, reason: error.to_string() };
    let above = Issuer::from_ca_cert_der(root, root_key).map_err(unreadable)?;
    let (params, ..) = profile::issuing(now)?;
    let key = Zeroizing::new(KeyPair::generate()?);
    let issuing = params.signed_by(&*key, &above)?;
    let (key, chain) =
        (Zeroizing::new(key.serialize_pem()), files::pem(&[issuing.der().clone(), root.clone()]));
    // As long as both from the beginning: a text that grows leaves its former place behind.
    let mut text = Zeroizing::new(String::with_capacity(key.len() + chain.len()));
    text.push_str(&key);
    text.push_str(&chain);
    files::replace(&file(folder, before.number + 1), &text, 0o600)
}

/// The next root signs: called after [`make`] under it.
pub(super) fn settle_root(folder: &Path, number: u32) -> Result<(), AuthorityError> {
    let rename = |from: &str, to: &str| {
        let path = folder.join(from);
        std::fs::rename(&path, folder.join(to)).map_err(|source| AuthorityError::File {
            action: "rename",
            path,
            source,
        })
    };
    let key = folder.join("next-root-key.pem");
    if key.exists() {
        rename("next-root-key.pem", &format!("root-key-{number}.pem"))?;
    }
    std::fs::remove_file(folder.join("next-root.pem")).map_err(|source| AuthorityError::File {
        action: "remove",
        path: folder.join("next-root.pem"),
        source,
    })
}

/// Whether the key of a root lies in the folder.
pub(super) fn has_root_key(folder: &Path, root: &CertificateDer<'static>) -> bool {
    root_key(folder, root, None).is_ok()
}

fn root_key(
    folder: &Path,
    root: &CertificateDer<'static>,
    elsewhere: Option<&Path>,
) -> Result<(PathBuf, KeyPair), AuthorityError> {
    let candidates = match elsewhere {
        Some(path) => vec![path.to_owned()],
        None => {
            let mut names = names(folder)?;
            names.retain(|name| name.contains("root-key") && has_ending(name));
            names.into_iter().map(|name| folder.join(name)).collect()
        }
    };
    let (_, parsed) = x509_parser::parse_x509_certificate(root)
        .map_err(|error| AuthorityError::Request(format!("the root cannot be read: {error}")))?;
    for path in candidates {
        let key = KeyPair::from_pem(&files::read(&path)?);
        let key =
            key.map_err(|error| AuthorityError::Unreadable { path: path.clone(), reason: error.to_string() });
        match key {
            Ok(key) if key.subject_public_key_info() == parsed.public_key().raw => return Ok((path, key)),
            Err(error) if elsewhere.is_some() => return Err(error),
            _ => {}
        }
    }
    Err(AuthorityError::RootKey(elsewhere.unwrap_or(folder).to_owned()))
}

fn file(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("generation-{number}.pem"))
}

fn numbers(folder: &Path) -> Result<Vec<u32>, AuthorityError> {
    let number = |name: &String| name.strip_prefix("generation-")?.strip_suffix(".pem")?.parse().ok();
    Ok(names(folder)?.iter().filter_map(number).collect())
}

/// The names of the authority's files: what a backup holds.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, AuthorityError> {
    let failed = |source| AuthorityError::File { action: "list", path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string().ok().filter(|name| has_ending(name)));
    }
    names.sort();
    Ok(names)
}

fn has_ending(name: &str) -> bool {
    name.ends_with(".pem")
}
