//! The hive of local accounts: for each the values `F` (fixed fields) and `V` (texts), and the groups' `C`.

use super::hive::Key;

/// Flags of an account in `F` (`USER_ACCOUNT_DISABLED` and others of MS-SAMR 2.2.1.12).
pub(super) const DISABLED: u16 = 0x0001;
pub(super) const NO_PASSWORD: u16 = 0x0004;
pub(super) const PASSWORD_STAYS: u16 = 0x0200;
const NORMAL: u16 = 0x0010;

/// 2026-06-01T00:00:00Z as a count of 100 nanoseconds since 1601.
const IN_JUNE: u64 = 134_247_456_000_000_000;
const NEVER: u64 = 0x7fff_ffff_ffff_ffff;

/// The machine's SID.
pub const MACHINE_SID: &str = "S-1-5-21-1004336348-1177238915-682003330";

/// How long a password may be used on these machines: 42 days, as Windows has it, in units of 100 nanoseconds.
pub(super) const PASSWORD_DAYS: i64 = 42;

pub(super) struct Sam {
    top: Key,
}

/// The fixed fields of an account; times count 100 nanoseconds since 1601, and 0 is none.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub(super) flags: u16,
    pub(super) last_logon: u64,
    pub(super) password_set: u64,
    /// [`None`]: never.
    pub(super) ends: Option<u64>,
    pub(super) logons: u16,
    /// Whether hashes are kept as Windows 10 1607 and later do.
    pub(super) is_modern: bool,
    pub(super) has_password: bool,
}

impl Sam {
    pub(super) fn new() -> Self {
        let mut top = Key::default();
        let mut own = vec![0; 0x150];
        own.extend(sid(MACHINE_SID));
        top.key(r"SAM\Domains\Account").bytes("V", &own);
        top.key(r"SAM\Domains\Account\Users\Names");
        top.key(r"SAM\Domains\Account\Aliases");
        Sam { top }
    }

    pub(super) fn add(&mut self, name: &str, full_name: &str, number: u32, flags: u16) {
        let fields = Fields {
            flags,
            last_logon: IN_JUNE,
            password_set: IN_JUNE,
            ends: None,
            logons: 1,
            is_modern: true,
            has_password: flags & NO_PASSWORD == 0,
        };
        self.put(name, full_name, number, &fields);
    }

    /// An account with all that is said of it.
    pub(super) fn put(&mut self, name: &str, full_name: &str, number: u32, fields: &Fields) -> &mut Key {
        let users = r"SAM\Domains\Account\Users";
        // The type of this value is the account's number.
        self.top.key(&format!(r"{users}\Names\{name}")).value("", number, Vec::new());
        let user = self.top.key(&format!(r"{users}\{number:08X}"));
        user.bytes("F", &fixed(number, fields));
        user.bytes("V", &texts(name, full_name, fields))
    }

    /// The rules of the accounts: how long a password may be used.
    pub(super) fn rules(&mut self) {
        let mut rules = vec![0; 0xf0];
        rules[..4].copy_from_slice(&[2, 0, 1, 0]);
        let ticks = -PASSWORD_DAYS * 24 * 3600 * 10_000_000;
        rules[0x18..0x20].copy_from_slice(&ticks.to_le_bytes());
        self.top.key(r"SAM\Domains\Account").bytes("F", &rules);
    }

    /// The members of Administrators (S-1-5-32-544), by the numbers of their accounts.
    pub(super) fn administrators(&mut self, numbers: &[u32]) {
        let members = numbers.iter().map(|number| format!("{MACHINE_SID}-{number}")).collect::<Vec<_>>();
        self.group(r"Builtin", 544, "Administrators", &members);
    }

    /// A group of the domain `Builtin` or `Account` with its members' SIDs.
    pub(super) fn group(&mut self, domain: &str, number: u32, name: &str, members: &[String]) {
        let path = format!(r"SAM\Domains\{domain}\Aliases\{number:08X}");
        self.top.key(&path).bytes("C", &group(number, name, members));
    }

    pub(super) fn top(&self) -> &Key {
        &self.top
    }

    pub(super) fn file(&self) -> Vec<u8> {
        self.top.file()
    }
}

fn fixed(number: u32, fields: &Fields) -> Vec<u8> {
    let mut data = vec![0; 80];
    data[..4].copy_from_slice(&[3, 0, 1, 0]);
    let ends = fields.ends.unwrap_or(NEVER);
    // Last logon, password set, account expires.
    for (at, time) in [(8, fields.last_logon), (24, fields.password_set), (32, ends)] {
        data[at..at + 8].copy_from_slice(&time.to_le_bytes());
    }
    data[48..52].copy_from_slice(&number.to_le_bytes());
    data[52..56].copy_from_slice(&513_u32.to_le_bytes());
    data[56..58].copy_from_slice(&(fields.flags | NORMAL).to_le_bytes());
    // How often it logged on.
    data[66..68].copy_from_slice(&fields.logons.to_le_bytes());
    data
}

/// Seventeen entries of offset, length and a third number, then what they point to. No hash of any password is
/// written: where one would be lie zeros of its length.
fn texts(name: &str, full_name: &str, fields: &Fields) -> Vec<u8> {
    const HEAD: usize = 0xcc;
    let mut data = vec![0; HEAD];
    let mut put = |entry: usize, content: &[u8]| {
        let offset = u32::try_from(data.len() - HEAD).expect("a few texts");
        let length = u32::try_from(content.len()).expect("a short text");
        data[entry * 12..entry * 12 + 4].copy_from_slice(&offset.to_le_bytes());
        data[entry * 12 + 4..entry * 12 + 8].copy_from_slice(&length.to_le_bytes());
        data.extend(content);
        data.resize(data.len().next_multiple_of(4), 0);
    };
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    put(1, &wide(name));
    put(2, &wide(full_name));
    for entry in 3..=12 {
        put(entry, &[]);
    }
    // The two kinds of hashes: of Windows 10 1607 or later 24 bytes are a head alone, 56 are a head and a hash; before
    // they are 4 and 20.
    let (none, set) = if fields.is_modern { (24, 56) } else { (4, 20) };
    put(13, &vec![0; none]);
    put(14, &vec![0; if fields.has_password { set } else { none }]);
    put(15, &vec![0; none]);
    put(16, &vec![0; none]);
    data
}

fn group(number: u32, name: &str, members: &[String]) -> Vec<u8> {
    const HEAD: u32 = 0x34;
    let name = name.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let padded = name.len().next_multiple_of(4);
    let sids = members.iter().flat_map(|member| sid(member)).collect::<Vec<_>>();
    let length = |bytes: usize| u32::try_from(bytes).expect("a small group");
    let mut data = vec![0; HEAD as usize];
    let numbers = [
        (0, number),
        (0x10, 0),
        (0x14, length(name.len())),
        (0x1c, length(padded)),
        (0x28, length(padded)),
        (0x2c, length(sids.len())),
        (0x30, length(members.len())),
    ];
    for (at, number) in numbers {
        data[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    data.extend(&name);
    data.resize(HEAD as usize + padded, 0);
    data.extend(sids);
    data
}

/// A SID as bytes.
fn sid(text: &str) -> Vec<u8> {
    let mut parts = text.split('-').skip(2).map(|part| part.parse::<u32>().expect("a number of a SID"));
    let authority = parts.next().expect("an authority");
    let parts = parts.collect::<Vec<_>>();
    let mut bytes = vec![1, u8::try_from(parts.len()).expect("a SID has few parts"), 0, 0];
    bytes.extend(authority.to_be_bytes());
    bytes.extend(parts.into_iter().flat_map(u32::to_le_bytes));
    bytes
}
