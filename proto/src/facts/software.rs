//! Programs on the machine (regulation, Article 13).

use serde::{Deserialize, Serialize};

use crate::wire;

/// One program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Software {
    /// The program's name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Who makes it.
    pub publisher: Option<String>,
    /// The day it was installed, `YYYY-MM-DD`.
    pub installed_on: Option<String>,
    /// How it came: `snap`, `flatpak`, `appimage`, `opt`, `local`, `pip`, `npm`; on Windows `setup` (a program's own
    /// installer), `msi`, `appx` (a package of the store, whose publisher is the mark of its signature) or `feature`.
    pub source: Option<String>,
    /// Where it lies.
    pub path: Option<String>,
    /// Whose it is, where it lies in a home.
    pub user: Option<String>,
}

// === the wire ===

impl From<wire::Software> for Software {
    fn from(wire: wire::Software) -> Self {
        let wire::Software { name, version, publisher, installed_on, source, path, user } = wire;
        Software { name, version, publisher, installed_on, source, path, user }
    }
}

impl From<Software> for wire::Software {
    fn from(software: Software) -> Self {
        let Software { name, version, publisher, installed_on, source, path, user } = software;
        wire::Software { name, version, publisher, installed_on, source, path, user }
    }
}
