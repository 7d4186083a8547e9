//! Which role each command needs: put into its help from the table that the collector itself obeys.

use clap::CommandFactory as _;

use crate::identity::permissions;

/// A command, as a person writes it, and the method that decides whether he may.
static METHODS: &[(&str, &str)] = &[
    ("violations", "Query/Violations"),
    ("violation", "Query/History"),
    ("close", "Query/Close"),
    ("acknowledge", "Query/Acknowledge"),
    ("consult", "Query/Consult"),
    ("correct-by", "Query/CorrectBy"),
    ("log", "Query/Log"),
    ("log export", "Query/Log"),
    ("devices", "Query/Devices"),
    ("device", "Query/Device"),
    ("exceptions", "Query/Exceptions"),
    ("exception apply", "Applications/Apply"),
    ("permit apply", "Applications/Apply"),
    ("extend", "Applications/Apply"),
    ("applications", "Applications/List"),
    ("application", "Applications/One"),
    ("approve", "Applications/Decide"),
    ("reject", "Applications/Decide"),
    ("withdraw", "Applications/Withdraw"),
    ("revoke", "Applications/Revoke"),
    ("status", "Query/Status"),
    ("operators", "Query/Operators"),
    ("report", "Reports/Make"),
    ("alerts", "Query/Alerts"),
    ("alerts test", "Query/AlertsTest"),
    ("alerts preview", "Query/AlertsPreview"),
    ("maintenance list", "Query/Maintenance"),
    ("maintenance add", "Query/MaintenanceAdd"),
    ("maintenance end", "Query/MaintenanceEnd"),
    ("swaps", "Swaps/List"),
    ("staff check", "Bookkeeping/Accounts"),
    ("swap accept", "Swaps/Accept"),
    ("swap decline", "Swaps/Decline"),
    ("ledger diff", "Bookkeeping/Content"),
    ("ledger import", "Bookkeeping/Import"),
    ("ledger export", "Bookkeeping/Content"),
    ("ledger mappings", "Bookkeeping/Mappings"),
    ("ledger versions", "Bookkeeping/Versions"),
    ("ledger propose", "Bookkeeping/Propose"),
];

/// What needs no collector, and so no role.
#[cfg(test)]
const WITHOUT: &[&str] = &[
    "exception form",
    "permit form",
    "ledger template",
    "ledger read",
    "ledger check",
    "check",
    "verify",
    "compare-versions",
    "demo",
    "completions",
    "man",
];

/// The command line of `daicho`, each command with the role that it needs.
pub fn command() -> clap::Command {
    with_roles(super::Arguments::command(), "")
}

fn with_roles(mut command: clap::Command, parent: &str) -> clap::Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        let path = if parent.is_empty() { name.clone() } else { format!("{parent} {name}") };
        command = command.mut_subcommand(name, |sub| {
            let sub = with_roles(sub, &path);
            let Some(line) = line(&path) else { return sub };
            let help = match sub.get_after_help() {
                Some(help) => format!("{line}\n\n{help}"),
                None => line,
            };
            sub.after_help(help)
        });
    }
    command
}

fn line(path: &str) -> Option<String> {
    let (_, method) = METHODS.iter().find(|(known, _)| *known == path)?;
    let roles: Vec<&str> = permissions::needed(method)?.iter().map(|role| role.name()).collect();
    Some(format!("Needs a collector, and one of these roles: {}.", roles.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(command: &clap::Command, parent: &str, found: &mut Vec<(String, String)>) {
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let path = format!("{parent} {}", sub.get_name()).trim().to_owned();
            found.push((path.clone(), sub.clone().render_help().to_string()));
            leaves(sub, &path, found);
        }
    }

    #[test]
    fn the_help_of_each_command_says_which_role_it_needs() {
        let mut found = Vec::new();
        leaves(&command(), "", &mut found);
        for (path, help) in &found {
            let group = found.iter().any(|(other, _)| other.starts_with(&format!("{path} ")));
            let known = METHODS.iter().any(|(known, _)| known == path);
            let without = WITHOUT.contains(&path.as_str());
            assert!(known || without || group, "daicho {path}: its method is not in METHODS");
            assert_eq!(help.contains("one of these roles:"), known, "daicho {path}:\n{help}");
        }
        for (path, method) in METHODS {
            assert!(found.iter().any(|(known, _)| known == path), "daicho {path} is no command");
            assert!(permissions::needed(method).is_some(), "{method} has no permission");
        }
    }
}
