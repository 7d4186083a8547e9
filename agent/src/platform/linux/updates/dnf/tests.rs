//! A small machine with two repositories.

use std::io::Write as _;
use std::path::Path;

use super::*;

const REPOS: &str = "[baseos]\nname=x\n[extras]\nenabled = 0\n[epel]\nenabled=1\n";

fn repomd(updateinfo: bool, timestamp: u64) -> String {
    let data = |kind: &str| {
        format!(
            "<data type=\"{kind}\">\n<location href=\"repodata/0-{kind}.xml.gz\"/>\n<timestamp>{timestamp}</timestamp></data>\n"
        )
    };
    format!(
        "<repomd>{}{}</repomd>",
        data("primary"),
        if updateinfo { data("updateinfo") } else { String::new() }
    )
}

fn package(name: &str, architecture: &str, epoch: u32, version: &str, release: &str) -> String {
    format!(
        "<package type=\"rpm\">\n  <name>{name}</name>\n  <arch>{architecture}</arch>\n  \
         <version epoch=\"{epoch}\" ver=\"{version}\" rel=\"{release}\"/>\n  <summary>x</summary>\n</package>\n"
    )
}

fn header(name: &str, epoch: Option<u32>, version: &str, release: &str) -> Header {
    Header {
        name: name.to_owned(),
        epoch,
        version: version.to_owned(),
        release: release.to_owned(),
        architecture: Some("x86_64".to_owned()),
        ..Header::default()
    }
}

fn pack(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    std::fs::write(path, packed.finish().unwrap()).unwrap();
}

fn machine() -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("etc/yum.repos.d/x.repo", REPOS);
    let baseos = "var/cache/dnf/baseos-0123456789abcdef/repodata";
    write(&format!("{baseos}/repomd.xml"), &repomd(true, 1_700_000_000));
    let primary = package("openssl-libs", "x86_64", 1, "3.0.7", "27.el9")
        + &package("openssl-libs", "i686", 1, "3.0.9", "1.el9")
        + &package("bash", "x86_64", 0, "5.1.8", "9.el9")
        + &package("kernel-core", "x86_64", 0, "5.14.0", "427.el9")
        + &package("tzdata", "noarch", 0, "2024b", "1.el9");
    pack(&folder.path().join(format!("{baseos}/0-primary.xml.gz")), &primary);
    let advisory = "<updates><update from=\"x\" status=\"final\" type=\"security\"><id>1</id><collection>\
        <package arch=\"x86_64\" epoch=\"1\" name=\"openssl-libs\" release=\"25.el9\" src=\"x\" version=\"3.0.7\">\
        </package></collection></update>\n<update type=\"bugfix\"><collection>\
        <package arch=\"noarch\" epoch=\"0\" name=\"tzdata\" release=\"1.el9\" version=\"2024b\"/></collection></update>";
    pack(&folder.path().join(format!("{baseos}/0-updateinfo.xml.gz")), advisory);
    let epel = "var/cache/dnf/epel-fedcba9876543210/repodata";
    write(&format!("{epel}/repomd.xml"), &repomd(false, 1_600_000_000));
    pack(
        &folder.path().join(format!("{epel}/0-primary.xml.gz")),
        &package("htop", "x86_64", 0, "3.3.0", "1.el9"),
    );
    let extras = "var/cache/dnf/extras-fedcba9876543210/repodata";
    write(&format!("{extras}/repomd.xml"), &repomd(false, 1_600_000_000));
    pack(&folder.path().join(format!("{extras}/0-primary.xml.gz")), &package("bash", "x86_64", 0, "9", "9"));
    let root = Root::at(folder.path()).unwrap();
    (folder, root)
}

fn installed() -> Vec<Header> {
    vec![
        header("openssl-libs", Some(1), "3.0.7", "24.el9"),
        header("bash", None, "5.1.8", "9.el9"),
        header("kernel-core", None, "5.14.0", "362.el9"),
        header("kernel-core", None, "5.14.0", "427.el9"),
        header("nodejs", Some(1), "16.20", "8.el9"),
        header("htop", None, "3.2.0", "1.el9"),
        header("tzdata", None, "2024a", "1.el9"),
    ]
}

#[test]
fn updates_have_their_security_told_by_advisories() {
    let (_folder, root) = machine();
    let outcome = look(&root, &installed());
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    let pending = outcome.pending.unwrap();
    let seen: Vec<_> = pending
        .iter()
        .map(|update| {
            let available = update.available_version.as_deref().unwrap();
            (update.name.as_str(), available, update.security, update.origin.as_deref().unwrap())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("htop", "3.3.0-1.el9", None, "epel"),
            ("openssl-libs", "1:3.0.7-27.el9", Some(true), "baseos"),
            ("tzdata", "2024b-1.el9", Some(false), "baseos"),
        ]
    );
    // The oldest of those with advisories: epel's age says nothing.
    assert_eq!(outcome.as_of.unwrap().as_second(), 1_700_000_000);
}

/// What waits, `name available security origin held`, one a line.
fn told(root: &Root) -> String {
    told_of(root, &installed())
}

fn told_of(root: &Root, installed: &[Header]) -> String {
    let outcome = look(root, installed);
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    let lines = outcome.pending.unwrap().into_iter().map(|update| {
        let held = if update.held { " held" } else { "" };
        let (available, origin) = (update.available_version.unwrap(), update.origin.unwrap());
        format!("{} {available} {:?} {origin}{held}", update.name, update.security)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// See fixtures/dnf/README.md.
#[test]
fn real_metadata_is_read_as_dnf_reads_it() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dnf");
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &[u8]| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("etc/yum.repos.d/t.repo", b"[repo1]\npriority=10\n[repo2]\n");
    write("etc/dnf/dnf.conf", b"[main]\nexcludepkgs=delta\n");
    write("etc/dnf/modules.d/modpkg.module", b"[modpkg]\nname=modpkg\nstream=16\nstate=enabled\n");
    for name in ["repo1", "repo2"] {
        for file in std::fs::read_dir(fixtures.join(name).join("repodata")).unwrap() {
            let file = file.unwrap();
            let place = format!("var/cache/dnf/{name}-0123456789abcdef/repodata");
            let path = format!("{place}/{}", file.file_name().to_str().unwrap());
            write(&path, &std::fs::read(file.path()).unwrap());
        }
    }
    let mut installed: Vec<Header> = ["alpha", "gamma", "delta", "locked", "oldname"]
        .map(|name| header(name, None, "1.0", "1.el9"))
        .into();
    installed.push(header("local", None, "1.0", "1"));
    installed.push(header("modpkg", None, "16.0", "1.module+el9"));
    installed
        .push(Header { architecture: Some("noarch".to_owned()), ..header("beta", Some(1), "2.0", "1.el9") });
    let root = Root::at(folder.path()).unwrap();
    let mut expected: Vec<String> = Vec::new();
    let told_by_dnf = std::fs::read_to_string(fixtures.join("check-update.txt")).unwrap();
    let (updates, obsoleting) = told_by_dnf.split_once("Obsoleting Packages\n").unwrap();
    for line in updates.lines() {
        let [name, version, origin] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let name = name.split('.').next().unwrap();
        let security = Some(["alpha", "locked"].contains(&name));
        expected.push(format!("{name} {version} {security:?} {origin}"));
    }
    let words: Vec<&str> = obsoleting.split_whitespace().collect();
    let bare = |index: usize| words[index].split('.').next().unwrap();
    expected.push(format!("{} {} None {} ({})", bare(3), words[1], words[2], bare(0)));
    assert_eq!(told_of(&root, &installed), expected.join("\n"));
    let unlisted = look(&root, &installed).unlisted;
    assert_eq!(unlisted.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["local"]);
}

#[test]
fn what_no_repository_has_is_told() {
    let (_folder, root) = machine();
    let unlisted = look(&root, &installed()).unlisted;
    let names: Vec<&str> = unlisted.iter().map(|package| package.name.as_str()).collect();
    // The older kernel beside the newer one is no matter.
    assert_eq!(names, ["nodejs"]);
}

#[test]
fn exclusions_keep_updates_away_but_no_security_update() {
    let (folder, root) = machine();
    std::fs::create_dir_all(folder.path().join("etc/dnf")).unwrap();
    std::fs::write(folder.path().join("etc/dnf/dnf.conf"), "[main]\nexcludepkgs=openssl*,tzdata\n").unwrap();
    assert_eq!(told(&root), "htop 3.3.0-1.el9 None epel\nopenssl-libs 1:3.0.7-27.el9 Some(true) baseos held");
}

#[test]
fn a_locked_package_waits_none_the_less() {
    let (folder, root) = machine();
    std::fs::create_dir_all(folder.path().join("etc/dnf/plugins")).unwrap();
    std::fs::write(folder.path().join("etc/dnf/plugins/versionlock.list"), "htop-0:3.2.0-1.el9.*\n").unwrap();
    assert!(told(&root).starts_with("htop 3.3.0-1.el9 None epel held\n"));
}

#[test]
fn the_repository_with_the_best_priority_alone_counts() {
    let (folder, root) = machine();
    let epel = "var/cache/dnf/epel-fedcba9876543210/repodata/0-primary.xml.gz";
    let packages =
        package("htop", "x86_64", 0, "3.3.0", "1.el9") + &package("bash", "x86_64", 0, "6.0", "1.el9");
    pack(&folder.path().join(epel), &packages);
    assert!(told(&root).contains("bash 6.0-1.el9"));
    let repos = REPOS.replace("[baseos]", "[baseos]\npriority=10");
    std::fs::write(folder.path().join("etc/yum.repos.d/x.repo"), repos).unwrap();
    assert!(!told(&root).contains("bash"));
}

#[test]
fn only_the_chosen_stream_of_a_module_counts() {
    let (folder, root) = machine();
    let baseos = folder.path().join("var/cache/dnf/baseos-0123456789abcdef/repodata");
    let text = repomd(true, 1_700_000_000).replace(
        "</repomd>",
        "<data type=\"modules\"><location href=\"repodata/0-modules.yaml.gz\"/></data></repomd>",
    );
    std::fs::write(baseos.join("repomd.xml"), text).unwrap();
    let primary = package("nodejs", "x86_64", 1, "16.20", "8.el9")
        + &package("nodejs", "x86_64", 1, "18.1", "1.module+el9")
        + &package("nodejs", "x86_64", 1, "20.1", "1.module+el9")
        + &package("openssl-libs", "x86_64", 1, "3.0.7", "24.el9")
        + &package("bash", "x86_64", 0, "5.1.8", "9.el9")
        + &package("kernel-core", "x86_64", 0, "5.14.0", "427.el9")
        + &package("tzdata", "noarch", 0, "2024a", "1.el9");
    pack(&baseos.join("0-primary.xml.gz"), &primary);
    let mut modular = installed();
    modular[4].release = "8.module+el9".to_owned();
    assert!(look(&root, &modular).problems.iter().any(|problem| problem.contains("module streams")));
    let stream = |stream: &str, version: &str| {
        format!(
            "---\ndocument: modulemd\nversion: 2\ndata:\n  name: nodejs\n  stream: \"{stream}\"\n  artifacts:\n    \
             rpms:\n    - nodejs-1:{version}-1.module+el9.x86_64\n...\n"
        )
    };
    pack(&baseos.join("0-modules.yaml.gz"), &(stream("18", "18.1") + &stream("20", "20.1")));
    assert_eq!(told(&root), "htop 3.3.0-1.el9 None epel");
    std::fs::create_dir_all(folder.path().join("etc/dnf/modules.d")).unwrap();
    let chosen = "[nodejs]\nname=nodejs\nstream=18\nstate=enabled\n";
    std::fs::write(folder.path().join("etc/dnf/modules.d/nodejs.module"), chosen).unwrap();
    assert_eq!(told(&root), "htop 3.3.0-1.el9 None epel\nnodejs 1:18.1-1.module+el9 Some(false) baseos");
}

#[test]
fn a_package_that_takes_anothers_place_waits() {
    let (folder, root) = machine();
    let epel = "var/cache/dnf/epel-fedcba9876543210/repodata/0-primary.xml.gz";
    let obsoletes = |flags: &str| {
        let entry = format!(
            "<rpm:obsoletes><rpm:entry name=\"htop\" flags=\"{flags}\" epoch=\"0\" ver=\"3.2.1\"/></rpm:obsoletes>"
        );
        package("htop-ng", "x86_64", 0, "4.0", "1.el9").replace("<summary>x</summary>", &entry)
    };
    pack(&folder.path().join(epel), &obsoletes("LT"));
    assert!(told(&root).starts_with("htop 4.0-1.el9 None epel (htop-ng)\n"));
    pack(&folder.path().join(epel), &obsoletes("GE"));
    assert!(!told(&root).contains("htop"));
}

#[test]
fn of_two_caches_of_a_repository_the_newer_counts() {
    let (folder, root) = machine();
    let stale = folder.path().join("var/cache/dnf/epel-0000000000000000/repodata");
    std::fs::create_dir_all(&stale).unwrap();
    std::fs::write(stale.join("repomd.xml"), repomd(false, 1_500_000_000)).unwrap();
    pack(&stale.join("0-primary.xml.gz"), &package("htop", "x86_64", 0, "9", "9"));
    assert!(told(&root).contains("htop 3.3.0-1.el9"));
}

#[test]
fn zyppers_cache_is_read_by_its_aliases() {
    let (folder, root) = machine();
    let place = |path: &str| folder.path().join(path);
    std::fs::create_dir_all(place("var/cache/zypp/raw")).unwrap();
    std::fs::create_dir_all(place("etc/zypp/repos.d")).unwrap();
    let epel = place("var/cache/dnf/epel-fedcba9876543210");
    std::fs::rename(epel, place("var/cache/zypp/raw/repo-oss: x")).unwrap();
    std::fs::remove_dir_all(place("var/cache/dnf")).unwrap();
    std::fs::remove_file(place("etc/yum.repos.d/x.repo")).unwrap();
    std::fs::write(place("etc/zypp/repos.d/x.repo"), "[repo-oss: x]\nenabled=1\n").unwrap();
    std::fs::write(place("etc/zypp/locks"), "\ntype: package\nmatch_type: glob\nsolvable_name: htop\n")
        .unwrap();
    assert_eq!(told(&root), "htop 3.3.0-1.el9 None repo-oss: x held");
}

#[test]
fn a_machine_that_is_one_image_is_told_apart() {
    let (folder, root) = machine();
    std::fs::create_dir_all(folder.path().join("run")).unwrap();
    std::fs::write(folder.path().join("run/ostree-booted"), "").unwrap();
    let outcome = look(&root, &installed());
    assert!(outcome.pending.is_none() && outcome.problems[0].contains("rpm-ostree"));
}

#[test]
fn a_quiet_repository_of_few_packages_does_not_make_the_lists_old() {
    let (folder, root) = machine();
    let epel = folder.path().join("var/cache/dnf/epel-fedcba9876543210/repodata");
    std::fs::write(epel.join("repomd.xml"), repomd(true, 1_500_000_000)).unwrap();
    pack(&epel.join("0-updateinfo.xml.gz"), "<updates></updates>");
    let as_of = |installed: &[Header]| look(&root, installed).as_of.unwrap().as_second();
    // One of seven packages, and then one of seventeen.
    assert_eq!(as_of(&installed()), 1_500_000_000);
    let mut many = installed();
    many.extend((0..10).map(|number| header(&format!("own{number}"), None, "1", "1")));
    assert_eq!(as_of(&many), 1_700_000_000);
}

#[test]
fn metadata_that_is_missing_is_no_compliance() {
    let (folder, root) = machine();
    std::fs::remove_dir_all(folder.path().join("var/cache/dnf/baseos-0123456789abcdef")).unwrap();
    let outcome = look(&root, &installed());
    assert!(outcome.problems[0].contains("baseos"), "{:?}", outcome.problems);
    std::fs::remove_dir_all(folder.path().join("var/cache/dnf")).unwrap();
    let outcome = look(&root, &installed());
    assert!(outcome.pending.is_none() && outcome.problems[0].contains("makecache"));
}

#[test]
fn a_broken_list_is_a_problem() {
    let (folder, root) = machine();
    let path = "var/cache/dnf/baseos-0123456789abcdef/repodata/0-primary.xml.gz";
    std::fs::write(folder.path().join(path), "nonsense").unwrap();
    assert!(!look(&root, &installed()).problems.is_empty());
}

#[test]
fn random_metadata_never_panics() {
    let mut chance = fastrand::Rng::with_seed(3);
    let words = [
        "<package ",
        "<name>bash</name>",
        "<version ",
        "ver=\"",
        "rel=\"1\"",
        "/>",
        "</package>",
        "<update ",
        "type=\"security\"",
        "<data ",
        "</data>",
        "href=\"",
        "<timestamp>9e9",
        "<rpm:obsoletes>",
        "<rpm:entry name=\"bash\" flags=\"LT\" ver=\"9",
        "</rpm:obsoletes>",
        "<",
    ];
    for _ in 0..500 {
        let text: String =
            (0..chance.usize(..30)).flat_map(|_| [words[chance.usize(..words.len())], " "]).collect();
        let headers = installed();
        let mut wanted = newest(&headers);
        let configuration = Configuration::default();
        let mut names = Vec::new();
        repositories::add(&mut names, "[x]\n");
        let repository = Repository {
            configured: &names[0],
            folder: String::new(),
            repomd: Repomd::default(),
            fetched_at: None,
        };
        let modules = Modules::default();
        let place =
            Place { configuration: &configuration, repository: &repository, index: 0, modules: &modules };
        place.offer(text.as_bytes(), &mut wanted);
        advise(text.as_bytes(), &mut wanted);
        let _ = Repomd::parse(&text);
    }
}
