//! The registry, live or from the files of a disk: all that Daicho asks of it. It is only read.

use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::disk::Disk;

pub(crate) mod hives;
pub(crate) mod saved;
#[cfg(test)]
pub(crate) mod text;
#[cfg(test)]
#[path = "../../../../tests/src/windows_disk/hive.rs"]
#[expect(unreachable_pub, dead_code, reason = "the tests of the whole project use this file too")]
pub(crate) mod written;

/// A root of the registry. Paths below it have no leading or trailing backslash; case does not matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hive {
    /// `HKEY_LOCAL_MACHINE\SOFTWARE`, always the view of 64-bit programs: what 32-bit ones see lies in `WOW6432Node`.
    Software,
    /// `HKEY_LOCAL_MACHINE\SYSTEM`; `CurrentControlSet` is a key of it, offline as well.
    System,
    /// `HKEY_LOCAL_MACHINE\SAM`, which only the system itself can read live.
    Sam,
    /// `HKEY_LOCAL_MACHINE\SECURITY`, which only the system itself can read live.
    Security,
    /// `HKEY_USERS\SID`: a person's own settings, if they are loaded or their file can be read.
    User(String),
}

/// The data of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `REG_SZ` and `REG_EXPAND_SZ`, up to the first NUL; variables such as `%SystemRoot%` are not replaced.
    Text(String),
    /// `REG_MULTI_SZ`. An empty text is kept where others follow: `PendingFileRenameOperations` has such.
    Texts(Vec<String>),
    /// `REG_DWORD` and `REG_QWORD`.
    Number(u64),
    /// Everything else.
    Bytes(Vec<u8>),
}

/// The texts of a `REG_MULTI_SZ`, which are ended by a NUL each, and all of them by one more.
pub(crate) fn texts(data: &str) -> Vec<String> {
    let data = data.trim_end_matches('\0');
    if data.is_empty() { Vec::new() } else { data.split('\0').map(str::to_owned).collect() }
}

/// A registry that can be read. A key or value that is not there is `None` or empty; an error means that it may be
/// there and could not be read.
pub trait Registry: Send + Sync {
    /// The names of the keys below this one; `None`: there is no such key.
    fn keys(&self, hive: &Hive, path: &str) -> io::Result<Option<Vec<String>>>;

    /// All values of a key, the default value with an empty name; `None`: there is no such key.
    fn values(&self, hive: &Hive, path: &str) -> io::Result<Option<Vec<(String, Value)>>>;

    /// One value; `None`: there is no such key or no such value in it.
    fn value(&self, hive: &Hive, path: &str, name: &str) -> io::Result<Option<Value>> {
        let values = self.values(hive, path)?.unwrap_or_default();
        Ok(values.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    }

    /// Whether a value is there and holds something, without what it holds: for what nobody may read. An empty text
    /// is nothing.
    fn is_filled(&self, hive: &Hive, path: &str, name: &str) -> io::Result<bool> {
        Ok(match self.value(hive, path, name)? {
            None => false,
            Some(Value::Text(text)) => !text.is_empty(),
            Some(Value::Texts(texts)) => !texts.is_empty(),
            Some(Value::Number(_)) => true,
            Some(Value::Bytes(bytes)) => !bytes.is_empty(),
        })
    }

    /// When the key, or a value in it, was last written.
    fn written_at(&self, hive: &Hive, path: &str) -> io::Result<Option<Timestamp>>;

    /// The SIDs of the people whose settings can be read now.
    fn users(&self) -> io::Result<Vec<String>>;

    /// What is wrong with the registry as a whole: one sentence for each hive that is missing, damaged or was not
    /// read in full, with the hive that it is about.
    fn troubles(&self) -> Vec<(Hive, String)> {
        Vec::new()
    }

    /// From now on [`Registry::found`] tells of what is asked next.
    fn begin(&self) {}

    /// What was not read in full since [`Registry::begin`], in sentences: the troubles of the hives that were asked, and
    /// keys and values in them that are damaged and were left out. `platform::windows` adds them to each look's problems,
    /// so that what is absent for such a reason is nowhere taken for absent.
    fn found(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The registry of the disk below this folder.
pub fn of_disk(top: &Path) -> io::Result<Box<dyn Registry>> {
    Ok(Box::new(hives::Hives::read(&Disk::at(top))?))
}

impl dyn Registry + '_ {
    /// A value that is text and not empty.
    pub fn text(&self, hive: &Hive, path: &str, name: &str) -> io::Result<Option<String>> {
        Ok(match self.value(hive, path, name)? {
            Some(Value::Text(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            _ => None,
        })
    }

    /// A value that is a number.
    pub fn number(&self, hive: &Hive, path: &str, name: &str) -> io::Result<Option<u64>> {
        Ok(match self.value(hive, path, name)? {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        })
    }

    /// Whether there is such a key. Its values are asked for: of some keys nothing else was saved.
    pub fn has(&self, hive: &Hive, path: &str) -> io::Result<bool> {
        Ok(self.values(hive, path)?.is_some())
    }
}
