//! The little that we need of a repository's XML and configuration, cut out of it without building a tree: the lists
//! have some hundred megabytes, and their writers (createrepo_c, libmodulemd) write one plain form.

use std::fmt;

use jiff::Timestamp;
use memchr::memmem;

use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;

/// What a repomd.xml names: the files below the repository's folder, and when they were made.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Repomd {
    pub(super) primary: Option<String>,
    pub(super) updateinfo: Option<String>,
    pub(super) made_at: Option<Timestamp>,
}

impl Repomd {
    pub(super) fn parse(text: &str) -> Self {
        let mut repomd = Repomd::default();
        for part in text.split("</data>") {
            let Some(start) = part.find("<data ") else { continue };
            let part = &part.as_bytes()[start..];
            let location =
                memmem::find(part, b"<location ").and_then(|at| attribute(&part[at..], b"href=\""));
            let location = location.map(|href| String::from_utf8_lossy(href).into_owned());
            match attribute(part, b"type=\"") {
                Some(b"primary") => repomd.primary = location,
                Some(b"updateinfo") => repomd.updateinfo = location,
                _ => {}
            }
            let seconds = element(part, b"timestamp").and_then(|text| std::str::from_utf8(text).ok());
            let seconds = seconds.and_then(|text| text.split('.').next()?.trim().parse().ok());
            let made_at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
            repomd.made_at = repomd.made_at.max(made_at);
        }
        repomd
    }
}

/// The text of the first `<name>text</name>`.
pub(super) fn element<'a>(part: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let open = [b"<", name, b">"].concat();
    let start = memmem::find(part, &open)? + open.len();
    let rest = &part[start..];
    Some(&rest[..memchr::memchr(b'<', rest)?])
}

/// The value of an attribute of the tag that `tag` begins with; `name` ends in `="`.
pub(super) fn attribute<'a>(tag: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let tag = &tag[..memchr::memchr(b'>', tag)?];
    // The space before keeps `version` from being found in `conversion`.
    let wanted = [b" ", name].concat();
    let start = memmem::find(tag, &wanted)? + wanted.len();
    let rest = &tag[start..];
    Some(&rest[..memchr::memchr(b'"', rest)?])
}

/// A label in its parts, as attributes give them.
#[derive(Debug)]
pub(super) struct Label {
    epoch: String,
    version: String,
    pub(super) release: String,
}

impl Label {
    /// From the first tag that begins so, with the names of the three attributes.
    pub(super) fn of_tag(part: &[u8], tag: &[u8], names: [&[u8]; 3]) -> Option<Self> {
        let tag = &part[memmem::find(part, tag)?..];
        let text = |name| attribute(tag, name).map(|value| String::from_utf8_lossy(value).into_owned());
        let [epoch, version, release] = names;
        Some(Label {
            epoch: text(epoch).unwrap_or_default(),
            version: text(version)?,
            release: text(release)?,
        })
    }

    pub(super) fn first_number(&self) -> &str {
        super::first_number(&self.version)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !["", "0"].contains(&self.epoch.as_str()) {
            write!(formatter, "{}:", self.epoch)?;
        }
        write!(formatter, "{}-{}", self.version, self.release)
    }
}

/// `baseos-0123456789abcdef` of dnf is the repository `baseos`; zypper adds nothing.
pub(super) fn repository_of(folder: &str) -> &str {
    match folder.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => folder,
    }
}

/// The repositories that are enabled, dnf.conf(5).
pub(super) fn enabled(root: &Root, folder: &str, problems: &mut Vec<String>) -> Vec<String> {
    let mut names = Vec::new();
    for file in root.list(folder).unwrap_or_default().iter().filter(|file| file.ends_with(".repo")) {
        let path = format!("{folder}/{file}");
        match root.read_text(&path) {
            Ok(text) => names.extend(parse_repositories(&text)),
            Err(error) => problems.push(unreadable("the configuration of repositories", &path, &error)),
        }
    }
    names
}

fn parse_repositories(text: &str) -> Vec<String> {
    let mut sections: Vec<(String, bool)> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.push((name.to_owned(), true));
        } else if let (Some((_, enabled)), Some((key, value))) = (sections.last_mut(), line.split_once('='))
            && key.trim() == "enabled"
        {
            *enabled = !["0", "no", "false", "off"].contains(&value.trim().to_ascii_lowercase().as_str());
        }
    }
    sections.into_iter().filter(|(name, enabled)| *enabled && name != "main").map(|(name, _)| name).collect()
}
