//! The hive of local accounts: for each the values `F` (fixed fields) and `V` (texts), and the groups' `C`.

use super::hive::Key;

/// Flags of an account in `F` (`USER_ACCOUNT_DISABLED` and others of MS-SAMR 2.2.1.12).
pub(super) const DISABLED: u16 = 0x0001;
pub(super) const NO_PASSWORD: u16 = 0x0004;
const NORMAL: u16 = 0x0010;

/// 2026-06-01T00:00:00Z as a count of 100 nanoseconds since 1601.
const IN_JUNE: u64 = 134_247_456_000_000_000;
const NEVER: u64 = 0x7fff_ffff_ffff_ffff;

/// Of the machine's SID: S-1-5-21-A-B-C.
const MACHINE: [u32; 3] = [1_004_336_348, 1_177_238_915, 682_003_330];

pub(super) struct Sam {
    top: Key,
}

impl Sam {
    pub(super) fn new() -> Self {
        let mut top = Key::default();
        let mut own = vec![0; 0x150];
        own.extend(sid_of_machine());
        top.key(r"SAM\Domains\Account").bytes("V", &own);
        top.key(r"SAM\Domains\Account\Users\Names");
        top.key(r"SAM\Domains\Account\Aliases");
        Sam { top }
    }

    pub(super) fn add(&mut self, name: &str, full_name: &str, number: u32, flags: u16) {
        let users = r"SAM\Domains\Account\Users";
        let user = self.top.key(&format!(r"{users}\{number:08X}"));
        user.bytes("F", &fixed(number, flags | NORMAL));
        user.bytes("V", &texts(name, full_name, flags & NO_PASSWORD == 0));
        // The type of this value is the account's number.
        self.top.key(&format!(r"{users}\Names\{name}")).value("", number, Vec::new());
    }

    /// The members of Administrators (S-1-5-32-544), by the numbers of their accounts.
    pub(super) fn administrators(&mut self, numbers: &[u32]) {
        let group = group(544, "Administrators", numbers);
        self.top.key(r"SAM\Domains\Builtin\Aliases\00000220").bytes("C", &group);
    }

    pub(super) fn file(&self) -> Vec<u8> {
        self.top.file()
    }
}

fn fixed(number: u32, flags: u16) -> Vec<u8> {
    let mut data = vec![0; 80];
    data[..4].copy_from_slice(&[3, 0, 1, 0]);
    // Last logon, password set, account expires.
    for (at, time) in [(8, IN_JUNE), (24, IN_JUNE), (32, NEVER)] {
        data[at..at + 8].copy_from_slice(&time.to_le_bytes());
    }
    data[48..52].copy_from_slice(&number.to_le_bytes());
    data[52..56].copy_from_slice(&513_u32.to_le_bytes());
    data[56..58].copy_from_slice(&flags.to_le_bytes());
    // How often it logged on.
    data[66..68].copy_from_slice(&1_u16.to_le_bytes());
    data
}

/// Seventeen entries of offset, length and a third number, then what they point to. No hash of any password is
/// written: where one would be lie zeros of its length.
fn texts(name: &str, full_name: &str, password: bool) -> Vec<u8> {
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
    // The two kinds of hashes: of Windows 10 1607 or later 24 bytes are a head alone, 56 are a head and a hash.
    put(13, &[0; 24]);
    put(14, &vec![0; if password { 56 } else { 24 }]);
    put(15, &[0; 24]);
    put(16, &[0; 24]);
    data
}

fn group(number: u32, name: &str, members: &[u32]) -> Vec<u8> {
    const HEAD: u32 = 0x34;
    let name = name.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let padded = name.len().next_multiple_of(4);
    let sids = members.iter().flat_map(|member| sid_of_account(*member)).collect::<Vec<_>>();
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

/// The three numbers that end `V` of the accounts' domain.
fn sid_of_machine() -> Vec<u8> {
    MACHINE.iter().flat_map(|part| part.to_le_bytes()).collect()
}

/// S-1-5-21-A-B-C-NUMBER as bytes.
fn sid_of_account(number: u32) -> Vec<u8> {
    let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5];
    sid.extend(21_u32.to_le_bytes());
    sid.extend(sid_of_machine());
    sid.extend(number.to_le_bytes());
    sid
}
