//! A machine as files: what is told of it, and what is not told twice.

use super::*;

struct Machine(tempfile::TempDir);

impl Machine {
    fn write(&self, path: &str, text: &str, mode: u32) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn link(&self, target: &str, path: &str) {
        std::os::unix::fs::symlink(target, self.0.path().join(path)).unwrap();
    }

    fn look(&self) -> Look<Vec<Software>> {
        look(&Root::at(self.0.path()).unwrap())
    }

    fn new() -> Self {
        let machine = Machine(tempfile::tempdir().unwrap());
        let program = |path: &str| machine.write(path, "x", 0o755);
        let text = |path: &str, text: &str| machine.write(path, text, 0o644);
        text("etc/passwd", "root:x:0:0::/root:/x\ntanaka:x:1000:1::/home/tanaka:/x\n");
        program("opt/viewer/bin/view");
        program("opt/google/chrome/chrome");
        program("opt/google/hidden/tool");
        text("opt/google/logs/today.log", "x");
        std::fs::create_dir_all(machine.0.path().join("opt/containerd/bin")).unwrap();
        program("opt/Portable.AppImage");
        program("opt/run-me.sh");
        program("home/tanaka/ダウンロード/Game-1.2.appimage");
        program("usr/local/bin/anydesk");
        text("usr/local/bin/README", "x");
        program("usr/local/sbin/owned-tool");
        program("usr/local/pgsql/bin/postgres");
        text("usr/local/share/doc", "x");
        program("usr/local/share/odd/odd");
        text("var/lib/dpkg/info/google-chrome-stable.list", "/.\n/opt\n/opt/google\n/opt/google/chrome\n");
        text("var/lib/dpkg/info/tool.list", "/.\n/usr/local/sbin/owned-tool\n");
        text("var/lib/snapd/snaps/firefox_5000.snap", "x");
        text("var/lib/snapd/snaps/firefox_5001.snap", "x");
        text("var/lib/snapd/snaps/core22_1.snap", "x");
        text("snap/firefox/current/meta/snap.yaml", "name: firefox\nversion: '131.0-1'\n");
        let flatpak = "org.gimp.GIMP/current/active/metadata";
        text(&format!("var/lib/flatpak/app/{flatpak}"), "[Application]\n");
        text(&format!("home/tanaka/.local/share/flatpak/app/{flatpak}"), "[Application]\n");
        let python = "usr/local/lib/python3.11/dist-packages";
        text(
            &format!("{python}/ansible-9.0.dist-info/METADATA"),
            "Metadata-Version: 2.1\nName: ansible\nVersion: 9.0\n\nName: no\n",
        );
        text(
            &format!("{python}/ansible-9.0.dist-info/RECORD"),
            "../../../bin/ansible,sha256=x,1\nansible/x.py,,\n",
        );
        text(&format!("{python}/idna-3.dist-info/RECORD"), "idna/x.py,,\n");
        program("usr/local/bin/ansible");
        text("usr/local/lib/node_modules/@vue/cli/package.json", r#"{"version":"5.0.8"}"#);
        program("usr/local/lib/node_modules/@vue/cli/bin/vue.js");
        machine.link("../lib/node_modules/@vue/cli/bin/vue.js", "usr/local/bin/vue");
        machine.link("/usr/bin/python3", "usr/local/bin/python");
        machine.link("../pgsql/bin/postgres", "usr/local/bin/postgres");
        machine.link("../share/odd/odd", "usr/local/bin/odd");
        let bin = machine.0.path().join("usr/local/bin");
        std::fs::hard_link(bin.join("anydesk"), bin.join("anydesk-again")).unwrap();
        machine
    }
}

#[test]
fn programs_beyond_packages_are_seen_once() {
    let seen = Machine::new().look();
    assert!(seen.is_complete(), "{:?}", seen.problems());
    let told: Vec<_> = seen
        .value()
        .unwrap()
        .iter()
        .map(|program| {
            let source = program.source.as_deref().unwrap();
            (program.name.as_str(), source, program.version.as_deref(), program.user.as_deref())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("@vue/cli", "npm", Some("5.0.8"), None),
            ("Game-1.2", "appimage", None, Some("tanaka")),
            ("Portable", "appimage", None, None),
            ("ansible", "pip", Some("9.0"), None),
            ("anydesk", "local", None, None),
            ("firefox", "snap", Some("131.0-1"), None),
            ("google/hidden", "opt", None, None),
            ("odd", "local", None, None),
            ("org.gimp.GIMP", "flatpak", None, Some("tanaka")),
            ("org.gimp.GIMP", "flatpak", None, None),
            ("pgsql", "local", None, None),
            ("run-me.sh", "opt", None, None),
            ("viewer", "opt", None, None),
        ]
    );
}

#[test]
fn a_folder_that_is_no_linux_cannot_tell() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(look(&Root::at(folder.path()).unwrap()), Look::Unsupported);
}

#[test]
fn a_folder_that_is_a_file_is_a_problem() {
    let machine = Machine::new();
    std::fs::remove_dir_all(machine.0.path().join("usr/local/bin")).unwrap();
    machine.write("usr/local/bin", "x", 0o644);
    assert!(!machine.look().is_complete());
}

#[test]
fn a_list_of_accounts_that_cannot_be_read_hides_no_homes() {
    let machine = Machine::new();
    std::fs::remove_file(machine.0.path().join("etc/passwd")).unwrap();
    std::fs::create_dir(machine.0.path().join("etc/passwd")).unwrap();
    assert!(!machine.look().is_complete());
}
