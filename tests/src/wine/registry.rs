//! What `reg query` says, for comparing it with what the agent says.

use std::collections::BTreeMap;

use super::Wine;

/// One value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// `REG_SZ` and the like.
    pub kind: String,
    /// As `reg query` prints it: numbers as `0x1f`, bytes as hexadecimal digits.
    pub data: String,
}

/// One key: its values by name, and the names of the keys below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// The default value is called `(Default)`.
    pub values: BTreeMap<String, Value>,
    /// Without the path before them.
    pub keys: Vec<String>,
}

impl Key {
    /// A value's data, if it is there and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.values.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?.1;
        Some(value.data.as_str()).filter(|data| !data.is_empty())
    }

    /// A value that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        u64::from_str_radix(self.text(name)?.strip_prefix("0x")?, 16).ok()
    }
}

impl Wine {
    /// Asks `reg query` for a key; one that is not there is empty.
    pub fn registry(&self, path: &str) -> Key {
        let mut command = self.command("reg");
        let output = self.run(command.args(["query", path]));
        let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        let key = parse(path, &said);
        // It ends with 1 where there is no such key.
        let is_told = !output.status.success() || key != Key::default();
        assert!(is_told, "reg query {path} says nothing: {output:?}");
        key
    }

    /// Changes a value as an administrator would: `reg add`.
    pub fn set(&self, path: &str, name: &str, kind: &str, data: &str) {
        let mut command = self.command("reg");
        command.args(["add", path, "/v", name, "/t", kind, "/d", data, "/f"]);
        let output = self.run(&command);
        assert!(output.status.success(), "{command:?}: {output:?}");
    }

    /// Imports the text of a `.reg` file.
    pub fn import(&self, text: &str) {
        let file = self.folder.path().join("import.reg");
        std::fs::write(&file, text.replace('\n', "\r\n")).expect("a temporary folder can be written");
        let mut command = self.command("reg");
        let output = self.run(command.args(["import", &Wine::name(&file)]));
        assert!(output.status.success(), "{output:?}");
    }
}

/// A value's line has four spaces between its three parts; a key's line is its whole path, and its own comes first.
fn parse(path: &str, said: &str) -> Key {
    let mut key = Key::default();
    let own = path.split_once('\\').map_or(path, |(_, below)| below).to_lowercase();
    for line in said.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(value) = line.strip_prefix("    ") {
            let mut parts = value.splitn(3, "    ");
            if let (Some(name), Some(kind)) = (parts.next(), parts.next()) {
                let data = parts.next().unwrap_or_default().to_owned();
                key.values.insert(name.to_owned(), Value { kind: kind.to_owned(), data });
            }
        } else if !line.to_lowercase().ends_with(&own) {
            key.keys.extend(line.rsplit_once('\\').map(|(_, name)| name.to_owned()));
        }
    }
    key
}

#[test]
fn what_reg_query_prints_is_understood() {
    let said = "\nHKEY_LOCAL_MACHINE\\Software\\A b\n    Text    REG_SZ    x    y\n    Empty    REG_SZ    \n    \
                Number    REG_DWORD    0x1f\n    (Default)    REG_SZ    d\n\n\
                HKEY_LOCAL_MACHINE\\Software\\A b\\C\nHKEY_LOCAL_MACHINE\\Software\\A b\\D e\n";
    let key = parse("HKLM\\software\\a b", said);
    assert_eq!(key.text("text"), Some("x    y"));
    assert_eq!(key.text("Empty"), None);
    assert_eq!(key.number("Number"), Some(31));
    assert_eq!(key.text("(default)"), Some("d"));
    assert_eq!(key.keys, ["C", "D e"]);
    assert_eq!(parse("HKLM\\nothing", ""), Key::default());
}
