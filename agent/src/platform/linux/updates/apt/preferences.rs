//! What the administrator told apt to prefer, apt_preferences(5): pins, and the release to stay with.

use daicho_proto::facts::Package;

use super::archive::Archive;
use crate::platform::linux::packages::patterns::matches_pattern;
use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;
use crate::platform::linux::stanzas;

/// A version that is installed and that no list offers.
pub(super) const PRIORITY_INSTALLED: i32 = 100;

const PRIORITY_USUAL: i32 = 500;
const PRIORITY_TARGET: i32 = 990;
const PRIORITY_NOT_AUTOMATIC: i32 = 1;
const PRIORITY_ONLY_UPGRADES: i32 = 100;

/// The pins in the order in which they stand: of those that fit, the first counts.
#[derive(Debug, Default)]
pub(super) struct Preferences {
    pins: Vec<Pin>,
    target: Option<String>,
}

#[derive(Debug)]
struct Pin {
    /// Empty: all packages (`*`).
    packages: Vec<String>,
    condition: Condition,
    priority: i32,
}

#[derive(Debug)]
enum Condition {
    Version(String),
    Site(String),
    Release(Vec<(char, String)>),
}

impl Preferences {
    /// What cannot be understood is told: the choice may then be another than apt's.
    pub(super) fn read(root: &Root, problems: &mut Vec<String>) -> Self {
        let mut preferences = Preferences::default();
        for path in files(root, "/etc/apt/preferences", "pref") {
            match root.read(&path) {
                Ok(bytes) => preferences.parse(&path, &bytes, problems),
                Err(error) => problems.push(unreadable("apt's preferences", &path, &error)),
            }
        }
        for path in files(root, "/etc/apt/apt.conf", "conf") {
            match root.read_text(&path) {
                Ok(text) => preferences.target = target(&text).or(preferences.target),
                Err(error) => problems.push(unreadable("apt's configuration", &path, &error)),
            }
        }
        preferences
    }

    fn parse(&mut self, path: &str, bytes: &[u8], problems: &mut Vec<String>) {
        let mut record = |stanza: &[u8]| {
            let (mut packages, mut condition, mut priority) = (String::new(), String::new(), String::new());
            for (field, value) in stanzas::fields(stanza) {
                match field.to_ascii_lowercase().as_slice() {
                    b"package" => packages = stanzas::text(value),
                    b"pin" => condition = stanzas::text(value),
                    b"pin-priority" => priority = stanzas::text(value),
                    _ => {}
                }
            }
            if packages.is_empty() && condition.is_empty() && priority.is_empty() {
                return;
            }
            match Pin::parse(&packages, &condition, &priority) {
                Some(pin) => self.pins.push(pin),
                None => problems.push(format!(
                    "a pin of {path} is not understood (packages `{packages}`, pin `{condition}`): pending updates may \
                     be told that apt would not install, or the other way round"
                )),
            }
        };
        if stanzas::for_each(bytes, &mut record).is_err() {
            problems.push(format!("apt's preferences {path} could not be read"));
        }
    }

    /// The priority of one version of one package from one list.
    pub(super) fn priority(&self, package: &Package, version: &str, list: &Archive) -> i32 {
        let fits = |pin: &&Pin| pin.condition.fits(version, list);
        let own = self.pins.iter().filter(|pin| pin.names(package)).find(fits);
        if let Some(pin) = own.or_else(|| self.pins.iter().filter(|pin| pin.packages.is_empty()).find(fits)) {
            return pin.priority;
        }
        match &self.target {
            Some(target) if *target == list.suite || *target == list.codename => PRIORITY_TARGET,
            _ if list.not_automatic && list.but_automatic_upgrades => PRIORITY_ONLY_UPGRADES,
            _ if list.not_automatic => PRIORITY_NOT_AUTOMATIC,
            _ => PRIORITY_USUAL,
        }
    }
}

impl Pin {
    fn parse(packages: &str, condition: &str, priority: &str) -> Option<Self> {
        let plain = |text: &str| !text.contains(['/', '[']) && !text.starts_with("src:");
        let packages: Vec<String> = packages.split_whitespace().map(str::to_owned).collect();
        if packages.is_empty() || !packages.iter().all(|name| plain(name)) {
            return None;
        }
        let (kind, value) = condition.split_once(char::is_whitespace)?;
        let value = value.trim();
        let condition = match kind {
            "version" if plain(value) => Condition::Version(value.to_owned()),
            "origin" => Condition::Site(value.trim_matches('"').to_owned()),
            "release" => Condition::Release(
                value
                    .split(',')
                    .map(|part| {
                        let (key, value) = part.trim().split_once('=')?;
                        let key = key.trim().chars().next().filter(|key| "anolcv".contains(*key))?;
                        plain(value).then(|| (key, value.trim().trim_matches('"').to_owned()))
                    })
                    .collect::<Option<_>>()?,
            ),
            _ => return None,
        };
        let packages = if packages.iter().any(|name| name == "*") { Vec::new() } else { packages };
        Some(Pin { packages, condition, priority: priority.trim().parse().ok()? })
    }

    fn names(&self, package: &Package) -> bool {
        self.packages.iter().any(|name| {
            let (name, architecture) = name.split_once(':').unwrap_or((name, "any"));
            matches_pattern(name, &package.name)
                && (["any", "native"].contains(&architecture)
                    || package.architecture.as_deref() == Some(architecture))
        })
    }
}

impl Condition {
    fn fits(&self, version: &str, list: &Archive) -> bool {
        match self {
            Condition::Version(pattern) => matches_pattern(pattern, version),
            Condition::Site(site) => *site == list.site,
            Condition::Release(parts) => parts.iter().all(|(key, pattern)| {
                let value = match key {
                    'a' => &list.suite,
                    'n' => &list.codename,
                    'o' => &list.origin,
                    'l' => &list.label,
                    'c' => &list.component,
                    _ => &list.version,
                };
                matches_pattern(pattern, value)
            }),
        }
    }
}

/// `Default-Release "bookworm";` of apt.conf(5), wherever it stands.
fn target(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with('#'));
    let value = lines.filter_map(|line| line.split_once("Default-Release")).next_back()?.1;
    let value = value.split('"').nth(1).unwrap_or_else(|| value.trim().trim_end_matches(';'));
    Some(value.to_owned()).filter(|value| !value.is_empty())
}

/// The file itself and those of its `.d` folder that apt reads: no extension, or the usual one.
fn files(root: &Root, path: &str, extension: &str) -> Vec<String> {
    let folder = format!("{path}.d");
    let mut files: Vec<String> = root
        .list(&folder)
        .unwrap_or_default()
        .into_iter()
        .filter(|name| {
            name.split_once('.')
                .is_none_or(|(_, end)| end == extension || end.ends_with(&format!(".{extension}")))
        })
        .map(|name| format!("{folder}/{name}"))
        .collect();
    if root.exists(path) {
        files.push(path.to_owned());
    }
    files
}
