//! Services.

use daicho_proto::facts::{Look, Service};

use super::Machine;

/// Looks at the machine.
pub(super) fn look(_: &Machine) -> Look<Vec<Service>> {
    Look::Unsupported
}
