//! The archives that the administrator configured, sources.list(5): which of the lists count, and which are missing.

use std::collections::HashMap;

use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;

const FILE: &str = "/etc/apt/sources.list";
const FOLDER: &str = "/etc/apt/sources.list.d";

/// What apt writes as `%xx` in the name of a list, beside what is no plain ASCII character.
const QUOTED: &[u8] = b"\\|{}[]<>\"^~_=!@#$%&*";

/// One suite of one archive.
#[derive(Debug, PartialEq)]
pub(super) struct Source {
    /// What the names of its files begin with: `deb.debian.org_debian_dists_bookworm_`.
    prefix: String,
    /// Empty: the archive has no components.
    components: Vec<String>,
    /// Address and suite, for people. A password in the address is left out.
    title: String,
}

/// The sources that are enabled and can be asked: a CD that was once read tells nothing new.
pub(super) fn read(root: &Root, native: &str, problems: &mut Vec<String>) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut files = Vec::new();
    if root.exists(FILE) {
        files.push(FILE.to_owned());
    }
    match root.list(FOLDER) {
        Ok(names) => files.extend(names.iter().map(|name| format!("{FOLDER}/{name}"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => problems.push(unreadable("the folder", FOLDER, &error)),
    }
    for path in files {
        let parse = match path.rsplit_once('.') {
            Some((_, "list")) => lines,
            Some((_, "sources")) => paragraphs,
            _ => continue,
        };
        match root.read_text(&path) {
            Ok(text) => parse(&text, native, &mut sources),
            Err(error) => problems.push(unreadable("apt's list of sources", &path, &error)),
        }
    }
    sources
}

/// `deb [option=value ...] uri suite component ...`
fn lines(text: &str, native: &str, sources: &mut Vec<Source>) {
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some(rest) = line.strip_prefix("deb").filter(|rest| rest.starts_with([' ', '\t'])) else {
            continue;
        };
        let rest = rest.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']').map_or("", |(_, rest)| rest),
            None => rest,
        };
        let mut words = rest.split_whitespace();
        if let (Some(uri), Some(suite)) = (words.next(), words.next()) {
            let components: Vec<&str> = words.collect();
            sources.extend(Source::new(uri, suite, &components, native));
        }
    }
}

/// The paragraphs of a `.sources` file, deb822(5).
fn paragraphs(text: &str, native: &str, sources: &mut Vec<Source>) {
    let mut fields: HashMap<String, Vec<&str>> = HashMap::new();
    let mut last = String::new();
    // The empty line behind the last one closes the last paragraph.
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            paragraph(&fields, native, sources);
            fields.clear();
            last.clear();
        } else if line.starts_with([' ', '\t']) {
            let words = line.split('#').next().unwrap_or_default().split_whitespace();
            fields.entry(last.clone()).or_default().extend(words);
        } else if let Some((name, value)) = line.split_once(':') {
            last = name.trim().to_ascii_lowercase();
            fields.insert(last.clone(), value.split_whitespace().collect());
        }
    }
}

fn paragraph(fields: &HashMap<String, Vec<&str>>, native: &str, sources: &mut Vec<Source>) {
    let words = |name: &str| fields.get(name).map(Vec::as_slice).unwrap_or_default();
    let off = |word: &&str| ["no", "false", "without", "off", "disable"].contains(word);
    if words("enabled").first().is_some_and(off) || !words("types").contains(&"deb") {
        return;
    }
    for uri in words("uris") {
        for suite in words("suites") {
            sources.extend(Source::new(uri, suite, words("components"), native));
        }
    }
}

impl Source {
    fn new(uri: &str, suite: &str, components: &[&str], native: &str) -> Option<Self> {
        let (scheme, _) = uri.split_once(':')?;
        if scheme == "cdrom" {
            return None;
        }
        let expand = |text: &str| text.replace("$(ARCH)", native);
        let (uri, suite) = (expand(uri), expand(suite));
        let slash = if uri.ends_with('/') { "" } else { "/" };
        let folder = match suite.as_str() {
            "/" => format!("{uri}{slash}"),
            flat if flat.ends_with('/') => format!("{uri}{slash}{flat}"),
            suite => format!("{uri}{slash}dists/{suite}/"),
        };
        let bare = without_scheme(&folder);
        let components = if suite.ends_with('/') { &[] } else { components };
        Some(Source {
            prefix: file_name(bare),
            components: components.iter().map(|component| file_name(component)).collect(),
            title: format!("{} {suite}", without_scheme(&uri)),
        })
    }

    /// Whether the list of this name is one of it.
    pub(super) fn holds(&self, list: &str) -> bool {
        let Some(rest) = list.strip_prefix(&self.prefix) else { return false };
        if self.components.is_empty() {
            return rest == "Packages";
        }
        let component = rest.split("_binary-").next().unwrap_or_default();
        self.components.iter().any(|one| one == component)
    }

    /// What is missing of it among the lists that are there.
    pub(super) fn gap(&self, lists: &[&str]) -> Option<String> {
        (!lists.iter().any(|list| self.holds(list))).then(|| {
            format!(
                "apt's source `{}` is configured and there is no list of its packages: run `apt-get update`",
                self.title
            )
        })
    }
}

/// Address and path, without scheme, user and password.
fn without_scheme(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let Some(rest) = rest.strip_prefix("//") else { return rest };
    let host_end = rest.find('/').unwrap_or(rest.len());
    match rest[..host_end].rfind('@') {
        Some(at) => &rest[at + 1..],
        None => rest,
    }
}

/// An address as apt names files after it.
fn file_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'/' => name.push('_'),
            0..=0x20 | 0x7f..=0xff => name.push_str(&format!("%{byte:02x}")),
            byte if QUOTED.contains(&byte) => name.push_str(&format!("%{byte:02x}")),
            byte => name.push(char::from(byte)),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(parse: fn(&str, &str, &mut Vec<Source>), text: &str) -> Vec<String> {
        let mut sources = Vec::new();
        parse(text, "amd64", &mut sources);
        sources.iter().map(|source| format!("{}{}", source.prefix, source.components.join(","))).collect()
    }

    #[test]
    fn lines_name_the_files_that_apt_would_write() {
        let text = "# deb http://no/ x main\n\
            deb http://deb.debian.org/debian bookworm main contrib # a comment\n\
            deb-src http://deb.debian.org/debian bookworm main\n\
            deb [arch=amd64 signed-by=/x.gpg] https://user:secret@apt.example:8443/a_b/ stable extra/more\n\
            deb cdrom:[Debian GNU/Linux 12.5.0 _Bookworm_]/ bookworm main\n\
            deb file:/srv/repo ./\n\
            debtap nonsense\n\
            deb http://h/$(ARCH) flat/\n";
        assert_eq!(
            prefixes(lines, text),
            [
                "deb.debian.org_debian_dists_bookworm_main,contrib",
                "apt.example:8443_a%5fb_dists_stable_extra_more",
                "_srv_repo_._",
                "h_amd64_flat_",
            ]
        );
    }

    #[test]
    fn paragraphs_have_folded_fields_and_can_be_off() {
        let text = "Types: deb deb-src\nURIs: http://a/debian\n# between\nSuites: x\n x-updates\nComponents: main\n\
            Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n\n\
            Types: deb\nURIs: http://b\nSuites: y\nComponents: main\nEnabled: no\n\n\nTypes: deb-src\nURIs: http://c\nSuites: z\n";
        assert_eq!(prefixes(paragraphs, text), ["a_debian_dists_x_main", "a_debian_dists_x-updates_main"]);
    }

    #[test]
    fn no_password_is_told() {
        let mut sources = Vec::new();
        lines("deb https://user:secret@apt.example/debian stable main", "amd64", &mut sources);
        assert_eq!(
            sources[0].gap(&[]).unwrap(),
            "apt's source `apt.example/debian stable` is configured and there is no list of its packages: run \
             `apt-get update`"
        );
        assert_eq!(sources[0].gap(&["apt.example_debian_dists_stable_main_binary-amd64_Packages"]), None);
    }
}
