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
}

// === the wire ===

impl From<wire::Software> for Software {
    fn from(wire: wire::Software) -> Self {
        let wire::Software { name, version, publisher, installed_on } = wire;
        Software { name, version, publisher, installed_on }
    }
}

impl From<Software> for wire::Software {
    fn from(software: Software) -> Self {
        let Software { name, version, publisher, installed_on } = software;
        wire::Software { name, version, publisher, installed_on }
    }
}
