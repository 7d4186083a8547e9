//! Logins out of databases that SQLite wrote (`fixtures/logins/make`) and a journal that systemd wrote
//! (`fixtures/journal/make`), on roots of the tests' own.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use tempfile::TempDir;

use super::super::names;
use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
const MACHINE: &str = "0123456789abcdef0123456789abcdef";

/// What the journal's fixture calls minute 0.
const MINUTE_0: i64 = 1_760_000_000;

fn write(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn lay(root: &Path, fixture: &str, path: &str) {
    write(root, path, fs::read(Path::new(FIXTURES).join(fixture)).unwrap());
}

fn lay_journal(root: &Path) {
    let packed = File::open(Path::new(FIXTURES).join("journal/door.journal.gz")).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    write(root, "etc/machine-id", MACHINE);
    write(root, &format!("var/log/journal/{MACHINE}/system.journal"), bytes);
}

/// What is told of one account on this root: state, seconds, source.
fn told(folder: &TempDir, name: &str, user_id: u32) -> (LoginState, Option<i64>, Option<String>) {
    let line = format!("{name}:x:{user_id}:{user_id}::/home/{name}:/bin/bash\n");
    let entries = names::parse_passwd(&line).entries;
    let now = Timestamp::from_second(MINUTE_0 + 86_400).unwrap();
    let mut problems = Vec::new();
    let root = Root::at(folder.path()).unwrap();
    let login = Logins::read(&root, &entries, now, &mut problems).of(&root, &entries[0]);
    assert_eq!(problems, [""; 0]);
    (login.state, login.at.map(Timestamp::as_second), login.source)
}

fn at(second: i64, source: &str) -> (LoginState, Option<i64>, Option<String>) {
    (LoginState::At, Some(second), Some(source.to_owned()))
}

const UNKNOWN: (LoginState, Option<i64>, Option<String>) = (LoginState::Unknown, None, None);

#[test]
fn lastlog2_is_read_with_its_log_and_su_is_no_login() {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), "logins/lastlog2.db", "var/lib/lastlog/lastlog2.db");
    assert_eq!(told(&folder, "tanaka", 1000), at(1_700_000_000, "lastlog2"));
    lay(folder.path(), "logins/lastlog2.db-wal", "var/lib/lastlog/lastlog2.db-wal");
    assert_eq!(told(&folder, "tanaka", 1000), at(1_760_000_000, "lastlog2"));
    assert_eq!(told(&folder, "suzuki", 1001), UNKNOWN);
    assert_eq!(
        told(&folder, "nobody-yet", 1002),
        UNKNOWN,
        "a new database cannot tell of the time before it"
    );
}

#[test]
fn wtmpdb_and_its_archives_are_read_and_cron_is_no_login() {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), "logins/wtmp.db", "var/lib/wtmpdb/wtmp.db");
    lay(folder.path(), "logins/wtmp_20250601.db", "var/lib/wtmpdb/wtmp_20250601.db");
    assert_eq!(told(&folder, "vendor", 1002), at(1_751_432_000, "wtmpdb"));
    assert_eq!(told(&folder, "stale", 1004), at(1_740_000_000, "wtmpdb"));
    assert_eq!(told(&folder, "reboot", 1005), UNKNOWN);
}

#[test]
fn rotated_files_are_read_however_they_are_packed() {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), "logins/wtmp-20250901.xz", "var/log/wtmp-20250901.xz");
    assert_eq!(told(&folder, "vendor", 1002), at(1_756_000_000, "wtmp"));
    let mut plain = Vec::new();
    lists::open(File::open(Path::new(FIXTURES).join("logins/wtmp-20250901.xz")).unwrap(), "wtmp.xz")
        .and_then(|mut content| content.read_to_end(&mut plain))
        .unwrap();
    for (seconds, name) in [(1_757_000_000_u32, "wtmp.1"), (1_758_000_000, "wtmp-20250902")] {
        plain[340..344].copy_from_slice(&seconds.to_le_bytes());
        write(folder.path(), &format!("var/log/{name}"), &plain);
        assert_eq!(told(&folder, "vendor", 1002), at(i64::from(seconds), "wtmp"));
    }
    plain[340..344].copy_from_slice(&1_759_000_000_u32.to_le_bytes());
    write(folder.path(), "var/log/btmp", &plain);
    assert_eq!(told(&folder, "vendor", 1002), at(1_758_000_000, "wtmp"), "btmp holds who failed to come in");
}

#[test]
fn the_journal_tells_logins_that_root_wrote_down_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    lay_journal(folder.path());
    assert_eq!(told(&folder, "mail1", 1006), at(MINUTE_0 + 60, "journal"));
    assert_eq!(told(&folder, "open", 1005), at(MINUTE_0 + 240, "journal"));
    assert_eq!(told(&folder, "vendor", 1002), at(MINUTE_0 + 360, "journal"));
    for forged_or_cron in ["lost", "stale"] {
        assert_eq!(told(&folder, forged_or_cron, 1007), UNKNOWN, "{forged_or_cron}");
    }
}

#[test]
fn the_journal_knows_never_of_an_account_that_it_saw_being_made() {
    let never = (LoginState::Never, None, Some("journal".to_owned()));
    let folder = tempfile::tempdir().unwrap();
    lay_journal(folder.path());
    assert_eq!(told(&folder, "newbie", 1008), UNKNOWN, "PAM may write sessions nowhere");
    write(folder.path(), "etc/pam.d/common-session", "session required pam_unix.so\n");
    assert_eq!(told(&folder, "newbie", 1008), never);
    assert_eq!(told(&folder, "lost", 1007), UNKNOWN, "it may have been used before the journal begins");
    let journal = folder.path().join(format!("var/log/journal/{MACHINE}"));
    fs::write(journal.join("system@1-1.journal~"), [0; 4096]).unwrap();
    assert_eq!(told(&folder, "newbie", 1008), UNKNOWN, "nobody knows what the torn file held");
}

#[test]
fn a_login_of_an_account_that_had_the_number_before_is_not_of_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut lastlog = vec![0; 292 * 1002];
    let before = u32::try_from(MINUTE_0).unwrap();
    lastlog[292 * 1001..292 * 1001 + 4].copy_from_slice(&before.to_le_bytes());
    write(folder.path(), "var/log/lastlog", &lastlog);
    assert_eq!(told(&folder, "suzuki", 1001), at(MINUTE_0, "lastlog"));
    lay_journal(folder.path());
    assert_eq!(told(&folder, "suzuki", 1001), UNKNOWN, "suzuki was made eight minutes later");
    write(folder.path(), "etc/pam.d/login", "session optional pam_lastlog.so\n");
    let never = (LoginState::Never, None, Some("lastlog".to_owned()));
    assert_eq!(told(&folder, "suzuki", 1001), never);
    lastlog[292 * 1001..292 * 1001 + 4].copy_from_slice(&(before + 3600).to_le_bytes());
    write(folder.path(), "var/log/lastlog", &lastlog);
    assert_eq!(told(&folder, "suzuki", 1001), at(MINUTE_0 + 3600, "lastlog"));
}

#[test]
fn a_sparse_lastlog_with_a_huge_number_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "var/log/lastlog", []);
    let file = fs::OpenOptions::new().write(true).open(folder.path().join("var/log/lastlog")).unwrap();
    let user_id = 4_000_000_000;
    std::os::unix::fs::FileExt::write_all_at(
        &file,
        &1_750_000_000_u32.to_le_bytes(),
        u64::from(user_id) * 292,
    )
    .unwrap();
    file.set_len((u64::from(user_id) + 1) * 292).unwrap();
    assert_eq!(told(&folder, "tanaka", user_id), at(1_750_000_000, "lastlog"));
    assert_eq!(told(&folder, "suzuki", 1001), UNKNOWN);
}
