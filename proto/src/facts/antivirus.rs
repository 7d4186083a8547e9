//! Antivirus products and the age of their patterns (regulation, Article 9).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{time, wire};

/// One product that the agent can read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Antivirus {
    /// The product's name: `ClamAV`, `Microsoft Defender`.
    pub product: String,
    /// Whether it watches now.
    pub running: Option<bool>,
    /// When its newest pattern file was built.
    pub patterns_at: Option<Timestamp>,
    /// That file's version.
    pub patterns_version: Option<String>,
    /// Whether the product itself tells the system that its patterns are new enough: Windows' Security Center asks no
    /// product for their date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patterns_current: Option<bool>,
}

// === the wire ===

impl From<wire::Antivirus> for Antivirus {
    fn from(wire: wire::Antivirus) -> Self {
        Antivirus {
            product: wire.product,
            running: wire.running,
            patterns_at: wire.patterns_at_us.map(time::from_wire),
            patterns_version: wire.patterns_version,
            patterns_current: wire.patterns_current,
        }
    }
}

impl From<Antivirus> for wire::Antivirus {
    fn from(antivirus: Antivirus) -> Self {
        wire::Antivirus {
            product: antivirus.product,
            running: antivirus.running,
            patterns_at_us: antivirus.patterns_at.map(time::to_wire),
            patterns_version: antivirus.patterns_version,
            patterns_current: antivirus.patterns_current,
        }
    }
}
