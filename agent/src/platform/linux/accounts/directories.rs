//! Accounts and rules that other machines hold: named, never asked for. Each question would be load on a directory's
//! server, and its accounts are nobody's on this machine.

use crate::platform::linux::root::Root;

/// The databases of nsswitch.conf(5) that say who may do what.
const DATABASES: [&str; 3] = ["passwd", "group", "sudoers"];

/// Sources that are the machine's own.
const LOCAL: &[&str] =
    &["files", "compat", "systemd", "altfiles", "extrausers", "db", "myhostname", "mymachines"];

/// `passwd: sss`, `sudoers: ldap`, `passwd: nis (+)`: what else than this machine's files is asked.
pub(in crate::platform::linux) fn directories(root: &Root) -> Vec<String> {
    let switch = ["/etc/nsswitch.conf", "/usr/etc/nsswitch.conf"];
    let switch = switch.iter().find_map(|path| root.read_text(path).ok()).unwrap_or_default();
    let mut found = parse_switch(&switch);
    for (file, database) in [("/etc/passwd", "passwd"), ("/etc/group", "group")] {
        let text = root.read_text(file).unwrap_or_default();
        if text.lines().any(|line| line.starts_with('+')) {
            found.push(format!("{database}: nis (+)"));
        }
    }
    found
}

fn parse_switch(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default()) {
        let Some((database, sources)) = line.split_once(':') else { continue };
        let database = database.trim();
        if !DATABASES.contains(&database) {
            continue;
        }
        // `[SUCCESS=merge]` are orders, not sources.
        let is_source = |word: &&str| !word.starts_with('[') && !word.ends_with(']') && !LOCAL.contains(word);
        for source in sources.split_whitespace().filter(is_source) {
            found.push(format!("{database}: {source}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_elsewhere_is_named() {
        let text = "passwd: files systemd sss # sss first?\ngroup:\tfiles [SUCCESS=merge] winbind\nshadow: files sss\nhosts: dns\nsudoers: files sss\n#passwd: nis\n";
        assert_eq!(parse_switch(text), ["passwd: sss", "group: winbind", "sudoers: sss"]);
        assert!(parse_switch("passwd: files systemd\n").is_empty() && parse_switch("passwd").is_empty());
    }
}
