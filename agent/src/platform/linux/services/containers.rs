//! Containers: one entry for each that runs, apart from the host's own services.

use std::collections::BTreeMap;

use daicho_proto::facts::{Service, ServiceManager, StartMode};
use serde::Deserialize;

use super::places::Place;
use super::processes::Process;
use crate::platform::linux::root::Root;

const DOCKER: &str = "/var/lib/docker/containers";
const PODMAN: [&str; 2] = [
    "/var/lib/containers/storage/overlay-containers/containers.json",
    "/var/lib/containers/storage/vfs-containers/containers.json",
];

/// What an engine wrote down of a container.
#[derive(Debug, Default, PartialEq)]
struct Known {
    name: Option<String>,
    image: Option<String>,
}

/// The containers that processes run in. A container of a name that an engine knows goes by it, else by its identifier.
pub(super) fn running(root: &Root, processes: &[Process]) -> Vec<Service> {
    let mut containers: BTreeMap<(&str, &str), Service> = BTreeMap::new();
    for process in processes {
        let Place::Container { runtime, name } = &process.place else { continue };
        let entry = containers.entry((runtime, name)).or_insert_with(|| {
            let known = known(root, runtime, name);
            let shown = known.name.unwrap_or_else(|| name.clone());
            Service {
                name: format!("{runtime}:{shown}"),
                manager: ServiceManager::Process,
                running: Some(true),
                start: StartMode::Unknown,
                description: known.image.map(|image| format!("container of the image {image}")),
                container: Some(format!("{runtime}:{name}")),
                ..Service::default()
            }
        });
        // What it serves through the engine's own proxy or network is the engine's to tell.
        entry.listening.extend(process.listening.iter().cloned());
    }
    containers.into_values().collect()
}

fn known(root: &Root, runtime: &str, identifier: &str) -> Known {
    let found = match runtime {
        "docker" => root.list(DOCKER).ok().and_then(|folders| {
            let folder = folders.into_iter().find(|folder| folder.starts_with(identifier))?;
            docker(&root.read(&format!("{DOCKER}/{folder}/config.v2.json")).ok()?)
        }),
        "podman" => PODMAN.iter().find_map(|path| podman(&root.read(path).ok()?, identifier)),
        _ => None,
    };
    found.unwrap_or_default()
}

/// Of a container's description by Docker: its name and its image. Its environment, which may hold passwords, is not
/// taken.
fn docker(bytes: &[u8]) -> Option<Known> {
    #[derive(Deserialize)]
    struct Described {
        #[serde(rename = "Name")]
        name: Option<String>,
        #[serde(rename = "Config")]
        config: Option<Config>,
    }
    #[derive(Deserialize)]
    struct Config {
        #[serde(rename = "Image")]
        image: Option<String>,
    }
    let described: Described = serde_json::from_slice(bytes).ok()?;
    let name = described.name.map(|name| name.trim_start_matches('/').to_owned());
    Some(Known { name: name.filter(|name| !name.is_empty()), image: described.config?.image })
}

/// The same of podman's list.
fn podman(bytes: &[u8], identifier: &str) -> Option<Known> {
    #[derive(Deserialize)]
    struct Described {
        id: String,
        #[serde(default)]
        names: Vec<String>,
    }
    let all: Vec<Described> = serde_json::from_slice(bytes).ok()?;
    let one = all.into_iter().find(|one| one.id.starts_with(identifier))?;
    Some(Known { name: one.names.into_iter().next(), image: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_goes_by_its_name_and_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("var/lib/docker/containers/0123456789abcdef");
        std::fs::create_dir_all(&place).unwrap();
        let text = r#"{"Name":"/web","Config":{"Image":"nginx:1.25","Env":["PASSWORD=x"]}}"#;
        std::fs::write(place.join("config.v2.json"), text).unwrap();
        let process = |runtime: &'static str, name: &str, socket: &[&str]| Process {
            place: Place::Container { runtime, name: name.to_owned() },
            listening: socket.iter().map(|text| (*text).to_owned()).collect(),
            ..Process::default()
        };
        let processes = [
            process("docker", "0123456789ab", &["tcp/0.0.0.0:80"]),
            process("docker", "0123456789ab", &[]),
            process("lxc", "old", &[]),
            Process::default(),
        ];
        let seen = running(&Root::at(folder.path()).unwrap(), &processes);
        let names: Vec<&str> = seen.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(names, ["docker:web", "lxc:old"]);
        assert_eq!(seen[0].listening, ["tcp/0.0.0.0:80"]);
        assert_eq!(seen[0].description.as_deref(), Some("container of the image nginx:1.25"));
        assert!(!format!("{seen:?}").contains("PASSWORD"));
    }

    #[test]
    fn podmans_list_names_its_containers() {
        let list = br#"[{"id":"abc"},{"id":"0123456789abcd","names":["db"],"image":"1"}]"#;
        assert_eq!(podman(list, "0123456789ab").unwrap().name.as_deref(), Some("db"));
        assert_eq!(podman(b"[", "0"), None);
        assert_eq!(docker(b"{}"), None);
    }
}
