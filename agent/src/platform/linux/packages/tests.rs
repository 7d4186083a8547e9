//! What a machine without, with an empty and with two package databases says.

use super::*;

fn files(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let root = Root::at(folder.path()).unwrap();
    (folder, root)
}

#[test]
fn a_machine_without_package_manager_is_unsupported_not_empty() {
    let (_folder, root) = files(&[]);
    assert_eq!(look(&root), Look::Unsupported);
}

#[test]
fn an_empty_database_is_unreadable_not_empty() {
    let (_folder, root) = files(&[("var/lib/dpkg/status", "")]);
    assert!(matches!(look(&root), Look::Unreadable { problems } if problems.len() == 1));
}

#[test]
fn a_lost_status_file_is_told() {
    let (_folder, root) = files(&[("var/lib/dpkg/info/bash.list", "/bin/bash\n")]);
    assert!(matches!(look(&root), Look::Unreadable { .. }));
}

#[test]
fn a_broken_database_beside_a_good_one_is_a_problem() {
    let good = "Package: bash\nStatus: install ok installed\nVersion: 5.2-1\n";
    let (_folder, root) = files(&[("var/lib/dpkg/status", good), ("var/lib/rpm/rpmdb.sqlite", "nonsense")]);
    let seen = look(&root);
    assert_eq!(seen.value().unwrap().len(), 1);
    assert!(!seen.is_complete());
}

#[test]
fn images_without_dpkg_tell_their_packages_in_a_folder() {
    let (_folder, root) = files(&[
        ("var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12\nArchitecture: amd64\n"),
        ("var/lib/dpkg/status.d/base.md5sums", "00  etc/os-release\n"),
        ("var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2024a\n"),
    ]);
    let seen = look(&root);
    assert!(seen.is_complete());
    assert_eq!(seen.value().unwrap().len(), 2);
}

#[test]
fn a_manager_that_is_not_read_is_no_silence() {
    let (_folder, root) = files(&[("var/lib/pacman/local/bash-5.2-1/desc", "x")]);
    assert!(matches!(look(&root), Look::Unreadable { problems } if problems[0].contains("pacman")));
}

#[test]
fn a_locked_version_is_held() {
    let world = "musl\nlibssl3=3.3.1-r0\nzlib>1\n";
    let installed = "P:libssl3\nV:3.3.1-r0\n\nP:musl\nV:1.2.5-r1\n\nP:zlib\nV:1.3-r0\n";
    let (_folder, root) = files(&[("lib/apk/db/installed", installed), ("etc/apk/world", world)]);
    let seen = look(&root);
    let held = seen.value().unwrap().iter().filter(|package| package.held);
    assert_eq!(held.map(|package| package.name.as_str()).collect::<Vec<_>>(), ["libssl3"]);
}

#[test]
fn an_interrupted_installation_counts_and_is_told() {
    let text = "Package: x\nStatus: install reinstreq half-installed\nVersion: 1\n";
    let (_folder, root) = files(&[("var/lib/dpkg/status", text)]);
    let seen = look(&root);
    assert_eq!(seen.value().unwrap().len(), 1);
    assert!(!seen.is_complete());
}

#[test]
fn random_bytes_never_panic() {
    let mut chance = fastrand::Rng::with_seed(9);
    let words = [
        "Package: a",
        "Status: install ok installed",
        "Version:",
        " x",
        "\n\n",
        "P:b\nV:1\n\n",
        "\0\u{ff}",
        ":",
    ];
    for _ in 0..300 {
        let text: String =
            (0..chance.usize(..40)).flat_map(|_| [words[chance.usize(..words.len())], "\n"]).collect();
        let (_folder, root) = files(&[("var/lib/dpkg/status", &text), ("lib/apk/db/installed", &text)]);
        let _ = look(&root);
    }
}
