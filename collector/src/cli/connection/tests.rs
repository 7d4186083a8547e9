//! The sentences that a person gets when there is no way to the collector.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use daicho_rules::text::Language;
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::cli::sentence;
use crate::clock::SystemClock;

fn context(operator: &Path, collector: Option<String>) -> Context {
    Context {
        language: Language::English,
        operator: Some(operator.to_owned()),
        collector,
        clock: Arc::new(SystemClock),
    }
}

/// A folder with a self-signed certificate that ends in that year.
fn folder(year: i32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let certificate = params.self_signed(&key).unwrap().pem();
    for (name, text) in
        [("certificate.pem", &certificate), ("roots.pem", &certificate), ("key.pem", &key.serialize_pem())]
    {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

async fn refused(context: &Context) -> (String, String) {
    let error = Connection::open(context).await.err().expect("there is no collector");
    (sentence(&error, Language::Japanese), sentence(&error, Language::English))
}

#[tokio::test]
async fn a_missing_folder_is_said_with_what_to_do() {
    let (ja, en) = refused(&context(Path::new("/nonexistent/operator"), None)).await;
    assert!(ja.contains("操作者フォルダーがありません（/nonexistent/operator）"), "{ja}");
    assert!(en.contains("there is no operator folder at /nonexistent/operator"), "{en}");
    assert!(en.contains("daicho-collector operator NAME"), "{en}");
}

#[tokio::test]
async fn a_missing_address_and_a_broken_one_are_said() {
    let folder = folder(2100);
    let (_, en) = refused(&context(folder.path(), None)).await;
    assert!(en.contains("collector") && en.contains("cannot be read"), "{en}");
    for address in ["sv01", "https://sv01:7443", "user@sv01:7443", "a b:1"] {
        let (_, en) = refused(&context(folder.path(), Some(address.to_owned()))).await;
        assert!(en.contains("expected HOST:PORT"), "{address}: {en}");
    }
}

#[tokio::test]
async fn an_ended_certificate_is_said_before_anybody_is_asked() {
    let folder = folder(2010);
    let (ja, en) = refused(&context(folder.path(), Some("127.0.0.1:1".to_owned()))).await;
    assert!(ja.contains("2010-01-01 に期限が切れました"), "{ja}");
    assert!(en.contains("ended on 2010-01-01"), "{en}");
}

#[tokio::test]
async fn nobody_answering_is_said() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = folder(2100);
    let (ja, en) = refused(&context(folder.path(), Some(format!("127.0.0.1:{port}")))).await;
    assert!(ja.contains("応答しません"), "{ja}");
    assert!(en.contains("nothing listens there"), "{en}");
}

#[test]
fn a_certificate_of_another_authority_is_said() {
    let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    let error = std::io::Error::other(tls);
    let told = trouble::connecting(&error, "sv01:7443", "/op");
    assert!(told.to_string().contains("has no certificate of the authority in /op/roots.pem"), "{told}");
    let tls = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
    let told = trouble::connecting(&std::io::Error::other(tls), "sv01:80", "/op");
    assert!(told.to_string().contains("is no collector"), "{told}");
    let tls = rustls::Error::AlertReceived(rustls::AlertDescription::UnknownCA);
    let told = trouble::connecting(&std::io::Error::other(tls), "sv01:7443", "/op");
    assert!(told.to_string().contains("it is of another authority"), "{told}");
}

#[test]
fn every_year_has_its_clock() {
    assert!(folder::read(folder(2010).path(), Timestamp::UNIX_EPOCH).is_ok());
}
