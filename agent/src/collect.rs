//! One whole look at a machine, as the observation document. Changes nothing.

use daicho_proto::document::Document;
use jiff::Timestamp;

use crate::platform::Platform;
use crate::probes::PROBES;

mod table;

pub use table::table;

/// Looks at everything once.
pub fn collect(platform: &dyn Platform, now: Timestamp) -> Document {
    Document::from_facts(now, PROBES.iter().map(|probe| (probe.look)(platform)))
}
