//! The script for a PC that takes no agent, by PowerShell's grammar: it is whole, and uses nothing that Windows 7 (PowerShell
//! 2.0 on .NET 2.0) does not have. Nobody can run it here: PowerShell is in no registry that these tests use.

use std::collections::BTreeSet;

use tree_sitter::{Node, Parser};

use super::assert_none;

const SCRIPT: &str = include_str!("../../deploy/windows/daicho-collect.ps1");

/// Commands of PowerShell 2.0 with the parameters that they had, as about as much as the script needs; those of the
/// script itself have none.
const COMMANDS: &[(&str, &[&str])] = &[
    ("Copy-Item", &["-LiteralPath", "-Destination", "-Recurse", "-Force", "-ErrorAction"]),
    ("ForEach-Object", &[]),
    ("Join-Path", &[]),
    ("New-Item", &["-ItemType", "-Path", "-Force"]),
    ("New-Object", &[]),
    ("Resolve-Path", &["-LiteralPath"]),
    ("Split-Path", &["-Parent"]),
    ("Test-Path", &["-LiteralPath"]),
];

/// Operators of 2.0; `-in`, `-notin`, `-shl` came later.
const OPERATORS: &[&str] =
    &["-contains", "-eq", "-join", "-match", "-ne", "-not", "-band", "-replace", "-split"];

/// Types that .NET 2.0 has, and PowerShell's own names of such.
const TYPES: &[&str] = &[
    "Console",
    "IO.File",
    "Microsoft.Win32.Registry",
    "Microsoft.Win32.RegistryValueOptions",
    "Security.Principal.WindowsBuiltInRole",
    "Security.Principal.WindowsIdentity",
    "long",
    "string",
    "string[]",
    "switch",
    "void",
];

/// Members of those types and of their objects that .NET 2.0 has.
const MEMBERS: &[&str] = &[
    "Add",
    "Administrator",
    "Close",
    "DoNotExpandEnvironmentNames",
    "Error",
    "GetCurrent",
    "GetSubKeyNames",
    "GetValue",
    "GetValueKind",
    "GetValueNames",
    "IsInRole",
    "LocalMachine",
    "OpenSubKey",
    "ProviderPath",
    "ToArray",
    "Users",
    "WriteAllText",
    "WriteLine",
];

/// Statements that came with 3.0 and later, and what runs text as a program.
const NEVER: &[&str] =
    &["class_statement", "enum_statement", "inlinescript_statement", "parallel", "sequence_statement"];

struct Text<'a> {
    script: &'a str,
    faults: Vec<String>,
    functions: BTreeSet<String>,
}

impl<'a> Text<'a> {
    fn of(&self, node: Node<'_>) -> &'a str {
        &self.script[node.byte_range()]
    }

    fn fault(&mut self, node: Node<'_>, what: &str) {
        let line = node.start_position().row + 1;
        self.faults.push(format!("line {line}: {what}: {}", self.of(node)));
    }

    /// Looks at a part of the script; `command` is the one that it belongs to.
    fn look(&mut self, node: Node<'_>, command: Option<&'a str>) {
        let mut command = command;
        let known = |list: &[&str], text: &str| list.iter().any(|one| one.eq_ignore_ascii_case(text));
        let text = self.of(node);
        match node.kind() {
            _ if node.is_error() || node.is_missing() => self.fault(node, "no PowerShell"),
            kind if NEVER.contains(&kind) => self.fault(node, "came after 2.0"),
            "command" => command = node.child_by_field_name("command_name").map(|name| self.of(name)),
            "command_name" if !known(&names(), text) && !self.functions.contains(text) => {
                self.fault(node, "no command of 2.0 that this list has");
            }
            "command_parameter" => {
                let of = COMMANDS
                    .iter()
                    .find(|(name, _)| command.is_some_and(|own| own.eq_ignore_ascii_case(name)));
                if !of.is_some_and(|(_, parameters)| known(parameters, text)) {
                    self.fault(node, "no parameter of 2.0 that this list has");
                }
            }
            "comparison_operator" if !known(OPERATORS, text) => self.fault(node, "no operator of 2.0"),
            "type_literal" if !known(TYPES, text.trim_matches(['[', ']'])) && !text.contains("[]") => {
                self.fault(node, "no type of .NET 2.0 that this list has");
            }
            "member_name" if !known(MEMBERS, text) => {
                self.fault(node, "no member of .NET 2.0 that this list has");
            }
            _ => {}
        }
        for child in (0..node.child_count()).filter_map(|at| node.child(at)) {
            self.look(child, command);
        }
    }
}

fn names() -> Vec<&'static str> {
    COMMANDS.iter().map(|(name, _)| *name).collect()
}

/// What is wrong with a script.
fn faults(script: &str) -> Vec<String> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).expect("the grammar fits the library");
    let tree = parser.parse(script, None).expect("no limit of time was set");
    let functions = script.lines().filter_map(|line| line.strip_prefix("function "));
    let functions = functions.filter_map(|line| line.split(['(', ' ']).next()).map(str::to_owned).collect();
    let mut text = Text { script, faults: Vec::new(), functions };
    text.look(tree.root_node(), None);
    text.faults
}

#[test]
fn the_script_is_whole_and_every_word_of_it_is_known_to_windows_7() {
    assert_none(&faults(SCRIPT), "deploy/windows/daicho-collect.ps1");
}

#[test]
fn what_is_no_powershell_or_a_newer_one_is_seen() {
    for (wrong, right) in [
        ("if ($List) {", "if ($List {"),
        ("-contains $name", "-in $name"),
        ("Copy-Item -LiteralPath", "Copy-Item -Exotic"),
        ("[void](New-Item", "[void](Get-CimInstance"),
        ("[IO.File]::WriteAllText", "[IO.Compression.ZipFile]::WriteAllText"),
        ("$opened.Close()", "$opened.Dispose2()"),
        ("exit 0\r\n", "class A { }\r\n"),
    ] {
        let changed = SCRIPT.replacen(wrong, right, 1);
        assert_ne!(changed, SCRIPT, "{wrong} is not in the script");
        assert!(!faults(&changed).is_empty(), "{right} was not seen");
    }
}
