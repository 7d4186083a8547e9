//! Programs beyond the package managers: snaps, flatpaks, AppImages, and what was laid below /opt and /usr/local by
//! hand. What dpkg or rpm own is told with the packages.

use std::collections::HashSet;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use daicho_proto::facts::{Look, Software};
use daicho_proto::time::japanese_date;
use jiff::Timestamp;

use super::packages::unreadable;
use super::root::Root;

mod bundles;
mod owned;

/// What changes when a program is laid down outside of the package managers.
pub(super) const WATCHED: &[&str] =
    &["/opt", "/usr/local/bin", "/usr/local/sbin", "/var/lib/snapd/snaps", "/var/lib/flatpak/app"];

/// Where programs lie that somebody installed by hand, hier(7).
const BY_HAND: [&str; 2] = ["/usr/local/bin", "/usr/local/sbin"];
const OPT: &str = "/opt";

/// Looks at the programs.
pub(super) fn look(root: &Root) -> Look<Vec<Software>> {
    if !root.exists("/usr") {
        return Look::Unsupported;
    }
    let mut problems = Vec::new();
    let mut software = bundles::snaps(root, &mut problems);
    software.extend(bundles::flatpaks(root, &mut problems));
    software.extend(bundles::app_images(root));
    let mut found = below_opt(root, &mut problems);
    found.extend(by_hand(root, &mut problems));
    // Who owns what is worth reading only when there is something to own.
    if !found.is_empty() {
        let owned = owned::paths(root, &mut problems);
        found.retain(|(path, _)| !owned.contains(path));
    }
    software.extend(found.into_iter().map(|(_, program)| program));
    software.sort_by(|a, b| a.name.cmp(&b.name));
    Look::Seen { value: software, problems }
}

/// The path and the program of it.
type Found = (String, Software);

/// Each folder below /opt is a program.
fn below_opt(root: &Root, problems: &mut Vec<String>) -> Vec<Found> {
    let each = list(root, OPT, problems).into_iter().filter_map(|name| {
        let path = format!("{OPT}/{name}");
        let metadata = root.metadata(&path).ok().filter(Metadata::is_dir)?;
        Some((path, named(root, name, &metadata)))
    });
    each.collect()
}

/// Each executable file below /usr/local; a file with many names is one program.
fn by_hand(root: &Root, problems: &mut Vec<String>) -> Vec<Found> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for folder in BY_HAND {
        let mut names = list(root, folder, problems);
        names.sort_by_key(String::len);
        for name in names {
            let path = format!("{folder}/{name}");
            // A link into the system's own folders is another name of a package's program.
            if root.read_link(&path).is_ok_and(|target| leads_home(&target)) {
                continue;
            }
            let Ok(metadata) = root.metadata(&path) else { continue };
            let executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
            if executable && seen.insert((metadata.dev(), metadata.ino())) {
                found.push((path, named(root, name, &metadata)));
            }
        }
    }
    found
}

/// Whether a link points at a file that is told elsewhere: a package's, or one beside it or below /opt.
fn leads_home(target: &str) -> bool {
    !target.starts_with('/')
        || ["/usr/", "/opt/", "/bin/", "/sbin/", "/lib/", "/etc/alternatives/"]
            .iter()
            .any(|home| target.starts_with(home))
}

fn named(root: &Root, name: String, metadata: &Metadata) -> Software {
    // Below another root, the file was made when the backup was unpacked.
    let made = metadata.created().ok().filter(|_| root.is_live());
    // Some images are packed with times of 1970.
    let made = made.and_then(|at| Timestamp::try_from(at).ok()).filter(|at| at.as_second() > 0);
    Software { name, installed_on: made.map(|at| japanese_date(at).to_string()), ..Software::default() }
}

fn list(root: &Root, folder: &str, problems: &mut Vec<String>) -> Vec<String> {
    root.list(folder).unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            problems.push(unreadable("the folder", folder, &error));
        }
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str, mode: u32| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        write("opt/viewer/bin/view", "x", 0o755);
        write("opt/google/chrome/chrome", "x", 0o755);
        write("opt/Portable.AppImage", "x", 0o755);
        write("home/tanaka/ダウンロード/Game-1.2.appimage", "x", 0o755);
        write("usr/local/bin/anydesk", "x", 0o755);
        write("usr/local/bin/README", "x", 0o644);
        write("usr/local/sbin/owned-tool", "x", 0o755);
        write(
            "var/lib/dpkg/info/google-chrome-stable.list",
            "/.\n/opt\n/opt/google\n/opt/google/chrome\n",
            0o644,
        );
        write("var/lib/dpkg/info/tool.list", "/.\n/usr/local/sbin/owned-tool\n", 0o644);
        write("var/lib/snapd/snaps/firefox_5000.snap", "x", 0o600);
        write("var/lib/snapd/snaps/firefox_5001.snap", "x", 0o600);
        write("snap/firefox/current/meta/snap.yaml", "name: firefox\nversion: '131.0-1'\n", 0o644);
        write(
            "var/lib/flatpak/app/org.gimp.GIMP/current/active/metadata",
            "[Application]\nname=org.gimp.GIMP\n",
            0o644,
        );
        std::os::unix::fs::symlink("/usr/bin/python3", folder.path().join("usr/local/bin/python")).unwrap();
        std::fs::hard_link(
            folder.path().join("usr/local/bin/anydesk"),
            folder.path().join("usr/local/bin/anydesk-again"),
        )
        .unwrap();
        let root = Root::at(folder.path()).unwrap();
        (folder, root)
    }

    #[test]
    fn programs_beyond_packages_are_seen_once() {
        let (_folder, root) = machine();
        let seen = look(&root);
        assert!(seen.is_complete(), "{:?}", seen.problems());
        let names: Vec<_> = seen.value().unwrap().iter().map(|program| program.name.as_str()).collect();
        assert_eq!(names, ["Game-1.2", "Portable", "anydesk", "firefox", "org.gimp.GIMP", "viewer"]);
        let firefox = &seen.value().unwrap()[3];
        assert_eq!(firefox.version.as_deref(), Some("131.0-1"));
    }

    #[test]
    fn a_folder_that_is_no_linux_cannot_tell() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look(&Root::at(folder.path()).unwrap()), Look::Unsupported);
    }

    #[test]
    fn a_folder_that_is_a_file_is_a_problem() {
        let (folder, root) = machine();
        std::fs::remove_dir_all(folder.path().join("usr/local/bin")).unwrap();
        std::fs::write(folder.path().join("usr/local/bin"), "x").unwrap();
        assert!(!look(&root).is_complete());
    }
}
