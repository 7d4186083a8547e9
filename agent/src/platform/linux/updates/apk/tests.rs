//! A small machine with two repositories.

use std::io::Write as _;

use super::*;

const MAIN: &str = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main";

/// A member of tar: head and content, padded.
fn member(name: &str, content: &str, seconds: u64) -> Vec<u8> {
    let mut head = vec![0; BLOCK_BYTES];
    head[..name.len()].copy_from_slice(name.as_bytes());
    head[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    head[136..148].copy_from_slice(format!("{seconds:011o}\0").as_bytes());
    head.extend(content.bytes());
    head.resize(head.len().next_multiple_of(BLOCK_BYTES), 0);
    head
}

/// Signature and list are packed apart, one behind the other.
fn index(list: &str, seconds: u64) -> Vec<u8> {
    let pack = |bytes: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    let list = [member("DESCRIPTION", "v3.19", 0), member("APKINDEX", list, seconds)].concat();
    [pack(&member(".SIGN.RSA.x.rsa.pub", &"x".repeat(512), 0)), pack(&list)].concat()
}

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Machine(tempfile::tempdir().unwrap());
        machine.write("etc/apk/repositories", format!("#http://no/\n{MAIN}\n@edge /srv/edge\n").as_bytes());
        machine
            .main("P:musl\nV:1.2.5-r1\n\nP:libssl3\nV:3.3.2-r0\n\nP:libssl3\nV:3.3.1-r9\n\nP:zlib\nV:1.2\n");
        machine.write(
            "srv/edge/x86_64/APKINDEX.tar.gz",
            &index("P:musl\nV:9\n\nP:zlib\nV:1.4-r0\n", 1_800_000_000),
        );
        machine.write("etc/apk/world", b"musl zlib@edge\n");
        machine
    }

    /// Under the first bytes of the address's SHA-1.
    fn main(&self, list: &str) {
        let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, MAIN.as_bytes());
        let short = data_encoding::HEXLOWER.encode(&digest.as_ref()[..4]);
        self.write(&format!("var/cache/apk/APKINDEX.{short}.tar.gz"), &index(list, 1_700_000_000));
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn look(&self) -> Outcome {
        let package = |name: &str, version: &str| Package {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: Some("x86_64".to_owned()),
            ..Package::default()
        };
        let installed = [
            package("musl", "1.2.5-r1"),
            package("libssl3", "3.3.1-r0"),
            package("zlib", "1.3-r0"),
            package("own", "1"),
        ];
        look(&Root::at(self.0.path()).unwrap(), &installed)
    }
}

#[test]
fn the_address_names_its_index_as_apk_does() {
    // Seen in the logs of Alpine 3.10: APKINDEX.00740ba1.tar.gz is this one.
    let address = "http://dl-cdn.alpinelinux.org/alpine/v3.10/main";
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("var/cache/apk");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::write(cache.join("APKINDEX.00740ba1.tar.gz"), "").unwrap();
    let found = find(&Root::at(folder.path()).unwrap(), &repository(address).unwrap(), "x86_64");
    assert_eq!(found.unwrap().0, "/var/cache/apk/APKINDEX.00740ba1.tar.gz");
}

#[test]
fn the_newest_version_of_a_repository_that_may_be_used_waits() {
    let machine = Machine::new();
    let outcome = machine.look();
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    let told: Vec<_> = outcome
        .pending
        .unwrap()
        .into_iter()
        .map(|update| {
            format!("{} {} {}", update.name, update.available_version.unwrap(), update.origin.unwrap())
        })
        .collect();
    assert_eq!(told, [format!("libssl3 3.3.2-r0 {MAIN}"), "zlib 1.4-r0 /srv/edge".to_owned()]);
    assert_eq!(outcome.unlisted.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["own"]);
    assert_eq!(outcome.as_of.unwrap().as_second(), 1_700_000_000);
}

#[test]
fn an_index_that_is_missing_is_no_compliance() {
    let machine = Machine::new();
    std::fs::remove_dir_all(machine.0.path().join("var")).unwrap();
    assert!(machine.look().problems.iter().any(|problem| problem.contains(MAIN)));
    std::fs::remove_dir_all(machine.0.path().join("srv")).unwrap();
    let outcome = machine.look();
    assert!(outcome.pending.is_none() && outcome.problems[0].contains("apk update"));
}

#[test]
fn a_broken_index_is_told() {
    let machine = Machine::new();
    let whole = index("P:zlib\nV:2-r0\n", 0);
    let mut chance = fastrand::Rng::with_seed(31);
    for _ in 0..200 {
        let mut bytes = whole.clone();
        bytes.truncate(chance.usize(..whole.len()));
        machine.write("srv/edge/x86_64/APKINDEX.tar.gz", &bytes);
        assert!(!machine.look().problems.is_empty(), "{} bytes", bytes.len());
    }
}
