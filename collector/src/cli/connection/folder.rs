//! The operator's folder: `certificate.pem`, `key.pem`, `roots.pem`, and `collector` with the address to ask.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::cli::{Context, failure};

/// What an operator shows and trusts, PEM.
pub(super) struct Operator {
    pub(super) certificate: String,
    pub(super) key: String,
    pub(super) roots: String,
}

/// The folder that was named, else the first of the usual ones that is there.
pub(super) fn find(context: &Context) -> anyhow::Result<PathBuf> {
    let named = context.operator.clone().filter(|path| !path.as_os_str().is_empty());
    let places = match named {
        Some(path) => vec![path],
        None => usual_places(std::env::var_os("XDG_CONFIG_HOME"), std::env::var_os("HOME")),
    };
    if let Some(found) = places.iter().find(|place| place.is_dir()) {
        return Ok(found.clone());
    }
    let tried = places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>();
    Err(failure(
        format!(
            "操作者フォルダーがありません（{}）。コレクターの管理者が `daicho-collector operator 名前` で作ったフォルダーを、--operator で指定するか、ここに置いてください。",
            tried.join("、")
        ),
        format!(
            "there is no operator folder at {}; the collector's administrator makes one with `daicho-collector operator \
             NAME`: name it with --operator, or put it there",
            tried.join(" or ")
        ),
    ))
}

fn usual_places(config: Option<std::ffi::OsString>, home: Option<std::ffi::OsString>) -> Vec<PathBuf> {
    let config = config.map(PathBuf::from).or_else(|| home.map(|home| PathBuf::from(home).join(".config")));
    let mut places: Vec<PathBuf> = config.into_iter().map(|config| config.join("daicho/operator")).collect();
    places.push(PathBuf::from("/etc/daicho/operator"));
    places
}

/// Reads the folder; a certificate that has ended is said before anybody is asked.
pub(super) fn read(folder: &Path, now: Timestamp) -> anyhow::Result<Operator> {
    let certificate = read_file(folder, "certificate.pem")?;
    let operator =
        Operator { key: read_file(folder, "key.pem")?, roots: read_file(folder, "roots.pem")?, certificate };
    for (name, text) in [("certificate.pem", &operator.certificate), ("roots.pem", &operator.roots)] {
        let path = folder.join(name).display().to_string();
        let Ok(der) = CertificateDer::from_pem_slice(text.as_bytes()) else {
            return Err(failure(
                format!(
                    "{path} に証明書がありません。管理者に操作者フォルダーを作り直してもらってください。"
                ),
                format!("{path} holds no certificate; have the administrator make the operator folder anew"),
            ));
        };
        if let Some(ended) = ended_at(&der).filter(|ended| *ended <= now) {
            let day = daicho_proto::time::japanese_date(ended);
            return Err(failure(
                format!(
                    "{path} の証明書は {day} に期限が切れました。管理者に `daicho-collector operator 名前` で新しいフォルダーを作ってもらってください。"
                ),
                format!(
                    "the certificate in {path} ended on {day}; the administrator makes a new folder with \
                     `daicho-collector operator NAME`"
                ),
            ));
        }
    }
    Ok(operator)
}

fn ended_at(der: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, parsed) = x509_parser::parse_x509_certificate(der).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

/// The address to ask: the one that was named, else the folder's.
pub(super) fn address(context: &Context, folder: &Path) -> anyhow::Result<String> {
    let named = context.collector.clone().filter(|address| !address.trim().is_empty());
    let address = match named {
        Some(address) => address,
        None => read_file(folder, "collector")?,
    };
    let address = address.trim().to_owned();
    let parsed: Result<http::uri::Authority, _> = address.parse();
    match parsed {
        Ok(authority) if authority.port().is_some() && !address.contains('@') => Ok(address),
        _ => Err(failure(
            format!(
                "コレクターの住所 {address:?} は読めません。「ホスト名:ポート」の形（例 sv01.example:7443）で指定してください。"
            ),
            format!(
                "{address:?} is no address of a collector; expected HOST:PORT, such as sv01.example:7443"
            ),
        )),
    }
}

fn read_file(folder: &Path, name: &str) -> anyhow::Result<String> {
    let path = folder.join(name);
    std::fs::read_to_string(&path).map_err(|error| {
        let path = path.display();
        failure(
            format!("操作者フォルダーの {path} が読めません（{error}）。読み取りの権限を確かめるか、管理者に作り直してもらってください。"),
            format!("{path} of the operator folder cannot be read ({error}); check that you may read it, or have it made anew"),
        )
    })
}
