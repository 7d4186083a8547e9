//! Windows itself, whose build and revision are the truth about its patches, and what lies beside it: the updates that its
//! component store holds, .NET and Defender's platform.

use std::collections::BTreeMap;

use daicho_proto::facts::{Look, Package};

use super::reading::Reading;
use super::registry::Hive;
use super::{Machine, host};

const PACKAGES: &str = "Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages";
const ENVIRONMENT: &str = "CurrentControlSet\\Control\\Session Manager\\Environment";

/// `CurrentState` of a package that is installed; 64 is staged, 80 is superseded, 32 to 48 are on their way out or in.
const INSTALLED: u64 = 112;

/// Updates that are told. A component store holds some hundred; more of them is no store.
const UPDATES_MAX: usize = 5_000;

/// Looks at the machine.
pub(super) fn look(machine: &Machine) -> Look<Vec<Package>> {
    let mut reading = Reading::of(machine);
    let architecture =
        reading.text(&Hive::System, ENVIRONMENT, "PROCESSOR_ARCHITECTURE").map(|name| name.to_lowercase());
    let Some(build) = host::edition(&mut reading).build else {
        return reading.unreadable("the build of Windows is not in its registry");
    };
    let mut packages = vec![package("Windows", build, architecture)];
    packages.extend(beside(&mut reading));
    packages.extend(updates(&mut reading));
    reading.finish(packages)
}

fn package(name: &str, version: String, architecture: Option<String>) -> Package {
    Package {
        manager: "windows".to_owned(),
        name: name.to_owned(),
        version,
        architecture,
        ..Package::default()
    }
}

/// What is updated apart from Windows.
fn beside(reading: &mut Reading<'_>) -> Vec<Package> {
    // `Client` is a smaller .NET 4.0, and beside `Full` the same.
    let mut framework = |profile: &str| {
        let path = format!("Microsoft\\NET Framework Setup\\NDP\\v4\\{profile}");
        reading.text(&Hive::Software, &path, "Version").filter(|text| is_version(text))
    };
    let framework = framework("Full").or_else(|| framework("Client"));
    // The platform lies in a folder that is named for its version: `...\Platform\4.18.23110.3-0\`.
    let platform = reading.text(&Hive::Software, "Microsoft\\Windows Defender", "InstallLocation");
    let platform = platform.as_deref().and_then(|path| {
        let mut folders = path.trim_end_matches('\\').rsplit('\\');
        let version = folders.next()?.split('-').next()?;
        (folders.next()?.eq_ignore_ascii_case("Platform") && is_version(version)).then(|| version.to_owned())
    });
    let framework = framework.map(|version| package(".NET Framework", version, None));
    let platform = platform.map(|version| package("Microsoft Defender", version, None));
    framework.into_iter().chain(platform).collect()
}

/// What the component store says is installed. It does not hold every update that a cumulative one brings with it, so it
/// only supports what the build says.
fn updates(reading: &mut Reading<'_>) -> Vec<Package> {
    let mut newest: BTreeMap<(String, String), String> = BTreeMap::new();
    let keys = reading.keys(&Hive::Software, PACKAGES).unwrap_or_default();
    let named = keys.iter().filter_map(|key| Some((key, identity(key)?)));
    for (key, Identity { name, architecture, version }) in named {
        let state = reading.number(&Hive::Software, &format!("{PACKAGES}\\{key}"), "CurrentState");
        if state != Some(INSTALLED) {
            continue;
        }
        if newest.len() >= UPDATES_MAX {
            reading.problems.push(format!(
                "the component store names more than {UPDATES_MAX} updates; the rest is not told"
            ));
            break;
        }
        // Of one update two revisions can be there: only the newer one works.
        let known = newest.entry((name.to_owned(), architecture.to_owned())).or_default();
        if is_newer(version, known) {
            version.clone_into(known);
        }
    }
    let packages = newest.into_iter().map(|((name, architecture), version)| {
        package(&name, version, Some(architecture).filter(|text| !text.is_empty()))
    });
    packages.collect()
}

/// What a package's key says: `Package_for_KB5031356~31bf3856ad364e35~amd64~~19041.3570.1.5`.
#[derive(Debug, PartialEq, Eq)]
struct Identity<'a> {
    /// `KB5031356`, `RollupFix`, `DotNetRollup_481`, `ServicingStack_3562`.
    name: &'a str,
    architecture: &'a str,
    version: &'a str,
}

/// `None`: a part of Windows, or a part of an update (`Package_12_for_KB...`).
fn identity(key: &str) -> Option<Identity<'_>> {
    let mut parts = key.strip_prefix("Package_for_")?.split('~');
    let (name, architecture) = (parts.next()?, parts.nth(1)?);
    let version = parts.nth(1).filter(|version| is_version(version))?;
    // `KB2079403_RTM` and `KB2079403_SP1` say which Windows the same update is for.
    let of_update = name.starts_with("KB").then(|| name.split('_').next()).flatten();
    Some(Identity { name: of_update.unwrap_or(name), architecture, version })
}

fn is_version(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_newer(version: &str, known: &str) -> bool {
    use daicho_proto::versions::{Manager, compare};
    known.is_empty() || compare(Manager::Windows, version, known).is_ok_and(std::cmp::Ordering::is_gt)
}

#[cfg(test)]
mod tests;
