//! Certificate chains of x509-limbo against the verifier that the collector gives to TLS. Reads
//! `../shared/data/tls/x509-limbo`; every difference from what the suite expects stands in `certificates.tsv` with its reason.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use daicho_collector::grpc::tls::up_to;
use jiff::Timestamp;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use serde::Deserialize;

/// When a case is judged that names no time.
const OTHERWISE: &str = "2025-06-01T00:00:00Z";

#[derive(Deserialize)]
struct Limbo {
    testcases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    trusted_certs: Vec<String>,
    untrusted_intermediates: Vec<String>,
    peer_certificate: String,
    validation_time: Option<Timestamp>,
    expected_result: String,
}

fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/tls/x509-limbo");
    if !folder.is_dir() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{} is missing", folder.display());
        eprintln!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

/// Whether the collector would let this certificate in, or why not.
fn judged(case: &Case) -> Result<(), String> {
    let certificates = |pems: &[String]| -> Result<Vec<CertificateDer<'static>>, String> {
        pems.iter()
            .map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string()))
            .collect()
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = certificates(&case.trusted_certs)?;
    let verifier = up_to(roots, &provider).map_err(|error| error.to_string())?;
    let peer = certificates(std::slice::from_ref(&case.peer_certificate))?.remove(0);
    let between = certificates(&case.untrusted_intermediates)?;
    let at = case.validation_time.unwrap_or_else(|| OTHERWISE.parse().expect("a time")).as_second();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).expect("after 1970")));
    verifier.verify_client_cert(&peer, &between, now).map(|_| ()).map_err(|error| error.to_string())
}

/// The table of differences: id, expected, ours, why.
fn differences() -> BTreeMap<String, (String, String)> {
    let mut table = BTreeMap::new();
    for line in include_str!("certificates.tsv").lines().skip(1) {
        let [id, expected, ours, why] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line:?} has not four columns");
        };
        assert!(expected != ours && why.len() > 20, "{id} wants its reason");
        table.insert(id.to_owned(), (ours.to_owned(), why.to_owned()));
    }
    table
}

#[test]
fn every_difference_from_what_the_published_suite_expects_is_explained_and_none_else_is_there() {
    let Some(folder) = data() else { return };
    let text = fs::read_to_string(folder.join("limbo.json")).expect("the suite is there");
    let suite: Limbo = serde_json::from_str(&text).expect("it is as its schema says");
    let (table, mut faults, mut counts) = (differences(), Vec::new(), BTreeMap::new());
    for case in &suite.testcases {
        let outcome = judged(case);
        let ours = if outcome.is_ok() { "SUCCESS" } else { "FAILURE" };
        *counts.entry((case.expected_result.as_str(), ours)).or_insert(0) += 1;
        let listed = table.get(&case.id).map(|(ours, _)| ours.as_str());
        let differs = (ours != case.expected_result).then_some(ours);
        if listed != differs {
            let why = outcome.err().unwrap_or_default();
            faults.push(format!("{}\t{}\t{ours}\t{why}", case.id, case.expected_result));
        }
    }
    let unknown = table.keys().filter(|id| !suite.testcases.iter().any(|case| case.id == **id));
    faults.extend(unknown.map(|id| format!("{id}: no such case")));
    println!(
        "x509-limbo: {} cases; expected and seen: {counts:?}; {} differences explained",
        suite.testcases.len(),
        table.len()
    );
    assert!(faults.is_empty(), "not as the table says:\n{}", faults.join("\n"));
}
