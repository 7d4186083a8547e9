//! Services as scripts below /etc/init.d: OpenRC's runlevels, System V's links.

use daicho_proto::facts::{Service, ServiceManager, StartMode};

use crate::platform::linux::root::Root;

const SCRIPTS: &str = "/etc/init.d";

/// System V runlevels in which a machine works; 0, 1 and 6 stop and mend it.
const LINK_FOLDERS: [&str; 10] = [
    "/etc/rc2.d",
    "/etc/rc3.d",
    "/etc/rc4.d",
    "/etc/rc5.d",
    "/etc/rcS.d",
    "/etc/rc.d/rc2.d",
    "/etc/rc.d/rc3.d",
    "/etc/rc.d/rc4.d",
    "/etc/rc.d/rc5.d",
    "/etc/rc.d/rcS.d",
];

/// Files below /etc/init.d that are no services.
const NO_SERVICES: [&str; 8] =
    ["README", "skeleton", "functions", "functions.sh", "rc", "rcS", "rc.local.example", ".depend.boot"];

/// OpenRC: what a runlevel names is enabled; what runs has a mark below /run/openrc.
pub(super) fn openrc(root: &Root, problems: &mut Vec<String>) -> Vec<Service> {
    let levels = root.list("/etc/runlevels").unwrap_or_default();
    let enabled: Vec<String> = levels
        .iter()
        .flat_map(|level| root.list(&format!("/etc/runlevels/{level}")).unwrap_or_default())
        .collect();
    // Only this machine's own folder tells what runs now.
    let started = root.is_live().then(|| root.list("/run/openrc/started").unwrap_or_default());
    services(root, problems, ServiceManager::Openrc, &|name| enabled.iter().any(|one| one == name))
        .map(|service| Service {
            running: started.as_ref().map(|names| names.contains(&service.name)),
            ..service
        })
        .collect()
}

/// System V: what a link `S20name` starts is enabled. Nothing tells for sure what runs.
pub(super) fn system_v(root: &Root, problems: &mut Vec<String>) -> Vec<Service> {
    let links: Vec<String> =
        LINK_FOLDERS.iter().flat_map(|folder| root.list(folder).unwrap_or_default()).collect();
    let starts = |name: &str| {
        links.iter().any(|link| {
            let rest = link.strip_prefix('S').unwrap_or_default();
            rest.trim_start_matches(|letter: char| letter.is_ascii_digit()) == name
        })
    };
    services(root, problems, ServiceManager::Sysv, &starts).collect()
}

fn services<'a>(
    root: &Root,
    problems: &mut Vec<String>,
    manager: ServiceManager,
    starts: &'a dyn Fn(&str) -> bool,
) -> impl Iterator<Item = Service> + 'a {
    let names = match root.list(SCRIPTS) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            problems.push(crate::platform::linux::packages::unreadable("the folder", SCRIPTS, &error));
            Vec::new()
        }
    };
    let is_service = |name: &String| !NO_SERVICES.contains(&name.as_str()) && !name.starts_with('.');
    names.into_iter().filter(is_service).map(move |name| Service {
        manager,
        start: if starts(&name) { StartMode::Enabled } else { StartMode::Disabled },
        binary: Some(format!("{SCRIPTS}/{name}")),
        name,
        ..Service::default()
    })
}
