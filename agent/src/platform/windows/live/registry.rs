//! This machine's registry. A program of 64 bits sees the whole of it: `WOW6432Node` is a key like any other.

use std::io;

use jiff::Timestamp;
use windows::Win32::Foundation::FILETIME;
use windows::Win32::System::Registry::{HKEY, RegQueryInfoKeyW, RegQueryValueExW};
use windows_registry::{Key, LOCAL_MACHINE, Type, USERS};

use crate::platform::windows::filetime;
use crate::platform::windows::registry::{Hive, Registry, Value, texts};

/// This machine's registry.
pub(crate) struct LiveRegistry;

/// `ERROR_FILE_NOT_FOUND` and `ERROR_PATH_NOT_FOUND` (winerror.h) as the `HRESULT` that the crate answers with.
pub(super) const NOT_FOUND: [u32; 2] = [0x8007_0002, 0x8007_0003];

fn open(hive: &Hive, path: &str) -> io::Result<Option<Key>> {
    let top = match hive {
        Hive::Software => "SOFTWARE",
        Hive::System => "SYSTEM",
        Hive::Sam => "SAM",
        Hive::Security => "SECURITY",
        Hive::User(sid) => sid,
    };
    let whole = if path.is_empty() { top.to_owned() } else { format!("{top}\\{path}") };
    let root = if matches!(hive, Hive::User(_)) { USERS } else { LOCAL_MACHINE };
    match root.open(&whole) {
        Ok(key) => Ok(Some(key)),
        Err(error) if NOT_FOUND.contains(&error.code().0.cast_unsigned()) => Ok(None),
        Err(error) => Err(told(&error)),
    }
}

/// What went wrong, under the system's own number: in the crate's it lies inside an `HRESULT`, of which the standard
/// library knows no kind.
fn told(error: &windows::core::Error) -> io::Error {
    /// `FACILITY_WIN32` with the bit for an error.
    const WIN32: u32 = 0x8007_0000;
    let code = error.code().0.cast_unsigned();
    let number = if code & 0xffff_0000 == WIN32 { code & 0xffff } else { code };
    io::Error::from_raw_os_error(number.cast_signed())
}

fn understand(value: &windows_registry::Value) -> Value {
    let wide = || {
        let units = value.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        String::from_utf16_lossy(&units.collect::<Vec<_>>())
    };
    let bytes: &[u8] = value;
    match value.ty() {
        Type::String | Type::ExpandString => {
            Value::Text(wide().split('\0').next().unwrap_or_default().to_owned())
        }
        Type::MultiString => Value::Texts(texts(&wide())),
        Type::U32 => bytes.try_into().map_or_else(
            |_| Value::Bytes(bytes.to_vec()),
            |bytes| Value::Number(u32::from_le_bytes(bytes).into()),
        ),
        Type::U64 => bytes
            .try_into()
            .map_or_else(|_| Value::Bytes(bytes.to_vec()), |bytes| Value::Number(u64::from_le_bytes(bytes))),
        _ => Value::Bytes(bytes.to_vec()),
    }
}

impl Registry for LiveRegistry {
    fn keys(&self, hive: &Hive, path: &str) -> io::Result<Option<Vec<String>>> {
        let Some(key) = open(hive, path)? else { return Ok(None) };
        Ok(Some(key.keys()?.collect()))
    }

    fn values(&self, hive: &Hive, path: &str) -> io::Result<Option<Vec<(String, Value)>>> {
        let Some(key) = open(hive, path)? else { return Ok(None) };
        Ok(Some(key.values()?.map(|(name, value)| (name, understand(&value))).collect()))
    }

    fn value(&self, hive: &Hive, path: &str, name: &str) -> io::Result<Option<Value>> {
        let Some(key) = open(hive, path)? else { return Ok(None) };
        match key.get_value(name) {
            Ok(value) => Ok(Some(understand(&value))),
            Err(error) if NOT_FOUND.contains(&error.code().0.cast_unsigned()) => Ok(None),
            Err(error) => Err(told(&error)),
        }
    }

    fn is_filled(&self, hive: &Hive, path: &str, name: &str) -> io::Result<bool> {
        /// The two bytes that end a text.
        const END: u32 = 2;
        let Some(key) = open(hive, path)? else { return Ok(false) };
        let name = windows::core::HSTRING::from(name);
        let mut length = 0;
        #[expect(unsafe_code, reason = "the crate around the registry cannot ask for a value's length alone")]
        // SAFETY: the key is open while this is asked, `name` ends in NUL, and `length` lives on this stack. No place is
        // given for the data, so none is written.
        let result =
            unsafe { RegQueryValueExW(HKEY(key.as_raw()), &name, None, None, None, Some(&raw mut length)) };
        match result.ok() {
            Ok(()) => Ok(length > END),
            Err(error) if NOT_FOUND.contains(&error.code().0.cast_unsigned()) => Ok(false),
            Err(error) => Err(told(&error)),
        }
    }

    fn written_at(&self, hive: &Hive, path: &str) -> io::Result<Option<Timestamp>> {
        let Some(key) = open(hive, path)? else { return Ok(None) };
        let mut written = FILETIME::default();
        #[expect(unsafe_code, reason = "the crate around the registry does not tell when a key was written")]
        // SAFETY: the key is open while this is asked, and `written` lives on this stack.
        let result = unsafe {
            RegQueryInfoKeyW(
                HKEY(key.as_raw()),
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                Some(&raw mut written),
            )
        };
        result.ok()?;
        Ok(filetime(u64::from(written.dwHighDateTime) << 32 | u64::from(written.dwLowDateTime)))
    }

    fn users(&self) -> io::Result<Vec<String>> {
        // `_Classes` is a part of the person's own settings that is mounted beside them.
        Ok(USERS.keys()?.filter(|name| !name.ends_with("_Classes")).collect())
    }
}
