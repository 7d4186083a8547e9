//! Tools that package managers of programming languages installed for the whole machine: pip, npm.

use std::collections::HashSet;

use daicho_proto::facts::Software;
use serde::Deserialize;

use super::{LOCAL, list, unreadable};
use crate::platform::linux::root::Root;

/// What was found, and the commands of it below /usr/local/bin, which are not told again.
#[derive(Debug, Default)]
pub(super) struct Tools {
    pub(super) software: Vec<Software>,
    pub(super) commands: HashSet<String>,
}

/// Packages that brought commands; libraries alone are no programs.
pub(super) fn tools(root: &Root, problems: &mut Vec<String>) -> Tools {
    let mut tools = Tools::default();
    let libraries = format!("{LOCAL}/lib");
    for version in list(root, &libraries, problems).into_iter().filter(|name| name.starts_with("python")) {
        for folder in ["dist-packages", "site-packages"] {
            let folder = format!("{libraries}/{version}/{folder}");
            for name in list(root, &folder, problems).into_iter().filter(|name| name.ends_with(".dist-info"))
            {
                python(root, &folder, &format!("{folder}/{name}"), &mut tools, problems);
            }
        }
    }
    let modules = format!("{libraries}/node_modules");
    for name in list(root, &modules, problems) {
        let path = format!("{modules}/{name}");
        if name.starts_with('@') {
            for inner in list(root, &path, problems) {
                tools.software.extend(node(root, &format!("{path}/{inner}"), &format!("{name}/{inner}")));
            }
        } else if !name.starts_with('.') {
            tools.software.extend(node(root, &path, &name));
        }
    }
    tools
}

/// A package of pip: its METADATA, and in its RECORD (PEP 376) the files that it brought.
fn python(root: &Root, folder: &str, path: &str, tools: &mut Tools, problems: &mut Vec<String>) {
    let record = format!("{path}/RECORD");
    let record = match root.read_text(&record) {
        Ok(text) => text,
        // Put there by something else than pip.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => return problems.push(unreadable("pip's list of files", &record, &error)),
    };
    let files = record.lines().filter_map(|line| line.split(',').next());
    let commands: Vec<String> = files
        .map(|file| super::resolved(folder, file))
        .filter(|file| file.starts_with(&format!("{LOCAL}/bin/")))
        .collect();
    if commands.is_empty() {
        return;
    }
    let metadata = root.read_text(&format!("{path}/METADATA")).unwrap_or_default();
    let value = |key: &str| {
        let lines = metadata.lines().take_while(|line| !line.is_empty());
        { lines }
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':').map(|value| value.trim().to_owned()))
    };
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".dist-info");
    tools.software.push(Software {
        name: value("Name").unwrap_or_else(|| stem.to_owned()),
        version: value("Version"),
        publisher: value("Author").filter(|author| !author.is_empty()),
        source: Some("pip".to_owned()),
        path: Some(path.to_owned()),
        ..Software::default()
    });
    tools.commands.extend(commands);
}

/// A package of `npm install --global`: its package.json.
fn node(root: &Root, path: &str, name: &str) -> Option<Software> {
    #[derive(Default, Deserialize)]
    struct Described {
        version: Option<String>,
    }
    let bytes = root.read(&format!("{path}/package.json")).ok()?;
    let described: Described = serde_json::from_slice(&bytes).unwrap_or_default();
    Some(Software {
        name: name.to_owned(),
        version: described.version,
        source: Some("npm".to_owned()),
        path: Some(path.to_owned()),
        ..Software::default()
    })
}
