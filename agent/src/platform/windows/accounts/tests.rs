//! What is said of Windows accounts, on registries that the tests write as `reg export` does.

use std::path::Path;

use daicho_proto::facts::PasswordState;

use super::*;
use crate::platform::windows::disk::Disk;
use crate::platform::windows::registry::text::TextRegistry;

const MACHINE: &str = "S-1-5-21-1000001-2000002-3000003";
const SOMEBODY: &str = "S-1-5-21-1000001-2000002-3000003-500";
const WINDOWS_NT: &str = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion";
const NOW: &str = "2026-11-22T03:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(",")
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn filetime_of(at: &str) -> u64 {
    let at: Timestamp = at.parse().unwrap();
    u64::try_from(at.as_nanosecond() / 100 + 116_444_736_000_000_000).unwrap()
}

/// A place in a head and what it names.
fn put(value: &mut Vec<u8>, at: usize, data: usize, bytes: &[u8]) {
    let place = u32::try_from(value.len() - data).unwrap();
    value[at..at + 4].copy_from_slice(&place.to_le_bytes());
    value[at + 4..at + 8].copy_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
    value.extend(bytes);
}

/// An account as the tests want it.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    name: &'a str,
    number: u32,
    flags: u16,
    last_logon: &'a str,
    logons: u16,
    expires: &'a str,
    /// The length of what is kept of the password.
    password: usize,
    online: &'a str,
}

const TANAKA: Wanted<'_> = Wanted {
    name: "tanaka",
    number: 1001,
    flags: 0x0010,
    last_logon: "2026-11-20T00:00:00.5Z",
    logons: 7,
    expires: "",
    password: 56,
    online: "",
};

fn time(at: &str) -> u64 {
    if at.is_empty() { 0 } else { filetime_of(at) }
}

fn account(wanted: &Wanted<'_>) -> String {
    let mut fixed = vec![0; 80];
    fixed[8..16].copy_from_slice(&time(wanted.last_logon).to_le_bytes());
    fixed[24..32].copy_from_slice(&filetime_of("2026-11-01T00:00:00Z").to_le_bytes());
    fixed[32..40].copy_from_slice(&time(wanted.expires).to_le_bytes());
    fixed[48..52].copy_from_slice(&wanted.number.to_le_bytes());
    fixed[52..56].copy_from_slice(&513_u32.to_le_bytes());
    fixed[56..58].copy_from_slice(&wanted.flags.to_le_bytes());
    fixed[66..68].copy_from_slice(&wanted.logons.to_le_bytes());
    let mut variable = vec![0; 0xcc];
    put(&mut variable, 0x0c, 0xcc, &wide(wanted.name));
    put(&mut variable, 0x18, 0xcc, &wide("田中 太郎"));
    put(&mut variable, 0xa8, 0xcc, &vec![0xee; wanted.password]);
    let online = if wanted.online.is_empty() {
        String::new()
    } else {
        format!("\"InternetUserName\"=hex:{}\n", hex(&wide(wanted.online)))
    };
    format!(
        "[HKEY_LOCAL_MACHINE\\SAM\\SAM\\Domains\\Account\\Users\\{:08X}]\n\"F\"=hex:{}\n\"V\"=hex:{}\n{online}\
         [HKEY_LOCAL_MACHINE\\SAM\\SAM\\Domains\\Account\\Users\\Names\\{}]\n",
        wanted.number,
        hex(&fixed),
        hex(&variable),
        wanted.name
    )
}

fn group(domain: &str, number: u32, name: &str, members: &[&str]) -> String {
    let mut value = vec![0; 0x34];
    put(&mut value, 0x10, 0x34, &wide(name));
    let sids = members.iter().flat_map(|sid| sid::encode(sid).unwrap()).collect::<Vec<_>>();
    put(&mut value, 0x28, 0x34, &sids);
    value[0x30..0x34].copy_from_slice(&u32::try_from(members.len()).unwrap().to_le_bytes());
    format!(
        "[HKEY_LOCAL_MACHINE\\SAM\\SAM\\Domains\\{domain}\\Aliases\\{number:08X}]\n\"C\"=hex:{}\n",
        hex(&value)
    )
}

/// The machine around its accounts: 42 days for a password; those who may log on here are Administrators and Users,
/// from elsewhere Remote Desktop Users.
fn around() -> String {
    let mut last = vec![7; 100];
    last.extend(sid::encode(MACHINE).unwrap());
    let mut rules = vec![0; 240];
    rules[0x18..0x20].copy_from_slice(&(-42 * 86_400 * 10_000_000_i64).to_le_bytes());
    let right = |sid: &str, bits: u32| {
        format!(
            "[HKEY_LOCAL_MACHINE\\SECURITY\\Policy\\Accounts\\{sid}\\ActSysAc]\n@=hex(0):{}\n",
            hex(&bits.to_le_bytes())
        )
    };
    [
        format!(
            "[HKEY_LOCAL_MACHINE\\SAM\\SAM\\Domains\\Account]\n\"V\"=hex:{}\n\"F\"=hex:{}\n",
            hex(&last),
            hex(&rules)
        ),
        "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\ProductOptions]\n\"ProductType\"=\"WinNT\"\n\
         [HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\ComputerName\\ComputerName]\n\"ComputerName\"=\"PC-07\"\n"
            .to_owned(),
        format!("[{WINDOWS_NT}\\ProfileList\\S-1-5-18]\n"),
        right("S-1-5-32-544", 0x0401),
        right("S-1-5-32-545", 0x0001),
        right("S-1-5-32-555", 0x0400),
        group("Builtin", 545, "Users", &["S-1-5-4", "S-1-5-11"]),
        group("Builtin", 551, "Backup Operators", &[]),
        group("Builtin", 555, "Remote Desktop Users", &[]),
    ]
    .concat()
}

fn administrators(members: &[&str]) -> String {
    group("Builtin", 544, "管理者", members)
}

/// A group that comes twice is as the first says.
fn machine(parts: &[String]) -> Machine {
    let registry = Box::new(TextRegistry::parse(&parts.concat()));
    Machine { registry, disk: Disk::at(Path::new("/nowhere")), live: false }
}

fn seen(parts: &[String]) -> (Vec<Account>, Vec<String>) {
    match look(&machine(parts), now()) {
        Look::Seen { value, problems } => (value, problems),
        other => panic!("{other:?}"),
    }
}

/// The one account of a machine that has nothing wrong with it.
fn only(wanted: &Wanted<'_>, more: &[String]) -> Account {
    let mut parts = more.to_vec();
    parts.extend([around(), account(wanted)]);
    parts.push(administrators(&[SOMEBODY]));
    let (mut accounts, problems) = seen(&parts);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(accounts.len(), 1);
    accounts.remove(0)
}

#[test]
fn an_account_of_the_hive_is_told_whole() {
    let account = only(&TANAKA, &[]);
    assert_eq!(account.name, "tanaka");
    assert_eq!(account.id.as_deref(), Some("S-1-5-21-1000001-2000002-3000003-1001"));
    assert_eq!(account.full_name.as_deref(), Some("田中 太郎"));
    assert_eq!(
        (account.enabled, account.interactive, account.privileged),
        (Some(true), Some(true), Some(false))
    );
    assert_eq!(account.last_login.at, Some("2026-11-20T00:00:00.5Z".parse().unwrap()));
    assert_eq!(account.last_login.source.as_deref(), Some("sam"));
    assert_eq!(account.password.state, PasswordState::Set);
    assert_eq!(account.password.changed_at, Some("2026-11-01T00:00:00Z".parse().unwrap()));
    assert_eq!(account.password.expires_at, Some("2026-12-13T00:00:00Z".parse().unwrap()));
    assert_eq!((account.expires_at, account.system), (None, Some(false)));
    assert!(account.groups.is_empty() && !account.automatic_logon && !account.stored_password);
}

#[test]
fn disabled_and_ended_are_not_enabled_and_locked_is() {
    let enabled = |flags, expires| only(&Wanted { flags, expires, ..TANAKA }, &[]).enabled;
    assert_eq!(enabled(0x0011, ""), Some(false));
    assert_eq!(enabled(0x0010, "2026-11-22T03:00:00Z"), Some(false));
    assert_eq!(enabled(0x0010, "2026-11-22T03:00:01Z"), Some(true));
    assert_eq!(enabled(0x0410, ""), Some(true), "whoever guesses at a password must not hide the account");
}

#[test]
fn whether_there_is_a_password_is_told_by_its_length_and_by_no_flag() {
    let state = |password, flags| only(&Wanted { password, flags, ..TANAKA }, &[]).password.state;
    assert_eq!([20, 56].map(|length| state(length, 0x0014)), [PasswordState::Set; 2]);
    assert_eq!([0, 4, 24].map(|length| state(length, 0x0010)), [PasswordState::None; 3]);
    assert_eq!(state(33, 0x0010), PasswordState::Unknown);
    let stays = only(&Wanted { flags: 0x0210, ..TANAKA }, &[]).password;
    assert_eq!(stays.expires_at, None);
}

#[test]
fn zero_is_never_only_where_nothing_speaks_of_a_session() {
    let profile = |sid: &str, value: &str| format!("[{WINDOWS_NT}\\ProfileList\\{sid}]\n{value}");
    let own = format!("{MACHINE}-1001");
    let state = |wanted: &Wanted<'_>, more: &[String]| only(wanted, more).last_login;
    let unused = Wanted { last_logon: "", logons: 0, ..TANAKA };
    assert_eq!(state(&unused, &[]).state, LoginState::Never);
    assert_eq!(state(&Wanted { logons: 1, ..unused }, &[]), LastLogin::default());
    assert_eq!(state(&unused, &[profile(&own, "")]), LastLogin::default());
    assert_eq!(state(&Wanted { online: "t@example.jp", ..unused }, &[]), LastLogin::default());
    // A clock that was wrong says nothing, and not never.
    let ahead = Wanted { last_logon: "2027-11-20T00:00:00Z", logons: 0, ..TANAKA };
    assert_eq!(state(&ahead, &[]), LastLogin::default());
    let count = filetime_of("2026-11-21T00:00:00Z");
    let (high, low) = (count >> 32, count & 0xffff_ffff);
    let loaded = format!(
        "\"LocalProfileLoadTimeHigh\"=dword:{high:08x}\n\"LocalProfileLoadTimeLow\"=dword:{low:08x}\n"
    );
    let linked = state(&Wanted { online: "t@example.jp", ..TANAKA }, &[profile(&own, &loaded)]);
    assert_eq!(
        (linked.at, linked.source.as_deref()),
        (Some("2026-11-21T00:00:00Z".parse().unwrap()), Some("profile"))
    );
    let without_list =
        [around().replace("ProfileList", "Other"), account(&unused), administrators(&[SOMEBODY])];
    assert_eq!(seen(&without_list).0[0].last_login, LastLogin::default());
}

#[test]
fn an_account_with_microsoft_is_named() {
    let account = only(&Wanted { online: "tanaka@example.jp", ..TANAKA }, &[]);
    assert_eq!(account.online_identity.as_deref(), Some("tanaka@example.jp"));
}

#[test]
fn rights_come_from_groups_by_sid_and_through_other_groups() {
    let own = format!("{MACHINE}-1001");
    let direct = only(&TANAKA, &[administrators(&[&own])]);
    assert_eq!(
        (direct.privileged, direct.privilege_sources),
        (Some(true), vec!["Administrators".to_owned()])
    );
    assert_eq!(direct.groups, ["Administrators"]);

    let nested = [
        administrators(&[&format!("{MACHINE}-1005")]),
        group("Account", 1005, "保守", &[&format!("{MACHINE}-1006")]),
        // Groups in a circle.
        group("Account", 1006, "業者", &[&own, &format!("{MACHINE}-1005")]),
    ];
    assert_eq!(only(&TANAKA, &nested).privilege_sources, ["Administrators (保守)"]);
    assert_eq!(
        only(&TANAKA, &[administrators(&["S-1-1-0"])]).privilege_sources,
        ["Administrators (Everyone)"]
    );
    let operators = [group("Builtin", 551, "Backup Operators", &[&own])];
    assert_eq!(only(&TANAKA, &operators).privilege_sources, ["Backup Operators"]);
    let remote = only(&TANAKA, &[group("Builtin", 555, "Remote Desktop Users", &[&own])]);
    assert_eq!((remote.privileged, remote.groups), (Some(false), vec!["Remote Desktop Users".to_owned()]));
    let guest = Wanted { number: 501, ..TANAKA };
    assert_eq!(only(&guest, &[administrators(&["S-1-5-11"])]).privileged, Some(false));
    assert_eq!(only(&guest, &[]).system, Some(true));
}

#[test]
fn a_group_that_cannot_be_read_leaves_rights_unknown() {
    let broken =
        "[HKEY_LOCAL_MACHINE\\SAM\\SAM\\Domains\\Builtin\\Aliases\\00000220]\n\"C\"=hex:01,02\n".to_owned();
    let (accounts, problems) = seen(&[around(), account(&TANAKA), broken]);
    assert_eq!(accounts[0].privileged, None);
    assert_eq!(problems.len(), 2, "{problems:?}");
    let nothing = around().replace("Builtin\\Aliases", "Builtin\\Elsewhere");
    let (accounts, problems) = seen(&[nothing, account(&TANAKA)]);
    assert_eq!(accounts[0].privileged, None);
    assert!(problems[0].contains("S-1-5-32-544"), "{problems:?}");
    let (accounts, problems) = seen(&[around(), account(&TANAKA), administrators(&[])]);
    assert_eq!((accounts[0].privileged, problems.len()), (None, 1), "nobody can empty Administrators");
}

#[test]
fn a_refused_right_counts_more_than_a_given_one() {
    let own = format!("{MACHINE}-1001");
    let rights = |bits: u32| {
        format!(
            "[HKEY_LOCAL_MACHINE\\SECURITY\\Policy\\Accounts\\{own}\\ActSysAc]\n@=hex(0):{}\n",
            hex(&bits.to_le_bytes())
        )
    };
    assert_eq!(only(&TANAKA, &[rights(0x0040)]).interactive, Some(false));
    assert_eq!(only(&TANAKA, &[rights(0x0440)]).interactive, Some(true), "from another machine's screen");
    assert_eq!(only(&TANAKA, &[rights(0x0c40)]).interactive, Some(false));
    assert_eq!(
        only(&Wanted { number: 501, ..TANAKA }, &[]).interactive,
        Some(true),
        "INTERACTIVE is in Users"
    );
    let unread = around().replace("Policy\\Accounts", "Policy\\Elsewhere");
    let (accounts, problems) = seen(&[unread, account(&TANAKA), administrators(&[SOMEBODY])]);
    assert_eq!(accounts[0].interactive, None);
    assert!(problems[0].contains("SECURITY"), "{problems:?}");
}

#[test]
fn who_is_logged_on_automatically_is_told_without_the_password() {
    let winlogon = |values: &str| format!("[{WINDOWS_NT}\\Winlogon]\n{values}\n");
    let on = "\"AutoAdminLogon\"=\"1\"\n\"DefaultUserName\"=\"TANAKA\"\n";
    let automatic = |values: &str| {
        let account = only(&TANAKA, &[winlogon(values)]);
        (account.automatic_logon, account.stored_password)
    };
    assert_eq!(automatic(on), (true, false));
    assert_eq!(automatic(&format!("{on}\"DefaultPassword\"=\"\"\n")), (true, false));
    assert_eq!(automatic(&format!("{on}\"DefaultPassword\"=\"ward3-secret\"\n")), (true, true));
    assert_eq!(automatic(&on.replace("\"1\"", "\"0\"")), (false, false));
    assert_eq!(automatic(&format!("{on}\"DefaultDomainName\"=\"pc-07\"\n")), (true, false));
    assert_eq!(automatic("\"AutoAdminLogon\"=\"1\"\n\"DefaultUserName\"=\"suzuki\"\n"), (false, false));
    let secret =
        "[HKEY_LOCAL_MACHINE\\SECURITY\\Policy\\Secrets\\DefaultPassword\\CurrVal]\n@=hex(0):01\n".to_owned();
    assert!(only(&TANAKA, &[winlogon(on), secret]).stored_password);
    let whole = format!("{on}\"DefaultPassword\"=\"ward3-secret\"\n");
    let document = serde_json::to_string(&only(&TANAKA, &[winlogon(&whole)])).unwrap();
    assert!(!document.contains("secret"), "{document}");
}

#[test]
fn a_domains_people_with_rights_are_told_with_the_host() {
    let domain = "S-1-5-21-7-8-9";
    let policy = format!(
        "[HKEY_LOCAL_MACHINE\\SECURITY\\Policy\\PolPrDmS]\n@=hex(0):{}\n\
         [{WINDOWS_NT}\\Winlogon]\n\"AutoAdminLogon\"=\"1\"\n\"DefaultUserName\"=\"tanaka\"\n\"DefaultDomainName\"=\"HOSPITAL\"\n",
        hex(&sid::encode(domain).unwrap()),
    );
    let admins =
        administrators(&[&format!("{MACHINE}-500"), &format!("{domain}-512"), &format!("{domain}-1104")]);
    let parts = [around(), account(&TANAKA), policy, admins];
    let told = strangers(&machine(&parts), now());
    assert_eq!(
        told,
        [
            "Administrators: S-1-5-21-7-8-9-1104",
            "Administrators: S-1-5-21-7-8-9-512 (Domain Admins)",
            "automatic logon: HOSPITAL\\tanaka",
        ]
    );
    let (accounts, problems) = seen(&parts);
    assert!(problems.is_empty() && !accounts[0].automatic_logon, "{problems:?}");
    assert!(
        strangers(&machine(&[around(), account(&TANAKA), administrators(&[SOMEBODY])]), now()).is_empty()
    );
}

#[test]
fn on_a_domain_controller_nothing_is_listed_and_that_is_said() {
    let controller = around().replace("\"WinNT\"", "\"LanmanNT\"");
    let Look::Unreadable { problems } = look(&machine(&[controller, account(&TANAKA)]), now()) else {
        panic!()
    };
    assert!(problems[0].contains("domain controller"), "{problems:?}");
    let unsaid = around().replace("ProductType", "Other");
    let (_, problems) = seen(&[unsaid, account(&TANAKA), administrators(&[SOMEBODY])]);
    assert!(problems[0].contains("domain controller"), "{problems:?}");
}

#[test]
fn an_account_that_cannot_be_understood_is_told_of() {
    let whole = account(&TANAKA);
    let cut = whole.replace("\"V\"=hex:00,00", "\"V\"=hex:00\n\"W\"=hex:00");
    let (accounts, problems) = seen(&[around(), cut, administrators(&[SOMEBODY])]);
    assert!(accounts.is_empty());
    assert!(problems[0].contains("000003E9") && problems[1].contains("tanaka"), "{problems:?}");
    let no_flags = whole.replace("\"F\"", "\"G\"");
    let (accounts, problems) = seen(&[around(), no_flags, administrators(&[SOMEBODY])]);
    assert_eq!((accounts[0].enabled, problems.len()), (None, 1));
    let elsewhere = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\x]\n".to_owned();
    assert!(matches!(look(&machine(&[elsewhere]), now()), Look::Unreadable { .. }));
}

#[test]
fn an_account_that_logs_on_as_another_has_the_others_rights() {
    let hidden = account(&TANAKA);
    let own = hex(&1001_u32.to_le_bytes());
    let stolen =
        hidden.replacen(&format!("{own},01,02"), &format!("{},01,02", hex(&500_u32.to_le_bytes())), 1);
    assert_ne!(hidden, stolen);
    let (accounts, problems) = seen(&[around(), stolen, administrators(&[&format!("{MACHINE}-500")])]);
    assert_eq!(accounts[0].privilege_sources, ["Administrators (it logs on as number 500)"]);
    assert!(problems[0].contains("number 500"), "{problems:?}");
}

#[test]
fn no_bytes_of_the_hive_bring_the_parsers_down() {
    let whole = account(&TANAKA);
    let values: Vec<&str> =
        whole.lines().filter_map(|line| line.split_once("=hex:")).map(|(_, hex)| hex).collect();
    for hex in values {
        let bytes: Vec<u8> = hex.split(',').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        for at in 0..bytes.len() {
            for with in [0, 0x7f, 0xff] {
                let mut broken = bytes.clone();
                broken[at] = with;
                sam::check_no_panic(&broken);
            }
            sam::check_no_panic(&bytes[..at]);
        }
    }
}
