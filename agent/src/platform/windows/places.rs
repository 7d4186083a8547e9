//! Where things lie on a Windows disk: its variables, and which file a command starts.

use super::registry::{Hive, Registry};

/// Longer commands than CreateProcessW takes start nothing.
const COMMAND_CHARS_MAX: usize = 32_767;

/// A path that is longer than this is no path of a program; what is told of it is cut.
const PATH_CHARS_MAX: usize = 1024;

/// What the variables of a machine, or of one of its people, stand for.
#[derive(Clone)]
pub(crate) struct Places {
    /// `C:\Windows`.
    root: String,
    variables: Vec<(&'static str, String)>,
}

impl Places {
    /// The machine's, as its registry tells them; what it does not tell is where it is on nearly every machine.
    pub(crate) fn read(registry: &dyn Registry) -> Self {
        let text = |path: &str, name: &str| registry.text(&Hive::Software, path, name).ok().flatten();
        let root = text("Microsoft\\Windows NT\\CurrentVersion", "SystemRoot").map(short);
        let root = root.filter(|root| drive(root).is_some()).unwrap_or_else(|| "C:\\Windows".to_owned());
        let drive = drive(&root).unwrap_or("C:").to_owned();
        let folder = |name: &str, otherwise: &str| {
            let told = text("Microsoft\\Windows\\CurrentVersion", name).map(short);
            told.filter(|path| !path.contains('%')).unwrap_or_else(|| format!("{drive}\\{otherwise}"))
        };
        let programs = folder("ProgramFilesDir", "Program Files");
        let programs_32 = folder("ProgramFilesDir (x86)", "Program Files (x86)");
        let variables = vec![
            ("SystemRoot", root.clone()),
            ("windir", root.clone()),
            ("ProgramFiles(x86)", programs_32),
            ("ProgramW6432", programs.clone()),
            ("CommonProgramFiles", folder("CommonFilesDir", "Program Files\\Common Files")),
            ("ProgramFiles", programs),
            ("ProgramData", format!("{drive}\\ProgramData")),
            ("ALLUSERSPROFILE", format!("{drive}\\ProgramData")),
            ("PUBLIC", format!("{drive}\\Users\\Public")),
            ("HOMEDRIVE", drive.clone()),
            ("SystemDrive", drive),
        ];
        Places { root, variables }
    }

    /// The same for a person whose folder is `profile`.
    pub(crate) fn of_person(&self, profile: &str) -> Self {
        let mut places = self.clone();
        places.variables.extend([
            ("USERPROFILE", profile.to_owned()),
            ("APPDATA", format!("{profile}\\AppData\\Roaming")),
            ("LOCALAPPDATA", format!("{profile}\\AppData\\Local")),
            ("TEMP", format!("{profile}\\AppData\\Local\\Temp")),
            ("TMP", format!("{profile}\\AppData\\Local\\Temp")),
        ]);
        places
    }

    /// The text with its variables replaced; one that is not known stays.
    pub(crate) fn expand(&self, text: &str) -> String {
        let mut whole = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            whole.push_str(before);
            let known = after.split_once('%').and_then(|(name, behind)| {
                let known = self.variables.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
                Some((&known.1, behind))
            });
            if let Some((value, behind)) = known {
                whole.push_str(value);
                rest = behind;
            } else {
                whole.push('%');
                rest = after;
            }
        }
        whole + rest
    }

    /// The program that a command starts, and the file that this program is made to run, if it is one that runs others'
    /// (rundll32.exe, an interpreter). Nothing else of the command is kept: it may hold passwords.
    pub(crate) fn started(&self, command: &str) -> (Option<String>, Option<String>) {
        let command: String = self.expand(command.trim()).chars().take(COMMAND_CHARS_MAX).collect();
        let (program, arguments) = split(&command);
        if program.is_empty() {
            return (None, None);
        }
        let name = file_name(program).to_lowercase();
        let stem = name.strip_suffix(".exe").unwrap_or(&name);
        let library = RUNNERS.contains(&stem).then(|| carried(arguments)).flatten();
        (Some(self.located(program)), library.map(|path| self.located(&path)))
    }

    /// The whole path of a file as the system names it: `\SystemRoot\x`, `system32\x` and `\??\C:\x` are C:'s.
    pub(crate) fn located(&self, path: &str) -> String {
        let path = self.expand(path.trim());
        let path = path.strip_prefix("\\??\\").or_else(|| path.strip_prefix("\\\\?\\")).unwrap_or(&path);
        let below = |head: &str| {
            let start = path.get(..head.len())?;
            start.eq_ignore_ascii_case(head).then(|| &path[head.len()..])
        };
        let whole = if let Some(rest) = below("\\SystemRoot\\") {
            format!("{}\\{rest}", self.root)
        } else if below("system32\\").or_else(|| below("syswow64\\")).is_some() {
            format!("{}\\{path}", self.root)
        } else if path.starts_with('\\') && !path.starts_with("\\\\") {
            format!("{}{path}", drive(&self.root).unwrap_or("C:"))
        } else {
            path.to_owned()
        };
        short(whole)
    }

    /// `C:\Windows`.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }
}

/// Programs that only run what they are told to.
const RUNNERS: [&str; 11] = [
    "rundll32",
    "regsvr32",
    "powershell",
    "pwsh",
    "cmd",
    "wscript",
    "cscript",
    "mshta",
    "python",
    "pythonw",
    "javaw",
];

/// How the files end that such a program runs.
const CARRIED: [&str; 16] = [
    ".dll", ".ocx", ".cpl", ".ps1", ".psm1", ".vbs", ".vbe", ".js", ".jse", ".wsf", ".hta", ".bat", ".cmd",
    ".exe", ".py", ".jar",
];

/// The first file among the arguments that can be run.
fn carried(arguments: &str) -> Option<String> {
    let mut words = Vec::new();
    for (index, part) in arguments.split('"').enumerate() {
        // What stood between quotes is one word.
        if index % 2 == 1 {
            words.push(part);
        } else {
            words.extend(part.split_whitespace());
        }
    }
    let file = words.into_iter().map(|word| word.split(',').next().unwrap_or(word)).find(|word| {
        let lower = word.to_lowercase();
        CARRIED.iter().any(|end| lower.ends_with(end)) && !lower.starts_with(['-', '/'])
    })?;
    // A whole script may stand between the quotes (`& 'C:\x.ps1' -Token y`): only a file's path is told.
    let clean = !file.contains(['&', '|', ';', '=', '\'', '(', '{', '<', '>']);
    clean.then(|| file.to_owned())
}

/// How programs end, for a path with spaces and no quotes around it.
const PROGRAM_ENDS: [&str; 6] = [".exe", ".com", ".bat", ".cmd", ".scr", ".sys"];

/// The program's path, and the rest. CreateProcessW tries a path without quotes up to each of its spaces; the first
/// that ends as a program does is the one that is meant.
fn split(command: &str) -> (&str, &str) {
    if let Some(rest) = command.strip_prefix('"') {
        return rest.split_once('"').unwrap_or((rest, ""));
    }
    let lower = command.to_ascii_lowercase();
    let ends = PROGRAM_ENDS.iter().filter_map(|end| {
        let mut at = lower.match_indices(end).map(|(at, _)| at + end.len());
        at.find(|at| lower[*at..].chars().next().is_none_or(|next| next.is_whitespace() || next == ','))
    });
    let first = command.find(char::is_whitespace).unwrap_or(command.len());
    let end = ends.min().filter(|end| {
        // Behind the first space there must be more of the path and not an argument that is a path itself.
        let between = command.get(first..*end).unwrap_or_default();
        !between.contains(['"', ':'])
            && !between.contains(" /")
            && !between.split(" -").skip(1).any(|word| word.starts_with(|next: char| next.is_alphanumeric()))
    });
    command.split_at_checked(end.unwrap_or(first)).unwrap_or((command, ""))
}

/// `C:` of a path.
fn drive(path: &str) -> Option<&str> {
    let letter = path.bytes().next().is_some_and(|letter| letter.is_ascii_alphabetic());
    (letter && path.get(1..3) == Some(":\\")).then(|| &path[..2])
}

/// What stands behind the last backslash.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or(path)
}

fn short(path: String) -> String {
    match path.char_indices().nth(PATH_CHARS_MAX) {
        Some((at, _)) => path[..at].to_owned(),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::text::TextRegistry;
    use super::*;

    #[test]
    fn a_command_tells_its_program_and_no_argument() {
        let places = Places::read(&TextRegistry::default());
        for (command, program, library) in [
            ("%SystemRoot%\\system32\\svchost.exe -k netsvcs -p", "C:\\Windows\\system32\\svchost.exe", None),
            ("\"C:\\Program Files\\A b\\x.exe\" /token=secret", "C:\\Program Files\\A b\\x.exe", None),
            ("C:\\Program Files\\A - b\\x.exe -p secret", "C:\\Program Files\\A - b\\x.exe", None),
            ("C:\\tools\\run secret.exe.txt", "C:\\tools\\run", None),
            ("C:\\tools\\run -as C:\\b.exe", "C:\\tools\\run", None),
            ("system32\\DRIVERS\\mrxsmb10.sys", "C:\\Windows\\system32\\DRIVERS\\mrxsmb10.sys", None),
            ("\\SystemRoot\\System32\\x.exe", "C:\\Windows\\System32\\x.exe", None),
            ("\\??\\C:\\x\\y.exe", "C:\\x\\y.exe", None),
            ("\\x\\y.exe a", "C:\\x\\y.exe", None),
            ("cmd /c net use \\\\s\\x secret", "cmd", None),
            ("%unknown%\\x.exe", "%unknown%\\x.exe", None),
            ("rundll32.exe C:\\Users\\a\\e.dll,Run secret", "rundll32.exe", Some("C:\\Users\\a\\e.dll")),
            (
                "powershell -w hidden -File \"C:\\Users\\a b\\e.ps1\" -Token secret",
                "powershell",
                Some("C:\\Users\\a b\\e.ps1"),
            ),
            ("powershell -c \"& C:\\x.ps1 -Token secret; y.ps1\"", "powershell", None),
            ("powershell -c $t='secret.ps1", "powershell", None),
        ] {
            let (seen, carried) = places.started(command);
            assert_eq!((seen.as_deref(), carried.as_deref()), (Some(program), library), "{command}");
        }
        assert_eq!(places.started("  "), (None, None));
        assert_eq!(places.started("\"").0, None);
    }

    #[test]
    fn variables_are_this_machine_s_and_this_person_s() {
        let registry = TextRegistry::parse(
            "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion]\n\"SystemRoot\"=\"D:\\\\WINNT\"\n",
        );
        let places = Places::read(&registry).of_person("D:\\Users\\tanaka");
        assert_eq!(places.root(), "D:\\WINNT");
        assert_eq!(
            places.expand("%localappdata%\\a %ProgramFiles(x86)% 100%"),
            "D:\\Users\\tanaka\\AppData\\Local\\a D:\\Program Files (x86) 100%"
        );
        assert_eq!(places.expand("%%SystemDrive%%%"), "%D:%%");
        assert_eq!(places.located(&"x".repeat(5000)).len(), PATH_CHARS_MAX);
    }
}
