//! doas.conf(5) of OpenDoas: who may act as root where doas takes sudo's place (Alpine). The last rule that fits decides.

use super::sudoers::Subject;

/// Where it is; Alpine adds the files of a folder.
pub(super) const FILE: &str = "/etc/doas.conf";
/// Files of this folder that end in `.conf` count.
pub(super) const FOLDER: &str = "/etc/doas.d";

/// Whether these texts, one behind the other, let an account act as root.
pub(super) fn grants(text: &str, subject: &Subject<'_>) -> bool {
    let mut granted = false;
    for line in text.lines() {
        let words = words(line);
        let Some((action, rest)) = words.split_first() else { continue };
        let rest = without_options(rest);
        let Some((identity, rest)) = rest.split_first() else { continue };
        if !is(identity, subject) {
            continue;
        }
        let target = rest.iter().position(|word| word == "as").and_then(|at| rest.get(at + 1));
        let commands = rest.iter().position(|word| word == "cmd");
        if target.is_some_and(|target| !matches!(target.as_str(), "root" | "0")) {
            continue;
        }
        match (action.as_str(), commands) {
            ("permit", _) => granted = true,
            ("deny", None) => granted = false,
            // One command less leaves the others.
            _ => {}
        }
    }
    granted
}

fn is(identity: &str, subject: &Subject<'_>) -> bool {
    match identity.strip_prefix(':') {
        Some(group) => {
            let id = group.parse().ok();
            subject.groups.iter().any(|(name, number)| *name == group || Some(*number) == id)
        }
        None => identity == subject.name || identity.parse() == Ok(subject.user_id),
    }
}

/// `nopass`, `persist`, `keepenv`, `setenv { a=b }`: they come before the identity.
fn without_options(mut words: &[String]) -> &[String] {
    while let Some((word, rest)) = words.split_first() {
        words = match word.as_str() {
            "nopass" | "nolog" | "persist" | "keepenv" => rest,
            "setenv" => {
                let end = rest.iter().position(|word| word == "}");
                end.and_then(|end| rest.get(end + 1..)).unwrap_or_default()
            }
            _ => return words,
        };
    }
    words
}

/// The words of a line; quoted ones keep their blanks, a comment ends it.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => word.extend(characters.next()),
            '#' if !quoted => break,
            '{' | '}' if !quoted => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
                words.push(c.to_string());
            }
            c if c.is_whitespace() && !quoted => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
            }
            c => word.push(c),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doas_grants_what_its_last_rule_says() {
        let check = |text: &str, granted: bool| {
            let subject = Subject { name: "bob", user_id: 1000, groups: &[("wheel", 10)] };
            assert_eq!(grants(text, &subject), granted, "{text}");
        };
        check("permit persist :wheel", true);
        check("permit :10", true);
        check("permit nopass setenv { PATH=/bin -HOME } bob as root cmd reboot", true);
        check("permit 1000", true);
        check("permit bob as www cmd ls", false);
        check("# permit bob", false);
        check("permit alice", false);
        check("permit bob\ndeny bob", false);
        check("permit bob\ndeny bob cmd reboot", true);
        check("permit \"bob\"", true);
        check("permit setenv { bob", false);
        check("permit", false);
    }
}
