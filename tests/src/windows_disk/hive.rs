//! Writes registry hives as Windows does, key by key or from the text of `reg export`, so that a test can say what is
//! on a Windows disk.
//!
//! The agent's own tests take this file as well. Beyond what `reg export` writes, a line `; written 2024-05-06T07:08:09Z`
//! below a key says when it was last written.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;

#[path = "hive/cells.rs"]
mod cells;

/// A value as it is written: name, type and data.
pub type Written = (String, u32, Vec<u8>);

/// A key with all that is in it.
#[derive(Clone, Debug, Default)]
pub struct Key {
    /// As it is shown.
    name: String,
    /// 100 nanoseconds since 1601 (`FILETIME`).
    written_at: u64,
    /// Name, type (`REG_SZ` is 1) and data, in the order in which they were written.
    values: Vec<Written>,
    /// By their names in capitals, which is the order of a hive.
    keys: BTreeMap<String, Key>,
}

impl Key {
    /// The key at this path below, made if it is not there. A path without an end is the key itself.
    pub fn key(&mut self, path: &str) -> &mut Key {
        path.split('\\').filter(|name| !name.is_empty()).fold(self, |key, name| {
            let written_at = key.written_at;
            let made = || Key { name: name.to_owned(), written_at, ..Key::default() };
            key.keys.entry(name.to_uppercase()).or_insert_with(made)
        })
    }

    /// When it was last written, as a count of 100 nanoseconds since 1601.
    pub fn written_at(&mut self, filetime: u64) -> &mut Key {
        self.written_at = filetime;
        self
    }

    /// A value of any type.
    pub fn value(&mut self, name: &str, kind: u32, data: Vec<u8>) -> &mut Key {
        self.values.push((name.to_owned(), kind, data));
        self
    }

    /// A value that is text.
    pub fn text(&mut self, name: &str, text: &str) -> &mut Key {
        self.value(name, REG_SZ, wide(text))
    }

    /// A value that is text with `%variables%`.
    pub fn path(&mut self, name: &str, text: &str) -> &mut Key {
        self.value(name, REG_EXPAND_SZ, wide(text))
    }

    /// A value that is several texts.
    pub fn texts(&mut self, name: &str, texts: &[&str]) -> &mut Key {
        let mut data: Vec<u8> = texts.iter().flat_map(|text| wide(text)).collect();
        data.extend([0, 0]);
        self.value(name, REG_MULTI_SZ, data)
    }

    /// A value that is a number of 32 bits.
    pub fn number(&mut self, name: &str, number: u32) -> &mut Key {
        self.value(name, REG_DWORD, number.to_le_bytes().to_vec())
    }

    /// A value that is bytes.
    pub fn bytes(&mut self, name: &str, data: &[u8]) -> &mut Key {
        self.value(name, REG_BINARY, data.to_vec())
    }

    /// The hive file whose top this is.
    pub fn file(&self) -> Vec<u8> {
        cells::hive(self)
    }

    /// The key at this path below, if it is there.
    pub fn at(&self, path: &str) -> Option<&Key> {
        let mut names = path.split('\\').filter(|name| !name.is_empty());
        names.try_fold(self, |key, name| key.keys.get(&name.to_uppercase()))
    }

    /// Its values: name, type and data.
    pub fn values(&self) -> &[Written] {
        &self.values
    }

    /// All keys at and below it by their paths in capitals, each with its name as it is written and its values in the
    /// order of their names: what another reader has to see, too.
    pub fn listed(&self) -> BTreeMap<String, (String, Vec<Written>)> {
        let mut listed = BTreeMap::new();
        let mut next = vec![(String::new(), self)];
        while let Some((path, key)) = next.pop() {
            let mut values = key.values.clone();
            values.sort();
            next.extend(key.keys.iter().map(|(name, below)| (format!("{path}\\{name}"), below)));
            listed.insert(path, (key.name.clone(), values));
        }
        listed
    }

    fn has(&self, path: &str) -> bool {
        self.at(path).is_some()
    }
}

const REG_SZ: u32 = 1;
const REG_EXPAND_SZ: u32 = 2;
const REG_BINARY: u32 = 3;
const REG_DWORD: u32 = 4;
const REG_MULTI_SZ: u32 = 7;

/// When a key was written that says nothing else: 2024-01-01T00:00:00Z.
const WRITTEN: u64 = 133_485_408_000_000_000;

/// Where Windows keeps the folders of its users.
const PROFILES: &str = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList";

/// Writes the hives of an export below a folder, where Windows has them. All four of the machine are written, empty if
/// nothing is said of them; the settings of a user lie where `ProfileImagePath` says, which is added if it is missing.
pub fn lay(folder: &Path, export: &str) -> io::Result<()> {
    for (path, bytes) in files(export) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// The same files by their paths on the disk. Panics on a text that is not understood: it is there for tests.
pub fn files(export: &str) -> BTreeMap<String, Vec<u8>> {
    let mut roots = roots(export);
    let users = roots.keys().filter(|name| name.starts_with("S-1-")).cloned().collect::<Vec<_>>();
    let mut files = BTreeMap::new();
    roots.get_mut("SOFTWARE").expect("it is always made").key(PROFILES);
    for sid in users {
        let user = roots.remove(&sid).expect("its name was taken from there");
        let software = roots.get_mut("SOFTWARE").expect("it is always made");
        let place = profile(software, &sid);
        files.insert(format!("{place}/NTUSER.DAT"), user.file());
    }
    let system = roots.get_mut("SYSTEM").expect("it is always made");
    if !system.has("Select") {
        system.key("Select").number("Current", 1);
    }
    for (name, root) in roots {
        files.insert(format!("Windows/System32/config/{name}"), root.file());
    }
    files
}

/// Where a user's settings lie below the top of the disk.
fn profile(software: &mut Key, sid: &str) -> String {
    let key = software.key(&format!("{PROFILES}\\{sid}"));
    let said = key.values.iter().find(|(name, ..)| name == "ProfileImagePath");
    if let Some((_, _, data)) = said {
        let units = data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let text = String::from_utf16_lossy(&units.collect::<Vec<_>>());
        let text = text.trim_end_matches('\0');
        let below = text.split_once('\\').expect("a drive and a path").1;
        return below.replace('\\', "/");
    }
    let name = format!("user-{}", sid.rsplit('-').next().expect("a number ends it"));
    key.text("ProfileImagePath", &format!("C:\\Users\\{name}"));
    format!("Users/{name}")
}

/// The keys by hive, as `reg export` (or a program that writes the same) tells them: `SOFTWARE`, or a user's SID.
pub fn roots(export: &str) -> BTreeMap<String, Key> {
    let root = |name: &str| Key { name: name.to_owned(), written_at: WRITTEN, ..Key::default() };
    let mut roots: BTreeMap<String, Key> =
        ["SAM", "SECURITY", "SOFTWARE", "SYSTEM"].map(|name| (name.to_owned(), root(name))).into();
    let text = export.replace("\r\n", "\n").replace("\\\n", "");
    let mut at: Option<(String, String)> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(path) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            at = split(path);
            if let Some((hive, path)) = &at {
                roots.entry(hive.clone()).or_insert_with(|| root("ROOT")).key(path);
            }
            continue;
        }
        let Some((hive, path)) = &at else { continue };
        let key = roots.get_mut(hive).expect("made above").key(path);
        if let Some(time) = line.strip_prefix("; written ") {
            let time: Timestamp = time.parse().expect("a time in UTC");
            let count = time.as_nanosecond() / 100 + 116_444_736_000_000_000;
            key.written_at = count.try_into().expect("a time after 1601");
        } else if let Some((name, data)) = line.split_once('=').filter(|_| !line.starts_with(';')) {
            // A name may hold `=` only inside its quotes.
            let (name, data) = match line.strip_prefix('"') {
                Some(rest) => rest.split_once("\"=").expect("a name in quotes"),
                None => (name.trim_matches('@'), data),
            };
            let (kind, data) = parse_data(data);
            key.values.push((unescape(name), kind, data));
        }
    }
    roots
}

/// The hive and the path in it; `None`: of no hive that Daicho reads. A disk has no current set of controls, but the
/// first, second and so on, and a number that says which is current.
fn split(path: &str) -> Option<(String, String)> {
    let parts = path.split('\\').collect::<Vec<_>>();
    let upper = parts.iter().map(|part| part.to_uppercase()).collect::<Vec<_>>();
    let below = |count: usize| parts[count..].join("\\");
    match upper.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["HKEY_LOCAL_MACHINE", "SYSTEM", "CURRENTCONTROLSET", ..] => {
            Some(("SYSTEM".to_owned(), format!("ControlSet001\\{}", below(3))))
        }
        ["HKEY_LOCAL_MACHINE", hive @ ("SAM" | "SECURITY" | "SOFTWARE" | "SYSTEM"), ..] => {
            Some(((*hive).to_owned(), below(2)))
        }
        ["HKEY_USERS", sid, ..] if sid.starts_with("S-1-") => Some(((*sid).to_owned(), below(2))),
        _ => None,
    }
}

fn unescape(text: &str) -> String {
    text.replace("\\\"", "\"").replace("\\\\", "\\")
}

/// UTF-16 with a NUL at its end.
fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn parse_data(data: &str) -> (u32, Vec<u8>) {
    if let Some(text) = data.strip_prefix('"') {
        return (REG_SZ, wide(&unescape(text.strip_suffix('"').expect("a closing quote"))));
    }
    let (kind, digits) = data.split_once(':').expect("a kind of data");
    if kind == "dword" {
        let number = u32::from_str_radix(digits.trim(), 16).expect("eight hexadecimal digits");
        return (REG_DWORD, number.to_le_bytes().to_vec());
    }
    let bytes = digits
        .split(',')
        .map(str::trim)
        .filter(|digits| !digits.is_empty())
        .map(|digits| u8::from_str_radix(digits, 16).expect("two hexadecimal digits"))
        .collect();
    let kind = kind.strip_prefix("hex").expect("hex or dword");
    let number = kind.strip_prefix('(').and_then(|kind| kind.strip_suffix(')'));
    (number.map_or(REG_BINARY, |number| u32::from_str_radix(number, 16).expect("a type's number")), bytes)
}
