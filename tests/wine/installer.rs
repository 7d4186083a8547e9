//! The installer: what its tables say, and a PC that is installed, repaired, upgraded and cleaned by Windows Installer.
//!
//! Wine 8 shows the whole way but three things: it writes every property into its log and knows no hidden ones; it undoes
//! in the order of doing, so that an undo finds the program gone already; and it knows no `MsiSystemRebootPending`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use daicho_tests::daemons::installed;
use daicho_tests::programs::until_within;
use daicho_tests::wine::{AGENT, PATIENCE, Wine};

use crate::hospital::Hospital;

const SERVICE: &str = "daicho-agent";

/// Where identity and spool lie after an installation.
const IDENTITY: &str = r"C:\ProgramData\Daicho\agent\identity\credential.pem";

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project's root").to_owned()
}

/// Makes an .msi of a program; the same each time.
fn package(program: &Path, version: &str, to: &Path, more: &[&str]) -> PathBuf {
    let mut command = Command::new(top().join("deploy/windows/package"));
    command.arg("--program").arg(program).args(["--version", version]).arg("--to").arg(to).args(more);
    let output = command.env("SOURCE_DATE_EPOCH", "1700000000").output().expect("it is a program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim())
}

/// Whether this host can make one.
fn can_package() -> Option<()> {
    installed("msibuild", "msitools")?;
    installed("gcab", "gcab")?;
    installed("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64").map(drop)
}

/// The rows of a table, without its three lines of names.
fn rows(package: &Path, table: &str) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Exported streams are written to where it runs.
    let mut command = Command::new("msiinfo");
    let output =
        command.arg("export").arg(package).arg(table).current_dir(&folder).output().expect("msitools");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().skip(3).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn cell(rows: &[Vec<String>], name: &str, column: usize) -> String {
    let row = rows.iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("no {name}"));
    row[column].clone()
}

/// Something to pack where only the tables matter.
fn stand_in(folder: &Path) -> PathBuf {
    let program = folder.join("daicho-agent.exe");
    fs::write(&program, b"MZ stands for a program").expect("a temporary folder");
    program
}

#[test]
fn its_tables_hide_the_token_refuse_with_a_reason_and_run_as_the_system() {
    if can_package().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = package(&stand_in(folder.path()), "1.2.3", folder.path(), &[]);

    let properties = rows(&made, "Property");
    assert_eq!(cell(&properties, "ProductVersion", 1), "1.2.3");
    assert_eq!(cell(&properties, "ProductName", 1), "Daicho Agent (台帳)");
    assert_eq!(cell(&properties, "UpgradeCode", 1), "{4E0B1B0E-6C0C-4B5B-9D0A-0DA1C0A6E475}");
    assert_eq!(cell(&properties, "ALLUSERS", 1), "1");
    assert_eq!(cell(&properties, "ARPNOMODIFY", 1), "1");
    let hidden = cell(&properties, "MsiHiddenProperties", 1);
    assert!(["TOKEN", "DaichoJoin"].iter().all(|name| hidden.split(';').any(|own| own == *name)), "{hidden}");
    assert!(!properties.iter().any(|row| row[0] == "TOKEN"));

    // msidefs.h: 0x400 deferred, 0x800 as the system, 0x2000 its target is not written into the log.
    let actions = rows(&made, "CustomAction");
    let kind = |name: &str| cell(&actions, name, 1).parse::<u32>().unwrap();
    assert_eq!(kind("DaichoJoin"), 1 | 0x400 | 0x800 | 0x2000);
    assert_eq!(kind("SetJoin") & 0x2000, 0x2000);
    for row in actions.iter().filter(|row| row[3].contains("[TOKEN]")) {
        assert_eq!(row[0], "SetJoin");
    }
    for table in ["Registry", "IniFile", "ServiceInstall"] {
        assert!(
            rows(&made, table).is_empty(),
            "{table} could write the token, or rival the agent's own words"
        );
    }
    let control = rows(&made, "ServiceControl");
    assert_eq!(control[0][1..3], [SERVICE.to_owned(), (0x1 | 0x2 | 0x20).to_string()]);

    let refusals = rows(&made, "LaunchCondition");
    assert!(refusals.len() >= 6);
    for refusal in &refusals {
        let (japanese, english) = refusal[1].split_once(" / ").expect("two languages");
        assert!(!japanese.is_ascii() && english.is_ascii() && english.ends_with('.'), "{refusal:?}");
        // Nothing keeps a person from removing it.
        let all_may = refusal[0].starts_with("Installed") || !refusal[0].contains("DAICHO_");
        assert!(all_may, "{refusal:?}");
    }
    let restart = refusals.iter().find(|row| row[0].contains("DAICHO_RESTART")).expect("a restart");
    assert!(restart[0].contains("MsiSystemRebootPending") && restart[0].contains("FORCE"));

    let mut upgrade = rows(&made, "Upgrade");
    upgrade.sort();
    let all = upgrade.iter().map(|row| (row[1].as_str(), row[2].as_str(), row[4].as_str(), row[6].as_str()));
    assert_eq!(
        all.collect::<Vec<_>>(),
        [("0.0.0", "1.2.3", "768", "OLDERFOUND"), ("1.2.3", "", "2", "NEWERFOUND")]
    );

    let listed = Command::new("msiextract").arg("-l").arg(&made).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "Daicho/daicho-agent.exe\nDaicho/licences.txt\n");
}

#[test]
fn the_same_program_makes_the_same_package_and_another_version_another_product() {
    if can_package().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = stand_in(folder.path());
    let make = |name: &str, version: &str, more: &[&str]| {
        package(&program, version, &folder.path().join(name), more)
    };
    let (first, second) = (make("first", "1.2.3", &[]), make("second", "1.2.3", &[]));
    assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap(), "they differ");
    let next = make("next", "1.2.4", &[]);
    let code = |package: &Path, name: &str| cell(&rows(package, "Property"), name, 1);
    assert_ne!(code(&first, "ProductCode"), code(&next, "ProductCode"));
    assert_eq!(code(&first, "UpgradeCode"), code(&next, "UpgradeCode"));

    let pattern = r"\\sv02\daicho$\%COMPUTERNAME%.txt";
    let own = make("own", "1.2.3", &["--collector", "sv01.hospital.example:7443", "--token-files", pattern]);
    assert_eq!(code(&own, "COLLECTOR"), "sv01.hospital.example:7443");
    assert_eq!(code(&own, "TOKENFILE"), pattern);
}

/// A PC with Windows Installer and none of our programs, a hospital, and the means to make packages.
struct Ward {
    hospital: Hospital,
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Ward {
    fn open() -> Option<Self> {
        can_package()?;
        let hospital = Hospital::open()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("daicho-agent.exe");
        fs::rename(hospital.pc.place(AGENT), &program)
            .or_else(|_| {
                fs::copy(hospital.pc.place(AGENT), &program)?;
                fs::remove_file(hospital.pc.place(AGENT))
            })
            .expect("the harness put it there");
        Some(Ward { hospital, folder, program })
    }

    fn pc(&self) -> &Wine {
        &self.hospital.pc
    }

    fn package(&self, version: &str) -> PathBuf {
        package(&self.program, version, self.folder.path(), &[])
    }

    /// Runs Windows Installer without a window; whether it succeeded, and its log.
    fn msiexec(&self, verb: &str, package: &Path, properties: &[&str]) -> (bool, String) {
        let log = self.folder.path().join("log.txt");
        let _ = fs::remove_file(&log);
        let mut command = self.pc().command("msiexec");
        command.args([verb, &Wine::name(package), "/qn", "/l*v", &Wine::name(&log)]).args(properties);
        let output = self.pc().run(&command);
        let log = fs::read(&log).expect("a log was asked for");
        (output.status.success(), String::from_utf8_lossy(&log).into_owned())
    }

    fn succeeds(&self, verb: &str, package: &Path, properties: &[&str]) -> String {
        let (succeeded, log) = self.msiexec(verb, package, properties);
        assert!(succeeded, "msiexec {verb} {properties:?}:\n{}", without_properties(&log));
        log
    }

    fn there(&self, path: &str) -> bool {
        self.pc().place(path).exists()
    }

    fn token_file(&self) -> String {
        let file = self.folder.path().join("PC-01.txt");
        fs::write(&file, format!("{}\r\n", self.hospital.site.token())).expect("a temporary folder");
        format!("TOKENFILE={}", Wine::name(&file))
    }
}

/// Wine's log names every property, which Windows' does not do with hidden ones.
fn without_properties(log: &str) -> String {
    log.lines().filter(|line| !line.starts_with("Property(S)")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_pc_is_installed_repaired_upgraded_and_removed_and_its_identity_stays() {
    let Some(ward) = Ward::open() else { return };
    let (first, second) = (ward.package("1.0.0"), ward.package("1.1.0"));
    let collector = format!("COLLECTOR={}", ward.hospital.address());
    let token = ward.hospital.site.token();

    let log = ward.succeeds("/i", &first, &[&collector, &format!("TOKEN={token}")]);
    assert!(!without_properties(&log).contains(&token), "the token is in the log");
    assert!(ward.there(AGENT) && ward.there(IDENTITY));
    ward.pc().wait_for_service(SERVICE, "RUNNING");
    until_within(PATIENCE, "the PC's first report", || {
        let device = ward.hospital.site.daicho_json(&["device", "PC-01"]);
        (!device["seen"][0]["observed_at"]["host"].is_null()).then_some(())
    });
    let identity = fs::read(ward.pc().place(IDENTITY)).unwrap();

    // Repaired without a token, whatever was lost. `/fa` means these two; Wine's takes no path of a package with it.
    fs::remove_file(ward.pc().place(AGENT)).unwrap();
    ward.succeeds("/i", &first, &["REINSTALL=ALL", "REINSTALLMODE=amus"]);
    assert!(ward.there(AGENT));
    ward.pc().wait_for_service(SERVICE, "RUNNING");

    // Upgraded, and not back again.
    ward.succeeds("/i", &second, &[]);
    ward.pc().wait_for_service(SERVICE, "RUNNING");
    let (succeeded, _) = ward.msiexec("/i", &first, &[]);
    assert!(!succeeded, "an older version was installed over a newer one");
    ward.pc().wait_for_service(SERVICE, "RUNNING");
    assert_eq!(fs::read(ward.pc().place(IDENTITY)).unwrap(), identity);

    // Removed; what it is stays for the next time, and goes if that is asked for.
    ward.succeeds("/x", &second, &[]);
    assert_eq!(ward.pc().service_state(SERVICE), None);
    assert!(!ward.there(AGENT) && ward.there(IDENTITY));
    ward.succeeds("/i", &second, &[&collector, "TOKENFILE=Z:\\nowhere"]);
    ward.pc().wait_for_service(SERVICE, "RUNNING");
    assert_eq!(fs::read(ward.pc().place(IDENTITY)).unwrap(), identity);
    ward.succeeds("/x", &second, &["PURGE=1"]);
    assert_eq!(ward.pc().service_state(SERVICE), None);
    assert!(!ward.there(AGENT) && !ward.there(r"C:\ProgramData\Daicho"));
}

#[test]
fn nothing_is_installed_while_a_restart_is_pending_or_when_joining_fails() {
    let Some(ward) = Ward::open() else { return };
    let made = ward.package("1.0.0");
    let collector = format!("COLLECTOR={}", ward.hospital.address());

    // Neither half of an invitation is enough.
    let (succeeded, _) = ward.msiexec("/i", &made, &[&collector]);
    assert!(!succeeded && !ward.there(AGENT));

    let (succeeded, log) = ward.msiexec("/i", &made, &[&collector, "TOKEN=daicho1-misspelt"]);
    assert!(!succeeded, "a token that is none was taken");
    assert!(log.contains("the token") || log.contains("daicho-collector token"), "no reason:\n{log}");
    assert!(!without_properties(&log).contains("misspelt"), "the token is in the log");
    assert!(!ward.there(AGENT) && !ward.there(IDENTITY));

    let sign = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending";
    ward.pc().set(sign, "x", "REG_SZ", "x");
    let file = ward.token_file();
    let (succeeded, _) = ward.msiexec("/i", &made, &[&collector, &file]);
    assert!(!succeeded && !ward.there(AGENT), "it was installed while a restart was pending");
    ward.succeeds("/i", &made, &[&collector, &file, "FORCE=1"]);
    assert!(ward.there(IDENTITY));
    ward.pc().wait_for_service(SERVICE, "RUNNING");
    // It can be removed at any time.
    ward.succeeds("/x", &made, &[]);
    assert!(!ward.there(AGENT));
}
