//! The registry of a PC that took no agent: the keys that `daicho-collect.ps1` saved there, each as a small hive.
//!
//! What was not saved is unknown. It answers with an error and never as a key that is not there.

use std::collections::BTreeSet;
use std::io;

use jiff::Timestamp;

use super::hives::Hives;
use super::{Hive, Registry, Value};
use crate::platform::windows::disk::Disk;

/// The list that the script writes: what it saved, what was not there, and what it could not read.
pub(crate) const LIST: &str = "daicho-saved.txt";

/// A list has some forty lines, and ten for each loaded user.
const LINES_MAX: usize = 5_000;

/// Where a saved key lies: its hive is `SOFTWARE` of a folder that looks like a disk, whatever it was a part of.
const FOLDER: &str = "registry";

/// The saved keys.
pub(crate) struct Saved {
    mounts: Vec<Mount>,
    /// The hive `SAM`, which the script saves whole.
    accounts: Option<Box<dyn Registry>>,
    /// What the script could not save, in its words.
    failures: Vec<(Hive, String)>,
}

/// A key of which something is known.
struct Mount {
    hive: Hive,
    /// In small letters.
    path: String,
    content: Content,
}

enum Content {
    /// The key and everything below it.
    Tree(Box<dyn Registry>),
    /// The key's values that the script chose; of its keys and its other values nothing is known.
    Values(Vec<(String, Value)>),
    /// There was no such key.
    Absent,
}

impl Saved {
    /// Reads what the script saved; `None`: this is no work of the script.
    pub(crate) fn read(disk: &Disk) -> io::Result<Option<Self>> {
        let Some(list) = disk.read(LIST)? else { return Ok(None) };
        let list = String::from_utf8_lossy(&list).into_owned();
        let accounts = match disk.find("Windows/System32/config/SAM")? {
            Some(_) => Some(Box::new(Hives::read(disk)?) as Box<dyn Registry>),
            None => None,
        };
        let open = |name: &str| {
            let found = disk.find(&format!("{FOLDER}/{name}"))?;
            let found =
                found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "its file is missing"))?;
            Ok(Box::new(Hives::read(&Disk::at(&found))?) as Box<dyn Registry>)
        };
        Ok(Some(Saved::parse(&list, accounts, open)))
    }

    /// Understands the list. `open` opens a saved hive by the name of its folder.
    fn parse(
        list: &str,
        accounts: Option<Box<dyn Registry>>,
        open: impl Fn(&str) -> io::Result<Box<dyn Registry>>,
    ) -> Self {
        let mut saved = Saved { mounts: Vec::new(), accounts, failures: Vec::new() };
        for line in list.trim_start_matches('\u{feff}').lines().take(LINES_MAX) {
            let parts = line.trim_end_matches('\r').split('\t').collect::<Vec<_>>();
            let Some((hive, path)) = parts.get(1).and_then(|path| split(path)) else { continue };
            let told = format!("{} was not saved by daicho-collect.ps1", parts[1]);
            match parts.as_slice() {
                ["saved", _, name] if is_name(name) => match open(name) {
                    Ok(tree) => {
                        saved.mount(hive, path, Content::Tree(tree));
                    }
                    Err(error) => saved.failures.push((hive, format!("{told}: {error}"))),
                },
                ["absent", _] => saved.mount(hive, path, Content::Absent),
                ["value", _, kind, name, data] => saved.choose(hive, path, name, read_value(kind, data)),
                ["values", _] => saved.choose(hive, path, "", None),
                _ => saved.failures.push((hive, told)),
            }
        }
        saved
    }

    fn mount(&mut self, hive: Hive, path: String, content: Content) {
        self.mounts.push(Mount { hive, path, content });
    }

    /// Adds a value to the key; without one the key alone.
    fn choose(&mut self, hive: Hive, path: String, name: &str, value: Option<Value>) {
        let known = self.mounts.iter_mut().find(|mount| mount.hive == hive && mount.path == path);
        let value = value.map(|value| (name.to_owned(), value));
        match known {
            Some(Mount { content: Content::Values(values), .. }) => values.extend(value),
            Some(_) => {}
            None => self.mount(hive, path, Content::Values(value.into_iter().collect())),
        }
    }

    fn trees(&self) -> impl Iterator<Item = (&Mount, &dyn Registry)> {
        self.mounts.iter().filter_map(|mount| match &mount.content {
            Content::Tree(tree) => Some((mount, tree.as_ref())),
            _ => None,
        })
    }

    /// The longest saved key at or above this one, and the rest of the path below it.
    fn find<'a>(&self, hive: &Hive, path: &'a str) -> Option<(&Content, &'a str)> {
        let lower = path.to_lowercase();
        let above =
            self.mounts.iter().filter(|mount| mount.hive == *hive && is_at_or_above(&mount.path, &lower));
        let nearest = above.max_by_key(|mount| mount.path.len())?;
        // Both are the same but for their case, which changes no length of what Windows allows in both; else nothing.
        let rest = path.get(nearest.path.len()..)?;
        Some((&nearest.content, rest.trim_start_matches('\\')))
    }

    /// Asks the registry that has the key; `Ok(None)`: there was no such key.
    fn ask<T>(
        &self,
        hive: &Hive,
        path: &str,
        tree: impl FnOnce(&dyn Registry, &Hive, &str) -> io::Result<Option<T>>,
        values: impl FnOnce(&[(String, Value)]) -> Option<T>,
    ) -> io::Result<Option<T>> {
        if *hive == Hive::Sam
            && let Some(accounts) = &self.accounts
        {
            return tree(accounts.as_ref(), hive, path);
        }
        let answer = match self.find(hive, path) {
            Some((Content::Tree(registry), rest)) => return tree(registry.as_ref(), &Hive::Software, rest),
            Some((Content::Absent, _)) => return Ok(None),
            Some((Content::Values(known), "")) => values(known),
            Some((Content::Values(_), _)) | None => None,
        };
        answer.map(Some).ok_or_else(|| {
            let sentence =
                format!("{} was not saved by daicho-collect.ps1, so it is unknown", named(hive, path));
            io::Error::new(io::ErrorKind::Unsupported, sentence)
        })
    }
}

impl Registry for Saved {
    fn keys(&self, hive: &Hive, path: &str) -> io::Result<Option<Vec<String>>> {
        self.ask(hive, path, |registry, hive, rest| registry.keys(hive, rest), |_| None)
    }

    fn values(&self, hive: &Hive, path: &str) -> io::Result<Option<Vec<(String, Value)>>> {
        self.ask(hive, path, |registry, hive, rest| registry.values(hive, rest), |known| Some(known.to_vec()))
    }

    fn value(&self, hive: &Hive, path: &str, name: &str) -> io::Result<Option<Value>> {
        let known = |known: &[(String, Value)]| {
            let one = known.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
            Some(one.map(|(_, value)| value.clone()))
        };
        let found =
            self.ask(hive, path, |registry, hive, rest| registry.value(hive, rest, name).map(Some), known)?;
        Ok(found.flatten())
    }

    fn written_at(&self, hive: &Hive, path: &str) -> io::Result<Option<Timestamp>> {
        self.ask(hive, path, |registry, hive, rest| registry.written_at(hive, rest), |_| None)
    }

    fn users(&self) -> io::Result<Vec<String>> {
        let sids = self.mounts.iter().filter_map(|mount| match &mount.hive {
            Hive::User(sid) => Some(sid.clone()),
            _ => None,
        });
        Ok(sids.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn troubles(&self) -> Vec<(Hive, String)> {
        let of_accounts = self.accounts.iter().flat_map(|accounts| accounts.troubles());
        let of_trees = self.trees().flat_map(|(mount, tree)| {
            // A saved key lies alone: that the other hives of a disk are missing beside it says nothing.
            let own = tree.troubles().into_iter().filter(|(hive, _)| *hive == Hive::Software);
            own.map(|(_, text)| (mount.hive.clone(), format!("{}: {text}", named(&mount.hive, &mount.path))))
        });
        let of_accounts = of_accounts.filter(|(hive, _)| *hive == Hive::Sam);
        of_accounts.chain(of_trees).chain(self.failures.iter().cloned()).collect()
    }

    fn begin(&self) {
        self.trees().for_each(|(_, tree)| tree.begin());
        self.accounts.iter().for_each(|accounts| accounts.begin());
    }

    fn found(&self) -> Vec<String> {
        let of_trees = self.trees().flat_map(|(mount, tree)| {
            let name = named(&mount.hive, &mount.path);
            tree.found().into_iter().map(move |text| format!("{name}: {text}"))
        });
        of_trees.chain(self.accounts.iter().flat_map(|accounts| accounts.found())).collect()
    }
}

/// `HKLM\SOFTWARE\...`, `HKLM\SYSTEM\...`, `HKU\SID\...`.
fn split(path: &str) -> Option<(Hive, String)> {
    let mut parts = path.splitn(3, '\\');
    let (root, first, rest) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
    let hive = match (root, first.to_uppercase().as_str()) {
        ("HKLM", "SOFTWARE") => Hive::Software,
        ("HKLM", "SYSTEM") => Hive::System,
        ("HKLM", "SAM") => Hive::Sam,
        ("HKLM", "SECURITY") => Hive::Security,
        ("HKU", _) => Hive::User(first.to_owned()),
        _ => return None,
    };
    Some((hive, rest.trim_matches('\\').to_lowercase()))
}

fn named(hive: &Hive, path: &str) -> String {
    let root = match hive {
        Hive::Software => r"HKLM\SOFTWARE".to_owned(),
        Hive::System => r"HKLM\SYSTEM".to_owned(),
        Hive::Sam => r"HKLM\SAM".to_owned(),
        Hive::Security => r"HKLM\SECURITY".to_owned(),
        Hive::User(sid) => format!(r"HKU\{sid}"),
    };
    format!("{root}\\{path}")
}

fn is_at_or_above(above: &str, path: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| above.is_empty() || rest.is_empty() || rest.starts_with('\\'))
}

/// The script numbers what it saves.
fn is_name(name: &str) -> bool {
    (1..=6).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_value(kind: &str, data: &str) -> Option<Value> {
    match kind {
        // It is there, and neither text nor a number.
        "other" => Some(Value::Bytes(Vec::new())),
        "number" => data.trim().parse().ok().map(Value::Number),
        _ => Some(Value::Text(data.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::TextRegistry;
    use super::*;

    const USB: &str = r"HKEY_LOCAL_MACHINE\SOFTWARE\USBSTOR\Disk&Ven_A";

    fn saved(list: &str) -> Saved {
        let list = list.replace('|', "\t");
        Saved::parse(&list, None, |name| match name {
            "1" => Ok(Box::new(TextRegistry::parse(&format!("[{USB}]\n\"Class\"=\"DiskDrive\"\n")))),
            _ => Err(io::ErrorKind::NotFound.into()),
        })
    }

    #[test]
    fn a_saved_key_is_read_where_it_was() {
        let saved = saved("\u{feff}saved|HKLM\\SYSTEM\\CurrentControlSet\\Enum|1\r\n");
        let saved: &dyn Registry = &saved;
        assert_eq!(
            saved.keys(&Hive::System, r"CurrentControlSet\enum\USBSTOR").unwrap().unwrap(),
            ["Disk&Ven_A"]
        );
        let path = r"CurrentControlSet\Enum\UsbStor\Disk&Ven_A";
        assert_eq!(saved.text(&Hive::System, path, "Class").unwrap().as_deref(), Some("DiskDrive"));
        assert_eq!(saved.keys(&Hive::System, r"CurrentControlSet\Enum\Nothing").unwrap(), None);
    }

    #[test]
    fn what_was_not_saved_is_an_error_and_what_was_not_there_is_none() {
        let saved = saved(
            "absent|HKLM\\SOFTWARE\\Microsoft\\Updates\nfailed|HKLM\\SOFTWARE\\Policies\nsaved|HKLM\\SOFTWARE\\X|2\n",
        );
        assert_eq!(saved.keys(&Hive::Software, r"Microsoft\Updates").unwrap(), None);
        assert_eq!(saved.keys(&Hive::Software, r"Microsoft\Updates\Below").unwrap(), None);
        for path in ["Microsoft", r"Microsoft\UpdatesToo", "Policies", "X", ""] {
            assert!(saved.keys(&Hive::Software, path).is_err(), "{path:?}");
            assert!(saved.values(&Hive::Software, path).is_err(), "{path:?}");
        }
        for hive in [Hive::System, Hive::Sam, Hive::Security, Hive::User("S-1-5-21-1".into())] {
            assert!(saved.keys(&hive, "SAM").is_err(), "{hive:?}");
        }
        let told = saved.troubles().into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(told.len(), 2, "{told:?}");
    }

    #[test]
    fn chosen_values_tell_nothing_of_the_keys_below() {
        let saved = saved(
            "values|HKLM\\SOFTWARE\\A\nvalue|HKLM\\SOFTWARE\\A|number|UBR|4529\nvalue|HKLM\\SOFTWARE\\A|text|Name|x y\n",
        );
        let registry: &dyn Registry = &saved;
        assert_eq!(registry.number(&Hive::Software, "a", "ubr").unwrap(), Some(4529));
        assert_eq!(registry.text(&Hive::Software, "A", "name").unwrap().as_deref(), Some("x y"));
        assert!(registry.keys(&Hive::Software, "A").is_err());
        assert!(registry.keys(&Hive::Software, r"A\B").is_err());
    }

    #[test]
    fn the_settings_of_each_saved_user_are_found_by_their_sid() {
        let saved = saved("saved|HKU\\S-1-5-21-7\\Software|1\nabsent|HKU\\S-1-5-21-8\\Software\n");
        assert_eq!(saved.users().unwrap(), ["S-1-5-21-7", "S-1-5-21-8"]);
        let user = Hive::User("S-1-5-21-7".into());
        assert_eq!(saved.keys(&user, "Software").unwrap().unwrap(), ["USBSTOR"]);
    }

    #[test]
    fn no_list_leads_out_of_its_folder_or_ends_the_program() {
        let saved = saved(
            "saved|HKLM\\SOFTWARE\\X|..\\1\nsaved\nsaved|\n||||\nfailed|HKCR\\a\nsaved|HKLM|1\nvalue|HKLM\\SOFTWARE\\Y|number|n|-\n",
        );
        assert!(saved.keys(&Hive::Software, "X").is_err());
        assert_eq!(saved.values(&Hive::Software, "Y").unwrap(), Some(Vec::new()));
    }

    const SCRIPT: &str = include_str!("../../../../../deploy/windows/daicho-collect.ps1");

    /// One of the script's lists.
    fn listed(name: &str) -> Vec<&'static str> {
        let (_, rest) = SCRIPT.split_once(&format!("\r\n${name} = @(")).expect("a list");
        let (list, _) = rest.split_once("\r\n)").expect("its end");
        list.split('\'').skip(1).step_by(2).collect()
    }

    #[test]
    fn the_script_saves_every_key_that_the_rooms_ask_for() {
        let mut list = String::from("absent|HKLM\\SAM\nabsent|HKLM\\SECURITY\n");
        for key in listed("Trees").into_iter().chain(listed("Values")) {
            list.push_str(&format!("absent|{key}\n"));
        }
        for key in listed("OfUsers") {
            list.push_str(&format!("absent|HKU\\S-1-5-21-1-2-3-1001\\{key}\n"));
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("Windows/System32/config")).unwrap();
        std::fs::write(folder.path().join(LIST), list.replace('|', "\t")).unwrap();
        let machine = crate::platform::at_root(folder.path()).unwrap();
        let seen = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            machine.host(),
            machine.accounts(),
            machine.packages(),
            machine.updates(),
            machine.antivirus(),
            machine.services(),
            machine.software(),
            machine.media()
        );
        let unknown = seen.split("was not saved").collect::<Vec<_>>();
        let ends = unknown.iter().rev().skip(1).map(|text| text.chars().rev().take(160).collect::<String>());
        let ends = ends.map(|text| text.chars().rev().collect::<String>()).collect::<Vec<_>>();
        assert!(ends.is_empty(), "{ends:#?}");
    }

    #[test]
    fn the_script_is_one_that_windows_7_understands_and_that_changes_nothing() {
        assert!(SCRIPT.is_ascii(), "PowerShell 2.0 takes a file without a mark for the PC's own code page");
        assert_eq!(SCRIPT.matches('\n').count(), SCRIPT.matches("\r\n").count());
        // What came with PowerShell 3 and later, and what changes a machine or asks the network.
        let never = [
            "[pscustomobject]",
            "[ordered]",
            "::new(",
            "-in ",
            "-notin ",
            "Get-CimInstance",
            "ConvertTo-Json",
            "Compress-Archive",
            "Get-FileHash",
            "-NoNewline",
            "Import-Module",
            "using namespace",
            "class ",
            "RegistryView",
            "OpenBaseKey",
            "Set-",
            "Remove-",
            "Rename-",
            "Move-",
            "Stop-Service",
            "Start-",
            "Restart-",
            "Enable-",
            "Disable-",
            "Invoke-",
            "Net.WebClient",
            "Add-Type",
            "reg.exe\" add",
            "reg.exe\" delete",
            "reg.exe\" import",
            "reg.exe\" load",
            "DeleteSubKey",
            "SetValue",
            "CreateSubKey",
            "HKLM\\SECURITY'",
            "'HKLM\\SYSTEM'",
            "Control\\Lsa'",
        ];
        for line in SCRIPT.lines().filter(|line| !line.starts_with('#')) {
            for word in never {
                assert!(!line.contains(word), "{word} in {line}");
            }
        }
        for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
            let code = SCRIPT.lines().filter(|line| !line.starts_with('#')).collect::<String>();
            assert_eq!(code.matches(open).count(), code.matches(close).count(), "{open}{close}");
        }
    }
}
