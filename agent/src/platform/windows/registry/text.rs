//! A registry for tests, written as `reg export` writes it.

use std::collections::BTreeMap;
use std::io;

use jiff::Timestamp;

use super::{Hive, Registry, Value, texts};

/// The keys of an export; a path is `(hive, lower case path)`.
#[derive(Default)]
pub(crate) struct TextRegistry {
    keys: BTreeMap<(Hive, String), Key>,
}

#[derive(Default)]
struct Key {
    /// As it was written.
    path: String,
    values: Vec<(String, Value)>,
}

impl TextRegistry {
    /// Understands the text of an export. Panics on what it does not understand: it is there for tests.
    pub(crate) fn parse(text: &str) -> Self {
        let mut registry = TextRegistry::default();
        let text = text.replace("\r\n", "\n").replace("\\\n", "");
        let mut at = None;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(';')) {
            if let Some(path) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                at = registry.make(path);
            } else if let (Some(key), Some((name, data))) = (&at, line.split_once('=')) {
                // A name may hold `=` only inside its quotes.
                let (name, data) = match line.strip_prefix('"') {
                    Some(rest) => rest.split_once("\"=").expect("a name in quotes"),
                    None => (name.trim_matches('@'), data),
                };
                let value = parse_data(data);
                registry.keys.get_mut(key).expect("made above").values.push((unescape(name), value));
            }
        }
        registry
    }

    /// Makes the key and all above it. `None`: below no hive that Daicho reads.
    fn make(&mut self, path: &str) -> Option<(Hive, String)> {
        let (hive, path) = split(path)?;
        let mut above = String::new();
        self.keys.entry((hive.clone(), String::new())).or_default();
        for part in path.split('\\').filter(|part| !part.is_empty()) {
            if !above.is_empty() {
                above.push('\\');
            }
            above.push_str(part);
            let name = (hive.clone(), above.to_lowercase());
            self.keys.entry(name).or_insert_with(|| Key { path: above.clone(), values: Vec::new() });
        }
        Some((hive, path.to_lowercase()))
    }

    fn key(&self, hive: &Hive, path: &str) -> Option<&Key> {
        self.keys.get(&(hive.clone(), path.to_lowercase()))
    }
}

fn split(path: &str) -> Option<(Hive, String)> {
    let parts = path.split('\\').collect::<Vec<_>>();
    let upper = parts.iter().map(|part| part.to_uppercase()).collect::<Vec<_>>();
    let hive = match upper.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["HKEY_LOCAL_MACHINE", "SOFTWARE", ..] => Hive::Software,
        ["HKEY_LOCAL_MACHINE", "SYSTEM", ..] => Hive::System,
        ["HKEY_LOCAL_MACHINE", "SAM", ..] => Hive::Sam,
        ["HKEY_LOCAL_MACHINE", "SECURITY", ..] => Hive::Security,
        ["HKEY_USERS", _, ..] => Hive::User(parts[1].to_owned()),
        _ => return None,
    };
    Some((hive, parts[2..].join("\\")))
}

fn unescape(text: &str) -> String {
    text.replace("\\\"", "\"").replace("\\\\", "\\")
}

fn parse_data(data: &str) -> Value {
    if let Some(text) = data.strip_prefix('"') {
        return Value::Text(unescape(text.strip_suffix('"').expect("a closing quote")));
    }
    let (kind, digits) = data.split_once(':').expect("a kind of data");
    if kind == "dword" {
        return Value::Number(u64::from_str_radix(digits.trim(), 16).expect("eight hexadecimal digits"));
    }
    let bytes = digits
        .split(',')
        .map(str::trim)
        .filter(|digits| !digits.is_empty())
        .map(|digits| u8::from_str_radix(digits, 16).expect("two hexadecimal digits"))
        .collect::<Vec<_>>();
    let wide = || {
        let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        String::from_utf16_lossy(&units.collect::<Vec<_>>())
    };
    match kind {
        "hex(2)" | "hex(1)" => Value::Text(wide().split('\0').next().unwrap_or_default().to_owned()),
        "hex(7)" => Value::Texts(texts(&wide())),
        "hex(b)" => Value::Number(u64::from_le_bytes(bytes.try_into().expect("eight bytes"))),
        _ => Value::Bytes(bytes),
    }
}

impl Registry for TextRegistry {
    fn keys(&self, hive: &Hive, path: &str) -> io::Result<Option<Vec<String>>> {
        if self.key(hive, path).is_none() {
            return Ok(None);
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{}\\", path.to_lowercase()) };
        let below = self.keys.iter().filter(|((own, _), _)| own == hive);
        let names = below.filter_map(|((_, lower), key)| {
            let rest = lower.strip_prefix(&prefix)?;
            let direct = !rest.is_empty() && !rest.contains('\\');
            direct.then(|| key.path.rsplit('\\').next().unwrap_or_default().to_owned())
        });
        Ok(Some(names.collect()))
    }

    fn values(&self, hive: &Hive, path: &str) -> io::Result<Option<Vec<(String, Value)>>> {
        Ok(self.key(hive, path).map(|key| key.values.clone()))
    }

    fn written_at(&self, _: &Hive, _: &str) -> io::Result<Option<Timestamp>> {
        Ok(None)
    }

    fn users(&self) -> io::Result<Vec<String>> {
        let mut users = Vec::new();
        for (hive, _) in self.keys.keys() {
            if let Hive::User(sid) = hive
                && !users.contains(sid)
            {
                users.push(sid.clone());
            }
        }
        Ok(users)
    }
}

#[test]
fn an_export_is_read_as_a_registry() {
    let registry = TextRegistry::parse(
        "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\A b\\C]\r\n@=\"x\"\r\n\"N=\\\"\"=dword:0000001f\r\n\"M\"=hex(7):61,00,00,00,\\\r\n  62,00,00,00,00,00\r\n",
    );
    let registry: &dyn Registry = &registry;
    assert_eq!(registry.keys(&Hive::Software, "").unwrap().unwrap(), ["A b"]);
    assert_eq!(registry.keys(&Hive::Software, "a B").unwrap().unwrap(), ["C"]);
    assert_eq!(registry.text(&Hive::Software, "A b\\c", "").unwrap().as_deref(), Some("x"));
    assert_eq!(registry.number(&Hive::Software, "A b\\C", "n=\"").unwrap(), Some(31));
    let two = Value::Texts(vec!["a".into(), "b".into()]);
    assert_eq!(registry.value(&Hive::Software, "A b\\C", "m").unwrap(), Some(two));
    assert_eq!(registry.keys(&Hive::System, "").unwrap(), None);
}
