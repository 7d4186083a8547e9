//! Antivirus products.

use daicho_proto::facts::{Antivirus, Look};

use super::Machine;

/// Looks at the machine.
pub(super) fn look(_: &Machine) -> Look<Vec<Antivirus>> {
    Look::Unsupported
}
