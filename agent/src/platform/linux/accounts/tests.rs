//! What is said of accounts, on roots that the tests write themselves.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use daicho_proto::facts::{LoginState, PasswordState};
use tempfile::TempDir;

use super::logins::{Newest, records};
use super::sudoers::Sudoers;
use super::*;

const NOW: &str = "2026-11-22T03:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn write(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// One record of wtmp on x86-64.
fn session(name: &str, at: u32, kind: u8) -> Vec<u8> {
    let mut record = vec![0; 384];
    record[0] = kind;
    record[44..44 + name.len()].copy_from_slice(name.as_bytes());
    record[340..344].copy_from_slice(&at.to_le_bytes());
    record
}

/// A lastlog on x86-64 with these logins.
fn lastlog(logins: &[(u64, u32)]) -> Vec<u8> {
    let size = logins.iter().map(|(id, _)| id + 1).max().unwrap_or(0) * 292;
    let mut bytes = vec![0; usize::try_from(size).unwrap()];
    for (id, at) in logins {
        let offset = usize::try_from(id * 292).unwrap();
        bytes[offset..offset + 4].copy_from_slice(&at.to_le_bytes());
    }
    bytes
}

/// A Debian 12 with awkward accounts.
fn debian() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(
        root,
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\n\
         daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
         sync:x:4:65534:sync:/bin:/bin/sync\n\
         tanaka:x:1000:1000:田中 太郎,外科,,:/home/tanaka:/bin/bash\n\
         suzuki:x:1001:1001::/home/suzuki:/bin/bash\n\
         vendor:x:1002:1002:Vendor:/home/vendor:\n\
         temp:x:1003:1003::/home/temp:/bin/sh\n\
         stale:x:1004:27::/home/stale:/bin/zsh\n\
         open:x:1005:1005::/home/open:/bin/bash\n\
         mail1:x:1006:1006::/home/mail1:/usr/sbin/nologin\n\
         lost:x:1007:1007::/home/lost:/bin/bash\n\
         toor:x:0:0::/root:/bin/sh\n\
         tanaka:x:1999:1999:second line of one name:/:/bin/sh\n\
         broken line\n\
         +::::::\n",
    );
    write(
        root,
        "etc/shadow",
        "root:*:20000:0:99999:7:::\n\
         daemon:*:20000:0:99999:7:::\n\
         sync:*:20000:0:99999:7:::\n\
         tanaka:$y$j9T$notarealhash:20400:0:90:7:::\n\
         suzuki:!$y$j9T$notarealhash:20400:0:99999:7:::\n\
         vendor:!$y$j9T$notarealhash:20400:0:99999:7:::\n\
         temp:$6$notarealhash:20400:0:99999:7::20779:\n\
         stale:$6$notarealhash:20000:0:90:7:30::\n\
         open::20400:0:99999:7:::\n\
         mail1:$6$notarealhash:20400:0:99999:7:::\n\
         toor:!:20400:0:99999:7:::\n",
    );
    write(root, "etc/group", "root:x:0:\nsudo:x:27:\nops:x:1100:suzuki\ndocker:x:999:open\n");
    write(
        root,
        "etc/sudoers",
        "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
    );
    write(root, "etc/sudoers.d/ops", "%ops ALL=(root) NOPASSWD: /usr/bin/systemctl restart *\n");
    write(root, "etc/sudoers.d/old.disabled", "tanaka ALL=(ALL) ALL\n");
    write(root, "etc/sudoers.d/backup~", "tanaka ALL=(ALL) ALL\n");
    write(root, "etc/pam.d/login", "session optional pam_lastlog.so\n");
    write(root, "home/vendor/.ssh/authorized_keys", "# vendor\nssh-ed25519 AAAA vendor\n");
    write(root, "home/suzuki/.ssh/authorized_keys", "# all taken away\n");
    write(root, "var/log/lastlog", lastlog(&[(1000, 1_760_000_000), (1003, 1_900_000_000)]));
    let mut wtmp = session("tanaka", 1_761_000_000, 7);
    wtmp.extend(session("tanaka", 1_762_000_000, 8));
    wtmp.extend(session("suzuki", 1_750_000_000, 7));
    write(root, "var/log/wtmp", wtmp);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&session("vendor", 1_700_000_000, 7)).unwrap();
    write(root, "var/log/wtmp.2.gz", packed.finish().unwrap());
    folder
}

fn looked(root: &Path) -> (HashMap<String, Account>, Vec<String>) {
    let look = look(&Root::at(root).unwrap(), now());
    let accounts = look.value().expect("accounts are seen").clone();
    let problems = look.problems().to_vec();
    (accounts.into_iter().map(|account| (account.name.clone(), account)).collect(), problems)
}

#[test]
fn each_awkward_account_is_told_apart() {
    let folder = debian();
    let (accounts, problems) = looked(folder.path());
    let check = |name: &str, enabled, interactive, state, sources: &[&str]| {
        let account = &accounts[name];
        assert_eq!(account.enabled, enabled, "{name} enabled");
        assert_eq!(account.interactive, Some(interactive), "{name} interactive");
        assert_eq!(account.password.state, state, "{name} password");
        assert_eq!(account.privilege_sources, sources, "{name} sources");
        assert_eq!(account.privileged, Some(!sources.is_empty()), "{name} privileged");
    };
    use PasswordState::{Locked, None as Open, Set, Unknown};
    check("root", Some(false), true, Locked, &["uid 0"]);
    check("daemon", Some(false), false, Locked, &[]);
    check("sync", Some(false), false, Locked, &[]);
    check("tanaka", Some(true), true, Set, &[]);
    check("suzuki", Some(false), true, Locked, &["/etc/sudoers.d/ops"]);
    check("vendor", Some(true), true, Locked, &[]);
    check("temp", Some(false), true, Set, &[]);
    check("stale", Some(false), true, Set, &["group sudo", "/etc/sudoers"]);
    check("open", Some(true), true, Open, &["group docker"]);
    check("mail1", Some(true), false, Set, &[]);
    check("lost", None, true, Unknown, &[]);
    check("toor", Some(false), true, Locked, &["uid 0"]);
    assert_eq!(accounts.len(), 12);
    assert_eq!(accounts["tanaka"].full_name.as_deref(), Some("田中 太郎"));
    assert_eq!(accounts["tanaka"].id.as_deref(), Some("1000"));
    assert_eq!(accounts["temp"].expires_at, Some("2026-11-22T00:00:00Z".parse().unwrap()));
    assert_eq!(accounts["tanaka"].password.expires_at, Some("2026-02-06T00:00:00Z".parse().unwrap()));
    assert_eq!(problems, ["1 lines of /etc/passwd are malformed and were left out"]);
}

#[test]
fn the_newest_login_wins_and_says_where_it_was_read() {
    let folder = debian();
    let (accounts, _) = looked(folder.path());
    let check = |name: &str, state, at: Option<i64>, source: Option<&str>| {
        let login = &accounts[name].last_login;
        let told = (login.state, login.at.map(Timestamp::as_second), login.source.as_deref());
        assert_eq!(told, (state, at, source), "{name}");
    };
    check("tanaka", LoginState::At, Some(1_761_000_000), Some("wtmp"));
    check("suzuki", LoginState::At, Some(1_750_000_000), Some("wtmp"));
    check("vendor", LoginState::At, Some(1_700_000_000), Some("wtmp"));
    check("stale", LoginState::Never, None, Some("lastlog"));
    // 2030 has not been: the clock ran ahead, so the login is not known.
    check("temp", LoginState::Unknown, None, None);
}

#[test]
fn unknown_is_not_never() {
    type Spoil = fn(&Path);
    let spoil: &[(&str, Spoil)] = &[
        ("lastlog is missing", |root| fs::remove_file(root.join("var/log/lastlog")).unwrap()),
        ("nobody writes lastlog", |root| write(root, "etc/pam.d/login", "# session pam_lastlog.so\n")),
        ("graphical logins leave it alone", |root| write(root, "etc/pam.d/gdm-password", "")),
        ("lastlog2 is damaged", |root| write(root, "var/lib/lastlog/lastlog2.db", "SQLite")),
        ("wtmpdb is damaged", |root| write(root, "var/lib/wtmpdb/wtmp.db", "SQLite")),
        ("lastlog is only shown", |root| {
            write(root, "etc/pam.d/login", "session optional pam_lastlog.so noupdate\n");
        }),
        ("wtmp is cut off", |root| write(root, "var/log/wtmp.1", [7; 100])),
        ("an archive is damaged", |root| write(root, "var/log/wtmp.3.gz", "no gzip")),
    ];
    for (why, spoil) in spoil {
        let folder = debian();
        spoil(folder.path());
        let (accounts, _) = looked(folder.path());
        assert_eq!(accounts["stale"].last_login.state, LoginState::Unknown, "{why}");
        assert_eq!(accounts["suzuki"].last_login.state, LoginState::At, "{why}");
    }
}

#[test]
fn what_cannot_be_read_is_unknown_and_a_problem() {
    let folder = debian();
    fs::remove_file(folder.path().join("etc/shadow")).unwrap();
    fs::remove_file(folder.path().join("etc/group")).unwrap();
    let (accounts, problems) = looked(folder.path());
    assert_eq!(accounts["tanaka"].enabled, None);
    assert_eq!(accounts["tanaka"].password.state, PasswordState::Unknown);
    assert_eq!(accounts["tanaka"].privileged, None);
    assert_eq!(accounts["root"].privileged, Some(true));
    assert!(problems.iter().any(|problem| problem.contains("/etc/shadow")));
    assert!(problems.iter().any(|problem| problem.contains("/etc/group")));
    fs::remove_file(folder.path().join("etc/passwd")).unwrap();
    assert!(matches!(look(&Root::at(folder.path()).unwrap(), now()), Look::Unreadable { .. }));
}

#[test]
fn an_account_is_closed_on_the_day_it_ends_and_not_the_day_before() {
    let folder = debian();
    let root = Root::at(folder.path()).unwrap();
    for (at, enabled) in [
        ("2026-11-21T23:59:59Z", Some(true)),
        ("2026-11-22T00:00:00Z", Some(false)),
        ("2026-11-23T00:00:00Z", Some(false)),
    ] {
        let look = look(&root, at.parse().unwrap());
        let temp = look.value().unwrap().iter().find(|account| account.name == "temp").unwrap();
        assert_eq!(temp.enabled, enabled, "{at}");
    }
}

/// How many bytes of a wtmp are no record, and when tanaka came last.
fn taken(wtmp: &[u8], now: Timestamp) -> (usize, Option<i64>) {
    let mut newest = Newest::of_accounts(["tanaka"].into_iter(), now);
    let rest = records::take_wtmp(wtmp, &mut newest).unwrap();
    (rest, newest.of("tanaka").map(|(at, _)| at.as_second()))
}

#[test]
fn the_wide_layout_of_arm64_is_recognised() {
    let mut record = vec![0; 400];
    record[0] = 7;
    record[44..50].copy_from_slice(b"tanaka");
    record[344..352].copy_from_slice(&1_761_000_000_i64.to_le_bytes());
    assert_eq!(taken(&record.repeat(30), now()), (0, Some(1_761_000_000)));
    assert_eq!(records::lastlog_layout(296 * 1001), records::WIDE);
    assert_eq!(records::lastlog_layout(292 * 1001), records::NARROW);
}

#[test]
fn times_after_2038_are_read() {
    let later: Timestamp = "2040-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(taken(&session("tanaka", 2_200_000_000, 7), later), (0, Some(2_200_000_000)));
}

struct Texts(HashMap<String, String>);

impl sudoers::Files for Texts {
    fn text(&self, path: &str) -> io::Result<String> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn names(&self, folder: &str) -> io::Result<Vec<String>> {
        let names = self.0.keys().filter_map(|path| path.strip_prefix(folder)?.strip_prefix('/'));
        Ok(names.map(str::to_owned).collect())
    }
}

/// What these rules say of bob: whether he may act as root, and whether that is unsure.
fn of_bob(text: &str) -> (bool, bool) {
    let groups = [("bob", 1000), ("ops team", 1100), ("wheel", 10)];
    let subject = sudoers::Subject { name: "bob", user_id: 1000, groups: &groups };
    let files = HashMap::from([("/etc/sudoers".to_owned(), text.to_owned())]);
    let (sudoers, problems) = Sudoers::read(&Texts(files), Some("sv01"));
    assert!(problems.is_empty(), "{problems:?}");
    let granted = sudoers.granted(&subject);
    (!granted.files.is_empty(), granted.unsure)
}

/// sudo's own answers; see `fixtures/sudoers/ask`.
#[test]
fn sudoers_grants_what_sudo_grants() {
    let cases = include_str!("../../../../fixtures/sudoers/cases");
    let mut checked = 0;
    for case in cases.split("=== ").skip(1) {
        let (answer, text) = case.split_once('\n').unwrap();
        assert_eq!(of_bob(text), (answer == "granted", false), "{text}");
        checked += 1;
    }
    assert!(checked > 90, "{checked} cases");
}

#[test]
fn what_sudo_would_ask_others_is_unsure() {
    let check =
        |text: &str, granted: bool, unsure: bool| assert_eq!(of_bob(text), (granted, unsure), "{text}");
    check("+ops ALL=ALL", false, true);
    check("%:domain\\ admins ALL=ALL", false, true);
    check("bob 192.0.2.7=ALL", false, true);
    check("bob +servers=ALL", false, true);
    check("bob 192.0.2.0/24, ALL=ALL", true, false);
    check("alice +servers=ALL", false, false);
    check("+ops, bob ALL=ALL", true, false);
    check("bob, !+ops ALL=ALL", false, true);
    check("alice, !+ops ALL=ALL", false, false);
    check("+ops ALL=ALL\nbob ALL=ALL", true, true);
    check("+ops ALL=ALL\nbob ALL=!ALL", false, false);
    check("Defaults fqdn\nbob sv01.hospital.example=ALL", false, true);
    // SUSE's own rule: whoever knows root's password is root without sudo.
    check("Defaults targetpw\nALL ALL=(ALL) ALL", false, false);
    check("Defaults targetpw\nALL ALL=(ALL) NOPASSWD: ALL", true, false);
    check("Defaults targetpw\nbob ALL=(ALL) NOPASSWD: /bin/a, PASSWD: /bin/b", true, false);
    // Aliases that name each other for ever, and 10^16 times.
    check("User_Alias A = A\nA ALL=ALL", false, false);
    let wide: String =
        (0..16).map(|n| format!("User_Alias A{n} = {}x\n", format!("A{}, ", n + 1).repeat(10))).collect();
    check(&format!("{wide}A0 ALL=ALL"), false, true);
    check("bob", false, false);
    check("bob ALL=() /bin/ls", false, false);
    check("", false, false);
}

#[test]
fn includes_are_followed_as_sudo_follows_them() {
    let files = [
        (
            "/etc/sudoers",
            "#includedir /etc/sudoers.d\n@include local\n#include /etc/%h.sudo\n@include /etc/sudoers\n",
        ),
        ("/etc/sudoers.d/ops", "bob ALL=ALL\n"),
        ("/etc/sudoers.d/ops.rpmsave", "bob ALL=ALL\n"),
        ("/etc/local", "bob ALL=ALL\n"),
        ("/etc/sv01.sudo", "bob ALL=ALL\n"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
    let (sudoers, problems) = Sudoers::read(&Texts(files), Some("sv01.hospital.example"));
    let subject = sudoers::Subject { name: "bob", user_id: 1, groups: &[] };
    let mut granting = sudoers.granted(&subject).files;
    granting.sort_unstable();
    granting.dedup();
    assert_eq!(granting, ["/etc/local", "/etc/sudoers.d/ops", "/etc/sv01.sudo"]);
    assert!(!problems.is_empty(), "a file that includes itself is told");
}

#[test]
fn no_bytes_make_a_parser_panic() {
    let mut chance = fastrand::Rng::with_seed(8);
    let folder = debian();
    let seeds = ["etc/passwd", "etc/shadow", "etc/group", "etc/sudoers", "var/log/wtmp", "var/log/wtmp.2.gz"];
    for _ in 0..2_000 {
        let path = seeds[chance.usize(..seeds.len())];
        let mut bytes = fs::read(folder.path().join(path)).unwrap();
        for _ in 0..chance.usize(1..8) {
            let at = chance.usize(..bytes.len());
            bytes[at] = chance.u8(..);
        }
        bytes.truncate(chance.usize(..=bytes.len()));
        let text = String::from_utf8_lossy(&bytes);
        names::parse_passwd(&text);
        names::parse_shadow(&text);
        names::parse_group(&text);
        let subject = sudoers::Subject { name: "tanaka", user_id: 1000, groups: &[] };
        let files = Texts(HashMap::from([("/etc/sudoers".to_owned(), text.to_string())]));
        Sudoers::read(&files, None).0.granted(&subject);
        doas::grants(&text, &subject);
        let mut newest = Newest::of_accounts(["tanaka"].into_iter(), now());
        let _ = records::take_wtmp(&bytes[..], &mut newest);
        let _ = records::take_wtmp(flate2::read::GzDecoder::new(&bytes[..]), &mut newest);
    }
}

#[test]
fn what_stands_beside_passwd_is_told() {
    let folder = debian();
    let root = folder.path();
    write(root, "etc/gshadow", "docker:!:vendor:\nops:!:lost:\n");
    write(root, "etc/doas.conf", "permit persist mail1\n");
    write(
        root,
        "etc/polkit-1/rules.d/40-it.rules",
        "polkit.addAdminRule(function() { return [\"unix-user:temp\"]; });\n",
    );
    write(root, "etc/login.defs", "UID_MIN 1002\n");
    write(
        root,
        "etc/userdb/mori.user",
        "{\"userName\":\"mori\",\"uid\":60010,\"locked\":true,\"memberOf\":[\"sudo\"]}",
    );
    write(root, "bin/bash", "");
    let (accounts, problems) = looked(root);
    assert_eq!(problems, ["1 lines of /etc/passwd are malformed and were left out"]);
    assert_eq!(accounts["vendor"].privilege_sources, ["administrator of group docker"]);
    assert_eq!(accounts["lost"].privileged, Some(false), "ops is no powerful group, whoever leads it");
    assert_eq!(accounts["mail1"].privilege_sources, ["/etc/doas.conf"]);
    assert_eq!(accounts["temp"].privilege_sources, ["/etc/polkit-1/rules.d/40-it.rules"]);
    assert_eq!((accounts["suzuki"].system, accounts["vendor"].system), (Some(true), Some(false)));
    assert_eq!(accounts["toor"].shares_id_with, ["root"]);
    assert_eq!(accounts["tanaka"].shell.as_deref(), Some("/bin/bash"));
    assert_eq!(accounts["tanaka"].interactive, Some(true));
    assert_eq!(accounts["temp"].interactive, Some(false), "there is a /bin, and no /bin/sh in it");
    let mori = &accounts["mori"];
    assert_eq!(mori.privilege_sources, ["group sudo", "/etc/sudoers"]);
    assert_eq!((mori.enabled, mori.id.as_deref(), mori.system), (Some(false), Some("60010"), Some(false)));
}

#[test]
fn a_locked_account_is_opened_by_its_key_unless_sshd_works_without_pam() {
    let folder = debian();
    let root = folder.path();
    write(root, "etc/ssh/sshd_config", "UsePAM yes\n");
    assert_eq!(looked(root).0["vendor"].enabled, Some(true));
    write(root, "etc/ssh/sshd_config", "Port 22\n");
    assert_eq!(looked(root).0["vendor"].enabled, Some(false));
    write(root, "etc/ssh/sshd_config.d/50-vendor.conf", "UsePAM yes\nAuthorizedKeysCommand /usr/bin/keys\n");
    let (accounts, _) = looked(root);
    assert_eq!((accounts["vendor"].enabled, accounts["suzuki"].enabled), (Some(true), None));
}

/// Holds on the machine that runs the tests, whatever it is.
#[test]
fn this_machine_agrees_with_itself() {
    let look = look(&Root::here(), now());
    let accounts = look.value().expect("a Linux machine has accounts");
    let root = accounts.iter().find(|account| account.id.as_deref() == Some("0")).expect("and a root");
    assert_eq!(root.privileged, Some(true));
}
