//! Packages of the store (AppX, MSIX), as Windows notes them for all users and for each one (AppxAllUserStore). The mark
//! of a package's signature stands in its name: it is told as the publisher, because nobody else can use it.

use std::collections::BTreeMap;

use daicho_proto::facts::Software;

use crate::platform::windows::registry::{Hive, Registry};

const STORE: &str = "Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore";

/// A machine has some hundreds for each of its people; more is somebody who plays with us.
const PACKAGES_MAX: usize = 50_000;

/// Looks at the packages: each once, whoever has it.
pub(super) fn read(registry: &dyn Registry, problems: &mut Vec<String>) -> Vec<Software> {
    let folders = match registry.keys(&Hive::Software, STORE) {
        Ok(folders) => folders.unwrap_or_default(),
        Err(error) => {
            problems
                .push(format!("the packages of the store (SOFTWARE\\{STORE}) could not be read: {error}"));
            return Vec::new();
        }
    };
    let mut found = BTreeMap::new();
    let is_list = |name: &&String| name.eq_ignore_ascii_case("Applications") || name.starts_with("S-1-");
    for folder in folders.iter().filter(is_list) {
        let names = registry.keys(&Hive::Software, &format!("{STORE}\\{folder}")).unwrap_or_else(|error| {
            problems.push(format!("the packages of the store ({folder}) could not be read: {error}"));
            None
        });
        for name in names.unwrap_or_default() {
            if let Some(package) = understand(&name)
                && found.len() < PACKAGES_MAX
            {
                found.insert(
                    (package.name.clone(), package.version.clone(), package.publisher.clone()),
                    package,
                );
            }
        }
    }
    found.into_values().collect()
}

/// `Microsoft.WindowsCalculator_10.2103.8.0_neutral_~_8wekyb3d8bbwe`: name, version, architecture, resource and the mark
/// of the signature, of 13 letters (Microsoft Learn, "Package identity"). A resource (a language, a size of screens) is
/// no program.
fn understand(full: &str) -> Option<Software> {
    let parts: Vec<&str> = full.split('_').collect();
    let [name, version, _architecture, resource, mark] = parts.try_into().ok()?;
    let is_program = resource.is_empty() || resource == "~" || resource == "neutral";
    let is_mark = mark.len() == 13 && mark.bytes().all(|letter| letter.is_ascii_alphanumeric());
    let is_version = version.bytes().all(|letter| letter.is_ascii_digit() || letter == b'.');
    (is_program && is_mark && is_version && !name.is_empty() && full.len() <= 256).then(|| Software {
        name: name.to_owned(),
        version: Some(version.to_owned()),
        publisher: Some(mark.to_owned()),
        source: Some("appx".to_owned()),
        ..Software::default()
    })
}
