//! apk: /lib/apk/db/installed, one letter a field, an empty line between packages; and the administrator's wishes in
//! /etc/apk/world, apk-world(5).

use std::io::{self, Read};

use daicho_proto::facts::Package;

use super::{Outcome, unreadable};
use crate::platform::linux::root::Root;
use crate::platform::linux::stanzas;

/// Alpine 3.22 and newer images may keep it below /usr.
const DATABASES: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];

/// The packages, or `None` where apk has no database.
pub(in crate::platform::linux) fn packages(root: &Root) -> Option<Outcome> {
    let mut outcome = installed(root)?;
    match world(root) {
        Ok(world) => {
            for package in &mut outcome.packages {
                package.held = world.iter().any(|wish| wish.name == package.name && wish.holds);
            }
        }
        Err(error) => outcome.problems.push(unreadable("apk's list of wishes", WORLD, &error)),
    }
    Some(outcome)
}

fn installed(root: &Root) -> Option<Outcome> {
    DATABASES.iter().find_map(|path| match root.open(path) {
        Ok(file) => Some(parse(file).unwrap_or_else(|error| Outcome {
            packages: Vec::new(),
            problems: vec![unreadable("apk's list", path, &error)],
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            Some(Outcome { packages: Vec::new(), problems: vec![unreadable("apk's list", path, &error)] })
        }
    })
}

const WORLD: &str = "/etc/apk/world";

/// A package that the administrator asked for.
#[derive(Debug, PartialEq)]
pub(in crate::platform::linux) struct Wish {
    pub(in crate::platform::linux) name: String,
    /// The repository's tag that it may come from.
    pub(in crate::platform::linux) tag: Option<String>,
    /// Whether a newer version is unwanted: `=`, `<` and `~` with a version.
    holds: bool,
}

/// What the administrator asked for; nothing where there is no such list.
pub(in crate::platform::linux) fn world(root: &Root) -> io::Result<Vec<Wish>> {
    match root.read_text(WORLD) {
        Ok(text) => Ok(text.split_whitespace().map(wish).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn wish(word: &str) -> Wish {
    let (word, tag) = match word.split_once('@') {
        Some((word, tag)) => (word, Some(tag.split(['=', '<', '>', '~']).next().unwrap_or(tag).to_owned())),
        None => (word, None),
    };
    let name_end = word.find(['=', '<', '>', '~']).unwrap_or(word.len());
    let holds =
        word.get(name_end..).is_some_and(|rest| rest.contains(['=', '<', '~']) && !rest.starts_with('>'));
    Wish { name: word[..name_end].to_owned(), tag, holds }
}

fn parse(source: impl Read) -> io::Result<Outcome> {
    let mut packages = Vec::new();
    let mut broken = 0;
    stanzas::for_each(source, |stanza| {
        let mut package = Package { manager: "apk".to_owned(), ..Package::default() };
        for (field, value) in stanzas::fields(stanza) {
            match field {
                b"P" => package.name = stanzas::text(value),
                b"V" => package.version = stanzas::text(value),
                b"A" => package.architecture = Some(stanzas::text(value)),
                b"o" => package.source_name = Some(stanzas::text(value)),
                // The files follow; nothing of the package itself comes behind them.
                b"F" => break,
                _ => {}
            }
        }
        if package.name.is_empty() || package.version.is_empty() {
            broken += 1;
            return;
        }
        package.source_name.take_if(|source| *source == package.name);
        packages.push(package);
    })?;
    let problems = match broken {
        0 => Vec::new(),
        count => vec![format!("{count} paragraphs of apk's list have no name or no version")],
    };
    Ok(Outcome { packages, problems })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_name_version_architecture_and_origin() {
        let text = "C:Q1x=\nP:libssl3\nV:3.3.1-r0\nA:x86_64\no:openssl\nF:usr/lib\nR:libssl.so.3\n\n\
                    C:Q1y=\nP:musl\nV:1.2.5-r1\nA:x86_64\no:musl\n\nP:nothing\n";
        let outcome = parse(text.as_bytes()).unwrap();
        assert_eq!(outcome.packages.len(), 2);
        assert_eq!(outcome.packages[0].source_name.as_deref(), Some("openssl"));
        assert_eq!(outcome.packages[1].source_name, None);
        assert_eq!(outcome.problems.len(), 1);
    }
}
