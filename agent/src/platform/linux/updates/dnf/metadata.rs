//! The little that we need of a repository's XML, cut out of it without building a tree: the lists
//! have some hundred megabytes, and their writers (createrepo_c, libmodulemd) write one plain form.

use std::fmt;

use daicho_proto::versions::{Manager, compare};
use jiff::Timestamp;
use memchr::memmem;

/// What a repomd.xml names: the files below the repository's folder, and when they were made.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Repomd {
    pub(super) primary: Option<String>,
    pub(super) updateinfo: Option<String>,
    pub(super) modules: Option<String>,
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
                Some(b"modules") => repomd.modules = location,
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
    release: String,
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

    pub(super) fn is_modular(&self) -> bool {
        self.release.contains(".module")
    }

    /// `name-epoch:version-release.architecture`, the epoch always written.
    pub(super) fn full_name(&self, name: &str, architecture: &str) -> String {
        let epoch = if self.epoch.is_empty() { "0" } else { &self.epoch };
        format!("{name}-{epoch}:{}-{}.{architecture}", self.version, self.release)
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

/// The packages whose place a package takes, each with its condition.
pub(super) fn obsoletes(part: &[u8]) -> impl Iterator<Item = (&[u8], Condition)> {
    let start = memmem::find(part, b"<rpm:obsoletes>").unwrap_or(part.len());
    let end = memmem::find(&part[start..], b"</rpm:obsoletes>").map_or(part.len(), |end| start + end);
    let list = &part[start..end];
    memmem::find_iter(list, b"<rpm:entry ").filter_map(|at| {
        let tag = &list[at..];
        Some((attribute(tag, b"name=\"")?, Condition::of_tag(tag)))
    })
}

/// Which versions an entry means: `flags` is LT, LE, EQ, GE or GT, and absent for all of them.
#[derive(Debug)]
pub(super) struct Condition {
    flags: Option<String>,
    epoch: String,
    version: String,
    release: Option<String>,
}

impl Condition {
    fn of_tag(tag: &[u8]) -> Self {
        let text =
            |name: &[u8]| attribute(tag, name).map(|value| String::from_utf8_lossy(value).into_owned());
        Condition {
            flags: text(b"flags=\""),
            epoch: text(b"epoch=\"")
                .filter(|epoch| epoch != "0")
                .map_or_else(String::new, |epoch| epoch + ":"),
            version: text(b"ver=\"").unwrap_or_default(),
            release: text(b"rel=\""),
        }
    }

    /// Whether an installed label is one of them. Without a release, releases are not compared.
    pub(super) fn holds(&self, label: &str) -> bool {
        let Some(flags) = &self.flags else { return true };
        let bare = label.rsplit_once('-').map_or(label, |(bare, _)| bare);
        let (here, there) = match &self.release {
            Some(release) => (label, format!("{}{}-{release}", self.epoch, self.version)),
            None => (bare, format!("{}{}", self.epoch, self.version)),
        };
        let Ok(order) = compare(Manager::Rpm, here, &there) else { return false };
        match flags.as_str() {
            "LT" => order.is_lt(),
            "LE" => order.is_le(),
            "EQ" => order.is_eq(),
            "GE" => order.is_ge(),
            "GT" => order.is_gt(),
            _ => false,
        }
    }
}
