//! Module streams: which packages belong to which stream (modules.yaml of a repository), and which stream is chosen
//! (/etc/dnf/modules.d). The writer, libmodulemd, writes one plain form of YAML, which is read line by line.

use std::collections::{HashMap, HashSet};

use crate::platform::linux::packages::unreadable;
use crate::platform::linux::root::Root;

const CHOSEN: &str = "/etc/dnf/modules.d";

/// The streams of all repositories, as far as they hold packages that are installed.
#[derive(Debug, Default)]
pub(super) struct Modules {
    /// By `name-epoch:version-release.architecture`: module and stream.
    artifacts: HashMap<String, (String, String)>,
    /// By a package's name: the modules and streams that have it.
    names: HashMap<String, HashSet<(String, String)>>,
    /// What the administrator chose; `None`: the module is switched off.
    chosen: HashMap<String, Option<String>>,
    /// What the repositories propose.
    defaults: HashMap<String, String>,
}

/// The document that is being read.
#[derive(Debug, Default)]
pub(super) struct Document {
    kind: String,
    name: String,
    stream: String,
    /// Within `artifacts:`, and there within `rpms:`.
    artifacts: bool,
    packages: bool,
}

impl Modules {
    pub(super) fn read(root: &Root, problems: &mut Vec<String>) -> Self {
        let mut modules = Modules::default();
        for file in root.list(CHOSEN).unwrap_or_default() {
            let path = format!("{CHOSEN}/{file}");
            match root.read_text(&path) {
                Ok(text) if file.ends_with(".module") => modules.choose(&text),
                Ok(_) => {}
                Err(error) => problems.push(unreadable("the choice of module streams", &path, &error)),
            }
        }
        modules
    }

    /// One `.module` file of dnf.
    fn choose(&mut self, text: &str) {
        let value = |key: &str| {
            let lines = text.lines().filter_map(|line| line.split_once('='));
            lines.map(|(name, value)| (name.trim(), value.trim())).find(|(name, _)| *name == key)
        };
        let name = value("name").map(|(_, name)| name.to_owned()).or_else(|| {
            text.lines().find_map(|line| Some(line.trim().strip_prefix('[')?.strip_suffix(']')?.to_owned()))
        });
        let stream = value("stream").map(|(_, stream)| stream.to_owned()).filter(|stream| !stream.is_empty());
        match (name, value("state").map(|(_, state)| state)) {
            (Some(name), Some("enabled")) => self.chosen.insert(name, stream),
            (Some(name), Some("disabled")) => self.chosen.insert(name, None),
            _ => None,
        };
    }

    /// One line of a modules.yaml. Of its packages, those that `wanted` knows by name are kept.
    pub(super) fn line(&mut self, line: &[u8], document: &mut Document, wanted: impl Fn(&[u8]) -> bool) {
        let Ok(line) = std::str::from_utf8(line) else { return };
        if line.starts_with("---") || line.starts_with("...") {
            *document = Document::default();
            return;
        }
        let indent = line.len() - line.trim_start().len();
        let text = line.trim();
        if document.packages && (text.starts_with("- ") || text.is_empty()) {
            let full = plain(text.trim_start_matches("- "));
            if let Some(name) = name_of(full).filter(|name| wanted(name.as_bytes())) {
                let stream = (document.name.clone(), document.stream.clone());
                self.names.entry(name.to_owned()).or_default().insert(stream.clone());
                self.artifacts.insert(full.to_owned(), stream);
            }
            return;
        }
        let Some((key, value)) = text.split_once(':') else { return };
        let value = plain(value.trim());
        match (indent, key) {
            (0, "document") => value.clone_into(&mut document.kind),
            (0, _) => (document.artifacts, document.packages) = (false, false),
            (2, "name" | "module") => value.clone_into(&mut document.name),
            (2, "stream") => value.clone_into(&mut document.stream),
            (2, _) => (document.artifacts, document.packages) = (key == "artifacts", false),
            (4, _) => document.packages = document.artifacts && key == "rpms",
            _ => {}
        }
        if document.kind == "modulemd-defaults" && !document.name.is_empty() && !document.stream.is_empty() {
            self.defaults.insert(document.name.clone(), document.stream.clone());
        }
    }

    /// The module and stream that a package was built for.
    pub(super) fn stream_of(&self, full: &str) -> Option<(&str, &str)> {
        self.artifacts.get(full).map(|(module, stream)| (module.as_str(), stream.as_str()))
    }

    /// Whether a stream is the one whose packages may be installed.
    pub(super) fn is_active(&self, module: &str, stream: &str) -> bool {
        match self.chosen.get(module) {
            Some(chosen) => chosen.as_deref() == Some(stream),
            None => self.defaults.get(module).is_some_and(|default| default == stream),
        }
    }

    /// Whether an active stream has its own build of a package, so that the usual one does not count.
    pub(super) fn hides(&self, name: &str) -> bool {
        let mut streams = self.names.get(name).into_iter().flatten();
        streams.any(|(module, stream)| self.is_active(module, stream))
    }
}

/// A scalar without its quotes.
fn plain(text: &str) -> &str {
    let bare = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    bare('"').or_else(|| bare('\'')).unwrap_or(text)
}

/// `nodejs` of `nodejs-1:18.19.0-1.module+el9.x86_64`.
fn name_of(full: &str) -> Option<&str> {
    let (rest, _release) = full.rsplit_once('-')?;
    rest.rsplit_once('-').map(|(name, _)| name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "\
---
document: modulemd
version: 2
data:
  name: nodejs
  stream: \"18\"
  version: 9040020240101
  context: rhel9
  artifacts:
    rpms:
    - nodejs-1:18.19.0-1.module+el9.x86_64
    - npm-1:10.2.3-1.18.19.0.1.module+el9.x86_64
...
---
document: modulemd
version: 2
data:
  name: nodejs
  stream: '20'
  profiles:
    common:
      rpms:
      - nodejs
  artifacts:
    rpms:
    - nodejs-1:20.11.0-1.module+el9.x86_64
  buildopts:
    rpms:
      macros: x
...
---
document: modulemd-defaults
version: 1
data:
  module: nodejs
  stream: 18
...
";

    fn modules(chosen: &str) -> Modules {
        let mut modules = Modules::default();
        modules.choose(chosen);
        let mut document = Document::default();
        for line in YAML.lines() {
            modules.line(line.as_bytes(), &mut document, |name| name == b"nodejs");
        }
        modules
    }

    #[test]
    fn the_default_stream_is_active_until_another_is_chosen() {
        let default = modules("");
        assert_eq!(default.stream_of("nodejs-1:20.11.0-1.module+el9.x86_64"), Some(("nodejs", "20")));
        assert!(default.is_active("nodejs", "18") && !default.is_active("nodejs", "20"));
        assert!(default.hides("nodejs") && !default.hides("npm"));
        let chosen = modules("[nodejs]\nname=nodejs\nstream=20\nprofiles=\nstate=enabled\n");
        assert!(chosen.is_active("nodejs", "20") && !chosen.is_active("nodejs", "18"));
        let off = modules("[nodejs]\nname=nodejs\nstream=\nstate=disabled\n");
        assert!(!off.is_active("nodejs", "20") && !off.is_active("nodejs", "18") && !off.hides("nodejs"));
    }

    #[test]
    fn only_what_is_installed_is_kept() {
        assert_eq!(modules("").artifacts.len(), 2);
    }
}
