//! Where a process belongs, by its control group, cgroups(7): a service of the system, a session, a container.

use std::collections::BTreeMap;

/// The owner of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::platform::linux) enum Place {
    /// A service of the system's systemd.
    Unit(String),
    /// A unit of a user's systemd.
    UserUnit { uid: u32, unit: String },
    /// A session, or a program that a desktop started; of whom, if the path tells.
    Session { uid: Option<u32> },
    /// A container; never one of the host's services, whatever runs in it.
    Container { runtime: &'static str, name: String },
    /// A service of OpenRC.
    OpenRc(String),
    /// systemd itself.
    Manager,
    /// Nothing that tells.
    #[default]
    Nowhere,
}

/// Prefixes of the scopes in which the engines put containers, before the identifier.
const ENGINES: [(&str, &str); 7] = [
    ("docker-", "docker"),
    ("libpod-payload-", "podman"),
    ("libpod-", "podman"),
    ("crio-", "cri-o"),
    ("cri-containerd-", "containerd"),
    ("nerdctl-", "containerd"),
    ("containerd-", "containerd"),
];

/// How much of an identifier the engines themselves show.
const IDENTIFIER_SHOWN: usize = 12;

/// The path of a process in the hierarchy that tells, from /proc/PID/cgroup.
pub(in crate::platform::linux) fn path_of(groups: &str) -> Option<&str> {
    let parts = |line: &'_ str| -> Option<(usize, usize)> {
        let first = line.find(':')?;
        let second = line.get(first + 1..)?.find(':')? + first + 1;
        Some((first, second))
    };
    let path = |wanted: &dyn Fn(&str, &str) -> bool| {
        groups.lines().find_map(|line| {
            let (first, second) = parts(line)?;
            let (controllers, path) = (line.get(first + 1..second)?, line.get(second + 1..)?);
            wanted(controllers, path).then_some(path)
        })
    };
    // Version 2 has no controllers; version 1 has systemd's own hierarchy and a bare `/` of version 2 beside, or only
    // the hierarchies of the kernel's controllers, in which engines put their containers all the same.
    path(&|controllers, path| controllers == "name=systemd" && path != "/")
        .or_else(|| path(&|controllers, path| controllers.is_empty() && path != "/"))
        .or_else(|| path(&|controllers, path| controllers == "pids" && path != "/"))
        .or_else(|| path(&|controllers, _| controllers.is_empty() || controllers == "name=systemd"))
}

/// The service that OpenRC started, from /proc/PID/cgroup: its own hierarchy of version 1, or its folder of version 2.
pub(super) fn openrc_of(groups: &str) -> Option<String> {
    let name = groups.lines().find_map(|line| {
        let rest = line.split_once(':')?.1;
        rest.strip_prefix("name=openrc:/").or_else(|| rest.strip_prefix(":/openrc."))
    })?;
    let name = name.split('/').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// The owner by the path of the group. The outermost that tells counts: what runs below it is its own matter.
pub(in crate::platform::linux) fn place_of(path: &str) -> Place {
    let mut user = None;
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    for (at, part) in parts.iter().enumerate() {
        let next = parts.get(at + 1).copied();
        if *part == "init.scope" && user.is_none() {
            return Place::Manager;
        }
        if let Some(place) = container(part, next) {
            return place;
        }
        if let Some(uid) = part.strip_prefix("user-").and_then(|rest| rest.strip_suffix(".slice")) {
            user = uid.parse::<u32>().ok().or(user);
        } else if let Some(uid) = part.strip_prefix("user@").and_then(|rest| rest.strip_suffix(".service")) {
            user = uid.parse::<u32>().ok().or(user);
            if user.is_none() {
                return Place::Unit((*part).to_owned());
            }
        } else if part.ends_with(".service") {
            let unit = (*part).to_owned();
            return user.map_or_else(
                || Place::Unit(unit.clone()),
                |uid| Place::UserUnit { uid, unit: unit.clone() },
            );
        } else if part.ends_with(".scope") {
            // A machine that systemd-machined keeps has a system of its own below its scope; a virtual one has not.
            let machine = part.strip_prefix("machine-").and_then(|rest| rest.strip_suffix(".scope"));
            return match machine.filter(|_| next.is_some()) {
                Some(name) => Place::Container { runtime: "nspawn", name: name.to_owned() },
                None => Place::Session { uid: user },
            };
        }
    }
    match (user, parts.first()) {
        (Some(uid), _) => Place::Session { uid: Some(uid) },
        (None, Some(first)) if first.starts_with("openrc.") => {
            Place::OpenRc(first.trim_start_matches("openrc.").to_owned())
        }
        _ => Place::Nowhere,
    }
}

fn container(part: &str, next: Option<&str>) -> Option<Place> {
    let scope = part.strip_suffix(".scope").unwrap_or(part);
    for (prefix, runtime) in ENGINES {
        if let Some(name) = scope.strip_prefix(prefix).filter(|rest| is_identifier(rest)) {
            return Some(Place::Container { runtime, name: shown(name) });
        }
    }
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return Some(Place::Container { runtime: "lxc", name: name.to_owned() });
    }
    match (part, next) {
        ("lxc" | "lxc.payload", Some(name)) => {
            Some(Place::Container { runtime: "lxc", name: name.to_owned() })
        }
        ("docker", Some(name)) if is_identifier(name) => {
            Some(Place::Container { runtime: "docker", name: shown(name) })
        }
        // Kubernetes without systemd: /kubepods/burstable/podUID/IDENTIFIER.
        (pod, Some(name)) if pod.starts_with("pod") && is_identifier(name) => {
            Some(Place::Container { runtime: "kubernetes", name: shown(name) })
        }
        _ => None,
    }
}

fn is_identifier(text: &str) -> bool {
    text.len() >= IDENTIFIER_SHOWN && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn shown(name: &str) -> String {
    name.chars().take(IDENTIFIER_SHOWN).collect()
}

/// Names of users by their number, from /etc/passwd.
#[derive(Debug, Default)]
pub(super) struct Users(pub(super) BTreeMap<u32, String>);

impl Users {
    /// The name, or the number of whom no file names.
    pub(super) fn name(&self, uid: u32) -> String {
        self.0.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn unit(name: &str) -> Place {
        Place::Unit(name.to_owned())
    }

    fn contained(runtime: &'static str, name: &str) -> Place {
        Place::Container { runtime, name: name.to_owned() }
    }

    #[test]
    fn a_process_belongs_to_the_outermost_that_tells() {
        let user = |unit: &str| Place::UserUnit { uid: 1000, unit: unit.to_owned() };
        for (path, place) in [
            ("/system.slice/ssh.service", unit("ssh.service")),
            ("/system.slice/system-getty.slice/getty@tty1.service", unit("getty@tty1.service")),
            ("/user.slice/user-1000.slice/session-3.scope", Place::Session { uid: Some(1000) }),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", user("x.service")),
            ("/user.slice/user-1000.slice/user@1000.service/init.scope", Place::Session { uid: Some(1000) }),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/vte.scope",
                Place::Session { uid: Some(1000) },
            ),
            ("/init.scope", Place::Manager),
            ("/", Place::Nowhere),
            ("/openrc.nginx", Place::OpenRc("nginx".to_owned())),
            ("/machine.slice/machine-qemu\\x2d1\\x2dwin.scope", Place::Session { uid: None }),
        ] {
            assert_eq!(place_of(path), place, "{path}");
        }
    }

    #[test]
    fn what_runs_in_a_container_is_none_of_the_hosts_services() {
        let short = "0123456789ab";
        for (path, place) in [
            (format!("/system.slice/docker-{LONG}.scope"), contained("docker", short)),
            (format!("/docker/{LONG}/system.slice/ssh.service"), contained("docker", short)),
            (format!("/machine.slice/libpod-{LONG}.scope/container"), contained("podman", short)),
            (
                format!("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{LONG}.scope"),
                contained("podman", short),
            ),
            (format!("/kubepods/burstable/podab-cd/{LONG}"), contained("kubernetes", short)),
            (
                format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{LONG}.scope"),
                contained("containerd", short),
            ),
            ("/lxc.payload.web/system.slice/ssh.service".to_owned(), contained("lxc", "web")),
            ("/lxc/web/system.slice/ssh.service".to_owned(), contained("lxc", "web")),
            (
                "/machine.slice/machine-web.scope/system.slice/ssh.service".to_owned(),
                contained("nspawn", "web"),
            ),
            // The engines' own services, and a service that is a container, are the host's.
            ("/system.slice/docker.service".to_owned(), unit("docker.service")),
            (format!("/system.slice/web.service/libpod-payload-{LONG}"), unit("web.service")),
            (
                "/machine.slice/systemd-nspawn@web.service/payload/system.slice/a.service".to_owned(),
                unit("systemd-nspawn@web.service"),
            ),
        ] {
            assert_eq!(place_of(&path), place, "{path}");
        }
    }

    #[test]
    fn the_hierarchy_that_tells_is_found_in_every_version() {
        for (groups, path) in [
            ("0::/system.slice/ssh.service\n", Some("/system.slice/ssh.service")),
            (
                "12:pids:/x\n1:name=systemd:/system.slice/cron.service\n0::/\n",
                Some("/system.slice/cron.service"),
            ),
            ("4:pids:/docker/abc\n0::/\n", Some("/docker/abc")),
            ("9:name=systemd:/\n8:pids:/\n0::/\n", Some("/")),
            ("nonsense\n::\n", Some("")),
            ("", None),
        ] {
            assert_eq!(path_of(groups), path, "{groups}");
        }
        assert_eq!(openrc_of("3:name=openrc:/nginx\n0::/\n").as_deref(), Some("nginx"));
        assert_eq!(openrc_of("0::/openrc.sshd\n").as_deref(), Some("sshd"));
        assert_eq!(openrc_of("0::/system.slice\n"), None);
    }
}
