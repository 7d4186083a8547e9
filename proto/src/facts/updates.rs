//! Updates that wait to be installed (regulation, Article 9), as the machine's own package lists tell.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::wire;

/// The pending updates, and how old the lists are that told of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Updates {
    /// When the package lists were last fetched; an old list hides new updates.
    pub as_of: Option<Timestamp>,
    /// What waits.
    pub pending: Vec<Update>,
}

/// One pending update.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    /// `dpkg`, `rpm`, `apk` or `windows`.
    pub manager: String,
    /// The package or KB.
    pub name: String,
    /// What is installed now.
    pub installed_version: Option<String>,
    /// What is offered.
    pub available_version: Option<String>,
    /// Whether it mends a vulnerability; `None` where the lists do not say.
    pub security: Option<bool>,
    /// The archive that offers it: `Debian-Security:12/oldstable-security`.
    pub origin: Option<String>,
}

// === the wire ===

impl From<wire::Update> for Update {
    fn from(wire: wire::Update) -> Self {
        let wire::Update { manager, name, installed_version, available_version, security, origin } = wire;
        Update { manager, name, installed_version, available_version, security, origin }
    }
}

impl From<Update> for wire::Update {
    fn from(update: Update) -> Self {
        let Update { manager, name, installed_version, available_version, security, origin } = update;
        wire::Update { manager, name, installed_version, available_version, security, origin }
    }
}
