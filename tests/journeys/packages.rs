//! The packages without a machine: what is in them, that they are made alike twice, and the scriptlets of the .rpm.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use daicho_tests::daemons::find;
use daicho_tests::packages::build;

/// What a command prints; panics with all that it said unless it ends with 0.
fn said(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the command starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ends with {}:\n{out}{err}", output.status);
    out.into_owned()
}

/// Files that a package must have, wherever it is installed.
const AGENT: &[&str] = &[
    "/etc/daicho/agent.toml",
    "/usr/bin/daicho-agent",
    "/usr/lib/daicho-agent/trial",
    "/usr/lib/systemd/system/daicho-agent-trial.service",
    "/usr/lib/systemd/system/daicho-agent-trial.timer",
    "/usr/lib/systemd/system/daicho-agent.path",
    "/usr/lib/systemd/system/daicho-agent.service",
    "/usr/lib/sysusers.d/daicho-agent.conf",
    "/usr/share/bash-completion/completions/daicho-agent",
    "/usr/share/doc/daicho-agent/copyright",
    "/usr/share/doc/daicho-agent/licences.txt.gz",
    "/usr/share/doc/daicho-agent/sbom.cdx.json",
    "/usr/share/man/man1/daicho-agent.1.gz",
];

const COLLECTOR: &[&str] = &[
    "/usr/bin/daicho",
    "/usr/bin/daicho-collector",
    "/usr/lib/systemd/system/daicho-collector.service",
    "/usr/lib/sysusers.d/daicho-collector.conf",
    "/usr/share/bash-completion/completions/daicho",
    "/usr/share/doc/daicho-collector/examples/collector.toml",
    "/usr/share/doc/daicho-collector/examples/ledger/devices.csv",
    "/usr/share/doc/daicho-collector/licences.txt.gz",
    "/usr/share/doc/daicho-collector/sbom.cdx.json",
    "/usr/share/man/man1/daicho-ledger-import.1.gz",
    "/usr/share/man/man1/daicho.1.gz",
];

#[test]
fn a_deb_holds_what_it_should_belongs_to_root_and_is_made_alike_twice() {
    if find("dpkg-deb", "dpkg").is_none() || find("readelf", "binutils").is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (kind, files) in [("agent", AGENT), ("collector", COLLECTOR)] {
        let package = build(folder.path(), "0.2.0-rc.1", &["deb", kind]).remove(0);
        let field = |name: &str| said(Command::new("dpkg-deb").arg("--field").arg(&package).arg(name));
        assert_eq!(field("Version"), "0.2.0~rc.1-1\n");
        let depends = field("Depends");
        assert!(depends.starts_with("libc6 (>= 2."), "{depends}");
        let listed = said(Command::new("dpkg-deb").arg("--contents").arg(&package));
        for file in files {
            assert!(listed.contains(&format!(" .{file}\n")), "{file} is not in\n{listed}");
        }
        let others: Vec<_> = listed.lines().filter(|line| !line.contains(" root/root ")).collect();
        assert_eq!(others, Vec::<&str>::new(), "what does not belong to root");
        if kind == "agent" {
            let conffiles = said(Command::new("dpkg-deb").arg("--info").arg(&package).arg("conffiles"));
            assert_eq!(conffiles, "/etc/daicho/agent.toml\n");
            let again = folder.path().join("again");
            let again = build(&again, "0.2.0-rc.1", &["deb", kind]).remove(0);
            assert!(fs::read(&package).expect("read") == fs::read(again).expect("read"), "two builds differ");
        }
    }
}

/// A root with a shell, and tools of the system that write down how they are called.
struct Root {
    folder: PathBuf,
}

impl Root {
    fn prepare(folder: PathBuf) -> Self {
        for inside in ["dev", "usr/bin", "run/systemd/system", "var/lib/rpm"] {
            fs::create_dir_all(folder.join(inside)).expect("a temporary folder can be written");
        }
        let shell = fs::canonicalize("/bin/sh").expect("this host has a shell");
        let libraries = said(Command::new("ldd").arg(&shell));
        for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
            copy(Path::new(library), &folder.join(&library[1..]));
        }
        copy(&shell, &folder.join("bin/sh"));
        for tool in ["systemctl", "systemd-sysusers"] {
            let path = folder.join("usr/bin").join(tool);
            let text = format!("#!/bin/sh\necho \"{tool} $*\" >>/calls\n");
            fs::write(&path, text).expect("a temporary folder can be written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
        }
        Root { folder }
    }

    /// Runs rpm on this root; answers how the scriptlets called the system meanwhile.
    fn rpm(&self, arguments: &[&str], package: &Path) -> String {
        let mut rpm = Command::new("rpm");
        rpm.arg("--root").arg(&self.folder).args(arguments).arg(package);
        said(&mut rpm);
        let calls = fs::read_to_string(self.folder.join("calls")).unwrap_or_default();
        fs::write(self.folder.join("calls"), "").expect("a temporary folder can be written");
        calls
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.join(inside)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("below the root")).expect("a temporary folder can be written");
    fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}

#[test]
fn an_rpm_is_whole_and_is_installed_upgraded_downgraded_and_erased() {
    if find("rpmbuild", "rpm").is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = build(folder.path(), "0.1.0", &["rpm", "agent"]).remove(0);
    let next = build(folder.path(), "0.2.0", &["rpm", "agent"]).remove(0);
    let again = build(&folder.path().join("again"), "0.1.0", &["rpm", "agent"]).remove(0);
    assert!(fs::read(&first).expect("read") == fs::read(again).expect("read"), "two builds differ");
    let digests = said(Command::new("rpm").arg("-Kv").arg(&first));
    assert!(digests.contains("Payload SHA256 digest: OK") && !digests.contains("BAD"), "{digests}");
    let listed = said(Command::new("rpm").arg("-qpl").arg(&first));
    for file in AGENT {
        assert!(listed.lines().any(|line| line == *file), "{file} is not in\n{listed}");
    }
    let flags = "[%{FILENAMES} %{FILEFLAGS:fflags} %{FILEUSERNAME}\n]";
    let flags = said(Command::new("rpm").args(["-qp", "--queryformat", flags]).arg(&first));
    assert!(flags.contains("/etc/daicho/agent.toml cn root\n"), "a changed configuration is kept: {flags}");
    assert!(flags.lines().all(|line| line.ends_with(" root")), "what does not belong to root: {flags}");
    let required = said(Command::new("rpm").arg("-qpR").arg(&first));
    assert!(required.contains("libc.so.6(GLIBC_2."), "{required}");
    let collector = build(folder.path(), "0.1.0", &["rpm", "collector"]).remove(0);
    let listed = said(Command::new("rpm").arg("-qpl").arg(collector));
    for file in COLLECTOR {
        assert!(listed.lines().any(|line| line == *file), "{file} is not in\n{listed}");
    }

    // The libraries of a Debian host are known to no rpm; what is required was asked of the package itself.
    let root = Root::prepare(folder.path().join("root"));
    let calls = root.rpm(&["-i", "--nodeps"], &first);
    for call in [
        "systemd-sysusers daicho-agent.conf",
        "systemctl --no-reload preset daicho-agent.service daicho-agent.path daicho-agent-trial.timer",
        "systemctl start daicho-agent.path daicho-agent.service",
    ] {
        assert!(calls.contains(call), "an installation says {call}:\n{calls}");
    }
    let config = root.path("etc/daicho/agent.toml");
    let changed = "log_level = \"debug\"\n".to_owned() + &fs::read_to_string(&config).expect("installed");
    fs::write(&config, &changed).expect("a temporary folder can be written");
    let state = root.path("var/lib/daicho-agent/identity/credential.pem");
    fs::create_dir_all(state.parent().expect("a folder")).expect("a temporary folder can be written");
    fs::write(&state, "a key").expect("a temporary folder can be written");

    let upgrade = root.rpm(&["-U", "--nodeps"], &next);
    let downgrade = root.rpm(&["-U", "--nodeps", "--oldpackage"], &first);
    for calls in [upgrade, downgrade] {
        assert!(calls.contains("systemctl try-restart daicho-agent.service"), "{calls}");
        assert!(
            !calls.contains("disable") && !calls.contains("preset"),
            "an upgrade keeps what was decided: {calls}"
        );
    }
    assert_eq!(fs::read_to_string(&config).expect("kept"), changed, "an upgrade keeps the configuration");

    let calls = root.rpm(&["-e"], Path::new("daicho-agent"));
    assert!(
        calls.contains("disable --now daicho-agent-trial.timer daicho-agent.path daicho-agent.service"),
        "{calls}"
    );
    assert!(
        !root.path("usr/bin/daicho-agent").exists() && state.exists(),
        "what was seen stays, the program goes"
    );
    assert_eq!(
        fs::read_to_string(root.path("etc/daicho/agent.toml.rpmsave")).expect("kept"),
        changed,
        "an erasure keeps a changed configuration"
    );
}
