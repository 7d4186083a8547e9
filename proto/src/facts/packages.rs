//! Packages whose files are on disk, as their package manager records them.

use serde::{Deserialize, Serialize};

use crate::wire;

/// One installed package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Package {
    /// `dpkg`, `rpm`, `apk` or `windows`: whose version order applies.
    pub manager: String,
    /// The package's name.
    pub name: String,
    /// The full version, with epoch where it is not 0.
    pub version: String,
    /// The package's architecture.
    pub architecture: Option<String>,
    /// The source package, when it is named otherwise.
    pub source_name: Option<String>,
    /// The source package's version, when it differs.
    pub source_version: Option<String>,
    /// Whether somebody told the package manager to leave it as it is: dpkg's `hold`, dnf's versionlock, zypper's lock,
    /// a version in apk's world.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// dpkg's word for a package whose files are on disk and that is not wholly installed: `unpacked`, `half-configured`,
    /// `half-installed`, `triggers-awaited`, `triggers-pending`. `None`: it is installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

// === the wire ===

impl From<wire::Package> for Package {
    fn from(wire: wire::Package) -> Self {
        let wire::Package { manager, name, version, architecture, source_name, source_version, held, state } =
            wire;
        Package { manager, name, version, architecture, source_name, source_version, held, state }
    }
}

impl From<Package> for wire::Package {
    fn from(package: Package) -> Self {
        let Package { manager, name, version, architecture, source_name, source_version, held, state } =
            package;
        wire::Package { manager, name, version, architecture, source_name, source_version, held, state }
    }
}
