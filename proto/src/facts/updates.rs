//! Updates that wait to be installed (regulation, Article 9), as the machine's own package lists tell.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Package;
use crate::wire;

/// The pending updates, and how old the lists are that told of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Updates {
    /// When the package lists were last fetched; an old list hides new updates.
    pub as_of: Option<Timestamp>,
    /// What waits.
    pub pending: Vec<Update>,
    /// Installed packages that no list offers in this version or a newer one: whether an update waits for them cannot be
    /// seen. They came from a file, or from a repository that is no longer configured or no longer holds them.
    pub unlisted: Vec<Package>,
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
    /// The package's architecture: of two under one name, each may wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Whether somebody told the package manager not to install it: a hold, a lock, a pin, an exclusion.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// The share of machines, in percent, that Ubuntu offers it to so far (`Phased-Update-Percentage`): below 100 this
    /// machine may have to wait for its turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phased_percent: Option<u32>,
}

// === the wire ===

impl From<wire::Update> for Update {
    fn from(wire: wire::Update) -> Self {
        Update {
            manager: wire.manager,
            name: wire.name,
            installed_version: wire.installed_version,
            available_version: wire.available_version,
            security: wire.security,
            origin: wire.origin,
            architecture: wire.architecture,
            held: wire.held,
            phased_percent: wire.phased_percent,
        }
    }
}

impl From<Update> for wire::Update {
    fn from(update: Update) -> Self {
        wire::Update {
            manager: update.manager,
            name: update.name,
            installed_version: update.installed_version,
            available_version: update.available_version,
            security: update.security,
            origin: update.origin,
            architecture: update.architecture,
            held: update.held,
            phased_percent: update.phased_percent,
        }
    }
}
