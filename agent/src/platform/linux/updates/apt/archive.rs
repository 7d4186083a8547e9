//! An archive as its signed release file describes it, and one of its lists.

use std::io::{self, Read};

use jiff::Timestamp;

/// The fields of interest stand before the checksums, within the first kilobytes.
const HEAD_BYTES_MAX: u64 = 16 * 1024;

/// What a release file tells. A list's archive is a copy of its release's, with its component.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Archive {
    /// What its files' names begin with.
    prefix: String,
    /// The host that it was fetched from.
    pub(super) site: String,
    pub(super) origin: String,
    pub(super) label: String,
    pub(super) suite: String,
    pub(super) codename: String,
    pub(super) version: String,
    pub(super) component: String,
    /// When the archive signed it.
    date: Option<Timestamp>,
    pub(super) not_automatic: bool,
    pub(super) but_automatic_upgrades: bool,
    /// Whether it is there to mend vulnerabilities.
    pub(super) security: bool,
    /// Whether its distribution keeps security updates apart, so that this one's other updates are known not to be.
    pub(super) tells_security: bool,
}

impl Archive {
    /// Reads the head of an InRelease or Release file.
    pub(super) fn parse(prefix: &str, source: impl Read) -> io::Result<Self> {
        let mut text = Vec::new();
        source.take(HEAD_BYTES_MAX).read_to_end(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        let mut archive = Archive {
            prefix: format!("{prefix}_"),
            site: prefix.split('_').next().unwrap_or_default().to_owned(),
            ..Archive::default()
        };
        for line in text.lines() {
            let Some((field, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match field {
                "Origin" => value.clone_into(&mut archive.origin),
                "Label" => value.clone_into(&mut archive.label),
                "Suite" => value.clone_into(&mut archive.suite),
                "Codename" => value.clone_into(&mut archive.codename),
                "Version" => value.clone_into(&mut archive.version),
                "Date" => archive.date = date(value),
                "NotAutomatic" => archive.not_automatic = value == "yes",
                "ButAutomaticUpgrades" => archive.but_automatic_upgrades = value == "yes",
                "MD5Sum" | "SHA1" | "SHA256" | "SHA512" => break,
                _ => {}
            }
        }
        archive.security = archive.label == "Debian-Security"
            || archive.origin.starts_with("UbuntuESM")
            || [&archive.suite, &archive.codename].iter().any(|name| name.ends_with("-security"));
        archive.tells_security =
            archive.security || (["Debian", "Ubuntu"].contains(&archive.origin.as_str()) && !archive.rolls());
        Ok(archive)
    }

    /// Debian's unstable mends vulnerabilities in the archive itself.
    fn rolls(&self) -> bool {
        ["unstable", "sid", "experimental"].contains(&self.suite.as_str())
    }

    /// The archive of the list `name`: that with the longest common beginning. Without a release file, all that is
    /// known is the host.
    pub(super) fn of_list(archives: &[Archive], name: &str) -> Archive {
        let fits = archives.iter().filter(|archive| name.starts_with(&archive.prefix));
        let site = name.split('_').next().unwrap_or_default();
        let mut archive = fits
            .max_by_key(|archive| archive.prefix.len())
            .cloned()
            .unwrap_or_else(|| Archive { site: site.to_owned(), ..Archive::default() });
        let rest = name.strip_prefix(&archive.prefix).unwrap_or_default();
        archive.component = rest.split("_binary-").next().unwrap_or_default().replace('_', "/");
        archive
    }

    /// `Debian-Security:12/oldstable-security`, as apt writes it.
    pub(super) fn title(&self) -> Option<String> {
        let name = if self.label.is_empty() { &self.site } else { &self.label };
        if name.is_empty() {
            return None;
        }
        let suite = if self.suite.is_empty() { &self.codename } else { &self.suite };
        Some(match (self.version.as_str(), suite.as_str()) {
            ("", "") => name.clone(),
            (version, "") => format!("{name}:{version}"),
            (version, suite) => format!("{name}:{version}/{suite}"),
        })
    }
}

/// `Sat, 21 Nov 2026 00:53:02 UTC`
fn date(value: &str) -> Option<Timestamp> {
    let value = value.strip_suffix("UTC").map_or_else(|| value.to_owned(), |value| format!("{value}+0000"));
    jiff::fmt::rfc2822::parse(&value).ok().map(|at| at.timestamp())
}

/// Archives that ought to tell something and do not.
pub(super) fn gaps(archives: &[Archive], lists: &[Archive]) -> Vec<String> {
    let empty = archives.iter().filter(|archive| !lists.iter().any(|list| list.prefix == archive.prefix));
    let mut problems: Vec<String> = empty
        .map(|archive| {
            let title = archive.title().unwrap_or_default();
            format!("the archive {title} has a release file and no package list: run `apt-get update`")
        })
        .collect();
    let apart = archives.iter().any(|archive| archive.tells_security);
    if apart && !lists.iter().any(|list| list.security) {
        problems.push(
            "none of the package lists is of a security archive: add the distribution's security archive to \
             /etc/apt/sources.list and run `apt-get update`"
                .to_owned(),
        );
    }
    problems
}

/// How old the lists are: the oldest of the security archives, else the archive that most packages come from.
pub(super) fn as_of(
    archives: &[Archive],
    lists: &[Archive],
    hits: impl Iterator<Item = usize>,
) -> Option<Timestamp> {
    if archives.iter().any(|archive| archive.security) {
        // An unknown date counts as the oldest.
        return archives
            .iter()
            .filter(|archive| archive.security)
            .map(|archive| archive.date)
            .min()
            .flatten();
    }
    let mut counts = vec![0_usize; lists.len()];
    for list in hits {
        counts[list] += 1;
    }
    counts.iter().zip(lists).max_by_key(|(count, _)| **count).and_then(|(_, list)| list.date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pockets_of_ubuntu_and_debian_say_what_they_are_for() {
        for (origin, label, suite, security, tells) in [
            ("Ubuntu", "Ubuntu", "jammy", false, true),
            ("Ubuntu", "Ubuntu", "jammy-updates", false, true),
            ("Ubuntu", "Ubuntu", "jammy-security", true, true),
            ("UbuntuESM", "UbuntuESM", "jammy-infra-security", true, true),
            ("UbuntuESMApps", "UbuntuESMApps", "jammy-apps-updates", true, true),
            ("Debian", "Debian", "stable-updates", false, true),
            ("Debian", "Debian-Security", "stable-security", true, true),
            ("Debian", "Debian", "unstable", false, false),
            ("Docker", "Docker CE", "bookworm", false, false),
        ] {
            let text = format!("Origin: {origin}\nLabel: {label}\nSuite: {suite}\nSHA256:\n");
            let archive = Archive::parse("x", text.as_bytes()).unwrap();
            assert_eq!((archive.security, archive.tells_security), (security, tells), "{origin} {suite}");
        }
    }
}
