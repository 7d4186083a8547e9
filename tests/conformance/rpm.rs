//! Real rpm databases (SQLite, NDB, Berkeley) against the lists that rpm itself gives. Reads `../shared/data/rpmdb`.

use std::path::{Path, PathBuf};

use daicho_proto::facts::Look;

fn data() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/rpmdb");
    if !path.is_dir() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{} is missing", path.display());
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// Name, label, architecture, source package; one line a package, sorted.
fn golden(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter(|columns| columns[0] != "gpg-pubkey")
        .map(|columns| {
            let [name, epoch, version, release, architecture, _, _, _, source] = columns[..] else {
                panic!("{columns:?} has not nine columns");
            };
            let epoch = if epoch == "(none)" || epoch == "0" { String::new() } else { format!("{epoch}:") };
            format!("{name} {epoch}{version}-{release} {architecture} {source}")
        })
        .collect();
    lines.sort();
    lines
}

fn seen(database: &Path) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rpm = folder.path().join("var/lib/rpm");
    std::fs::create_dir_all(&rpm).expect("a folder");
    std::fs::copy(database, rpm.join(database.file_name().expect("a name"))).expect("a copy");
    let platform = daicho_agent::platform::at_root(folder.path()).expect("a root");
    let Look::Seen { value, problems } = platform.packages() else { panic!("{database:?} was not read") };
    assert!(problems.is_empty(), "{problems:?}");
    let mut lines: Vec<String> = value
        .into_iter()
        .map(|package| {
            let built = package.version.rsplit_once(':').map_or(package.version.as_str(), |(_, built)| built);
            let source_name = package.source_name.as_deref().unwrap_or(&package.name);
            let source_version = package.source_version.as_deref().unwrap_or(built);
            let architecture = package.architecture.as_deref().unwrap_or("(none)");
            let (name, version) = (&package.name, &package.version);
            format!("{name} {version} {architecture} {source_name}-{source_version}.src.rpm")
        })
        .collect();
    lines.sort();
    lines
}

fn check(list: &str, database: &str) {
    let Some(data) = data() else { return };
    let expected = golden(&std::fs::read_to_string(data.join(list)).expect("the golden list"));
    let seen = seen(&data.join(database));
    println!("{database}: {} packages seen, {} expected", seen.len(), expected.len());
    assert_eq!(seen, expected);
}

#[test]
fn sqlite_of_mariner_agrees_with_rpm() {
    check("golden-go-rpmdb-cbl-mariner-2.0.tsv", "go-rpmdb/cbl-mariner-2.0/rpmdb.sqlite");
}

#[test]
fn sqlite_of_fedora_agrees_with_rpm() {
    check("golden-osquery-rpm-sqlite.tsv", "osquery/rpm-sqlite/rpmdb.sqlite");
}

#[test]
fn berkeley_agrees_with_rpm() {
    check("golden-go-rpmdb-libuuid.tsv", "go-rpmdb/libuuid/Packages");
    check("golden-osquery-rpm-bdb.tsv", "osquery/rpm-bdb/Packages");
}

#[test]
fn ndb_agrees_with_rpm() {
    check("golden-go-rpmdb-sle15-bci.tsv", "go-rpmdb/sle15-bci/Packages.db");
    check("golden-osquery-rpm-ndb.tsv", "osquery/rpm-ndb/Packages.db");
}

/// What is damaged may be told as damaged or give fewer packages; it never panics and never hangs.
#[test]
fn damaged_databases_never_panic() {
    let Some(data) = data() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rpm = folder.path().join("var/lib/rpm");
    std::fs::create_dir_all(&rpm).expect("a folder");
    let platform = daicho_agent::platform::at_root(folder.path()).expect("a root");
    let mut chance = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        usize::try_from(chance % below as u64).unwrap_or(0)
    };
    for database in
        ["osquery/rpm-ndb/Packages.db", "osquery/rpm-bdb/Packages", "osquery/rpm-sqlite/rpmdb.sqlite"]
    {
        let from = data.join(database);
        let whole = std::fs::read(&from).expect("a database");
        let to = rpm.join(from.file_name().expect("a name"));
        for _ in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..1 + next(60) {
                let at = if next(2) == 0 { next(4096) } else { next(bytes.len()) };
                bytes[at] = u8::try_from(next(256)).unwrap_or(0);
            }
            std::fs::write(&to, &bytes).expect("a copy");
            let _ = platform.packages();
        }
        std::fs::remove_file(&to).expect("removed");
    }
}
